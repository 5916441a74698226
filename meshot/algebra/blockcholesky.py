"""Cholesky factors of matrices of equal blocks on a mesh, one by one or two by two: ordered once, computed often.

The multifrontal method (Duff and Reid 1983; Liu 1992): each node of the dissection is eliminated inside a dense front,
its own rows and the later rows that they touch, and hands what remains of the front, its update, to its parent.
"""

from typing import NamedTuple

import numpy as np

from meshot.algebra.separators import Dissection, dissect
from meshot.errors import ConvergenceError
from meshot.kernels import kernel, run_in_chunks, subkernel
from meshot.meshes.mesh import Floats, Ints, stable_order

# Subtrees that hang at this level of the tree are eliminated side by side on the cores, then the levels above them.
SPLIT = 3
# Rows and columns that are updated together, so that they stay in the cache.
ROWS, COLUMNS = 64, 512


class Fronts(NamedTuple):
    """Where everything of a factor lies; places are positions in the elimination order.

    Attributes
    ----------
    nodes : (nodes + 1, 4) int
        The place where each node's own vertices begin, the later places that it touches, its part of the matrix, and
        its rows of the factor.
    left : (nodes,) int
        Each node's left child, -1 for a leaf; its right child comes right before it.
    touched : (t,) int
        The later places that each node touches, increasing.
    entries : (E, 3) int
        The matrix's blocks off the diagonal by node: place of the row, of the column, and the block's number.
    """

    nodes: Ints
    left: Ints
    touched: Ints
    entries: Ints


class BlockCholesky:
    """Solves for some unknowns a vertex; the matrix has a block for each vertex and for each edge.

    Parameters
    ----------
    positions : (V, d) float
        Where the vertices lie, about, in the plane or on a surface; only the speed depends on it.
    edges : (E, 2) int
    size : int
        Unknowns a vertex.

    Examples
    --------
    >>> solver = BlockCholesky(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0, 1]]))
    >>> solver.factorise(2 * np.ones((2, 1, 1)) * np.eye(2), -np.eye(2)[None])
    >>> solver.solve(np.array([[1.0, 3.0], [1.0, 3.0]])).round(12)
    array([[1., 3.],
           [1., 3.]])
    """

    def __init__(self, positions: Floats, edges: Ints, size: int = 2) -> None:
        self.size = size
        self.dissection = dissect(positions, edges)
        place = np.empty(len(positions), dtype=np.int64)
        place[self.dissection.order] = np.arange(len(positions))
        ends = place[edges]
        self.backward = ends[:, 0] > ends[:, 1]
        self.fronts = _analyse(self.dissection, np.sort(ends, axis=1), size)
        self.panels = np.empty(0)

    @property
    def fill(self) -> int:
        """Numbers in the factor."""
        return int(self.fronts.nodes[-1, 3])

    def factorise(self, diagonal: Floats, across: Floats) -> None:
        """Take the blocks (V, size, size) and (E, size, size); block e stands in row i, column j of edge (i, j).

        Raises
        ------
        ConvergenceError
            The matrix is not positive definite in double precision.
        """
        if len(self.panels) == 0:
            self.panels = np.empty(self.fill)
        forward = np.where(self.backward[:, None, None], across.transpose(0, 2, 1), across)
        work = diagonal[self.dissection.order], forward, self.panels, *self.fronts
        level, left = self.dissection.level, self.fronts.left
        none = np.empty((0, 0))
        updates: dict[int, Floats] = {}

        def eliminate(nodes: Ints, depth: int) -> None:
            """Eliminate subtrees of this depth side by side, given the updates of what lies below."""
            below = [(updates.pop(int(left[n]), none), updates.pop(int(n) - 1, none)) for n in nodes]
            tasks = [(n - 2 ** (depth + 1) + 2, n, *pair) for n, pair in zip(nodes, below, strict=True)]
            done = run_in_chunks(lambda first, _: _eliminate_tree(*tasks[first], *work), len(tasks), 1)
            updates.update(zip(nodes.tolist(), done, strict=True))

        split = min(SPLIT, int(level.max()))
        eliminate(np.flatnonzero(level == split), int(level.max()) - split)
        for above in range(split - 1, -1, -1):
            eliminate(np.flatnonzero(level == above), 0)
        if not np.isfinite(self.panels[self._last_pivots]).all():
            raise ConvergenceError("the linear system is not positive definite in double precision")

    def solve(self, rhs: Floats) -> Floats:
        """Return the solution (V, size), or (V, size, k) for k right-hand sides."""
        columns = rhs[self.dissection.order].reshape(len(rhs) * self.size, -1)
        x = np.ascontiguousarray(columns.T)
        run_in_chunks(lambda k, _: _substitute(x[k], self.panels, *self.fronts, self.size), len(x), 1)
        solution = np.empty(rhs.shape)
        solution[self.dissection.order] = x.T.reshape(rhs.shape)
        return solution

    @property
    def _last_pivots(self) -> Ints:
        """Where the last pivot of each node stands: not a number if one of the node's pivots is not positive."""
        rows, touched, _, panels = np.diff(self.fronts.nodes, axis=0).T
        begins, rows, width = self.fronts.nodes[:-1, 3], self.size * rows, self.size * (rows + touched)
        return (begins + (rows - 1) * (width + 1))[panels > 0]


def _analyse(dissection: Dissection, ends: Ints, size: int) -> Fronts:
    """Find what each node touches, from the leaves to the root, and where everything goes; `ends` are places (E, 2)."""
    _, starts, level, parent = dissection
    count, nodes = int(starts[-1]), len(parent)
    owner = np.repeat(np.arange(nodes), np.diff(starts))
    by_row = stable_order(ends[:, 0])
    first, second = ends[by_row].T
    node = owner[first]
    outside = np.flatnonzero(second >= starts[node + 1])
    # A node and a place that it touches make one number; these are sorted by the level of the node.
    bits = count.bit_length()
    own, depth = (node[outside] << bits) + second[outside], level[node[outside]]
    own = own[np.argsort(depth.astype(np.uint8), kind="stable")]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(depth, minlength=level.max() + 1))])
    keys, below = [], np.zeros(0, dtype=np.int64)
    for here in range(level.max(), -1, -1):
        found = np.sort(np.concatenate([own[bounds[here] : bounds[here + 1]], below]))
        found = found[np.diff(found, prepend=-1) > 0]
        keys.append(found)
        above, touched = parent[found >> bits], found & (2**bits - 1)
        below = ((above << bits) + touched)[touched >= starts[above + 1]]
    pairs = np.sort(np.concatenate(keys))
    touching, touched = pairs >> bits, pairs & (2**bits - 1)
    sizes, degree = np.diff(starts), np.bincount(touching, minlength=nodes)
    panels = size * sizes * size * (sizes + degree)
    counts = np.stack([sizes, degree, np.bincount(node, minlength=nodes), panels], axis=1)
    table = np.concatenate([np.zeros((1, 4), dtype=np.int64), np.cumsum(counts, axis=0)])
    left = np.where(level < level.max(), np.arange(nodes) - 2 ** (level.max() - level), -1)
    return Fronts(table, left, touched, np.stack([first, second, by_row], axis=1))


@subkernel
def _subtract(target, origin, rows, first, last, skip):  # type: ignore[no-untyped-def]
    """Subtract R^T R, R being some rows from column `skip` on, from the target's upper triangle below its `origin`."""
    height, width = len(target) - origin, target.shape[1] - origin
    for top in range(first, last, ROWS):
        bottom = min(top + ROWS, last)
        for begin in range(0, width, COLUMNS):
            end = min(begin + COLUMNS, width)
            for upper in range(0, min(end, height), ROWS):
                lower = min(upper + ROWS, end, height)
                for r in range(top, bottom, 4):
                    # Four rows at a time; a missing one is replaced by the last one with factor zero.
                    s, t, u = min(r + 1, bottom - 1), min(r + 2, bottom - 1), min(r + 3, bottom - 1)
                    ra, rb, rc, rd = rows[r, skip:], rows[s, skip:], rows[t, skip:], rows[u, skip:]
                    second, third, fourth = float(s - r), float(min(t - s, 1)), float(min(u - t, 1))
                    for i in range(upper, lower):
                        j = max(i, begin)
                        a, b, c, d = ra[i], rb[i] * second, rc[i] * third, rd[i] * fourth
                        out = target[origin + i, origin + j : origin + end]
                        aj, bj, cj, dj = ra[j:end], rb[j:end], rc[j:end], rd[j:end]
                        for q in range(len(out)):
                            out[q] -= a * aj[q] + b * bj[q] + c * cj[q] + d * dj[q]


@subkernel
def _eliminate(panel):  # type: ignore[no-untyped-def]
    """Turn the rows of a front, its diagonal block first, into rows of the factor; nan if that is not possible."""
    count = len(panel)
    for first in range(0, count, ROWS):
        last = min(first + ROWS, count)
        for r in range(first, last):
            row, factor = panel[r, r:], 1.0 / np.sqrt(panel[r, r])
            for j in range(len(row)):
                row[j] *= factor
            for i in range(r + 1, last):
                out, source, factor = panel[i, i:], panel[r, i:], panel[r, i]
                for j in range(len(out)):
                    out[j] -= factor * source[j]
        _subtract(panel, last, panel, first, last, last)


@subkernel
def _extend(panel, update, child, touched, first, last, local, size):  # type: ignore[no-untyped-def]
    """Add a child's update to the front; it touches the places `first` to `last` of the list."""
    k = len(panel)
    where = np.empty(len(child), dtype=np.int64)
    for t in range(first, last):
        for u in range(size):
            where[size * (t - first) + u] = size * local[touched[t]] + u
    for i in range(len(where)):
        p = where[i]
        target, skip = (panel[p], p - p) if p < k else (update[p - k], k)
        for j in range(i, len(where)):
            target[where[j] - skip] += child[i, j]


@subkernel
def _load(panel, node, diagonal, across, nodes, entries, local, size):  # type: ignore[no-untyped-def]
    """Put the matrix's own blocks into the rows of a front."""
    start = nodes[node, 0]
    for p in range(start, nodes[node + 1, 0]):
        for u in range(size):
            for v in range(size):
                panel[size * (p - start) + u, size * (p - start) + v] = diagonal[p, u, v]
    for e in range(nodes[node, 2], nodes[node + 1, 2]):
        i, j, number = size * (entries[e, 0] - start), size * local[entries[e, 1]], entries[e, 2]
        for u in range(size):
            for v in range(size):
                panel[i + u, j + v] = across[number, u, v]


@kernel
def _eliminate_tree(first, last, left, right, diagonal, across, panels, nodes, children, touched, entries):  # type: ignore[no-untyped-def]
    """Eliminate the subtree of the nodes `first` to `last`; return the update of its root, `last`.

    If that is not a leaf but alone, `left` and `right` are its children's updates.
    """
    size = diagonal.shape[1]
    waiting = [left, right]
    # Where each place stands in the front at hand.
    local = np.empty(len(diagonal), dtype=np.int64)
    for node in range(first, last + 1):
        start, k = nodes[node, 0], nodes[node + 1, 0] - nodes[node, 0]
        later, b = nodes[node, 1], nodes[node + 1, 1] - nodes[node, 1]
        for i in range(k):
            local[start + i] = i
        for i in range(b):
            local[touched[later + i]] = k + i
        panel = panels[nodes[node, 3] : nodes[node + 1, 3]].reshape((size * k, size * (k + b)))
        panel[:] = 0.0
        update = np.zeros((size * b, size * b))
        _load(panel, node, diagonal, across, nodes, entries, local, size)
        if children[node] >= 0:
            above, below, other = waiting.pop(), waiting.pop(), children[node]
            _extend(panel, update, below, touched, nodes[other, 1], nodes[other + 1, 1], local, size)
            _extend(panel, update, above, touched, nodes[node - 1, 1], nodes[node, 1], local, size)
        _eliminate(panel)
        zero = node - node  # a literal would have the kernel compiled once more
        _subtract(update, zero, panel, zero, len(panel), len(panel))
        waiting.append(update)
    return waiting.pop()


@kernel
def _substitute(x, panels, nodes, children, touched, entries, size):  # type: ignore[no-untyped-def]
    """Solve in place, forward through the nodes and back."""
    count = len(children)
    front = np.empty(len(x))
    for turn in range(2 * count):
        node = turn if turn < count else 2 * count - 1 - turn
        base, rows = size * nodes[node, 0], size * (nodes[node + 1, 0] - nodes[node, 0])
        later, columns = nodes[node, 1], rows + size * (nodes[node + 1, 1] - nodes[node, 1])
        at = nodes[node, 3]
        for r in range(rows):
            front[r] = x[base + r]
        for r in range(rows, columns, size):
            for u in range(size):
                front[r + u] = x[size * touched[later + (r - rows) // size] + u]
        if turn < count:
            for r in range(rows):
                row, out = panels[at + r * columns + r : at + (r + 1) * columns], front[r:columns]
                factor = out[0] / row[0]
                for j in range(len(row)):
                    out[j] -= factor * row[j]
                out[0] = factor
            for r in range(rows, columns, size):
                for u in range(size):
                    x[size * touched[later + (r - rows) // size] + u] = front[r + u]
        else:
            for r in range(rows - 1, -1, -1):
                row, known = panels[at + r * columns + r : at + (r + 1) * columns], front[r:columns]
                known[0] = (known[0] - _dot(row[1:], known[1:])) / row[0]
        for r in range(rows):
            x[base + r] = front[r]


@kernel
def _dot(a, b):  # type: ignore[no-untyped-def]
    """Scalar product with four sums at once."""
    s = t = u = v = 0.0
    for i in range(len(a) // 4):
        s += a[4 * i] * b[4 * i]
        t += a[4 * i + 1] * b[4 * i + 1]
        u += a[4 * i + 2] * b[4 * i + 2]
        v += a[4 * i + 3] * b[4 * i + 3]
    for i in range(len(a) // 4 * 4, len(a)):
        s += a[i] * b[i]
    return s + t + u + v
