"""Nested dissection of a mesh by straight cuts with minimal vertex separators: an elimination order, and its tree."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from meshot.base.arrays import Floats, Ints

Sides = NDArray[np.uint8]
# Side of a vertex in the separator.
SEPARATOR = 2


def thin_cut(tail: Ints, head: Ints, side: Sides, rings: int) -> Sides:
    """Return sides, 0 and 1, with a smallest vertex separator within a band about the cut (by maximum flow).

    Parameters
    ----------
    tail, head : (E,) int
        Edges. The graph may consist of many parts, which are cut independently.
    side : (V,) uint8
        Sides, 0 and 1, of the vertices with edges.
    rings : int
        The band consists of the vertices less than so many edges away from those with an edge across the cut; at least
        one.

    Returns
    -------
    (V,) uint8
        Sides, and `SEPARATOR`.

    Examples
    --------
    A path that is three paths wide in the middle, with the cut there:

    >>> tail = np.array([0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    >>> head = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 10, 11])
    >>> thin_cut(tail, head, np.repeat([0, 1], 6).astype(np.uint8), 2)
    array([0, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1], dtype=uint8)
    """
    band, graph = _flow_graph(tail, head, side, rings)
    count, source = len(band), 2 * len(band)
    residual = graph - maximum_flow(graph, source, source + 1).flow
    residual.eliminate_zeros()
    reached = np.zeros(2 * count + 2, dtype=bool)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    cut = side.copy()
    cut[band] = np.where(reached[count:source], 0, np.where(reached[:count], SEPARATOR, 1))
    return cut


def _flow_graph(tail: Ints, head: Ints, side: Sides, rings: int) -> tuple[Ints, Any]:
    """Return the vertices of the band, and the graph of the maximum flow problem.

    Vertex number i of the band is split into nodes i (in) and i + n (out), with capacity 1 between them; edges have
    capacity 2. Node 2 n is the source, into which all beyond the band on side 0 is contracted, and 2 n + 1 the sink.
    """
    tail, head = np.concatenate([tail, head]), np.concatenate([head, tail])
    distance = np.full(len(side), rings, dtype=np.int64)
    distance[tail[side[tail] != side[head]]] = 0
    for ring in range(1, rings):
        distance[head[(distance[tail] == ring - 1) & (distance[head] == rings)]] = ring
    band = np.flatnonzero(distance < rings)
    count, number = len(band), np.zeros(len(side), dtype=np.int64)
    number[band] = np.arange(count)
    tail_in, head_in = distance[tail] < rings, distance[head] < rings
    within = tail_in & head_in
    entering, leaving = head[~tail_in & head_in & (side[tail] == 0)], tail[tail_in & ~head_in & (side[head] == 1)]
    source = np.full(len(entering), 2 * count)
    sink = np.full(len(leaving), 2 * count + 1)
    begins = np.concatenate([np.arange(count), count + number[tail[within]], source, count + number[leaving]])
    ends = np.concatenate([count + np.arange(count), number[head[within]], number[entering], sink])
    room = np.full(len(begins), 2, dtype=np.int32)
    room[:count] = 1
    return band, sparse.csr_array((room, (begins, ends)), shape=(2 * count + 2, 2 * count + 2))


# Vertices of a leaf: below this size, a dense block is faster than elimination inside it.
LEAF = 12
# Sampled vertices of a part that determine its longest side.
SIDE_SAMPLES = 32
# Rings of the band of a thin separator, at most, and the width of a part in vertices for each ring.
MAX_RINGS, VERTICES_PER_RING = 8, 10.0
# Least share of a part in each half beside a thin separator.
MIN_HALF = 0.3
# Bits of an index packed below a sort key: faster than a sort that returns the permutation.
INDEX_BITS = 32


class Dissection(NamedTuple):
    """A complete binary tree of groups of vertices, in postorder: children before parents, subtrees contiguous.

    Attributes
    ----------
    order : (V,) int
        The vertex eliminated at each place.
    starts : (nodes + 1,) int
        Node n owns the places ``starts[n]`` to ``starts[n + 1]``.
    level, parent : (nodes,) int
        Level of each node, 0 at the root, and its parent, -1 at the root.
    """

    order: Ints
    starts: Ints
    level: Ints
    parent: Ints


def dissect(positions: Floats, edges: Ints, thin: bool = False) -> Dissection:
    """Dissect a graph by straight cuts through the positions of its vertices.

    Parameters
    ----------
    positions : (V, d) float
    edges : (E, 2) int
    thin : bool
        Replace the separators of large parts by smallest ones within a band about the cut: for meshes this halves the
        work of a factorization, and the dissection takes several times as long.

    Returns
    -------
    Dissection

    Examples
    --------
    >>> line = np.stack([np.arange(40.0), np.zeros(40)], axis=1)
    >>> steps = np.stack([np.arange(39), np.arange(1, 40)], axis=1)
    >>> dissect(line, steps).starts.tolist()
    [0, 8, 18, 19, 28, 38, 39, 40]
    """
    count = len(positions)
    depth = max(0, int(np.ceil(np.log2(max(count, 1) / LEAF))))
    # Heap numbers: the root is 1, the children of n are 2n and 2n + 1.
    node, order, sizes = np.empty(count, dtype=np.int64), np.arange(count), np.array([count])
    axes = np.ascontiguousarray(positions.T)
    along, ranks = _sorted_along(axes)
    tail, head = np.ascontiguousarray(edges.T)
    # Of each vertex: the lower half (0), the upper one (1), or a separator; and the number of its part.
    side, part = np.full(count, SEPARATOR, dtype=np.uint8), np.empty(count, dtype=np.int64)
    for step in range(depth):
        owner = np.repeat(np.arange(2**step), sizes)
        shift = count * _longest_sides(axes, order, sizes)[owner]
        order = along[shift + _sorted_low(owner, ranks[shift + order])]
        middle = np.cumsum(sizes) - sizes + sizes // 2
        side[order], part[order] = np.arange(len(order)) >= middle[owner], owner
        rings = int(min(MAX_RINGS, np.sqrt(count / 2**step) / VERTICES_PER_RING)) if thin else 0
        _separate(tail, head, side, part, sizes, rings)
        separator = order[side[order] == SEPARATOR]
        node[separator] = 2**step + part[separator]
        order = order[side[order] != SEPARATOR]
        child = 2 * part[order] + side[order]
        order, sizes = _sorted_low(child, order), np.bincount(child, minlength=2 ** (step + 1))
        inside = np.flatnonzero((side[tail] == side[head]) & (side[tail] != SEPARATOR))
        tail, head = tail[inside], head[inside]
    node[order] = 2**depth + np.repeat(np.arange(2**depth), sizes)
    heap, ranks = np.arange(1, 2 ** (depth + 1)), _postorder(depth)
    level, parent = np.empty_like(heap), np.empty_like(heap)
    level[ranks[heap]] = np.floor(np.log2(heap)).astype(np.int64)
    parent[ranks[heap]] = ranks[heap // 2]
    parent[-1] = -1
    order = _sorted_low(ranks[node], np.arange(count))
    starts = np.concatenate([[0], np.cumsum(np.bincount(ranks[node], minlength=len(heap)))])
    return Dissection(order, starts, level, parent)


def _separate(tail: Ints, head: Ints, side: Sides, part: Ints, sizes: Ints, rings: int) -> None:
    """Mark a separator between the two halves of each part in `side`, in place; `sizes` are those of the parts.

    With two rings or more it is a thin one if neither half becomes too small; else it consists of all vertices of one
    half that touch the other, whichever are fewer.
    """
    if rings >= 2:
        cut = thin_cut(tail, head, side, rings)
        inner = np.flatnonzero(cut < SEPARATOR)
        halves = np.bincount(2 * part[inner] + cut[inner], minlength=2 * len(sizes)).reshape(-1, 2)
        even = np.flatnonzero(side < SEPARATOR)
        even = even[(halves.min(axis=1) > MIN_HALF * sizes)[part[even]]]
        side[even] = cut[even]
    crossing = np.flatnonzero(side[tail] + side[head] == 1)
    touching = np.zeros(len(side), dtype=bool)
    touching[tail[crossing]] = touching[head[crossing]] = True
    touching = np.flatnonzero(touching)
    counts = np.bincount(2 * part[touching] + side[touching], minlength=2 * len(sizes)).reshape(-1, 2)
    fewer = counts[:, 1] < counts[:, 0]
    side[touching[side[touching] == fewer[part[touching]]]] = SEPARATOR


def _sorted_low(high: Ints, low: Ints) -> Ints:
    """Sort pairs of numbers; return the second ones."""
    return np.sort((high << INDEX_BITS) + low) & (2**INDEX_BITS - 1)


def _sorted_along(axes: Floats) -> tuple[Ints, Ints]:
    """Return the vertices sorted by each coordinate, concatenated, and each vertex's rank in these orders."""
    along = np.argsort(axes, axis=1, kind="stable")
    ranks = np.empty_like(along)
    for row, order in zip(ranks, along, strict=True):
        row[order] = np.arange(len(row))
    return along.ravel(), ranks.ravel()


def _longest_sides(axes: Floats, order: Ints, sizes: Ints) -> Ints:
    """Return the axis along which each part is longest; `order` holds the vertices part by part."""
    longest, some = np.zeros(len(sizes), dtype=np.int64), np.flatnonzero(sizes)
    stride = max(1, int(sizes.min()) // SIDE_SAMPLES)
    starts = -(-(np.cumsum(sizes) - sizes)[some] // stride)
    sides = [np.maximum.reduceat(x, starts) - np.minimum.reduceat(x, starts) for x in axes[:, order[::stride]]]
    longest[some] = np.argmax(sides, axis=0)
    return longest


def _postorder(depth: int) -> Ints:
    """Return the place in postorder of each heap number, (2^(depth + 1),)."""
    rank = np.zeros(2 ** (depth + 1), dtype=np.int64)
    # A node at level l has subtrees of 2^(depth - l) - 1 nodes; it comes after its parent's left part.
    rank[1] = 2 ** (depth + 1) - 2
    for level in range(depth):
        parents = np.arange(2**level, 2 ** (level + 1))
        size = 2 ** (depth - level) - 1
        rank[2 * parents + 1] = rank[parents] - 1
        rank[2 * parents] = rank[parents] - 1 - size
    return rank
