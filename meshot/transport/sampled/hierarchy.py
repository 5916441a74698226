"""A hierarchy of balanced clusters, by recursive 2-means with equal masses.

For two clusters of given means and masses the sum of squares is least if they are separated by a plane orthogonal to
the line between the means. So a cluster is sorted along a direction, cut at the median of the mass, and the direction
replaced by the one between the two halves' means; a few rounds suffice. The first direction is the principal one. All
clusters of a depth are cut at once. Each is a range of consecutive sites, and so are its two halves.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import run_in_chunks
from meshot.transport.sampled.estimates import CellMoments, Neighbors
from meshot.transport.sampled.facets import LaplacianSolver

# Each level has at most this share of the next finer one's clusters; a level with so few has no coarser one.
COARSENING, MAX_COARSEST = 1 / 6, 256
# Power iterations for the principal direction, and rounds of 2-means.
POWER_STEPS, CUT_ROUNDS = 6, 2


@dataclass(frozen=True, eq=False)
class Clusters:
    """Sites in the order of their clusters, and where these begin.

    Attributes
    ----------
    order : (n,) int
        The sites, so that each cluster is a range.
    levels : tuple of (k + 1,) int
        Where the clusters of a level begin in `order`, and n at the end; the coarsest level first, the last one with
        one site in each.
    """

    order: Ints
    levels: tuple[Ints, ...]


def cluster_sites(sites: Floats, masses: Floats) -> Clusters:
    """Order sites by balanced clusters.

    Parameters
    ----------
    sites, masses : (n, d) float, (n,) float

    Returns
    -------
    Clusters

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
    while most > MAX_COARSEST:
        most = max(len(each) - 1 for each in depths if len(each) - 1 <= most * COARSENING)
        levels.append(next(each for each in depths if len(each) - 1 == most))
    return Clusters(order, tuple(levels[::-1]))


def _cut(sites: Floats, masses: Floats, order: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """Cut each range of two or more sites in two."""
    sizes = np.diff(starts)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    y, mass = sites[order], masses[order]
    offset = y - range_means(y, mass, starts)[owner]
    axis = _principal(offset, mass, starts, owner)
    cuts = starts[:-1]
    for _ in range(CUT_ROUNDS):
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
    """Return where to cut each range for most equal masses, with sites on both sides; for one site, its start."""
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
    """Return the principal direction of each range, (k, d), by power iterations from a fixed start."""
    d = offset.shape[1]
    axis = np.broadcast_to(np.random.default_rng(0).normal(size=d), (len(starts) - 1, d))
    for _ in range(POWER_STEPS if d > 1 else 1):
        along = mass * (offset * axis[owner]).sum(axis=1)
        axis = np.add.reduceat(offset * along[:, None], starts[:-1])
        largest = np.abs(axis).max(axis=1, keepdims=True)
        axis = axis / np.where(largest > 0, largest, 1.0)
    return np.asarray(axis)


# Share of the mean variance that is added in every direction.
RIDGE = 0.05


def prolong_heights(
    sites: Floats,
    shares: Floats,
    starts: Ints,
    heights: Floats,
    cells: CellMoments,
    border: Neighbors | None = None,
) -> Floats:
    """Return heights of sites from those of their clusters (prolongation).

    The potential in a cluster's cell is a quadratic whose gradient sends the cell's Gaussian to that of the members.

    Parameters
    ----------
    sites, shares : (n, d) float, (n,) float
    starts : (k + 1,) int
        Where each cluster begins, and n.
    heights : (k,) float
    cells : CellMoments
        Of the clusters' cells; the members of a cluster with an empty cell get its height.
    border : Neighbors, optional
        Samples near the borders of the clusters' cells, with their positions.

    Returns
    -------
    (n,) float

    Examples
    --------
    >>> cells = CellMoments(np.zeros((1, 1)), np.ones((1, 1, 1)) / 3)
    >>> prolong_heights(np.array([[-1.0], [1.0]]), np.ones(2) / 2, np.array([0, 2]), np.zeros(1), cells).round(3)
    array([-0.25, -0.25])
    """
    sizes = np.diff(starts)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    means = range_means(sites, shares, starts)
    offset = sites - means[owner]
    centroids = np.nan_to_num(cells.centroids)
    linear = (centroids[owner] * offset).sum(axis=1)
    stretch, inverse = _stretches(offset, shares, starts, cells)
    quadratic = _form(stretch[owner], offset) / 2
    result = heights[owner] - linear - quadratic
    if border is None or len(sizes) == 1:
        return result
    return result + _offsets(border, centroids, inverse)[owner]


def _stretches(offset: Floats, shares: Floats, starts: Ints, cells: CellMoments) -> tuple[Floats, Floats]:
    """Return A and its inverse of each cluster, (k, d, d); multiples of the identity, (k,), in many dimensions."""
    d, sizes = offset.shape[1], np.diff(starts)
    # the centroids of k parts of a cell vary less than its points
    between = np.where(sizes > 1, 1 - sizes ** (-2 / d), 1.0)
    if cells.covariances.ndim == 1:
        spread = range_means((offset**2).sum(axis=1)[:, None], shares, starts)[:, 0]
        good = (spread > 0) & (cells.covariances > 0)
        ratio = np.sqrt(np.where(good, cells.covariances * between, 1.0) / np.where(good, spread, 1.0))
        return np.where(good, ratio, 0.0), np.where(good, 1 / ratio, 0.0)
    products = (offset[:, :, None] * offset[:, None, :]).reshape(-1, d * d)
    spread = range_means(products, shares, starts).reshape(-1, d, d)
    source = np.nan_to_num(cells.covariances) * between[:, None, None]
    spread, source = _with_ridge(spread), _with_ridge(source)
    good = (np.trace(spread, axis1=1, axis2=2) > 0) & (np.trace(source, axis1=1, axis2=2) > 0)
    spread[~good] = source[~good] = np.eye(d)
    root = _power(source, 0.5)
    stretch = root @ _power(root @ spread @ root, -0.5) @ root
    inverse = np.asarray(np.linalg.inv(stretch), dtype=np.float64)
    stretch[~good] = inverse[~good] = 0.0
    return stretch, inverse


def _with_ridge(matrices: Floats) -> Floats:
    trace = np.trace(matrices, axis1=1, axis2=2)
    return np.asarray(matrices + (RIDGE / matrices.shape[1] * trace)[:, None, None] * np.eye(matrices.shape[1]))


def _power(matrices: Floats, exponent: float) -> Floats:
    """Return a power of symmetric positive matrices, (k, d, d)."""
    values, vectors = np.linalg.eigh(matrices)
    least = 1e-12 * values[:, -1:]
    return np.asarray((vectors * np.maximum(values, least)[:, None, :] ** exponent) @ vectors.swapaxes(1, 2))


def _form(matrices: Floats, vectors: Floats) -> Floats:
    """Return x^T M x for each row."""
    if matrices.ndim == 1:
        return np.asarray(matrices * (vectors**2).sum(axis=1))
    return np.einsum("na,nab,nb->n", vectors, matrices, vectors)


def _offsets(border: Neighbors, centroids: Floats, inverse: Floats) -> Floats:
    """Return constants to add to the clusters' potentials, so that these agree best where the cells meet."""
    k = len(centroids)
    assert border.places is not None
    near = border.gaps[:, 0] < np.median(border.gaps[:, 0]) / 2
    (i, j), x = border.sites[near, :2].T, border.places[near]
    here, there = (_form(inverse[c], x - centroids[c]) / 2 for c in (i, j))
    step = here - there
    one = np.ones(len(i))
    pairs = csr_array(coo_array((one, (i, j)), shape=(k, k)).tocsr())
    weights = pairs + pairs.T
    laplacian = csr_array(diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights)
    missing = np.bincount(j, step, k) - np.bincount(i, step, k)
    return LaplacianSolver(laplacian)(missing.astype(np.float64))


# Nearest points for each term of the quadratic, and the Gaussian's width in median distances of these.
POINTS_PER_TERM, WIDTH = 2, 0.6
# Share of the trace added to the diagonal of the normal equations, for points that are few or on a line.
RIDGE = 1e-10
# Places that one task fits.
CHUNK = 2048


def moving_least_squares(places: Floats, points: Floats, values: Floats, gradients: Floats) -> Floats:
    """Return the fitted function at places (m, d), (m,).

    Parameters
    ----------
    places : (m, d) float
    points, values, gradients : (n, d) float, (n,) float, (n, d) float
        The data; points may coincide.

    Examples
    --------
    >>> points = np.arange(6.0)[:, None]
    >>> moving_least_squares(np.array([[1.5], [7.0]]), points, points[:, 0] ** 2, 2 * points).round(4)
    array([ 2.25, 49.  ])
    """
    d, tree = places.shape[1], cKDTree(points)
    count = min(POINTS_PER_TERM * (d + 1) * (d + 2) // 2, len(points))

    def work(start: int, stop: int) -> Floats:
        here = places[start:stop]
        found = tree.query(here, count)
        distance, near = (np.reshape(part, (len(here), count)) for part in found)
        scale = np.median(distance, axis=1)
        scale = np.where(scale > 0, scale, 1.0)[:, None]
        weight = np.exp(-((distance / (WIDTH * scale)) ** 2))
        # residuals of the data from the linear function at the nearest point
        slope, offset = gradients[near[:, 0]], points[near] - here[:, None]
        bend = (gradients[near] - slope[:, None]) * scale[:, :, None]
        along = (offset @ slope[:, :, None])[:, :, 0]
        base = values[near[:, 0]] - along[:, 0]
        targets = [values[near] - along - base[:, None], *np.moveaxis(bend, 2, 0)]
        return np.asarray(base + _constant_terms(_basis(offset / scale[:, :, None]), targets, weight))

    return np.concatenate([np.empty(0), *run_in_chunks(work, len(places), CHUNK)])


def _basis(x: Floats) -> list[Floats]:
    """Return 1, the coordinates and their products at x (m, k, d), and the derivatives of these along each axis."""
    first, second = np.triu_indices(x.shape[2])
    one, zero = np.ones((*x.shape[:2], 1)), np.zeros((*x.shape[:2], 1))
    rows = [np.concatenate([one, x, x[:, :, first] * x[:, :, second]], axis=2)]
    for axis in np.eye(x.shape[2]):
        products = axis[first] * x[:, :, second] + axis[second] * x[:, :, first]
        rows.append(np.concatenate([zero, np.broadcast_to(axis, x.shape), products], axis=2))
    return rows


def _constant_terms(rows: list[Floats], targets: list[Floats], weight: Floats) -> Floats:
    """Return the constant term, (m,), of the weighted least squares solution of all ``rows @ terms = targets``."""
    terms = rows[0].shape[2]
    normal, right = np.zeros((len(weight), terms, terms)), np.zeros((len(weight), terms, 1))
    for row, target in zip(rows, targets, strict=True):
        weighted = (weight[:, :, None] * row).swapaxes(1, 2)
        normal += weighted @ row
        right += weighted @ target[:, :, None]
    normal += RIDGE * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(terms)
    return np.asarray(np.linalg.solve(normal, right)[:, 0, 0])
