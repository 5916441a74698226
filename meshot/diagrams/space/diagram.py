"""Power diagrams of space, clipped exactly to a convex domain.

Each cell is cut out of the domain, first by its neighbors in the last diagram, then by the sites that a tree cannot
exclude; see `clipping`. It is exact for any previous weights. Cells are bounded by the true sphere of a ball, without a
polyhedral approximation; see `measure`. They are computed on all cores.

The certificate: the cells tile the domain, so their volumes sum to the domain's; if they do not, that is an error.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError, GeometryError
from meshot.base.kernels import run_in_chunks
from meshot.diagrams.edges import CellEdges, CellFaces, renumbered
from meshot.diagrams.engine import in_growing_rooms, relative_gap
from meshot.diagrams.power_cells import GOAL, PowerCells, SiteEngine
from meshot.diagrams.region import SpaceRegion, space_region
from meshot.diagrams.site_tree import build_tree
from meshot.diagrams.sites import check_sites, check_weights
from meshot.diagrams.space.cells import SpaceCells, measure_space_cells, raise_space_cells
from meshot.diagrams.space.faces import SpaceDomain, cell_faces, facet_polygons

# Facets for each cell that arrays are first allocated for; 15.5 is the mean of random sites.
USUAL_FACETS = 20
# Share of the domain's volume that cells may miss; if they miss more, an error is raised.
LARGEST_GAP = 1e-9
# Small cells that one task raises.
CHUNK = 32


@dataclass(frozen=True, eq=False)
class SpaceDiagram(PowerCells):
    """Power cells of space.

    Attributes
    ----------
    sites, weights, masses, centroids, second_moments, certificate, mass_certificate, edges
        As of `PowerCells`.
    domain : Ball, Box or ConvexPolyhedron
    patches : (b, 5) float
        Of each cell that has part in a ball's sphere: site, area of that part, and the integral of its normal.
    """

    domain: SpaceDomain
    patches: Floats

    @property
    def facet_areas(self) -> Floats:
        """Area of each facet, (m,)."""
        return self.facet_measures

    def facet_polygons(self, chosen: Ints) -> tuple[Ints, Floats]:
        """Return the corners of some facets, rows of `facets`, (m + 1,) starts and (p, 3); see `faces`.

        Parameters
        ----------
        chosen : (m,) int

        Returns
        -------
        starts : (m + 1,) int
        points : (p, 3) float
        """
        return facet_polygons(self, self.domain, chosen)

    def cell_faces(self) -> CellFaces:
        """Return the faces of all cells as polygons, for files and pictures; see `faces`.

        Returns
        -------
        CellFaces
        """
        return cell_faces(self, self.domain)

    def with_empty_cells(self, kept: Ints, sites: Floats, weights: Floats) -> Self:
        """Return the diagram of all `sites` and `weights`, of which those not `kept` (m,) are empty.

        Parameters
        ----------
        sites, weights : (n, 3) float, (n,) float
        kept : (m,) int

        Returns
        -------
        SpaceDiagram
        """
        return replace(super().with_empty_cells(kept, sites, weights), patches=renumbered(self.patches, kept))

    @cached_property
    def patch_areas(self) -> Floats:
        """Area of each cell's part of a ball's sphere, (n,)."""
        areas = np.zeros(len(self.sites))
        areas[self.patches[:, 0].astype(np.int64)] = self.patches[:, 1]
        return areas

    @property
    def rim_middles(self) -> Floats:
        """As `patch_centers`."""
        return self.patch_centers

    @cached_property
    def patch_centers(self) -> Floats:
        """The centroid of each cell's part of a ball's sphere, moved out to the sphere, (n, 3); NaN if it has none."""
        centers = np.full(self.sites.shape, np.nan)
        normals = self.patches[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            directions = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        centers[self.patches[:, 0].astype(np.int64)] = self.domain.center + self.domain.circle_radius * directions
        return centers


class SpaceEngine(SiteEngine[SpaceDiagram]):
    """Diagrams of the same sites in space for successive weights.

    It keeps the sites in Hilbert order, and the neighbors and the centroids of the last diagram.

    Examples
    --------
    >>> from meshot.diagrams.domains import Ball
    >>> engine = SpaceEngine([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]], Ball())
    >>> bool(engine.diagram([0.0, 2.0]).masses[0] == 0)
    True
    """

    def __init__(self, sites: ArrayLike, domain: SpaceDomain) -> None:
        positions = check_sites(sites, dimension=3)
        if domain.dimension != 3:
            raise GeometryError("the sites are in space, the domain is in the plane")
        self.domain = domain
        super().__init__(positions, positions - domain.center)
        self._near: tuple[Ints, NDArray[np.int32]] = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        self._origins = np.clip(self.local, *domain.extent)

    def diagram_above(self, least: float, weights: ArrayLike, *, facet_ends: bool = False) -> SpaceDiagram | None:
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
        tree, region = build_tree(self.local, psi), self._region

        def attempt(first: int, last: int, room: int) -> tuple[int, SpaceCells]:
            size = last - first
            facets = size * room * USUAL_FACETS // 128 + room
            links, areas = np.empty(facets, dtype=np.int32), np.empty(facets)
            cells = SpaceCells(np.zeros((size, 9)), np.zeros(size, dtype=np.int32), links, areas)
            outcome, total = measure_space_cells(
                first, last, room, least, self._origins, tree, region, self._near, cells
            )
            return outcome, cells._replace(links=links[:total], areas=areas[:total])

        chunk = max(1024 if self.count > 1024 else 128, self.count // 64)
        # a facet for each plane, 2 f - 4 corners, and room for all cells of the chunk to have as many
        most = 8 * (self.count + len(region.walls) + 6)
        cells = in_growing_rooms(attempt, self.count, chunk, 128, most)
        return None if cells is None else SpaceCells(*cells)

    @property
    def _region(self) -> SpaceRegion:
        domain = self.domain
        return space_region(domain.frame, domain.walls, domain.circle_radius, domain.inner_radius)

    def _assemble(self, psi: Floats, cells: SpaceCells) -> SpaceDiagram:
        """Bring the results back to the caller's order of sites, and store the start of the next diagram."""
        measures, counts, links, areas = cells
        full = measures[:, 0] > 0
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._near = starts, links
        self._origins = np.where(full[:, None], measures[:, 1:4], self._origins)
        place = np.take(measures, self._place, axis=0)
        on_sphere = np.flatnonzero(measures[:, 5] > 0)
        patches = np.column_stack([self.order[on_sphere], measures[on_sphere, 5:]])
        certificate = relative_gap(measures[:, 0], self.domain.measure)
        if not certificate <= LARGEST_GAP:
            raise ConvergenceError(f"the cells miss the domain's volume by a factor of {certificate:.1e}: rounding")
        volumes = place[:, 0].copy()
        return SpaceDiagram(
            self.sites, psi, self.domain, volumes, volumes, place[:, 1:4] + self.domain.center, place[:, 4].copy(),
            certificate, certificate, CellEdges(self.order, starts, links, areas), patches,
        )  # fmt: skip

    def raised_weights(
        self, diagram: PowerCells, small: Ints, wanted: Floats, spacing: Floats, near: tuple[Ints, Ints]
    ) -> Floats | None:
        """Raise each small cell alone until it has its share; see `SiteEngine.raised_weights`."""
        domain, order = self.domain, self.order
        level = diagram.weights.mean()
        psi = diagram.weights[order] - level
        centroids = diagram.centroids[order]
        origins = np.where(np.isfinite(centroids), centroids - domain.center, self.local)
        tree, region, near = build_tree(self.local, psi), self._region, (diagram.edges.starts, diagram.edges.beyond)
        raised, where = np.empty(len(small)), self._place[small]
        goals, steps = GOAL * wanted[small], 0.5 * np.cbrt(wanted[small]) * spacing[where]

        def work(first: int, last: int) -> None:
            own = tree._replace(weights=psi.copy())  # a thread changes the weight at hand
            raise_space_cells(first, last, where, goals, steps, origins, own, region, near, raised)

        run_in_chunks(work, len(small), CHUNK)
        weights = diagram.weights.copy()
        weights[small] = raised + level
        return weights
