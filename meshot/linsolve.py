"""Symmetric positive definite systems: one front for sparse factorisation and algebraic multigrid."""

from typing import Any

import numpy as np
from scipy import sparse

from meshot.cholesky import Cholesky
from meshot.errors import ConvergenceError
from meshot.mesh import Floats

# Entries of a factor above which multigrid is taken instead: 1.6 GB, a surface mesh of about 2 million vertices.
FILL_LIMIT = 200_000_000
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
        self.method = method
        self._prepare: Any = None
        if method != "multigrid" and self.matrix.shape[0] > 0:
            self._prepare = Cholesky(self.matrix)
            if method == "auto" and self._prepare.fill > FILL_LIMIT:
                self.method = "multigrid"
            else:
                self.method = "direct"
                self._prepare.factorise()
        if self.method == "multigrid":
            self._prepare = self._coarsen()

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
            return np.asarray(self._prepare.solve(rhs))
        if rhs.ndim == 1:
            return self._iterate(rhs, x0, tol)
        starts = [None] * rhs.shape[1] if x0 is None else list(np.asarray(x0).T)
        columns = [self._iterate(b, start, tol) for b, start in zip(rhs.T, starts, strict=True)]
        return np.stack(columns, axis=1)

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
