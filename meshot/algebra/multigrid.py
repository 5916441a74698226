"""Conjugate gradients with aggregation multigrid, for graph Laplacians whose unknowns are in Hilbert order.

Consecutive unknowns are close in the plane or in space, so groups (aggregates) of 4 in the plane and 8 in space make
the coarser levels, with piecewise constant functions: no search is needed, and matrices stay as sparse as the first.
Such functions are too stiff by a factor near two; dividing the coarse matrices by `OVERCORRECTION` makes up for most of
it (Braess, "Towards algebraic multigrid for elliptic problems of second order", Computing 1995). The smoother is one
Gauss-Seidel sweep before and one after, in opposite directions, so that the preconditioner is symmetric. Large levels
are swept in `PARTS` on all cores, each with the others' old values (block Jacobi).

For systems that change at each step and need a few digits only, the set-up takes a tenth of the time of Ruge-Stuben's.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.base.kernels import kernel, run_in_chunks

# Divisor of the coarse matrices.
OVERCORRECTION = 1.8
# Unknowns up to which a level is solved with a dense inverse.
MAX_DENSE = 100
# Parts of a sweep, and unknowns from which on there are several.
PARTS, MIN_PARTED = 4, 15_000


class GroupLevel(NamedTuple):
    """A matrix, CSR with the diagonal entry first in each row."""

    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: Floats

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.starts) - 1

    def part(self, group: int) -> int:
        """Return the number of unknowns in a part of a sweep, a multiple of `group`."""
        return self.size if self.size < MIN_PARTED else -(-self.size // (PARTS * group)) * group


class GroupMultigrid:
    """Solves ``matrix x = rhs`` to a given accuracy.

    Parameters
    ----------
    matrix : (n, n) sparse
        Symmetric positive definite: a graph Laplacian without the row and column of one unknown, in an order in which
        neighbors are close. CSR with the diagonal entry first in each row is used without a copy.
    group : int
        Consecutive unknowns that make one of the next level: two to the power of their dimension.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> GroupMultigrid(csr_array([[2.0, -1.0], [-1.0, 2.0]])).solve(np.array([1.0, 1.0]), 1e-12, 10).round(12)
    array([1., 1.])
    """

    def __init__(self, matrix: Any, group: int = 4) -> None:
        rows, self.group = matrix.tocsr(), group
        level = GroupLevel(rows.indptr.astype(np.int32), rows.indices.astype(np.int32), rows.data)
        if not _diagonal_first(level):
            level = _group(level, 1, 1.0)
        self.levels = [_grounded(level)]
        level = self.levels[0]
        while level.size > MAX_DENSE:
            level = _group(level, group, OVERCORRECTION)
            self.levels.append(level)
        dense = np.zeros((level.size, level.size))
        dense[np.repeat(np.arange(level.size), np.diff(level.starts)), level.columns] = level.values
        try:
            self._inverse = np.linalg.inv(dense)
        except np.linalg.LinAlgError:  # parts of the graph that hang together with nothing else leave their mean open
            self._inverse = np.linalg.pinv(dense, hermitian=True)

    def solve(self, rhs: Floats, tol: float, max_iter: int) -> Floats | None:
        """Solve by preconditioned conjugate gradients.

        Parameters
        ----------
        rhs : (n,) float
        tol : float
            Relative residual at which the iteration stops.
        max_iter : int

        Returns
        -------
        (n,) float or None
            None if the iterations do not suffice.
        """
        x, residual, image = np.zeros_like(rhs), rhs.copy(), np.empty_like(rhs)
        goal = tol**2 * _dot(rhs, rhs)
        direction, old = np.zeros_like(rhs), 1.0
        for _ in range(max_iter):
            if _dot(residual, residual) <= goal:
                return x
            improved = self._cycle(0, residual)
            product = _dot(residual, improved)
            direction *= product / old
            direction += improved
            self._in_parts(_multiply, 0, direction, image)
            length = product / _dot(direction, image)
            x += length * direction
            image *= length
            residual -= image
            old = product
        return x if _dot(residual, residual) <= goal else None

    def _cycle(self, k: int, rhs: Floats) -> Floats:
        """Return an approximate solution on level k: one V-cycle from zero."""
        if k + 1 == len(self.levels):
            return np.asarray(np.einsum("ij,j", self._inverse, rhs))
        x, coarse = np.zeros_like(rhs), np.empty(self.levels[k + 1].size)
        self._in_parts(_sweep_forward, k, rhs, x)
        self._in_parts(_restrict_residual, k, self.group, rhs, x, coarse)
        coarse = self._cycle(k + 1, coarse)
        self._in_parts(_prolong, k, self.group, coarse, x)
        self._in_parts(_sweep_backward, k, rhs, x.copy(), x)
        return x

    def _in_parts(self, work: Any, k: int, *rest: Any) -> None:
        """Run a kernel over the parts of level k."""
        level = self.levels[k]
        run_in_chunks(lambda first, last: work(first, last, level, *rest), level.size, level.part(self.group))


def _group(level: GroupLevel, group: int, divisor: float) -> GroupLevel:
    """Return the matrix of the groups of `group` unknowns: sums over their blocks, divided by `divisor`."""
    count = -(-level.size // group)
    starts = np.zeros(count + 1, dtype=np.int32)
    # Room for a diagonal entry in each row, which a cell without a facet has not.
    room = len(level.columns) + count
    columns, values = np.empty(room, dtype=np.int32), np.empty(room)
    used = _sum_blocks(group, divisor, level, GroupLevel(starts, columns, values))
    return GroupLevel(starts, columns[:used].copy(), values[:used].copy())


def _diagonal_first(level: GroupLevel) -> bool:
    if level.starts[-2] == len(level.columns):  # the last row has no entry
        return False
    return np.array_equal(level.columns[level.starts[:-1]], np.arange(level.size))


def _grounded(level: GroupLevel) -> GroupLevel:
    """Return the matrix with a positive diagonal: an unknown without a neighbor has nothing to follow, and stays."""
    diagonal = level.values[level.starts[:-1]]
    alone = ~(diagonal > 0.0)
    if not alone.any():
        return level
    values = level.values.copy()
    values[level.starts[:-1][alone]] = max(float(diagonal[~alone].max(initial=0.0)), 1.0)
    return level._replace(values=values)


def _dot(a: Floats, b: Floats) -> float:
    """Inner product on one core: threads of BLAS would cost more than they save."""
    return float(np.einsum("i,i", a, b))


@kernel
def _sum_blocks(group, divisor, level, coarse):
    """Fill the matrix of the groups, diagonal entries first; returns how many entries it has."""
    (starts, columns, values), (to_starts, to_columns, to_values) = level, coarse
    n, end = len(starts) - 1, 0
    place = np.full(len(to_starts) - 1, -1, np.int32)  # where in the row at hand a column stands
    for row in range(len(to_starts) - 1):
        begin, end = end, end + 1
        to_columns[begin], to_values[begin], place[row] = row, 0.0, begin
        for i in range(group * row, min(group * row + group, n)):
            for e in range(starts[i], starts[i + 1]):
                column = columns[e] // group
                if place[column] < begin:
                    place[column] = end
                    to_columns[end], to_values[end] = column, 0.0
                    end += 1
                to_values[place[column]] += values[e] / divisor
        to_starts[row + 1] = end
    return end


@kernel
def _multiply(first, last, level, x, product):
    starts, columns, values = level
    for i in range(first, last):
        total = 0.0
        for e in range(starts[i], starts[i + 1]):
            total += values[e] * x[columns[e]]
        product[i] = total


@kernel
def _sweep_forward(first, last, level, rhs, x):
    """Gauss-Seidel within the part, from x = 0."""
    starts, columns, values = level
    for i in range(first, last):
        left = rhs[i]
        for e in range(starts[i] + 1, starts[i + 1]):
            j = columns[e]
            if first <= j < last:  # unlike j < i this is easy to predict
                left -= values[e] * x[j]
        x[i] = left / values[starts[i]]


@kernel
def _restrict_residual(first, last, level, group, rhs, x, coarse):
    """Sum the residual over groups."""
    starts, columns, values = level
    for row in range(first // group, (last + group - 1) // group):
        coarse[row] = 0.0
        for i in range(group * row, min(group * row + group, last)):
            left = rhs[i]
            for e in range(starts[i], starts[i + 1]):
                left -= values[e] * x[columns[e]]
            coarse[row] += left


@kernel
def _prolong(first, last, level, group, coarse, x):
    for row in range(first // group, (last + group - 1) // group):
        for i in range(group * row, min(group * row + group, last)):
            x[i] += coarse[row]


@kernel
def _sweep_backward(first, last, level, rhs, old, x):
    """Gauss-Seidel backward within the part, with the `old` values of the others."""
    starts, columns, values = level
    for i in range(last - 1, first - 1, -1):
        left = rhs[i]
        for e in range(starts[i] + 1, starts[i + 1]):
            j = columns[e]
            left -= values[e] * (x[j] if first <= j < last else old[j])
        x[i] = left / values[starts[i]]
