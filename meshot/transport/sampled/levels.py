"""One level of the hierarchy: balanced, then brought by steps to where the samples' noise hides the error.

All optimizers minimize the convex energy E(h) = E max_i (<x, y_i> + h_i) - sum_i nu_i h_i, whose gradient w - nu a
survey estimates. Newton's method draws new samples for every step; while the error is well above the noise, the length
of the step is found with the samples of the survey itself (common random numbers). Batches grow by `GROWTH` when the
noise is near. The last step, with all samples, is followed by one survey with new ones: it tells how good the heights
are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.transport.sampled.checkpoint import SampledStep, State
from meshot.transport.sampled.empty_cells import lifts, thin_cells
from meshot.transport.sampled.estimates import LevelProblem, Quality, Survey, survey
from meshot.transport.sampled.facets import mean_gaps, newton_solver
from meshot.transport.sampled.processes import Ranks
from meshot.transport.sampled.sinkhorn_start import Balance

# Samples a site of the first surveys, and how batches grow.
FIRST, GROWTH = 32, 4
LEAST = 1 << 14
# RMS error above which masses are balanced first, and the most rounds of that.
ROUGH, MAX_ROUNDS = 0.4, 12
# A round that leaves more than this share of the error is the last.
STUCK = 0.9
# An error this many times the noise is hidden by it; below the second, steps are taken untried and batches grow.
HIDDEN, NEAR = 1.5, 3.0
# What a step must take off the squared error at least, in its length.
LEAST_GAIN = 0.2
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
    problem : LevelProblem
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

    problem: LevelProblem
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
    buried = thin_cells(found, problem) & (found.masses == 0)
    if state.polished and hidden and not buried.any():
        return level.record(state, found, quality, 0.0), found, True
    if _rough(level, state, quality):
        return _balanced(level, level.record(state, found, quality, 0.0)), found, False
    seed = (level.seed, LIFTS, level.index, state.draws)
    move = bounded_direction(found, problem, state.heights, quality, seed, level.ranks)
    near = quality.error <= NEAR * quality.noise
    length, spent = (1.0, 0) if near else _length(level, state, found, move)
    state = replace(level.record(state, found, quality, length), spent=state.spent + spent)
    if length == 0:
        done = level.balance is None or state.rounds >= 2 * MAX_ROUNDS
        return state if done else _balanced(level, state), found, done
    polished = near and state.size == level.final
    size = min(GROWTH * state.size, level.final) if near else state.size
    heights = level.ranks.same(state.heights + length * move)
    return replace(state, heights=heights - heights.mean(), size=size, polished=polished), found, False


def _rough(level: Level, state: State, quality: Quality) -> bool:
    """Tell whether masses are to be balanced first, which may not have been in vain just now."""
    last = state.history[-1] if state.history else None
    stuck = last is not None and last.level == level.index and last.step == 0 and quality.error > STUCK * last.rms
    return level.balance is not None and quality.error > ROUGH and state.rounds < MAX_ROUNDS and not stuck


def smooth_heights(level: Level, state: State, report: Report) -> State:
    """Do what goes before the steps of any optimizer: balance masses, then raise cells that have hardly any."""
    while True:
        found, quality, looked = level.look(state)
        if not _rough(level, looked, quality):
            seed = (level.seed, LIFTS, level.index, looked.draws)
            thin = thin_cells(found, level.problem)
            raised = looked.heights + lifts(found, level.problem, looked.heights, thin, seed, level.ranks)
            return replace(looked, heights=raised - raised.mean())
        state = _balanced(level, level.record(looked, found, quality, 0.0))
        report(state, quality)


def _balanced(level: Level, state: State) -> State:
    assert level.balance is not None
    return replace(state, heights=level.balance.next_round(state.heights), rounds=state.rounds + 1)


def _length(level: Level, state: State, found: Survey, move: Floats) -> tuple[float, int]:
    """Return the longest step, a power of 1/2, that brings down the error of these samples; and the samples spent."""
    problem, spent, length = level.problem, 0, 1.0
    square = float(((found.masses - problem.shares) ** 2 / problem.shares).sum())
    seed = (level.seed, state.draws - 1)
    while length >= SHORTEST:
        heights = state.heights + length * move
        tried = survey(problem, heights, state.size, seed, level.ranks, neighbors=False)
        spent += state.size
        left = float(((tried.masses - problem.shares) ** 2 / problem.shares).sum())
        if left <= (1 - LEAST_GAIN * length) * square:
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


# A cell may always move by the first share of its gap, and by the second share of the way to its mass, up by no more
# than so many gaps.
BOUND, SHARE, RISE = 0.5, 0.7, 1.5
TINY = 1e-3
# A cell whose error is above the first, and above so many times its noise, is known to be wrong.
WRONG, BEYOND = 0.5, 6.0


def bounded_direction(
    found: Survey, problem: LevelProblem, heights: Floats, quality: Quality, seed: tuple[int, ...], ranks: Ranks
) -> Floats:
    """Return by how much to move the heights, (n,), of mean zero.

    Parameters
    ----------
    found : Survey
        At these heights, with neighbors.
    problem : LevelProblem
    heights : (n,) float
    quality : Quality
        Of the survey.
    seed : tuple of int
        For the samples that buried sites look at.
    ranks : Ranks
    """
    shares, d = problem.shares, problem.sites.shape[1]
    gaps, solver = mean_gaps(found, problem, ranks), newton_solver(found, problem, ranks)
    thin = thin_cells(found, problem)
    raises = lifts(found, problem, heights, thin, seed, ranks) if thin.any() else np.zeros(len(heights))
    masses = found.masses + _taken(found, raises, ranks)
    # a pyramid's mean height is its peak's / (d + 1), its mass goes with the peak's power d
    peaks = (d + 1) * gaps * (np.maximum(masses / shares, TINY) ** (-1 / d) - 1)
    most = np.maximum(BOUND * gaps, np.minimum(SHARE * peaks, RISE * gaps))
    least = np.minimum(-BOUND * gaps, SHARE * peaks)
    wanted = np.clip(_filtered(masses, shares, quality), solver.diagonal * least, solver.diagonal * most)
    wanted[thin] = 0  # they go with what is around them: what many of them asked for would add up
    move = solver(wanted - shares * wanted.sum()) + raises
    return ranks.same(move - move.mean())


def _taken(found: Survey, raises: Floats, ranks: Ranks) -> Floats:
    """Return by how much the cells' masses, (n,), change where some are raised, as far as the next sites tell."""
    sites, gaps, _ = found.neighbors
    rows = (raises[sites[:, 1:]] > 0).any(axis=1)
    near, n = sites[rows], len(raises)
    lead = raises[near] - np.column_stack([np.zeros(len(near)), gaps[rows]])
    best = near[np.arange(len(near)), lead.argmax(axis=1)]
    first, now = ranks.concatenate(near[:, 0], best)
    return np.asarray((np.bincount(now, minlength=n) - np.bincount(first, minlength=n)) / found.told)


def _filtered(masses: Floats, shares: Floats, quality: Quality) -> Floats:
    """Return what the cells lack, (n,), as far as it is more than noise."""
    gain = quality.error**2 / max(quality.error**2 + quality.noise**2, 1e-300)
    return np.where(_known_wrong(masses, shares, quality.noise), 1.0, gain) * (shares - masses)


def _known_wrong(masses: Floats, shares: Floats, noise: float) -> NDArray[np.bool_]:
    """Return whose counted masses are wrong by more than the noise of so few samples does, (n,)."""
    own = noise / np.sqrt(shares * (1 / shares).mean())
    return np.asarray(np.abs(masses / shares - 1) > np.maximum(WRONG, BEYOND * own))
