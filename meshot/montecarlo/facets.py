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

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_array, csr_array, diags_array

from meshot.algebra.linsolve import SPDSolver
from meshot.errors import ConvergenceError
from meshot.meshes.mesh import Floats
from meshot.montecarlo.ranks import Ranks
from meshot.montecarlo.survey import SampledProblem, Survey

# Unknowns up to which the matrix is stored dense.
DENSE = 1500
# Share of nu_i / gap_i, the diagonal of a typical cell, that every row has at least: cells that few samples tell of
# must not run away. And the share that keeps the matrix regular.
LEAST_DIAGONAL, FAINT = 0.4, 1e-6
# A site hides those behind it where the gap to it is less than this share of that to the third.
HIDING = 1 / 8
# Bounds of kappa.
KAPPA = (0.4, 1.0)
# Samples that a typical gap counts for, beside those of a cell or a facet.
PRIOR = 2.0
# The samples' noise is larger than this relative residual.
EXACT = 1e-4


def mean_gaps(found: Survey, problem: SampledProblem, ranks: Ranks, behind: int = 1) -> Floats:
    """Return the mean gap in each cell, (n,), to the next site or one further behind; drawn a little to the median."""
    import torch  # noqa: PLC0415

    n, first, gap = len(problem.sites), found.neighbors.sites[:, 0], found.neighbors.gaps[:, behind - 1]
    sums = np.stack([np.bincount(first, gap, n), np.bincount(first, minlength=n)])
    total, count = ranks.sum(torch.tensor(sums, dtype=torch.float64, device=problem.device)).cpu().numpy()
    told = count > 0
    if not (told & (total > 0)).any():
        return np.ones(n)
    typical = float(np.median(total[told & (total > 0)] / count[told & (total > 0)]))
    return np.asarray((total + PRIOR * np.minimum(typical, total.max())) / (count + PRIOR))


def facet_laplacian(found: Survey, problem: SampledProblem, ranks: Ranks) -> csr_array:
    """Return the estimated Hessian of the energy, (n, n): symmetric, rows of sum zero, of no positive entry elsewhere.

    Parameters
    ----------
    found : Survey
        With neighbors.
    problem : SampledProblem
    ranks : Ranks
    """
    first, ranked = found.neighbors.sites[:, 0], found.neighbors.sites.shape[1]
    weights, scale = _couplings(found, problem, ranks, 1, np.ones(len(first), dtype=bool))
    if ranked > 2:
        hidden = scale < HIDING * mean_gaps(found, problem, ranks, 2)[first]
        weights = weights + _couplings(found, problem, ranks, 2, hidden)[0]
    return csr_array(diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights)


def _couplings(
    found: Survey, problem: SampledProblem, ranks: Ranks, behind: int, told: NDArray[np.bool_]
) -> tuple[csr_array, Floats]:
    """Return what the samples `told` say of facets to the site so far behind, and the scale of each sample's facet."""
    n, (sites, gaps, _) = len(problem.sites), found.neighbors
    told = told & (sites[:, 0] != sites[:, behind])
    first, other, gap = sites[told, 0], sites[told, behind], gaps[told, behind - 1]
    typical = mean_gaps(found, problem, ranks, behind)[first]
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


def newton_solver(found: Survey, problem: SampledProblem, ranks: Ranks) -> Callable[[Floats], Floats]:
    """Return what solves ``Hessian d = missing`` for d of mean zero, from a survey with neighbors."""
    gaps = mean_gaps(found, problem, ranks)
    return LaplacianSolver(facet_laplacian(found, problem, ranks), LEAST_DIAGONAL * problem.shares / gaps)


class LaplacianSolver:
    """Solves ``laplacian d = missing`` for d of mean zero.

    Parameters
    ----------
    laplacian : (n, n) sparse
    least : (n,) float
        What the diagonal is raised to.

    Examples
    --------
    >>> LaplacianSolver(csr_array([[1.0, -1.0], [-1.0, 1.0]]))(np.array([0.5, -0.5])).round(2)
    array([ 0.25, -0.25])
    """

    def __init__(self, laplacian: csr_array, least: Floats | float = 0.0) -> None:
        diagonal = laplacian.diagonal()
        typical = float(np.median(diagonal[diagonal > 0])) if (diagonal > 0).any() else 1.0
        self._raised = csr_array(laplacian + diags_array(FAINT * typical + np.maximum(least - diagonal, 0)))
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
