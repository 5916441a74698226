"""Semi-discrete optimal transport: damped Newton on the heights of the Brenier potential."""
