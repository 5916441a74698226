"""Open a closed surface to a disk along a path of edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from meshot.algebra.operators import Sparse
from meshot.base.arrays import Floats, Ints, first_largest, norms
from meshot.base.errors import GeometryError, TopologyError
from meshot.meshes.surface import Surface

# The automatic cut passes a third point if its distance from the first two is more than this part of theirs.
THIRD_POINT = 0.4
# A detour is cut short if its ends are nearer than this part of its length.
HAIRPIN = 0.35
HAIRPIN_TRIALS = 5
# What lengths of edges are rounded to, in units of their mean; a power of two.
GRAIN = 2.0**-20


@dataclass(frozen=True, eq=False)
class Cut:
    """A closed surface cut open.

    Attributes
    ----------
    surface : Surface
        The opened surface: the same faces in the same order; the second copies of the path's inner vertices are added
        at the end, in the path's order.
    source_vertex : (V,) int
        Vertex of the closed surface that each vertex came from.
    path : (n,) int
        The path of the cut, in vertices of the closed surface.
    """

    surface: Surface
    source_vertex: Ints
    path: Ints


def cut_to_disk(surface: Surface, path: Sequence[int] | None = None) -> Cut:
    """Cut a closed genus-zero surface along a simple path of edges, so that one boundary loop appears.

    Parameters
    ----------
    surface : Surface
        Closed, connected, oriented manifold.
    path : sequence of int, optional
        Vertices that the cut passes in this order; those that are not neighbors are joined by shortest edge paths.
        Without it the cut follows a shortest path through two or three points far from each other.

    Raises
    ------
    GeometryError
        The path leaves the mesh, passes a vertex twice, or has fewer than two edges.

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> cut = cut_to_disk(Surface(corners, [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]), path=[0, 1, 2])
    >>> cut.source_vertex, cut.surface.boundary_loops[0]
    (array([0, 1, 2, 3, 1]), array([0, 1, 2, 4]))
    """
    graph = edge_graph(surface)
    return _open(surface, _far_path(surface, graph) if path is None else _join(surface, graph, [int(v) for v in path]))


def edge_graph(surface: Surface) -> Sparse:
    """Return the graph of edges weighted by their length over the mean of all, (V, V), symmetric.

    Lengths are multiples of `GRAIN`, whose sums are exact: the choice among several shortest paths does not depend on
    rounding, and so not on the position and the unit of the surface.
    """
    length = _edge_lengths(surface)
    length = GRAIN * np.maximum(np.rint(length / (GRAIN * length.mean())), 1.0)
    count, (i, j) = len(surface.vertices), surface.edges.T
    rows, columns = np.concatenate([i, j]), np.concatenate([j, i])
    return sparse.coo_array((np.concatenate([length, length]), (rows, columns)), shape=(count, count)).tocsr()


def _edge_lengths(surface: Surface) -> Floats:
    i, j = surface.edges.T
    return norms(surface.vertices[i] - surface.vertices[j])


def _distances(graph: Sparse, source: int) -> tuple[Floats, Ints]:
    distance, before = dijkstra(graph, indices=np.array([source]), return_predecessors=True)
    return distance[0], before[0]


def _farthest(distance: Floats) -> int:
    return first_largest(np.where(np.isfinite(distance), distance, -1.0))


def _trace(before: Ints, start: int, end: int) -> list[int]:
    """Vertices from start to end along Dijkstra's predecessors; empty if the end was not reached."""
    path = [end]
    while path[-1] != start:
        if before[path[-1]] < 0:
            return []
        path.append(int(before[path[-1]]))
    return path[::-1]


def _far_path(surface: Surface, graph: Sparse) -> list[int]:
    """Shortest path through two points far from each other, and through a third if there is one far from both.

    More points were tried: they lengthen the cut and raise the area distortion of the conformal map again.
    """
    first = _farthest(_distances(graph, int(surface.faces[0, 0]))[0])
    from_first, before = _distances(graph, first)
    second = _farthest(from_first)
    from_second, _ = _distances(graph, second)
    nearest = np.minimum(from_first, from_second)
    third = _farthest(nearest)
    if nearest[third] > THIRD_POINT * from_first[second]:
        # The leg left out is the longest.
        legs = {first: from_second[third], second: from_first[third], third: from_first[second]}
        middle = max(legs, key=lambda v: float(legs[v]))
        ends = [v for v in (first, second, third) if v != middle]
        return _trimmed(surface, graph, _join(surface, graph, [ends[0], middle, ends[1]]), middle)
    path = _trace(before, first, second)
    if len(path) >= 3:
        return path
    third = min(set(graph[[first]].indices.tolist()) & set(graph[[second]].indices.tolist()))
    return [first, third, second]


def _trimmed(surface: Surface, graph: Sparse, path: list[int], turn: int) -> list[int]:
    """Shorten a path where it goes to and fro about a turning point: what lies between would be mapped to nothing."""
    points, at = surface.vertices[path] / _edge_lengths(surface).mean(), path.index(turn)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    direct = np.linalg.norm(points[:at, None] - points[None, at + 1 :], axis=2)
    walked = along[None, at + 1 :] - along[:at, None]
    hairpins = np.argwhere(direct < HAIRPIN * walked)
    # The longest hairpin whose ends are also near each other on the surface.
    for i, j in hairpins[np.argsort(-walked[tuple(hairpins.T)], kind="stable")][:HAIRPIN_TRIALS].tolist():
        start, end = i, at + 1 + j
        others = set(path[:start] + path[end + 1 :])
        distance, before = _distances(_without(graph, others), path[start])
        if distance[path[end]] < HAIRPIN * walked[i, j]:
            path = path[:start] + _trace(before, path[start], path[end]) + path[end + 1 :]
            break
    # A corner between two neighbors has no face of its own but one that is cut off on both sides.
    corner = 1
    while corner < len(path) - 1 and len(path) > 3:
        if path[corner + 1] in graph[[path[corner - 1]]].indices:
            del path[corner]
            corner = max(1, corner - 1)
        else:
            corner += 1
    return path


def _join(surface: Surface, graph: Sparse, passed: list[int]) -> list[int]:
    """Shortest legs between the given vertices, none of them touching an earlier one."""
    bad = [v for v in passed if not 0 <= v < len(surface.vertices) or not surface.referenced[v]]
    if bad:
        raise GeometryError("the cut passes a vertex that is not on the surface", ids=bad)
    twice = [v for v in sorted(set(passed)) if passed.count(v) > 1]
    if twice:
        raise GeometryError("the cut passes a vertex twice", ids=twice)
    path = passed[:1]
    for stop in passed[1:]:
        if stop in graph[[path[-1]]].indices:
            path.append(stop)
            continue
        later = set(passed) - {path[-1], stop}
        leg = _trace(_distances(_without(graph, later | set(path[:-1])), path[-1])[1], path[-1], stop)
        if not leg:
            raise GeometryError("no path to this vertex of the cut avoids the earlier ones", ids=[stop])
        path += leg[1:]
    if len(path) < 3:
        raise GeometryError("the path of a cut needs at least two edges", ids=path)
    return path


def _without(graph: Sparse, vertices: set[int]) -> Sparse:
    """Return the graph without ways that lead on from some vertices."""
    kept = np.ones(len(graph.indices), dtype=bool)
    for vertex in vertices:
        kept[graph.indptr[vertex] : graph.indptr[vertex + 1]] = False
    passed = np.concatenate([[0], np.cumsum(kept)])[graph.indptr]
    return sparse.csr_array((graph.data[kept], graph.indices[kept], passed), shape=graph.shape)


def _without_twins(surface: Surface, index: dict[tuple[int, int], int], path: list[int]) -> Ints:
    twins = surface.twins.copy()
    for a, b in pairwise(path):
        h = index[a, b] if (a, b) in index else int(surface.twins[index[b, a]])
        twins[[h, surface.twins[h]]] = -1
    twins.flags.writeable = False
    return twins


def _open(surface: Surface, path: list[int]) -> Cut:
    """Give the faces right of the path their own copies of its inner vertices."""
    count = len(surface.vertices)
    around = np.flatnonzero(np.isin(surface.halfedges[:, 0], path[1:-1]))
    index = {(int(a), int(b)): int(h) for h, (a, b) in zip(around, surface.halfedges[around], strict=True)}
    faces = surface.faces.copy()
    for i, (previous, vertex, following) in enumerate(zip(path, path[1:], path[2:], strict=False)):
        # Counterclockwise around the vertex, from the edge to its predecessor to the one to its successor.
        h = index[vertex, previous]
        while True:
            faces[h // 3, h % 3] = count + i
            h = int(surface.twins[3 * (h // 3) + (h - 3 * (h // 3) + 2) % 3])
            if h == index[vertex, following]:
                break
    source = np.concatenate([np.arange(count), np.array(path[1:-1], dtype=np.int64)])
    opened = Surface(surface.vertices[source], faces)
    # No face has changed its place, so only the path's edges lose their twins; finding all anew would take long.
    opened.__dict__["twins"] = _without_twins(surface, index, path)
    if len(opened.boundary_loops) != 1:
        raise TopologyError(f"the cut left {len(opened.boundary_loops)} boundary loops instead of one")
    return Cut(opened, source, np.array(path, dtype=np.int64))
