"""Meshes of triangles and tetrahedra: data structures, topology, checks, point location, tetrahedralization."""
