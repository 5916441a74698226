"""Where a transport map tears: its singular set, found, measured and written."""
