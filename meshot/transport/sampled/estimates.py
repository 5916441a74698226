"""What samples tell of the cells: how many fall into each, where, and how near to which other cell."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import run_in_chunks
from meshot.transport.sampled.nearest.box_search import BoxSearch
from meshot.transport.sampled.nearest.brute_force import BruteForce
from meshot.transport.sampled.nearest.top_k import Ranked, joined
from meshot.transport.sampled.processes import Ranks
from meshot.transport.sampled.samples import Batch
from meshot.transport.sampled.sobol import BLOCK
from meshot.transport.sampled.sources import SampledSource

# Dimension up to which a tree of boxes beats comparing with all sites.
BOXES_UP_TO = 3
# Nearest sites that hold a cell which few samples tell of.
NEAR = 4
# Independent scrambles that a survey is made of: their differences are its standard error. Few cells need more.
SCRAMBLES, SCRAMBLES_OF_FEW, FEW = 2, 4, 256
# Samples a cell from which its neighbors are told, and how many sites of each: one that nearly coincides with another
# hides those behind it.
NEIGHBOR_SAMPLES, NEIGHBOR_RANKS = 32, 3
# Samples that a device holds at once.
HELD = {"cpu": 1 << 19, "cuda": 1 << 22}
# Blocks of samples that are looked up together: in a common order they share what they read.
TOGETHER = 32
# Dimension up to which the covariances of cells are computed whole; above, their traces.
WHOLE_UP_TO = 4


@dataclass(frozen=True, eq=False)
class LevelProblem:
    """A source of mass 1, to be sent to `shares` (n,), of sum 1, at `sites` (n, d), near ones standing together."""

    sites: Floats
    shares: Floats
    source: SampledSource
    device: torch.device

    @cached_property
    def near(self) -> Ints:
        """A few of the sites nearest to each, (n, k); none where a tree would not find them quickly."""
        n, d = self.sites.shape
        if d > BOXES_UP_TO or n <= NEAR:
            return np.empty((n, 0), dtype=np.int64)
        return np.asarray(cKDTree(self.sites).query(self.sites, list(range(2, NEAR + 2)))[1])

    def search(self, heights: Floats, samples: float, best: int) -> BruteForce | BoxSearch:
        """Return what finds the best sites of samples."""
        bounds = self.source.bounds
        if self.sites.shape[1] > BOXES_UP_TO:
            return BruteForce(self.sites, heights, (bounds[0] + bounds[1]) / 2, self.device)
        return BoxSearch(self.sites, heights, bounds, samples, best, self.device)


class Neighbors(NamedTuple):
    """Some samples with their best sites, (k, r), what the others are behind, (k, r - 1), and perhaps their places."""

    sites: Ints
    gaps: Floats
    places: Floats | None = None


@dataclass(frozen=True, eq=False)
class Survey:
    """What a batch of samples tells.

    Attributes
    ----------
    counts : (r, n) int
        Samples in each cell, of each scramble.
    sizes : (r,) int
        Samples of each scramble.
    neighbors : Neighbors
        Of some of this rank's samples.
    told : int
        Samples, of all ranks, that `neighbors` is drawn from.
    potential : float
        Mean of the Brenier potential.
    moments : (n, d + ...) float or None
        Sums over the samples of each cell of the coordinates and their products (those of pairs of coordinates, row by
        row; above four dimensions the square of the length).
    """

    counts: Ints
    sizes: Ints
    neighbors: Neighbors
    told: int
    potential: float
    moments: Floats | None = None

    @property
    def masses(self) -> Floats:
        """Shares of the cells, (n,)."""
        return np.asarray(self.counts.sum(axis=0) / self.sizes.sum())

    def quality(self, shares: Floats) -> "Quality":
        """Return how far the cells' masses are from the `shares` asked for, and how well that is known."""
        relative = self.counts / self.sizes[:, None] / shares - 1
        r, n = relative.shape
        total, squares = relative.sum(axis=0), (relative**2).sum(axis=0)
        # products of independent scrambles: their mean is the squared error without the noise
        crossed = (total**2 - squares) / (r * (r - 1))
        noise = float(np.sqrt(((squares - total**2 / r) / (r * (r - 1))).mean()))
        error = float(np.sqrt(max(crossed.mean(), 0.0)))
        spread = float(crossed.std() / np.sqrt(n))
        deviation = spread / (2 * error) if error**2 > spread else float(np.sqrt(spread) / 2)
        largest = float(np.abs(relative.mean(axis=0)).max())
        plain = float(np.sqrt(((1 - shares) / shares).mean() / self.sizes.sum()))
        return Quality(error, deviation, noise, plain, largest)


class Quality(NamedTuple):
    """How good masses are, relative to those asked for.

    Attributes
    ----------
    error, deviation : float
        RMS relative error of the cells' true masses, without the noise of counting them, and its standard error.
    noise : float
        RMS standard error of a cell's counted mass.
    plain : float
        What the noise would be with independent samples; ``(plain / noise) ** 2`` is what the Sobol points gain.
    largest : float
        Largest relative error of a counted mass.
    """

    error: float
    deviation: float
    noise: float
    plain: float
    largest: float


def survey(
    problem: LevelProblem,
    heights: Floats,
    size: int,
    seed: tuple[int, ...],
    ranks: Ranks,
    *,
    neighbors: bool = True,
    moments: bool = False,
) -> Survey:
    """Find the cells of `size` samples.

    Parameters
    ----------
    problem : LevelProblem
    heights : (n,) float
    size : int
    seed : tuple of int
        The same seed gives the same samples.
    ranks : Ranks
    neighbors, moments : bool
        Whether these are wanted.
    """
    n = len(problem.sites)
    scrambles = SCRAMBLES if n >= FEW else SCRAMBLES_OF_FEW
    sizes = np.array([size // scrambles + (k < size % scrambles) for k in range(scrambles)])
    wanted = min(size, NEIGHBOR_SAMPLES * n + BLOCK) if neighbors else 0
    # two searches cost more than a few ranks that nobody asks for
    rest = NEIGHBOR_RANKS if 2 * wanted > size else 1
    counts, told = np.zeros((scrambles, n), dtype=np.int64), 0
    near: list[list[Floats | Ints]] = []
    potential = torch.zeros((), dtype=torch.float64, device=problem.device)
    sums = _Sums(problem) if moments else None
    searches: dict[int, BruteForce | BoxSearch] = {}
    for scramble, m in enumerate(sizes):
        seeds = np.random.SeedSequence([*seed, scramble]).generate_state(1)
        batch = Batch(problem.source, int(seeds[0]), int(m), problem.device)
        share = -(-wanted // scrambles)
        counted = torch.zeros(n, dtype=torch.int64, device=problem.device)
        full = -(-share // BLOCK)
        for blocks in _groups(ranks.own(batch.blocks), full, problem.device):
            best = NEIGHBOR_RANKS if len(blocks) and blocks[0] < full else rest
            if best not in searches:
                searches[best] = problem.search(heights, size if best == rest else max(wanted, BLOCK), best)
            points, found = _look_up(batch, blocks, searches[best])
            counted += torch.bincount(found.first, minlength=n)
            potential += found.score.sum()
            if blocks[0] < full:
                told_here = [found.sites, found.gaps, *([points] if moments else [])]
                near.append([values.cpu().numpy() for values in told_here])
            if sums is not None:
                sums.add(points, found)
        counts[scramble] = ranks.sum(counted).cpu().numpy()
        told += min(full * BLOCK, int(m))
    parts = [np.concatenate(values) for values in zip(*near, strict=True)]
    if not parts:  # this rank has no such samples
        d = problem.sites.shape[1]
        told_of = NEIGHBOR_RANKS if d <= BOXES_UP_TO else 2
        nothing = (np.empty((0, told_of), dtype=np.int64), np.empty((0, told_of - 1)), np.empty((0, d)))
        parts = list(nothing[: 3 if moments else 2])
    whole = None if sums is None else ranks.sum(sums.values).cpu().numpy()
    mean = float(ranks.sum(potential)) / size
    return Survey(counts, sizes, Neighbors(*parts), told, mean, whole)


def _groups(blocks: Ints, full: int, device: torch.device) -> list[Ints]:
    """Split blocks into groups that the device holds at once; those below `full` stand by themselves."""
    step = HELD[device.type] // BLOCK
    parts = [blocks[blocks < full], blocks[blocks >= full]]
    return [part[k : k + step] for part in parts for k in range(0, len(part), step)]


def _look_up(batch: Batch, blocks: Ints, search: BruteForce | BoxSearch) -> tuple[torch.Tensor, Ranked]:
    """Draw the samples of some blocks and find their sites; the compiled search runs on all cores."""
    if batch.device.type == "cuda" or isinstance(search, BruteForce):
        points = batch.draw(blocks)
        return points, search(points)

    def work(start: int, stop: int) -> tuple[torch.Tensor, Ranked]:
        points = batch.draw(blocks[start:stop])
        return points, search(points)

    batch.prepare()
    parts = run_in_chunks(work, len(blocks), TOGETHER)
    return torch.cat([part[0] for part in parts]), joined([part[1] for part in parts])


class _Sums:
    """Sums over the samples of each cell, in double precision; on a processor always in the same order."""

    def __init__(self, problem: LevelProblem) -> None:
        n, d = problem.sites.shape
        self.count = n
        self.pairs = [(a, b) for a in range(d) for b in range(a, d)] if d <= WHOLE_UP_TO else []
        width = d + (len(self.pairs) or 1)
        self.values = torch.zeros(n, width, dtype=torch.float64, device=problem.device)

    def add(self, points: torch.Tensor, found: Ranked) -> None:
        products = [points[:, a] * points[:, b] for a, b in self.pairs] or [(points**2).sum(dim=1)]
        for column, values in enumerate([*points.unbind(1), *products]):
            self.values[:, column] += torch.bincount(found.first, values, minlength=self.count)


class CellMoments(NamedTuple):
    """Statistics of the cells.

    Attributes
    ----------
    centroids : (n, d) float
        NaN without samples, as the others.
    covariances : (n, d, d) or (n,) float
        Of the source in the cell; in more than four dimensions their traces.
    """

    centroids: Floats
    covariances: Floats


def cell_moments(found: Survey, dimension: int) -> CellMoments:
    """Return the statistics of the cells of a survey that was made with moments."""
    assert found.moments is not None
    counts = found.counts.sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = found.moments / np.where(counts > 0, counts, np.nan)[:, None]
    centroids, products = means[:, :dimension], means[:, dimension:]
    if dimension > WHOLE_UP_TO:
        return CellMoments(centroids, products[:, 0] - (centroids**2).sum(axis=1))
    second = np.empty((len(counts), dimension, dimension))
    for column, (a, b) in zip(products.T, zip(*np.triu_indices(dimension), strict=True), strict=True):
        second[:, a, b] = second[:, b, a] = column
    return CellMoments(centroids, second - centroids[:, :, None] * centroids[:, None, :])
