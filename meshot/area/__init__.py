"""Area-preserving maps: transport, then a refinement to exact triangles."""
