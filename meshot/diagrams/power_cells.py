"""What a transport asks of a domain of plane or space, and what power cells and engines on all of these share.

A new domain has a `Domain`'s members; its engine, a `SiteEngine`, fills in how cells are cut and measured and returns
`PowerCells`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.diagrams.edges import CellEdges, CellFaces, CellPolygons
from meshot.diagrams.engine import OrderedEngine

# Shares of the mass wanted: a cell below the first is raised, to between the second and twice as much.
LEAST, GOAL = 0.05, 0.3
# Rounds in which small cells are raised in steps, and the growth of the steps.
RAISES, GROWTH = 60, 1.3


class CellMeasures(NamedTuple):
    """Integrals of a density over power cells.

    Attributes
    ----------
    masses, second_moments : (n,) float
    centroids : (n, 2) float
        Those of the area where there is no mass.
    integrals : (e,) float
        Line integral along each edge of a cell between two cells; 0 along others.
    """

    masses: Floats
    centroids: Floats
    second_moments: Floats
    integrals: Floats


class Source(Protocol):
    """A density restricted to a domain, which weighs cells in place of their area."""

    @property
    def mass(self) -> float:
        """Mass of the domain."""

    @property
    def largest(self) -> float:
        """The largest density."""

    def measures(self, diagram: "PowerCells") -> CellMeasures:
        """Integrate over the cells and along the edges of a diagram."""

    def blended(self, share: float) -> "Source":
        """Return the source of which a uniform density has taken the share given, the mass being the same."""


class SiteBytes(NamedTuple):
    """Bytes of memory that a site takes at the peak, in a diagram and in a transport."""

    diagram: int
    transport: int


# Measured from 10^5 to 10^6 sites.
PLANE_BYTES, SPACE_BYTES = SiteBytes(850, 1200), SiteBytes(1200, 2000)


@runtime_checkable
class Domain(Protocol):
    """The convex domain of a transport, of plane or space.

    Drawing asks for more: see those of `domains`.
    """

    @property
    def dimension(self) -> int:
        """Number of coordinates."""

    @property
    def center(self) -> Floats:
        """An inner point, (d,), that heights and kernels are relative to."""

    @property
    def measure(self) -> float:
        """Area or volume."""

    @property
    def inner_radius(self) -> float:
        """Radius of a disk or ball about `center` that the domain contains."""

    @property
    def site_bytes(self) -> SiteBytes:
        """Bytes of memory that a site takes."""

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain."""

    def figures(self) -> dict[str, Any]:
        """Return what the domain is, for ``metrics.json``: its kind, numbers, area or volume."""

    def engine(self, sites: Floats, source: Source | None = None) -> "SiteEngine[PowerCells]":
        """Return the engine for diagrams of sites on this domain, measured by `source`."""


class CutDomain(Domain, Protocol):
    """A domain that the kernels of plane and space cut cells out of."""

    @property
    def frame(self) -> Floats:
        """Corners of a rectangle that contains the domain, relative to `center`, (4, 2); of a box two, (2, 3)."""

    @property
    def walls(self) -> Floats:
        """Half-spaces ``a . x <= c`` relative to `center` that cut the domain out of its frame; (m, d + 1)."""

    @property
    def circle_radius(self) -> float:
        """Radius of the circle or sphere about `center` that bounds the domain; infinite if none does."""


@dataclass(frozen=True, eq=False)
class PowerCells:
    """Cells ``W_i = {x in Omega : |x - y_i|^2 - psi_i <= |x - y_j|^2 - psi_j for all j}`` of plane or space.

    Attributes
    ----------
    sites : (n, d) float
    weights : (n,) float
        The power weights psi.
    domain : Domain
    measures : (n,) float
        Area or volume of each cell; 0 if it is empty.
    masses : (n,) float
        Mass of each cell under the source's density, its measure if there is none.
    centroids : (n, d) float
        Center of mass of each cell, of its area if it has no mass; NaN if it is empty.
    second_moments : (n,) float
        Integral of the squared distance to the centroid over each cell, weighted by the density.
    certificate : float
        ``|sum of measures - measure| / measure``; the cells are exact if and only if it is 0 up to rounding.
    mass_certificate : float
        As `certificate`, for the masses.
    edges : CellEdges
        The edges or facets of every cell, each facet twice.
    """

    sites: Floats
    weights: Floats
    domain: Domain
    measures: Floats
    masses: Floats
    centroids: Floats
    second_moments: Floats
    certificate: float
    mass_certificate: float
    edges: CellEdges

    @property
    def empty(self) -> Ints:
        """Sites without a cell, or with one without mass."""
        return np.flatnonzero(~(self.masses > 0))

    @property
    def shortest(self) -> float:
        """Length or area up to which a facet is none."""
        return 0.0

    @cached_property
    def _once(self) -> NDArray[np.bool_]:
        """Edges that are facets, each once: cell j's view of it differs by rounding only."""
        return np.asarray((self.edges.owner < self.edges.other) & (self.edges.lengths > self.shortest))

    @cached_property
    def facets(self) -> Ints:
        """Pairs i < j of sites whose cells share a facet, (m, 2)."""
        return np.column_stack([self.edges.owner[self._once], self.edges.other[self._once]])

    @cached_property
    def facet_measures(self) -> Floats:
        """Length or area of each facet, (m,)."""
        return self.edges.lengths[self._once]

    @cached_property
    def facet_masses(self) -> Floats:
        """Integral of the density along each facet, (m,); its length or area if there is no density."""
        return self.edges.masses[self._once]

    @cached_property
    def facet_ends(self) -> Floats | None:
        """End points of each facet of the plane, (m, 2, 2), with cell i on the left; None if they are not known."""
        ends = self.edges.ends
        return None if ends is None else ends[self._once].reshape(-1, 2, 2) + self.domain.center

    @property
    def rim_middles(self) -> Floats:
        """Middle of each cell's part of the circle or sphere that bounds the domain, (n, d); NaN without one."""
        return np.full(self.sites.shape, np.nan)

    def laplacian(self, scale: float = 1.0, rows: int | None = None) -> tuple[Ints, csr_array]:
        """Return the sites in Hilbert order, and the first `rows` rows and columns of their Hessian, times `scale`.

        Parameters
        ----------
        scale : float
        rows : int

        Returns
        -------
        order : (n,) int
        matrix : (rows, rows) sparse
        """
        count = len(self.sites) if rows is None else rows
        return self.edges.order, self.edges.laplacian(self.sites, self._conducting(), scale, count)

    def _conducting(self) -> Floats:
        """Return the mass of each edge that its conductance is made of."""
        return self.edges.masses

    @property
    def triangulation(self) -> Ints:
        """The weighted Delaunay triangulation of all sites, (t, 3), in the plane.

        Raises
        ------
        GeometryError
            The cells are not of the plane, or their engine offers none.
        """
        raise GeometryError("this is for transports in the plane")

    def polygons(self) -> CellPolygons:
        """Return the outlines of all cells, in the plane; GeometryError as by `triangulation`.

        Returns
        -------
        CellPolygons
        """
        raise GeometryError("this is for transports in the plane")

    def cell_faces(self) -> CellFaces:
        """Return the faces of all cells as polygons, in space.

        Returns
        -------
        CellFaces

        Raises
        ------
        GeometryError
            The cells are not of space.
        """
        raise GeometryError("this is for transports in space")

    def with_facet_ends(self) -> Self:
        """Return the diagram with all that drawing its facets takes.

        Returns
        -------
        PowerCells
        """
        return self

    def facet_polygons(self, chosen: Ints) -> tuple[Ints, Floats]:
        """Return the corners of some facets, rows of `facets`, one after another: (m + 1,) starts and (p, d) points.

        In the plane these are the two ends; see `with_facet_ends`.

        Parameters
        ----------
        chosen : (m,) int

        Returns
        -------
        starts : (m + 1,) int
        points : (p, d) float
        """
        ends = self.facet_ends
        assert ends is not None
        return 2 * np.arange(len(chosen) + 1), ends[chosen].reshape(-1, 2)

    def with_empty_cells(self, kept: Ints, sites: Floats, weights: Floats) -> Self:
        """Return the diagram of all `sites` and `weights`, of which those not `kept` (m,) are empty.

        Parameters
        ----------
        kept : (m,) int
        sites, weights : (n, d) float, (n,) float

        Returns
        -------
        PowerCells
        """
        values = np.zeros((3, len(sites)))
        centroids = np.full(sites.shape, np.nan)
        values[:, kept], centroids[kept] = [self.measures, self.masses, self.second_moments], self.centroids
        return replace(
            self, sites=sites, weights=weights, measures=values[0], masses=values[1], second_moments=values[2],
            centroids=centroids, edges=self.edges._replace(order=kept[self.edges.order]),
        )  # fmt: skip


CellsT_co = TypeVar("CellsT_co", bound=PowerCells, covariant=True)


class SiteEngine(OrderedEngine[CellsT_co]):
    """Sites of plane or space, whose power cells are made for one set of weights after another."""

    def raised_weights(
        self, diagram: PowerCells, small: Ints, wanted: Floats, spacing: Floats, near: tuple[Ints, Ints]
    ) -> Floats | None:
        """Return weights near a diagram's by which the cells of `small` sites have mass, or None if that does not end.

        Parameters
        ----------
        diagram : PowerCells
        small : (m,) int
        wanted : (n,) float
            The mass that each cell is to have in the end; now a modest share of it is enough.
        spacing : (n,) float
            Distance from each site to those near it, in the engine's order.
        near : (n + 1,) int, (e,) int
            Near sites of each site (CSR) in the engine's order.
        """
        raised = self.raised(diagram, wanted)
        return None if raised is None else raised.weights

    def raised(self, diagram: PowerCells, wanted: Floats) -> PowerCells | None:
        """Raise the weights of cells below `LEAST` of the mass wanted, in growing steps; None if that does not end."""
        first = 0.1 * wanted * diagram.measures.sum() / diagram.masses.sum()
        steps = first.copy()
        for _ in range(RAISES):
            small = diagram.masses < LEAST * wanted
            if not small.any():
                return diagram
            diagram = self.diagram(diagram.weights + np.where(small, steps, 0.0))
            steps = np.where(small, GROWTH * steps, first)
        return None
