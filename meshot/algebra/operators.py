"""Discrete operators from edge lengths alone, for extrinsic and intrinsic triangulations.

Halfedge ``3 f + k`` runs from corner k of face f to corner k + 1; ``lengths[f, k]`` is its length.
"""

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from meshot.base.arrays import Floats, Ints, norms
from meshot.meshes.surface import Surface

# A scipy.sparse array; its own types are too narrow for arithmetic.
Sparse: TypeAlias = Any

# Least weight of an edge; smaller ones are rounding errors at four points on a circle.
LEAST_WEIGHT = 1e-12
# Least area in a denominator, which keeps cotangents of flat corners finite.
MIN_AREA = 1e-30


def edge_lengths(surface: Surface) -> Floats:
    """Return the length of each halfedge, (F, 3); the two halves of an edge are equal bit for bit.

    Examples
    --------
    >>> edge_lengths(Surface([[0, 0, 0], [3, 0, 0], [0, 4, 0]], [[0, 1, 2]]))
    array([[3., 5., 4.]])
    """
    corners = surface.corners
    return norms(np.roll(corners, -1, axis=1) - corners)


def areas_from_lengths(lengths: Floats) -> Floats:
    """Return the area of each triangle, (F,), by Kahan's form of Heron's formula, which is accurate for needles.

    Examples
    --------
    >>> areas_from_lengths(np.array([[3.0, 5.0, 4.0]]))
    array([6.])
    """
    c, b, a = np.sort(lengths, axis=1).T
    product = (a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))
    return np.asarray(0.25 * np.sqrt(np.maximum(product, 0.0)))


def cotangents(lengths: Floats) -> Floats:
    """Return the cotangent of the angle opposite each halfedge, (F, 3).

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
    """Return half the cotangent opposite each halfedge, (F, 3); an edge's weight is the sum over its two halves."""
    return 0.5 * cotangents(lengths)


def laplacian(faces: Ints, weights: Floats, vertex_count: int) -> Sparse:
    """Return the symmetric (V, V) matrix of ``sum over halfedges w (u_i - u_j)^2 / 2``.

    Parameters
    ----------
    faces : (F, 3) int
    weights : (F, 3) float
        Weight of each halfedge.
    vertex_count : int

    Returns
    -------
    (V, V) sparse
    """
    tail, head = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    shape = (vertex_count, vertex_count)
    halves: Sparse = sparse.csr_array((weights.ravel(), (tail, head)), shape=shape)
    both = halves + halves.T
    return sparse.csr_array(sparse.diags_array(np.asarray(both.sum(axis=1)).ravel()) - both)


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


def mean_value_weights(faces: Ints, lengths: Floats, vertex_count: int) -> Sparse:
    """Return positive weights, (V, V), that are not symmetric: row i averages the neighbors of vertex i.

    Floater (2003), "Mean value coordinates". In the plane the weighted average of a vertex's neighbors is the vertex.

    Examples
    --------
    >>> side, spoke = np.sqrt(2.0), 1.0
    >>> wheel = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    >>> W = mean_value_weights(wheel, np.tile([side, spoke, spoke], (4, 1)), 5)
    >>> W.toarray()[4].round(12)
    array([2., 2., 2., 2., 0.])
    """
    # Corner k lies between halfedges k and k + 2; the tangent of half its angle, from the sides alone.
    a, c, b = (np.roll(lengths, -k, axis=1) for k in range(3))
    below = ((a + b) - c) * ((a + b) + c)
    tangent = np.sqrt(np.maximum((c - (a - b)) * (c + (a - b)), 0.0) / np.maximum(below, MIN_AREA * (a * b)))
    rows = np.concatenate([faces.ravel(), faces.ravel()])
    columns = np.concatenate([np.roll(faces, -1, axis=1).ravel(), np.roll(faces, 1, axis=1).ravel()])
    values = np.concatenate([(tangent / a).ravel(), (tangent / b).ravel()])
    across = rows != columns
    entries = (values[across], (rows[across], columns[across]))
    return sparse.coo_array(entries, shape=(vertex_count, vertex_count)).tocsr()
