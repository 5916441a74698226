"""Raising of empty cells: heights of sites with nearly no mass are raised until they have half of their share.

Newton's method needs cells with mass: an empty cell has no facets, and the mass of a nearly empty one is not linear in
the heights. How far a site must be raised is read from the samples in which it is second or third: it takes them at
heights raised by their gaps. A site that is nowhere among the three best is raised to the potential (where -h_i is its
Legendre dual), evaluated at a few samples. A cell gets at most its share, however many near ones are raised with it.
"""

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.transport.sampled.estimates import CellEstimates, LevelProblem
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.samples import Batch

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
