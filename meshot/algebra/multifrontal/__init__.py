"""Cholesky factors of matrices of equal blocks on meshes, by the multifrontal method."""
