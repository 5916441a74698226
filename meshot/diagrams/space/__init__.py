"""Power diagrams of space."""
