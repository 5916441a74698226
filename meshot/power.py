"""Power diagrams of the plane, clipped exactly to a convex domain.

Every cell is computed on its own, by cutting the domain with bisectors, and in parallel. That needs no global
triangulation, so grids, cocircular and collinear sites are no special cases, and a site whose cell is empty is just
that. Candidates come from the last diagram (a cell's neighbors and theirs), or from the Hilbert order at the start; if
the certificate then shows that some cell has missed a neighbor, the cells that do not agree with a neighbor on their
common facet, and in the end all, are cut again with the help of a tree over the sites that rules out, by bounds, all
the others.

The certificate: cells computed from a subset of their true neighbors contain the true cells, and the true cells tile
the domain. So the cells are exact if and only if their masses sum to the domain's.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array

from meshot.cells import DONE, NO_ROOM, measure_cells
from meshot.domains import Box, Disk, Domain
from meshot.dual import power_vertices, restricted_delaunay, weighted_delaunay
from meshot.kernels import run_in_chunks
from meshot.memory import require_memory
from meshot.mesh import Floats, Ints
from meshot.polygons import ARC_STEP, Polygons, cell_polygons
from meshot.sites import Duplicates, check_duplicates, check_sites, check_weights, heaviest
from meshot.sitetree import LEAF, NO_TREE, build_tree, hilbert_order

CERTIFICATE = 1e-12
# Bytes of memory that a site takes at the peak: measured from 10^5 to 10^6 sites.
DIAGRAM_BYTES = 1200
# In units of the domain's size: where four or more bisectors meet, rounding leaves facets that are none.
SHORTEST_FACET = 1e-14
# Cells that see their common facet longer or shorter than each other by more are cut again; rounds of that.
SAME_FACET, REPAIRS = 1e-11, 4


@dataclass(frozen=True, eq=False)
class PowerDiagram:
    """Cells ``W_i = {x in Omega : |x - y_i|^2 - psi_i <= |x - y_j|^2 - psi_j for all j}``.

    Attributes
    ----------
    sites : (n, 2) float
    weights : (n,) float
        The power weights psi.
    domain : Disk, Box or ConvexPolygon
    masses : (n,) float
        Area of each cell; 0 if it is empty.
    centroids : (n, 2) float
        Centroid of each cell; NaN if it is empty.
    second_moments : (n,) float
        Integral of the squared distance to the centroid over each cell.
    facets : (m, 2) int
        Pairs i < j of sites whose cells share a segment.
    facet_lengths : (m,) float
        Its length.
    facet_ends : (m, 2, 2) float or None
        Its end points, with cell i on the left; None if they were not asked for.
    arcs : (a, 3) float
        Site, start angle and turn of each arc of a disk's circle that bounds a cell.
    certificate : float
        ``|sum of masses - area| / area``; the cells are exact if and only if it is 0 up to rounding.
    """

    sites: Floats
    weights: Floats
    domain: Domain
    masses: Floats
    centroids: Floats
    second_moments: Floats
    facets: Ints
    facet_lengths: Floats
    facet_ends: Floats | None
    arcs: Floats
    certificate: float

    @property
    def empty(self) -> Ints:
        """Sites without a cell."""
        return np.flatnonzero(~(self.masses > 0))

    @cached_property
    def triangulation(self) -> Ints:
        """The weighted Delaunay triangulation of all sites, (t, 3), counter-clockwise.

        It is dual to the power diagram of the whole plane: it covers the convex hull of the sites, and leaves out those
        that have no cell there. Where more than three cells meet, the polygon of their sites is cut into a fan. There
        are no triangles if all sites lie on a line.
        """
        return weighted_delaunay(self.sites, self.weights, self.domain, self.facets, self.facet_lengths, _facets_in_box)

    @cached_property
    def restricted_triangulation(self) -> Ints:
        """The triangles of `triangulation` whose power vertex lies in the domain: dual to the clipped cells, (s, 3)."""
        return restricted_delaunay(self.sites, self.domain, self.facets, self.facet_lengths)

    @cached_property
    def power_vertices(self) -> Floats:
        """The point where the three cells of each triangle of `triangulation` meet, (t, 2); it may be far away."""
        return power_vertices(self.sites, self.weights, self.triangulation)

    def polygons(self, step: float = ARC_STEP) -> Polygons:
        """Return the outlines of all cells: `starts` (n + 1,) and `points` (p, 2), corners counter-clockwise.

        Parameters
        ----------
        step : float
            A disk's circle is sampled, at points at most so many radians apart.

        Examples
        --------
        >>> diagram = power_diagram([[0.25, 0.5], [0.75, 0.5]], domain=Box([0, 0], [1, 1]))
        >>> diagram.polygons().areas
        array([0.5, 0.5])
        """
        full = self if self.facet_ends is not None else power_diagram(self.sites, self.weights, self.domain)
        assert full.facet_ends is not None
        return cell_polygons(
            self.sites, self.weights, self.domain, self.masses, self.centroids, full.facets, full.facet_ends,
            full.arcs, step,
        )  # fmt: skip

    def polygon(self, i: int, step: float = ARC_STEP) -> Floats:
        """Return the outline of cell i, (k, 2), its corners counter-clockwise; see `polygons`."""
        starts, points = self.polygons(step)
        return points[starts[i] : starts[i + 1]]

    @cached_property
    def arc_midpoints(self) -> Floats:
        """Middle of the longest arc of each cell on the circle, (n, 2); NaN where there is none."""
        points = np.full(self.sites.shape, np.nan)
        by_length = self.arcs[np.argsort(self.arcs[:, 2], kind="stable")]
        angle = by_length[:, 1] + by_length[:, 2] / 2
        circle = self.domain.center + self.domain.circle_radius * np.column_stack([np.cos(angle), np.sin(angle)])
        points[by_length[:, 0].astype(np.int64)] = circle
        return points


def power_diagram(
    sites: ArrayLike,
    weights: ArrayLike | None = None,
    domain: Domain | None = None,
    *,
    duplicates: Duplicates = "error",
) -> PowerDiagram:
    """Compute the power diagram of weighted sites, clipped to a domain.

    Parameters
    ----------
    sites : (n, 2) float
        Distinct sites; they may lie outside the domain.
    weights : (n,) float, optional
        Power weights psi; none is the Voronoi diagram.
    domain : Disk, Box or ConvexPolygon, optional
        The unit disk by default.
    duplicates : {"error", "merge"}
        What to do with sites in the same place: refuse them, or let the first of the heaviest have the cell; the others
        are then empty.

    Raises
    ------
    GeometryError
        No sites, wrong shapes, numbers that are not finite, or sites that coincide (with their ids).
    NotEnoughMemoryError
        There are too many sites for the memory that is available.

    Examples
    --------
    >>> diagram = power_diagram([[-0.5, 0.0], [0.5, 0.0]])
    >>> bool(np.allclose(diagram.masses, np.pi / 2))
    True
    """
    check_duplicates(duplicates)
    source = Disk() if domain is None else domain
    positions = check_sites(sites, distinct=duplicates == "error")
    require_memory(len(positions) * DIAGRAM_BYTES, f"a power diagram of {len(positions):,} sites")
    psi = np.zeros(len(positions)) if weights is None else weights
    if duplicates == "error":
        return PowerEngine(positions, source).diagram(psi, facet_ends=True)
    psi = check_weights(psi, len(positions))
    kept = heaviest(positions, psi)
    diagram = PowerEngine(positions[kept], source).diagram(psi[kept], facet_ends=True)
    return _with_empty_cells(diagram, kept, positions, psi)


def _with_empty_cells(diagram: PowerDiagram, kept: Ints, sites: Floats, weights: Floats) -> PowerDiagram:
    """Return the diagram of all sites, of which those not `kept` (m,) are empty."""
    measures = np.zeros((len(sites), 2))
    centroids = np.full(sites.shape, np.nan)
    measures[kept, 0], measures[kept, 1], centroids[kept] = diagram.masses, diagram.second_moments, diagram.centroids
    arcs = diagram.arcs.copy()
    arcs[:, 0] = kept[arcs[:, 0].astype(np.int64)]
    return replace(
        diagram, sites=sites, weights=weights, masses=measures[:, 0], centroids=centroids,
        second_moments=measures[:, 1], facets=kept[diagram.facets], arcs=arcs,
    )  # fmt: skip


def _facets_in_box(sites: Floats, weights: Floats, box: Box) -> tuple[Ints, Floats, Floats]:
    """Return the facets of the power diagram in a box, their lengths and their ends."""
    diagram = PowerEngine(sites, box).diagram(weights, facet_ends=True)
    assert diagram.facet_ends is not None
    return diagram.facets, diagram.facet_lengths, diagram.facet_ends


class Cells(NamedTuple):
    """What `measure_cells` fills, for several sites in Hilbert order."""

    measures: Floats
    counts: Ints
    links: Ints
    facets: Floats
    arcs: Floats

    def replaced(self, which: Ints, by: "Cells") -> "Cells":
        """Return all cells with those of the sites `which` replaced."""
        measures, counts = self.measures.copy(), self.counts.copy()
        measures[which], counts[which] = by.measures, by.counts
        stays = np.ones(len(counts), dtype=bool)
        stays[which] = False
        owner, new_owner = np.repeat(np.arange(len(self.counts)), self.counts), np.repeat(which, by.counts)
        kept, kept_arcs = stays[owner], stays[self.arcs[:, 0].astype(np.int64)]
        order = np.argsort(np.concatenate([owner[kept], new_owner]), kind="stable")
        return Cells(
            measures,
            counts,
            np.concatenate([self.links[kept], by.links])[order],
            np.concatenate([self.facets[kept], by.facets])[order],
            np.concatenate([self.arcs[kept_arcs], by.arcs]),
        )


@dataclass
class PowerEngine:
    """Diagrams of the same sites for one set of weights after another.

    It keeps the sites in Hilbert order, and each diagram's neighbors as candidates for the next.

    Examples
    --------
    >>> engine = PowerEngine([[-0.5, 0.0], [0.5, 0.0]], Disk())
    >>> bool(engine.diagram([0.0, 2.0]).masses[0] == 0)
    True
    """

    sites: Floats
    domain: Domain
    _order: Ints = field(init=False, repr=False)
    _local: Floats = field(init=False, repr=False)
    _starts: Ints = field(init=False, repr=False)
    _neighbors: Ints = field(init=False, repr=False)
    _settled: bool = field(init=False, default=False, repr=False)

    def __post_init__(self) -> None:
        self.sites = check_sites(self.sites)
        local = self.sites - self.domain.center
        self._order = hilbert_order(local)
        self._local = np.ascontiguousarray(local[self._order])
        self._starts, self._neighbors = _window(self.count)

    @property
    def count(self) -> int:
        """Number of sites."""
        return len(self.sites)

    @property
    def order(self) -> Ints:
        """The sites in Hilbert order, (n,)."""
        return self._order

    @property
    def local(self) -> Floats:
        """Their positions relative to the domain's center, in Hilbert order, (n, 2)."""
        return self._local

    @property
    def links(self) -> tuple[Ints, Ints]:
        """Neighbors in the last diagram of each site (CSR: starts and neighbors), all in Hilbert order."""
        return self._starts, self._neighbors

    def diagram(self, weights: ArrayLike, *, facet_ends: bool = False) -> PowerDiagram:
        """Compute the power diagram for `weights` (n,).

        Raises
        ------
        GeometryError
            Weights of another shape, or not finite.
        """
        diagram = self.diagram_above(-1.0, weights, facet_ends=facet_ends)
        assert diagram is not None
        return diagram

    def diagram_above(self, least: float, weights: ArrayLike, *, facet_ends: bool = False) -> PowerDiagram | None:
        """Compute the power diagram for `weights` (n,), or give up, with None, once a cell's area is below `least`.

        Raises
        ------
        GeometryError
            Weights of another shape, or not finite.
        """
        psi = check_weights(weights, self.count)
        sorted_psi = psi[self._order] - psi.mean()
        everyone, repairs = np.arange(self.count), 0
        cells = self._measure(sorted_psi, everyone, least, not self._settled, facet_ends)
        while cells is not None and self._settled and self._certificate(cells) > CERTIFICATE:
            wrong = self._disagreeing(cells) if repairs < REPAIRS else everyone[:0]
            if not 0 < len(wrong) < self.count // 4:
                cells = self._measure(sorted_psi, everyone, least, True, facet_ends)
                break
            mended = self._measure(sorted_psi, wrong, least, True, facet_ends)
            cells = None if mended is None else cells.replaced(wrong, mended)
            repairs += 1
        if cells is None:
            return None
        self._carry(cells)
        return self._assemble(psi, cells, self._certificate(cells))

    def _certificate(self, cells: Cells) -> float:
        return abs(float(cells.measures[:, 0].sum()) - self.domain.area) / self.domain.area

    def _disagreeing(self, cells: Cells) -> Ints:
        """Return the cells that see a common facet longer or shorter than the cell beyond does, or no facet at all."""
        n, inner = self.count, cells.links >= 0
        owner = np.repeat(np.arange(n, dtype=np.int32), cells.counts)[inner]
        lengths = coo_array(
            (cells.facets[inner, 0], (owner, cells.links[inner].astype(np.int32))), shape=(n, n)
        ).tocsr()
        difference = (lengths - lengths.T).tocoo()
        large = np.abs(difference.data) > SAME_FACET * np.sqrt(self.domain.area)
        alone = (np.bincount(owner, minlength=n) == 0) & (cells.measures[:, 0] > 0)
        return np.union1d(difference.row[large].astype(np.int64), np.flatnonzero(alone))

    def _measure(self, psi: Floats, which: Ints, least: float, exact: bool, facet_ends: bool) -> Cells | None:
        """Cut and measure the cells `which`, in Hilbert order; None if one is too small."""
        domain = self.domain
        radii = np.array([domain.circle_radius, domain.inner_radius])
        tree = build_tree(self._local, psi) if exact else NO_TREE
        given_up = Event()

        def work(first: int, last: int) -> tuple[NDArray[Any], ...]:
            room, outcome, size = 64, NO_ROOM, last - first
            parts: tuple[NDArray[Any], ...] = ()
            while outcome == NO_ROOM and not given_up.is_set():
                edges = size * room // 8 + room
                parts = (
                    np.zeros((size, 4)),
                    np.zeros(size, dtype=np.int64),
                    np.empty(edges, dtype=np.int64),
                    np.empty((edges, 5 if facet_ends else 1)),
                    np.empty((size + room, 3)),
                )
                outcome, total, arcs = measure_cells(
                    first, last, which, room, least, self._local, psi, domain.frame, domain.walls, radii,
                    self._starts, self._neighbors, *tree, *parts,
                )  # fmt: skip
                room *= 2
            if outcome != DONE:
                given_up.set()
                return ()
            return *parts[:2], parts[2][:total], parts[3][:total], parts[4][:arcs]

        parts = run_in_chunks(work, len(which), max(2048 if len(which) > 2048 else 256, len(which) // 32))
        if given_up.is_set():
            return None
        return Cells(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _carry(self, cells: Cells) -> None:
        """Keep the cells' neighbors as the candidates of the next diagram."""
        links, is_site = cells.links, cells.links >= 0
        owner = np.repeat(np.arange(self.count), cells.counts)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(owner[is_site], minlength=self.count))])
        self._neighbors = links[is_site]
        self._settled = True

    def _assemble(self, psi: Floats, cells: Cells, certificate: float) -> PowerDiagram:
        """Bring everything back to the caller's order of sites."""
        n, order = self.count, self._order
        measures, counts, links, facets, arcs = cells
        place = np.empty((n, 4))
        place[order] = measures
        empty = ~(place[:, 0] > 0)
        centroids = place[:, 1:3] + self.domain.center
        centroids[empty] = np.nan
        owner, other = np.repeat(order, counts), np.where(links >= 0, order[np.maximum(links, 0)], -1)
        # each facet once: cell j's view of it differs by rounding only
        kept = (owner < other) & (facets[:, 0] > SHORTEST_FACET * np.sqrt(self.domain.area))
        ends = facets[kept, 1:].reshape(-1, 2, 2) + self.domain.center if facets.shape[1] == 5 else None
        arcs[:, 0] = order[arcs[:, 0].astype(np.int64)]
        pairs = np.column_stack([owner[kept], other[kept]])
        return PowerDiagram(
            self.sites, psi, self.domain, place[:, 0], centroids, place[:, 3],
            pairs, facets[kept, 0], ends, arcs, certificate,
        )  # fmt: skip


def _window(count: int) -> tuple[Ints, Ints]:
    """Return candidates before there is a diagram: the sites just before and after each in Hilbert order (CSR)."""
    reach = np.arange(-LEAF, LEAF + 1)
    near = np.arange(count)[:, None] + reach[reach != 0]
    valid = (near >= 0) & (near < count)
    return np.concatenate([[0], np.cumsum(valid.sum(axis=1))]), near[valid]
