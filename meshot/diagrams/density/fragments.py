"""Kernels: convex polygons cut to fragments, on each of which a density is linear, and measured in closed form.

A fragment is bounded by segments and, at a disk's rim, circular arcs. Mass, first and second moments are sums over
triangles and circular segments; the edges that lie on facets give the line integrals of the density. A measure is a
tuple: mass, first moments, second moment, area, about an origin near the cell.

Three polygons, a cell and two on the way, stand in the same arrays, of which each has a third.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, subkernel
from meshot.diagrams.circle import holds_origin, segments_in_circle, turn_between

# Steps of the recursion that starts from zero: the rest falls by the factor (1 - cos 1) / 2 a step.
STEPS = 30


class Workspace(NamedTuple):
    """Polygons that are being cut, and what their edges have in common with facets.

    Attributes
    ----------
    xy : (3 r, 2) float
        The corners of three polygons, counter-clockwise; they begin at the rows 0, r and 2 r.
    tag : (3 r,) int
        For each corner the name of the edge that leads on from it; negative if nobody asks for it.
    polygon, segments : (r, 2) float, (r, 4) float
        A polygon alone, and its edges' parts in the circle.
    piece : (4, 2) float
        Corners of a piece of the density.
    stack : (64,) int
        Boxes to look into.
    full : (1,) int
        1 once a polygon had no room.
    integrals : (e,) float
        Integrals of the density along edges, which are added to.
    """

    xy: Floats
    tag: Ints
    polygon: Floats
    segments: Floats
    piece: Floats
    stack: Ints
    full: Ints
    integrals: Floats


class Linear(NamedTuple):
    """A density: its value at the origin, and its gradient."""

    value: float
    gx: float
    gy: float


@subkernel
def make_workspace(room, integrals):
    """Return a workspace for polygons of so many corners."""
    polygon, segments, piece = np.empty((room, 2)), np.empty((room, 4)), np.empty((4, 2))
    stack, tag = np.empty(64, np.int64), np.empty(3 * room, np.int64)
    full = np.zeros(1, np.int64)
    return Workspace(np.empty((3 * room, 2)), tag, polygon, segments, piece, stack, full, integrals)


@innerkernel
def density_at(density, x, y):
    """Value of a linear density."""
    return density.value + density.gx * x + density.gy * y


@innerkernel
def clip(work, at, count, a, b, c, label, to):
    """Copy the part with ``a x + b y <= c`` of the polygon in row `at` and on to row `to` and on; returns its corners.

    Edge k leads from corner k on and is called tag[k]. Corners on the line stay, and an edge along it keeps its name,
    unless there is nothing inside of it. Without room nothing is returned, and `full` is set.
    """
    xy, tag = work.xy, work.tag
    kept, any_inside, room = 0, False, len(xy) // 3
    there = c - a * xy[at, 0] - b * xy[at, 1]
    for k in range(at, at + count):
        m = k + 1 if k + 1 < at + count else at
        here, there = there, c - a * xy[m, 0] - b * xy[m, 1]
        if kept + 2 > room:
            work.full[0] = 1
            return 0
        any_inside = any_inside or here > 0.0
        if here >= 0.0:
            xy[to + kept, 0], xy[to + kept, 1] = xy[k, 0], xy[k, 1]
            tag[to + kept] = tag[k] if here > 0.0 or there >= 0.0 else label
            kept += 1
        if (here > 0.0 and there < 0.0) or (here < 0.0 and there > 0.0):
            t = here / (here - there)
            xy[to + kept, 0] = xy[k, 0] + t * (xy[m, 0] - xy[k, 0])
            xy[to + kept, 1] = xy[k, 1] + t * (xy[m, 1] - xy[k, 1])
            tag[to + kept] = label if here > 0.0 else tag[k]
            kept += 1
    return kept if any_inside else 0


@innerkernel
def clip_by_side(work, at, count, px, py, qx, qy, label, to):
    """Keep what lies to the left of the line from p to q, as `clip`; most pieces' sides cut nothing, or leave nothing.

    The two sides of the same edge share the same rounding. Returns the corners, and whether the polygon was copied.
    """
    xy, sign, least, largest = work.xy, 1.0, np.inf, -np.inf
    if px > qx or (px == qx and py > qy):
        px, py, qx, qy, sign = qx, qy, px, py, -1.0
    a, b = sign * (qy - py), sign * (px - qx)
    c = a * px + b * py
    for k in range(at, at + count):
        inside = c - a * xy[k, 0] - b * xy[k, 1]
        least, largest = min(least, inside), max(largest, inside)
    if least >= 0.0:
        return count, False
    if not largest > 0.0:
        return 0, False
    return clip(work, at, count, a, b, c, label, to), True


@innerkernel
def farthest_corner(xy, at, count):
    """Largest squared distance of a corner to the origin."""
    square = 0.0
    for k in range(at, at + count):
        square = max(square, xy[k, 0] * xy[k, 0] + xy[k, 1] * xy[k, 1])
    return square


@innerkernel
def _moved(m, mass, wx, wy, second, area, dx, dy):
    """Add the measure of a part whose origin lies at d to the measure m."""
    second += 2.0 * (dx * wx + dy * wy) + mass * (dx * dx + dy * dy)
    return m[0] + mass, m[1] + wx + mass * dx, m[2] + wy + mass * dy, m[3] + second, m[4] + area


@innerkernel
def add_measures(m, n):
    """Add two measures with the same origin; many small ones are first added to one another, for the digits' sake."""
    return m[0] + n[0], m[1] + n[1], m[2] + n[2], m[3] + n[3], m[4] + n[4]


@innerkernel
def add_triangle(m, x, y, px, py, qx, qy, f, g, h):
    """Add the triangle of a corner (x, y) and the corners p and q, given relative to it; densities f, fp, fq there.

    Integrals of products of barycentric coordinates a, b, c over area A: i! j! k! 2 A / (i + j + k + 2)!.
    """
    area = 0.5 * (px * qy - py * qx)
    p, q = area * (f + 2.0 * g + h) / 12.0, area * (f + g + 2.0 * h) / 12.0
    pp, qq = f + 3.0 * g + h, f + g + 3.0 * h
    second = pp * (px * px + py * py) + qq * (qx * qx + qy * qy) + (f + 2.0 * g + 2.0 * h) * (px * qx + py * qy)
    return _moved(m, area * (f + g + h) / 3.0, p * px + q * qx, p * py + q * qy, area * second / 30.0, area, x, y)


@innerkernel
def _arc_integrals(half):
    """Return A_k = integral of (1 - cos t)^k sin^2 t from 0 to `half`, k = 0 to 3.

    They satisfy (2k + 3) A_k = (k + 3) A_{k+1} + (1 - cos)^k sin^3, which is stable upward for large angles and, as
    all its terms are positive, downward for small ones, where it forgets how it started.
    """
    sine, w = np.sin(half), 2.0 * np.sin(0.5 * half) ** 2
    if half > 1.0:
        a0 = 0.5 * (half - sine * np.cos(half))
        a1 = (3.0 * a0 - sine**3) / 3.0
        a2 = (5.0 * a1 - w * sine**3) / 4.0
        return a0, a1, a2, (7.0 * a2 - w * w * sine**3) / 5.0
    a0, a1, a2, a3 = 0.0, 0.0, 0.0, 0.0
    power, k = w**STEPS, STEPS
    while k >= 0:
        a0, a1, a2, a3 = ((k + 3.0) * a0 + power * sine**3) / (2.0 * k + 3.0), a0, a1, a2
        k -= 1
        power = w**k
    return a0, a1, a2, a3


@innerkernel
def _add_arc(m, angle, turn, radius, o, density):
    """Add what lies between an arc, from `angle` on and over `turn`, and its chord; the measure's origin is o.

    With distances q = R (1 - cos t) from the
    arc's middle inward and v along it, the integral of q^k is 2 R^(k+2) A_k, and that of q^k v^2 is
    2/3 R^(k+4) (2 A_(k+1) - A_(k+2)).
    """
    value, gx, gy = density
    middle = angle + 0.5 * turn
    ex, ey = np.cos(middle), np.sin(middle)
    a0, a1, a2, a3 = _arc_integrals(0.5 * turn)
    inward, along = gx * ex + gy * ey, gy * ex - gx * ey
    f, r2, r3 = value + radius * inward, 2.0 * radius**2, 2.0 * radius**3
    r4, r5 = 2.0 * radius**4, 2.0 * radius**5
    across = r4 * (2.0 * a1 - a2) / 3.0
    q, v = f * r3 * a1 - inward * r4 * a2, along * across
    second = f * (r4 * a2 + across) - inward * (r5 * a3 + r5 * (2.0 * a2 - a3) / 3.0)
    mass, dx, dy = f * r2 * a0 - inward * r3 * a1, radius * ex - o[0], radius * ey - o[1]
    return _moved(m, mass, -q * ex - v * ey, -q * ey + v * ex, second, r2 * a0, dx, dy)


@innerkernel
def add_fragment(m, work, at, count, o, density):
    """Add a polygon, and its edges to the facets they are part of; the measure's origin is o."""
    xy, tag, (_, gx, gy) = work.xy, work.tag, density
    x, y = xy[at, 0], xy[at, 1]
    first = density_at(density, x, y)
    for k in range(at, at + count):
        n = k + 1 if k + 1 < at + count else at
        px, py, qx, qy = xy[k, 0] - x, xy[k, 1] - y, xy[n, 0] - x, xy[n, 1] - y
        g, h = first + gx * px + gy * py, first + gx * qx + gy * qy
        if k > at and n > at:
            m = add_triangle(m, x - o[0], y - o[1], px, py, qx, qy, first, g, h)
        if tag[k] >= 0:
            work.integrals[tag[k]] += 0.5 * (g + h) * np.hypot(qx - px, qy - py)
    return m


@innerkernel
def add_round_fragment(m, work, at, count, radius, o, density):
    """As `add_fragment`, for the polygon's part in the circle about the origin."""
    tag, polygon, segments, (ox, oy) = work.tag, work.polygon, work.segments, o
    for k in range(count):
        polygon[k, 0], polygon[k, 1] = work.xy[at + k, 0], work.xy[at + k, 1]
    parts, central = segments_in_circle(polygon, count, radius, segments), holds_origin(polygon, count)
    if parts == 0:
        return _add_arc(m, 0.0, 2.0 * np.pi, radius, o, density) if central else m
    start = 0
    while np.isnan(segments[start, 0]):
        start += 1
    x, y = segments[start, 0], segments[start, 1]
    first = density_at(density, x, y)
    end_x, end_y = x, y
    for step in range(count + 1):
        k = (start + step) % count
        px, py, qx, qy = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        if np.isnan(px):
            continue
        g, h = density_at(density, px, py), density_at(density, qx, qy)
        if px != end_x or py != end_y:  # an arc leads from the last segment to this one
            turn = turn_between(end_x, end_y, px, py, parts == 1 and central)
            if turn > 0.0:
                before = density_at(density, end_x, end_y)
                m = add_triangle(m, x - ox, y - oy, end_x - x, end_y - y, px - x, py - y, first, before, g)
                m = _add_arc(m, np.arctan2(end_y, end_x), turn, radius, o, density)
        if step < count:
            m = add_triangle(m, x - ox, y - oy, px - x, py - y, qx - x, qy - y, first, g, h)
            if tag[at + k] >= 0:
                work.integrals[tag[at + k]] += 0.5 * (g + h) * np.hypot(qx - px, qy - py)
        end_x, end_y = qx, qy
    return m
