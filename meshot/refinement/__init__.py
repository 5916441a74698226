"""From the cells of a transport to faces and tetrahedra that keep their shares."""
