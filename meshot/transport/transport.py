"""Semi-discrete optimal transport in the plane: from a density on a convex domain to weighted sites.

The Brenier potential is u(x) = max_i (<x, y_i> + h_i); its gradient sends the cell W_i of the power diagram with
weights psi_i = 2 h_i + |y_i|^2 to the site y_i. The heights h for which every cell has the mass asked for are found by
a damped Newton method (see `newton`), which starts from the solution of coarser problems (see `multilevel`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from meshot.diagrams.density import Density
from meshot.diagrams.domains import Domain
from meshot.diagrams.dual import PiecewiseLinear
from meshot.diagrams.polygons import Polygons
from meshot.diagrams.power import PowerDiagram, PowerEngine, default_domain
from meshot.diagrams.sites import Duplicates, Merged, check_duplicates, check_masses, check_numbers, check_sites, merge
from meshot.diagrams.sitetree import build_tree, hilbert_order, nearest_sites
from meshot.diagrams.source import Source
from meshot.errors import GeometryError
from meshot.kernels import run_in_chunks
from meshot.memory import require_memory
from meshot.meshes.mesh import Floats, Ints
from meshot.progress import Progress
from meshot.settings import TOL, require_positive
from meshot.transport.blending import give_all_mass
from meshot.transport.multilevel import multilevel_start
from meshot.transport.newton import (
    DampedNewton,
    NewtonResult,
    NewtonStep,
    TransportProblem,
    TransportState,
    admissible_heights,
    facet_laplacian,
    first_state,
    newton_direction,
)

# Sites below which the coarser problems cost more than they save.
MULTILEVEL_FROM = 2000
# Bytes of memory that a site takes at the peak: measured from 10^5 to 10^6 sites.
TRANSPORT_BYTES = 1200

__all__ = [
    "DampedNewton",
    "NewtonStep",
    "TransportProblem",
    "TransportResult",
    "TransportState",
    "facet_laplacian",
    "newton_direction",
    "solve_transport",
]


@dataclass(frozen=True, eq=False)
class TransportResult(NewtonResult):
    """The optimal map from a density to weighted sites.

    Attributes
    ----------
    problem : TransportProblem
        Sites, masses asked for, domain, and the density there.
    heights : (n,) float
        Heights h of the Brenier potential, of mean zero.
    diagram : PowerDiagram
        Its cells (with masses before the density is scaled).
    history : tuple of NewtonStep
        One entry a step; the first is the start.
    converged : bool
    reason : str
        Why the iteration ended.
    cell_of_site : (n,) int
        The cell of each site that was given: sites in the same place, if they were merged, share one.
    """

    problem: TransportProblem
    diagram: PowerDiagram
    cell_of_site: Ints

    @property
    def weights(self) -> Floats:
        """Power weights psi_i = 2 h_i + |y_i|^2, (n,), up to a constant: those of the diagram, to the last digit."""
        return self.diagram.weights

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

    def map(self, x: ArrayLike) -> Floats:
        """Return the image T(x) of points (m, 2): the site in whose cell each lies."""
        return np.asarray(self.problem.sites[self.locate(x)])

    def locate(self, x: ArrayLike) -> Ints:
        """Return the site in whose cell each point (m, 2) lies, (m,); points outside the domain too get their site."""
        points = np.ascontiguousarray(np.asarray(x, dtype=np.float64)) - self.problem.domain.center
        order, sites, weights, tree = self._tree
        parts = run_in_chunks(
            lambda start, stop: nearest_sites(points[start:stop], sites, weights, *tree), len(points), 1 << 14
        )
        return order[np.concatenate([np.empty(0, dtype=np.int64), *parts])]

    def potential(self, x: ArrayLike) -> Floats:
        """Return the Brenier potential u(x) = max_i (<x, y_i> + h_i) at points (m, 2)."""
        site = self.locate(x)
        return np.asarray((np.asarray(x) * self.problem.sites[site]).sum(axis=1) + self.heights[site])

    def kantorovich(self, x: ArrayLike) -> Floats:
        """Return the Kantorovich potential |x|^2 / 2 - u(x) at points (m, 2)."""
        return np.asarray((np.asarray(x) ** 2).sum(axis=1) / 2 - self.potential(x))

    def dual_potential(self, y: ArrayLike) -> Floats:
        """Return the Legendre dual u*(y) = sup_x <x, y> - u(x) of the Brenier potential at points (m, 2).

        It is piecewise linear on the weighted Delaunay triangulation of the sites, with the values -h_i there, and
        infinite outside the sites' convex hull.

        Examples
        --------
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
        weights, missing = self.diagram.weights, self.problem.masses - self.masses
        return self.cost + float((weights - weights.mean()) @ missing)

    def interpolate(self, t: float) -> Floats:
        """Return McCann's interpolation of the centroids, (1 - t) c_i + t y_i, (n, 2)."""
        return np.asarray((1 - t) * self.centroids + t * self.problem.sites)

    def interpolate_cells(self, t: float) -> Polygons:
        """Return the cells on their way: x goes to (1 - t) x + t y_i, so that areas shrink by (1 - t)^2.

        Parameters
        ----------
        t : float
            Time from 0, the cells, to 1, the sites.

        References
        ----------
        McCann, "A convexity principle for interacting gases", Adv. Math. 1997.

        Examples
        --------
        >>> from meshot.diagrams.domains import Box
        >>> result = solve_transport([[-0.1, 0.0], [0.3, 0.0]], domain=Box([-1, -1], [1, 1]))
        >>> result.interpolate_cells(0.5).areas.round(9)
        array([0.5, 0.5])
        """
        cells = self._polygons
        return Polygons(cells.starts, (1 - t) * cells.points + t * self.problem.sites[cells.owner])

    @cached_property
    def _polygons(self) -> Polygons:
        return self.diagram.polygons()

    @cached_property
    def _dual(self) -> PiecewiseLinear:
        return PiecewiseLinear(self.problem.sites, -self.heights, self.diagram.triangulation)

    @cached_property
    def _tree(self) -> tuple[Ints, Floats, Floats, tuple[Ints, Floats]]:
        local = self.problem.sites - self.problem.domain.center
        order = hilbert_order(local)
        sites, weights = local[order], self.problem.power_weights(self.heights)[order]
        return order, sites, weights, build_tree(sites, weights)


def solve_transport(
    sites: ArrayLike,
    masses: ArrayLike | None = None,
    domain: Domain | None = None,
    density: Density | None = None,
    *,
    tol: float = TOL,
    max_iter: int = 200,
    heights: ArrayLike | None = None,
    multilevel: bool = True,
    duplicates: Duplicates = "error",
    callback: Callable[[TransportState], None] | None = None,
    progress: Progress | None = None,
) -> TransportResult:
    """Solve semi-discrete optimal transport from a density to weighted sites, cost |x - y|^2.

    Parameters
    ----------
    sites : (n, 2) float
        Distinct sites, anywhere in the plane.
    masses : (n,) float, optional
        Positive masses; equal ones, of the domain's area or, with a density, its mass in total, by default. The
        density is scaled to their sum.
    domain : Disk, Box or ConvexPolygon, optional
        By default the unit disk, or all that the density covers.
    density : GridDensity or TriangulationDensity, optional
        Density of the source, uniform by default; `sample_density` makes one of a function. It may vanish in parts of
        the domain.
    tol : float
        Largest relative error of a cell's mass.
    max_iter : int
        Most Newton steps.
    heights : (n,) float, optional
        Heights to start from (a warm start); every cell must have mass.
    multilevel : bool
        Start from the solutions of coarser problems, if there are many sites and no `heights`.
    duplicates : {"error", "merge"}
        What to do with sites in the same place: refuse them, or make them one with the sum of their masses; the
        result's `cell_of_site` then says which share a cell.
    callback : callable, optional
        Gets each `TransportState` (of the finest level); raising StopIteration halts.
    progress : Progress, optional

    Raises
    ------
    GeometryError
        Sites that coincide, masses that are not positive and finite, wrong shapes, a density that does not cover the
        domain or vanishes on all of it.
    NotEnoughMemoryError
        There are too many sites for the memory that is available.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not reached; `TransportResult.reason` says why.

    References
    ----------
    Kitagawa, Merigot, Thibert, "Convergence of a Newton algorithm for semi-discrete optimal transport", JEMS 2019.

    Examples
    --------
    >>> result = solve_transport([[-0.1, 0.0], [0.3, 0.0]], [1.0, 1.0])
    >>> bool(result.converged), float(round(abs(result.diagram.facet_lengths[0]), 6))
    (True, 2.0)
    """
    require_positive("tol", tol)
    domain = default_domain(domain, density)
    source = None if density is None else Source(density, domain)
    problem, merged = _checked_problem(sites, masses, domain, source, duplicates)
    solver = DampedNewton(tol, max_iter)
    begin = time.perf_counter()
    engine = PowerEngine(problem.sites, problem.domain, source)
    if heights is not None:
        start = solver.start(problem, engine, _checked_heights(heights, merged))
    elif multilevel and engine.count >= MULTILEVEL_FROM:
        start = first_state(problem, multilevel_start(problem, engine), time.perf_counter() - begin)
    else:
        plain = engine.diagram(problem.power_weights(admissible_heights(problem)))
        start = first_state(problem, give_all_mass(problem, engine, plain), time.perf_counter() - begin)
    state, converged, reason = solver.run(problem, engine, start, callback, progress)
    centered = state.heights - state.heights.mean()
    return TransportResult(problem, centered, state.diagram, state.history, converged, reason, merged.place)


def _checked_problem(
    sites: ArrayLike, masses: ArrayLike | None, domain: Domain, source: Source | None, duplicates: Duplicates
) -> tuple[TransportProblem, Merged]:
    """Return the problem and which sites it merges."""
    check_duplicates(duplicates)
    positions = check_sites(sites, distinct=duplicates == "error")
    n = len(positions)
    require_memory(n * TRANSPORT_BYTES, f"a transport to {n:,} sites")
    total = domain.area if source is None else source.mass
    wanted = check_masses(np.full(n, total / n) if masses is None else masses, n)
    if duplicates == "error":
        return TransportProblem(positions, wanted, domain, source), Merged(np.arange(n), np.arange(n))
    merged = merge(positions)
    summed = np.bincount(merged.place, wanted).astype(np.float64)
    return TransportProblem(positions[merged.first], summed, domain, source), merged


def _checked_heights(heights: ArrayLike, merged: Merged) -> Floats:
    array = check_numbers(heights, "heights")
    if array.shape != merged.place.shape or not np.isfinite(array).all():
        raise GeometryError(f"heights must be {len(merged.place)} finite numbers, got shape {array.shape}")
    return array[merged.first]
