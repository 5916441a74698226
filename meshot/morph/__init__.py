"""From the ball to a shape: optimal transport to the vertices of a solid, or to points."""
