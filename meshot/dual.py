"""The weighted Delaunay triangulation, dual to a power diagram, from the facets of its cells.

Sites whose cells share a facet are joined by an edge. These edges, drawn straight, form a plane graph; its bounded
faces are dual to the diagram's vertices. A face has more than three corners where more than three cells meet, as in a
grid: it becomes a fan around its smallest site, and so does one whose diagonal is dual to a facet too short for its
length to be told from rounding. A face is found once, whatever the cells around it thought of their common corner, so
the triangles always fit together.

A clipped diagram knows only the vertices in its domain. The others belong to sites whose cells reach the domain's
boundary or are empty. Of these alone the diagram is computed once more, outside the domain and up to infinity: with
x = R (1, s) / w the potential max_i (<x, y_i> + h_i) is R/w times max_i (s y_i2 + w h_i/R + y_i1), again a power
diagram, whose sites are (y_i2, h_i/R) and whose domain is a box. Four such boxes go around the plane.

Aurenhammer, "Power diagrams: properties, algorithms and applications", SIAM J. Comput. 1987; the part dual to the
clipped diagram is the restricted triangulation of Edelsbrunner and Shah, "Triangulating topological spaces", 1997.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from meshot.domains import Box, Domain
from meshot.locate import Locator
from meshot.mesh import Floats, Ints, cross2

# Faces with up to so many corners are traced together, the few larger ones one by one.
TOGETHER = 8
# How far the boxes around the domain overlap; what is nearer to the domain's boundary, relatively, lies on it.
OVERLAP, ON_BOUNDARY = 1.1, 1e-11
# How far from their line, in units of their extent, points count as on it when all sites are on one.
ON_LINE = 1e-12
# Facets are left out, the shortest first, until no two edges cross: the first bound, in units of the domain's size.
SHORTEST = 1e-14
# Facets at infinity that are shorter, in the boxes, would join sites that lie on a side of the convex hull but for
# rounding.
SHORTEST_BEYOND = 1e-13

# Sites, power weights and a box to the facets (m, 2) in it, their lengths and their ends (m, 2, 2).
FacetsInBox = Callable[[Floats, Floats, Box], tuple[Ints, Floats, Floats]]


@dataclass(frozen=True)
class Faces:
    """The faces of a plane graph with straight edges.

    Attributes
    ----------
    bounded : list of (f, k) int
        Corners of the faces with k corners, counter-clockwise, for several k.
    border : (b,) int
        Vertices with edges that the unbounded face touches.
    planar : bool
        Whether no edges cross (Euler's formula).
    """

    bounded: list[Ints]
    border: Ints
    planar: bool


class PiecewiseLinear:
    """The function that is linear on each triangle, and infinite outside of all.

    With values -h_i at the sites and the weighted Delaunay triangulation it is the Legendre dual u* of the Brenier
    potential: the lower hull of the points (y_i, -h_i).

    Parameters
    ----------
    sites : (n, 2) float
    values : (n,) float
    triangles : (t, 3) int
        If there are none, the sites lie on a line, and the function lives on the segment between them.

    Examples
    --------
    >>> dual = PiecewiseLinear(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3.0), np.array([[0, 1, 2]]))
    >>> dual(np.array([[0.25, 0.5], [2.0, 0.0]]))
    array([1.25,  inf])
    """

    def __init__(self, sites: Floats, values: Floats, triangles: Ints) -> None:
        self.sites, self.values, self.triangles = sites, values, triangles
        self._locator = Locator(triangles, sites) if len(triangles) else None

    def __call__(self, points: Floats) -> Floats:
        """Return the values at points (m, 2)."""
        if self._locator is None:
            return self._on_line(points)
        faces, barycentric = self._locator.locate(points)
        values = (barycentric * self.values[self.triangles[faces]]).sum(axis=1)
        return np.where(faces < 0, np.inf, values)

    def _on_line(self, points: Floats) -> Floats:
        origin = self.sites[0]
        far = self.sites[np.hypot(*(self.sites - origin).T).argmax()] - origin
        length = float(np.hypot(*far))
        if length == 0:
            return np.where((points == origin).all(axis=1), self.values[0], np.inf)
        along, place = (points - origin) @ far / length, (self.sites - origin) @ far / length
        order = np.argsort(place)
        beside = np.abs(cross2(points - origin, far)) / length
        on = (beside <= ON_LINE * length) & (along >= place.min()) & (along <= place.max())
        return np.where(on, np.interp(along, place[order], self.values[order]), np.inf)


def weighted_delaunay(
    sites: Floats, weights: Floats, domain: Domain, facets: Ints, lengths: Floats, facets_in_box: FacetsInBox
) -> Ints:
    """Return the weighted Delaunay triangulation of all sites, (t, 3), counter-clockwise.

    Parameters
    ----------
    sites : (n, 2) float
    weights : (n,) float
        Power weights psi.
    domain : Disk, Box or ConvexPolygon
    facets, lengths : (m, 2) int, (m,) float
        Of the power diagram clipped to the domain.
    facets_in_box : callable
        Computes other diagrams.
    """
    relative = lengths / np.sqrt(domain.area)
    inner = plane_faces(sites, facets, relative)
    alone = np.bincount(facets.ravel(), minlength=len(sites)) == 0
    outer = np.union1d(inner.border, np.flatnonzero(alone))
    beyond, beyond_lengths = _facets_beyond(sites[outer] - domain.center, weights[outer], domain, facets_in_box)
    pairs = np.sort(np.concatenate([facets, outer[beyond]]), axis=1)
    size = np.concatenate([relative, beyond_lengths])
    order = np.lexsort((-size, pairs[:, 1], pairs[:, 0]))
    first = np.append(True, (np.diff(pairs[order], axis=0) != 0).any(axis=1))[: len(order)]
    return fans(plane_faces(sites, pairs[order][first], size[order][first]))


def restricted_delaunay(sites: Floats, domain: Domain, facets: Ints, lengths: Floats) -> Ints:
    """Return the triangles dual to the vertices of the clipped diagram, (t, 3), counter-clockwise."""
    return fans(plane_faces(sites, facets, lengths / np.sqrt(domain.area)))


def power_vertices(sites: Floats, weights: Floats, triangles: Ints) -> Floats:
    """Return the point with equal power distance to the three sites of each triangle, (t, 2).

    Examples
    --------
    >>> power_vertices(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]), np.zeros(3), np.array([[0, 1, 2]]))
    array([[1., 1.]])
    """
    a, b, c = sites[triangles].transpose(1, 0, 2)
    p, q = b - a, c - a
    lift = weights[triangles[:, 0]]
    rise = ((p**2).sum(axis=1) - weights[triangles[:, 1]] + lift) / 2
    other = ((q**2).sum(axis=1) - weights[triangles[:, 2]] + lift) / 2
    offset = np.column_stack([rise * q[:, 1] - other * p[:, 1], other * p[:, 0] - rise * q[:, 0]])
    return np.asarray(a + offset / cross2(p, q)[:, None])


def plane_faces(points: Floats, edges: Ints, lengths: Floats) -> Faces:
    """Trace the faces of the graph, without the shortest of its edges (by `lengths`) if some cross."""
    least = 0.0
    while True:
        faces = trace_faces(points, edges[lengths > least])
        if faces.planar:
            return faces
        least = max(SHORTEST, 10 * least)


def trace_faces(points: Floats, edges: Ints) -> Faces:
    """Trace the faces of a plane graph, each with its interior on the left.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> trace_faces(square, np.array([[0, 1], [1, 2], [2, 3], [3, 0]])).bounded
    [array([[0, 1, 2, 3]])]
    """
    start, end = np.concatenate([edges, edges[:, ::-1]]).T
    way = points[end] - points[start]
    turned = np.lexsort((np.arctan2(way[:, 1], way[:, 0]), start))
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(points), len(points)))
    part = connected_components(graph, directed=False)[1].astype(np.int64)
    unbounded = np.zeros(len(start), dtype=bool)
    unbounded[_outermost(points, start[turned], turned, part)] = True
    bounded, border, count = [], [np.empty(0, dtype=np.int64)], 0
    for cycle in _cycles(_following(start[turned], turned)):
        corners, outside = start[cycle], unbounded[cycle].any(axis=1)
        count += len(corners)
        border.append(corners[outside].ravel())
        offset = points[corners] - points[corners[:, :1]]
        area = cross2(offset, np.roll(offset, -1, axis=1)).sum(axis=1)
        bounded.append(corners[~outside & (area > 0)])
    used = np.unique(edges)
    planar = len(used) - len(edges) + count == 2 * len(np.unique(part[used]))
    return Faces([corners for corners in bounded if len(corners)], np.unique(np.concatenate(border)), planar)


def _outermost(points: Floats, start: Ints, turned: Ints, part: Ints) -> Ints:
    """Return for each connected part a half-edge with the unbounded face on its left: the last around its first vertex.

    `start` is the vertex of the half-edges `turned`, which are sorted by vertex and angle; `part` (n,) numbers parts.
    """
    last = np.flatnonzero(np.append(np.diff(start) != 0, True)[: len(start)])
    vertex = start[last]
    order = np.lexsort((points[vertex, 1], points[vertex, 0], part[vertex]))
    first = np.append(True, np.diff(part[vertex[order]]) != 0)[: len(order)]
    return np.asarray(turned[last[order[first]]])


def _following(start: Ints, turned: Ints) -> Ints:
    """Return for each half-edge the next one around the face on its left: clockwise from its twin.

    `start` is the vertex of the half-edges `turned`, which are sorted by vertex and angle. The twins of the first half
    of the edges are the second half.
    """
    count = len(turned)
    index = np.arange(count)
    place = np.empty_like(turned)
    place[turned] = index
    is_first = np.append(True, np.diff(start) != 0)[:count]
    clockwise = index - 1
    first = np.flatnonzero(is_first)
    clockwise[first] = np.append(first[1:], count)[: len(first)] - 1
    return np.asarray(turned[clockwise[place[np.roll(index, count // 2)]]])


def _cycles(following: Ints) -> list[Ints]:
    """Return the cycles of a permutation, those of the same length as the rows of one array."""
    cycles: list[Ints] = []
    left = np.arange(len(following))
    place = following
    for _ in range(2, TOGETHER + 1):
        place = following[place]
        closed = place == left
        rows = [left[closed]]
        for _ in range(len(cycles) + 1):
            rows.append(following[rows[-1]])
        ring = np.stack(rows, axis=1)
        cycles.append(ring[ring[:, 0] == ring.min(axis=1)])
        left, place = left[~closed], place[~closed]
    seen = set()
    for begin in left.tolist():
        if begin not in seen:
            cycle = [begin]
            while (after := int(following[cycle[-1]])) != begin:
                cycle.append(after)
            seen.update(cycle)
            cycles.append(np.array([cycle]))
    return cycles


def fans(faces: Faces) -> Ints:
    """Cut the bounded faces into triangles, (t, 3), each as a fan around its smallest vertex."""
    triangles = [np.empty((0, 3), dtype=np.int64)]
    for corners in faces.bounded:
        k = corners.shape[1]
        turned = np.take_along_axis(corners, (corners.argmin(axis=1)[:, None] + np.arange(k)) % k, axis=1)
        triangles += [turned[:, [0, m, m + 1]] for m in range(1, k - 1)]
    return np.concatenate(triangles)


def _facets_beyond(local: Floats, weights: Floats, domain: Domain, facets_in_box: FacetsInBox) -> tuple[Ints, Floats]:
    """Return the facets, and their lengths in the boxes, of the power diagram outside the domain.

    Sites are relative to the domain's center.
    """
    heights = (weights - (local**2).sum(axis=1)) / 2
    local, heights = local - local.mean(axis=0), heights - heights.mean()
    square = domain.inner_radius / np.sqrt(2)
    spread, rise = float(np.ptp(local, axis=0).max()), float(np.ptp(heights))
    scale = rise / spread if rise > 0 and spread > 0 else square
    box = Box(np.array([-OVERLAP, 0.0]), np.array([OVERLAP, OVERLAP * scale / square]))
    facets, lengths = [np.empty((0, 2), dtype=np.int64)], [np.empty(0)]
    for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        along, chart = sign * local[:, axis], np.column_stack([local[:, 1 - axis], heights / scale])
        order = np.lexsort((-along, chart[:, 1], chart[:, 0]))
        apart = np.append(True, (np.diff(chart[order], axis=0) != 0).any(axis=1))
        kept = np.sort(order[apart])  # of sites that coincide there, the highest hides the others
        found, length, ends = facets_in_box(chart[kept], 2 * along[kept] + (chart[kept] ** 2).sum(axis=1), box)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = scale * np.stack([np.full(ends.shape[:2], sign), ends[:, :, 0]], axis=-1) / ends[:, :, 1:]
            outside = _leaves(far[:, :, ::-1] if axis == 1 else far, domain)
        outside &= length > SHORTEST_BEYOND
        facets.append(kept[found[outside]])
        lengths.append(length[outside])
    return np.concatenate(facets), np.concatenate(lengths)


def _leaves(segments: Floats, domain: Domain) -> NDArray[np.bool_]:
    """Whether segments (m, 2, 2), relative to the domain's center, leave the domain or lie on its boundary."""
    outside = ~domain.contains(domain.center + (1 - ON_BOUNDARY) * segments).all(axis=1)
    return np.asarray(outside | ~domain.contains(domain.center + (1 + ON_BOUNDARY) * segments.mean(axis=1)))
