"""Points spread evenly over a surface."""
