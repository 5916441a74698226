"""Many meshes in one run."""
