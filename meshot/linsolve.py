"""Symmetric positive definite systems: one front for sparse factorisations and algebraic multigrid.

For the Laplacian of a scan with 35,000, 140,000 and 560,000 vertices inside, SuperLU, ordered by minimum degree, takes
0.4, 2.5 and 17 s, the Cholesky factor along cuts through the surface 0.25, 0.9 and 5 s of processor time, part of it on
all cores at once. Multigrid takes as long as SuperLU at 560,000, to ten digits, but a fifth of the memory.
"""

from typing import Any

import numpy as np
from scipy import sparse

from meshot.blockcholesky import BlockCholesky
from meshot.errors import ConvergenceError
from meshot.mesh import Floats

METHODS = ("auto", "direct", "dissection", "multigrid")
# Unknowns from which dissection is taken where positions are known; below SuperLU is as quick, and needs no compiler.
DISSECTION_LEAST = 25_000
# Numbers in the factor for each unknown beyond which cuts by position do not suit the graph. Scans have 40 to 80.
FILL_LIMIT = 300
# Unknowns above which multigrid is taken where positions are not known.
DIRECT_LIMIT = 1_000_000
MAX_ITERATIONS = 200


class SPDSolver:
    """Solves ``matrix x = rhs`` for many right-hand sides.

    Parameters
    ----------
    matrix : (n, n) sparse
        Symmetric positive definite, for instance a Laplacian with a vertex grounded.
    method : {"auto", "direct", "dissection", "multigrid"}
        SuperLU; a Cholesky factor along a nested dissection, which needs positions; or conjugate gradients
        preconditioned by Ruge-Stuben multigrid. "auto" goes by the size.
    positions : (n, d) float, optional
        Where the unknowns lie on a surface or in the plane, so that neighbors in the matrix are near each other.

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

    def __init__(self, matrix: Any, method: str = "auto", positions: Floats | None = None) -> None:
        if method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}, got {method!r}")
        if method == "dissection" and positions is None:
            raise ValueError("a dissection needs positions")
        self.matrix = sparse.csr_matrix(matrix)
        count = self.matrix.shape[0]
        self.method = method
        if method == "auto":
            self.method = "direct" if count <= DIRECT_LIMIT else "multigrid"
        if positions is not None and (method == "dissection" or (method == "auto" and count >= DISSECTION_LEAST)):
            self._prepare = self._dissect(positions)
            if self._prepare is not None:
                self.method = "dissection"
                return
        self._prepare = self._coarsen() if self.method == "multigrid" else self._factorise()

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
        if self.method == "dissection":
            return np.asarray(self._prepare.solve(rhs[:, None]).reshape(rhs.shape))
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

    def _dissect(self, positions: Floats) -> Any:
        rows = np.repeat(np.arange(len(positions)), np.diff(self.matrix.indptr))
        across = np.flatnonzero(rows < self.matrix.indices)
        edges = np.stack([rows[across], self.matrix.indices[across]], axis=1)
        cholesky = BlockCholesky(positions, edges, size=1)
        if cholesky.fill > FILL_LIMIT * len(positions) and self.method != "dissection":
            return None
        cholesky.factorise(self.matrix.diagonal()[:, None, None], self.matrix.data[across, None, None])
        return cholesky

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
