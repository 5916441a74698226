"""Whether a mesh can be mapped, and every cause if not."""
