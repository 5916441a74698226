"""Pages, pictures and viewers."""
