"""Sheets, branch set and free border of a set of facets.

Facets meet in ridges: end points in the plane, edges in space. Where two facets meet, a sheet continues; where three or
more do, sheets branch; a ridge of one facet is the end of a sheet, on the domain's boundary or inside (a free border).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from meshot.base.arrays import Ints


class Ridges(NamedTuple):
    """Where facets meet.

    Attributes
    ----------
    nodes : (r, k) int
        The corner, k = 1, or the ends of the edge, k = 2, of each ridge.
    facet, ridge : (q,) int
        A facet, and a ridge that it has, for each pair of the two.
    """

    nodes: Ints
    facet: Ints
    ridge: Ints

    @property
    def degree(self) -> Ints:
        """Number of facets at each ridge, (r,)."""
        return np.bincount(self.ridge, minlength=len(self.nodes))


def find_ridges(corners: Ints, dimension: int) -> Ridges:
    """Return the ridges of facets given by their corners (m, k), -1 after the last.

    Edges between merged corners, of length zero, do not count.

    Examples
    --------
    >>> ridges = find_ridges(np.array([[0, 1], [1, 2], [1, 3]]), 2)
    >>> ridges.nodes[ridges.degree == 3].tolist()
    [[1]]
    """
    if dimension == 2:
        nodes, facet = corners.reshape(-1, 1), np.repeat(np.arange(len(corners)), 2)
        real = np.repeat(corners[:, 0] != corners[:, 1], 2)
    else:
        after = np.roll(corners, -1, axis=1)
        after = np.where(after < 0, corners[:, :1], after)
        nodes = np.sort(np.stack([corners, after], axis=-1).reshape(-1, 2), axis=1)
        facet = np.repeat(np.arange(len(corners)), corners.shape[1])
        real = (corners.reshape(-1) >= 0) & (nodes[:, 0] != nodes[:, 1])
    if not real.any():
        return Ridges(nodes[:0], facet[:0], facet[:0])
    unique, ridge = np.unique(nodes[real], axis=0, return_inverse=True)
    return Ridges(unique, facet[real], ridge.reshape(-1))


def connected(ridges: Ridges, count: int, through: NDArray[np.bool_] | None = None) -> Ints:
    """Return the connected component of each of `count` facets, through ridges of which `through` (r,) may choose."""
    kept = slice(None) if through is None else through[ridges.ridge]
    facet, ridge = ridges.facet[kept], ridges.ridge[kept]
    size = count + len(ridges.nodes)
    links = coo_array((np.ones(len(facet)), (facet, count + ridge)), shape=(size, size))
    labels = connected_components(links, directed=False)[1][:count]
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def is_noise(ridges: Ridges, sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which facets are noise of a criterion: those that touch no other, or are connected with no `sure` one.

    Parameters
    ----------
    ridges : Ridges
    sure : (m,) bool
        Of each facet.

    Examples
    --------
    >>> ridges = find_ridges(np.array([[0, 1], [1, 2], [3, 4], [5, 6], [6, 7]]), 2)
    >>> is_noise(ridges, np.array([True, False, True, False, False])).tolist()
    [False, False, True, True, True]
    """
    labels = connected(ridges, len(sure))
    size, vouched = np.bincount(labels), np.bincount(labels, sure)
    return np.asarray((size < 2) | (vouched == 0))[labels]


def largest_first(labels: Ints, measures: np.ndarray) -> Ints:
    """Renumber sheets by size: 0 is the one with the largest sum of `measures`.

    Examples
    --------
    >>> largest_first(np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0]))
    array([1, 0, 0])
    """
    rank = np.empty(int(labels.max(initial=-1)) + 1, dtype=np.int64)
    rank[np.argsort(-np.bincount(labels, measures, minlength=len(rank)), kind="stable")] = np.arange(len(rank))
    return rank[labels]
