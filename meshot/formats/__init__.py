"""Files of meshes and tables, read and written."""
