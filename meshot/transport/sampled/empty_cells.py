"""Heights at which no cell starves: sites with hardly any mass are raised until they take half of what they should get.

Newton's method needs cells that have mass: those of a buried site have no facets, and the mass of a thin one is not
linear in the heights. By how much a site must be raised the samples tell in which it comes second or third: their gaps
are the heights at which it takes them. A site that is so deep below others that it is nowhere among the three best is
brought to the surface, where -h_i is the Legendre dual of the potential, by a few samples that all such sites look at.
A cell gets no more than it should, however many near ones are raised with it.
"""

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.transport.sampled.estimates import LevelProblem, Survey
from meshot.transport.sampled.processes import Ranks
from meshot.transport.sampled.samples import Batch

# A cell with less than this share of its mass is thin, if so many samples were to be expected in it.
THIN, EXPECTED = 1 / 4, 4
# Samples a site that deep sites look at, at most and if they are few, and pairs of these at once.
LOOK, HELD = 16, 1 << 24


def thin_cells(found: Survey, problem: LevelProblem) -> NDArray[np.bool_]:
    """Return which cells have hardly any of the mass that they should get, (n,)."""
    expected = problem.shares * found.sizes.sum()
    return np.asarray((found.counts.sum(axis=0) < THIN * expected) & (expected >= EXPECTED))


def lifts(
    found: Survey,
    problem: LevelProblem,
    heights: Floats,
    thin: NDArray[np.bool_],
    seed: tuple[int, ...],
    ranks: Ranks,
) -> Floats:
    """Return by how much thin cells must be raised, (n,), to have about half of their mass; 0 for the others.

    Parameters
    ----------
    found : Survey
        At these heights, with neighbors.
    problem : LevelProblem
    heights : (n,) float
    thin : (n,) bool
    seed : tuple of int
    ranks : Ranks
    """
    (sites, gaps, _), n = found.neighbors, len(heights)
    rows, behind = np.nonzero(thin[sites[:, 1:]] & (sites[:, 1:] != sites[:, :1]))
    site, gap = ranks.concatenate(sites[rows, behind + 1], gaps[rows, behind])
    order = np.lexsort((gap, site))
    begins, ends = (np.searchsorted(site[order], np.arange(n), side) for side in ("left", "right"))
    near = np.flatnonzero(thin & (ends > begins))
    missing = (problem.shares / 2 - found.masses)[near] * found.told
    raises = np.zeros(n)
    raises[near] = gap[order][np.minimum(begins[near] + np.ceil(missing).astype(np.int64), ends[near]) - 1]
    deep = np.flatnonzero(thin & (ends == begins))
    if len(deep):
        raises[deep] = np.maximum(_surface(problem, heights, deep, seed, ranks) - heights[deep], 0)
    return ranks.same(raises)


def _surface(
    problem: LevelProblem, heights: Floats, deep: NDArray[np.int64], seed: tuple[int, ...], ranks: Ranks
) -> Floats:
    """Return the heights at which some sites would begin to have mass."""
    least = max(4096, len(heights))
    size = int(np.clip(HELD // len(deep), least, LOOK * least))
    batch = Batch(problem.source, int(np.random.SeedSequence(seed).generate_state(1)[0]), size, problem.device)
    points, leads = batch.draw(ranks.own(batch.blocks)), np.full(len(deep), -np.inf)
    if len(points):
        potential = problem.search(heights, size, 1)(points).score
        sites, step = problem.sites[deep], max(1, HELD // len(points))
        for k in range(0, len(deep), step):
            scores = points @ points.new_tensor(sites[k : k + step].T)
            leads[k : k + step] = (scores - potential[:, None]).amax(dim=0).cpu().numpy()
    return -np.max(ranks.concatenate(leads[None])[0], axis=0)
