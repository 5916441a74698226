"""Symmetric positive definite systems: one interface to sparse factorizations and algebraic multigrid.

For the Laplacian of a scan with 35,000 and 140,000 inner vertices, SuperLU with minimum degree takes 0.20 and 1.5 s of
CPU time, the Cholesky factor by nested dissection of the surface 0.15 and 0.69 s, most of it parallel. At 560,000
vertices SuperLU takes 17 s; multigrid to ten digits takes as long, but a fifth of the memory. For a random graph of
150,000 and 500,000 vertices in the plane, PARDISO takes 1.6 and 5.5 s, SuperLU 1.3 and 7.2 s.
"""

import logging
import weakref
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import sparse

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.base.arrays import Floats
from meshot.base.errors import ConvergenceError

LOG = logging.getLogger(__name__)
METHODS = ("auto", "direct", "dissection", "multigrid", "pardiso")
# Unknowns from which on nested dissection is used if positions are known; below, SuperLU is as fast, without compiling.
MIN_DISSECTION = 25_000
# Unknowns from which on PARDISO is used if it is installed and positions are not known.
MIN_PARDISO = 200_000
# PARDISO's code for real symmetric positive definite matrices.
SYMMETRIC_POSITIVE_DEFINITE = 2
# Numbers in the factor for each unknown above which dissection by position does not suit the graph. Scans have 40 to
# 80.
MAX_FILL = 300
# Unknowns above which multigrid is used if positions are not known.
MAX_DIRECT = 1_000_000
MAX_ITERATIONS = 200


class _Pardiso:
    """A Cholesky factorization by PARDISO, which takes the upper triangle."""

    def __init__(self, matrix: Any) -> None:
        import pypardiso  # noqa: PLC0415
        from pypardiso.pardiso_wrapper import PyPardisoError  # noqa: PLC0415

        self._upper = sparse.csr_matrix(sparse.triu(matrix, format="csr"))
        self._solver = pypardiso.PyPardisoSolver(mtype=SYMMETRIC_POSITIVE_DEFINITE)
        weakref.finalize(self, self._solver.free_memory, everything=True)
        try:
            self._solver.factorize(self._upper)
        except (PyPardisoError, ValueError) as error:
            raise ConvergenceError("the linear system is singular") from error

    def solve(self, rhs: Floats) -> Floats:
        return np.asarray(self._solver.solve(self._upper, rhs))


@cache
def has_pardiso() -> bool:
    """Return whether pypardiso is installed with its library."""
    if find_spec("pypardiso") is None:
        return False
    try:
        import pypardiso  # noqa: F401, PLC0415
    except (ImportError, OSError) as error:
        LOG.info("pypardiso is installed and cannot be used: %s", error)
        return False
    return True


class SPDSolver:
    """Solves ``matrix x = rhs`` for many right-hand sides.

    Parameters
    ----------
    matrix : (n, n) sparse
        Symmetric positive definite, for instance a Laplacian with a vertex grounded.
    method : {"auto", "direct", "dissection", "multigrid", "pardiso"}
        SuperLU; a multifrontal Cholesky factor by nested dissection, which needs positions; conjugate gradients
        preconditioned by Ruge-Stuben multigrid; or MKL's PARDISO, which needs the package pypardiso. "auto" chooses by
        the size and by what is installed, and logs its choice under "meshot".
    positions : (n, d) float, optional
        Positions of the unknowns on a surface or in the plane, such that neighbors in the matrix are near each other.

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
        self.method = method
        self._prepare = self._choose(positions) if method == "auto" else self._prepared(method, positions)
        LOG.debug("%d unknowns, %s asked for: %s", self.matrix.shape[0], method, self.method)

    def _choose(self, positions: Floats | None) -> Any:
        """Prepare the method that suits the size."""
        count = self.matrix.shape[0]
        if positions is not None and count >= MIN_DISSECTION:
            prepared = self._prepared("dissection", positions, MAX_FILL)
            if prepared is not None:
                return prepared
        if count >= MIN_PARDISO and has_pardiso():
            return self._prepared("pardiso", None)
        return self._prepared("direct" if count <= MAX_DIRECT else "multigrid", None)

    def _prepared(self, method: str, positions: Floats | None, fill_limit: float = np.inf) -> Any:
        self.method = method
        if method == "dissection":
            assert positions is not None
            return self._dissect(positions, fill_limit)
        return {"direct": self._factorize, "multigrid": self._coarsen, "pardiso": self._call_pardiso}[method]()

    def solve(self, rhs: Floats, x0: Floats | None = None, tol: float = 1e-10) -> Floats:
        """Return x of the shape of `rhs`.

        Parameters
        ----------
        rhs : (n,) or (n, k) float
        x0 : like `rhs`, optional
            Start of the iteration (warm start); factorizations ignore it.
        tol : float
            Relative residual at which the iteration stops.

        Returns
        -------
        (n,) or (n, k) float
        """
        rhs = np.asarray(rhs, dtype=np.float64)
        if rhs.size == 0:
            return rhs.copy()
        if self.method == "dissection":
            return np.asarray(self._prepare.solve(rhs[:, None]).reshape(rhs.shape))
        if self.method in ("direct", "pardiso"):
            solution = np.asarray(self._prepare.solve(rhs))
            if not np.isfinite(solution).all():
                raise ConvergenceError("the linear system is singular in double precision")
            return solution
        if rhs.ndim == 1:
            return self._iterate(rhs, x0, tol)
        starts = [None] * rhs.shape[1] if x0 is None else list(np.asarray(x0).T)
        columns = [self._iterate(b, start, tol) for b, start in zip(rhs.T, starts, strict=True)]
        return np.stack(columns, axis=1)

    def _dissect(self, positions: Floats, fill_limit: float) -> Any:
        rows = np.repeat(np.arange(len(positions)), np.diff(self.matrix.indptr))
        across = np.flatnonzero(rows < self.matrix.indices)
        edges = np.stack([rows[across], self.matrix.indices[across]], axis=1)
        cholesky = BlockCholesky(positions, edges, size=1)
        if cholesky.fill > fill_limit * len(positions):
            return None
        cholesky.factorize(self.matrix.diagonal()[:, None, None], self.matrix.data[across, None, None])
        return cholesky

    def _factorize(self) -> Any:
        from scipy.sparse.linalg import splu  # noqa: PLC0415

        if self.matrix.shape[0] == 0:
            return None
        try:
            return splu(
                self.matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
            )
        except RuntimeError as error:
            raise ConvergenceError("the linear system is singular") from error

    def _call_pardiso(self) -> Any:
        return None if self.matrix.shape[0] == 0 else _Pardiso(self.matrix)

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
