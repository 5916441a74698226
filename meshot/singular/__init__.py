"""The singular set of a transport map."""
