"""Symmetric positive definite systems: one front for sparse factorisation and algebraic multigrid."""

from typing import Any

import numpy as np
from scipy import sparse

from meshot.errors import ConvergenceError
from meshot.mesh import Floats

# Unknowns above which multigrid is taken instead. For the Laplacian of a planar graph with 550,000 vertices the
# factorisation takes 8 s and 0.5 GB, multigrid to ten digits 17 s and 0.1 GB.
DIRECT_LIMIT = 1_000_000
MAX_ITERATIONS = 200


class SPDSolver:
    """Solves ``matrix x = rhs`` for many right-hand sides.

    Parameters
    ----------
    matrix : (n, n) sparse
        Symmetric positive definite, for instance a Laplacian with a vertex grounded.
    method : {"auto", "direct", "multigrid"}
        A sparse factorisation, or conjugate gradients preconditioned by Ruge-Stuben multigrid; "auto" goes by the size.

    Raises
    ------
    ConvergenceError
        The matrix is singular to working precision, or the iteration does not reach its tolerance.

    Examples
    --------
    >>> solver = SPDSolver(sparse.csr_array([[2.0, -1.0], [-1.0, 2.0]]))
    >>> solver.solve(np.array([1.0, 1.0])).round(12)
    array([1., 1.])
    """

    def __init__(self, matrix: Any, method: str = "auto") -> None:
        if method not in ("auto", "direct", "multigrid"):
            raise ValueError(f'method must be "auto", "direct" or "multigrid", got {method!r}')
        self.matrix = sparse.csr_matrix(matrix)
        if method == "auto":
            method = "direct" if self.matrix.shape[0] <= DIRECT_LIMIT else "multigrid"
        self.method = method
        self._prepare = self._factorise() if method == "direct" else self._coarsen()

    def solve(self, rhs: Floats, x0: Floats | None = None, tol: float = 1e-10) -> Floats:
        """Return x, (n,) or (n, k) like `rhs`.

        Parameters
        ----------
        rhs : (n,) or (n, k) float
        x0 : like `rhs`, optional
            Start of the iteration; a factorisation does not need it.
        tol : float
            Relative residual at which the iteration stops.
        """
        rhs = np.asarray(rhs, dtype=np.float64)
        if rhs.size == 0:
            return rhs.copy()
        if self.method == "direct":
            solution = np.asarray(self._prepare.solve(rhs))
            if not np.isfinite(solution).all():
                raise ConvergenceError("the linear system is singular in double precision")
            return solution
        if rhs.ndim == 1:
            return self._iterate(rhs, x0, tol)
        starts = [None] * rhs.shape[1] if x0 is None else list(np.asarray(x0).T)
        columns = [self._iterate(b, start, tol) for b, start in zip(rhs.T, starts, strict=True)]
        return np.stack(columns, axis=1)

    def _factorise(self) -> Any:
        from scipy.sparse.linalg import splu  # noqa: PLC0415

        if self.matrix.shape[0] == 0:
            return None
        try:
            return splu(
                self.matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
            )
        except RuntimeError as error:
            raise ConvergenceError("the linear system is singular") from error

    def _coarsen(self) -> Any:
        import pyamg  # noqa: PLC0415

        return pyamg.ruge_stuben_solver(self.matrix, max_coarse=500)

    def _iterate(self, rhs: Floats, x0: Floats | None, tol: float) -> Floats:
        residuals: list[float] = []
        scale = np.linalg.norm(rhs)
        if scale == 0.0:
            return np.zeros_like(rhs)
        start = None if x0 is None else np.array(x0, dtype=np.float64)
        x = self._prepare.solve(rhs, x0=start, tol=tol, accel="cg", maxiter=MAX_ITERATIONS, residuals=residuals)
        reached = float(np.linalg.norm(rhs - self.matrix @ x) / scale)
        if not reached <= 100 * tol:
            raise ConvergenceError(f"conjugate gradients stopped at a relative residual of {reached:.1e}")
        return np.asarray(x)


def solve_spd(matrix: Any, rhs: Floats, *, tol: float = 1e-10, method: str = "auto") -> Floats:
    """Solve one symmetric positive definite system; see `SPDSolver`.

    Examples
    --------
    >>> solve_spd(sparse.csr_array([[4.0]]), np.array([2.0]))
    array([0.5])
    """
    return SPDSolver(matrix, method).solve(rhs, tol=tol)
