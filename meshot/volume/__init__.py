"""Volume-preserving maps of solids."""
