"""Sparse Cholesky factorisation by dense blocks along a nested dissection (multifrontal method).

Duff and Reid (1983), "The multifrontal solution of indefinite sparse symmetric linear equations"; Liu (1992). Each
block of the dissection is eliminated inside a dense front: its own rows and the later rows that they touch.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from meshot.dissection import Dissection, dissect
from meshot.errors import ConvergenceError
from meshot.kernels import kernel
from meshot.mesh import Floats, Ints

# Rows eliminated one by one before the rest of the front is updated by a matrix product.
PANEL = 64


class Fronts(NamedTuple):
    """Where everything of a factor lies.

    Attributes
    ----------
    touched : (t,) int
        The later places that each block touches, increasing, one block after the other.
    touched_starts, panel_starts : (blocks + 1,) int
        Where each block's places begin in `touched`, and its rows in the factor.
    """

    touched: Ints
    touched_starts: Ints
    panel_starts: Ints


class Cholesky:
    """The factor of a symmetric positive definite sparse matrix: ordered and analysed at once, computed when asked.

    Parameters
    ----------
    matrix : (n, n) sparse
        In compressed rows, with both triangles.

    Attributes
    ----------
    fill : int
        Entries of the factor.

    Examples
    --------
    >>> from scipy import sparse
    >>> cholesky = Cholesky(sparse.csr_array([[2.0, -1.0], [-1.0, 2.0]]))
    >>> cholesky.factorise()
    >>> cholesky.solve(np.array([1.0, 1.0])).round(12)
    array([1., 1.])
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self.indptr, self.indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
        self.dissection: Dissection = dissect(self.indptr, self.indices)
        order, starts, parent = self.dissection
        self.place = np.empty_like(order)
        self.place[order] = np.arange(len(order))
        scratch, family = np.full(len(order), -1), np.zeros((2, len(starts)), dtype=np.int64)
        touched_starts, panel_starts = np.zeros((2, len(starts)), dtype=np.int64)
        touched = np.empty(8 * len(order), dtype=np.int64)
        touched = _analyse(
            self.indptr,
            self.indices,
            order,
            self.place,
            starts,
            parent,
            touched,
            touched_starts,
            panel_starts,
            family,
            scratch,
        )
        self.fronts = Fronts(touched, touched_starts, panel_starts)
        self.fill = int(panel_starts[-1])

    def factorise(self) -> None:
        """Compute the factor.

        Raises
        ------
        ConvergenceError
            The matrix is not positive definite in double precision.
        """
        data, (order, starts, parent) = np.asarray(self.matrix.data, dtype=np.float64), self.dissection
        with one_blas_thread():
            self.panels, failed = _factorise(
                self.indptr, self.indices, data, order, self.place, starts, parent, *self.fronts, PANEL
            )
        if failed >= 0:
            raise ConvergenceError(
                "the linear system is not positive definite in double precision", ids=[order[failed]]
            )

    def solve(self, rhs: Floats) -> Floats:
        """Return the solution for `rhs`, (n,) or (n, k)."""
        order, starts, _ = self.dissection
        columns = rhs.reshape(len(order), -1)
        x = np.ascontiguousarray(columns[order].T)
        _substitute(starts, *self.fronts, self.panels, x)
        solution = np.empty_like(columns)
        solution[order] = x.T
        return solution.reshape(rhs.shape)


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS to one thread: on small products several wait for each other longer than they work."""
    controller = _blas_threads()
    return nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")


@cache
def _blas_threads() -> Any:
    try:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415
    except ImportError:
        return None
    return ThreadpoolController()


@kernel
def _sort(values, low, high):  # type: ignore[no-untyped-def]
    """Shell sort of a part of an array, in place."""
    gap = 1
    while 3 * gap < high - low:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(low + gap, high):
            value = values[i]
            j = i
            while j >= low + gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@kernel
def _touch(p, high, block, mark, touched, top):  # type: ignore[no-untyped-def]
    """Note that a block touches a place, if that comes after the block and is not noted yet."""
    if p >= high and mark[p] != block:
        mark[p] = block
        touched[top] = p
        return top + 1
    return top


@kernel
def _with_room(array, used, more):  # type: ignore[no-untyped-def]
    """Return the array, or a larger one that starts alike, with room for more entries behind those used."""
    if used + more <= len(array):
        return array
    larger = np.empty(2 * (used + more), dtype=array.dtype)
    for i in range(used):
        larger[i] = array[i]
    return larger


@kernel
def _analyse(indptr, indices, order, place, starts, parent, touched, touched_starts, panel_starts, family, mark):  # type: ignore[no-untyped-def]
    """Find the later places that each block touches: those its rows are coupled to and those its children touch."""
    # Each block's children as a linked list; blocks are counted from 1 in it.
    child, sibling = family[0], family[1]
    top = 0
    for block in range(len(parent)):
        low, high, first = starts[block], starts[block + 1], top
        for i in range(low, high):
            row = order[i]
            touched = _with_room(touched, top, indptr[row + 1] - indptr[row])
            for e in range(indptr[row], indptr[row + 1]):
                top = _touch(place[indices[e]], high, block, mark, touched, top)
        c = child[block]
        while c > 0:
            touched = _with_room(touched, top, touched_starts[c] - touched_starts[c - 1])
            for t in range(touched_starts[c - 1], touched_starts[c]):
                top = _touch(touched[t], high, block, mark, touched, top)
            c = sibling[c]
        _sort(touched, first, top)
        touched_starts[block + 1] = top
        panel_starts[block + 1] = panel_starts[block] + (high - low) * (high - low + top - first)
        if parent[block] >= 0:
            sibling[block + 1] = child[parent[block]]
            child[parent[block]] = block + 1
    return touched


@kernel
def _subtract(target, factor, source):  # type: ignore[no-untyped-def]
    """Take a multiple of one row from another."""
    for i in range(len(target)):
        target[i] -= factor * source[i]


@kernel
def _copy(panel, first, last, begin, end):  # type: ignore[no-untyped-def]
    """Return a part of a front as an array of its own, which matrix products need."""
    part = np.empty((last - first, end - begin))
    for i in range(last - first):
        for j in range(end - begin):
            part[i, j] = panel[first + i, begin + j]
    return part


@kernel
def _product(left, right):  # type: ignore[no-untyped-def]
    """Return the transpose of one matrix times another."""
    return np.dot(left.T, right)


@kernel
def _eliminate(panel, width):  # type: ignore[no-untyped-def]
    """Turn the rows of a front, (k, m) with the diagonal block first, into rows of the factor; -1, or the bad row."""
    k, m = panel.shape
    for first in range(0, k, width):
        last = min(first + width, k)
        for j in range(first, last):
            if not panel[j, j] > 0.0:
                return j
            scale = 1.0 / np.sqrt(panel[j, j])
            for c in range(j, m):
                panel[j, c] *= scale
            for i in range(j + 1, last):
                _subtract(panel[i, i:], panel[j, i], panel[j, i:])
        if last < k:
            product = _product(_copy(panel, first, last, last, k), _copy(panel, first, last, last, m))
            for i in range(last, k):
                _subtract(panel[i, last:], 1.0, product[i - last])
    return -1


@kernel
def _extend(target, row_low, row_high, low, high, child, theirs, local):  # type: ignore[no-untyped-def]
    """Add a child's update (upper triangle) to the rows of its parent's front with places in a range."""
    count = len(theirs)
    shift = 0 if row_low == low else high - low
    for i in range(count):
        p = theirs[i]
        if p < row_low or p >= row_high:
            continue
        row = target[p - low if p < high else local[p] - shift]
        for j in range(i, count):
            q = theirs[j]
            column = q - low if q < high else local[q]
            row[column - shift] += child[i * count + j]


@kernel
def _load(panel, indptr, indices, data, order, place, low, local):  # type: ignore[no-untyped-def]
    """Put the matrix's own entries into the rows of a front."""
    k = len(panel)
    for j in range(k):
        row = order[low + j]
        for e in range(indptr[row], indptr[row + 1]):
            p = place[indices[e]]
            if p >= low + k:
                panel[j, local[p]] += data[e]
            elif p >= low + j:
                panel[j, p - low] += data[e]


@kernel
def _factorise(indptr, indices, data, order, place, starts, parent, touched, touched_starts, panel_starts, width):  # type: ignore[no-untyped-def]
    """Return the factor's rows, and -1 or the place of a pivot that is not positive."""
    n, blocks = len(order), len(parent)
    panels, pending = np.zeros(panel_starts[blocks]), np.zeros(4096)
    # Updates wait on a stack until their parent's turn; the last ones pushed are the next block's children.
    stack = np.zeros((3, max(n, blocks) + 1), dtype=np.int64)
    children, owners, offsets, local = stack[0], stack[1], stack[2], np.zeros(n, dtype=np.int64)
    for block in range(blocks):
        children[parent[block]] += 1
    depth, used = 0, 0
    for block in range(blocks):
        low, high = starts[block], starts[block + 1]
        ids = touched[touched_starts[block] : touched_starts[block + 1]]
        k, b = high - low, len(ids)
        panel = panels[panel_starts[block] : panel_starts[block + 1]].reshape((k, k + b))
        for i in range(b):
            local[ids[i]] = k + i
        _load(panel, indptr, indices, data, order, place, low, local)
        below = depth - children[block]
        for c in range(below, depth):
            theirs = touched[touched_starts[owners[c]] : touched_starts[owners[c] + 1]]
            _extend(panel, low, high, low, high, pending[offsets[c] :], theirs, local)
        failed = _eliminate(panel, width)
        if failed >= 0:
            return panels, low + failed
        right = _copy(panel, 0, k, k, k + b)
        update = _product(right, right)
        for i in range(b):
            for j in range(i, b):
                update[i, j] = -update[i, j]
        for c in range(below, depth):
            theirs = touched[touched_starts[owners[c]] : touched_starts[owners[c] + 1]]
            _extend(update, high, n, low, high, pending[offsets[c] :], theirs, local)
        if below < depth:
            used = offsets[below]
        pending = _with_room(pending, used, b * b)
        for i in range(b):
            for j in range(i, b):
                pending[used + i * b + j] = update[i, j]
        owners[below], offsets[below] = block, used
        depth = below + 1
        used += b * b
    return panels, -1


@kernel
def _substitute(starts, touched, touched_starts, panel_starts, panels, x):  # type: ignore[no-untyped-def]
    """Solve in place for the rows of x: forward through the blocks, then back."""
    blocks, last = len(starts) - 1, len(starts) - 2
    work = np.empty(x.shape[1])
    for step in range(2 * blocks):
        block = step if step < blocks else last - (step - blocks)
        low, k = starts[block], starts[block + 1] - starts[block]
        ids = touched[touched_starts[block] : touched_starts[block + 1]]
        m = k + len(ids)
        panel = panels[panel_starts[block] : panel_starts[block + 1]].reshape((k, m))
        for r in range(len(x)):
            for i in range(k):
                work[i] = x[r, low + i]
            for i in range(k, m):
                work[i] = 0.0 if step < blocks else x[r, ids[i - k]]
            if step < blocks:
                for j in range(k):
                    value = work[j] / panel[j, j]
                    work[j] = value
                    for i in range(j + 1, m):
                        work[i] -= panel[j, i] * value
                for i in range(k, m):
                    x[r, ids[i - k]] += work[i]
            else:
                for j in range(k - 1, -1, -1):
                    value = work[j]
                    for i in range(j + 1, m):
                        value -= panel[j, i] * work[i]
                    work[j] = value / panel[j, j]
            for i in range(k):
                x[r, low + i] = work[i]
