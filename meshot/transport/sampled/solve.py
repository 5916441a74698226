"""Sampled transport: a hierarchy of clusters, solved from the coarsest level to the finest."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import OptionError
from meshot.base.files import PathLike
from meshot.base.progress import SILENT, Progress
from meshot.transport.sampled.checkpoint import Checkpoint, SampledStep, State, fingerprint
from meshot.transport.sampled.device import device_name, find_device
from meshot.transport.sampled.estimates import (
    MAX_BOX_DIMENSION,
    MAX_COVARIANCE_DIMENSION,
    CellEstimates,
    CellMoments,
    LevelProblem,
    Neighbors,
    Quality,
    cell_moments,
    estimate_cells,
)
from meshot.transport.sampled.facets import mean_gaps
from meshot.transport.sampled.first_order import adam, lbfgs
from meshot.transport.sampled.hierarchy import (
    Clusters,
    cluster_sites,
    moving_least_squares,
    prolong_heights,
    range_means,
)
from meshot.transport.sampled.levels import CONVERGED_NOISE, MAX_STEPS, MIN_SAMPLES, Level, newton, start_heights
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.samples import Batch
from meshot.transport.sampled.sinkhorn_start import SinkhornStart
from meshot.transport.sampled.sobol import BLOCK
from meshot.transport.sampled.sources import CustomSource, SampledSource

OPTIMIZERS = ("newton", "adam", "lbfgs")
# Samples for each site in the last batches, on the finest level (by default) and on the others.
SAMPLES_PER_SITE, COARSE_SAMPLES_PER_SITE = 128, 64
# Seeds of the batches besides those of the steps.
_SOURCE_SEED, _COARSE_SEED, _SINKHORN_SEED = 1 << 20, 1 << 21, 1 << 22


@dataclass(frozen=True, eq=False)
class Solution:
    """Solution of a sampled transport, with the sites in the order of the input.

    Attributes
    ----------
    heights, shares : (n,) float
        Heights of mean zero, and the cells' estimated masses, of sum 1.
    cells : CellMoments
        Estimated centroids and covariances.
    quality : Quality
        Of the masses.
    history : tuple of SampledStep
    samples : int
        Samples drawn in all.
    device : str
    converged : bool
        The error of the masses is below the noise of the last batches.
    reason : str
    """

    heights: Floats
    shares: Floats
    cells: CellMoments
    quality: Quality
    history: tuple[SampledStep, ...]
    samples: int
    device: str
    converged: bool
    reason: str


@dataclass(frozen=True)
class Settings:
    """Options of the solver.

    Attributes
    ----------
    device : {"auto", "cpu", "cuda"}
    samples : int or None
        Samples of the last batches.
    seed : int
    optimizer : {"newton", "adam", "lbfgs"}
        For the finest level; the others are solved by Newton's method.
    checkpoint : path or None
        File for the state of the computation.
    interval : float
        Seconds between two checkpoints.
    """

    device: str = "auto"
    samples: int | None = None
    seed: int = 0
    optimizer: str = "newton"
    checkpoint: PathLike | None = None
    interval: float = 30.0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise OptionError(f'optimizer must be "newton", "adam" or "lbfgs", got {self.optimizer!r}')
        if self.samples is not None and self.samples < 1024:
            raise OptionError(f"samples must be at least 1024, got {self.samples}")


def default_samples(sites: int) -> int:
    """Return the default number of samples for so many cells: a power of two, as suits Sobol points."""
    return 1 << max(15, int(np.ceil(np.log2(SAMPLES_PER_SITE * sites))))


def solve_sampled(
    sites: Floats,
    shares: Floats,
    source: SampledSource,
    settings: Settings,
    heights: Floats | None = None,
    callback: Callable[[State], None] | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Solve for the heights at which the cells of the sites have the prescribed shares of a source's mass.

    Parameters
    ----------
    sites, shares : (n, d) float, (n,) float
        The shares sum to 1.
    source : SampledSource
    settings : Settings
    heights : (n,) float, optional
        A warm start, instead of the hierarchy's.
    callback : callable, optional
        Gets each `State` of the finest level, with the heights in the sites' order; StopIteration halts.
    progress : Progress, optional

    Returns
    -------
    Solution
    """
    run = _Run(sites, shares, source, settings, callback, SILENT if progress is None else progress)
    return run.solution(heights)


class _HaltedError(Exception):
    """The callback raised StopIteration."""


class _Run:
    def __init__(
        self,
        sites: Floats,
        shares: Floats,
        source: SampledSource,
        settings: Settings,
        callback: Callable[[State], None] | None,
        progress: Progress,
    ) -> None:
        self.source, self.settings, self.callback, self.progress = source, settings, callback, progress
        self.device, self.group, self.begin = find_device(settings.device), ProcessGroup(), time.perf_counter()
        self.clusters: Clusters = cluster_sites(sites, shares)
        self.last = len(self.clusters.levels) - 1
        self.fitted = sites.shape[1] <= MAX_BOX_DIMENSION  # above, quadratics have too many terms
        self.sites, self.shares = sites[self.clusters.order], shares[self.clusters.order]
        self.samples = settings.samples or default_samples(len(sites))
        key = fingerprint(sites, shares, *_identity(source), self.samples, settings.seed, settings.optimizer)
        self.checkpoint = Checkpoint(settings.checkpoint if self.group.rank == 0 else None, key, settings.interval)

    def solution(self, heights: Floats | None) -> Solution:
        state, self.given = self.group.broadcast(self.checkpoint.load()), heights is not None
        resumed = state is not None
        if state is None:
            state = self._start(heights)
            resumed = heights is not None
        estimates: CellEstimates | None = None
        reason = ""
        try:
            for index in range(state.level, self.last + 1):
                level, guess = self._level(index, state)
                if not resumed:
                    fresh = State(guess, state.coarse_heights, index, level.first)
                    state = replace(fresh, batches=state.batches, samples=state.samples, history=state.history)
                resumed = False
                state, estimates = self._solve(level, state)
                if index < self.last:
                    state = replace(state, coarse_heights=state.heights)
        except _HaltedError as halt:
            (state,), estimates, reason = halt.args, None, "halted by the callback"
        return self._finish(state, estimates, reason)

    def _start(self, heights: Floats | None) -> State:
        if heights is None:
            return State(np.empty(0))
        ordered = heights[self.clusters.order]
        return State(ordered - ordered.mean(), level=self.last, size=self.samples)

    def _problem(self, index: int) -> LevelProblem:
        starts = self.clusters.levels[index]
        shares = np.add.reduceat(self.shares, starts[:-1])
        return LevelProblem(range_means(self.sites, self.shares, starts), shares, self.source, self.device)

    def _level(self, index: int, state: State) -> tuple[Level, Floats]:
        """Return a level and its first heights, prolonged from those of the next coarser level."""
        problem, seed = self._problem(index), self.settings.seed
        n, sinkhorn, guess = len(problem.sites), None, state.heights
        final = self.samples if index == self.last else max(2 * MIN_SAMPLES, COARSE_SAMPLES_PER_SITE * n)
        if self.given:
            pass
        elif index == 0:
            starts, cells = np.array([0, n]), self._whole_source()
            spread = problem.shares @ ((problem.sites - problem.shares @ problem.sites) ** 2)
            width = np.sqrt(_traces(cells) * spread.sum())
            sinkhorn = SinkhornStart(problem, starts, None, width, (seed, _SINKHORN_SEED, index), self.group)
            guess = prolong_heights(problem.sites, problem.shares, starts, np.zeros(1), cells)
        elif len(state.coarse_heights):
            coarse, heights = self._problem(index - 1), state.coarse_heights
            starts = np.searchsorted(self.clusters.levels[index], self.clusters.levels[index - 1])
            size = max(2 * MIN_SAMPLES, COARSE_SAMPLES_PER_SITE * len(heights))
            estimates = estimate_cells(coarse, heights, size, (seed, _COARSE_SEED, index), self.group, moments=True)
            widths = mean_gaps(estimates, coarse, self.group)
            sinkhorn = SinkhornStart(
                problem, starts, (coarse, heights), widths, (seed, _SINKHORN_SEED, index), self.group
            )
            guess = self._prolonged(problem, starts, coarse, heights, estimates)
        return Level(problem, sinkhorn, index, final, seed, self.group, self.begin), self.group.broadcast(guess)

    def _prolonged(
        self, fine: LevelProblem, starts: Ints, coarse: LevelProblem, heights: Floats, estimates: CellEstimates
    ) -> Floats:
        """Return heights of a level's sites, from estimates with moments of the cells of their clusters."""
        cells = cell_moments(estimates, self.sites.shape[1])
        if self.fitted:
            # -h is the Legendre dual of the potential; its gradient at a site is the centroid of the cell
            known = np.isfinite(cells.centroids).all(axis=1)
            return -moving_least_squares(fine.sites, coarse.sites[known], -heights[known], cells.centroids[known])
        border = Neighbors(*self.group.concatenate(*(part for part in estimates.neighbors if part is not None)))
        return prolong_heights(fine.sites, fine.shares, starts, heights, cells, border)

    def _whole_source(self) -> CellMoments:
        """Return mean and covariance of the source."""
        batch = Batch(self.source, _SOURCE_SEED + self.settings.seed, BLOCK, self.device)
        points = batch.draw(np.arange(1)).cpu().numpy()
        mean, d = points.mean(axis=0), points.shape[1]
        if d > MAX_COVARIANCE_DIMENSION:
            return CellMoments(mean[None], points.var(axis=0).sum()[None])
        return CellMoments(mean[None], np.cov(points.T, bias=True).reshape(1, d, d))

    def _solve(self, level: Level, state: State) -> tuple[State, CellEstimates | None]:
        def report(now: State, quality: Quality) -> None:
            self.checkpoint.save(now)
            detail = f"{len(level.problem.sites):,} sites, {now.size:,} samples, RMS error {quality.error:.1e}"
            done = 0.5 * now.steps / MAX_STEPS
            if now.full_step:
                done = min(1.0, quality.noise / max(quality.error, 1e-300))
            self.progress.update((level.index + done) / (self.last + 1), detail)
            if self.callback is None or level.index < self.last:
                return
            try:
                self.callback(replace(now, heights=self._given_order(now.heights)))
            except StopIteration:
                raise _HaltedError(now) from None

        if len(level.problem.sites) == 1:
            return state, None
        fitted = self.fitted and level.index > 0
        if level.sinkhorn is not None and not fitted and state.steps == 0 and not state.full_step:
            state = replace(state, heights=level.sinkhorn.first_round(state.heights))
        if level.index < self.last or self.settings.optimizer == "newton":
            return newton(level, state, report)
        if not state.extra:
            state = start_heights(level, state, report)
        return {"adam": adam, "lbfgs": lbfgs}[self.settings.optimizer](level, state, report), None

    def _given_order(self, values: Floats) -> Floats:
        given = np.empty_like(values)
        given[self.clusters.order] = values
        return given

    def _finish(self, state: State, estimates: CellEstimates | None, reason: str) -> Solution:
        level, _ = self._level(self.last, replace(state, coarse_heights=np.empty(0)))
        if estimates is None or estimates.moments is None:
            estimates, quality, state = level.estimate(replace(state, size=self.samples), moments=True)
            state = level.record(state, estimates, quality, 0.0)
        quality = estimates.quality(self.shares)
        # other optimizers use fewer samples at a time: their error floor is that of independent ones
        floor = (
            CONVERGED_NOISE * quality.noise
            if self.settings.optimizer == "newton"
            else max(quality.noise, quality.plain)
        )
        converged = quality.error <= max(floor, quality.deviation)
        words = f"RMS relative error {quality.error:.1e}, noise of {state.size:,} samples {quality.noise:.1e}"
        self.checkpoint.save(state, now=True)
        cells = cell_moments(estimates, self.sites.shape[1])
        return Solution(
            self._given_order(state.heights),
            self._given_order(estimates.masses),
            CellMoments(*(self._given_order(part) for part in cells)),
            quality,
            state.history,
            state.samples,
            device_name(self.device),
            converged and not reason,
            f"{reason}: {words}" if reason else words,
        )


def _traces(cells: CellMoments) -> Floats:
    covariances = cells.covariances
    return covariances if covariances.ndim == 1 else np.trace(covariances, axis1=1, axis2=2)


def _identity(source: SampledSource) -> tuple[object, ...]:
    """Return values that identify a source for the fingerprint; of a sampler, a few samples."""
    name = type(source).__name__
    if isinstance(source, CustomSource):
        return name, source.draw(64, 0)
    return name, *source.bounds, source.mass
