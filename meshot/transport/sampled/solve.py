"""Sampled transport from start to end: clusters, one level after the other, and what the last survey tells."""

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
    BOXES_UP_TO,
    WHOLE_UP_TO,
    CellMoments,
    LevelProblem,
    Neighbors,
    Quality,
    Survey,
    cell_moments,
    survey,
)
from meshot.transport.sampled.facets import mean_gaps
from meshot.transport.sampled.first_order import adam, lbfgs
from meshot.transport.sampled.hierarchy import Clusters, cluster_sites, prolong_heights, range_means
from meshot.transport.sampled.levels import HIDDEN, LEAST, MAX_STEPS, Level, newton, smooth_heights
from meshot.transport.sampled.moving_least_squares import moving_fit
from meshot.transport.sampled.processes import Ranks
from meshot.transport.sampled.samples import Batch
from meshot.transport.sampled.sinkhorn_start import Balance
from meshot.transport.sampled.sobol import BLOCK
from meshot.transport.sampled.sources import CustomSource, SampledSource

OPTIMIZERS = ("newton", "adam", "lbfgs")
# Samples a site of a survey, for the finest level (by default) and for the others.
SAMPLES, COARSE_SAMPLES = 128, 64
# Seeds of what is drawn besides the surveys of the steps.
_FIRST_LOOK, _COARSE_LOOK, _BALANCE = 1 << 20, 1 << 21, 1 << 22


@dataclass(frozen=True, eq=False)
class Solution:
    """What a sampled transport found; the sites in the order they were given in.

    Attributes
    ----------
    heights, shares : (n,) float
        Heights of mean zero, and the cells' counted masses, of sum 1.
    cells : CellMoments
        Counted centroids and covariances.
    quality : Quality
        Of the masses.
    history : tuple of SampledStep
    samples : int
        Samples drawn in all.
    device : str
    converged : bool
        The error of the masses is hidden by the noise of the last surveys.
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
    """How to solve.

    Attributes
    ----------
    device : {"auto", "cpu", "cuda"}
    samples : int or None
        Samples of the last surveys.
    seed : int
    optimizer : {"newton", "adam", "lbfgs"}
        For the finest level; the others are solved by Newton's method.
    checkpoint : path or None
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
    """Return how many samples a survey of so many cells takes: a power of two, for the Sobol points' sake."""
    return 1 << max(15, int(np.ceil(np.log2(SAMPLES * sites))))


def solve_sampled(
    sites: Floats,
    shares: Floats,
    source: SampledSource,
    settings: Settings,
    heights: Floats | None = None,
    callback: Callable[[State], None] | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Find heights for which the cells of sites (n, d) have the shares (n,), of sum 1, of a source.

    Parameters
    ----------
    sites, shares : (n, d) float, (n,) float
    source : SampledSource
    settings : Settings
    heights : (n,) float, optional
        Where to start, instead of from the hierarchy.
    callback : callable, optional
        Gets each `State` of the finest level, with the heights in the sites' order; StopIteration halts.
    progress : Progress, optional
    """
    run = _Run(sites, shares, source, settings, callback, SILENT if progress is None else progress)
    return run.solution(heights)


class _HaltedError(Exception):
    """The callback wants no more."""


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
        self.device, self.ranks, self.begin = find_device(settings.device), Ranks(), time.perf_counter()
        self.clusters: Clusters = cluster_sites(sites, shares)
        self.last = len(self.clusters.levels) - 1
        self.fitted = sites.shape[1] <= BOXES_UP_TO  # in more dimensions quadratics have too many terms
        self.sites, self.shares = sites[self.clusters.order], shares[self.clusters.order]
        self.samples = settings.samples or default_samples(len(sites))
        key = fingerprint(sites, shares, *_told(source), self.samples, settings.seed, settings.optimizer)
        self.checkpoint = Checkpoint(settings.checkpoint if self.ranks.rank == 0 else None, key, settings.interval)

    def solution(self, heights: Floats | None) -> Solution:
        state, self.given = self.ranks.same(self.checkpoint.load()), heights is not None
        resumed = state is not None
        if state is None:
            state = self._start(heights)
            resumed = heights is not None
        found: Survey | None = None
        reason = ""
        try:
            for index in range(state.level, self.last + 1):
                level, guess = self._level(index, state)
                if not resumed:
                    fresh = State(guess, state.coarse_heights, index, level.first)
                    state = replace(fresh, draws=state.draws, spent=state.spent, history=state.history)
                resumed = False
                state, found = self._solve(level, state)
                if index < self.last:
                    state = replace(state, coarse_heights=state.heights)
        except _HaltedError as halt:
            (state,), found, reason = halt.args, None, "halted by the callback"
        return self._finish(state, found, reason)

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
        """Return a level and its first guess, from the heights of the level below."""
        problem, seed = self._problem(index), self.settings.seed
        n, balance, guess = len(problem.sites), None, state.heights
        final = self.samples if index == self.last else max(2 * LEAST, COARSE_SAMPLES * n)
        if self.given:
            pass
        elif index == 0:
            starts, cells = np.array([0, n]), self._whole_source()
            spread = problem.shares @ ((problem.sites - problem.shares @ problem.sites) ** 2)
            width = np.sqrt(_traces(cells) * spread.sum())
            balance = Balance(problem, starts, None, width, (seed, _BALANCE, index), self.ranks)
            guess = prolong_heights(problem.sites, problem.shares, starts, np.zeros(1), cells)
        elif len(state.coarse_heights):
            coarse, heights = self._problem(index - 1), state.coarse_heights
            starts = np.searchsorted(self.clusters.levels[index], self.clusters.levels[index - 1])
            size = max(2 * LEAST, COARSE_SAMPLES * len(heights))
            found = survey(coarse, heights, size, (seed, _COARSE_LOOK, index), self.ranks, moments=True)
            widths = mean_gaps(found, coarse, self.ranks)
            balance = Balance(problem, starts, (coarse, heights), widths, (seed, _BALANCE, index), self.ranks)
            guess = self._prolonged(problem, starts, coarse, heights, found)
        return Level(problem, balance, index, final, seed, self.ranks, self.begin), self.ranks.same(guess)

    def _prolonged(
        self, fine: LevelProblem, starts: Ints, coarse: LevelProblem, heights: Floats, found: Survey
    ) -> Floats:
        """Return heights of a level's sites, from a survey with moments of the cells of their clusters."""
        cells = cell_moments(found, self.sites.shape[1])
        if self.fitted:
            # -h is the dual of the potential, and its gradient at a site the centroid of the cell
            told = np.isfinite(cells.centroids).all(axis=1)
            return -moving_fit(fine.sites, coarse.sites[told], -heights[told], cells.centroids[told])
        border = Neighbors(*self.ranks.concatenate(*(part for part in found.neighbors if part is not None)))
        return prolong_heights(fine.sites, fine.shares, starts, heights, cells, border)

    def _whole_source(self) -> CellMoments:
        """Return mean and covariance of the source."""
        batch = Batch(self.source, _FIRST_LOOK + self.settings.seed, BLOCK, self.device)
        points = batch.draw(np.arange(1)).cpu().numpy()
        mean, d = points.mean(axis=0), points.shape[1]
        if d > WHOLE_UP_TO:
            return CellMoments(mean[None], points.var(axis=0).sum()[None])
        return CellMoments(mean[None], np.cov(points.T, bias=True).reshape(1, d, d))

    def _solve(self, level: Level, state: State) -> tuple[State, Survey | None]:
        def report(now: State, quality: Quality) -> None:
            self.checkpoint.keep(now)
            told = f"{len(level.problem.sites):,} sites, {now.size:,} samples, RMS error {quality.error:.1e}"
            done = min(1.0, quality.noise / max(quality.error, 1e-300)) if now.polished else 0.5 * now.steps / MAX_STEPS
            self.progress.update((level.index + done) / (self.last + 1), told)
            if self.callback is None or level.index < self.last:
                return
            try:
                self.callback(replace(now, heights=self._given_order(now.heights)))
            except StopIteration:
                raise _HaltedError(now) from None

        if len(level.problem.sites) == 1:
            return state, None
        fitted = self.fitted and level.index > 0
        if level.balance is not None and not fitted and state.steps == 0 and not state.polished:
            state = replace(state, heights=level.balance.first_round(state.heights))
        if level.index < self.last or self.settings.optimizer == "newton":
            return newton(level, state, report)
        if not state.extra:
            state = smooth_heights(level, state, report)
        return {"adam": adam, "lbfgs": lbfgs}[self.settings.optimizer](level, state, report), None

    def _given_order(self, values: Floats) -> Floats:
        given = np.empty_like(values)
        given[self.clusters.order] = values
        return given

    def _finish(self, state: State, found: Survey | None, reason: str) -> Solution:
        level, _ = self._level(self.last, replace(state, coarse_heights=np.empty(0)))
        if found is None or found.moments is None:
            found, quality, state = level.look(replace(state, size=self.samples), moments=True)
            state = level.record(state, found, quality, 0.0)
        quality = found.quality(self.shares)
        # other optimizers see fewer samples at a time, and their floor is that of independent ones
        floor = HIDDEN * quality.noise if self.settings.optimizer == "newton" else max(quality.noise, quality.plain)
        hidden = quality.error <= max(floor, quality.deviation)
        words = f"RMS relative error {quality.error:.1e}, noise of {state.size:,} samples {quality.noise:.1e}"
        self.checkpoint.keep(state, now=True)
        cells = cell_moments(found, self.sites.shape[1])
        return Solution(
            self._given_order(state.heights),
            self._given_order(found.masses),
            CellMoments(*(self._given_order(part) for part in cells)),
            quality,
            state.history,
            state.spent,
            device_name(self.device),
            hidden and not reason,
            f"{reason}: {words}" if reason else words,
        )


def _traces(cells: CellMoments) -> Floats:
    covariances = cells.covariances
    return covariances if covariances.ndim == 1 else np.trace(covariances, axis1=1, axis2=2)


def _told(source: SampledSource) -> tuple[object, ...]:
    """Return what tells a source from another; samplers by a few samples."""
    name = type(source).__name__
    if isinstance(source, CustomSource):
        return name, source.draw(64, 0)
    return name, *source.bounds, source.mass
