"""Exact power diagrams of plane, space, sphere and surfaces, and densities integrated over their cells."""
