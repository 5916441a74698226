"""What the interactive viewers show."""
