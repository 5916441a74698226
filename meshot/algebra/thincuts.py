"""Thin separators of graphs: fewest vertices, in a band about a given cut, that keep its two sides apart.

By Menger's theorem these are as many as there are paths through the band without a vertex in common: a maximal flow in
which a unit passes through each vertex. Bands are an idea of Sanders and Schulz (2011, "Engineering multilevel graph
partitioning algorithms"): within them the sides stay about as large as they were.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from meshot.meshes.mesh import Ints

Sides = NDArray[np.uint8]
# Of a vertex in the separator.
SEPARATOR = 2


def thin_cut(tail: Ints, head: Ints, side: Sides, rings: int) -> Sides:
    """Return sides, 0 and 1, and `SEPARATOR` between them, for as few vertices as a band about the cut allows.

    Parameters
    ----------
    tail, head : (E,) int
        Edges. The graph may consist of many parts; each is cut by itself.
    side : (V,) uint8
        Sides, 0 and 1, of the vertices with edges.
    rings : int
        The band consists of the vertices less than so many edges away from those with an edge across the cut; at
        least one.

    Examples
    --------
    A path that is three paths wide in between, with the cut there:

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
    """Return the vertices of the band, and the graph in which flow through them is to be maximal.

    Flow enters vertex number i of the band at node i and leaves it at i + n; 2 n is the source, to which what lies
    beyond the band on side 0 is drawn together, and 2 n + 1 the sink. A unit passes through a vertex, so an edge with
    room for two is never full.
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
