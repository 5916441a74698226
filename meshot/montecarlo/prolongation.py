"""From the heights of clusters to those of their members: one start for all, near the solution.

A solved coarse problem tells of each cluster c its cell W_c, with centroid b and covariance S. Inside it the members
y_i of the cluster, with mean z and covariance R, are sent to by the affine map between the two, which is optimal for
ellipsoids and normal densities (Olkin and Pukelsheim 1982): its dual potential is the quadratic

    q_c(y) = -H_c - a_c + <b, y - z> + (y - z)^T A (y - z) / 2,     A = S^(1/2) (S^(1/2) R S^(1/2))^(-1/2) S^(1/2),

and the members' heights are -q_c(y_i). The offsets a_c bring the quadratics of neighboring clusters together where
their cells meet: there the conjugates, <x, z> + H_c + a_c + (x - b)^T A^-1 (x - b) / 2, shall agree in the mean, a
least squares problem on the graph of the clusters. The first start of all is the same with one cluster: all sites, sent
to by all of the source. In few dimensions the other levels start from a fit without seams instead (see `movingfit`).
"""

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array

from meshot.meshes.mesh import Floats, Ints
from meshot.montecarlo.clusters import range_means
from meshot.montecarlo.facets import LaplacianSolver
from meshot.montecarlo.survey import CellMoments, Neighbors

# Share of the mean variance that members have at least in every direction.
RIDGE = 0.05


def prolong(
    sites: Floats,
    shares: Floats,
    starts: Ints,
    heights: Floats,
    cells: CellMoments,
    border: Neighbors | None = None,
) -> Floats:
    """Return heights of sites, (n,), from those of their clusters.

    Parameters
    ----------
    sites, shares : (n, d) float, (n,) float
    starts : (k + 1,) int
        Where each cluster begins, and n.
    heights : (k,) float
    cells : CellMoments
        Of the clusters' cells; a cluster whose cell is empty has its members as deep as itself.
    border : Neighbors, optional
        Samples near the borders of the clusters' cells, with their places.

    Examples
    --------
    >>> cells = CellMoments(np.zeros((1, 1)), np.ones((1, 1, 1)) / 3)
    >>> prolong(np.array([[-1.0], [1.0]]), np.ones(2) / 2, np.array([0, 2]), np.zeros(1), cells).round(3)
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
    found = heights[owner] - linear - quadratic
    if border is None or len(sizes) == 1:
        return found
    return found + _offsets(border, centroids, inverse)[owner]


def _stretches(offset: Floats, shares: Floats, starts: Ints, cells: CellMoments) -> tuple[Floats, Floats]:
    """Return A and its inverse of each cluster, (k, d, d); multiples of the identity, (k,), in many dimensions."""
    d, sizes = offset.shape[1], np.diff(starts)
    # the centroids of k parts of a cell vary less than the cell's points do
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
    """Return what to add to the potential of each cluster, so that they agree best where the cells meet."""
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
