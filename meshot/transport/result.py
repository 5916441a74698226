"""What a transport in plane or space gives: the map, its potentials, its cost and its interpolations."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import run_in_chunks
from meshot.diagrams.edges import CellPolygons
from meshot.diagrams.plane.dual import PiecewiseLinear
from meshot.diagrams.power_cells import PowerCells
from meshot.diagrams.site_tree import SiteTree, build_tree, hilbert_order, nearest_sites
from meshot.transport.newton import NewtonResult
from meshot.transport.problem import TransportProblem


@dataclass(frozen=True, eq=False)
class TransportResult(NewtonResult):
    """The optimal map from a density to weighted sites.

    Attributes
    ----------
    problem : TransportProblem
        Sites, masses asked for, domain, and the density there.
    heights : (n,) float
        Heights h of the Brenier potential, of mean zero.
    diagram : PowerDiagram, SpaceDiagram or other PowerCells
        Its cells (with masses before the density is scaled). Its sites and weights are those of the problem, unless
        these lie far from the domain or are of another size: then they are moved and scaled into it, which leaves the
        cells as they are.
    history : tuple of NewtonStep
        One entry a step; the first is the start.
    converged : bool
    reason : str
        Why the iteration ended.
    cell_of_site : (n,) int
        The cell of each site that was given: sites in the same place, if they were merged, share one.
    scale : float
        The diagram's sites are so much larger than those of the problem; 1 if they are the same.
    """

    problem: TransportProblem
    diagram: PowerCells
    cell_of_site: Ints
    scale: float

    @property
    def weights(self) -> Floats:
        """Power weights psi_i = 2 h_i + |y_i|^2, (n,), up to a constant.

        They are those of the diagram, to the last digit, if that has the sites of the problem.
        """
        return self.diagram.weights if self.scale == 1 else self.heights * 2 + (self.problem.sites**2).sum(axis=1)

    @property
    def centroids(self) -> Floats:
        """Centroid of each cell, (n, d)."""
        return self.diagram.centroids

    @property
    def mass_certificate(self) -> float:
        """Relative difference between the sum of the cells' masses and the domain's mass."""
        return self.diagram.mass_certificate

    @property
    def cost(self) -> float:
        """Squared Wasserstein distance W_2^2, from the cells' masses, centroids and second moments."""
        diagram = self.diagram
        full = diagram.masses > 0
        offset = ((diagram.centroids[full] - self.problem.sites[full]) ** 2).sum(axis=1)
        integrals = diagram.second_moments[full] + diagram.masses[full] * offset
        return float(integrals.sum() * self.problem.density)

    @property
    def arc_midpoints(self) -> Floats:
        """Middle of the arc that each cell has on the circle of a disk, (n, 2); NaN without one."""
        return self.diagram.rim_middles

    def map(self, x: ArrayLike) -> Floats:
        """Return the image T(x) of points (m, d): the site in whose cell each lies.

        Parameters
        ----------
        x : (m, d) float

        Returns
        -------
        (m, d) float
        """
        return np.asarray(self.problem.sites[self.locate(x)])

    def locate(self, x: ArrayLike) -> Ints:
        """Return the site in whose cell each point (m, d) lies, (m,); points outside the domain too get their site.

        Parameters
        ----------
        x : (m, d) float

        Returns
        -------
        (m,) int
        """
        points = np.ascontiguousarray(np.asarray(x, dtype=np.float64)) - self.problem.domain.center
        order, tree = self._tree
        parts = run_in_chunks(lambda start, stop: nearest_sites(points[start:stop], tree), len(points), 1 << 14)
        return order[np.concatenate([np.empty(0, dtype=np.int64), *parts])]

    def potential(self, x: ArrayLike) -> Floats:
        """Return the Brenier potential u(x) = max_i (<x, y_i> + h_i) at points (m, d).

        Parameters
        ----------
        x : (m, d) float

        Returns
        -------
        (m,) float
        """
        site = self.locate(x)
        return np.asarray((np.asarray(x) * self.problem.sites[site]).sum(axis=1) + self.heights[site])

    def kantorovich(self, x: ArrayLike) -> Floats:
        """Return the Kantorovich potential |x|^2 / 2 - u(x) at points (m, d).

        Parameters
        ----------
        x : (m, d) float

        Returns
        -------
        (m,) float
        """
        return np.asarray((np.asarray(x) ** 2).sum(axis=1) / 2 - self.potential(x))

    def dual_potential(self, y: ArrayLike) -> Floats:
        """Return the Legendre dual u*(y) = sup_x <x, y> - u(x) of the Brenier potential at points (m, 2) of the plane.

        It is piecewise linear on the weighted Delaunay triangulation of the sites, with the values -h_i there, and
        infinite outside the sites' convex hull.

        Parameters
        ----------
        y : (m, 2) float

        Returns
        -------
        (m,) float

        Examples
        --------
        >>> from meshot.transport.solve import solve_transport
        >>> result = solve_transport([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.5]])
        >>> bool(np.allclose(result.dual_potential([[0.5, 0.0], [2.0, 0.0]]), [-result.heights[1], np.inf]))
        True
        """
        return self._dual(np.asarray(y, dtype=np.float64))

    @property
    def dual_cost(self) -> float:
        """Value of Kantorovich's dual problem at this potential, a lower bound of W_2^2 for the masses asked for.

        It equals `cost` but for what the masses of the cells are off.
        """
        weights, missing = self.weights, self.problem.masses - self.masses
        return self.cost + float((weights - weights.mean()) @ missing)

    def interpolate(self, t: float) -> Floats:
        """Return McCann's interpolation of the centroids, (1 - t) c_i + t y_i, (n, d).

        Parameters
        ----------
        t : float
            Time from 0, the centroids, to 1, the sites.

        Returns
        -------
        (n, d) float
        """
        return np.asarray((1 - t) * self.centroids + t * self.problem.sites)

    def interpolate_cells(self, t: float) -> CellPolygons:
        """Return the cells of the plane on their way: x goes to (1 - t) x + t y_i, so that areas shrink by (1 - t)^2.

        Parameters
        ----------
        t : float
            Time from 0, the cells, to 1, the sites.

        Returns
        -------
        CellPolygons

        References
        ----------
        McCann, "A convexity principle for interacting gases", Adv. Math. 1997.

        Examples
        --------
        >>> from meshot.diagrams.domains import Box
        >>> from meshot.transport.solve import solve_transport
        >>> result = solve_transport([[-0.1, 0.0], [0.3, 0.0]], domain=Box([-1, -1], [1, 1]))
        >>> result.interpolate_cells(0.5).areas.round(9)
        array([0.5, 0.5])
        """
        cells = self._polygons
        return CellPolygons(cells.starts, (1 - t) * cells.points + t * self.problem.sites[cells.owner])

    @cached_property
    def _polygons(self) -> CellPolygons:
        return self.diagram.polygons()

    @cached_property
    def _dual(self) -> PiecewiseLinear:
        return PiecewiseLinear(self.problem.sites, -self.heights, self.diagram.triangulation)

    @cached_property
    def _tree(self) -> tuple[Ints, SiteTree]:
        local = self.diagram.sites - self.problem.domain.center
        order = hilbert_order(local)
        sites, weights = local[order], self.diagram.weights[order] - self.diagram.weights.mean()
        return order, build_tree(sites, weights)
