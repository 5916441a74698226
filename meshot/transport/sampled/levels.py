"""One level of the hierarchy: a Sinkhorn start, then Newton steps until the error is below the sampling noise.

All optimizers minimize the convex energy E(h) = E max_i (<x, y_i> + h_i) - sum_i nu_i h_i, whose gradient w - nu is
estimated from samples. Newton's method draws a new batch for every step; while the error is well above the noise, a
line search uses the samples of the step itself (common random numbers). Batches grow by `BATCH_GROWTH` when the error
comes near the noise. After the last step, with all samples, a new batch estimates the error of the heights.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.transport.sampled.checkpoint import SampledStep, State
from meshot.transport.sampled.estimates import CellEstimates, LevelProblem, Quality, estimate_cells
from meshot.transport.sampled.facets import mean_gaps, newton_solver
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.samples import Batch
from meshot.transport.sampled.sinkhorn_start import SinkhornStart

# Samples of the first batches: for each site, and at least; and the factor by which batches grow.
FIRST_SAMPLES_PER_SITE, MIN_SAMPLES, BATCH_GROWTH = 32, 1 << 14, 4
# RMS relative error above which Sinkhorn rounds come before Newton steps, and how many there are at most.
SINKHORN_ABOVE, MAX_SINKHORN_ROUNDS = 0.4, 12
# Sinkhorn rounds end when one leaves more than this share of the error.
MAX_SINKHORN_RATIO = 0.9
# Multiples of the noise: an error below the first is converged; below the second, full steps are taken without a line
# search, and batches grow.
CONVERGED_NOISE, NEAR_NOISE = 1.5, 3.0
# Relative decrease of the squared error that the line search requires of a full step.
MIN_DECREASE = 0.2
# Steps of a level.
MAX_STEPS = 60
# Shortest step of the line search; if none is accepted, a Sinkhorn round follows.
MIN_STEP = 1 / 16
# Seed of the samples that raise empty cells.
RAISE_SEED = 1 << 23

Report = Callable[[State, Quality], None]


@dataclass(frozen=True, eq=False)
class Level:
    """A level of the hierarchy and how to sample it.

    Attributes
    ----------
    problem : LevelProblem
    sinkhorn : SinkhornStart or None
        None if heights were given (warm start).
    index : int
        Number of the level; 0 is the coarsest.
    final : int
        Samples of the last batches.
    seed : int
    group : ProcessGroup
    begin : float
        Time at which the computation began.
    """

    problem: LevelProblem
    sinkhorn: SinkhornStart | None
    index: int
    final: int
    seed: int
    group: ProcessGroup
    begin: float

    @property
    def first(self) -> int:
        """Samples of the first batches."""
        size = self.final
        while size >= BATCH_GROWTH * max(MIN_SAMPLES, FIRST_SAMPLES_PER_SITE * len(self.problem.sites)):
            size //= BATCH_GROWTH
        return size

    def estimate(
        self, state: State, *, neighbors: bool = True, moments: bool = False
    ) -> tuple[CellEstimates, Quality, State]:
        """Estimate the cells with a new batch of samples."""
        options = {"neighbors": neighbors, "moments": moments}
        seed = (self.seed, state.batches)
        estimates = estimate_cells(self.problem, state.heights, state.size, seed, self.group, **options)
        state = replace(state, batches=state.batches + 1, samples=state.samples + state.size)
        return estimates, estimates.quality(self.problem.shares), state

    def record(self, state: State, estimates: CellEstimates, quality: Quality, length: float) -> State:
        """Add a step to the history."""
        step = SampledStep(
            level=self.index, sites=len(self.problem.sites), samples=state.size, error=quality.largest,
            rms=quality.error, deviation=quality.deviation, noise=quality.noise, plain=quality.plain,
            smallest=float((estimates.masses / self.problem.shares).min()), step=length,
            seconds=time.perf_counter() - self.begin,
        )  # fmt: skip
        return replace(state, history=(*state.history, step), steps=state.steps + 1)


def newton_step(level: Level, state: State) -> tuple[State, CellEstimates, bool]:
    """Take one step; return the state, the estimates at its start, and whether the level is done."""
    problem = level.problem
    estimates, quality, state = level.estimate(state, moments=state.full_step)
    hidden = quality.error <= max(CONVERGED_NOISE * quality.noise, quality.deviation)
    buried = nearly_empty_cells(estimates, problem) & (estimates.masses == 0)
    if state.full_step and hidden and not buried.any():
        return level.record(state, estimates, quality, 0.0), estimates, True
    if _needs_sinkhorn(level, state, quality):
        return _with_sinkhorn_round(level, level.record(state, estimates, quality, 0.0)), estimates, False
    seed = (level.seed, RAISE_SEED, level.index, state.batches)
    move = bounded_direction(estimates, problem, state.heights, quality, seed, level.group)
    near = quality.error <= NEAR_NOISE * quality.noise
    length, drawn = (1.0, 0) if near else _line_search(level, state, estimates, move)
    state = replace(level.record(state, estimates, quality, length), samples=state.samples + drawn)
    if length == 0:
        done = level.sinkhorn is None or state.rounds >= 2 * MAX_SINKHORN_ROUNDS
        return state if done else _with_sinkhorn_round(level, state), estimates, done
    full_step = near and state.size == level.final
    size = min(BATCH_GROWTH * state.size, level.final) if near else state.size
    heights = level.group.broadcast(state.heights + length * move)
    return replace(state, heights=heights - heights.mean(), size=size, full_step=full_step), estimates, False


def _needs_sinkhorn(level: Level, state: State, quality: Quality) -> bool:
    """Return whether a Sinkhorn round comes next: the error is large, and the last round reduced it."""
    last = state.history[-1] if state.history else None
    stuck = (
        last is not None
        and last.level == level.index
        and last.step == 0
        and quality.error > MAX_SINKHORN_RATIO * last.rms
    )
    return (
        level.sinkhorn is not None
        and quality.error > SINKHORN_ABOVE
        and state.rounds < MAX_SINKHORN_ROUNDS
        and not stuck
    )


def start_heights(level: Level, state: State, report: Report) -> State:
    """Prepare the heights for any optimizer: Sinkhorn rounds, then raise nearly empty cells."""
    while True:
        estimates, quality, looked = level.estimate(state)
        if not _needs_sinkhorn(level, looked, quality):
            seed = (level.seed, RAISE_SEED, level.index, looked.batches)
            thin = nearly_empty_cells(estimates, level.problem)
            raises = raises_of_empty_cells(estimates, level.problem, looked.heights, thin, seed, level.group)
            raised = looked.heights + raises
            return replace(looked, heights=raised - raised.mean())
        state = _with_sinkhorn_round(level, level.record(looked, estimates, quality, 0.0))
        report(state, quality)


def _with_sinkhorn_round(level: Level, state: State) -> State:
    assert level.sinkhorn is not None
    return replace(state, heights=level.sinkhorn.next_round(state.heights), rounds=state.rounds + 1)


def _line_search(level: Level, state: State, estimates: CellEstimates, move: Floats) -> tuple[float, int]:
    """Backtracking line search on the same samples: return the step length (0 if none), and the samples drawn."""
    problem, drawn, length = level.problem, 0, 1.0
    square = float(((estimates.masses - problem.shares) ** 2 / problem.shares).sum())
    seed = (level.seed, state.batches - 1)
    while length >= MIN_STEP:
        heights = state.heights + length * move
        tried = estimate_cells(problem, heights, state.size, seed, level.group, neighbors=False)
        drawn += state.size
        left = float(((tried.masses - problem.shares) ** 2 / problem.shares).sum())
        if left <= (1 - MIN_DECREASE * length) * square:
            return length, drawn
        length /= 2
    return 0.0, drawn


def newton(level: Level, state: State, report: Report) -> tuple[State, CellEstimates]:
    """Solve a level by Newton's method; return the last estimates, with moments if it converged."""
    while True:
        state, estimates, done = newton_step(level, state)
        report(state, estimates.quality(level.problem.shares))
        if done or state.steps >= MAX_STEPS:
            return state, estimates


# Bounds of a height's move: it may always be the first multiple of the cell's mean gap, and the second share of what
# the cell lacks in mass; upward it is at most the third multiple of the gap.
FREE_GAPS, MASS_SHARE, MAX_RISE_GAPS = 0.5, 0.7, 1.5
# Least ratio of a cell's mass to its share in the bounds.
MIN_MASS_RATIO = 1e-3
# A cell is surely wrong if its relative error is above the first, and above this multiple of its noise.
WRONG_ERROR, WRONG_NOISE = 0.5, 6.0


def bounded_direction(
    estimates: CellEstimates,
    problem: LevelProblem,
    heights: Floats,
    quality: Quality,
    seed: tuple[int, ...],
    group: ProcessGroup,
) -> Floats:
    """Return Newton's direction, with bounds on the moves of single heights.

    Parameters
    ----------
    estimates : CellEstimates
        At these heights, with neighbors.
    problem : LevelProblem
    heights : (n,) float
    quality : Quality
        Of the estimates.
    seed : tuple of int
        Of the samples that raise empty cells.
    group : ProcessGroup

    Returns
    -------
    (n,) float
        Moves of mean zero.
    """
    shares, d = problem.shares, problem.sites.shape[1]
    gaps, solver = mean_gaps(estimates, problem, group), newton_solver(estimates, problem, group)
    thin = nearly_empty_cells(estimates, problem)
    raises = np.zeros(len(heights))
    if thin.any():
        raises = raises_of_empty_cells(estimates, problem, heights, thin, seed, group)
    masses = estimates.masses + _mass_changes(estimates, raises, group)
    # a pyramid's mean height is its peak's / (d + 1), and its mass grows with the power d of the peak
    peaks = (d + 1) * gaps * (np.maximum(masses / shares, MIN_MASS_RATIO) ** (-1 / d) - 1)
    most = np.maximum(FREE_GAPS * gaps, np.minimum(MASS_SHARE * peaks, MAX_RISE_GAPS * gaps))
    least = np.minimum(-FREE_GAPS * gaps, MASS_SHARE * peaks)
    wanted = np.clip(_filtered(masses, shares, quality), solver.diagonal * least, solver.diagonal * most)
    wanted[thin] = 0  # they move with their neighbors; the sum of what many of them lack would be too large
    move = solver(wanted - shares * wanted.sum()) + raises
    return group.broadcast(move - move.mean())


def _mass_changes(estimates: CellEstimates, raises: Floats, group: ProcessGroup) -> Floats:
    """Return the changes of the cells' masses, (n,), when some are raised, from the next sites of the samples."""
    sites, gaps, _ = estimates.neighbors
    rows = (raises[sites[:, 1:]] > 0).any(axis=1)
    near, n = sites[rows], len(raises)
    lead = raises[near] - np.column_stack([np.zeros(len(near)), gaps[rows]])
    best = near[np.arange(len(near)), lead.argmax(axis=1)]
    first, now = group.concatenate(near[:, 0], best)
    return np.asarray((np.bincount(now, minlength=n) - np.bincount(first, minlength=n)) / estimates.neighbor_samples)


def _filtered(masses: Floats, shares: Floats, quality: Quality) -> Floats:
    """Return the masses that the cells lack, (n,), shrunk by the share of noise in them (Wiener filter)."""
    gain = quality.error**2 / max(quality.error**2 + quality.noise**2, 1e-300)
    return np.where(_surely_wrong(masses, shares, quality.noise), 1.0, gain) * (shares - masses)


def _surely_wrong(masses: Floats, shares: Floats, noise: float) -> NDArray[np.bool_]:
    """Return which counted masses, (n,), are wrong by much more than their noise."""
    own = noise / np.sqrt(shares * (1 / shares).mean())
    return np.asarray(np.abs(masses / shares - 1) > np.maximum(WRONG_ERROR, WRONG_NOISE * own))


# A cell is nearly empty if it has less than this part of its share, and at least so many samples were expected in it.
NEARLY_EMPTY, MIN_EXPECTED_SAMPLES = 1 / 4, 4
# Samples for each site that buried sites are compared with, at most, and pairs of the two in memory at once.
SAMPLES_PER_SITE, MAX_PAIRS_HELD = 16, 1 << 24


def nearly_empty_cells(estimates: CellEstimates, problem: LevelProblem) -> NDArray[np.bool_]:
    """Return which cells have nearly no mass, (n,)."""
    expected = problem.shares * estimates.sizes.sum()
    return np.asarray((estimates.counts.sum(axis=0) < NEARLY_EMPTY * expected) & (expected >= MIN_EXPECTED_SAMPLES))


def raises_of_empty_cells(
    estimates: CellEstimates,
    problem: LevelProblem,
    heights: Floats,
    thin: NDArray[np.bool_],
    seed: tuple[int, ...],
    group: ProcessGroup,
) -> Floats:
    """Return by how much heights must be raised for nearly empty cells to have about half of their share.

    Parameters
    ----------
    estimates : CellEstimates
        At these heights, with neighbors.
    problem : LevelProblem
    heights : (n,) float
    thin : (n,) bool
        The nearly empty cells.
    seed : tuple of int
    group : ProcessGroup

    Returns
    -------
    (n,) float
        0 for the other cells.
    """
    (sites, gaps, _), n = estimates.neighbors, len(heights)
    rows, behind = np.nonzero(thin[sites[:, 1:]] & (sites[:, 1:] != sites[:, :1]))
    site, gap = group.concatenate(sites[rows, behind + 1], gaps[rows, behind])
    order = np.lexsort((gap, site))
    begins, ends = (np.searchsorted(site[order], np.arange(n), side) for side in ("left", "right"))
    near = np.flatnonzero(thin & (ends > begins))
    missing = (problem.shares / 2 - estimates.masses)[near] * estimates.neighbor_samples
    raises = np.zeros(n)
    raises[near] = gap[order][np.minimum(begins[near] + np.ceil(missing).astype(np.int64), ends[near]) - 1]
    deep = np.flatnonzero(thin & (ends == begins))
    if len(deep):
        raises[deep] = np.maximum(_surface(problem, heights, deep, seed, group) - heights[deep], 0)
    return group.broadcast(raises)


def _surface(
    problem: LevelProblem, heights: Floats, deep: NDArray[np.int64], seed: tuple[int, ...], group: ProcessGroup
) -> Floats:
    """Return the heights at which buried sites would begin to have mass."""
    least = max(4096, len(heights))
    size = int(np.clip(MAX_PAIRS_HELD // len(deep), least, SAMPLES_PER_SITE * least))
    batch = Batch(problem.source, int(np.random.SeedSequence(seed).generate_state(1)[0]), size, problem.device)
    points, leads = batch.draw(group.own_blocks(batch.blocks)), np.full(len(deep), -np.inf)
    if len(points):
        potential = problem.search(heights, size, 1)(points).score
        sites, step = problem.sites[deep], max(1, MAX_PAIRS_HELD // len(points))
        for k in range(0, len(deep), step):
            scores = points @ points.new_tensor(sites[k : k + step].T)
            leads[k : k + step] = (scores - potential[:, None]).amax(dim=0).cpu().numpy()
    return -np.max(group.concatenate(leads[None])[0], axis=0)
