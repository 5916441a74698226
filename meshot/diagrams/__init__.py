"""Power diagrams of plane and sphere, exact, and the densities integrated over them."""
