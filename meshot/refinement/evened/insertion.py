"""Vertices put back one by one, each where no face folds, and moved to lower energies of their faces."""

import numpy as np

from meshot.base.kernels import kernel, subkernel
from meshot.refinement.evened.star_energy import DISK, RIM, SPHERE, frame, moved, point, relax, rotated, square, triple

# Shortest first step away from the vertex that a new one was merged into, as a part of the edge there.
SHORTEST = 1e-12
# Most Newton steps of a vertex just put back, and in a sweep.
STEPS_AT_FIRST, STEPS = 50, 8


@subkernel
def _direction(kind, p, q):
    """Angle of a point seen from another."""
    first, second = frame(kind, p)
    x = y = 0.0
    for s in range(3):
        x += first[s] * (q[s] - p[s])
        y += second[s] * (q[s] - p[s])
    return np.arctan2(y, x)


@subkernel
def _room(p, vertex, star, points, corners):
    """Least triple product of the star's faces with the vertex at `p`; none folds if it is positive."""
    least = np.inf
    for f in star:
        _, j, k = rotated(corners, f, vertex)
        least = min(least, triple(p, point(points, j), point(points, k)))
    return least


@subkernel
def _sides(vertex, into, star, corners):
    """Corners opposite the edge to a vertex, to the right and to the left of it; -1 if there is no face."""
    right = left = -1
    for f in star:
        for c in range(3):
            if corners[f, c] == vertex and corners[f, (c + 1) % 3] == into:
                right = corners[f, (c + 2) % 3]
            if corners[f, c] == into and corners[f, (c + 1) % 3] == vertex:
                left = corners[f, (c + 2) % 3]
    return right, left


@subkernel
def _insert(vertex, into, star, kind, points, corners):
    """Put a vertex next to the one it was merged into, where no face folds; return whether there is such a place."""
    p = best = point(points, into)
    most = 0.0
    right, left = _sides(vertex, into, star, corners)
    if kind == RIM:
        # Along the circle, away from the edge's face.
        side = 1.0 if left >= 0 else -1.0
        part = np.pi / 3
        first, second = frame(RIM, p)
        while part > SHORTEST:
            q = moved(RIM, p, first, second, side * part, 0.0)
            room = _room(q, vertex, star, points, corners)
            if room > most:
                best, most = q, room
            elif room > 0.0:
                break
            part *= 0.5
        points[vertex, 0], points[vertex, 1], points[vertex, 2] = best
        return most > 0.0
    # Seen from `into`, the vertex lies between the two opposite corners.
    start = _direction(kind, p, point(points, right))
    stop = _direction(kind, p, point(points, left))
    width = (stop - start) % (2 * np.pi) if right != left else 2 * np.pi
    size = 0.5 * np.sqrt(min(square(p, point(points, right)), square(p, point(points, left))))
    first, second = frame(kind, p)
    part = 1.0
    while part > SHORTEST:
        before, here = most, 0.0
        for turn in (0.5, 0.35, 0.65):
            angle = start + turn * width
            q = moved(kind, p, first, second, part * size * np.cos(angle), part * size * np.sin(angle))
            room = _room(q, vertex, star, points, corners)
            here = max(here, room)
            if room > most:
                best, most = q, room
        if here > 0.0 and most == before:
            break
        part *= 0.5
    points[vertex, 0], points[vertex, 1], points[vertex, 2] = best
    return most > 0.0


@kernel
def undo(begin, end, collapses, masses):
    """Undo the merges from ``end - 1`` down to `begin`, in the triangulation and the masses alone."""
    corners = collapses.corners
    for i in range(end - 1, begin - 1, -1):
        vertex, into = collapses.vertex[i], collapses.into[i]
        masses[into] -= masses[vertex]
        for f in collapses.stars[collapses.starts[i] : collapses.starts[i + 1]]:
            if not collapses.alive[f]:
                collapses.alive[f] = True
                continue
            for c in range(3):
                if corners[f, c] == into:
                    corners[f, c] = vertex


@kernel
def place(begin, end, collapses, sphere, on_rim, points, shapes):
    """Place the vertices of one round, whose stars have no face in common; return how many found no place."""
    lost = 0
    for i in range(end - 1, begin - 1, -1):
        vertex, into = collapses.vertex[i], collapses.into[i]
        star = collapses.stars[collapses.starts[i] : collapses.starts[i + 1]]
        kind = SPHERE if sphere else (RIM if on_rim[vertex] else DISK)
        if _insert(vertex, into, star, kind, points, collapses.corners):
            relax(vertex, kind, star, points, shapes, STEPS_AT_FIRST)
        else:
            lost += 1
    return lost


@kernel
def sweep(order, starts, stars, sphere, on_rim, points, shapes):
    """Move vertices in turn to lower energy; return by how much it fell."""
    gained = 0.0
    for i in order:
        kind = SPHERE if sphere else (RIM if on_rim[i] else DISK)
        gained += relax(i, kind, stars[starts[i] : starts[i + 1]], points, shapes, STEPS)
    return gained
