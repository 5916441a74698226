"""The geodesic distance of points on a triangulated surface to the nearest other one, exactly.

Straight lines are unfolded from a point over the faces around it: a window is the part of an edge that they cross, with
the position of the point in the plane of the next face (Mitchell, Mount, Papadimitriou, "The discrete geodesic
problem", 1987). Shortest paths bend at vertices with more than a full angle around them, or on the boundary: these
become further sources. The nearest windows are processed first, up to the distance of the nearest point so far.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, norms, stable_order
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import innerkernel, kernel, run_in_chunks
from meshot.meshes.surface import Surface

# Entries waiting at a time. One is: least distance, halfedge (or -1 - v for a vertex v), source x and y, from, to,
# distance behind the source.
WAITING = 100_000
SOURCES = 256
"""Points in one chunk of work."""
# Factor of the search radius for points without a result.
FARTHER = 2.0


def nearest_geodesic(surface: Surface, faces: Ints, barycentric: Floats, reach: float) -> Floats:
    """Return the geodesic distance of each point to the nearest other one, (n,).

    Parameters
    ----------
    surface : Surface
    faces, barycentric : (n,) int, (n, 3) float
        Positions of the points.
    reach : float
        First search radius; it is enlarged for points without a result. Too large a value only costs time.

    Returns
    -------
    (n,) float
        Infinite for the only point of a component.

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> nearest_geodesic(square, np.array([0, 1]), np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), 0.1).round(9)
    array([1.41421356, 1.41421356])
    """
    best = np.full(len(faces), np.inf)
    todo, limit = np.arange(len(faces)), float(np.ptp(surface.vertices, axis=0).sum()) * len(surface.faces)
    while len(todo) and reach <= limit:
        found, _ = _nearest(surface, faces, barycentric, todo, np.full(len(todo), reach))
        best[todo] = found
        todo, reach = todo[~np.isfinite(found)], reach * FARTHER
    return best


class NearPoints(NamedTuple):
    """Points that are near to others: `points` (m,), the nearest to each, `others`, their distances, and directions.

    The directions (m, 2) are those in which the path goes on at the other point, in the plane of its face, where the
    face's first side is the x-axis.
    """

    points: Ints
    others: Ints
    distances: Floats
    directions: Floats


def near_points(surface: Surface, faces: Ints, barycentric: Floats, reach: Floats) -> NearPoints:
    """Find the points that have another one within their reach (n,)."""
    found, hits = _nearest(surface, faces, barycentric, np.arange(len(faces)), reach)
    points = np.flatnonzero(np.isfinite(found))
    others, side = hits[points, 0].astype(np.int64), hits[points, 1].astype(np.int64)
    corners, rows = surface.corners[faces[others]], np.arange(len(points))
    first = corners[:, 1] - corners[:, 0]
    axis = first / np.maximum(norms(first), np.finfo(float).tiny)[:, None]
    across = np.cross(surface.face_normals[faces[others]], axis)
    along = corners[rows, (side + 1) % 3] - corners[rows, side]
    along = along / np.maximum(norms(along), np.finfo(float).tiny)[:, None]
    cosine, sine = (along * axis).sum(axis=1), (along * across).sum(axis=1)
    x, y = hits[points, 2:].T
    return NearPoints(points, others, found[points], np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1))


def _nearest(surface: Surface, faces: Ints, barycentric: Floats, todo: Ints, reach: Floats) -> tuple[Floats, Floats]:
    """Return the distance to the nearest other point, infinite beyond the reach, and what `_look` says of it."""
    net, vertices = _net(surface), len(surface.vertices)
    starts = np.append(0, np.cumsum(np.bincount(faces, minlength=len(surface.faces))))
    points = _Points(faces, barycentric, starts, stable_order(faces))
    found, hits = np.empty(len(todo)), np.empty((len(todo), 4))

    def work(first: int, last: int) -> bool:
        memory = _Memory(np.empty(vertices), np.full(vertices, -1), np.empty((WAITING, 7)))
        return bool(_search(first, last, todo, reach, net, points, memory, found, hits))

    if not all(run_in_chunks(work, len(todo), SOURCES, aside=True)):
        raise ConvergenceError("too many geodesics meet around a point of the surface")
    return found, hits


class _Net(NamedTuple):
    """The surface, for the search.

    Attributes
    ----------
    twins, lengths : (3F,) int, (3F,) float
        Of the halfedges.
    faces : (F, 3) int
    bends : (V,) bool
        Which vertices bend shortest paths.
    starts, corners : (V + 1,) int, (3F,) int
        The corners of faces at each vertex.
    """

    twins: Ints
    lengths: Floats
    faces: Ints
    bends: NDArray[np.bool_]
    starts: Ints
    corners: Ints


class _Points(NamedTuple):
    """Points of the surface: `faces` (n,), `barycentric` (n, 3), and, by ``starts, listed``, those of each face."""

    faces: Ints
    barycentric: Floats
    starts: Ints
    listed: Ints


class _Memory(NamedTuple):
    """Buffers that successive searches reuse.

    Attributes
    ----------
    distances, marks : (V,) float, (V,) int
        Distance of each vertex, and from which point that is.
    waiting : (room, 7) float
        The heap; see `WAITING`.
    """

    distances: Floats
    marks: Ints
    waiting: Floats


class _Query(NamedTuple):
    """The point at hand: its place among those asked for, its number, how far to look, and where its answer goes."""

    n: int
    own: int
    reach: float
    hit: Floats


class _Side(NamedTuple):
    """Side k of a face on the x-axis, from 0 to its length, and the third corner above it."""

    face: int
    k: int
    length: float
    x: float
    y: float


class _Window(NamedTuple):
    """The part of a side, from `low` to `high`, that is seen from a source at (x, y), and the distance behind that."""

    x: float
    y: float
    low: float
    high: float
    behind: float


def _net(surface: Surface) -> _Net:
    lengths = norms(surface.vertices[surface.halfedges[:, 1]] - surface.vertices[surface.halfedges[:, 0]])
    sides = lengths.reshape(-1, 3)
    after, before = sides, np.roll(sides, 1, axis=1)
    opposite = np.roll(sides, -1, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (after**2 + before**2 - opposite**2) / (2 * after * before)
    angles = np.arccos(np.clip(np.nan_to_num(cosines), -1, 1))
    vertices, corners = len(surface.vertices), surface.faces.ravel()
    bends = np.bincount(corners, angles.ravel(), minlength=vertices) > 2 * np.pi + 1e-9
    bends[surface.halfedges[surface.twins < 0]] = True
    starts = np.append(0, np.cumsum(np.bincount(corners, minlength=vertices)))
    return _Net(surface.twins, lengths, surface.faces, bends, starts, stable_order(corners))


@innerkernel
def _side(net, face, k):
    """Lay a face into the plane, with side k on the x-axis."""
    lengths = net.lengths
    side, after, before = lengths[3 * face + k], lengths[3 * face + (k + 1) % 3], lengths[3 * face + (k + 2) % 3]
    x = (side * side + before * before - after * after) / (2.0 * side)
    return _Side(face, k, side, x, np.sqrt(max(before * before - x * x, 0.0)))


@innerkernel
def _place(points, q, side):
    """Return where a point of the face lies."""
    x = points.barycentric[q, (side.k + 1) % 3] * side.length + points.barycentric[q, (side.k + 2) % 3] * side.x
    return x, points.barycentric[q, (side.k + 2) % 3] * side.y


@innerkernel
def _look(query, side, window, points, best):
    """Return the least of `best` and the distances to the points of a face that are seen through its side.

    The query's `hit` gets the point, k, and the direction there with side k as the x-axis; the source has y <= 0.
    """
    x, y, low, high, behind = window
    for m in range(points.starts[side.face], points.starts[side.face + 1]):
        q = points.listed[m]
        if q == query.own:
            continue
        qx, qy = _place(points, q, side)
        crossing = x - (qx - x) * y / (qy - y) if qy > y else x
        if low <= crossing <= high:
            distance = np.sqrt((qx - x) ** 2 + (qy - y) ** 2)
            if behind + distance < best and distance > 0.0:
                best = behind + distance
                query.hit[0], query.hit[1] = q, side.k
                query.hit[2], query.hit[3] = (qx - x) / distance, (qy - y) / distance
            best = min(best, behind + distance)
    return best


@innerkernel
def _push(waiting, top, halfedge, window, best, length, at_tail, at_head):
    """Add a window to the heap, by its least distance; return how many there are, or -1 if there is no room.

    It is left out if it is empty, as far as `best`, or if all that is seen through it is nearer by way of an end of its
    side, at distances `at_tail` and `at_head` (Xin and Wang, "Improving Chen and Han's algorithm", 2009).
    """
    x, y, low, high, behind = window
    nearest = min(max(x, low), high)
    key = behind + np.sqrt((nearest - x) ** 2 + y * y)
    if not low < high or key >= best:
        return top
    slack = 1e-9 * length
    if behind + np.sqrt((high - x) ** 2 + y * y) > at_tail + high + slack:
        return top
    if behind + np.sqrt((low - x) ** 2 + y * y) > at_head + length - low + slack:
        return top
    return _add(waiting, top, key, halfedge, window)


@innerkernel
def _add(waiting, top, key, halfedge, window):
    """Put an entry into the heap; return how many there are, or -1 if there is no room."""
    if top < 0 or top == len(waiting):
        return -1
    k = top
    while k > 0 and waiting[(k - 1) // 2, 0] > key:
        for c in range(7):
            waiting[k, c] = waiting[(k - 1) // 2, c]
        k = (k - 1) // 2
    waiting[k, 0], waiting[k, 1], waiting[k, 2], waiting[k, 3] = key, halfedge, window.x, window.y
    waiting[k, 4], waiting[k, 5], waiting[k, 6] = window.low, window.high, window.behind
    return top + 1


@innerkernel
def _pop(waiting, top):
    """Take the least entry off the heap; return how many are left, the entry's halfedge, its key and its window."""
    top -= 1
    halfedge, least = int(waiting[0, 1]), waiting[0, 0]
    window = _Window(waiting[0, 2], waiting[0, 3], waiting[0, 4], waiting[0, 5], waiting[0, 6])
    k, key = 0, waiting[top, 0]
    while 2 * k + 1 < top:
        child = 2 * k + 1
        if child + 1 < top and waiting[child + 1, 0] < waiting[child, 0]:
            child += 1
        if waiting[child, 0] >= key:
            break
        for c in range(7):
            waiting[k, c] = waiting[child, c]
        k = child
    for c in range(7):
        waiting[k, c] = waiting[top, c]
    return top, halfedge, least, window


@innerkernel
def _add_vertex(waiting, top, v, distance):
    """Put a vertex into the heap, as a source."""
    return _add(waiting, top, distance, -1 - v, _Window(0.0, 0.0, 0.0, 0.0, distance))


@innerkernel
def _distance(query, v, memory):
    """Return how far a vertex is from the point, as far as is known."""
    return memory.distances[v] if memory.marks[v] == query.n else np.inf


@innerkernel
def _reached(query, v, distance, net, memory, top, best):
    """Keep the distance of a vertex, and put it into the heap if paths bend there."""
    if distance >= _distance(query, v, memory) or distance >= best:
        return top
    memory.marks[v], memory.distances[v] = query.n, distance
    return _add_vertex(memory.waiting, top, v, distance) if net.bends[v] else top


@innerkernel
def _crossing(x, y, c, tail_x, tail_y, dir_x, dir_y, length):
    """Return where, from its tail, a side is met by the ray from (x, y) through (c, 0)."""
    ray_x, ray_y = c - x, -y
    total = dir_x * ray_y - dir_y * ray_x
    if total == 0.0:
        return 0.0
    return min(max(-((tail_x - x) * ray_y - (tail_y - y) * ray_x) / total, 0.0), length)


@innerkernel
def _from_home(query, net, points, memory):
    """Look around in the point's own face, all of which is in sight; return the heap's size and what is nearest."""
    top, nearest, home = 0, np.inf, points.faces[query.own]
    for k in range(3):
        side = _side(net, home, k)
        x, y = _place(points, query.own, side)
        if k == 0:
            nearest = _look(query, side, _Window(x, y, -np.inf, np.inf, 0.0), points, nearest)
        best = min(query.reach, nearest)
        v, apart = net.faces[home, k], np.sqrt(x * x + y * y)
        if apart < 1e-9 * side.length:  # at a vertex all around it is in sight
            memory.marks[v], memory.distances[v] = query.n, apart
            top = _add_vertex(memory.waiting, top, v, apart)
        else:
            top = _reached(query, v, apart, net, memory, top, best)
        window = _Window(x, max(y, 1e-9 * side.length), 0.0, side.length, 0.0)
        top = _push(memory.waiting, top, 3 * home + k, window, best, side.length, np.inf, np.inf)
    return top, nearest


@innerkernel
def _from_vertex(query, v, behind, net, points, memory, top, nearest):
    """Look into the faces around a vertex, a source of its own; return the heap's size and what is nearest."""
    for c in range(net.starts[v], net.starts[v + 1]):
        face, k = net.corners[c] // 3, net.corners[c] % 3
        side = _side(net, face, k)
        nearest = _look(query, side, _Window(0.0, 0.0, 0.0, 0.0, behind), points, nearest)
        best = min(query.reach, nearest)
        away, tail, head = 3 * face + (k + 1) % 3, net.faces[face, (k + 1) % 3], net.faces[face, (k + 2) % 3]
        to_head = net.lengths[3 * face + (k + 2) % 3]
        top = _reached(query, tail, behind + side.length, net, memory, top, best)
        top = _reached(query, head, behind + to_head, net, memory, top, best)
        opposite = _side(net, face, (k + 1) % 3)
        window = _Window(opposite.x, opposite.y, 0.0, opposite.length, behind)
        at_tail, at_head = _distance(query, tail, memory), _distance(query, head, memory)
        top = _push(memory.waiting, top, away, window, best, opposite.length, at_tail, at_head)
    return top, nearest


@innerkernel
def _through(query, halfedge, window, net, points, memory, top, nearest):
    """Look through a window into the face beyond; return the heap's size and what is nearest."""
    twin = net.twins[halfedge]
    if twin < 0:
        return top, nearest
    # The face's own side runs the other way.
    side, behind = _side(net, twin // 3, twin % 3), window.behind
    x, y, low, high = side.length - window.x, -window.y, side.length - window.high, side.length - window.low
    slack, face, k, ax, ay = 1e-9 * side.length, side.face, side.k, side.x, side.y
    nearest = _look(query, side, _Window(x, y, low - slack, high + slack, behind), points, nearest)
    best = min(query.reach, nearest)
    split = x - (ax - x) * y / (ay - y) if ay > y else x
    if low - slack <= split <= high + slack:
        apart = behind + np.sqrt((ax - x) ** 2 + (ay - y) ** 2)
        top = _reached(query, net.faces[face, (k + 2) % 3], apart, net, memory, top, best)
    # The right side, from (length, 0) to the apex, and the left one, from there to (0, 0).
    for right in range(2):
        a, b = (max(low, split), high) if right == 1 else (low, min(high, split))
        if not a < b:
            continue
        corner = (k + 1 if right == 1 else k + 2) % 3
        leg = 3 * face + corner
        length = net.lengths[leg]
        tx, ty = (side.length, 0.0) if right == 1 else (ax, ay)
        ux, uy = ((ax - side.length) / length, ay / length) if right == 1 else (-ax / length, -ay / length)
        one, two = _crossing(x, y, a, tx, ty, ux, uy, length), _crossing(x, y, b, tx, ty, ux, uy, length)
        sx, sy = (x - tx) * ux + (y - ty) * uy, ux * (y - ty) - uy * (x - tx)
        at_tail = _distance(query, net.faces[face, corner], memory)
        at_head = _distance(query, net.faces[face, (corner + 1) % 3], memory)
        beyond = _Window(sx, sy, min(one, two), max(one, two), behind)
        top = _push(memory.waiting, top, leg, beyond, best, length, at_tail, at_head)
    return top, nearest


@kernel
def _search(first, last, todo, reach, net, points, memory, found, hits):
    """Fill `found` with the distance from each point to the nearest other one within its `reach`, or infinity.

    `hits` get what `_look` says of it. Return whether there was room enough.
    """
    for n in range(first, last):
        query = _Query(n, todo[n], reach[n], hits[n])
        top, nearest = _from_home(query, net, points, memory)
        while top > 0:
            top, halfedge, key, window = _pop(memory.waiting, top)
            if key >= min(query.reach, nearest):
                break
            if halfedge >= 0:
                top, nearest = _through(query, halfedge, window, net, points, memory, top, nearest)
            elif window.behind <= memory.distances[-1 - halfedge]:
                top, nearest = _from_vertex(
                    query, -1 - halfedge, window.behind, net, points, memory, top, nearest
                )  # fmt: skip
        if top < 0:
            return False
        found[n] = nearest if nearest <= reach[n] else np.inf
    return True
