"""Segments that leave the support of a target, which is estimated as a union of balls about its sites."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints, norms

# Distance between test points of a segment, in local spacings, and test points that are searched at once.
STEP, BATCH = 0.25, 1 << 18
# Nearest sites whose balls are tested: where the spacing varies, the nearest may have a smaller ball than another.
NEAREST_BALLS = 12

Inside = Callable[[Floats], NDArray[np.bool_]]


def leaves_support(
    sites: Floats, spacing: Floats, pairs: Ints, radius: float, inside: Inside | None = None
) -> NDArray[np.bool_]:
    """Return which segments between sites leave the union of balls about all sites.

    Parameters
    ----------
    sites : (n, d) float
    spacing : (n,) float
        Local spacing of each site.
    pairs : (m, 2) int
        The sites at the ends of each segment.
    radius : float
        Of the balls, in local spacings.
    inside : callable, optional
        Whether points (p, d) lie in the target: these do not count as outside, however sparse the sites are.

    Returns
    -------
    (m,) bool

    Examples
    --------
    >>> sites = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    >>> leaves_support(sites, np.ones(3), np.array([[0, 1], [1, 2]]), 1.5)
    array([False,  True])
    """
    leaves = np.zeros(len(pairs), dtype=bool)
    length = norms(sites[pairs[:, 0]] - sites[pairs[:, 1]])
    # shorter ones are covered by the balls at their ends
    open_ones = np.flatnonzero(length > radius * spacing[pairs].sum(axis=1))
    if not len(open_ones):
        return leaves
    tree = cKDTree(sites)
    count = np.ceil(length[open_ones] / (STEP * spacing[pairs[open_ones]].min(axis=1))).astype(np.int64) + 1
    ends = np.cumsum(count)
    first = 0
    while first < len(open_ones):
        last = max(int(np.searchsorted(ends, (ends[first] - count[first]) + BATCH, side="right")), first + 1)
        part, steps = open_ones[first:last], count[first:last]
        owner = np.repeat(np.arange(len(part)), steps)
        place = (np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps)) / (steps[owner] - 1)
        start, stop = sites[pairs[part[owner], 0]], sites[pairs[part[owner], 1]]
        points = (1 - place)[:, None] * start + place[:, None] * stop
        distance, near = tree.query(points, k=min(NEAREST_BALLS, len(sites)))
        outside = np.flatnonzero((distance > radius * spacing[near]).all(axis=1))
        if inside is not None:
            outside = outside[~inside(points[outside])]
        leaves[part[owner[outside]]] = True
        first = last
    return leaves
