"""Kernels: a density that is linear on each pixel or triangle, integrated exactly over power cells.

A cell is cut out of the domain once more by its known neighbors, then, piece after piece of the density that it meets,
out of each piece. On such a fragment, bounded by segments and, at a disk's rim, circular arcs, the density is linear;
mass, first and second moments are closed forms of triangles and circular segments, and the edges that lie on facets
give the line integrals of the density. Positions are relative to a corner of the cell, so small cells keep their
digits. A facet on the border of two pieces belongs to the one on whose side the first of its cells lies.

Pixels are found row by row, in each between the cell's leftmost and rightmost point; triangles by a tree of boxes. A
measure is a tuple: mass, first moments, second moment, area.
"""

import numpy as np

from meshot.cells import _holds_origin, _segments_in_circle, _turn
from meshot.kernels import kernel

# Steps of the recursion that starts from zero: the rest falls by the factor (1 - cos 1) / 2 a step.
STEPS = 30
# How far a pixel reaches beyond its border, in pixels, so that rounding leaves none out; an empty fragment is nothing.
BEYOND = 1e-9


@kernel
def _clip(xy, tag, at, count, a, b, c, label, to):
    """Copy the part with ``a x + b y <= c`` of the polygon in row `at` and on to row `to` and on; returns its corners.

    Edge k leads from corner k on and is called tag[k]. Corners on the line stay, and an edge along it keeps its name,
    unless there is nothing inside of it.
    """
    kept, any_inside, room = 0, False, len(xy) // 3
    for k in range(at, at + count):
        m = k + 1 if k + 1 < at + count else at
        here, there = c - a * xy[k, 0] - b * xy[k, 1], c - a * xy[m, 0] - b * xy[m, 1]
        if kept + 2 > room:
            break
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


@kernel
def _clip_by_side(xy, tag, at, count, px, py, qx, qy, label, to):
    """Keep what lies to the left of the line from p to q; the two sides of the same edge share the same rounding."""
    sign = 1.0
    if px > qx or (px == qx and py > qy):
        px, py, qx, qy, sign = qx, qy, px, py, -1.0
    a, b = qy - py, px - qx
    c = a * px + b * py
    return _clip(xy, tag, at, count, sign * a, sign * b, sign * c, label, to)


@kernel
def _cell_polygon(i, sites, weights, starts, beyond, frame, walls, blocks, xy, tag):
    """Cut cell i out of the frame by what is beyond its edges: bisectors with sites, and walls of the domain.

    An edge is called by its place in the list if it leads to a later site, which leaves it to this one to measure.
    Returns the row where the polygon begins, and its corner count.
    """
    at, to, count = blocks[0], blocks[1], len(frame)
    for k in range(count):
        xy[at + k, 0], xy[at + k, 1], tag[at + k] = frame[k, 0], frame[k, 1], -1 - k
    for e in range(starts[i], starts[i + 1]):
        j = beyond[e]
        if j >= 0:
            a, b = 2.0 * (sites[j, 0] - sites[i, 0]), 2.0 * (sites[j, 1] - sites[i, 1])
            lift = weights[j] - weights[i]  # first: the weights may be large and close
            c = 0.5 * (a * (sites[i, 0] + sites[j, 0]) + b * (sites[i, 1] + sites[j, 1])) - lift
        elif -1 - j < len(walls):
            a, b, c = walls[-1 - j, 0], walls[-1 - j, 1], walls[-1 - j, 2]
        else:
            continue
        count = _clip(xy, tag, at, count, a, b, c, e if j > i else -1 - e, to)
        at, to = to, at
    return at, count


@kernel
def _farthest(xy, at, count):
    """Largest squared distance of a corner to the origin."""
    square = 0.0
    for k in range(at, at + count):
        square = max(square, xy[k, 0] * xy[k, 0] + xy[k, 1] * xy[k, 1])
    return square


@kernel
def _moved(m, mass, wx, wy, second, area, dx, dy):
    """Add the measure of a part whose origin lies at d to the measure m."""
    second += 2.0 * (dx * wx + dy * wy) + mass * (dx * dx + dy * dy)
    return m[0] + mass, m[1] + wx + mass * dx, m[2] + wy + mass * dy, m[3] + second, m[4] + area


@kernel
def _add_triangle(m, x, y, px, py, qx, qy, f, g, h):
    """Add the triangle of a corner (x, y) and the corners p and q, given relative to it; densities f, fp, fq there.

    Integrals of products of barycentric coordinates a, b, c over area A: i! j! k! 2 A / (i + j + k + 2)!.
    """
    area = 0.5 * (px * qy - py * qx)
    p, q = area * (f + 2.0 * g + h) / 12.0, area * (f + g + 2.0 * h) / 12.0
    pp, qq = f + 3.0 * g + h, f + g + 3.0 * h
    second = pp * (px * px + py * py) + qq * (qx * qx + qy * qy) + (f + 2.0 * g + 2.0 * h) * (px * qx + py * qy)
    return _moved(m, area * (f + g + h) / 3.0, p * px + q * qx, p * py + q * qy, area * second / 30.0, area, x, y)


@kernel
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


@kernel
def _add_arc(m, angle, turn, radius, ox, oy, value, gx, gy):
    """Add what lies between an arc, from `angle` on and over `turn`, and its chord; the measure's origin is o.

    The density is `value` at the circle's center, and has the gradient g. With distances q = R (1 - cos t) from the
    arc's middle inward and v along it, the integral of q^k is 2 R^(k+2) A_k, and that of q^k v^2 is
    2/3 R^(k+4) (2 A_(k+1) - A_(k+2)).
    """
    middle = angle + 0.5 * turn
    ex, ey = np.cos(middle), np.sin(middle)
    a0, a1, a2, a3 = _arc_integrals(0.5 * turn)
    inward, along = gx * ex + gy * ey, gy * ex - gx * ey
    f, r2, r3 = value + radius * inward, 2.0 * radius**2, 2.0 * radius**3
    r4, r5 = 2.0 * radius**4, 2.0 * radius**5
    across = r4 * (2.0 * a1 - a2) / 3.0
    q, v = f * r3 * a1 - inward * r4 * a2, along * across
    second = f * (r4 * a2 + across) - inward * (r5 * a3 + r5 * (2.0 * a2 - a3) / 3.0)
    mass, dx, dy = f * r2 * a0 - inward * r3 * a1, radius * ex - ox, radius * ey - oy
    return _moved(m, mass, -q * ex - v * ey, -q * ey + v * ex, second, r2 * a0, dx, dy)


@kernel
def _add_fragment(m, xy, tag, at, count, ox, oy, value, gx, gy, integrals):
    """Add a polygon, and its edges to the facets they are part of; the density is `value` at the origin."""
    x, y = xy[at, 0], xy[at, 1]
    first = value + gx * x + gy * y
    for k in range(at, at + count):
        n = k + 1 if k + 1 < at + count else at
        px, py, qx, qy = xy[k, 0] - x, xy[k, 1] - y, xy[n, 0] - x, xy[n, 1] - y
        g, h = first + gx * px + gy * py, first + gx * qx + gy * qy
        if k > at and n > at:
            m = _add_triangle(m, x - ox, y - oy, px, py, qx, qy, first, g, h)
        if tag[k] >= 0:
            integrals[tag[k]] += 0.5 * (g + h) * np.hypot(qx - px, qy - py)
    return m


@kernel
def _add_round_fragment(
    m, xy, tag, at, count, radius, ox, oy, value, gx, gy, polygon, segments, integrals
):  # fmt: skip
    """As `_add_fragment`, for the polygon's part in the circle about the origin."""
    for k in range(count):
        polygon[k, 0], polygon[k, 1] = xy[at + k, 0], xy[at + k, 1]
    parts, central = _segments_in_circle(polygon, count, radius, segments), _holds_origin(polygon, count)
    if parts == 0:
        return _add_arc(m, 0.0, 2.0 * np.pi, radius, ox, oy, value, gx, gy) if central else m
    start = 0
    while np.isnan(segments[start, 0]):
        start += 1
    x, y = segments[start, 0], segments[start, 1]
    first = value + gx * x + gy * y
    end_x, end_y = x, y
    for step in range(count + 1):
        k = (start + step) % count
        px, py, qx, qy = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        if np.isnan(px):
            continue
        g, h = value + gx * px + gy * py, value + gx * qx + gy * qy
        if px != end_x or py != end_y:  # an arc leads from the last segment to this one
            turn = _turn(end_x, end_y, px, py, parts == 1 and central)
            if turn > 0.0:
                before = value + gx * end_x + gy * end_y
                m = _add_triangle(m, x - ox, y - oy, end_x - x, end_y - y, px - x, py - y, first, before, g)
                m = _add_arc(m, np.arctan2(end_y, end_x), turn, radius, ox, oy, value, gx, gy)
        if step < count:
            m = _add_triangle(m, x - ox, y - oy, px - x, py - y, qx - x, qy - y, first, g, h)
            if tag[at + k] >= 0:
                integrals[tag[at + k]] += 0.5 * (g + h) * np.hypot(qx - px, qy - py)
        end_x, end_y = qx, qy
    return m


@kernel
def _is_inside(corner, sides, xy, at, count, radius):
    """Whether a piece of the density lies wholly inside a cell, touching none of its edges and not its circle."""
    for n in range(sides):
        x, y = corner[n, 0], corner[n, 1]
        if x * x + y * y > radius * radius:
            return False
        for k in range(at, at + count):
            m = k + 1 if k + 1 < at + count else at
            ux, uy = xy[m, 0] - xy[k, 0], xy[m, 1] - xy[k, 1]
            if not ux * (y - xy[k, 1]) - uy * (x - xy[k, 0]) > 0.0:
                return False
    return True


@kernel
def _add_piece(
    m, xy, tag, at, count, blocks, radius, ox, oy, corner, sides, f, g, h, polygon, segments, integrals
):  # fmt: skip
    """Add a cell's part in a triangle or pixel with the densities f, g and h at its first three corners."""
    ux, uy = corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1]
    vx, vy = corner[2, 0] - corner[0, 0], corner[2, 1] - corner[0, 1]
    area = ux * vy - uy * vx
    if not area > 0.0:
        return m
    gx, gy = ((g - f) * vy - (h - f) * uy) / area, ((h - f) * ux - (g - f) * vx) / area
    value = f - gx * corner[0, 0] - gy * corner[0, 1]
    if _is_inside(corner, sides, xy, at, count, radius):
        x, y = corner[0, 0], corner[0, 1]
        m = _add_triangle(m, x - ox, y - oy, ux, uy, vx, vy, f, g, h)
        if sides > 3:
            wx, wy = corner[3, 0] - x, corner[3, 1] - y
            m = _add_triangle(m, x - ox, y - oy, vx, vy, wx, wy, f, h, f + gx * wx + gy * wy)
        return m
    to, spare = blocks[2], blocks[0] + blocks[1] - at
    for k in range(sides):
        n = k + 1 if k + 1 < sides else 0
        px, py, qx, qy = corner[k, 0], corner[k, 1], corner[n, 0], corner[n, 1]
        count = _clip_by_side(xy, tag, at, count, px, py, qx, qy, -1 - k, to)
        if count == 0:
            return m
        at, to, spare = to, spare, to
    if _farthest(xy, at, count) > radius * radius:
        return _add_round_fragment(m, xy, tag, at, count, radius, ox, oy, value, gx, gy, polygon, segments, integrals)
    return _add_fragment(m, xy, tag, at, count, ox, oy, value, gx, gy, integrals)


@kernel
def _row_span(xy, at, count, low, high):
    """Return the smallest and the largest x of a polygon between two heights; an empty span if it is not there."""
    left, right = np.inf, -np.inf
    for k in range(at, at + count):
        m = k + 1 if k + 1 < at + count else at
        px, py, qx, qy = xy[k, 0], xy[k, 1], xy[m, 0], xy[m, 1]
        if py > qy:
            px, py, qx, qy = qx, qy, px, py
        if qy < low or py > high:
            continue
        start = px if py >= low else px + (low - py) / (qy - py) * (qx - px)
        stop = qx if qy <= high else px + (high - py) / (qy - py) * (qx - px)
        left, right = min(left, start, stop), max(right, start, stop)
    return left, right


@kernel
def _places(low, high, start, stop, count):
    """Return the first and one past the last of `count` equal parts of an interval that meet [low, high]."""
    width = (stop - start) / count
    first, last = (low - start) / width - BEYOND, (high - start) / width + BEYOND
    return int(min(max(first, 0.0), count)), int(min(max(last + 1.0, 0.0), count))


@kernel
def _load_piece(values, r, c, part, sides, x0, y0, x1, y1, corner):
    """Fill in the corners of a pixel or of one of its two triangles; returns the densities at the first three."""
    corner[0, 0], corner[0, 1], corner[1, 0], corner[1, 1] = x0, y0, x1, y0
    corner[2, 0], corner[2, 1], corner[3, 0], corner[3, 1] = x1, y1, x0, y1
    f = values[r, c]
    if sides == 4:
        return f, f, f
    if part == 0:
        return f, values[r, c + 1], values[r + 1, c + 1]
    corner[1, 1], corner[2, 0] = y1, x0
    return f, values[r + 1, c + 1], values[r + 1, c]


@kernel
def _add_pixels(
    m, xy, tag, at, count, blocks, radius, ox, oy, cx, cy, xs, ys, values, corner,
    polygon, segments, integrals,
):  # fmt: skip
    """Add a cell's parts in the pixels of a grid; the origin of its coordinates lies at c."""
    rows, columns, low, high = len(ys) - 1, len(xs) - 1, np.inf, -np.inf
    parts = 1 + len(values) - rows
    sides = 5 - parts
    for k in range(at, at + count):
        low, high = min(low, xy[k, 1]), max(high, xy[k, 1])
    begin, end = _places(low, high, ys[0] - cy, ys[rows] - cy, rows)
    for r in range(begin, end):
        bottom, top = ys[r] - cy, ys[r + 1] - cy
        slack = BEYOND * (top - bottom)
        left, right = _row_span(xy, at, count, bottom - slack, top + slack)
        first, last = _places(left, right, xs[0] - cx, xs[columns] - cx, columns)
        for c in range(first, last):
            for part in range(parts):
                f, g, h = _load_piece(values, r, c, part, sides, xs[c] - cx, bottom, xs[c + 1] - cx, top, corner)
                m = _add_piece(
                    m, xy, tag, at, count, blocks, radius, ox, oy, corner, sides, f, g, h,
                    polygon, segments, integrals,
                )  # fmt: skip
    return m


@kernel
def _misses(xy, at, count, x0, y0, x1, y1):
    """Whether a box lies outside of one of a polygon's edges."""
    for k in range(at, at + count):
        m = k + 1 if k + 1 < at + count else at
        px, py = xy[k, 0], xy[k, 1]
        a, b = xy[m, 1] - py, px - xy[m, 0]  # outward
        if a * ((x0 if a > 0.0 else x1) - px) + b * ((y0 if b > 0.0 else y1) - py) > 0.0:
            return True
    return False


@kernel
def _add_triangles(
    m, xy, tag, at, count, blocks, radius, ox, oy, cx, cy, corners, corner_values, boxes, first, leaf, stack, corner,
    polygon, segments, integrals,
):  # fmt: skip
    """Add a cell's parts in triangles, found by the tree of their boxes; the origin of its coordinates lies at c."""
    stack[0], top, sides = 0, 1, corner_values.shape[1]
    while top > 0:
        top -= 1
        node = stack[top]
        x0, y0, x1, y1 = boxes[node, 0] - cx, boxes[node, 1] - cy, boxes[node, 2] - cx, boxes[node, 3] - cy
        if not x0 <= x1 or _misses(xy, at, count, x0, y0, x1, y1):
            continue
        if node < first:
            stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
            top += 2
            continue
        begin = (node - first) * leaf
        for t in range(begin, min(begin + leaf, len(corners))):
            for k in range(3):
                corner[k, 0], corner[k, 1] = corners[t, 2 * k] - cx, corners[t, 2 * k + 1] - cy
            m = _add_piece(
                m, xy, tag, at, count, blocks, radius, ox, oy, corner, sides, corner_values[t, 0], corner_values[t, 1],
                corner_values[t, 2], polygon, segments, integrals,
            )  # fmt: skip
    return m


@kernel
def measure_dense_cells(
    begin, end, blocks, x_center, y_center, sites, weights, areas, starts, beyond, frame, walls, circle,
    xs, ys, grid_values, corners, corner_values, boxes, first, leaf, measures, integrals,
):  # fmt: skip
    """Measure the cells of the sites from `begin` to `end`; sites are relative to the domain's center.

    A site whose area in `areas` is not positive has no cell. ``starts, beyond`` lists what is beyond the edges of each
    cell, as in `CellEdges`. `blocks` are the rows at which the three polygons begin that the scratch arrays hold, a
    cell and two on the way; `circle` is the radius of that which bounds the domain.

    Fills
    -----
    measures : (n, 5) float
        Mass, centroid, second moment about the centroid, and area of each cell.
    integrals : (e,) float
        Integral of the density along each edge that leads to a later site.
    """
    room = blocks[1]
    xy, tag = np.empty((3 * room, 2)), np.empty(3 * room, np.int64)
    polygon, segments, corner = np.empty((room, 2)), np.empty((room, 4)), np.empty((4, 2))
    stack = np.empty(64, np.int64)
    for i in range(begin, end):
        if not areas[i] > 0.0:
            continue
        at, count = _cell_polygon(i, sites, weights, starts, beyond, frame, walls, blocks, xy, tag)
        if count == 0:
            continue
        # a corner as origin, unless the circle, which is about the domain's center, takes part
        x, y, radius = xy[at, 0], xy[at, 1], circle
        ox, oy, cx, cy = x, y, x_center, y_center
        if _farthest(xy, at, count) <= radius * radius:
            ox, oy, cx, cy, radius = 0.0, 0.0, cx + x, cy + y, np.inf
            for k in range(at, at + count):
                xy[k, 0] -= x
                xy[k, 1] -= y
        m = (0.0, 0.0, 0.0, 0.0, 0.0)
        if len(corners) == 0:
            m = _add_pixels(
                m, xy, tag, at, count, blocks, radius, ox, oy, cx, cy, xs, ys, grid_values, corner,
                polygon, segments, integrals,
            )  # fmt: skip
        else:
            m = _add_triangles(
                m, xy, tag, at, count, blocks, radius, ox, oy, cx, cy, corners, corner_values, boxes, first, leaf,
                stack, corner, polygon, segments, integrals,
            )  # fmt: skip
        measures[i, 4] = m[4]
        if m[0] > 0.0:
            dx, dy = m[1] / m[0], m[2] / m[0]
            measures[i, 0], measures[i, 1], measures[i, 2] = m[0], x + dx, y + dy
            measures[i, 3] = m[3] - m[0] * (dx * dx + dy * dy)


@kernel
def copy_to_earlier_sites(begin, end, starts, beyond, integrals):
    """Give the edges that lead to an earlier site the integral that this one has found."""
    for i in range(begin, end):
        for e in range(starts[i], starts[i + 1]):
            j = beyond[e]
            if 0 <= j < i:
                for other in range(starts[j], starts[j + 1]):
                    if beyond[other] == i:
                        integrals[e] = integrals[other]
