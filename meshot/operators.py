"""Discrete operators from edge lengths alone, so that they serve extrinsic and intrinsic triangulations alike.

Halfedge ``3 f + k`` runs from corner k of face f to corner k + 1; ``lengths[f, k]`` is its length.
"""

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from meshot.mesh import Floats, Ints, Surface

# A scipy.sparse array; its own types are too narrow for arithmetic.
Sparse: TypeAlias = Any


def edge_lengths(surface: Surface) -> Floats:
    """Length of each halfedge, (F, 3); both halves of an edge get the same bits.

    Examples
    --------
    >>> edge_lengths(Surface([[0, 0, 0], [3, 0, 0], [0, 4, 0]], [[0, 1, 2]]))
    array([[3., 5., 4.]])
    """
    tail, head = surface.halfedges.T
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    return np.asarray(np.linalg.norm(surface.vertices[high] - surface.vertices[low], axis=1)).reshape(-1, 3)


def areas_from_lengths(lengths: Floats) -> Floats:
    """Area of each triangle, (F,), by Kahan's form of Heron's formula, which stays accurate for needles.

    Examples
    --------
    >>> areas_from_lengths(np.array([[3.0, 5.0, 4.0]]))
    array([6.])
    """
    c, b, a = np.sort(lengths, axis=1).T
    product = (a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))
    return np.asarray(0.25 * np.sqrt(np.maximum(product, 0.0)))


def cotangents(lengths: Floats) -> Floats:
    """Cotangent of the angle opposite each halfedge, (F, 3).

    Examples
    --------
    >>> cotangents(np.array([[1.0, np.sqrt(2.0), 1.0]])).round(12) + 0.0
    array([[1., 0., 1.]])
    """
    # a^2 = (b - c)^2 + 2 b c - ...: differences of lengths first, so that needles lose no digits.
    a, b, c = (np.roll(lengths, -k, axis=1) for k in range(3))
    squares = (b - a) * (b + a) + c * c
    return squares / (4.0 * areas_from_lengths(lengths))[:, None]


def edge_weights(lengths: Floats) -> Floats:
    """Half the cotangent opposite each halfedge, (F, 3); an edge's weight is the sum over its two halves."""
    return 0.5 * cotangents(lengths)


def laplacian(faces: Ints, weights: Floats, vertex_count: int) -> Sparse:
    """Return the symmetric (V, V) matrix of ``sum over halfedges w (u_i - u_j)^2 / 2``.

    Parameters
    ----------
    faces : (F, 3) int
    weights : (F, 3) float
        Weight of each halfedge.
    vertex_count : int
    """
    tail = faces.ravel()
    head = np.roll(faces, -1, axis=1).ravel()
    weight = weights.ravel()
    rows, columns = np.concatenate([tail, head, tail, head]), np.concatenate([head, tail, tail, head])
    values = np.concatenate([-weight, -weight, weight, weight])
    return sparse.coo_array((values, (rows, columns)), shape=(vertex_count, vertex_count)).tocsr()


def cotangent_laplacian(faces: Ints, lengths: Floats, vertex_count: int) -> Sparse:
    """Return the positive semidefinite cotangent Laplacian, (V, V); ``u @ L @ u / 2`` is the Dirichlet energy of u.

    Pinkall and Polthier (1993), "Computing discrete minimal surfaces and their conjugates".

    Examples
    --------
    >>> L = cotangent_laplacian(np.array([[0, 1, 2]]), np.array([[1.0, np.sqrt(2.0), 1.0]]), 3)
    >>> L.toarray().round(12) + 0.0
    array([[ 1. , -0.5, -0.5],
           [-0.5,  0.5,  0. ],
           [-0.5,  0. ,  0.5]])
    """
    return laplacian(faces, edge_weights(lengths), vertex_count)


def dirichlet_energy(matrix: Sparse, values: Floats) -> float:
    """Return half the quadratic form of a Laplacian, summed over the columns of `values`, (V,) or (V, k)."""
    return float(0.5 * np.sum(values * (matrix @ values)))
