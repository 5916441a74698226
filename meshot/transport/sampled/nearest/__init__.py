"""The site whose cell holds a sample."""
