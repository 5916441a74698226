"""Pictures, charts and the pages that show them."""
