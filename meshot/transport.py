"""Semi-discrete optimal transport in the plane: from a uniform density on a convex domain to weighted sites.

The Brenier potential is u(x) = max_i (<x, y_i> + h_i); its gradient sends the cell W_i of the power diagram with
weights psi_i = 2 h_i + |y_i|^2 to the site y_i. The heights h for which every cell has the mass asked for are found by
Newton's method on the convex energy of Gu, Luo, Sun and Yau (2013), damped as in Kitagawa, Merigot and Thibert (2019):
a step is halved until all cells keep a least mass and the error falls, which makes convergence global.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array, csr_array

from meshot.domains import Disk, Domain
from meshot.errors import ConvergenceWarning, GeometryError
from meshot.linsolve import solve_spd
from meshot.mesh import Floats, Ints
from meshot.power import PowerDiagram, PowerEngine
from meshot.progress import SILENT, Progress
from meshot.sitetree import build_tree, hilbert_order, nearest_sites

MAX_HALVINGS = 30


@dataclass(frozen=True)
class NewtonStep:
    """What one accepted step did.

    Attributes
    ----------
    error : float
        Largest relative error of a cell's mass after the step.
    smallest : float
        Smallest mass of a cell.
    step : float
        Step length taken, a power of 1/2.
    certificate : float
        Relative difference between the sum of the cells' areas and the domain's.
    seconds : float
        Time since the start.
    """

    error: float
    smallest: float
    step: float
    certificate: float
    seconds: float


@dataclass(frozen=True, eq=False)
class TransportState:
    """An iterate: heights, their diagram, and the steps that led to it."""

    heights: Floats
    diagram: PowerDiagram
    history: tuple[NewtonStep, ...]

    @property
    def error(self) -> float:
        """Largest relative error of a cell's mass."""
        return self.history[-1].error


@dataclass(frozen=True, eq=False)
class TransportProblem:
    """Uniform density on `domain`, scaled to the total mass, to be sent to `masses` (n,) at `sites` (n, 2)."""

    sites: Floats
    masses: Floats
    domain: Domain

    @property
    def density(self) -> float:
        """Mass per area of the source."""
        return float(self.masses.sum() / self.domain.area)

    def power_weights(self, heights: Floats) -> Floats:
        """Return psi_i = 2 h_i + |y_i|^2, with positions taken relative to the domain's center.

        The shift adds <c, y_i> to the heights and keeps digits where the domain lies far from the origin.
        """
        local = self.sites - self.domain.center
        return np.asarray(2 * (heights + self.sites @ self.domain.center) + (local**2).sum(axis=1))

    def heights(self, weights: Floats) -> Floats:
        """Return the heights of power weights, the inverse of `power_weights`."""
        local = self.sites - self.domain.center
        return np.asarray((weights - (local**2).sum(axis=1)) / 2 - self.sites @ self.domain.center)


@dataclass(frozen=True, eq=False)
class TransportResult:
    """The optimal map from a uniform density to weighted sites.

    Attributes
    ----------
    problem : TransportProblem
        Sites, masses asked for, domain.
    heights : (n,) float
        Heights h of the Brenier potential, of mean zero.
    diagram : PowerDiagram
        Its cells (areas, not masses).
    history : tuple of NewtonStep
        One entry a step; the first is the start.
    converged : bool
    reason : str
        Why the iteration ended.
    """

    problem: TransportProblem
    heights: Floats
    diagram: PowerDiagram
    history: tuple[NewtonStep, ...]
    converged: bool
    reason: str

    @property
    def weights(self) -> Floats:
        """Power weights psi_i = 2 h_i + |y_i|^2, (n,)."""
        return np.asarray(2 * self.heights + (self.problem.sites**2).sum(axis=1))

    @property
    def masses(self) -> Floats:
        """Mass of each cell, (n,)."""
        return self.diagram.masses * self.problem.density

    @property
    def centroids(self) -> Floats:
        """Centroid of each cell, (n, 2)."""
        return self.diagram.centroids

    @property
    def iterations(self) -> int:
        """Number of Newton steps."""
        return len(self.history) - 1

    @property
    def max_relative_error(self) -> float:
        """Largest relative error of a cell's mass."""
        return self.history[-1].error

    @property
    def certificate(self) -> float:
        """Largest relative difference, over all steps, between the sum of the cells' areas and the domain's."""
        return max(step.certificate for step in self.history)

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
        return np.asarray(order[nearest_sites(points, sites, weights, *tree)])

    def potential(self, x: ArrayLike) -> Floats:
        """Return the Brenier potential u(x) = max_i (<x, y_i> + h_i) at points (m, 2)."""
        site = self.locate(x)
        return np.asarray((np.asarray(x) * self.problem.sites[site]).sum(axis=1) + self.heights[site])

    def kantorovich(self, x: ArrayLike) -> Floats:
        """Return the Kantorovich potential |x|^2 / 2 - u(x) at points (m, 2)."""
        return np.asarray((np.asarray(x) ** 2).sum(axis=1) / 2 - self.potential(x))

    def interpolate(self, t: float) -> Floats:
        """Return McCann's interpolation of the centroids, (1 - t) c_i + t y_i, (n, 2)."""
        return np.asarray((1 - t) * self.centroids + t * self.problem.sites)

    @cached_property
    def _tree(self) -> tuple[Ints, Floats, Floats, tuple[Ints, Floats]]:
        local = self.problem.sites - self.problem.domain.center
        order = hilbert_order(local)
        sites, weights = local[order], self.problem.power_weights(self.heights)[order]
        return order, sites, weights, build_tree(sites, weights)


@dataclass(frozen=True)
class DampedNewton:
    """Settings of the solver, and its public `step`.

    Attributes
    ----------
    tol : float
        Largest relative error of a cell's mass at which to stop.
    max_iter : int
        Most steps.
    """

    tol: float = 1e-6
    max_iter: int = 200

    def start(self, problem: TransportProblem, engine: PowerEngine, heights: Floats | None = None) -> TransportState:
        """Return the first state: from `heights`, or from `admissible_heights`."""
        if heights is None:
            heights = admissible_heights(problem)
        diagram = engine.diagram(problem.power_weights(heights))
        if len(diagram.empty):
            raise GeometryError("cells are empty at the start", ids=diagram.empty.tolist())
        return TransportState(heights, diagram, (_record(problem, diagram, 1.0, 0.0),))

    def step(self, problem: TransportProblem, engine: PowerEngine, state: TransportState) -> TransportState | None:
        """Return the next state, or None if no step length brings the error down.

        The step is halved until every cell keeps `floor` and the error (2-norm) falls by the factor 1 - step / 2.
        """
        begin = time.perf_counter()
        masses = state.diagram.masses * problem.density
        missing = problem.masses - masses
        direction = newton_direction(problem, state.diagram, missing)
        floor = min(state.history[0].smallest, float(problem.masses.min())) / 2
        norm = float(np.linalg.norm(missing))
        length = 1.0
        for _ in range(MAX_HALVINGS):
            heights = state.heights + length * direction
            diagram = engine.diagram_above(floor / problem.density, problem.power_weights(heights))
            if diagram is not None:
                left = float(np.linalg.norm(problem.masses - diagram.masses * problem.density))
                if left <= (1 - length / 2) * norm:
                    spent = state.history[-1].seconds + time.perf_counter() - begin
                    return TransportState(heights, diagram, (*state.history, _record(problem, diagram, length, spent)))
            length /= 2
        return None

    def iterate(self, problem: TransportProblem, heights: Floats | None = None) -> Iterator[TransportState]:
        """Yield the start and one state after another until a tolerance, a limit or rounding ends it."""
        engine = PowerEngine(problem.sites, problem.domain)
        state: TransportState | None = self.start(problem, engine, heights)
        while state is not None:
            yield state
            if state.error <= self.tol or len(state.history) > self.max_iter:
                return
            state = self.step(problem, engine, state)


def solve_transport(
    sites: ArrayLike,
    masses: ArrayLike | None = None,
    domain: Domain | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 200,
    heights: ArrayLike | None = None,
    callback: Callable[[TransportState], None] | None = None,
    progress: Progress | None = None,
) -> TransportResult:
    """Solve semi-discrete optimal transport from a uniform density to weighted sites, cost |x - y|^2.

    Parameters
    ----------
    sites : (n, 2) float
        Distinct sites, anywhere in the plane.
    masses : (n,) float, optional
        Positive masses; equal ones, of the domain's area in total, by default. The source's density is scaled to
        their sum.
    domain : Disk, Box or ConvexPolygon, optional
        The unit disk by default.
    tol : float
        Largest relative error of a cell's mass.
    max_iter : int
        Most Newton steps.
    heights : (n,) float, optional
        Heights to start from (a warm start); every cell must have mass.
    callback : callable, optional
        Gets each `TransportState`; raising StopIteration halts.
    progress : Progress, optional

    Raises
    ------
    GeometryError
        Sites that coincide, masses that are not positive and finite, wrong shapes.

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
    problem = _checked_problem(sites, masses, Disk() if domain is None else domain)
    client = SILENT if progress is None else progress
    start = None if heights is None else np.asarray(heights, dtype=np.float64)
    solver = DampedNewton(tol, max_iter)
    halted = False
    for state in solver.iterate(problem, start):
        client.update(_fraction(state, tol), f"step {len(state.history) - 1}, error {state.error:.1e}")
        try:
            if callback is not None:
                callback(state)
        except StopIteration:
            halted = True
            break
    return _verdict(problem, solver, state, halted)


def newton_direction(problem: TransportProblem, diagram: PowerDiagram, missing: Floats) -> Floats:
    """Return d with Hessian d = missing, of mean zero.

    The Hessian is a weighted graph Laplacian, dw_i/dh_j = -rho |facet ij| / |y_i - y_j|; its null space, the constants,
    is taken out by holding the last height.
    """
    matrix = facet_laplacian(problem, diagram)
    direction = np.zeros(len(missing))
    if len(missing) > 1:
        direction[:-1] = solve_spd(csr_array(matrix[:-1, :-1]), missing[:-1])
    return direction - direction.mean()


def facet_laplacian(problem: TransportProblem, diagram: PowerDiagram) -> csr_array:
    """Return the Hessian of the transport energy, (n, n): symmetric, rows sum to zero, negative off the diagonal."""
    n = len(problem.sites)
    i, j = diagram.facets.T
    distance = np.linalg.norm(problem.sites[i] - problem.sites[j], axis=1)
    weight = problem.density * diagram.facet_lengths / distance
    diagonal = np.bincount(i, weight, minlength=n) + np.bincount(j, weight, minlength=n)
    rows, columns = np.concatenate([i, j, np.arange(n)]), np.concatenate([j, i, np.arange(n)])
    return coo_array((np.concatenate([-weight, -weight, diagonal]), (rows, columns)), shape=(n, n)).tocsr()


def admissible_heights(problem: TransportProblem) -> Floats:
    """Return heights for which every cell has mass.

    Sites in the domain own their Voronoi cells: h_i = -|y_i|^2 / 2. Other sites are first moved and scaled into it,
    y' = s y + t; since <x, y'> = s <x, y> + <x, t>, the cells of (y', h') are those of (y, h'/s).
    """
    sites, domain = problem.sites, problem.domain
    if domain.contains(sites).all():
        return np.asarray(problem.heights(np.zeros(len(sites))))
    middle = (sites.min(axis=0) + sites.max(axis=0)) / 2
    reach = float(np.linalg.norm(sites - middle, axis=1).max())
    scale = 0.99 * domain.inner_radius / reach if reach > 0 else 1.0
    moved = scale * (sites - middle) + domain.center
    return np.asarray(-((moved - domain.center) ** 2).sum(axis=1) / (2 * scale) - (sites - middle) @ domain.center)


def _record(problem: TransportProblem, diagram: PowerDiagram, length: float, seconds: float) -> NewtonStep:
    masses = diagram.masses * problem.density
    error = float(np.abs(masses / problem.masses - 1).max())
    return NewtonStep(error, float(masses.min()), length, diagram.certificate, seconds)


def _checked_problem(sites: ArrayLike, masses: ArrayLike | None, domain: Domain) -> TransportProblem:
    positions = np.array(sites, dtype=np.float64)
    n = len(positions)
    wanted = np.full(n, domain.area / max(n, 1)) if masses is None else np.array(masses, dtype=np.float64)
    if wanted.shape != (n,):
        raise GeometryError(f"masses must have shape ({n},), one for each site, got {wanted.shape}")
    bad = np.flatnonzero(~(np.isfinite(wanted) & (wanted > 0)))
    if len(bad):
        raise GeometryError("mass that is not positive and finite", ids=bad.tolist())
    return TransportProblem(positions, wanted, domain)


def _fraction(state: TransportState, tol: float) -> float:
    """Guess how much of the work is done, from the error's logarithm."""
    first, now = state.history[0].error, state.error
    if first <= tol:
        return 1.0
    return float(np.clip(np.log(first / max(now, tol)) / np.log(first / tol), 0.0, 1.0))


def _verdict(problem: TransportProblem, solver: DampedNewton, state: TransportState, halted: bool) -> TransportResult:
    converged = state.error <= solver.tol
    if converged:
        reason = f"largest relative error {state.error:.1e} <= {solver.tol:.1e}"
    elif halted:
        reason = "halted by the callback"
    elif len(state.history) > solver.max_iter:
        reason = f"stopped after {solver.max_iter} steps at a largest relative error of {state.error:.1e}"
    else:
        reason = f"no step reduces the largest relative error of {state.error:.1e}: rounding"
    if not converged and not halted:
        warnings.warn(f"transport did not converge: {reason}", ConvergenceWarning, stacklevel=3)
    heights = state.heights - state.heights.mean()
    return TransportResult(problem, heights, state.diagram, state.history, converged, reason)
