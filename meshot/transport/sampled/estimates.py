"""Estimates of the cells from samples: masses, moments, and the gaps to neighboring cells."""

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
from meshot.transport.sampled.nearest.top_k import TopK, concatenated
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.samples import Batch
from meshot.transport.sampled.sobol import BLOCK
from meshot.transport.sampled.sources import SampledSource

# Dimension up to which a tree of boxes is faster than comparing with all sites.
MAX_BOX_DIMENSION = 3
# Nearest sites to which a cell with few samples is coupled.
NEAR_SITES = 4
# Independent scrambles of a batch: their differences give the standard error. Problems with few cells take more.
SCRAMBLES, SCRAMBLES_OF_FEW_CELLS, FEW_CELLS = 2, 4, 256
# Samples for each cell whose next sites are kept, and how many sites of each: two do not suffice where sites nearly
# coincide, because one of these hides the others.
NEIGHBOR_SAMPLES_PER_CELL, NEIGHBOR_SITES = 32, 3
# Samples in memory at once.
MAX_SAMPLES_HELD = {"cpu": 1 << 19, "cuda": 1 << 22}
# Blocks of samples searched together: sorted together they make better use of the cache.
BLOCKS_PER_SEARCH = 32
# Dimension up to which whole covariance matrices of the cells are computed; above, their traces.
MAX_COVARIANCE_DIMENSION = 4


@dataclass(frozen=True, eq=False)
class LevelProblem:
    """A source of mass 1, to be sent to `shares` (n,), of sum 1, at `sites` (n, d), neighbors close in order."""

    sites: Floats
    shares: Floats
    source: SampledSource
    device: torch.device

    @cached_property
    def near(self) -> Ints:
        """The `NEAR_SITES` sites nearest to each, (n, k); k = 0 in many dimensions, where k-d trees are slow."""
        n, d = self.sites.shape
        if d > MAX_BOX_DIMENSION or n <= NEAR_SITES:
            return np.empty((n, 0), dtype=np.int64)
        return np.asarray(cKDTree(self.sites).query(self.sites, list(range(2, NEAR_SITES + 2)))[1])

    def search(self, heights: Floats, samples: float, best: int) -> BruteForce | BoxSearch:
        """Return the search for the `best` sites of largest score of samples."""
        bounds = self.source.bounds
        if self.sites.shape[1] > MAX_BOX_DIMENSION:
            return BruteForce(self.sites, heights, (bounds[0] + bounds[1]) / 2, self.device)
        return BoxSearch(self.sites, heights, bounds, samples, best, self.device)


class Neighbors(NamedTuple):
    """Samples with their best sites, (k, r), the gaps to the best score, (k, r - 1), and perhaps their positions."""

    sites: Ints
    gaps: Floats
    places: Floats | None = None


@dataclass(frozen=True, eq=False)
class CellEstimates:
    """Estimates of the cells from one batch of samples.

    Attributes
    ----------
    counts : (r, n) int
        Samples in each cell, of each scramble.
    sizes : (r,) int
        Samples of each scramble.
    neighbors : Neighbors
        Of some of this process's samples.
    neighbor_samples : int
        Samples of all processes that `neighbors` is drawn from.
    potential : float
        Mean of the Brenier potential.
    moments : (n, d + ...) float or None
        Sums over the samples of each cell of the coordinates and their products (those of pairs of coordinates, row by
        row; above four dimensions the square of the length).
    """

    counts: Ints
    sizes: Ints
    neighbors: Neighbors
    neighbor_samples: int
    potential: float
    moments: Floats | None = None

    @property
    def masses(self) -> Floats:
        """Masses of the cells, (n,), of sum 1."""
        return np.asarray(self.counts.sum(axis=0) / self.sizes.sum())

    def quality(self, shares: Floats) -> "Quality":
        """Return the error of the masses against the `shares` (n,), without sampling noise, and its standard error."""
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
    """Errors of masses, relative to the prescribed ones.

    Attributes
    ----------
    error, deviation : float
        RMS relative error of the cells' true masses, without the noise of counting them, and its standard error.
    noise : float
        RMS standard error of a cell's counted mass.
    plain : float
        The noise that independent samples would have; ``(plain / noise) ** 2`` is the gain of the Sobol points.
    largest : float
        Largest relative error of a counted mass.
    """

    error: float
    deviation: float
    noise: float
    plain: float
    largest: float


def estimate_cells(
    problem: LevelProblem,
    heights: Floats,
    size: int,
    seed: tuple[int, ...],
    group: ProcessGroup,
    *,
    neighbors: bool = True,
    moments: bool = False,
) -> CellEstimates:
    """Draw samples, find their cells, and estimate masses and, if wanted, neighbors and moments.

    Parameters
    ----------
    problem : LevelProblem
    heights : (n,) float
    size : int
        Number of samples.
    seed : tuple of int
        The same seed gives the same samples.
    group : ProcessGroup
    neighbors, moments : bool
        Whether to estimate these.

    Returns
    -------
    CellEstimates
    """
    n = len(problem.sites)
    scrambles = SCRAMBLES if n >= FEW_CELLS else SCRAMBLES_OF_FEW_CELLS
    sizes = np.array([size // scrambles + (k < size % scrambles) for k in range(scrambles)])
    wanted = min(size, NEIGHBOR_SAMPLES_PER_CELL * n + BLOCK) if neighbors else 0
    # a second search would cost more than the further sites
    rest = NEIGHBOR_SITES if 2 * wanted > size else 1
    counts, neighbor_samples = np.zeros((scrambles, n), dtype=np.int64), 0
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
        for blocks in _groups(group.own_blocks(batch.blocks), full, problem.device):
            best = NEIGHBOR_SITES if len(blocks) and blocks[0] < full else rest
            if best not in searches:
                searches[best] = problem.search(heights, size if best == rest else max(wanted, BLOCK), best)
            points, top = _search_blocks(batch, blocks, searches[best])
            counted += torch.bincount(top.first, minlength=n)
            potential += top.score.sum()
            if blocks[0] < full:
                kept = [top.sites, top.gaps, *([points] if moments else [])]
                near.append([values.cpu().numpy() for values in kept])
            if sums is not None:
                sums.add(points, top)
        counts[scramble] = group.sum(counted).cpu().numpy()
        neighbor_samples += min(full * BLOCK, int(m))
    parts = [np.concatenate(values) for values in zip(*near, strict=True)]
    if not parts:  # this process has no such samples
        d = problem.sites.shape[1]
        columns = NEIGHBOR_SITES if d <= MAX_BOX_DIMENSION else 2
        nothing = (np.empty((0, columns), dtype=np.int64), np.empty((0, columns - 1)), np.empty((0, d)))
        parts = list(nothing[: 3 if moments else 2])
    whole = None if sums is None else group.sum(sums.values).cpu().numpy()
    mean = float(group.sum(potential)) / size
    return CellEstimates(counts, sizes, Neighbors(*parts), neighbor_samples, mean, whole)


def _groups(blocks: Ints, full: int, device: torch.device) -> list[Ints]:
    """Split blocks into groups that fit in memory; those below `full` form groups of their own."""
    step = MAX_SAMPLES_HELD[device.type] // BLOCK
    parts = [blocks[blocks < full], blocks[blocks >= full]]
    return [part[k : k + step] for part in parts for k in range(0, len(part), step)]


def _search_blocks(batch: Batch, blocks: Ints, search: BruteForce | BoxSearch) -> tuple[torch.Tensor, TopK]:
    """Draw the samples of some blocks and find their best sites, on all cores."""
    if batch.device.type == "cuda" or isinstance(search, BruteForce):
        points = batch.draw(blocks)
        return points, search(points)

    def work(start: int, stop: int) -> tuple[torch.Tensor, TopK]:
        points = batch.draw(blocks[start:stop])
        return points, search(points)

    batch.prepare()
    parts = run_in_chunks(work, len(blocks), BLOCKS_PER_SEARCH)
    return torch.cat([part[0] for part in parts]), concatenated([part[1] for part in parts])


class _Sums:
    """Sums over the samples of each cell, in double precision; on a CPU always in the same order."""

    def __init__(self, problem: LevelProblem) -> None:
        n, d = problem.sites.shape
        self.count = n
        self.pairs = [(a, b) for a in range(d) for b in range(a, d)] if d <= MAX_COVARIANCE_DIMENSION else []
        width = d + (len(self.pairs) or 1)
        self.values = torch.zeros(n, width, dtype=torch.float64, device=problem.device)

    def add(self, points: torch.Tensor, top: TopK) -> None:
        products = [points[:, a] * points[:, b] for a, b in self.pairs] or [(points**2).sum(dim=1)]
        for column, values in enumerate([*points.unbind(1), *products]):
            self.values[:, column] += torch.bincount(top.first, values, minlength=self.count)


class CellMoments(NamedTuple):
    """Centroids and covariances of the cells.

    Attributes
    ----------
    centroids : (n, d) float
        NaN for a cell without samples, like the covariances.
    covariances : (n, d, d) or (n,) float
        Of the source in the cell; in more than four dimensions their traces.
    """

    centroids: Floats
    covariances: Floats


def cell_moments(estimates: CellEstimates, dimension: int) -> CellMoments:
    """Return centroids and covariances from estimates with moments."""
    assert estimates.moments is not None
    counts = estimates.counts.sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = estimates.moments / np.where(counts > 0, counts, np.nan)[:, None]
    centroids, products = means[:, :dimension], means[:, dimension:]
    if dimension > MAX_COVARIANCE_DIMENSION:
        return CellMoments(centroids, products[:, 0] - (centroids**2).sum(axis=1))
    second = np.empty((len(counts), dimension, dimension))
    for column, (a, b) in zip(products.T, zip(*np.triu_indices(dimension), strict=True), strict=True):
        second[:, a, b] = second[:, b, a] = column
    return CellMoments(centroids, second - centroids[:, :, None] * centroids[:, None, :])
