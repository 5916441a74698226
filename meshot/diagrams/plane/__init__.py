"""Power diagrams of the plane."""
