"""Cholesky factors of matrices of 2 x 2 blocks on a planar mesh: ordered once, computed often.

The multifrontal method (Duff and Reid 1983; Liu 1992): each node of the dissection is eliminated inside a dense front,
its own rows and the later rows that they touch, and hands what remains of the front, its update, to its parent.
"""

from typing import NamedTuple

import numpy as np

from meshot.errors import ConvergenceError
from meshot.kernels import kernel, run_in_chunks
from meshot.mesh import Floats, Ints
from meshot.separators import Dissection, dissect

# Subtrees that hang at this level of the tree are eliminated side by side on the cores, then the levels above them.
SPLIT = 3
# Rows and columns that are updated together, so that they stay in the cache.
ROWS, COLUMNS = 64, 512


class Fronts(NamedTuple):
    """Where everything of a factor lies; places are positions in the elimination order.

    Attributes
    ----------
    starts : (nodes + 1,) int
        Places of each node's own vertices.
    left : (nodes,) int
        Each node's left child, -1 for a leaf; its right child comes right before it.
    touched, touched_starts : (t,) and (nodes + 1,) int
        The later places that each node touches, increasing.
    inside : (t,) int
        The same as positions in the parent's front.
    panels : (nodes + 1,) int
        Where each node's rows of the factor begin.
    diagonal : (2 V,) int
        Where the factor's diagonal stands.
    entries, entry_starts : (e, 3) and (nodes + 1,) int
        The matrix's blocks by the node that takes them: row and column in its front, and the block's number.
    """

    starts: Ints
    left: Ints
    touched: Ints
    touched_starts: Ints
    inside: Ints
    panels: Ints
    diagonal: Ints
    entries: Ints
    entry_starts: Ints


class BlockCholesky:
    """Solves for two unknowns a vertex; the matrix has a block for each vertex and for each edge.

    Parameters
    ----------
    positions : (V, 2) float
        Where the vertices lie in the plane, about; only the speed depends on it.
    edges : (E, 2) int

    Examples
    --------
    >>> solver = BlockCholesky(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0, 1]]))
    >>> solver.factorise(2 * np.ones((2, 1, 1)) * np.eye(2), -np.eye(2)[None])
    >>> solver.solve(np.array([[1.0, 3.0], [1.0, 3.0]])).round(12)
    array([[1., 3.],
           [1., 3.]])
    """

    def __init__(self, positions: Floats, edges: Ints) -> None:
        self.dissection = dissect(positions, edges)
        place = np.empty(len(positions), dtype=np.int64)
        place[self.dissection.order] = np.arange(len(positions))
        self.backward = place[edges[:, 0]] > place[edges[:, 1]]
        self.fronts = _analyse(self.dissection, place, edges)
        self.panels = np.empty(self.fronts.panels[-1])

    @property
    def fill(self) -> int:
        """Numbers in the factor."""
        return len(self.panels)

    def factorise(self, diagonal: Floats, across: Floats) -> None:
        """Take the blocks (V, 2, 2) and (E, 2, 2); block e stands in row i, column j of edge (i, j).

        Raises
        ------
        ConvergenceError
            The matrix is not positive definite in double precision.
        """
        forward = np.where(self.backward[:, None, None], across.transpose(0, 2, 1), across)
        work = np.concatenate([diagonal, forward]), self.panels, self.fronts
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
        if not np.isfinite(self.panels[self.fronts.diagonal]).all():
            raise ConvergenceError("the linear system is not positive definite in double precision")

    def solve(self, rhs: Floats) -> Floats:
        """Return the solution (V, 2)."""
        x = np.ascontiguousarray(rhs[self.dissection.order])
        _substitute(x.reshape(-1), self.panels, self.fronts)
        solution = np.empty_like(x)
        solution[self.dissection.order] = x
        return solution


def _analyse(dissection: Dissection, place: Ints, edges: Ints) -> Fronts:
    """Find what each node touches, from the leaves to the root, and where everything goes."""
    _, starts, level, parent = dissection
    count, nodes = len(place), len(parent)
    owner = np.repeat(np.arange(nodes), np.diff(starts))
    first, second = np.sort(place[edges], axis=1).T
    outside = owner[first] != owner[second]
    # A node and a place that it touches make one number.
    own = owner[first[outside]] * count + second[outside]
    keys, below = [], np.zeros(0, dtype=np.int64)
    for here in range(level.max(), -1, -1):
        found = np.unique(np.concatenate([own[level[own // count] == here], below]))
        keys.append(found)
        above, touched = parent[found // count], found % count
        below = (above * count + touched)[touched >= starts[above + 1]]
    pairs = np.sort(np.concatenate(keys))
    touched, touched_starts = pairs % count, np.searchsorted(pairs, np.arange(nodes + 1) * count)
    sizes = np.diff(starts)

    def position(node: Ints, there: Ints) -> Ints:
        """Where a place stands in a node's front."""
        among = np.searchsorted(pairs, node * count + there) - touched_starts[node] + sizes[node]
        return np.where(there < starts[node + 1], there - starts[node], among)

    every = np.concatenate([np.arange(count), first]), np.concatenate([np.arange(count), second])
    number = np.concatenate([dissection.order, count + np.arange(len(edges))])
    node = owner[every[0]]
    entries = np.stack([every[0] - starts[node], position(node, every[1]), number], axis=1)
    by_node = np.argsort(node, kind="stable")
    entry_starts = np.searchsorted(node[by_node], np.arange(nodes + 1))
    widths = 2 * (sizes + np.diff(touched_starts))
    panels = np.concatenate([[0], np.cumsum(2 * sizes * widths)])
    row = np.arange(2 * count) - np.repeat(2 * starts[:-1], 2 * sizes)
    diagonal = np.repeat(panels[:-1], 2 * sizes) + row * (np.repeat(widths, 2 * sizes) + 1)
    inside = position(parent[pairs // count], touched)
    left = np.where(level < level.max(), np.arange(nodes) - 2 ** (level.max() - level), -1)
    return Fronts(starts, left, touched, touched_starts, inside, panels, diagonal, entries[by_node], entry_starts)


@kernel
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


@kernel
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


@kernel
def _extend(panel, update, child, inside):  # type: ignore[no-untyped-def]
    """Add a child's update to the front."""
    k = len(panel) // 2
    for i in range(len(inside)):
        p = inside[i]
        for u in range(2):
            source = child[2 * i + u]
            target, skip = (panel[2 * p + u], 0) if p < k else (update[2 * (p - k) + u], k)
            for j in range(i, len(inside)):
                q = 2 * (inside[j] - skip)
                target[q] += source[2 * j]
                target[q + 1] += source[2 * j + 1]


@kernel
def _front(node, left, right, blocks, panels, fronts):  # type: ignore[no-untyped-def]
    """Assemble a node's front from the matrix and its children's updates: its own rows, and what lies below them."""
    k = fronts.starts[node + 1] - fronts.starts[node]
    b = fronts.touched_starts[node + 1] - fronts.touched_starts[node]
    panel = panels[fronts.panels[node] : fronts.panels[node + 1]].reshape((2 * k, 2 * (k + b)))
    panel[:] = 0.0
    update = np.zeros((2 * b, 2 * b))
    for e in range(fronts.entry_starts[node], fronts.entry_starts[node + 1]):
        i, j, number = fronts.entries[e]
        for u in range(2):
            for v in range(2):
                panel[2 * i + u, 2 * j + v] += blocks[number, u, v]
    if fronts.left[node] >= 0:
        starts, other = fronts.touched_starts, fronts.left[node]
        _extend(panel, update, left, fronts.inside[starts[other] : starts[other + 1]])
        _extend(panel, update, right, fronts.inside[starts[node - 1] : starts[node]])
    return panel, update


@kernel
def _eliminate_tree(first, last, left, right, blocks, panels, fronts):  # type: ignore[no-untyped-def]
    """Eliminate the subtree of the nodes `first` to `last`; return the update of its root, `last`.

    If that is not a leaf but alone, `left` and `right` are its children's updates.
    """
    waiting = [left, right]
    for node in range(first, last + 1):
        if fronts.left[node] < 0:
            above, below = right, left
        else:
            above, below = waiting.pop(), waiting.pop()
        panel, update = _front(node, below, above, blocks, panels, fronts)
        _eliminate(panel)
        zero = node - node  # a literal would have the kernel compiled once more
        _subtract(update, zero, panel, zero, len(panel), len(panel))
        waiting.append(update)
    return waiting.pop()


@kernel
def _substitute(x, panels, fronts):  # type: ignore[no-untyped-def]
    """Solve in place, forward through the nodes and back."""
    nodes = len(fronts.left)
    front = np.empty(len(x))
    for turn in range(2 * nodes):
        node = turn if turn < nodes else 2 * nodes - 1 - turn
        base, rows = 2 * fronts.starts[node], 2 * (fronts.starts[node + 1] - fronts.starts[node])
        later = fronts.touched[fronts.touched_starts[node] : fronts.touched_starts[node + 1]]
        columns = rows + 2 * len(later)
        at = fronts.panels[node]
        for r in range(rows):
            front[r] = x[base + r]
        for i in range(len(later)):
            front[rows + 2 * i] = x[2 * later[i]]
            front[rows + 2 * i + 1] = x[2 * later[i] + 1]
        if turn < nodes:
            for r in range(rows):
                row, out = panels[at + r * columns + r : at + (r + 1) * columns], front[r:columns]
                factor = out[0] / row[0]
                for j in range(len(row)):
                    out[j] -= factor * row[j]
                out[0] = factor
            for i in range(len(later)):
                x[2 * later[i]] = front[rows + 2 * i]
                x[2 * later[i] + 1] = front[rows + 2 * i + 1]
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
