"""Where transport maps tear."""
