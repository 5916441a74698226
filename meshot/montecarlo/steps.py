"""One level of the hierarchy: balanced, then brought by steps to where the samples' noise hides the error.

All optimizers minimize the convex energy E(h) = E max_i (<x, y_i> + h_i) - sum_i nu_i h_i, whose gradient w - nu a
survey estimates. Newton's method draws new samples for every step; while the error is well above the noise, the length
of the step is found with the samples of the survey itself (common random numbers). Batches grow by `GROWTH` when the
noise is reached. With b samples a full step leaves the noise of these b samples and no more: its own error is of second
order, and that of the estimated Hessian is a share of what the error was before. So the last step, with all samples, is
followed by one survey with new ones, which tells how good the heights are. Heights that are better than that already,
as steps of half the length make them, are kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshot.meshes.mesh import Floats
from meshot.montecarlo.balancing import Balance
from meshot.montecarlo.facets import newton_solver
from meshot.montecarlo.lifting import lifted, thin_cells
from meshot.montecarlo.ranks import Ranks
from meshot.montecarlo.state import SampledStep, State
from meshot.montecarlo.survey import Quality, SampledProblem, Survey, survey

# Samples a site of the first surveys, and how batches grow.
FIRST, GROWTH = 32, 4
LEAST = 1 << 14
# RMS error above which masses are balanced first, the most rounds of that, and the most lifts between two steps.
ROUGH, MAX_ROUNDS, MAX_LIFTS = 0.4, 12, 1
# A round that leaves more than this share of the error is the last.
STUCK = 0.9
# An error this many times the noise is hidden by it; below the second, whole steps are taken untried.
HIDDEN, NEAR = 1.5, 3.0
# unless the error of a cell is above the first, and above so many times its noise.
LINEAR, FAR_OUT = 0.5, 6.0
# So many steps are the most that a level takes.
MAX_STEPS = 60
# Shortest step; where none helps, masses are balanced again.
SHORTEST = 1 / 16
# Seed of the samples of lifts.
LIFTS = 1 << 23

Report = Callable[[State, Quality], None]


@dataclass(frozen=True, eq=False)
class Level:
    """A level at work.

    Attributes
    ----------
    problem : SampledProblem
    balance : Balance or None
        None for heights that were given.
    index : int
        Of the level.
    final : int
        Samples of the last surveys.
    seed : int
    ranks : Ranks
    begin : float
        When the computation began.
    """

    problem: SampledProblem
    balance: Balance | None
    index: int
    final: int
    seed: int
    ranks: Ranks
    begin: float

    @property
    def first(self) -> int:
        """Samples of the first surveys."""
        size = self.final
        while size >= GROWTH * max(LEAST, FIRST * len(self.problem.sites)):
            size //= GROWTH
        return size

    def look(self, state: State, *, neighbors: bool = True, moments: bool = False) -> tuple[Survey, Quality, State]:
        """Survey the cells with new samples."""
        seed = (self.seed, state.draws)
        found = survey(
            self.problem, state.heights, state.size, seed, self.ranks, neighbors=neighbors, moments=moments
        )  # fmt: skip
        return (
            found,
            found.quality(self.problem.shares),
            replace(state, draws=state.draws + 1, spent=state.spent + state.size),
        )

    def record(self, state: State, found: Survey, quality: Quality, length: float) -> State:
        """Add a line to the history."""
        step = SampledStep(
            level=self.index, sites=len(self.problem.sites), samples=state.size, error=quality.largest,
            rms=quality.error, deviation=quality.deviation, noise=quality.noise, plain=quality.plain,
            smallest=float((found.masses / self.problem.shares).min()), step=length,
            seconds=time.perf_counter() - self.begin,
        )  # fmt: skip
        return replace(state, history=(*state.history, step), steps=state.steps + 1)


def newton_step(level: Level, state: State) -> tuple[State, Survey, bool]:
    """Take one step, and return the state, the survey at its start, and whether the level is done."""
    problem = level.problem
    found, quality, state = level.look(state, moments=state.polished)
    hidden = quality.error <= max(HIDDEN * quality.noise, quality.deviation)
    if state.polished and hidden and not thin_cells(found, problem).any():
        return level.record(state, found, quality, 0.0), found, True
    smoothed = _smoothed(level, state, found, quality)
    if smoothed is not None:
        return smoothed, found, False
    move = newton_solver(found, problem, level.ranks)(problem.shares - found.masses)
    if quality.error <= NEAR * quality.noise and not _far_off(found, problem.shares, quality.noise).any():
        final = state.size == level.final
        better = not final or quality.error > quality.noise  # than what a whole step leaves
        state = _moved(level, level.record(state, found, quality, float(better)), move if better else 0 * move)
        return replace(state, size=min(GROWTH * state.size, level.final), polished=final), found, False
    length, spent = _length(level, state, found, move)
    state = replace(level.record(state, found, quality, length), spent=state.spent + spent)
    if length == 0:
        done = level.balance is None or state.rounds >= 2 * MAX_ROUNDS
        return state if done else _balanced(level, state), found, done
    if hidden:
        state = replace(state, size=min(GROWTH * state.size, level.final))
    return _moved(level, state, length * move), found, False


def _smoothed(level: Level, state: State, found: Survey, quality: Quality) -> State | None:
    """Balance rough masses and lift thin cells; None if there is nothing to do, or it has been done often enough."""
    if level.balance is None:
        return None
    last = state.history[-1] if state.history else None
    stuck = last is not None and last.level == level.index and last.step == 0 and quality.error > STUCK * last.rms
    if quality.error > ROUGH and state.rounds < MAX_ROUNDS and not stuck:
        return _balanced(level, level.record(state, found, quality, 0.0))
    thin = thin_cells(found, level.problem)
    if thin.any() and state.lifts < MAX_LIFTS:
        seed = (level.seed, LIFTS, level.index, state.draws)
        heights = lifted(found, level.problem, state.heights, thin, seed, level.ranks)
        return replace(level.record(state, found, quality, 0.0), heights=heights, lifts=state.lifts + 1)
    return None


def smooth(level: Level, state: State, report: Report) -> State:
    """Do what goes before the steps of any optimizer."""
    while True:
        found, quality, looked = level.look(state)
        smoothed = _smoothed(level, looked, found, quality)
        if smoothed is None:
            return looked
        state = smoothed
        report(state, quality)


def _moved(level: Level, state: State, move: Floats) -> State:
    heights = state.heights + move
    return replace(state, heights=level.ranks.same(heights - heights.mean()), lifts=0)


def _balanced(level: Level, state: State) -> State:
    assert level.balance is not None
    return replace(state, heights=level.balance.next_round(state.heights), rounds=state.rounds + 1)


def _far_off(found: Survey, shares: Floats, noise: float) -> NDArray[np.bool_]:
    """Return whose counted masses are wrong beyond what is linear and what the noise of so few samples does, (n,)."""
    own = noise / np.sqrt(shares * (1 / shares).mean())
    return np.asarray(np.abs(found.masses / shares - 1) > np.maximum(LINEAR, FAR_OUT * own))


def _length(level: Level, state: State, found: Survey, move: Floats) -> tuple[float, int]:
    """Return the longest step, a power of 1/2, that brings down the error of these samples; and the samples spent.

    It may make no more cells thin than there are now, but for one in a thousand.
    """
    problem, spent, length = level.problem, 0, 1.0
    square = float(((found.masses - problem.shares) ** 2 / problem.shares).sum())
    allowed = int(thin_cells(found, problem).sum()) + len(problem.sites) // 1000
    seed = (level.seed, state.draws - 1)
    while length >= SHORTEST:
        heights = state.heights + length * move
        tried = survey(problem, heights, state.size, seed, level.ranks, neighbors=False)
        spent += state.size
        left = float(((tried.masses - problem.shares) ** 2 / problem.shares).sum())
        if left <= (1 - length / 2) ** 2 * square and thin_cells(tried, problem).sum() <= allowed:
            return length, spent
        length /= 2
    return 0.0, spent


def newton(level: Level, state: State, report: Report) -> tuple[State, Survey]:
    """Solve a level by Newton's method; returns the last survey, with moments if it did converge."""
    while True:
        state, found, done = newton_step(level, state)
        report(state, found.quality(level.problem.shares))
        if done or state.steps >= MAX_STEPS:
            return state, found
