"""The geodesic distance of points on a triangulated surface to the nearest other one, exactly.

Straight lines are unfolded from a point over the faces around it: a window is the part of an edge that they cross, and
where the point lies in the plane of the face beyond (Mitchell, Mount, Papadimitriou, "The discrete geodesic problem",
1987). Shortest paths bend at vertices with more than a full angle around them, or on the boundary: these become sources
of their own. The nearest windows go first, and nothing is followed farther than the nearest point found so far.
"""

from typing import Any, NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints, norms, stable_order
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import kernel, run_in_chunks, subkernel
from meshot.meshes.surface import Surface

# Entries waiting at a time. One is: least distance, halfedge (or -1 - v for a vertex v), source x and y, from, to,
# distance behind the source.
WAITING = 100_000
SOURCES = 1024
"""Points in one chunk of work."""
# How much farther the next search goes for points that found nothing.
FARTHER = 2.0


def nearest_geodesic(surface: Surface, faces: Ints, barycentric: Floats, reach: float) -> Floats:
    """Return the geodesic distance of each point to the nearest other one, (n,).

    Parameters
    ----------
    surface : Surface
    faces, barycentric : (n,) int, (n, 3) float
        Where the points lie.
    reach : float
        How far to look at first; points that find nothing look farther. Too large a value costs time alone.

    Returns
    -------
    (n,) float
        Infinite for points that are alone on their part of the surface.

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


class Near(NamedTuple):
    """Points that are near to others: `points` (m,), the nearest to each, `others`, their distances, and directions.

    The directions (m, 2) are those in which the path goes on at the other point, in the plane of its face, where the
    face's first side is the x-axis.
    """

    points: Ints
    others: Ints
    distances: Floats
    directions: Floats


def near_points(surface: Surface, faces: Ints, barycentric: Floats, reach: Floats) -> Near:
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
    return Near(points, others, found[points], np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1))


def _nearest(surface: Surface, faces: Ints, barycentric: Floats, todo: Ints, reach: Floats) -> tuple[Floats, Floats]:
    """Return the distance to the nearest other point, infinite beyond the reach, and what `_look` says of it."""
    mesh, vertices = _mesh(surface), len(surface.vertices)
    starts = np.append(0, np.cumsum(np.bincount(faces, minlength=len(surface.faces))))
    here = stable_order(faces)
    found, hits = np.empty(len(todo)), np.empty((len(todo), 4))

    def work(first: int, last: int) -> bool:
        seen, marks = np.empty(vertices), np.full(vertices, -1)
        arguments: list[Any] = [todo, reach, *mesh, starts, here, faces, barycentric, seen, marks, found, hits, WAITING]
        return bool(_search(first, last, *arguments))

    if not all(run_in_chunks(work, len(todo), SOURCES)):
        raise ConvergenceError("too many geodesics meet around a point of the surface")
    return found, hits


def _mesh(surface: Surface) -> tuple[Any, ...]:
    """Return twins, lengths of the halfedges, faces, which vertices bend paths, and the corners at each vertex."""
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
    return surface.twins, lengths, surface.faces, bends, starts, stable_order(corners)


@subkernel
def _look(face, k, x, y, apex_x, apex_y, length, low, high, behind, own, starts, here, weights, best, hit):
    """Return the least of `best` and the distances to the points of a face that are seen through side k.

    `hit` gets the point, k, and the direction there with side k as the x-axis. That side, from 0 to `length`, is seen
    from `low` to `high`; the source is at (x, y), y <= 0.
    """
    for m in range(starts[face], starts[face + 1]):
        q = here[m]
        if q == own:
            continue
        qx = weights[q, (k + 1) % 3] * length + weights[q, (k + 2) % 3] * apex_x
        qy = weights[q, (k + 2) % 3] * apex_y
        crossing = x - (qx - x) * y / (qy - y) if qy > y else x
        if low <= crossing <= high:
            distance = np.sqrt((qx - x) ** 2 + (qy - y) ** 2)
            if behind + distance < best and distance > 0.0:
                best = behind + distance
                hit[0], hit[1], hit[2], hit[3] = q, k, (qx - x) / distance, (qy - y) / distance
            best = min(best, behind + distance)
    return best


@subkernel
def _push(waiting, top, halfedge, x, y, low, high, behind, best, length, at_tail, at_head):
    """Add a window to the heap, by its least distance; return how many there are, or -1 if there is no room.

    It is left out if it is empty, as far as `best`, or if all that is seen through it is nearer by way of an end of its
    side, at distances `at_tail` and `at_head` (Xin and Wang, "Improving Chen and Han's algorithm", 2009).
    """
    nearest = min(max(x, low), high)
    key = behind + np.sqrt((nearest - x) ** 2 + y * y)
    if not low < high or key >= best:
        return top
    slack = 1e-9 * length
    if behind + np.sqrt((high - x) ** 2 + y * y) > at_tail + high + slack:
        return top
    if behind + np.sqrt((low - x) ** 2 + y * y) > at_head + length - low + slack:
        return top
    return _add(waiting, top, key, halfedge, x, y, low, high, behind)


@subkernel
def _add(waiting, top, key, halfedge, x, y, low, high, behind):
    """Put an entry into the heap; return how many there are, or -1 if there is no room."""
    if top < 0 or top == len(waiting):
        return -1
    k = top
    while k > 0 and waiting[(k - 1) // 2, 0] > key:
        for c in range(7):
            waiting[k, c] = waiting[(k - 1) // 2, c]
        k = (k - 1) // 2
    waiting[k, 0], waiting[k, 1], waiting[k, 2], waiting[k, 3] = key, halfedge, x, y
    waiting[k, 4], waiting[k, 5], waiting[k, 6] = low, high, behind
    return top + 1


@subkernel
def _pop(waiting, top, entry):
    """Take the least entry off the heap; return how many are left."""
    top -= 1
    for c in range(7):
        entry[c] = waiting[0, c]
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
    return top


@subkernel
def _distance(v, n, seen, marks):
    """Return how far a vertex is from point n, as far as is known."""
    return seen[v] if marks[v] == n else np.inf


@subkernel
def _reached(v, n, distance, bends, waiting, top, best, seen, marks):
    """Keep the distance of a vertex, and put it into the heap if paths bend there."""
    if distance >= _distance(v, n, seen, marks) or distance >= best:
        return top
    marks[v], seen[v] = n, distance
    if bends[v]:
        return _add(waiting, top, distance, -1 - v, 0.0, 0.0, 0.0, 0.0, distance)
    return top


@subkernel
def _apex(lengths, face, k):
    """Return the third corner of a face, with side k on the x-axis."""
    side, after, before = lengths[3 * face + k], lengths[3 * face + (k + 1) % 3], lengths[3 * face + (k + 2) % 3]
    x = (side * side + before * before - after * after) / (2.0 * side)
    return x, np.sqrt(max(before * before - x * x, 0.0))


@subkernel
def _crossing(x, y, c, tail_x, tail_y, dir_x, dir_y, length):
    """Return where, from its tail, a side is met by the ray from (x, y) through (c, 0)."""
    ray_x, ray_y = c - x, -y
    total = dir_x * ray_y - dir_y * ray_x
    if total == 0.0:
        return 0.0
    return min(max(-((tail_x - x) * ray_y - (tail_y - y) * ray_x) / total, 0.0), length)


@kernel
def _search(  # noqa: PLR0912, PLR0915  (one loop over windows and vertices; parts would hand on a dozen arrays)
    first, last, todo, reach, twins, lengths, faces, bends, vertex_starts, corners_at, starts, here, homes, weights,
    seen, marks, found, hits, room,
):  # fmt: skip
    """Fill `found` with the distance from each point to the nearest other one within its `reach`, or infinity.

    `hits` get what `_look` says of it; `seen` and `marks` (V,) hold distances of vertices, and whose they are. Return
    whether there was room enough.
    """
    waiting, entry = np.empty((room, 7)), np.empty(7)
    for n in range(first, last):
        own = todo[n]
        best, top, home, hit, nearest = reach[n], 0, homes[own], hits[n], np.inf
        for k in range(3):
            side = lengths[3 * home + k]
            ax, ay = _apex(lengths, home, k)
            x, y = weights[own, (k + 1) % 3] * side + weights[own, (k + 2) % 3] * ax, weights[own, (k + 2) % 3] * ay
            if k == 0:
                # All of its own face is in sight.
                nearest = _look(home, k, x, y, ax, ay, side, -np.inf, np.inf, 0.0, own, starts, here, weights, nearest,
                                hit)  # fmt: skip
            best = min(best, nearest)
            v, apart = faces[home, k], np.sqrt(x * x + y * y)
            if apart < 1e-9 * side:  # at a vertex all around it is in sight
                marks[v], seen[v] = n, apart
                top = _add(waiting, top, apart, -1 - v, 0.0, 0.0, 0.0, 0.0, apart)
            else:
                top = _reached(v, n, apart, bends, waiting, top, best, seen, marks)
            top = _push(waiting, top, 3 * home + k, x, max(y, 1e-9 * side), 0.0, side, 0.0, best, side, np.inf, np.inf)
        while top > 0:
            top = _pop(waiting, top, entry)
            behind = entry[6]
            if entry[0] >= best:
                break
            if entry[1] < 0:
                # A vertex, as a source of its own.
                v = -1 - int(entry[1])
                if behind > seen[v]:
                    continue
                for c in range(vertex_starts[v], vertex_starts[v + 1]):
                    face, k = corners_at[c] // 3, corners_at[c] % 3
                    side = lengths[3 * face + k]
                    ax, ay = _apex(lengths, face, k)
                    nearest = _look(face, k, 0.0, 0.0, ax, ay, side, 0.0, 0.0, behind, own, starts, here, weights,
                                    nearest, hit)  # fmt: skip
                    best = min(best, nearest)
                    away, tail, head = 3 * face + (k + 1) % 3, faces[face, (k + 1) % 3], faces[face, (k + 2) % 3]
                    to_head = lengths[3 * face + (k + 2) % 3]
                    top = _reached(tail, n, behind + side, bends, waiting, top, best, seen, marks)
                    top = _reached(head, n, behind + to_head, bends, waiting, top, best, seen, marks)
                    ax, ay = _apex(lengths, face, (k + 1) % 3)
                    top = _push(waiting, top, away, ax, ay, 0.0, lengths[away], behind, best, lengths[away],
                                _distance(tail, n, seen, marks), _distance(head, n, seen, marks))  # fmt: skip
                continue
            halfedge = int(entry[1])
            twin = twins[halfedge]
            if twin < 0:
                continue
            side, face, k = lengths[halfedge], twin // 3, twin % 3
            # Into the face beyond, whose own side runs the other way.
            x, y, low, high = side - entry[2], -entry[3], side - entry[5], side - entry[4]
            slack = 1e-9 * side
            ax, ay = _apex(lengths, face, k)
            nearest = _look(face, k, x, y, ax, ay, side, low - slack, high + slack, behind, own, starts, here, weights,
                            nearest, hit)  # fmt: skip
            best = min(best, nearest)
            split = x - (ax - x) * y / (ay - y) if ay > y else x
            v = faces[face, (k + 2) % 3]
            if low - slack <= split <= high + slack:
                apart = behind + np.sqrt((ax - x) ** 2 + (ay - y) ** 2)
                top = _reached(v, n, apart, bends, waiting, top, best, seen, marks)
            # The right side, from (side, 0) to the apex, and the left one, from there to (0, 0).
            for right in range(2):
                a, b = (max(low, split), high) if right == 1 else (low, min(high, split))
                if not a < b:
                    continue
                corner = (k + 1 if right == 1 else k + 2) % 3
                leg = 3 * face + corner
                tx, ty = (side, 0.0) if right == 1 else (ax, ay)
                ux, uy = ((ax - side) / lengths[leg], ay / lengths[leg]) if right == 1 else (
                    -ax / lengths[leg], -ay / lengths[leg])  # fmt: skip
                one = _crossing(x, y, a, tx, ty, ux, uy, lengths[leg])
                two = _crossing(x, y, b, tx, ty, ux, uy, lengths[leg])
                sx, sy = (x - tx) * ux + (y - ty) * uy, ux * (y - ty) - uy * (x - tx)
                top = _push(waiting, top, leg, sx, sy, min(one, two), max(one, two), behind, best, lengths[leg],
                            _distance(faces[face, corner], n, seen, marks),
                            _distance(faces[face, (corner + 1) % 3], n, seen, marks))  # fmt: skip
        if top < 0:
            return False
        found[n] = nearest if nearest <= reach[n] else np.inf
    return True
