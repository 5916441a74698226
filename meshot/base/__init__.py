"""Foundations: arrays, errors, files, kernels, memory, progress, settings."""
