"""Power diagrams of triangulated surfaces."""
