"""Power diagrams of the unit sphere, whose cells are bounded by great circles, and their certificate.

For the cost -log <x, y> of Cui et al. (2019), "Spherical optimal transportation", the cell of site i holds the points
where h_i + log <x, y_i> is largest. The bisectors are great circles, the cells convex spherical polygons: the normal
cones of the corners of the convex hull of the points e^(h_i) y_i (Oliker, "Embedding S^n into R^(n+1) with given
integral Gauss curvature", 2007).

Each cell is computed independently, by cutting a hemisphere with the bisectors of candidates: a cell's neighbors in the
last diagram, and theirs. Cells computed from a subset of their true neighbors contain the true cells, and these tile
the sphere: the cells are exact if and only if their areas sum to 4 pi. If they do not, the candidates are extended by
neighbors of neighbors, and finally taken from the convex hull (Qhull).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array, csr_array
from scipy.spatial import ConvexHull, QhullError, cKDTree

from meshot.base.arrays import Floats, Ints
from meshot.base.directions import octahedral_projection
from meshot.base.errors import GeometryError
from meshot.diagrams.edges import facet_laplacian
from meshot.diagrams.engine import OrderedEngine, in_growing_rooms
from meshot.diagrams.sites import check_sites, check_weights
from meshot.diagrams.sphere.cells import SphereCells, measure_sphere_cells

CERTIFICATE = 1e-12
# Range of heights above which cells are empty in double precision.
SPREAD = 300.0
# Rounds of extending the candidates before the convex hull is computed.
ROUNDS = 6
# Sides for each cell that there is room for in the end, beside those of the cell with the most.
USUAL_SIDES = 8
# Nearest sites that are the candidates of a site that is not a corner of Qhull's hull.
NEAREST = 12


@dataclass(frozen=True, eq=False)
class SphereDiagram:
    """Cells ``W_i = {x : <x, y_i> e^(h_i) >= <x, y_j> e^(h_j) for all j}`` of the unit sphere.

    Attributes
    ----------
    sites : (n, 3) float
        Unit vectors.
    weights : (n,) float
        The heights h.
    masses : (n,) float
        Area of each cell; 0 if it is empty.
    integrals : (n, 3) float
        Integral of the position over each cell.
    facets : (m, 2) int
        Pairs i < j of sites whose cells share an arc.
    conductances : (m,) float
        Derivative of the area of cell i by -h_j, and of j by -h_i.
    certificate : float
        ``|sum of masses - 4 pi| / 4 pi``; the cells are exact if and only if it is 0 up to rounding.
    order : (n,) int
        The sites along a space-filling curve.
    """

    sites: Floats
    weights: Floats
    masses: Floats
    integrals: Floats
    facets: Ints
    conductances: Floats
    certificate: float
    order: Ints

    @property
    def empty(self) -> Ints:
        """Sites without a cell."""
        return np.flatnonzero(~(self.masses > 0))

    @property
    def centroids(self) -> Floats:
        """Centroid of each cell, moved out to the sphere, (n, 3); NaN if it is empty."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.integrals / np.linalg.norm(self.integrals, axis=1, keepdims=True))

    def laplacian(self, scale: float, rows: int) -> tuple[Ints, csr_array]:
        """Return the sites along the curve, and the first `rows` rows and columns of their Hessian, times `scale`.

        Parameters
        ----------
        scale : float
        rows : int

        Returns
        -------
        order : (n,) int
        matrix : (rows, rows) sparse
        """
        return self.order, facet_laplacian(self.order, self.facets, scale * self.conductances, rows)


def check_directions(sites: ArrayLike) -> Floats:
    """Return `sites` as (n, 3) distinct unit vectors, or raise `GeometryError`.

    Examples
    --------
    >>> check_directions([[0, 0, 2]])
    array([[0., 0., 1.]])
    """
    array = check_sites(sites, dimension=3)
    length = np.linalg.norm(array, axis=1)
    bad = np.flatnonzero(length == 0)
    if len(bad):
        raise GeometryError("site at the origin, which is no direction", ids=bad.tolist())
    # Unit vectors keep their digits: sites may be very near to one another.
    rounded = np.abs(length - 1) < 1e-15
    return check_sites(array / np.where(rounded, 1.0, length)[:, None], dimension=3)


def sphere_diagram(sites: ArrayLike, heights: ArrayLike | None = None) -> SphereDiagram:
    """Compute the power diagram of sites on the unit sphere.

    Parameters
    ----------
    sites : (n, 3) float
        Distinct directions, not all in one hemisphere.
    heights : (n,) float, optional
        Heights h; none is the Voronoi diagram.

    Returns
    -------
    SphereDiagram

    Raises
    ------
    GeometryError
        Wrong shapes, numbers that are not finite, sites that coincide, or all in one hemisphere.

    Examples
    --------
    >>> octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    >>> bool(np.allclose(sphere_diagram(octahedron).masses, 4 * np.pi / 6))
    True
    """
    engine = SphereEngine(check_directions(sites))
    return engine.diagram(np.zeros(engine.count) if heights is None else heights)


class SphereEngine(OrderedEngine[SphereDiagram]):
    """Diagrams of the same sites for successive heights.

    It keeps the sites in the order of a space-filling curve, and each diagram's neighbors as candidates for the next.

    Parameters
    ----------
    sites : (n, 3) float
        Unit vectors.
    """

    def __init__(self, sites: Floats) -> None:
        super().__init__(sites, sites, octahedral_projection(sites))
        self._candidates: tuple[Ints, Ints] | None = None

    def diagram_above(self, least: float, weights: ArrayLike, *, facet_ends: bool = False) -> SphereDiagram | None:
        """Compute the diagram for the heights, (n,), or give up, with None, once a cell's area is below `least`.

        Raises
        ------
        GeometryError
            Heights of another shape, not finite, or too far apart; all sites in one hemisphere.
        """
        h = check_weights(weights, self.count)
        if np.ptp(h) > SPREAD:
            if least > 0:
                return None
            raise GeometryError(f"heights must not differ by more than {SPREAD:g}, got {np.ptp(h):g}")
        points = np.exp(h - h.mean())[self.order, None] * self.local
        candidates = hull_neighbors(points) if self._candidates is None else self._candidates
        everyone = np.arange(self.count)
        cells = self._measure(points, everyone, candidates, least)
        for attempt in range(ROUNDS + 1):
            if cells is None or cells.certificate <= CERTIFICATE:
                break
            pairs, which = [_pairs(*candidates), _found(cells)], everyone
            if attempt == ROUNDS:  # the corners of the hull have cells, bounded by its edges, and nobody else has
                triangles = _hull(points)
                pairs.append(_sides(triangles))
                which = np.unique(triangles)
            candidates = _mutual(np.concatenate(pairs), self.count)
            cells = self._measure(points, which, candidates, least)
        if cells is None:
            return None
        if cells.certificate > 0.1 and (cells.links < 0).any():
            raise GeometryError("the sites lie in one hemisphere, or nearly: their cells do not bound one another")
        self._candidates = _mutual(_found(cells), self.count)
        return self._assemble(h, cells)

    def _measure(self, points: Floats, which: Ints, lists: tuple[Ints, Ints], least: float) -> SphereCells | None:
        """Cut and measure the cells of the sites `which`, the others being empty; None if one is too small."""
        if least > 0 and len(which) < self.count:
            return None

        def attempt(first: int, last: int, room: int) -> tuple[int, SphereCells]:
            size = last - first
            edges = min(size * room // 8, USUAL_SIDES * self.count) + room
            links, conductances = np.empty(edges, np.int64), np.empty(edges)
            cells = SphereCells(np.zeros((size, 4)), np.zeros(size, np.int64), links, conductances)
            outcome, total = measure_sphere_cells(first, last, which, room, least, points, lists, cells)
            return outcome, cells._replace(links=links[:total], conductances=conductances[:total])

        chunk = max(2048 if self.count > 2048 else 256, self.count // 32)
        made = in_growing_rooms(attempt, len(which), chunk, 64, 2 * self.count + 8)
        if made is None:
            return None
        some, some_counts, *edges = made
        measures, counts = np.zeros((self.count, 4)), np.zeros(self.count, dtype=np.int64)
        measures[which], counts[which] = some, some_counts
        return SphereCells(measures, counts, *edges)

    def _assemble(self, heights: Floats, cells: SphereCells) -> SphereDiagram:
        """Bring everything back to the caller's order of sites."""
        measures = np.empty((self.count, 4))
        measures[self.order] = cells.measures
        owner = np.repeat(np.arange(self.count), cells.counts)
        inner = cells.links >= 0
        pairs = np.sort(np.column_stack([self.order[owner[inner]], self.order[cells.links[inner]]]), axis=1)
        # Both cells have a view of a facet; where four meet, rounding may let one alone see it.
        both = coo_array((0.5 * cells.conductances[inner], pairs.T), shape=(self.count, self.count)).tocsr().tocoo()
        facets = np.stack([both.row, both.col], axis=1).astype(np.int64)
        return SphereDiagram(
            self.sites, heights, measures[:, 0], measures[:, 1:], facets, both.data, cells.certificate, self.order
        )  # fmt: skip


def hull_neighbors(points: Floats) -> tuple[Ints, Ints]:
    """Return the neighbors of each point on the convex hull (CSR: starts and neighbors).

    Points that are no corners of the hull get the nearest ones, and these get them.
    """
    triangles = _hull(points)
    pairs = _sides(triangles)
    lone = np.setdiff1d(np.arange(len(points)), triangles)
    if len(lone):
        near = cKDTree(points).query(points[lone], min(NEAREST + 1, len(points)))[1]
        pairs = np.concatenate([pairs, np.stack([np.repeat(lone, near.shape[1]), near.ravel()], axis=1)])
    return _mutual(pairs, len(points))


def _hull(points: Floats) -> Ints:
    """Return the triangles of the convex hull, (t, 3)."""
    try:
        return ConvexHull(points).simplices.astype(np.int64)
    except (QhullError, ValueError) as error:
        raise GeometryError("the sites lie on one circle, or are fewer than four") from error


def _sides(triangles: Ints) -> Ints:
    """Return the sides of triangles, (3 t, 2)."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def _pairs(starts: Ints, neighbors: Ints) -> Ints:
    return np.stack([np.repeat(np.arange(len(starts) - 1), np.diff(starts)), neighbors], axis=1)


def _found(cells: SphereCells) -> Ints:
    """Pairs of neighbors in a diagram, (e, 2)."""
    owner = np.repeat(np.arange(len(cells.counts)), cells.counts)
    inner = cells.links >= 0
    return np.stack([owner[inner], cells.links[inner]], axis=1)


def _mutual(pairs: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the graph of these pairs, both ways, as CSR without doubles."""
    i, j = pairs.astype(np.int32).T
    graph = coo_array((np.ones(2 * len(i), dtype=np.int8), (np.append(i, j), np.append(j, i))), shape=(count, count))
    lists = graph.tocsr()
    return lists.indptr.astype(np.int64), lists.indices.astype(np.int64)
