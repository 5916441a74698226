"""Conjugate gradients for matrices of 3 by 3 blocks on a mesh in space, where factors have too much fill.

The preconditioner is one symmetric Gauss-Seidel sweep, in Eisenstat's form ("Efficient implementation of a class of
preconditioned conjugate gradient methods", SIAM J. Sci. Stat. Comput. 1981): with the diagonal blocks scaled to the
identity the matrix is I + L + L^T, and that of the preconditioned system, (I + L)^-1 (I + L + L^T) (I + L^T)^-1, takes
one sweep backward and one forward to apply, no more than the matrix itself.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from meshot.base.arrays import Floats, Ints, stable_order
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import kernel


class BlockCG:
    """Solves for three unknowns a vertex; the matrix has a block for each vertex and for each edge.

    Parameters
    ----------
    count : int
        Number of vertices.
    edges : (E, 2) int

    Attributes
    ----------
    iterations : int
        Of the last solve.

    Examples
    --------
    >>> solver = BlockCG(2, np.array([[0, 1]]))
    >>> solver.factorize(2 * np.ones((2, 1, 1)) * np.eye(3), -np.eye(3)[None])
    >>> solver.solve(np.array([[1.0, 3.0, 0.0], [1.0, 3.0, 0.0]]), 1e-12, 10).round(9)
    array([[1., 3., 0.],
           [1., 3., 0.]])
    """

    def __init__(self, count: int, edges: Ints) -> None:
        ones = np.ones(len(edges), dtype=np.int8)
        graph = sparse.coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
        self.order = reverse_cuthill_mckee(sparse.csr_matrix(graph + graph.T), symmetric_mode=True).astype(np.int64)
        place = np.empty(count, dtype=np.int64)
        place[self.order] = np.arange(count)
        ends = place[edges]
        # Block e stands in row i, column j of edge (i, j); the lower triangle needs its transpose if i comes first.
        self._turned = ends[:, 0] < ends[:, 1]
        rows, columns = ends.max(axis=1), ends.min(axis=1)
        self._by_row = stable_order(rows * count + columns)
        self._rows, self._columns = rows[self._by_row], columns[self._by_row].astype(np.int32)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
        self._blocks = np.zeros((0, 3, 3))
        self._scale = np.zeros((0, 3, 3))
        self.iterations = 0

    def factorize(self, diagonal: Floats, across: Floats) -> None:
        """Set the blocks of the matrix and prepare the preconditioner.

        Parameters
        ----------
        diagonal : (V, 3, 3) float
        across : (E, 3, 3) float
            Block e stands in row i, column j of edge (i, j).

        Raises
        ------
        ConvergenceError
            A diagonal block is not positive definite.
        """
        try:
            lower = np.linalg.cholesky(diagonal[self.order])
        except np.linalg.LinAlgError as error:
            raise ConvergenceError("the linear system is not positive definite in double precision") from error
        self._scale = np.linalg.inv(lower)
        if len(self._blocks) == 0:
            self._blocks = np.empty((len(across), 3, 3))
        _scaled(across, self._turned, self._by_row, self._rows, self._columns, self._scale, self._blocks)

    def solve(self, rhs: Floats, tol: float, max_iter: int) -> Floats:
        """Return the solution, or the last iterate after `max_iter` iterations, which is a descent direction.

        Parameters
        ----------
        rhs : (V, 3) float
        tol : float
            Relative residual, in the preconditioned norm, at which the iteration stops.
        max_iter : int

        Returns
        -------
        (V, 3) float
        """
        scaled = np.einsum("vab,vb->va", self._scale, rhs[self.order])
        x, self.iterations = _iterate(self._starts, self._columns, self._blocks, scaled, tol, max_iter)
        solution = np.empty_like(rhs)
        solution[self.order] = np.einsum("vba,vb->va", self._scale, x)
        return solution


@kernel
def _scaled(across, turned, by_row, rows, columns, scale, out):
    """Order the blocks by rows of the lower triangle, and scale them to identity blocks on the diagonal."""
    half = np.empty((3, 3))
    for e in range(len(by_row)):
        number, i, j = by_row[e], rows[e], columns[e]
        for a in range(3):
            for b in range(3):
                total = 0.0
                for c in range(3):
                    total += scale[i, a, c] * (across[number, b, c] if turned[number] else across[number, c, b])
                half[a, b] = total
        for a in range(3):
            for b in range(3):
                total = 0.0
                for c in range(3):
                    total += half[a, c] * scale[j, b, c]
                out[e, a, b] = total


@kernel
def _backward(starts, columns, blocks, x):
    """Solve (I + L^T) x = x in place."""
    for i in range(len(x) - 1, -1, -1):
        p, q, r = x[i, 0], x[i, 1], x[i, 2]
        for e in range(starts[i], starts[i + 1]):
            j = columns[e]
            x[j, 0] -= blocks[e, 0, 0] * p + blocks[e, 1, 0] * q + blocks[e, 2, 0] * r
            x[j, 1] -= blocks[e, 0, 1] * p + blocks[e, 1, 1] * q + blocks[e, 2, 1] * r
            x[j, 2] -= blocks[e, 0, 2] * p + blocks[e, 1, 2] * q + blocks[e, 2, 2] * r


@kernel
def _forward(starts, columns, blocks, x):
    """Solve (I + L) x = x in place."""
    for i in range(len(x)):
        p, q, r = x[i, 0], x[i, 1], x[i, 2]
        for e in range(starts[i], starts[i + 1]):
            j = columns[e]
            a, b, c = x[j, 0], x[j, 1], x[j, 2]
            p -= blocks[e, 0, 0] * a + blocks[e, 0, 1] * b + blocks[e, 0, 2] * c
            q -= blocks[e, 1, 0] * a + blocks[e, 1, 1] * b + blocks[e, 1, 2] * c
            r -= blocks[e, 2, 0] * a + blocks[e, 2, 1] * b + blocks[e, 2, 2] * c
        x[i, 0], x[i, 1], x[i, 2] = p, q, r


@kernel
def _inner(x, y):
    total = 0.0
    for i in range(len(x)):
        total += x[i, 0] * y[i, 0] + x[i, 1] * y[i, 1] + x[i, 2] * y[i, 2]
    return total


@kernel
def _iterate(starts, columns, blocks, rhs, tol, max_iter):
    """Solve (I + L + L^T) x = rhs; return x and the number of iterations."""
    residual = rhs.copy()
    _forward(starts, columns, blocks, residual)
    x, direction = np.zeros_like(rhs), residual.copy()
    upper, image = np.empty_like(rhs), np.empty_like(rhs)
    square = _inner(residual, residual)
    goal, taken = tol * tol * square, 0
    while taken < max_iter and square > goal:
        for i in range(len(rhs)):
            for u in range(3):
                upper[i, u] = direction[i, u]
        _backward(starts, columns, blocks, upper)
        for i in range(len(rhs)):
            for u in range(3):
                image[i, u] = direction[i, u] - upper[i, u]
        _forward(starts, columns, blocks, image)
        curvature = _inner(direction, image) + _inner(direction, upper)
        if not curvature > 0.0:
            break
        length, old, square = square / curvature, square, 0.0
        for i in range(len(rhs)):
            for u in range(3):
                x[i, u] += length * direction[i, u]
                residual[i, u] -= length * (image[i, u] + upper[i, u])
                square += residual[i, u] * residual[i, u]
        for i in range(len(rhs)):
            for u in range(3):
                direction[i, u] = residual[i, u] + square / old * direction[i, u]
        taken += 1
    _backward(starts, columns, blocks, x)
    return x, taken
