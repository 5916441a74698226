"""Search for the sites of largest score of a sample, the first of which is its cell."""
