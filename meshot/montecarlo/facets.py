"""Newton's direction from samples alone: facet masses are estimated from second-best sites.

Where h_j grows by t, the cell of j takes from that of i the samples whose best site is i, whose second-best is j, and
whose gap between the two scores is below t. So

    dw_i/dh_j  =  - lim  P(best i, second j, gap < t) / t        (t -> 0),

minus the mass of the facet over |y_i - y_j|. Here t is the mean gap in the cell, so that a good part of the samples
counts; what the density of gaps falls off until there is corrected by one factor for all, extrapolated from the counts
below t and t / 2. Both sides of a facet tell of it, and their mean is taken: the matrix is a graph Laplacian.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
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
# Samples that the typical gap counts for, beside those of the cell.
PRIOR = 2.0
# The samples' noise is larger than this relative residual.
EXACT = 1e-4


def mean_gaps(found: Survey, problem: SampledProblem, ranks: Ranks) -> Floats:
    """Return the mean gap in each cell, (n,); drawn a little to the median of all."""
    import torch  # noqa: PLC0415

    n = len(problem.sites)
    first, _, gap, _ = found.neighbors
    sums = np.stack([np.bincount(first, gap, n), np.bincount(first, minlength=n)])
    total, count = ranks.sum(torch.tensor(sums, dtype=torch.float64, device=problem.device)).cpu().numpy()
    told = count > 0
    if not (told & (total > 0)).any():
        return np.ones(n)
    typical = float(np.median(total[told & (total > 0)] / count[told & (total > 0)]))
    return np.asarray((total + PRIOR * np.minimum(typical, total.max())) / (count + PRIOR))


def facet_laplacian(found: Survey, problem: SampledProblem, gaps: Floats, ranks: Ranks) -> csr_array:
    """Return the estimated Hessian of the energy, (n, n): symmetric, rows of sum zero, of no positive entry elsewhere.

    Parameters
    ----------
    found : Survey
        With neighbors.
    problem : SampledProblem
    gaps : (n,) float
        From `mean_gaps`.
    ranks : Ranks
    """
    n = len(gaps)
    first, second, gap, _ = found.neighbors
    band = (gap < gaps[first]) & (first != second)
    i, j, near = first[band], second[band], gap[band] < gaps[first[band]] / 2
    pairs = coo_array((1 / gaps[i] / found.told / 2, (i, j)), shape=(n, n)).tocsr()
    shares = [float(near.sum()), float(len(near))]
    if ranks.count > 1:
        entries = pairs.tocoo()
        rows, columns, values, counted = ranks.concatenate(entries.row, entries.col, entries.data, np.array([shares]))
        pairs = coo_array((values, (rows, columns)), shape=(n, n)).tocsr()
        shares = counted.sum(axis=0).tolist()
    # the density of gaps at zero, on a line through its means below t / 2 and below t
    falloff = np.clip(4 * shares[0] / max(shares[1], 1.0) - 1, 1.0, 2.0)
    weights = falloff * (pairs + pairs.T)
    return csr_array(diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights)


def newton_solver(found: Survey, problem: SampledProblem, ranks: Ranks) -> Callable[[Floats], Floats]:
    """Return what solves ``Hessian d = missing`` for d of mean zero, from a survey with neighbors."""
    gaps = mean_gaps(found, problem, ranks)
    return LaplacianSolver(facet_laplacian(found, problem, gaps, ranks), LEAST_DIAGONAL * problem.shares / gaps)


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
