"""Power diagrams of the plane, clipped exactly to a convex domain.

The sites' regular triangulation, the diagram's dual, is kept from one set of weights to the next and mended by flips.
A cell inside the domain is read off it; one that reaches the boundary is cut out of the domain by the bisectors with
its neighbors, and bounded by the true circle of a disk. Cells are measured on all cores.

The certificate: cells computed from a subset of their true neighbors contain the true cells, and the true cells tile
the domain. So the cells are exact if and only if their masses sum to the domain's (and no edge runs backward). Where
rounding leaves a triangulation that does not pass, all cells are cut out again one by one, with the help of a tree over
the sites that rules out, by bounds, those that are too far: that needs no triangulation.

Measured at a million sites on one core: triangulation 0.6 s, after a change of weights 0.25 s, cells 0.4 s. Cutting
every cell with the neighbors and their neighbors of the last diagram as candidates took 2.5 s, with the tree 11 s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError, GeometryError
from meshot.base.kernels import run_in_chunks
from meshot.base.memory import require_memory
from meshot.diagrams.density.densities import Density
from meshot.diagrams.density.source import Source
from meshot.diagrams.domains import Ball, ConvexPolygon, ConvexPolyhedron, Disk, Domain, SpaceDomain
from meshot.diagrams.engine import CellEdges
from meshot.diagrams.plane.cells import DONE, NO_ROOM, Dual, PlaneCells, find_power_vertices, measure_cells
from meshot.diagrams.plane.clipping import FULL, search_neighbors
from meshot.diagrams.plane.dual import power_vertices
from meshot.diagrams.plane.polygons import ARC_STEP, CellPolygons, cell_polygons
from meshot.diagrams.plane.triangulation import RegularTriangulation
from meshot.diagrams.region import PlaneRegion, plane_region
from meshot.diagrams.site_tree import build_tree, hilbert_order
from meshot.diagrams.sites import Duplicates, check_duplicates, check_sites, check_weights, dimension_of, heaviest
from meshot.diagrams.space.diagram import SpaceDiagram, space_diagram

CERTIFICATE = 1e-12
# No listed neighbors: they are read off the triangulation.
READ_OFF = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
# Bytes of memory that a site takes at the peak: measured from 10^5 to 10^6 sites.
DIAGRAM_BYTES = 850
# In units of the domain's size: where four or more bisectors meet, rounding leaves facets that are none.
SHORTEST_FACET = 1e-14


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
        Mass of each cell under the source's density, its area if there is none; 0 if it is empty.
    centroids : (n, 2) float
        Center of mass of each cell, of its area if it has no mass; NaN if it has no area.
    second_moments : (n,) float
        Integral of the squared distance to the centroid over each cell, weighted by the density.
    arcs : (a, 3) float
        Site, start angle and turn of each arc of a disk's circle that bounds a cell.
    certificate : float
        ``|sum of areas - area| / area``; the cells are exact if and only if it is 0 up to rounding.
    edges : CellEdges
        The edges of every cell, twice what `facets` tells.
    areas : (n,) float
        Area of each cell.
    mass_certificate : float
        As `certificate`, for the masses.
    """

    sites: Floats
    weights: Floats
    domain: Domain
    masses: Floats
    centroids: Floats
    second_moments: Floats
    arcs: Floats
    certificate: float
    edges: CellEdges
    areas: Floats
    mass_certificate: float

    @cached_property
    def _once(self) -> NDArray[np.bool_]:
        """Edges that are facets, each once: cell j's view of it differs by rounding only."""
        long = self.edges.lengths > SHORTEST_FACET * np.sqrt(self.domain.area)
        return np.asarray((self.edges.owner < self.edges.other) & long)

    @cached_property
    def facets(self) -> Ints:
        """Pairs i < j of sites whose cells share a segment, (m, 2)."""
        return np.column_stack([self.edges.owner[self._once], self.edges.other[self._once]])

    @cached_property
    def facet_lengths(self) -> Floats:
        """Length of each facet, (m,)."""
        return self.edges.lengths[self._once]

    @cached_property
    def facet_masses(self) -> Floats:
        """Integral of the density along each facet, (m,); its length if there is no density."""
        return self.edges.masses[self._once]

    @cached_property
    def facet_ends(self) -> Floats | None:
        """End points of each facet, (m, 2, 2), with cell i on the left; None if they were not asked for."""
        ends = self.edges.ends
        return None if ends is None else ends[self._once].reshape(-1, 2, 2) + self.domain.center

    @property
    def measures(self) -> Floats:
        """Area of each cell, (n,); in space its volume."""
        return self.areas

    @property
    def empty(self) -> Ints:
        """Sites without a cell, or with one without mass."""
        return np.flatnonzero(~(self.masses > 0))

    @cached_property
    def triangulation(self) -> Ints:
        """The weighted Delaunay triangulation of all sites, (t, 3), counter-clockwise.

        It is dual to the power diagram of the whole plane: it covers the convex hull of the sites, and leaves out those
        that have no cell there. Where more than three cells meet, the polygon of their sites is cut into triangles in
        one of the possible ways. There are no triangles if all sites lie on a line.
        """
        order = self.edges.order
        dual = RegularTriangulation(self.sites[order] - self.domain.center)
        if not dual.update(self.weights[order] - self.weights[order].mean(), may_hide=True):
            raise ConvergenceError("rounding does not let the triangulation of these sites come to an end")
        return order[dual.inner]

    @cached_property
    def restricted_triangulation(self) -> Ints:
        """The triangles of `triangulation` whose power vertex lies in the domain: dual to the clipped cells, (s, 3)."""
        return self.triangulation[self.domain.contains(self.power_vertices)]

    @cached_property
    def power_vertices(self) -> Floats:
        """The point where the three cells of each triangle of `triangulation` meet, (t, 2); it may be far away."""
        return power_vertices(self.sites, self.weights, self.triangulation)

    def polygons(self, step: float = ARC_STEP) -> CellPolygons:
        """Return the outlines of all cells: `starts` (n + 1,) and `points` (p, 2), corners counter-clockwise.

        Parameters
        ----------
        step : float
            A disk's circle is sampled, at points at most so many radians apart.

        Returns
        -------
        CellPolygons

        Examples
        --------
        >>> from meshot.diagrams.domains import Box
        >>> diagram = power_diagram([[0.25, 0.5], [0.75, 0.5]], domain=Box([0, 0], [1, 1]))
        >>> diagram.polygons().areas
        array([0.5, 0.5])
        """
        full = self
        if self.facet_ends is None:
            full = PowerEngine(self.sites, self.domain).diagram(self.weights, facet_ends=True)
        assert full.facet_ends is not None
        return cell_polygons(
            self.sites, self.weights, self.domain, self.areas, self.centroids, full.facets, full.facet_ends,
            full.arcs, step,
        )  # fmt: skip

    def polygon(self, i: int, step: float = ARC_STEP) -> Floats:
        """Return the outline of cell i, (k, 2), its corners counter-clockwise; see `polygons`.

        Parameters
        ----------
        i : int
        step : float
            As of `polygons`.

        Returns
        -------
        (k, 2) float
        """
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
    domain: Domain | SpaceDomain | None = None,
    density: Density | None = None,
    *,
    duplicates: Duplicates = "error",
) -> PowerDiagram | SpaceDiagram:
    """Compute the power diagram of weighted sites of plane or space, clipped to a domain.

    Parameters
    ----------
    sites : (n, 2) or (n, 3) float
        Distinct sites; they may lie outside the domain.
    weights : (n,) float, optional
        Power weights psi; none is the Voronoi diagram.
    domain : Disk, Box, ConvexPolygon, Ball or ConvexPolyhedron, optional
        By default the unit disk or ball, or all that the density covers.
    density : GridDensity or TriangulationDensity, optional
        What the cells are measured with, instead of area; in the plane only.
    duplicates : {"error", "merge"}
        What to do with sites in the same place: refuse them, or let the first of the heaviest have the cell; the others
        are then empty.

    Returns
    -------
    PowerDiagram or SpaceDiagram
        Of sites in the plane or in space.

    Raises
    ------
    GeometryError
        No sites, wrong shapes, numbers that are not finite, sites that coincide (with their ids), or a density that
        does not cover the domain.
    NotEnoughMemoryError
        There are too many sites for the memory that is available.

    Examples
    --------
    >>> diagram = power_diagram([[-0.5, 0.0], [0.5, 0.0]])
    >>> bool(np.allclose(diagram.masses, np.pi / 2))
    True
    >>> power_diagram([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]]).facet_areas
    array([3.14159265])
    """
    check_duplicates(duplicates)
    if not isinstance(domain, Disk | ConvexPolygon) and dimension_of(sites, domain) == 3:
        if density is not None:
            raise GeometryError("a density is for the plane; these sites are in space")
        return space_diagram(sites, weights, domain, duplicates=duplicates)
    assert not isinstance(domain, Ball | ConvexPolyhedron)
    domain = default_domain(domain, density)
    source = None if density is None else Source(density, domain)
    positions = check_sites(sites, distinct=duplicates == "error")
    require_memory(len(positions) * DIAGRAM_BYTES, f"a power diagram of {len(positions):,} sites")
    psi = np.zeros(len(positions)) if weights is None else weights
    if duplicates == "error":
        return PowerEngine(positions, domain, source).diagram(psi, facet_ends=True)
    psi = check_weights(psi, len(positions))
    kept = heaviest(positions, psi)
    diagram = PowerEngine(positions[kept], domain, source).diagram(psi[kept], facet_ends=True)
    return _with_empty_cells(diagram, kept, positions, psi)


def default_domain(domain: Domain | None, density: Density | None) -> Domain:
    """Return `domain`, or if there is none, what the density covers, or if there is none, the unit disk."""
    if domain is not None:
        return domain
    return Disk() if density is None else density.domain


def _with_empty_cells(diagram: PowerDiagram, kept: Ints, sites: Floats, weights: Floats) -> PowerDiagram:
    """Return the diagram of all sites, of which those not `kept` (m,) are empty."""
    measures = np.zeros((3, len(sites)))
    centroids = np.full(sites.shape, np.nan)
    measures[:, kept], centroids[kept] = [diagram.masses, diagram.second_moments, diagram.areas], diagram.centroids
    arcs = diagram.arcs.copy()
    arcs[:, 0] = kept[arcs[:, 0].astype(np.int64)]
    return replace(
        diagram, sites=sites, weights=weights, masses=measures[0], centroids=centroids,
        second_moments=measures[1], arcs=arcs, areas=measures[2],
        edges=diagram.edges._replace(order=kept[diagram.edges.order]),
    )  # fmt: skip


@dataclass
class PowerEngine:
    """Diagrams of the same sites for one set of weights after another.

    It keeps the sites in Hilbert order, and their triangulation.

    Examples
    --------
    >>> engine = PowerEngine([[-0.5, 0.0], [0.5, 0.0]], Disk())
    >>> bool(engine.diagram([0.0, 2.0]).masses[0] == 0)
    True
    """

    sites: Floats
    domain: Domain
    source: Source | None = None
    order: Ints = field(init=False, repr=False)
    local: Floats = field(init=False, repr=False)
    _place: Ints = field(init=False, repr=False)
    _triangulation: RegularTriangulation = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.sites = check_sites(self.sites)
        local = self.sites - self.domain.center
        self.order = hilbert_order(local)
        self.local = np.take(local, self.order, axis=0)
        self._place = np.empty_like(self.order)
        self._place[self.order] = np.arange(self.count)
        self._triangulation = RegularTriangulation(self.local)

    @property
    def count(self) -> int:
        """Number of sites."""
        return len(self.sites)

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
        """Compute the power diagram for `weights` (n,), or give up, with None, once a cell's mass is below `least`.

        Raises
        ------
        GeometryError
            Weights of another shape, or not finite.
        """
        psi = check_weights(weights, self.count)
        mass = least
        if self.source is not None and least > 0:
            least /= self.source.density.largest
        sorted_psi = np.take(psi, self.order) - psi.mean()
        if not self._triangulation.update(sorted_psi, may_hide=least <= 0) and least > 0:
            return None
        cells = self._measure(READ_OFF, least, facet_ends)
        if cells is not None and self._certificate(cells) > CERTIFICATE:
            cells = self._measure(self._search(sorted_psi), least, facet_ends)
        diagram = None if cells is None else self._assemble(psi, cells)
        return diagram if diagram is None or self.source is None else with_masses(diagram, self.source, mass)

    def _certificate(self, cells: PlaneCells) -> float:
        gap = abs(float(cells.measures[:, 0].sum()) - self.domain.area)
        return (gap + float(cells.overlaps.sum())) / self.domain.area

    def _search(self, psi: Floats) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Find the neighbors of each cell without the triangulation (CSR: starts and neighbors)."""
        tree = build_tree(self.local, psi)

        def work(first: int, last: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
            room, total = 64, FULL
            while total == FULL:
                counts = np.empty(last - first, dtype=np.int32)
                links = np.empty((last - first) * room // 8 + room, dtype=np.int32)
                total = search_neighbors(first, last, room, tree, self.domain.frame, counts, links)
                room *= 2
            return counts, links[:total]

        parts = run_in_chunks(work, self.count, max(256, self.count // 32))
        counts, neighbors = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return np.append(0, np.cumsum(counts)).astype(np.int32), neighbors

    def _measure(self, listed: tuple[NDArray[Any], NDArray[Any]], least: float, facet_ends: bool) -> PlaneCells | None:
        """Measure all cells, read off the triangulation or cut out by `listed` neighbors; None if one is too small."""
        region = plane_region(self.domain)
        dual = self._dual(region)
        given_up = Event()

        def work(first: int, last: int) -> PlaneCells | tuple[()]:
            room, outcome, size = 64, NO_ROOM, last - first
            while outcome == NO_ROOM and not given_up.is_set():
                edges = size * room // 8 + room
                cells = PlaneCells(
                    np.zeros((size, 4)),
                    np.zeros(size, dtype=np.int32),
                    np.empty(edges, dtype=np.int32),
                    np.empty((edges, 5 if facet_ends else 1)),
                    np.empty((size + room, 3)),
                    np.zeros(1),
                )
                outcome, total, arcs = measure_cells(first, last, room, least, dual, region, listed, cells)
                room *= 2
            if outcome != DONE:
                given_up.set()
                return ()
            return cells._replace(
                links=cells.links[:total], facets=cells.facets[:total], arcs=cells.arcs[:arcs]
            )  # fmt: skip

        parts = run_in_chunks(work, self.count, max(2048 if self.count > 2048 else 256, self.count // 32))
        if given_up.is_set():
            return None
        return PlaneCells(*(_joined(columns) for columns in zip(*parts, strict=True)))

    def _dual(self, region: PlaneRegion) -> Dual:
        """Return the triangulation with its power vertices."""
        count = self._triangulation.count
        dual = Dual(self._triangulation.mesh, np.empty((count, 2)), np.empty(count, dtype=np.bool_))
        run_in_chunks(lambda first, last: find_power_vertices(first, last, dual, region), count, max(8192, count // 32))
        return dual

    def _assemble(self, psi: Floats, cells: PlaneCells) -> PowerDiagram:
        """Bring what belongs to a site back to the caller's order."""
        measures, counts, links, facets, arcs, _ = cells
        place = np.take(measures, self._place, axis=0)
        centroids = place[:, 1:3] + self.domain.center
        centroids[~(place[:, 0] > 0)] = np.nan
        arcs[:, 0] = self.order[arcs[:, 0].astype(np.int64)]
        starts = np.concatenate([[0], np.cumsum(counts)])
        edges = CellEdges(self.order, starts, links, facets[:, 0], facets[:, 1:] if facets.shape[1] > 1 else None)
        certificate = self._certificate(cells)
        return PowerDiagram(
            self.sites, psi, self.domain, place[:, 0], centroids, place[:, 3], arcs, certificate, edges,
            areas=place[:, 0], mass_certificate=certificate,
        )  # fmt: skip


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the arrays one after another, copied on all cores."""
    ends = np.cumsum([len(part) for part in parts])
    whole = np.empty((ends[-1], *parts[0].shape[1:]), dtype=parts[0].dtype)

    def copy(k: int, _: int) -> None:
        whole[ends[k] - len(parts[k]) : ends[k]] = parts[k]

    run_in_chunks(copy, len(parts), 1)
    return whole


def with_masses(diagram: PowerDiagram, source: Source, least: float = -1.0) -> PowerDiagram | None:
    """Return a diagram of areas with the masses of `source` in their place, or None if one is below `least`."""
    measures = source.measures(diagram)
    if measures.masses.min() < least:
        return None
    certificate = abs(float(measures.masses.sum()) - source.mass) / source.mass
    return replace(
        diagram, masses=measures.masses, centroids=measures.centroids, second_moments=measures.second_moments,
        edges=diagram.edges._replace(integrals=measures.integrals), mass_certificate=certificate,
    )  # fmt: skip
