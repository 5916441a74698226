"""Many meshes in one run, on Dask."""
