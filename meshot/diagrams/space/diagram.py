"""Power diagrams of space, clipped exactly to a convex domain.

Each cell is cut out of the domain, first by its neighbors in the last diagram, then by whatever a tree over the sites
cannot rule out; see `clipping`. It is exact whatever the weights were before. The sphere of a ball bounds cells as
it is, with no polyhedron in its place; see `measure`. Cells are computed on all cores.

The certificate: the cells tile the domain, so their volumes sum to the domain's; if they do not, that is an error.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Event

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError, GeometryError
from meshot.base.kernels import run_in_chunks
from meshot.base.memory import require_memory
from meshot.diagrams.domains import Ball, Box, SpaceDomain
from meshot.diagrams.engine import CellEdges
from meshot.diagrams.region import space_region
from meshot.diagrams.site_tree import build_tree, hilbert_order
from meshot.diagrams.sites import Duplicates, check_sites, check_weights, heaviest
from meshot.diagrams.space.cells import DONE, NO_ROOM, SpaceCells, measure_space_cells

# Bytes of memory that a site takes at the peak: measured from 10^5 to 10^6 sites.
DIAGRAM_BYTES = 1200
# Facets that there is room for at first, for each cell: 15.5 is the mean of random sites.
USUAL_FACETS = 20
# Of the domain's volume: cells that miss more are wrong, and no result is made of them.
LARGEST_GAP = 1e-9
# A frame about the domain is larger by this factor, lest the domain's walls coincide with the frame's.
WIDER = 1.01


@dataclass(frozen=True, eq=False)
class SpaceDiagram:
    """Cells ``W_i = {x in Omega : |x - y_i|^2 - psi_i <= |x - y_j|^2 - psi_j for all j}`` in space.

    Attributes
    ----------
    sites : (n, 3) float
    weights : (n,) float
        The power weights psi.
    domain : Ball, Box or ConvexPolyhedron
    masses : (n,) float
        Volume of each cell; 0 if it is empty.
    centroids : (n, 3) float
        Center of mass of each cell; NaN if it is empty.
    second_moments : (n,) float
        Integral of the squared distance to the centroid over each cell.
    patches : (b, 5) float
        Of each cell that has part in a ball's sphere: site, area of that part, and the integral of its normal.
    certificate : float
        ``|sum of volumes - volume| / volume``: 0 up to rounding.
    edges : CellEdges
        The facets of every cell, twice what `facets` tells.
    """

    sites: Floats
    weights: Floats
    domain: SpaceDomain
    masses: Floats
    centroids: Floats
    second_moments: Floats
    patches: Floats
    certificate: float
    edges: CellEdges

    @cached_property
    def _once(self) -> NDArray[np.bool_]:
        """Each facet once: cell j's view of it differs by rounding only."""
        return np.asarray((self.edges.owner < self.edges.other) & (self.edges.lengths > 0))

    @cached_property
    def facets(self) -> Ints:
        """Pairs i < j of sites whose cells share a facet, (m, 2)."""
        return np.column_stack([self.edges.owner[self._once], self.edges.other[self._once]])

    @cached_property
    def facet_areas(self) -> Floats:
        """Area of each facet, (m,)."""
        return self.edges.lengths[self._once]

    @property
    def measures(self) -> Floats:
        """Volume of each cell, (n,)."""
        return self.masses

    @property
    def mass_certificate(self) -> float:
        """As `certificate`: masses are volumes."""
        return self.certificate

    @property
    def empty(self) -> Ints:
        """Sites without a cell."""
        return np.flatnonzero(~(self.masses > 0))

    @cached_property
    def patch_areas(self) -> Floats:
        """Area of each cell's part of a ball's sphere, (n,)."""
        areas = np.zeros(len(self.sites))
        areas[self.patches[:, 0].astype(np.int64)] = self.patches[:, 1]
        return areas

    @cached_property
    def patch_centers(self) -> Floats:
        """The centroid of each cell's part of a ball's sphere, moved out to the sphere, (n, 3); NaN if it has none."""
        centers = np.full(self.sites.shape, np.nan)
        normals = self.patches[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            directions = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        centers[self.patches[:, 0].astype(np.int64)] = self.domain.center + self.domain.circle_radius * directions
        return centers


def space_diagram(
    sites: ArrayLike,
    weights: ArrayLike | None = None,
    domain: SpaceDomain | None = None,
    *,
    duplicates: Duplicates = "error",
) -> SpaceDiagram:
    """Compute the power diagram of weighted sites in space; see `power_diagram`, which calls it for such sites.

    Examples
    --------
    >>> diagram = space_diagram([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]], domain=Box([-1, -1, -1], [1, 1, 1]))
    >>> diagram.masses
    array([4., 4.])
    """
    positions = check_sites(sites, distinct=duplicates == "error", dimension=3)
    require_memory(len(positions) * DIAGRAM_BYTES, f"a power diagram of {len(positions):,} sites")
    psi = check_weights(np.zeros(len(positions)) if weights is None else weights, len(positions))
    domain = Ball() if domain is None else domain
    if duplicates == "error":
        return SpaceEngine(positions, domain).diagram(psi)
    kept = heaviest(positions, psi)
    return _with_empty_cells(SpaceEngine(positions[kept], domain).diagram(psi[kept]), kept, positions, psi)


def _with_empty_cells(diagram: SpaceDiagram, kept: Ints, sites: Floats, weights: Floats) -> SpaceDiagram:
    """Return the diagram of all sites, of which those not `kept` (m,) are empty."""
    masses, second_moments, centroids = np.zeros(len(sites)), np.zeros(len(sites)), np.full(sites.shape, np.nan)
    masses[kept], second_moments[kept] = diagram.masses, diagram.second_moments
    centroids[kept], patches = diagram.centroids, diagram.patches.copy()
    patches[:, 0] = kept[patches[:, 0].astype(np.int64)]
    return replace(
        diagram, sites=sites, weights=weights, masses=masses, centroids=centroids, second_moments=second_moments,
        patches=patches, edges=diagram.edges._replace(order=kept[diagram.edges.order]),
    )  # fmt: skip


@dataclass
class SpaceEngine:
    """Diagrams of the same sites in space for one set of weights after another.

    It keeps the sites in Hilbert order, and the neighbors and the centroids of the last diagram.

    Examples
    --------
    >>> from meshot.diagrams.domains import Ball
    >>> engine = SpaceEngine([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]], Ball())
    >>> bool(engine.diagram([0.0, 2.0]).masses[0] == 0)
    True
    """

    sites: Floats
    domain: SpaceDomain
    order: Ints = field(init=False, repr=False)
    local: Floats = field(init=False, repr=False)
    _place: Ints = field(init=False, repr=False)
    _near: tuple[Ints, NDArray[np.int32]] = field(init=False, repr=False)
    _origins: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.sites = check_sites(self.sites, dimension=3)
        if self.domain.dimension != 3:
            raise GeometryError("the sites are in space, the domain is in the plane")
        local = self.sites - self.domain.center
        self.order = hilbert_order(local)
        self.local = np.take(local, self.order, axis=0)
        self._place = np.empty_like(self.order)
        self._place[self.order] = np.arange(self.count)
        self._near = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        self._origins = np.clip(self.local, *self.domain.extent)

    @property
    def count(self) -> int:
        """Number of sites."""
        return len(self.sites)

    @property
    def frame(self) -> Floats:
        """Lowest and highest corner of the box that cells are cut out of, relative to the domain's center."""
        extent = self.domain.extent
        return extent if isinstance(self.domain, Box) else WIDER * extent

    def diagram(self, weights: ArrayLike) -> SpaceDiagram:
        """Compute the power diagram for `weights` (n,).

        Raises
        ------
        GeometryError
            Weights of another shape, or not finite.
        """
        diagram = self.diagram_above(-1.0, weights)
        assert diagram is not None
        return diagram

    def diagram_above(self, least: float, weights: ArrayLike) -> SpaceDiagram | None:
        """Compute the power diagram for `weights` (n,), or give up, with None, once a cell's mass is below `least`.

        Raises
        ------
        GeometryError
            Weights of another shape, or not finite.
        """
        psi = check_weights(weights, self.count)
        cells = self._measure(np.take(psi, self.order) - psi.mean(), least)
        return None if cells is None else self._assemble(psi, cells)

    def _measure(self, psi: Floats, least: float) -> SpaceCells | None:
        """Measure all cells; None if one is too small."""
        tree, domain = build_tree(self.local, psi), self.domain
        region = space_region(self.frame, domain.walls, domain.circle_radius, domain.inner_radius)
        given_up = Event()

        def work(first: int, last: int) -> SpaceCells | tuple[()]:
            room, outcome, size = 128, NO_ROOM, last - first
            while outcome == NO_ROOM and not given_up.is_set():
                facets = size * room * USUAL_FACETS // 128 + room
                measures, counts = np.zeros((size, 9)), np.zeros(size, dtype=np.int32)
                cells = SpaceCells(measures, counts, np.empty(facets, dtype=np.int32), np.empty(facets))
                outcome, total = measure_space_cells(
                    first, last, room, least, self._origins, tree, region, self._near, cells
                )
                room *= 2
            if outcome != DONE:
                given_up.set()
                return ()
            return cells._replace(links=cells.links[:total], areas=cells.areas[:total])

        parts = run_in_chunks(work, self.count, max(1024 if self.count > 1024 else 128, self.count // 64))
        if given_up.is_set():
            return None
        return SpaceCells(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _assemble(self, psi: Floats, cells: SpaceCells) -> SpaceDiagram:
        """Bring what belongs to a site back to the caller's order; keep what the next diagram begins with."""
        measures, counts, links, areas = cells
        full = measures[:, 0] > 0
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._near = starts, links
        self._origins = np.where(full[:, None], measures[:, 1:4], self._origins)
        place = np.take(measures, self._place, axis=0)
        on_sphere = np.flatnonzero(measures[:, 5] > 0)
        patches = np.column_stack([self.order[on_sphere], measures[on_sphere, 5:]])
        volume = self.domain.measure
        certificate = abs(float(measures[:, 0].sum()) - volume) / volume
        if not certificate <= LARGEST_GAP:
            raise ConvergenceError(f"the cells miss the domain's volume by a factor of {certificate:.1e}: rounding")
        return SpaceDiagram(
            self.sites, psi, self.domain, place[:, 0].copy(), place[:, 1:4] + self.domain.center, place[:, 4].copy(),
            patches, certificate, CellEdges(self.order, starts, links, areas, None),
        )  # fmt: skip
