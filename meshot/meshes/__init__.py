"""Triangle meshes: what they are made of, and whether they can be mapped."""
