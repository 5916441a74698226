"""What everything stands on: arrays, errors, files, kernels, memory, progress, settings."""
