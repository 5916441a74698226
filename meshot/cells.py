"""Kernels: one power cell at a time, cut out of the domain and measured in closed form.

A cell starts as the domain's frame and is cut by its bisectors with candidate sites: first those named by the caller
(the neighbors of the last diagram, and theirs), then, if asked for, by every site that is nearer to one of its corners
than its own, which makes it exact whatever the candidates were. At the end the domain's straight walls cut, and its
circle: a cell is then bounded by segments and circular arcs, and mass, centroid and second moment are sums over
triangles and circular segments. Coordinates are relative to the domain's center.

A polygon is two arrays with room to spare: `xy` (c, 2), its corners counter-clockwise, and `tag` (c, 2), for each
corner the label of the edge that starts there and 1 if it is sure, that is, known to be nearest to its own site. Where
the room does not suffice, the functions return `FULL`, and the caller begins again with more. Plain arrays and scalars
throughout: records of arrays cost a hundred times the arithmetic in reference counts. A measure is a tuple: mass, the
two first moments, and the second moment, about an origin point near the cell.
"""

import numpy as np

from meshot.kernels import kernel
from meshot.sitetree import nearest_site

FULL = -1

# outcomes of `measure_cells`
DONE, NO_ROOM, TOO_SMALL = 0, 1, 2


@kernel
def _copy_corner(xy, tag, k, to_xy, to_tag, m):
    to_xy[m, 0], to_xy[m, 1], to_tag[m, 0], to_tag[m, 1] = xy[k, 0], xy[k, 1], tag[k, 0], tag[k, 1]


@kernel
def _crossing(xy, side, k, m):
    t = side[k, 0] / (side[k, 0] - side[m, 0])
    return xy[k, 0] + t * (xy[m, 0] - xy[k, 0]), xy[k, 1] + t * (xy[m, 1] - xy[k, 1])


@kernel
def _cut(xy, tag, count, a, b, c, label, side, spare):
    """Keep the part with ``a x + b y <= c``; the new edge gets `label`. Returns the new corner count, or `FULL`.

    The kept corners are the run around the one farthest inside: near a corner where many bisectors meet, rounding can
    scatter signs, and a corner that is out of line by rounding must not break the polygon.
    """
    outside, start = 0, 0
    for k in range(count):
        side[k, 0] = c - a * xy[k, 0] - b * xy[k, 1]
        outside += side[k, 0] < 0.0
        if side[k, 0] > side[start, 0]:
            start = k
    if outside == 0 or outside == count:
        return count - outside
    last, before, after = start, start - 1 if start > 0 else count - 1, start + 1 if start + 1 < count else 0
    while side[before, 0] >= 0.0:
        start, before = before, before - 1 if before > 0 else count - 1
    while side[after, 0] >= 0.0:
        last, after = after, after + 1 if after + 1 < count else 0
    inside = last - start + 1 if last >= start else last - start + 1 + count
    if inside + 2 > len(xy):
        return FULL
    in_x, in_y = _crossing(xy, side, before, start)
    out_x, out_y = _crossing(xy, side, last, after)
    in_label = tag[before, 0]
    if start + inside <= count:  # the kept corners stand together: move them to the front
        for k in range(inside):
            _copy_corner(xy, tag, start + k, xy, tag, k)
    else:
        front = count - start
        for k in range(inside):
            _copy_corner(xy, tag, start + k if k < front else k - front, side, spare, k)
        for k in range(inside):
            _copy_corner(side, spare, k, xy, tag, k)
    xy[inside, 0], xy[inside, 1], tag[inside, 0], tag[inside, 1] = out_x, out_y, label, 0
    k = inside + 1
    xy[k, 0], xy[k, 1], tag[k, 0], tag[k, 1] = in_x, in_y, in_label, 0
    return inside + 2


@kernel
def _cut_by_site(xy, tag, count, i, j, sites, weights, side, spare):
    """Keep the points whose power distance to site i is not above that to site j."""
    a, b = sites[j, 0] - sites[i, 0], sites[j, 1] - sites[i, 1]
    c = a * (sites[i, 0] + sites[j, 0]) + b * (sites[i, 1] + sites[j, 1]) - (weights[j] - weights[i])
    return _cut(xy, tag, count, 2.0 * a, 2.0 * b, c, j, side, spare)


@kernel
def cut_by_candidates(xy, tag, count, i, sites, weights, starts, neighbors, seen, stamp, side, spare):
    """Cut cell i by its listed neighbors, then by theirs; site j is marked by ``seen[j] = stamp``."""
    seen[i] = stamp
    for ring in range(2):
        for m in range(starts[i], starts[i + 1]):
            middle = neighbors[m]
            low, high = (m, m + 1) if ring == 0 else (starts[middle], starts[middle + 1])
            for n in range(low, high):
                j = neighbors[n]
                if seen[j] == stamp:
                    continue
                seen[j] = stamp
                a, b = 2.0 * (sites[j, 0] - sites[i, 0]), 2.0 * (sites[j, 1] - sites[i, 1])
                lift = weights[j] - weights[i]  # first: the weights may be large and close
                c = 0.5 * (a * (sites[i, 0] + sites[j, 0]) + b * (sites[i, 1] + sites[j, 1])) - lift
                for k in range(count):
                    if a * xy[k, 0] + b * xy[k, 1] > c:  # most candidates end here, without the price of a call
                        count = _cut(xy, tag, count, a, b, c, j, side, spare)
                        break
    return count


@kernel
def cut_by_tree(xy, tag, count, i, sites, weights, spans, bounds, stack, seen, stamp, side, spare):
    """Cut cell i until no site is nearer, in power distance, to one of its corners; site j is marked by `stamp`."""
    for k in range(count):
        tag[k, 1] = 0
    k = 0
    while k < count:
        if tag[k, 1] == 1:
            k += 1
            continue
        x, y = xy[k, 0], xy[k, 1]
        own = (x - sites[i, 0]) ** 2 + (y - sites[i, 1]) ** 2 - weights[i]
        j = nearest_site(x, y, own, i, sites, weights, spans, bounds, stack)
        if seen[j] == stamp or j == i:  # nothing nearer, but for rounding
            tag[k, 1] = 1
            continue
        seen[j] = stamp
        count = _cut_by_site(xy, tag, count, i, j, sites, weights, side, spare)
        k = 0
    return count


@kernel
def cut_by_walls(xy, tag, count, walls, inner_radius, side, spare):
    """Cut by the domain's walls, wall k with the label -1 - k, unless the cell is well inside."""
    if _reaches(xy, count, inner_radius):
        for k in range(len(walls)):
            if count > 0:
                count = _cut(xy, tag, count, walls[k, 0], walls[k, 1], walls[k, 2], -1 - k, side, spare)
    return count


@kernel
def _reaches(xy, count, radius):
    """Whether a corner lies outside the circle about the origin."""
    for k in range(count):
        if xy[k, 0] ** 2 + xy[k, 1] ** 2 > radius * radius:
            return True
    return False


@kernel
def _inside_circle(px, py, qx, qy, radius):
    """Parameters t0 < t1 between which p + t (q - p), 0 <= t <= 1, is inside the circle about the origin, or (1, 0)."""
    dx, dy = qx - px, qy - py
    a, b, c = dx * dx + dy * dy, px * dx + py * dy, px * px + py * py - radius * radius
    discriminant = b * b - a * c
    if not discriminant > 0.0:
        return 1.0, 0.0
    root = np.sqrt(discriminant)
    # the form without cancellation for either root
    t0 = c / (root - b) if b < 0.0 else (-b - root) / a
    t1 = -c / (b + root) if b > 0.0 else (root - b) / a
    t0, t1 = max(t0, 0.0), min(t1, 1.0)
    if not t0 < t1:
        return 1.0, 0.0
    return t0, t1


@kernel
def _angle_minus_sine(t):
    """Return t - sin t without cancellation for small t."""
    if t > 0.5:
        return t - np.sin(t)
    s = t * t
    return t * s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110 * (1 - s / 156)))))


@kernel
def _add_triangle(m, px, py, qx, qy):
    """Add the signed triangle (o, p, q), corners relative to the point o."""
    area = 0.5 * (px * qy - py * qx)
    moment = px * px + py * py + qx * qx + qy * qy + px * qx + py * qy
    return m[0] + area, m[1] + area * (px + qx) / 3, m[2] + area * (py + qy) / 3, m[3] + area * moment / 6


@kernel
def _add_circular_segment(m, angle, turn, radius, ox, oy):
    """Add what lies between an arc, from `angle` on and over `turn`, and its chord; moments relative to o."""
    mass = 0.5 * radius**2 * _angle_minus_sine(turn)
    middle, lever = angle + 0.5 * turn, 2 * radius**3 * np.sin(0.5 * turn) ** 3 / 3
    mx, my = lever * np.cos(middle), lever * np.sin(middle)
    second = radius**4 * (0.25 * turn - np.sin(turn) * (2 + np.cos(turn)) / 12)
    second += mass * (ox * ox + oy * oy) - 2 * (ox * mx + oy * my)
    return m[0] + mass, m[1] + mx - mass * ox, m[2] + my - mass * oy, m[3] + second


@kernel
def _turn(px, py, qx, qy, only):
    """Counter-clockwise angle from p to q about the origin, in [0, 2 pi].

    If the arc is the only one of its cell, the chord from q to p alone bounds the cell, which decides between nearly
    nothing and nearly the full circle; else a negative angle of rounding size is nothing.
    """
    cross, dot = px * qy - py * qx, px * qx + py * qy
    angle = np.arctan2(cross, dot)
    if angle < 0.0 and (only or angle < -1e-6):
        angle += 2 * np.pi
    return max(angle, 0.0)


@kernel
def _segments_in_circle(xy, count, radius, segments):
    """Fill `segments` (px, py, qx, qy) with each edge's part in the circle, NaN if none; returns how many there are."""
    parts = 0
    for k in range(count):
        m = k + 1 if k + 1 < count else 0
        px, py, qx, qy = xy[k, 0], xy[k, 1], xy[m, 0], xy[m, 1]
        t0, t1 = _inside_circle(px, py, qx, qy, radius)
        if t0 > t1:
            segments[k, 0] = np.nan
            continue
        parts += 1
        segments[k, 0], segments[k, 1] = (px, py) if t0 == 0.0 else (px + t0 * (qx - px), py + t0 * (qy - py))
        segments[k, 2], segments[k, 3] = (qx, qy) if t1 == 1.0 else (px + t1 * (qx - px), py + t1 * (qy - py))
    return parts


@kernel
def _holds_origin(xy, count):
    for k in range(count):
        m = k + 1 if k + 1 < count else 0
        if xy[k, 0] * xy[m, 1] - xy[k, 1] * xy[m, 0] < 0.0:
            return False
    return count > 0


@kernel
def _measure_in_circle(xy, count, radius, segments, turns):
    """Measure the polygon's part in the circle.

    Returns the measure, its origin point, and the number of arcs; fills `segments` and `turns` (start angle, turn).
    """
    total = (0.0, 0.0, 0.0, 0.0)
    parts = _segments_in_circle(xy, count, radius, segments)
    if parts == 0:  # no edge meets the circle: the polygon holds all of it, or nothing
        if not _holds_origin(xy, count):
            return total, 0.0, 0.0, 0
        turns[0, 0], turns[0, 1] = -np.pi, 2 * np.pi
        return (np.pi * radius**2, 0.0, 0.0, 0.5 * np.pi * radius**4), 0.0, 0.0, 1
    first = 0
    while np.isnan(segments[first, 0]):
        first += 1
    ox, oy = segments[first, 0], segments[first, 1]
    end_x, end_y, arcs = ox, oy, 0
    for step in range(count + 1):
        k = (first + step) % count
        if np.isnan(segments[k, 0]):
            continue
        px, py, qx, qy = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        if px != end_x or py != end_y:  # an arc leads from the last segment to this one
            turn = _turn(end_x, end_y, px, py, parts == 1)
            if turn > 0.0:
                turns[arcs, 0], turns[arcs, 1] = np.arctan2(end_y, end_x), turn
                total = _add_triangle(total, end_x - ox, end_y - oy, px - ox, py - oy)
                total = _add_circular_segment(total, turns[arcs, 0], turn, radius, ox, oy)
                arcs += 1
        if step < count:
            total = _add_triangle(total, px - ox, py - oy, qx - ox, qy - oy)
        end_x, end_y = qx, qy
    return total, ox, oy, arcs


@kernel
def _measure_polygon(xy, count, segments):
    """Measure a polygon that no circle cuts; as `_measure_in_circle`."""
    total = (0.0, 0.0, 0.0, 0.0)
    ox, oy = (xy[0, 0], xy[0, 1]) if count > 0 else (0.0, 0.0)
    for k in range(count):
        m = k + 1 if k + 1 < count else 0
        px, py, qx, qy = xy[k, 0], xy[k, 1], xy[m, 0], xy[m, 1]
        segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3] = px, py, qx, qy
        total = _add_triangle(total, px - ox, py - oy, qx - ox, qy - oy)
    return total, ox, oy, 0


@kernel
def start_cell(xy, tag, frame):
    """Fill the polygon with the domain's frame, whose side k has the label -1 - k."""
    for k in range(len(frame)):
        xy[k, 0], xy[k, 1], tag[k, 0], tag[k, 1] = frame[k, 0], frame[k, 1], -1 - k, 0
    return len(frame)


@kernel
def measure_cell(xy, tag, count, radius, segments, turns):
    """Measure the cell, as `_measure_in_circle`."""
    if _reaches(xy, count, radius):
        return _measure_in_circle(xy, count, radius, segments, turns)
    return _measure_polygon(xy, count, segments)


@kernel
def measure_cells(
    first, last, which, room, least, sites, weights, frame, walls, radii, starts, neighbors, spans, bounds,
    measures, counts, links, facets, arcs,
):  # fmt: skip
    """Cut and measure the cells of the sites `which`, from its place `first` to `last`.

    ``starts, neighbors`` lists candidates for each site (CSR). With a tree, ``spans, bounds``, the cells are exact
    whatever these were; without one, the two are empty. `room` is the number of corners that a cell may have, `least`
    the mass below which no cell may fall (an inexact cell is too large, so it is safe to give up on its account).
    `radii` are the circle's and the inner disk's.

    Fills
    -----
    measures : (m, 4) float
        Mass, centroid, second moment about the centroid of each cell.
    counts : (m,) int
        Edges of each cell's polygon before the circle cuts it.
    links : (e,) int, facets : (e, 1 or 5) float
        Of each such edge: the site beyond (negative: a wall); its length in the domain (0: none) and, if there is a
        place for them, its end points.
    arcs : (a, 3) float
        Site, start angle and turn of each arc of the circle that bounds a cell.

    Returns
    -------
    outcome : int
        `DONE`, or why the rest is incomplete: `NO_ROOM` (in a polygon, `links` or `arcs`), `TOO_SMALL`.
    edges, arcs : int
        How many there are.
    """
    xy, side, segments, turns = np.empty((room, 2)), np.empty((room, 2)), np.empty((room, 4)), np.empty((room, 2))
    tag, spare = np.empty((room, 2), np.int64), np.empty((room, 2), np.int64)
    seen, stack = np.full(len(sites), -1, np.int64), np.empty(128, np.int64)
    total, total_arcs = 0, 0
    for row in range(last - first):
        i = which[first + row]
        count = start_cell(xy, tag, frame)
        count = cut_by_candidates(xy, tag, count, i, sites, weights, starts, neighbors, seen, i, side, spare)
        if len(spans) > 0:
            count = cut_by_tree(xy, tag, count, i, sites, weights, spans, bounds, stack, seen, i, side, spare)
        count = cut_by_walls(xy, tag, count, walls, radii[1], side, spare)
        if count == FULL or total + count > len(links) or total_arcs + count > len(arcs):
            return NO_ROOM, total, total_arcs
        m, ox, oy, arc_count = measure_cell(xy, tag, count, radii[0], segments, turns)
        if m[0] < least:
            return TOO_SMALL, total, total_arcs
        if m[0] > 0.0:
            dx, dy = m[1] / m[0], m[2] / m[0]
            measures[row, 0], measures[row, 1], measures[row, 2] = m[0], ox + dx, oy + dy
            measures[row, 3] = m[3] - m[0] * (dx * dx + dy * dy)
        counts[row] = count
        for k in range(count):
            px, py, qx, qy = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
            links[total] = tag[k, 0]
            facets[total, 0] = 0.0 if np.isnan(px) or m[0] <= 0.0 else np.hypot(qx - px, qy - py)
            if facets.shape[1] > 1:
                facets[total, 1], facets[total, 2], facets[total, 3], facets[total, 4] = px, py, qx, qy
            total += 1
        for k in range(arc_count):
            arcs[total_arcs, 0], arcs[total_arcs, 1], arcs[total_arcs, 2] = i, turns[k, 0], turns[k, 1]
            total_arcs += 1
    return DONE, total, total_arcs
