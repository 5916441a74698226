"""Newton's direction from samples alone: facet masses are estimated from the sites that come next after the best.

Where h_j grows by t, the cell of j takes from that of i the samples whose best site is i and in which the score of j is
less than t behind. So

    dw_i/dh_j  =  - lim  P(best i, s_i - s_j < t) / t        (t -> 0),

minus the mass of the facet over |y_i - y_j|. Every facet has its own scale: the samples of i or j in which the other
comes second, c of them, lag by t_ij in the mean, and the limit is kappa c / t_ij. The factor kappa, 1/2 where gaps are
spread evenly up to 2 t_ij and nearer to 1 where they thin out, is that of all facets together, extrapolated from how
many lag by less than t_ij and by less than half of it. Both sides of a facet tell of it, and their mean is taken: the
matrix is a graph Laplacian.

Where two sites nearly coincide, the second site of a sample in either cell is the other, and hides the facets that hold
the two in their place together: there the third site tells of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_array, csr_array, diags_array

from meshot.algebra.solve import SPDSolver
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.transport.sampled.estimates import LevelProblem, Survey
from meshot.transport.sampled.processes import Ranks

# Unknowns up to which the matrix is stored dense.
DENSE = 1500
# Share of nu_i / gap_i, the diagonal of a typical cell, that every row has at least; and what keeps the matrix regular.
LEAST_DIAGONAL, FAINT = 0.2, 1e-6
# A site hides those behind it where the gap to it is less than this share of that to the third.
HIDING = 1 / 8
# Bounds of kappa.
KAPPA = (0.4, 1.0)
# Samples that a typical gap counts for, beside those of a cell or a facet.
PRIOR = 2.0
# The samples' noise is larger than this relative residual.
EXACT = 1e-4


def mean_gaps(found: Survey, problem: LevelProblem, ranks: Ranks, behind: int = 1) -> Floats:
    """Return the mean gap in each cell, (n,), to the next site or one further behind.

    Few samples are helped out by those around, whose next sites a site is among: gaps grow as squares of diameters do.
    """
    import torch  # noqa: PLC0415

    n, d = problem.sites.shape
    sites, size = found.neighbors.sites, problem.shares ** (2 / d)
    gap = found.neighbors.gaps[:, behind - 1]
    relative, nexts = gap / size[sites[:, 0]], range(1, sites.shape[1])
    own = [np.bincount(sites[:, 0], gap, n), np.bincount(sites[:, 0], minlength=n)]
    around = [sum(np.bincount(sites[:, k], values, n) for k in nexts) for values in (relative, np.ones(len(sites)))]
    sums = ranks.sum(torch.tensor(np.stack([*own, *around]), dtype=torch.float64, device=problem.device)).cpu().numpy()
    total, count, near, told = sums
    if not (total > 0).any():
        return np.ones(n)
    some = total > 0
    typical = float(np.median(total[some] / count[some] / size[some]))
    expected = size * (near + typical) / (told + 1)
    return np.asarray((total + PRIOR * expected) / (count + PRIOR))


def estimated_laplacian(found: Survey, problem: LevelProblem, ranks: Ranks) -> csr_array:
    """Return the estimated Hessian of the energy, (n, n): symmetric, rows of sum zero, of no positive entry elsewhere.

    Parameters
    ----------
    found : Survey
        With neighbors.
    problem : LevelProblem
    ranks : Ranks
    """
    first, ranked = found.neighbors.sites[:, 0], found.neighbors.sites.shape[1]
    next_gaps = mean_gaps(found, problem, ranks)
    weights, scale = _couplings(found, next_gaps, ranks, 1, np.ones(len(first), dtype=bool))
    if ranked > 2:
        third_gaps = mean_gaps(found, problem, ranks, 2)
        weights = weights + _couplings(found, third_gaps, ranks, 2, scale < HIDING * third_gaps[first])[0]
    return csr_array(diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights)


def _couplings(
    found: Survey, typical_gaps: Floats, ranks: Ranks, behind: int, told: NDArray[np.bool_]
) -> tuple[csr_array, Floats]:
    """Return what the samples `told` say of facets to the site so far behind, and the scale of each sample's facet."""
    n, (sites, gaps, _) = len(typical_gaps), found.neighbors
    told = told & (sites[:, 0] != sites[:, behind])
    first, other, gap = sites[told, 0], sites[told, behind], gaps[told, behind - 1]
    typical = typical_gaps[first]
    facets, place = np.unique(np.minimum(first, other) * n + np.maximum(first, other), return_inverse=True)
    sums = [np.bincount(place, values, len(facets)) for values in (np.ones(len(place)), gap, typical)]
    if ranks.count > 1:
        mine, (every, *parts) = facets, ranks.concatenate(facets, *sums)
        facets, join = np.unique(every, return_inverse=True)
        sums, place = [np.bincount(join, part) for part in parts], np.searchsorted(facets, mine)[place]
    count, total, expected = sums
    scale = (total + PRIOR * expected / count) / (count + PRIOR)
    lag = gap / scale[place]
    below = np.array([[(lag < 0.5).sum(), (lag < 1).sum(), len(lag)]])
    half, whole, every = ranks.concatenate(below)[0].sum(axis=0)
    kappa = np.clip((4 * half - whole) / max(every, 1), *KAPPA)
    upper = coo_array((kappa * count / scale / found.told / 2, np.divmod(facets, n)), shape=(n, n))
    scales = np.full(len(sites), np.inf)
    scales[told] = scale[place]
    return csr_array(upper + upper.T), scales


def newton_solver(found: Survey, problem: LevelProblem, ranks: Ranks) -> "LaplacianSolver":
    """Return what solves ``Hessian d = missing`` for d of mean zero, from a survey with neighbors."""
    least = LEAST_DIAGONAL * problem.shares / mean_gaps(found, problem, ranks)
    return LaplacianSolver(held_together(estimated_laplacian(found, problem, ranks), least, problem.near), least)


def held_together(laplacian: csr_array, least: Floats, near: Ints) -> csr_array:
    """Return a Laplacian in which cells that few samples tell of are coupled to near sites, as much as they lack.

    A cell that nothing holds runs away. One that is held where it is stays behind when all around it moves, which is
    worse: moves may be many times the gaps.

    Parameters
    ----------
    laplacian : (n, n) sparse
    least : (n,) float
        What the diagonal is raised to.
    near : (n, k) int
        Near sites of each; where k is 0, nothing is changed.

    Examples
    --------
    >>> held_together(csr_array(np.zeros((2, 2))), np.array([0.5, 0.0]), np.array([[1], [0]])).toarray()
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    n, count = near.shape
    lacking = np.flatnonzero(laplacian.diagonal() < least)
    if count == 0 or len(lacking) == 0:
        return laplacian
    weight = np.repeat((least - laplacian.diagonal())[lacking] / count, count)
    pairs = (np.repeat(lacking, count), near[lacking].ravel())
    one_way = csr_array(coo_array((weight, pairs), shape=(n, n)).tocsr())
    coupled = one_way + one_way.T
    return csr_array(laplacian + diags_array(np.asarray(coupled.sum(axis=1)).ravel()) - coupled)


class LaplacianSolver:
    """Solves ``laplacian d = missing`` for d of mean zero.

    Parameters
    ----------
    laplacian : (n, n) sparse
    least : (n,) float
        What the diagonal is raised to.

    Attributes
    ----------
    diagonal : (n,) float
        The raised one.

    Examples
    --------
    >>> LaplacianSolver(csr_array([[1.0, -1.0], [-1.0, 1.0]]))(np.array([0.5, -0.5])).round(2)
    array([ 0.25, -0.25])
    """

    def __init__(self, laplacian: csr_array, least: Floats | float = 0.0) -> None:
        diagonal = laplacian.diagonal()
        typical = float(np.median(diagonal[diagonal > 0])) if (diagonal > 0).any() else 1.0
        self.diagonal = np.maximum(diagonal, least)
        self._raised = csr_array(laplacian + diags_array(FAINT * typical + self.diagonal - diagonal))
        small = laplacian.shape[0] <= DENSE
        self._factor: Any = cho_factor(self._raised.toarray()) if small else None
        self._multigrid = None if small else SPDSolver(self._raised, "multigrid")

    def __call__(self, missing: Floats) -> Floats:
        """Return d, (n,)."""
        if self._multigrid is None:
            solved = cho_solve(self._factor, missing)
        else:
            try:
                solved = self._multigrid.solve(missing, tol=EXACT)
            except ConvergenceError:
                solved = SPDSolver(self._raised, "direct").solve(missing)
        return np.asarray(solved - solved.mean())
