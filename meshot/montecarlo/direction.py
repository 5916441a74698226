"""Newton's direction, with what a cell's own mass asks for bounded to where its linear model holds.

A survey knows the cells' masses up to its noise, and their facets up to that of a few samples each. So what is missing
is asked for in part only: of an error e that is known with the noise s, the share e^2 / (e^2 + s^2) (Wiener's filter),
after which e^2 s^2 / (e^2 + s^2) is left. And no cell may ask for more than its own heights can bear: to be raised by
more than a share of its gap, or lowered by more than what a pyramid of that gap shrinks to its mass with. Otherwise a
few cells, of the smallest masses, run away with all around them. Cells that have hardly any mass ask for what the
samples near them tell (see `lifting`).
"""

import numpy as np
from numpy.typing import NDArray

from meshot.meshes.mesh import Floats
from meshot.montecarlo.facets import mean_gaps, newton_solver
from meshot.montecarlo.lifting import lifts, thin_cells
from meshot.montecarlo.ranks import Ranks
from meshot.montecarlo.survey import Quality, SampledProblem, Survey

# A cell may always move by the first share of its gap, and by the second share of the way to its mass, up by no more
# than so many gaps.
BOUND, SHARE, RISE = 0.5, 0.7, 1.5
TINY = 1e-3
# A cell whose error is above the first, and above so many times its noise, is known to be wrong.
WRONG, BEYOND = 0.5, 6.0


def newton_direction(
    found: Survey, problem: SampledProblem, heights: Floats, quality: Quality, seed: tuple[int, ...], ranks: Ranks
) -> Floats:
    """Return by how much to move the heights, (n,), of mean zero.

    Parameters
    ----------
    found : Survey
        At these heights, with neighbors.
    problem : SampledProblem
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
