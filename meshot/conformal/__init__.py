"""Conformal maps of surfaces to disk and sphere, without folds."""
