"""A density on a domain, integrated over the cells and facets of a power diagram."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError, GeometryError
from meshot.base.kernels import run_in_chunks
from meshot.diagrams.density.cells import Outlines, copy_to_earlier_sites, measure_dense_cells
from meshot.diagrams.density.densities import Density
from meshot.diagrams.plane.polygons import PlaneDomain
from meshot.diagrams.power_cells import CellMeasures, PowerCells
from meshot.diagrams.region import plane_region

# Share of the domain that the density's pieces may leave out or cover twice, by rounding.
COVER = 1e-9
CHUNK = 512
# Corners of a polygon beside those of its cell: of a piece of the density, and by rounding. How often the room for them
# is doubled.
SPARE, MOST_DOUBLINGS = 12, 8


@dataclass(frozen=True, eq=False)
class DensitySource:
    """A density restricted to a domain.

    Parameters
    ----------
    density : GridDensity or TriangulationDensity
    domain : Disk, Box or ConvexPolygon

    Raises
    ------
    GeometryError
        The density does not cover the domain, its triangles overlap there, or it is zero on all of it.

    Examples
    --------
    >>> from meshot.diagrams.density.densities import GridDensity
    >>> from meshot.diagrams.domains import Disk
    >>> round(DensitySource(GridDensity([[1.0, 2.0]], [-1, -1], [1, 1]), Disk()).mass, 12) == round(1.5 * np.pi, 12)
    True
    """

    density: Density
    domain: PlaneDomain

    def __post_init__(self) -> None:
        if self.domain.dimension != 2:
            raise GeometryError("densities are for domains of the plane: in space the source is uniform")
        area = float(self._whole[0, 4])
        if abs(area / self.domain.measure - 1) > COVER:
            what = "does not cover the domain" if area < self.domain.measure else "has triangles that overlap"
            raise GeometryError(f"the density {what}: its pieces make up {area / self.domain.measure:.9g} of the area")
        if not self.mass > 0:
            raise GeometryError("the density is zero on all of the domain")

    @property
    def mass(self) -> float:
        """Mass of the domain."""
        return float(self._whole[0, 0])

    @property
    def largest(self) -> float:
        """The largest density."""
        return self.density.largest

    @cached_property
    def _whole(self) -> Floats:
        """The domain, measured as a single cell with all of its walls."""
        beyond = -1 - np.arange(len(self.domain.walls), dtype=np.int32)
        return self._measure(np.zeros((1, 2)), np.zeros(1), np.ones(1), np.array([0, len(beyond)]), beyond)[0]

    def blended(self, share: float) -> "DensitySource":
        """Return the source of which a uniform density has taken the share given, the mass being the same.

        Parameters
        ----------
        share : float
            From 0 to 1.
        """
        values = (1 - share) * self.density.values + share * self.mass / self.domain.measure
        return DensitySource(replace(self.density, values=values), self.domain)

    def measures(self, diagram: PowerCells) -> CellMeasures:
        """Integrate the density over the cells and along the edges of a diagram of the domain.

        Parameters
        ----------
        diagram : PowerDiagram
            Its measures, edges, sites and weights are read.
        """
        order, starts, beyond = diagram.edges[:3]
        sites, weights = diagram.sites[order] - self.domain.center, diagram.weights[order] - diagram.weights.mean()
        cells, integrals = self._measure(sites, weights, diagram.measures[order], starts, beyond)
        run_in_chunks(lambda first, last: copy_to_earlier_sites(first, last, starts, beyond, integrals), len(order))
        measures = np.empty_like(cells)
        measures[order] = cells
        centroids = np.where(measures[:, :1] > 0, measures[:, 1:3] + self.domain.center, diagram.centroids)
        return CellMeasures(measures[:, 0], centroids, measures[:, 3], integrals)

    def _measure(
        self, sites: Floats, weights: Floats, areas: Floats, starts: Ints, beyond: NDArray[Any]
    ) -> tuple[Floats, Floats]:
        outlines, region = Outlines(sites, weights, areas, starts, beyond), plane_region(self.domain)
        x, y = self.domain.center
        pieces, usual = self.density.pieces, int(np.diff(starts).max()) + len(region.frame) + SPARE
        cells, integrals = np.zeros((len(sites), 5)), np.zeros(len(beyond))

        def work(first: int, last: int) -> None:
            for more in range(MOST_DOUBLINGS):
                if measure_dense_cells(
                    first, last, usual << more, (float(x), float(y)), outlines, region, pieces, cells, integrals
                ):  # fmt: skip
                    return
            raise ConvergenceError("rounding does not let the sides of a cell come to an end")

        # large cells hold many pieces: these too are shared out
        run_in_chunks(work, len(sites), min(max(len(sites) // 32, 1), CHUNK), aside=True)
        return cells, integrals
