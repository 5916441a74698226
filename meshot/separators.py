"""Nested dissection of a planar mesh by straight cuts: an elimination order with little fill, and its tree.

George (1973), "Nested dissection of a regular finite element mesh", with the vertices' positions in the plane in place
of a search for separators: each part is cut at its median in x or in y, and the vertices on one side that have a
neighbor on the other, whichever are the fewest, are eliminated after both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.mesh import Floats, Ints

Flags = NDArray[np.bool_]

# Parts are halved until they have about this many vertices: a dense block is quicker than the elimination inside it.
LEAF = 12


class Dissection(NamedTuple):
    """A complete binary tree of groups of vertices, in postorder: children before parents, subtrees contiguous.

    Attributes
    ----------
    order : (V,) int
        Vertex that is eliminated at each place.
    starts : (nodes + 1,) int
        Node n owns the places ``starts[n]`` to ``starts[n + 1]``.
    level, parent : (nodes,) int
        Level of each node, 0 at the root, and its parent, -1 at the root.
    """

    order: Ints
    starts: Ints
    level: Ints
    parent: Ints


def dissect(positions: Floats, edges: Ints) -> Dissection:
    """Return the dissection of a graph drawn in the plane.

    Examples
    --------
    >>> line = np.stack([np.arange(40.0), np.zeros(40)], axis=1)
    >>> steps = np.stack([np.arange(39), np.arange(1, 40)], axis=1)
    >>> dissect(line, steps).starts.tolist()
    [0, 8, 18, 19, 28, 38, 39, 40]
    """
    count = len(positions)
    depth = max(0, int(np.ceil(np.log2(max(count, 1) / LEAF))))
    # Heap numbers: the root is 1, the children of n are 2n and 2n + 1. A vertex stays where it becomes a separator.
    node, free = np.ones(count, dtype=np.int64), np.ones(count, dtype=bool)
    for step in range(depth):
        edges = edges[free[edges].all(axis=1) & (node[edges[:, 0]] == node[edges[:, 1]])]
        cuts = [_cut(positions[:, axis], node - 2**step, free, edges, 2**step) for axis in range(2)]
        shorter = (cuts[1][2] < cuts[0][2])[node - 2**step] & free
        side, separator = (np.where(shorter, cuts[1][k], cuts[0][k]) for k in range(2))
        free &= ~separator
        node = np.where(free, 2 * node + side, node)
    heap, ranks = np.arange(1, 2 ** (depth + 1)), _postorder(depth)
    level, parent = np.empty_like(heap), np.empty_like(heap)
    level[ranks[heap]] = np.floor(np.log2(heap)).astype(np.int64)
    parent[ranks[heap]] = ranks[heap // 2]
    parent[-1] = -1
    rank = ranks[node]
    order = np.argsort(rank, kind="stable")
    starts = np.searchsorted(rank[order], np.arange(2 ** (depth + 1)))
    return Dissection(order, starts, level, parent)


def _cut(along: Floats, part: Ints, free: Flags, edges: Ints, parts: int) -> tuple[Flags, Flags, Ints]:
    """Halve each part at its median along one axis; return who is in the upper half, the separators, their sizes."""
    active = np.flatnonzero(free)
    order = active[np.lexsort((along[active], part[active]))]
    sizes = np.bincount(part[active], minlength=parts)
    ranks = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    upper = np.zeros(len(along), dtype=bool)
    upper[order] = ranks >= np.repeat(sizes // 2, sizes)
    crossing = edges[upper[edges[:, 0]] != upper[edges[:, 1]]]
    touching = np.zeros(len(along), dtype=bool)
    touching[crossing] = True
    chosen = np.flatnonzero(touching)
    counts = [np.bincount(part[chosen[upper[chosen] == half]], minlength=parts) for half in (False, True)]
    separator = touching.copy()
    separator[chosen] = upper[chosen] == (counts[1] < counts[0])[part[chosen]]
    return upper, separator, np.minimum(*counts)


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
