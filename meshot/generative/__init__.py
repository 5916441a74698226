"""Generative models on semi-discrete transport: maps extended to new samples, and auto-encoders with such maps."""
