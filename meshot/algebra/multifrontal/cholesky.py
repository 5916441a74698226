"""Cholesky factors of matrices of 1 by 1 or 2 by 2 blocks on a mesh: ordered once, factorized often.

The multifrontal method (Duff and Reid 1983; Liu 1992): each node of the dissection is eliminated inside a dense front,
which consists of the node's rows and the later rows that they touch; the remaining Schur complement, the update, is
added to the parent's front.
"""

from typing import NamedTuple

import numpy as np

from meshot.algebra.multifrontal.dissection import Dissection, dissect
from meshot.algebra.multifrontal.fronts import (
    TILE,
    panel_length,
    reduce_tiles,
    substitute_back,
    substitute_forward,
    subtract_products,
    tile_place,
)
from meshot.base.arrays import Floats, Ints, stable_order
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import innerkernel, kernel, run_in_chunks, subkernel

# Level of the tree whose subtrees are eliminated in parallel; above it, the tiles of one front are.
SUBTREE_LEVEL = 4


class Fronts(NamedTuple):
    """Symbolic factorization: the layout of a factor. Places are positions in the elimination order.

    Attributes
    ----------
    nodes : (nodes + 1, 4) int
        Where begin: each node's own places, the later places that it touches (in `touched`), its blocks (in `entries`),
        and its rows of the factor.
    left : (nodes,) int
        Each node's left child, -1 for a leaf; its right child comes right before it.
    touched : (t,) int
        The later places that each node touches, ascending.
    entries : (E, 3) int
        The matrix's blocks off the diagonal by node: place of the row, of the column, and the block's number, or -1
        minus the number for a block to be transposed.
    order : (V,) int
        Vertex at each place.
    """

    nodes: Ints
    left: Ints
    touched: Ints
    entries: Ints
    order: Ints


class Front(NamedTuple):
    """The dense front of one node during its assembly.

    Attributes
    ----------
    own, others : int
        Rows to eliminate, and columns beside these.
    panel : (p,) float
        The rows, by tiles.
    update : (others^2,) float
        The Schur complement.
    places, strides : (own + others,) int
        Where each column begins in the panel, and the stride to its next row.
    local : (V,) int
        The index within the front of each of its places.
    """

    own: int
    others: int
    panel: Floats
    update: Floats
    places: Ints
    strides: Ints
    local: Ints


class BlockCholesky:
    """Solves for `size` unknowns a vertex; the matrix has a block for each vertex and for each edge.

    Parameters
    ----------
    positions : (V, d) float
        Approximate positions of the vertices in the plane or on a surface; they affect the speed alone.
    edges : (E, 2) int
    size : int
        Unknowns a vertex.
    thin : bool
        Spend more time on the dissection, and less on each factorization; see `dissect`.

    Examples
    --------
    >>> solver = BlockCholesky(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0, 1]]))
    >>> solver.factorize(2 * np.ones((2, 1, 1)) * np.eye(2), -np.eye(2)[None])
    >>> solver.solve(np.array([[1.0, 3.0], [1.0, 3.0]])).round(12)
    array([[1., 3.],
           [1., 3.]])
    """

    def __init__(self, positions: Floats, edges: Ints, size: int = 2, thin: bool = False) -> None:
        self.size = size
        dissection = dissect(positions, edges, thin)
        self.fronts = _analyze(dissection, edges, size)
        self.panels = np.empty(0)
        level, deepest = dissection.level, int(dissection.level.max())
        split = min(SUBTREE_LEVEL, deepest)
        # Nodes of the subtrees, nodes above them, and the places of the latter.
        nodes = 2 ** (deepest - split + 1) - 1
        self.trees = [np.arange(root - nodes + 1, root + 1) for root in np.flatnonzero(level == split)]
        self.above = np.flatnonzero(level < split)
        starts = dissection.starts
        self.top = np.concatenate([np.arange(starts[n], starts[n + 1]) for n in self.above] or [self.above])

    @property
    def fill(self) -> int:
        """Numbers in the factor."""
        return int(self.fronts.nodes[-1, 3])

    def factorize(self, diagonal: Floats, across: Floats) -> None:
        """Factorize the matrix of the given blocks.

        Parameters
        ----------
        diagonal : (V, size, size) float
        across : (E, size, size) float
            Block e stands in row i, column j of edge (i, j).

        Raises
        ------
        ConvergenceError
            The matrix is not positive definite in double precision.
        """
        if len(self.panels) == 0:
            self.panels = np.empty(self.fill)
        work = diagonal, across, self.panels, self.fronts
        left, ends = self.fronts.left, [(tree[0], tree[-1]) for tree in self.trees]
        done = run_in_chunks(lambda k, _: _eliminate_tree(*ends[k], *work), len(ends), 1)
        updates = {int(root): update for (_, root), update in zip(ends, done, strict=True)}
        local = np.empty(len(diagonal), dtype=np.int64)
        for node in self.above.tolist():
            lower, upper = updates.pop(int(left[node])), updates.pop(node - 1)
            updates[node] = self._eliminate(node, _open_front(node, lower, upper, local, *work))
        if not np.isfinite(self.panels[self._last_pivots]).all():
            raise ConvergenceError("the linear system is not positive definite in double precision")

    def _eliminate(self, node: int, update: Floats) -> Floats:
        """Eliminate the rows of one front, tiles in parallel; return its update, given the assembled one."""
        nodes = self.fronts.nodes
        rows, touched = np.diff(nodes[node : node + 2, :2], axis=0)[0].tolist()
        own, others, panel = self.size * rows, self.size * touched, self.panels[slice(*nodes[node : node + 2, 3])]
        count, columns = -(-own // TILE), -(-others // TILE)
        reduce_tiles(panel, own, others, 0, count)
        run_in_chunks(lambda k, _: reduce_tiles(panel, own, others, count + k, count + k + 1), columns, 1)
        run_in_chunks(lambda k, _: subtract_products(update, panel, own, others, k, k + 1), columns, 1)
        return update

    def solve(self, rhs: Floats) -> Floats:
        """Solve with the last factorization.

        Parameters
        ----------
        rhs : (V, size) or (V, size, k) float

        Returns
        -------
        (V, size) or (V, size, k) float
        """
        order, trees, top = self.fronts.order, self.trees, self.top
        x = np.ascontiguousarray(rhs[order].reshape(len(order) * self.size, -1).T)
        spills = np.zeros((len(x), len(trees), self.size * len(top)))
        slot = np.zeros(len(order), dtype=np.int64)
        slot[top] = np.arange(len(top))
        factor = self.panels, self.fronts.nodes, self.fronts.touched, self.size

        def forward(task: int, _: int) -> None:
            k, t = divmod(task, len(trees))
            substitute_forward(trees[t], self.fronts.nodes[trees[t][-1] + 1, 0], x[k], spills[k, t], slot, *factor)

        def back(task: int, _: int) -> None:
            k, t = divmod(task, len(trees))
            substitute_back(trees[t], x[k], *factor)

        run_in_chunks(forward, len(x) * len(trees), 1)
        for column, spilt in zip(x, spills, strict=True):
            column.reshape(-1, self.size)[top] += spilt.sum(axis=0).reshape(-1, self.size)
            substitute_forward(self.above, len(order), column, spilt[0], slot, *factor)
            substitute_back(self.above, column, *factor)
        run_in_chunks(back, len(x) * len(trees), 1)
        solution = np.empty(rhs.shape)
        solution[order] = x.T.reshape(rhs.shape)
        return solution

    @property
    def _last_pivots(self) -> Ints:
        """Positions of the last pivot of each node, which is not finite if one of its pivots is not positive."""
        rows, touched, _, panels = np.diff(self.fronts.nodes, axis=0).T
        return (self.fronts.nodes[1:, 3] - self.size**2 * rows * touched - 1)[panels > 0]


def _analyze(dissection: Dissection, edges: Ints, size: int) -> Fronts:
    """Symbolic factorization: the places that each node touches, from the leaves to the root, and the layout."""
    order, starts, level, parent = dissection
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    ends = place[edges]
    backward = ends[:, 0] > ends[:, 1]
    ends = np.sort(ends, axis=1)
    count, nodes = int(starts[-1]), len(parent)
    owner = np.repeat(np.arange(nodes), np.diff(starts))
    by_row = stable_order(ends[:, 0])
    first, second = ends[by_row].T
    node = owner[first]
    outside = np.flatnonzero(second >= starts[node + 1])
    # A node and a place that it touches are packed into one number; these are sorted by the level of the node.
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
    panels = panel_length(size * sizes, size * degree)
    counts = np.stack([sizes, degree, np.bincount(node, minlength=nodes), panels], axis=1)
    table = np.concatenate([np.zeros((1, 4), dtype=np.int64), np.cumsum(counts, axis=0)])
    left = np.where(level < level.max(), np.arange(nodes) - 2 ** (level.max() - level), -1)
    number = np.where(backward, -1 - np.arange(len(edges)), np.arange(len(edges)))[by_row]
    return Fronts(table, left, touched, np.stack([first, second, number], axis=1), order)


@innerkernel
def _add(target, begin, source, start, count):
    """Add consecutive numbers to others; unsigned indices, because signed ones prevent vectorization."""
    first, second = np.uint64(begin), np.uint64(start)
    for j in range(np.uint64(count)):
        target[first + j] += source[second + j]


@subkernel
def _extend(front, child, node, fronts, size):
    """Add the update of a child, `node`, to the front (extend-add)."""
    own, others, places, strides = front.own, front.others, front.places, front.strides
    later = fronts.nodes[node, 1]
    width, runs = size * (fronts.nodes[node + 1, 1] - later), 0
    # Runs of columns that stay adjacent are added together: their targets, where runs begin, and the end of the last.
    where, begins = np.empty(width, dtype=np.int64), np.empty(width + 1, dtype=np.int64)
    for i in range(width):
        where[i] = size * front.local[fronts.touched[later + i // size]] + i % size
        if i == 0 or where[i] != where[i - 1] + 1 or places[where[i]] != places[where[i - 1]] + 1:
            begins[runs] = i
            runs += 1
    begins[runs] = width
    run = 0
    for i in range(width):
        p = where[i]
        if i == begins[run + 1]:
            run += 1
        for r in range(run, runs):
            begin, end = max(i, begins[r]), begins[r + 1]
            q = where[begin]
            if p < own:
                _add(front.panel, places[q] + p * strides[q], child, i * width + begin, end - begin)
            else:
                _add(front.update, (p - own) * others + q - own, child, i * width + begin, end - begin)


@subkernel
def _load(front, node, diagonal, across, fronts):
    """Add the matrix's blocks to the rows of a front."""
    size, start, places, strides = diagonal.shape[1], fronts.nodes[node, 0], front.places, front.strides
    for p in range(start, fronts.nodes[node + 1, 0]):
        for u in range(size):
            for v in range(u, size):
                q = size * (p - start) + v
                front.panel[places[q] + (size * (p - start) + u) * strides[q]] = diagonal[fronts.order[p], u, v]
    for e in range(fronts.nodes[node, 2], fronts.nodes[node + 1, 2]):
        row, column, number = fronts.entries[e, 0], fronts.entries[e, 1], fronts.entries[e, 2]
        i, j = size * (row - start), size * front.local[column]
        for u in range(size):
            for v in range(size):
                entry = across[number, u, v] if number >= 0 else across[-1 - number, v, u]
                front.panel[places[j + v] + (i + u) * strides[j + v]] = entry


@kernel
def _open_front(node, lower, upper, local, diagonal, across, panels, fronts):
    """Put together the front of a node from the matrix and its children's updates; return its own update so far.

    `local` (V,) is room for where each place stands in the front.
    """
    nodes, size = fronts.nodes, diagonal.shape[1]
    start, later = nodes[node, 0], nodes[node, 1]
    k, b = nodes[node + 1, 0] - start, nodes[node + 1, 1] - later
    own, others = size * k, size * b
    for i in range(k):
        local[start + i] = i
    for i in range(b):
        local[fronts.touched[later + i]] = k + i
    places, strides = np.empty(own + others, dtype=np.int64), np.empty(own + others, dtype=np.int64)
    for tile in range((own + TILE - 1) // TILE + (others + TILE - 1) // TILE):
        at, column, width = tile_place(tile, own, others)
        for q in range(width):
            places[column + q], strides[column + q] = at + q, width
    panel, update = panels[nodes[node, 3] : nodes[node + 1, 3]], np.empty(others * others)
    for i in range(len(panel)):
        panel[i] = 0.0
    for i in range(len(update)):
        update[i] = 0.0
    front = Front(own, others, panel, update, places, strides, local)
    _load(front, node, diagonal, across, fronts)
    left, right = fronts.left[node], node - 1
    if left >= 0:
        _extend(front, lower, left, fronts, size)
        _extend(front, upper, right, fronts, size)
    return update


@kernel
def _eliminate_tree(first, last, diagonal, across, panels, fronts):
    """Eliminate the subtree of the nodes `first` to `last`; return the update of its root, `last`."""
    nodes, size, zero = fronts.nodes, diagonal.shape[1], first - first  # a literal would compile kernels once more
    none = np.empty(zero)
    waiting = [none]
    local = np.empty(len(diagonal), dtype=np.int64)
    for node in range(first, last + 1):
        lower = upper = none
        if fronts.left[node] >= 0:
            upper, lower = waiting.pop(), waiting.pop()
        update = _open_front(node, lower, upper, local, diagonal, across, panels, fronts)
        own = size * (nodes[node + 1, 0] - nodes[node, 0])
        others = size * (nodes[node + 1, 1] - nodes[node, 1])
        count, columns = (own + TILE - 1) // TILE, (others + TILE - 1) // TILE
        panel = panels[nodes[node, 3] : nodes[node + 1, 3]]
        reduce_tiles(panel, own, others, zero, count + columns)
        subtract_products(update, panel, own, others, zero, columns)
        waiting.append(update)
    return waiting.pop()
