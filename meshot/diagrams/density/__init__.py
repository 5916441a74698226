"""Densities, integrated exactly over power cells of the plane."""
