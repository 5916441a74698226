"""Transport by sampling, in any dimension, on torch."""
