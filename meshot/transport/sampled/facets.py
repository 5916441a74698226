"""Newton's direction from samples alone: facet masses are estimated from the second-best sites of the samples.

When h_j grows by t, the cell of j takes from that of i the samples whose best site is i and in which the score of j is
less than t behind. So

    dw_i/dh_j  =  - lim  P(best i, s_i - s_j < t) / t        (t -> 0),

minus the mass of the facet over |y_i - y_j|. Every facet has a scale: in the c samples of i or j in which the other is
second, the mean gap is t_ij, and the limit is kappa c / t_ij. The factor kappa, 1/2 if gaps are uniform up to 2 t_ij
and nearer to 1 if large gaps are rarer, is estimated for all facets together, extrapolated from the numbers of samples
with gaps below t_ij and below half of it. The two sides of a facet are averaged: the matrix is a graph Laplacian.

Where two sites nearly coincide, each is second in the other's cell and hides the facets to further sites: there the
third sites of the samples are used.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_array, csr_array, diags_array

from meshot.algebra.solve import SPDSolver
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.transport.sampled.estimates import CellEstimates, LevelProblem
from meshot.transport.sampled.processes import ProcessGroup

# Unknowns up to which the matrix is stored dense.
MAX_DENSE = 1500
# Lower bound of the diagonal, as a share of nu_i / gap_i, that of a typical cell.
MIN_DIAGONAL = 0.2
# Share of the median diagonal that is added to make the matrix regular.
REGULARIZATION = 1e-6
# A site hides those behind it if the gap to it is less than this share of the gap to the third.
HIDING_RATIO = 1 / 8
# Bounds of kappa.
KAPPA_BOUNDS = (0.4, 1.0)
# Weight of the expected gap, in samples, in the mean gap of a cell or a facet.
PRIOR_SAMPLES = 2.0
# Relative residual of the linear systems; the samples' noise is larger.
SOLVER_TOL = 1e-4


def mean_gaps(estimates: CellEstimates, problem: LevelProblem, group: ProcessGroup, behind: int = 1) -> Floats:
    """Return the mean gap in each cell, (n,), to the second-best site (or to the next, `behind` = 2).

    A cell with few samples borrows from the neighboring cells, whose gaps are scaled like squares of diameters.
    """
    import torch  # noqa: PLC0415

    n, d = problem.sites.shape
    sites, size = estimates.neighbors.sites, problem.shares ** (2 / d)
    gap = estimates.neighbors.gaps[:, behind - 1]
    relative, nexts = gap / size[sites[:, 0]], range(1, sites.shape[1])
    own = [np.bincount(sites[:, 0], gap, n), np.bincount(sites[:, 0], minlength=n)]
    around = [sum(np.bincount(sites[:, k], values, n) for k in nexts) for values in (relative, np.ones(len(sites)))]
    sums = group.sum(torch.tensor(np.stack([*own, *around]), dtype=torch.float64, device=problem.device)).cpu().numpy()
    total, count, near_total, near_count = sums
    if not (total > 0).any():
        return np.ones(n)
    some = total > 0
    typical = float(np.median(total[some] / count[some] / size[some]))
    expected = size * (near_total + typical) / (near_count + 1)
    return np.asarray((total + PRIOR_SAMPLES * expected) / (count + PRIOR_SAMPLES))


def estimate_laplacian(estimates: CellEstimates, problem: LevelProblem, group: ProcessGroup) -> csr_array:
    """Return the estimated Hessian of the energy, a graph Laplacian.

    Parameters
    ----------
    estimates : CellEstimates
        With neighbors.
    problem : LevelProblem
    group : ProcessGroup

    Returns
    -------
    (n, n) sparse
    """
    first, ranked = estimates.neighbors.sites[:, 0], estimates.neighbors.sites.shape[1]
    next_gaps = mean_gaps(estimates, problem, group)
    weights, scale = _couplings(estimates, next_gaps, group, 1, np.ones(len(first), dtype=bool))
    if ranked > 2:
        third_gaps = mean_gaps(estimates, problem, group, 2)
        weights = weights + _couplings(estimates, third_gaps, group, 2, scale < HIDING_RATIO * third_gaps[first])[0]
    return csr_array(diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights)


def _couplings(
    estimates: CellEstimates, typical_gaps: Floats, group: ProcessGroup, behind: int, used: NDArray[np.bool_]
) -> tuple[csr_array, Floats]:
    """Return the couplings to the site so far `behind`, from the samples `used`, and the scale of each one's facet."""
    n, (sites, gaps, _) = len(typical_gaps), estimates.neighbors
    used = used & (sites[:, 0] != sites[:, behind])
    first, other, gap = sites[used, 0], sites[used, behind], gaps[used, behind - 1]
    typical = typical_gaps[first]
    facets, place = np.unique(np.minimum(first, other) * n + np.maximum(first, other), return_inverse=True)
    sums = [np.bincount(place, values, len(facets)) for values in (np.ones(len(place)), gap, typical)]
    if group.count > 1:
        mine, (every, *parts) = facets, group.concatenate(facets, *sums)
        facets, join = np.unique(every, return_inverse=True)
        sums, place = [np.bincount(join, part) for part in parts], np.searchsorted(facets, mine)[place]
    count, total, expected = sums
    scale = (total + PRIOR_SAMPLES * expected / count) / (count + PRIOR_SAMPLES)
    lag = gap / scale[place]
    below = np.array([[(lag < 0.5).sum(), (lag < 1).sum(), len(lag)]])
    half, whole, every = group.concatenate(below)[0].sum(axis=0)
    kappa = np.clip((4 * half - whole) / max(every, 1), *KAPPA_BOUNDS)
    upper = coo_array((kappa * count / scale / estimates.neighbor_samples / 2, np.divmod(facets, n)), shape=(n, n))
    scales = np.full(len(sites), np.inf)
    scales[used] = scale[place]
    return csr_array(upper + upper.T), scales


def newton_solver(estimates: CellEstimates, problem: LevelProblem, group: ProcessGroup) -> "LaplacianSolver":
    """Return a solver of ``Hessian d = missing`` for d of mean zero, from estimates with neighbors."""
    least = MIN_DIAGONAL * problem.shares / mean_gaps(estimates, problem, group)
    laplacian = estimate_laplacian(estimates, problem, group)
    return LaplacianSolver(couple_to_near_sites(laplacian, least, problem.near), least)


def couple_to_near_sites(laplacian: csr_array, least: Floats, near: Ints) -> csr_array:
    """Raise small diagonal entries of a Laplacian by coupling their cells, which have few samples, to near sites.

    A cell without couplings would move without bound. If its diagonal alone were raised, it would stay behind when its
    neighbors move, which is worse: moves may be many times the gaps.

    Parameters
    ----------
    laplacian : (n, n) sparse
    least : (n,) float
        Lower bound of the diagonal.
    near : (n, k) int
        Near sites of each; with k = 0 nothing is changed.

    Returns
    -------
    (n, n) sparse

    Examples
    --------
    >>> couple_to_near_sites(csr_array(np.zeros((2, 2))), np.array([0.5, 0.0]), np.array([[1], [0]])).toarray()
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
        Lower bound of the diagonal.

    Attributes
    ----------
    diagonal : (n,) float
        The diagonal with this bound.

    Examples
    --------
    >>> LaplacianSolver(csr_array([[1.0, -1.0], [-1.0, 1.0]]))(np.array([0.5, -0.5])).round(2)
    array([ 0.25, -0.25])
    """

    def __init__(self, laplacian: csr_array, least: Floats | float = 0.0) -> None:
        diagonal = laplacian.diagonal()
        typical = float(np.median(diagonal[diagonal > 0])) if (diagonal > 0).any() else 1.0
        self.diagonal = np.maximum(diagonal, least)
        self._raised = csr_array(laplacian + diags_array(REGULARIZATION * typical + self.diagonal - diagonal))
        small = laplacian.shape[0] <= MAX_DENSE
        self._factor: Any = cho_factor(self._raised.toarray()) if small else None
        self._multigrid = None if small else SPDSolver(self._raised, "multigrid")

    def __call__(self, missing: Floats) -> Floats:
        """Return d, (n,)."""
        if self._multigrid is None:
            solved = cho_solve(self._factor, missing)
        else:
            try:
                solved = self._multigrid.solve(missing, tol=SOLVER_TOL)
            except ConvergenceError:
                solved = SPDSolver(self._raised, "direct").solve(missing)
        return np.asarray(solved - solved.mean())
