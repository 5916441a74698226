"""Discrete operators, and solvers of their symmetric positive definite systems."""
