"""Power diagrams of the sphere."""
