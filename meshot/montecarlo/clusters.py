"""A hierarchy of balanced clusters: k-means with two means and equal masses, again and again.

Of two clusters with given means and given masses the sum of squares is least when they are cut apart across the line
between the means. So a cluster is sorted along a direction, cut at the median of the mass, and the direction replaced
by that between the two halves' means; this ends after a few rounds. The first direction is the principal one. All
clusters of a depth are cut at once. Each is then a range of consecutive sites, and its two halves are ranges again.
"""

from dataclasses import dataclass

import numpy as np

from meshot.meshes.mesh import Floats, Ints

# Each level has at most this share of the next finer one's clusters; a problem of so many sites needs no coarser one.
COARSER, COARSEST = 1 / 6, 256
POWER_STEPS, ROUNDS = 6, 2


@dataclass(frozen=True, eq=False)
class Clusters:
    """Sites in the order of their clusters, and where these begin.

    Attributes
    ----------
    order : (n,) int
        The sites, so that each cluster is a range.
    levels : tuple of (k + 1,) int
        Where the clusters of a level begin in `order`, and n at the end; the coarsest level first, the last one has
        each site by itself.
    """

    order: Ints
    levels: tuple[Ints, ...]


def cluster_sites(sites: Floats, masses: Floats) -> Clusters:
    """Order sites (n, d) with masses (n,) by balanced clusters.

    Examples
    --------
    >>> cluster_sites(np.array([[0.0], [5.0], [1.0], [6.0]]), np.ones(4)).order.tolist() in ([0, 2, 1, 3], [1, 3, 0, 2])
    True
    """
    n = len(sites)
    order, starts, depths = np.arange(n), np.array([0, n]), [np.array([0, n])]
    while len(starts) - 1 < n:
        order, starts = _cut(sites, masses, order, starts)
        depths.append(starts)
    levels, most = [depths[-1]], n
    while most > COARSEST:
        most = max(len(each) - 1 for each in depths if len(each) - 1 <= most * COARSER)
        levels.append(next(each for each in depths if len(each) - 1 == most))
    return Clusters(order, tuple(levels[::-1]))


def _cut(sites: Floats, masses: Floats, order: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """Cut each range of at least two sites in two."""
    sizes = np.diff(starts)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    y, mass = sites[order], masses[order]
    offset = y - range_means(y, mass, starts)[owner]
    axis = _principal(offset, mass, starts, owner)
    cuts = starts[:-1]
    for _ in range(ROUNDS):
        along = (offset * axis[owner]).sum(axis=1)
        sorted_places = np.lexsort((along, owner))
        order, offset, mass = order[sorted_places], offset[sorted_places], mass[sorted_places]
        cuts = _medians(mass, starts)
        both = np.unique(np.concatenate([starts, cuts]))
        means = range_means(offset, mass, both)
        left, right = np.searchsorted(both, starts[:-1]), np.searchsorted(both, np.maximum(cuts, starts[:-1]))
        axis = means[right] - means[left]
    return order, np.unique(np.concatenate([starts, cuts]))


def _medians(mass: Floats, starts: Ints) -> Ints:
    """Return for each range the place that halves its mass best, with sites on both sides; of one site, its start."""
    total = np.concatenate([[0.0], np.cumsum(mass)])
    middle = (total[starts[:-1]] + total[starts[1:]]) / 2
    place = np.searchsorted(total, middle)
    place -= middle - total[np.maximum(place - 1, 0)] < total[place] - middle
    place = np.clip(place, starts[:-1] + 1, np.maximum(starts[1:] - 1, starts[:-1] + 1))
    return np.where(np.diff(starts) > 1, place, starts[:-1])


def range_means(values: Floats, mass: Floats, starts: Ints) -> Floats:
    """Return the mean of each range of rows, (k, d), weighted by mass."""
    return np.asarray(
        np.add.reduceat(values * mass[:, None], starts[:-1]) / np.add.reduceat(mass, starts[:-1])[:, None]
    )


def _principal(offset: Floats, mass: Floats, starts: Ints, owner: Ints) -> Floats:
    """Return the direction of the largest spread of each range, (k, d), by a few power steps from a fixed start."""
    d = offset.shape[1]
    axis = np.broadcast_to(np.random.default_rng(0).normal(size=d), (len(starts) - 1, d))
    for _ in range(POWER_STEPS if d > 1 else 1):
        along = mass * (offset * axis[owner]).sum(axis=1)
        axis = np.add.reduceat(offset * along[:, None], starts[:-1])
        largest = np.abs(axis).max(axis=1, keepdims=True)
        axis = axis / np.where(largest > 0, largest, 1.0)
    return np.asarray(axis)
