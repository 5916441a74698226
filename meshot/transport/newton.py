"""Damped Newton iteration for the heights of a Brenier potential.

The heights h for which every cell has the mass asked for minimize the convex energy of Gu, Luo, Sun and Yau (2013).
Its Hessian is a weighted graph Laplacian. Newton's step is halved until all cells keep a least mass and the error
falls, which makes convergence global (Kitagawa, Merigot and Thibert 2019).
"""

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from meshot.algebra.multigrid import GroupMultigrid
from meshot.algebra.solve import solve_spd
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning, GeometryError
from meshot.base.kernels import kernel, run_in_chunks
from meshot.base.progress import SILENT, Progress
from meshot.base.settings import TOL
from meshot.diagrams.density.source import Source
from meshot.diagrams.domains import Domain, SpaceDomain
from meshot.diagrams.plane.diagram import PowerDiagram, PowerEngine
from meshot.diagrams.space.diagram import SpaceDiagram, SpaceEngine

MAX_HALVINGS = 30
# Sites from which multigrid is faster than a factorization, and its iterations before that is taken all the same.
MULTIGRID_FROM, MAX_ITERATIONS = 5_000, 150
# Share of the mean density that facets have at least in the Hessian, which would be singular where the density's parts
# lie apart.
FAINT = 1e-10

Diagram = PowerDiagram | SpaceDiagram
Engine = PowerEngine | SpaceEngine


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
        Relative difference between the sum of the cells' areas, or volumes, and the domain's.
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
    diagram: Diagram
    history: tuple[NewtonStep, ...]

    @property
    def error(self) -> float:
        """Largest relative error of a cell's mass."""
        return self.history[-1].error


@dataclass(frozen=True, eq=False)
class TransportProblem:
    """A density on `domain`, scaled to the total mass, to be sent to `masses` (n,) at `sites` (n, 2 or 3).

    The density is that of `source`, uniform if there is none. Heights are those of the Brenier potential as a function
    of the place relative to the domain's center c: ``u(c + x) = max_i (<x, y_i> + h_i)``. So they keep their digits
    where the domain lies far from the origin.
    """

    sites: Floats
    masses: Floats
    domain: Domain | SpaceDomain
    source: Source | None = None

    @property
    def density(self) -> float:
        """The factor that scales the density, from the masses in a diagram to those of the transport."""
        return float(self.masses.sum() / (self.domain.measure if self.source is None else self.source.mass))

    def engine(self) -> Engine:
        """Return the engine for diagrams of the sites."""
        domain: Any = self.domain
        if domain.dimension == 3:
            return SpaceEngine(self.sites, domain)
        return PowerEngine(self.sites, domain, self.source)

    def power_weights(self, heights: Floats) -> Floats:
        """Return psi_i = 2 h_i + |y_i - c|^2."""
        return np.asarray(2 * heights + ((self.sites - self.domain.center) ** 2).sum(axis=1))

    def heights(self, weights: Floats) -> Floats:
        """Return the heights of power weights, the inverse of `power_weights`."""
        return np.asarray((weights - ((self.sites - self.domain.center) ** 2).sum(axis=1)) / 2)

    def laplacian(self, diagram: Diagram, rows: int) -> tuple[Ints, csr_array]:
        """Return the sites in Hilbert order, and the first `rows` rows and columns of their Hessian."""
        return diagram.edges.order, _laplacian(self, diagram, rows)


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

    tol: float = TOL
    max_iter: int = 200

    def start(self, problem: TransportProblem, engine: Engine, heights: Floats | None = None) -> TransportState:
        """Return the first state: from `heights`, or from `admissible_heights`."""
        if heights is None:
            heights = admissible_heights(problem)
        diagram = engine.diagram(problem.power_weights(heights))
        if len(diagram.empty):
            raise GeometryError("cells are empty at the start", ids=diagram.empty.tolist())
        return first_state(problem, diagram)

    def step(self, problem: TransportProblem, engine: Engine, state: TransportState) -> TransportState | None:
        """Return the next state, or None if no step length brings the error down.

        The step is halved until every cell keeps `floor` and the error (2-norm) falls by the factor 1 - step / 2.
        """
        begin = time.perf_counter()
        masses = state.diagram.masses * problem.density
        missing = problem.masses - masses
        # as exact as is of use: the step's own error is quadratic, and at the end only the tolerance counts
        exactness = max(0.05 * state.error, 0.05 * self.tol / state.error) if state.error < 1 else 1e-2
        direction = newton_direction(problem, state.diagram, missing, exactness)
        floor = min(state.history[0].smallest, float(problem.masses.min())) / 2
        square = float(np.einsum("i,i", missing, missing))
        length = 1.0
        for _ in range(MAX_HALVINGS):
            heights = state.heights + length * direction
            diagram = engine.diagram_above(floor / problem.density, problem.power_weights(heights))
            if diagram is not None:
                left = problem.masses - diagram.masses * problem.density
                if np.einsum("i,i", left, left) <= (1 - length / 2) ** 2 * square:
                    spent = state.history[-1].seconds + time.perf_counter() - begin
                    return TransportState(heights, diagram, (*state.history, _record(problem, diagram, length, spent)))
            length /= 2
        return None

    def iterate(self, problem: TransportProblem, engine: Engine, start: TransportState) -> Iterator[TransportState]:
        """Yield `start` and one state after another until a tolerance, a limit or rounding ends it."""
        state: TransportState | None = start
        while state is not None:
            yield state
            if state.error <= self.tol or len(state.history) > self.max_iter:
                return
            state = self.step(problem, engine, state)

    def end(self, problem: TransportProblem, engine: Engine, diagram: Diagram) -> TransportState:
        """Return the last state of the iteration from a diagram without empty cells."""
        return deque(self.iterate(problem, engine, first_state(problem, diagram)), maxlen=1).pop()

    def _states(
        self,
        problem: TransportProblem,
        engine: Engine,
        start: TransportState,
        rescue: Callable[[TransportState], Iterator[TransportState]] | None,
    ) -> Iterator[TransportState]:
        """Yield the iteration's states, and those of the rescue if it ends before a tolerance or a limit."""
        state = start
        for state in self.iterate(problem, engine, start):
            yield state
        if rescue is not None and self.tol < state.error and len(state.history) <= self.max_iter:
            yield from rescue(state)

    def run(
        self,
        problem: TransportProblem,
        engine: Engine,
        start: TransportState,
        callback: Callable[[TransportState], None] | None = None,
        progress: Progress | None = None,
        rescue: Callable[[TransportState], Iterator[TransportState]] | None = None,
    ) -> tuple[TransportState, bool, str]:
        """Return the last state, whether it is within the tolerance, and why the iteration ended.

        A `rescue` is asked for better states than one from which no step leads to the tolerance. Warns, unless the
        callback halts it by StopIteration, with `ConvergenceWarning` if it is not.
        """
        client = SILENT if progress is None else progress
        for state in self._states(problem, engine, start, rescue):
            client.update(_fraction(state, self.tol), f"step {len(state.history) - 1}, error {state.error:.1e}")
            try:
                if callback is not None:
                    callback(state)
            except StopIteration:
                if state.error > self.tol:
                    return state, False, "halted by the callback"
        if state.error <= self.tol:
            return state, True, f"largest relative error {state.error:.1e} <= {self.tol:.1e}"
        if len(state.history) > self.max_iter:
            reason = f"stopped after {self.max_iter} steps at a largest relative error of {state.error:.1e}"
        else:
            reason = f"no step reduces the largest relative error of {state.error:.1e}: rounding"
        warnings.warn(f"transport did not converge: {reason}", ConvergenceWarning, stacklevel=3)
        return state, False, reason


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Where the iteration ended, in the plane or on the sphere.

    Attributes
    ----------
    problem
        Sites, masses asked for, source.
    heights : (n,) float
        Heights, of mean zero.
    diagram
        Their cells (areas, not masses).
    history : tuple of NewtonStep
        One entry a step; the first is the start.
    converged : bool
    reason : str
        Why the iteration ended.
    """

    problem: Any
    heights: Floats
    diagram: Any
    history: tuple[NewtonStep, ...]
    converged: bool
    reason: str

    @property
    def masses(self) -> Floats:
        """Mass of each cell, (n,)."""
        return np.asarray(self.diagram.masses * self.problem.density)

    @property
    def centroids(self) -> Floats:
        """Centroid of each cell, (n, d)."""
        return np.asarray(self.diagram.centroids)

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
        """Largest relative difference, over all steps, between the sum of the cells' areas and the source's."""
        return max(step.certificate for step in self.history)


def first_state(problem: TransportProblem, diagram: Diagram, seconds: float = 0.0) -> TransportState:
    """Return the state at a diagram without empty cells, that took `seconds` to find."""
    record = _record(problem, diagram, 1.0, seconds)
    return TransportState(problem.heights(diagram.weights), diagram, (record,))


def newton_direction(problem: TransportProblem, diagram: Diagram, missing: Floats, tol: float = 1e-10) -> Floats:
    """Return d with Hessian d = missing, of mean zero.

    The Hessian is a weighted graph Laplacian, dw_i/dh_j = -mu(facet ij) / |y_i - y_j|; its null space, the constants,
    is taken out by holding the last height.

    Parameters
    ----------
    problem : TransportProblem
    diagram : PowerDiagram or SpaceDiagram
    missing : (n,) float
    tol : float
        Relative residual at which multigrid stops, which solves the large systems.
    """
    n = len(missing)
    if n == 1:
        return np.zeros(1)
    order, grounded = problem.laplacian(diagram, n - 1)
    solution = None
    if n >= MULTIGRID_FROM:
        group = 1 << problem.sites.shape[1]
        solution = GroupMultigrid(grounded, group).solve(missing[order[:-1]], tol, MAX_ITERATIONS)
    if solution is None:
        solution = solve_spd(grounded, missing[order[:-1]])
    direction = np.empty(n)
    direction[order] = np.append(solution, 0.0)
    return direction - direction.mean()


def conductance_laplacian(problem: TransportProblem, diagram: Diagram) -> csr_array:
    """Return the Hessian of the transport energy, (n, n): symmetric, rows sum to zero, negative off the diagonal."""
    order, matrix = problem.laplacian(diagram, len(problem.sites))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return csr_array(matrix[place][:, place])


def _laplacian(problem: TransportProblem, diagram: Diagram, rows: int) -> csr_array:
    """Return the first `rows` rows and columns of the Hessian of the sites in Hilbert order, diagonal entries first."""
    edges, lengths = diagram.edges, diagram.edges.masses
    if problem.source is not None:
        lengths = lengths + FAINT * problem.source.mass / problem.domain.measure * edges.lengths
    kept = np.concatenate([[0], np.cumsum((edges.beyond >= 0) & (edges.beyond < rows) & (lengths > 0))])
    indptr = (kept[edges.starts[: rows + 1]] + np.arange(rows + 1)).astype(np.int32)
    indices, data = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
    sites = np.take(problem.sites, edges.order, axis=0)
    run_in_chunks(
        lambda first, last: _fill_laplacian(
            first, last, problem.density, sites, edges.starts, edges.beyond, lengths, indptr, indices, data
        ),
        rows,
        max(8192, rows // 32),
    )
    return csr_array((data, indices, indptr), shape=(rows, rows))


@kernel
def _fill_laplacian(first, last, density, sites, starts, beyond, lengths, indptr, indices, data):
    """Fill the rows from `first` to `last`; what leads to rows that are left out counts on the diagonal alone."""
    rows = len(indptr) - 1
    for i in range(first, last):
        m, diagonal = indptr[i], 0.0
        for e in range(starts[i], starts[i + 1]):
            j = beyond[e]
            if j < 0 or not lengths[e] > 0.0:
                continue
            square = 0.0
            for k in range(sites.shape[1]):
                square += (sites[j, k] - sites[i, k]) ** 2
            weight = density * lengths[e] / np.sqrt(square)
            diagonal += weight
            if j < rows:
                m += 1
                indices[m], data[m] = j, -weight
        indices[indptr[i]], data[indptr[i]] = i, diagonal


def admissible_heights(problem: TransportProblem) -> Floats:
    """Return heights for which every cell has mass.

    Sites in the domain own their Voronoi cells: h_i = -|y_i|^2 / 2. Other sites are first moved and scaled into it,
    y' = s y + t (see `moved_in`); since <x, y'> = s <x, y> + <x, t>, the cells of (y', h') are those of (y, h'/s).
    """
    if problem.domain.contains(problem.sites).all():
        return problem.heights(np.zeros(len(problem.sites)))
    moved, scale = moved_in(problem)
    return moved.heights(np.zeros(len(moved.sites))) / scale


def moved_in(problem: TransportProblem) -> tuple[TransportProblem, float]:
    """Return the problem with the sites moved and scaled into the domain, and the scale.

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> problem = TransportProblem(np.array([[1e9, 3.0], [3e9, 3.0]]), np.ones(2), Disk())
    >>> moved_in(problem)[0].sites
    array([[-0.99,  0.  ],
           [ 0.99,  0.  ]])
    """
    middle, reach = middle_and_reach(problem.sites)
    scale = 0.99 * problem.domain.inner_radius / reach if reach > 0 else 1.0
    return replace(problem, sites=scale * (problem.sites - middle) + problem.domain.center), scale


def middle_and_reach(sites: Floats) -> tuple[Floats, float]:
    """Return the middle of the box around sites, (d,), and how far they lie from it."""
    middle = sites.min(axis=0) / 2 + sites.max(axis=0) / 2
    return middle, float(np.linalg.norm(sites - middle, axis=1).max())


def _record(problem: TransportProblem, diagram: Diagram, length: float, seconds: float) -> NewtonStep:
    masses = diagram.masses * problem.density
    error = float(np.abs(masses / problem.masses - 1).max())
    return NewtonStep(error, float(masses.min()), length, diagram.certificate, seconds)


def _fraction(state: TransportState, tol: float) -> float:
    """Guess how much of the work is done, from the error's logarithm."""
    first, now = state.history[0].error, state.error
    if first <= tol:
        return 1.0
    return float(np.clip(np.log(first / max(now, tol)) / np.log(first / tol), 0.0, 1.0))
