"""Damped Newton iteration for the heights of a Brenier potential.

The heights h for which every cell has the prescribed mass minimize the convex energy of Gu, Luo, Sun and Yau (2013).
Its Hessian is a weighted graph Laplacian. Newton's step is halved until all cells keep a least mass and the error
decreases, which makes convergence global (Kitagawa, Merigot and Thibert 2019).
"""

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from meshot.algebra.multigrid import GroupMultigrid
from meshot.algebra.solve import solve_spd
from meshot.base.arrays import Floats
from meshot.base.errors import ConvergenceError, ConvergenceWarning, GeometryError
from meshot.base.progress import SILENT, Progress
from meshot.base.settings import TOL
from meshot.diagrams.engine import Diagram, DiagramT_co, Engine, Problem

MAX_HALVINGS = 30
# Sites from which on multigrid is faster than a factorization, and iterations after which that is used nevertheless.
MULTIGRID_FROM, MAX_ITERATIONS = 5_000, 150

D = TypeVar("D", bound=Diagram)


@dataclass(frozen=True)
class NewtonStep:
    """One accepted Newton step.

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
class TransportState(Generic[DiagramT_co]):
    """An iterate: heights, their diagram, and the steps that led to it."""

    heights: Floats
    diagram: DiagramT_co
    history: tuple[NewtonStep, ...]

    @property
    def error(self) -> float:
        """Largest relative error of a cell's mass."""
        return self.history[-1].error


Callback = Callable[[TransportState[Diagram]], None]


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

    def start(self, problem: Problem, engine: Engine[D], heights: Floats | None = None) -> TransportState[D]:
        """Return the first state: from `heights`, or from the problem's own."""
        diagram = engine.diagram(problem.power_weights(problem.first_heights() if heights is None else heights))
        empty = np.flatnonzero(~(diagram.masses > 0))
        if len(empty):
            raise GeometryError("cells are empty at the start", ids=empty.tolist())
        return first_state(problem, diagram)

    def step(self, problem: Problem, engine: Engine[D], state: TransportState[D]) -> TransportState[D] | None:
        """Return the next state, or None if no step length decreases the error (backtracking line search).

        The step is halved until every cell keeps `floor` and the error (2-norm) falls by the factor 1 - step / 2.
        """
        if state.error == 0:
            return None
        begin = time.perf_counter()
        masses = state.diagram.masses * problem.density
        missing = problem.masses - masses
        # inexact Newton: the step's own error is quadratic, and at the end only the tolerance counts
        exactness = max(0.05 * state.error, 0.05 * self.tol / state.error) if state.error < 1 else 1e-2
        try:
            direction = newton_direction(problem, state.diagram, missing, exactness)
        except ConvergenceError:  # cells without a facet in double precision: no direction is known
            return None
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

    def iterate(self, problem: Problem, engine: Engine[D], start: TransportState[D]) -> Iterator[TransportState[D]]:
        """Yield `start` and one state after another until a tolerance, a limit or rounding ends it."""
        state: TransportState[D] | None = start
        while state is not None:
            yield state
            if state.error <= self.tol or len(state.history) > self.max_iter:
                return
            state = self.step(problem, engine, state)

    def end(self, problem: Problem, engine: Engine[D], diagram: D) -> TransportState[D]:
        """Return the last state of the iteration from a diagram without empty cells."""
        return deque(self.iterate(problem, engine, first_state(problem, diagram)), maxlen=1).pop()

    def _states(
        self,
        problem: Problem,
        engine: Engine[D],
        start: TransportState[D],
        rescue: Callable[[TransportState[D]], Iterator[TransportState[D]]] | None,
    ) -> Iterator[TransportState[D]]:
        """Yield the iteration's states, and those of the rescue if it ends before a tolerance or a limit."""
        state = start
        for state in self.iterate(problem, engine, start):
            yield state
        if rescue is not None and self.tol < state.error and len(state.history) <= self.max_iter:
            yield from rescue(state)

    def run(
        self,
        problem: Problem,
        engine: Engine[D],
        start: TransportState[D],
        callback: Callback | None = None,
        progress: Progress | None = None,
        rescue: Callable[[TransportState[D]], Iterator[TransportState[D]]] | None = None,
    ) -> tuple[TransportState[D], bool, str]:
        """Return the last state, whether it is within the tolerance, and why the iteration ended.

        If no step from a state reaches the tolerance, `rescue` provides better states. If the tolerance is not reached,
        a `ConvergenceWarning` is issued, unless the callback halts the iteration by StopIteration.
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
    """Result of the iteration, for any kind of cell.

    Attributes
    ----------
    problem
        Sites, prescribed masses, source.
    heights : (n,) float
        Heights, of mean zero.
    diagram
        Their cells, with areas as measures.
    history : tuple of NewtonStep
        One entry a step; the first is the start.
    converged : bool
    reason : str
        Why the iteration ended.
    """

    problem: Problem
    heights: Floats
    diagram: Diagram
    history: tuple[NewtonStep, ...]
    converged: bool
    reason: str

    @property
    def masses(self) -> Floats:
        """Mass of each cell, (n,)."""
        return np.asarray(self.diagram.masses * self.problem.density)

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


def first_state(problem: Problem, diagram: D, seconds: float = 0.0) -> TransportState[D]:
    """Return the state at a diagram without empty cells, which took `seconds` to compute."""
    record = _record(problem, diagram, 1.0, seconds)
    return TransportState(problem.heights(diagram.weights), diagram, (record,))


def newton_direction(problem: Problem, diagram: Diagram, missing: Floats, tol: float = 1e-10) -> Floats:
    """Return d with Hessian d = missing, of mean zero.

    The Hessian is a weighted graph Laplacian, dw_i/dh_j = -mu(facet ij) / |y_i - y_j|; its null space, the constants,
    is removed by fixing the last height.

    Parameters
    ----------
    problem : Problem
    diagram : Diagram
    missing : (n,) float
    tol : float
        Relative residual of multigrid, which solves the large systems.

    Returns
    -------
    (n,) float
    """
    n = len(missing)
    if n == 1:
        return np.zeros(1)
    order, grounded = diagram.laplacian(problem.density, n - 1)
    solution = None
    if n >= MULTIGRID_FROM:
        solution = GroupMultigrid(grounded, 1 << problem.dimension).solve(missing[order[:-1]], tol, MAX_ITERATIONS)
    if solution is None:
        solution = solve_spd(grounded, missing[order[:-1]])
    direction = np.empty(n)
    direction[order] = np.append(solution, 0.0)
    return direction - direction.mean()


def _record(problem: Problem, diagram: Diagram, length: float, seconds: float) -> NewtonStep:
    masses = diagram.masses * problem.density
    error = float(np.abs(masses / problem.masses - 1).max())
    return NewtonStep(error, float(masses.min()), length, diagram.certificate, seconds)


def _fraction(state: TransportState[Diagram], tol: float) -> float:
    """Estimate the share of the work done, from the error's logarithm."""
    first, now = state.history[0].error, state.error
    if first <= tol:
        return 1.0
    return float(np.clip(np.log(first / max(now, tol)) / np.log(first / tol), 0.0, 1.0))
