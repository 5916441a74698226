"""Refinement of transport maps until faces and tetrahedra have their shares."""
