"""Facets and outlines of cells as compressed rows, and the graph Laplacians of conductances: Hessians of transports."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from meshot.base.arrays import Floats, Ints, cross2
from meshot.base.kernels import kernel, run_in_chunks


class CellEdges(NamedTuple):
    """The edges of all cells, cell after cell in Hilbert order of their sites, except those on a circle or sphere.

    In space they are facets, and their lengths areas.

    Attributes
    ----------
    order : (n,) int
        The sites in Hilbert order.
    starts : (n + 1,) int
        The edges of the site ``order[k]`` stand from ``starts[k]`` to ``starts[k + 1]``.
    beyond : (e,) int
        Place in `order` of the site on the other side, or -1 - k for the domain's side k.
    lengths : (e,) float
        Length in the domain, 0 if the edge is outside or shrunk to a point.
    ends : (e, 4) float or None
        Both end points, relative to the domain's center, the cell on the left; None if they were not asked for.
    integrals : (e,) float or None
        Integral of the source's density along it; None if there is no density.
    """

    order: Ints
    starts: Ints
    beyond: NDArray[np.signedinteger]
    lengths: Floats
    ends: Floats | None = None
    integrals: Floats | None = None

    @property
    def masses(self) -> Floats:
        """Integral of the density along each edge, (e,); its length if there is no density."""
        return self.lengths if self.integrals is None else self.integrals

    @property
    def neighbors(self) -> tuple[Ints, Ints]:
        """Neighbors of each site, (n + 1,) starts and (e,) places in `order`."""
        inner = self.beyond >= 0
        count = np.concatenate([[0], np.cumsum(inner)])
        return count[self.starts], self.beyond[inner]

    @property
    def owner(self) -> Ints:
        """Site to whose cell each edge belongs, (e,)."""
        return np.repeat(self.order, np.diff(self.starts))

    @property
    def other(self) -> Ints:
        """Site on the other side of each edge, (e,), -1 for the domain's boundary."""
        return np.where(self.beyond >= 0, self.order[np.maximum(self.beyond, 0)], -1)

    def laplacian(self, sites: Floats, masses: Floats, scale: float, rows: int) -> csr_array:
        """Return the first `rows` rows and columns of the Laplacian of the sites in Hilbert order, diagonal first.

        The conductance of an edge is ``scale * mass / |y_i - y_j|``.
        """
        kept = np.concatenate([[0], np.cumsum((self.beyond >= 0) & (self.beyond < rows) & (masses > 0))])
        indptr = (kept[self.starts[: rows + 1]] + np.arange(rows + 1)).astype(np.int32)
        indices, data = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
        ordered = np.take(sites, self.order, axis=0)
        run_in_chunks(
            lambda first, last: _fill_laplacian(
                first, last, scale, ordered, self.starts, self.beyond, masses, indptr, indices, data
            ),
            rows,
            max(8192, rows // 32),
        )
        return csr_array((data, indices, indptr), shape=(rows, rows))


class CellPolygons(NamedTuple):
    """Outlines of cells, one after another.

    Attributes
    ----------
    starts : (n + 1,) int
        Polygon i has the corners ``points[starts[i]:starts[i + 1]]``; none if the cell is empty.
    points : (p, 2) float
        Corners, counter-clockwise.
    """

    starts: Ints
    points: Floats

    @property
    def owner(self) -> Ints:
        """The polygon of each corner, (p,)."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @property
    def areas(self) -> Floats:
        """Area of each polygon, (n,)."""
        after = np.arange(1, len(self.points) + 1)
        full = np.diff(self.starts) > 0
        after[self.starts[1:][full] - 1] = self.starts[:-1][full]
        origin = self.points[np.repeat(self.starts[:-1], np.diff(self.starts))]
        p, q = self.points - origin, self.points[after] - origin
        return np.asarray(np.bincount(self.owner, cross2(p, q) / 2, minlength=len(self.starts) - 1))


class CellFaces(NamedTuple):
    """The faces of cells, cell after cell; each cell has its own corners.

    Attributes
    ----------
    points : (p, 3) float
        Corners of the cells.
    cells : (n + 1,) int
        Cell i has the corners ``points[cells[i]:cells[i + 1]]``; none if it is empty.
    owner, other : (f,) int
        The cell of each face and the one beyond, or -1 for the domain's boundary.
    starts : (f + 1,) int
        Face k has the corners ``corners[starts[k]:starts[k + 1]]``.
    corners : (c,) int
        Rows of `points`, counter-clockwise as seen from outside the cell.
    """

    points: Floats
    cells: Ints
    owner: Ints
    other: Ints
    starts: Ints
    corners: Ints


@kernel
def _fill_laplacian(first, last, scale, sites, starts, beyond, masses, indptr, indices, data):
    """Fill the rows from `first` to `last`; what leads to rows that are left out counts on the diagonal alone."""
    rows = len(indptr) - 1
    for i in range(first, last):
        m, diagonal = indptr[i], 0.0
        for e in range(starts[i], starts[i + 1]):
            j = beyond[e]
            if j < 0 or not masses[e] > 0.0:
                continue
            square = 0.0
            for k in range(sites.shape[1]):
                square += (sites[j, k] - sites[i, k]) ** 2
            weight = scale * masses[e] / np.sqrt(square)
            diagonal += weight
            if j < rows:
                m += 1
                indices[m], data[m] = j, -weight
        indices[indptr[i]], data[indptr[i]] = i, diagonal


def facet_laplacian(order: Ints, facets: Ints, conductances: Floats, rows: int) -> csr_array:
    """Return the first `rows` rows and columns of the Laplacian of sites in `order`, from pairs of sites.

    Examples
    --------
    >>> facet_laplacian(np.array([1, 0]), np.array([[0, 1]]), np.array([2.0]), 2).toarray()
    array([[ 2., -2.],
           [-2.,  2.]])
    """
    n = len(order)
    i, j = inverse(order)[facets].T
    diagonal = np.bincount(i, conductances, minlength=n) + np.bincount(j, conductances, minlength=n)
    across = coo_array((-conductances, (i, j)), shape=(n, n)).tocsr()
    return csr_array(across + across.T + diags_array(diagonal))[:rows, :rows]


def inverse(order: Ints) -> Ints:
    """Return the inverse of a permutation, (n,)."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place


def renumbered(rows: Floats, order: Ints) -> Floats:
    """Return rows, of arcs or patches, whose first column, a place in `order`, is made the site there."""
    moved = rows.copy()
    moved[:, 0] = order[rows[:, 0].astype(np.int64)]
    return moved
