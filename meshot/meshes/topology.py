"""Connectivity of any set of triangles, manifold or not: edges, fans around vertices, components, orientation."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra, minimum_spanning_tree

from meshot.base.arrays import Floats, Ints
from meshot.meshes.surface import edge_order


class Topology:
    """Connectivity of triangles; unlike `Surface.twins` it makes no assumptions about them.

    A halfedge h = 3f + k runs from corner k of face f to its corner k + 1; the number h also names corner k itself.
    Wherever two or more faces meet at an edge, their halfedges are chained to pairs (`first`, `second`).

    Parameters
    ----------
    faces : (F, 3) int
        Vertex indices; the three of a face must differ.
    vertex_count : int
        Number of vertices.
    order : (3F,) and (E,) int, optional
        Result of `meshot.meshes.surface.edge_order`, if it is known.
    """

    def __init__(self, faces: Ints, vertex_count: int, order: tuple[Ints, Ints] | None = None) -> None:
        self.faces, self.vertex_count = faces, vertex_count
        self.order, self.starts = edge_order(faces, vertex_count) if order is None else order
        self.tail = faces.ravel()
        self.head = np.roll(faces, -1, axis=1).ravel()
        self.next = (3 * np.arange(len(faces))[:, None] + [1, 2, 0]).ravel()
        self.edge_faces = np.diff(self.starts, append=len(self.order))
        """Number of faces at each edge, (E,)."""
        again = np.ones(len(self.order), dtype=bool)
        again[self.starts] = False
        place = np.flatnonzero(again)
        self.first, self.second = self.order[place - 1], self.order[place]
        self.pair_is_manifold = np.repeat(self.edge_faces == 2, self.edge_faces - 1)
        self.parallel = self.tail[self.first] == self.tail[self.second]
        """Whether the two halfedges of a pair run the same way, so that their faces disagree."""

    @property
    def boundary(self) -> Ints:
        """Halfedges at edges of one face."""
        halfedges: Ints = self.order[self.starts[self.edge_faces == 1]]
        return halfedges

    @property
    def non_manifold_edges(self) -> Ints:
        """Edges (i < j) of more than two faces, (n, 2)."""
        halfedge = self.order[self.starts[self.edge_faces > 2]]
        return np.sort(np.stack([self.tail[halfedge], self.head[halfedge]], axis=1), axis=1)

    @cached_property
    def is_simple(self) -> bool:
        """Whether this is surely one sphere or disk; then fans and components need not be computed.

        Faces connected by edges, at most two at each, are a manifold once vertices of several fans are split, which
        would raise V - E + F. That is at most 2, and 1 with a boundary, and only a sphere or disk reaches it: if it is
        reached already, there is nothing to split.
        """
        if len(self.faces) == 0 or self.edge_faces.max() > 2:
            return False
        if self.euler_characteristic != 2 - (self.edge_faces.min() == 1):
            return False
        return bool(components(len(self.faces), self.first // 3, self.second // 3).max() == 0)

    @cached_property
    def fans(self) -> Ints:
        """Label of the fan that each corner belongs to, (3F,): faces around a vertex connected by edges."""
        beside_tail = np.where(self.parallel, self.second, self.next[self.second])
        beside_head = np.where(self.parallel, self.next[self.second], self.second)
        starts = np.concatenate([self.first, self.next[self.first]])
        return components(len(self.tail), starts, np.concatenate([beside_tail, beside_head]))

    @property
    def non_manifold_vertices(self) -> Ints:
        """Vertices of more than one fan."""
        if self.is_simple:
            return np.zeros(0, dtype=np.int64)
        vertex = np.zeros(self.fans.max(initial=-1) + 1, dtype=np.int64)
        vertex[self.fans] = self.tail
        return np.flatnonzero(np.bincount(vertex, minlength=self.vertex_count) > 1)

    @cached_property
    def face_components(self) -> Ints:
        """Component of each face, (F,), numbered in order of first appearance; a shared vertex joins faces."""
        if self.is_simple:
            return np.zeros(len(self.faces), dtype=np.int64)
        edge = self.order[self.starts]
        label = components(self.vertex_count, self.tail[edge], self.head[edge])[self.faces[:, 0]]
        return in_order(label)

    @cached_property
    def boundary_labels(self) -> Ints:
        """Boundary loop of each halfedge in `boundary`; loops that touch at a vertex count apart."""
        halfedge = self.boundary
        if self.is_simple:
            return np.zeros(len(halfedge), dtype=np.int64)
        label = components(len(self.tail), self.fans[halfedge], self.fans[self.next[halfedge]])
        return in_order(label[self.fans[halfedge]])

    @cached_property
    def boundary_loops(self) -> list[tuple[int, int, int]]:
        """Number of edges, lowest vertex and component of each boundary loop, longest first."""
        label, halfedge = self.boundary_labels, self.boundary
        first = np.unique(label, return_index=True)[1]
        component = self.face_components[halfedge[first] // 3]
        lowest = np.full(len(first), self.vertex_count)
        np.minimum.at(lowest, label, self.tail[halfedge])
        lengths = np.bincount(label)
        loops = zip(lengths.tolist(), lowest.tolist(), component.tolist(), strict=True)
        return sorted(loops, key=lambda loop: (-loop[0], loop[1]))

    @cached_property
    def euler_characteristic(self) -> int:
        """V - E + F over the vertices that faces use."""
        return int(np.count_nonzero(np.bincount(self.tail))) - len(self.starts) + len(self.faces)

    @cached_property
    def _sides(self) -> tuple[Ints, Ints]:
        """Components of the orientation double cover: each face as it stands and turned over, (F,) and (F,).

        Two faces at an edge are joined as they stand if they agree, one of them turned over if not. A face is on a
        one-sided surface if both its copies hang together.
        """
        first, second, parallel = self._manifold_pairs
        count = len(self.faces)
        starts = np.concatenate([first, first + count])
        ends = np.concatenate([second + count * parallel, second + count * ~parallel])
        label = components(2 * count, starts, ends)
        return label[:count], label[count:]

    @property
    def _manifold_pairs(self) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Faces on both sides of each edge of two faces, and whether they disagree."""
        keep = self.pair_is_manifold
        return self.first[keep] // 3, self.second[keep] // 3, self.parallel[keep]

    @property
    def one_sided_strip(self) -> Ints:
        """A closed strip of faces along which orientation turns over; empty if the surface can be oriented."""
        if not self.parallel.any():
            return np.zeros(0, dtype=np.int64)
        up, down = self._sides
        bad = np.flatnonzero(up == down)
        if len(bad) == 0:
            return bad
        first, second, parallel = self._manifold_pairs
        count = len(self.faces)
        starts = np.concatenate([first, first + count])
        graph = _graph(2 * count, starts, np.concatenate([second + count * parallel, second + count * ~parallel]))
        before = breadth_first_order(graph, bad[0], directed=False)[1]
        path = [int(bad[0]) + count]  # from the first face, turned over, back to itself as it stands
        while path[-1] != bad[0]:
            path.append(int(before[path[-1]]))
        return _shortest_cycle([node % count for node in path])

    @property
    def faces_to_flip(self) -> Ints:
        """The fewest faces to turn over so that all that can agree do, component by component."""
        if not self.parallel.any():
            return np.zeros(0, dtype=np.int64)
        up, down = self._sides
        side = np.minimum(up, down)
        turned = up > side
        two_sided = up != down
        share = np.bincount(side, turned) > 0.5 * np.bincount(side)
        return np.flatnonzero(two_sided & (turned != share[side]))

    def handle(self) -> Ints:
        """Vertices of a short closed path around a handle, in order, for a connected manifold of positive genus.

        Of a tree of shortest paths from a vertex and a spanning cotree of the dual graph (boundary loops capped) that
        takes the edges closing long loops first, 2 genus edges are left over; each closes a loop that
        cannot be shrunk to a point (Erickson and Whittlesey 2005). The shortest of these is returned.
        """
        edge = self.order[self.starts]
        u, v = self.tail[edge], self.head[edge]
        graph = _graph(self.vertex_count, u, v)
        depth, before = dijkstra(graph, directed=False, indices=u[0], unweighted=True, return_predecessors=True)
        length = depth[u] + depth[v] + 1
        free = np.flatnonzero((before[u] != v) & (before[v] != u))
        left = free[~self._in_cotree(free, length[free])]
        closing = left[np.argmin(length[left])]
        paths = []
        for end in (u[closing], v[closing]):
            path = [int(end)]
            while before[path[-1]] >= 0:
                path.append(int(before[path[-1]]))
            paths.append(path[::-1])
        common = 0
        while common < min(map(len, paths)) and paths[0][common] == paths[1][common]:
            common += 1
        return np.array(paths[0][common - 1 :] + paths[1][common:][::-1], dtype=np.int64)

    def _in_cotree(self, edges: Ints, length: Floats) -> NDArray[np.bool_]:
        """Whether each edge crosses the dual spanning tree of greatest total `length`; loops are capped."""
        other = np.empty(len(self.starts), dtype=np.int64)
        other[self.edge_faces == 1] = len(self.faces) + self.boundary_labels
        other[self.edge_faces == 2] = self.order[self.starts[self.edge_faces == 2] + 1] // 3
        ends = np.sort(np.stack([self.order[self.starts[edges]] // 3, other[edges]]), axis=0)
        ranking = np.lexsort((-length, *ends))  # of parallel dual edges the first, longest, is taken
        parallel = (ends[:, ranking[1:]] == ends[:, ranking[:-1]]).all(axis=0)
        kept = ranking[np.concatenate([[True], ~parallel])]
        weight = np.argsort(np.argsort(-length[kept], kind="stable")) + 1.0  # distinct, so that it names the edge
        count = int(ends.max()) + 1
        tree = minimum_spanning_tree(coo_array((weight, ends[:, kept]), shape=(count, count)).tocsr())
        inside = np.zeros(len(edges), dtype=bool)
        inside[kept[np.argsort(weight)[tree.data.astype(np.int64) - 1]]] = True
        return inside


def _shortest_cycle(walk: list[int]) -> Ints:
    """Return the shortest part of a closed walk between two visits to the same place."""
    latest: dict[int, int] = {}
    start, stop = 0, len(walk) - 1
    for step, place in enumerate(walk):
        if place in latest and step - latest[place] < stop - start:
            start, stop = latest[place], step
        latest[place] = step
    return np.array(walk[start:stop], dtype=np.int64)


def _graph(count: int, starts: Ints, ends: Ints) -> Any:

    return coo_array((np.ones(len(starts)), (starts, ends)), shape=(count, count)).tocsr()


def components(count: int, starts: Ints, ends: Ints) -> Ints:
    """Label of the connected component of each of `count` nodes under the links (`starts`, `ends`).

    Examples
    --------
    >>> components(4, np.array([0, 3]), np.array([2, 0])).tolist()
    [0, 1, 0, 0]
    """
    labels: Ints = connected_components(_graph(count, starts, ends), directed=False)[1].astype(np.int64)
    return labels


def in_order(labels: Ints) -> Ints:
    """Renumber labels from 0 in order of first appearance.

    Examples
    --------
    >>> in_order(np.array([7, 7, 2, 7, 5])).tolist()
    [0, 0, 1, 0, 2]
    """
    _, firsts, index = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[index]


def fan_triangles(corners: Ints, sizes: Ints) -> Ints:
    """Cut polygons into fans of triangles around their first corners, in order.

    Parameters
    ----------
    corners : (sum of sizes,) int
        The polygons' vertices, one polygon after the other.
    sizes : (P,) int
        Number of corners of each polygon, at least 3.

    Returns
    -------
    (F, 3) int
        The triangles.

    Examples
    --------
    >>> fan_triangles(np.array([7, 8, 9, 0, 1, 2, 3]), np.array([3, 4])).tolist()
    [[7, 8, 9], [0, 1, 2], [0, 2, 3]]
    """
    counts = sizes - 2
    start = np.repeat(np.cumsum(sizes) - sizes, counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    triangles: Ints = corners[np.stack([start, start + step + 1, start + step + 2], axis=1)]
    return triangles
