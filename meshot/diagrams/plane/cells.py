"""Kernels: the power cells of a triangulation, measured in closed form.

A cell inside the domain is a polygon between power vertices. One that reaches the boundary is cut out of the domain
(see `clipping`) and bounded by segments and, in a disk, arcs of the circle: mass, centroid and second moment are sums
over triangles and circular segments. A measure is a tuple: mass, the two first moments, and the second moment, about an
origin point near the cell. Coordinates are relative to the domain's center.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.base.kernels import innerkernel, kernel
from meshot.diagrams.circle import holds_origin, segments_in_circle, turn_between
from meshot.diagrams.engine import DONE, NO_ROOM, TOO_SMALL
from meshot.diagrams.plane.clipping import EMPTY, FULL, cut_by_site, cut_by_walls, make_polygon, reaches, start_cell
from meshot.diagrams.plane.triangulation import TriangleArrays, place_of


class Dual(NamedTuple):
    """The triangulation that is dual to the cells, with the power vertices of its triangles.

    Attributes
    ----------
    mesh : TriangleArrays
    vertices : (t, 2) float
        The point of each triangle that has equal power distance to its three corners.
    inside : (t,) bool
        Whether it lies in the domain.
    """

    mesh: TriangleArrays
    vertices: Floats
    inside: NDArray[np.bool_]


class PlaneCells(NamedTuple):
    """Measured cells, one after the other.

    Attributes
    ----------
    measures : (m, 4) float
        Mass, centroid, second moment about the centroid of each cell.
    counts : (m,) int32
        Edges of each cell's polygon before the circle cuts it.
    links, facets : (e,) int32, (e, 1 or 5) float
        Of each such edge: the site beyond (negative: a wall); its length in the domain (0: none) and, if there is a
        place for them, its end points.
    arcs : (a, 3) float
        Site, start angle and turn of each arc of the circle that bounds a cell.
    overlaps : (1,) float
        Area that cells have in common.
    """

    measures: Floats
    counts: NDArray[np.int32]
    links: NDArray[np.int32]
    facets: Floats
    arcs: Floats
    overlaps: Floats


@innerkernel
def _angle_minus_sine(t):
    """Return t - sin t without cancellation for small t."""
    if t > 0.5:
        return t - np.sin(t)
    s = t * t
    return t * s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110 * (1 - s / 156)))))


@innerkernel
def _add_triangle(m, px, py, qx, qy):
    """Add the signed triangle (o, p, q), corners relative to the point o."""
    area = 0.5 * (px * qy - py * qx)
    moment = px * px + py * py + qx * qx + qy * qy + px * qx + py * qy
    return m[0] + area, m[1] + area * (px + qx) / 3, m[2] + area * (py + qy) / 3, m[3] + area * moment / 6


@innerkernel
def _add_circular_segment(m, angle, turn, radius, ox, oy):
    """Add what lies between an arc, from `angle` on and over `turn`, and its chord; moments relative to o."""
    mass = 0.5 * radius**2 * _angle_minus_sine(turn)
    middle, lever = angle + 0.5 * turn, 2 * radius**3 * np.sin(0.5 * turn) ** 3 / 3
    mx, my = lever * np.cos(middle), lever * np.sin(middle)
    second = radius**4 * (0.25 * turn - np.sin(turn) * (2 + np.cos(turn)) / 12)
    second += mass * (ox * ox + oy * oy) - 2 * (ox * mx + oy * my)
    return m[0] + mass, m[1] + mx - mass * ox, m[2] + my - mass * oy, m[3] + second


@innerkernel
def _measure_in_circle(xy, count, radius, segments, turns):
    """Measure the polygon's part in the circle.

    Returns the measure, its origin point, and the number of arcs; fills `segments` and `turns` (start angle, turn).
    """
    total = (0.0, 0.0, 0.0, 0.0)
    parts = segments_in_circle(xy, count, radius, segments)
    if parts == 0:  # no edge meets the circle: the polygon holds all of it, or nothing
        if not holds_origin(xy, count):
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
            turn = turn_between(end_x, end_y, px, py, parts == 1 and holds_origin(xy, count))
            if turn > 0.0:
                turns[arcs, 0], turns[arcs, 1] = np.arctan2(end_y, end_x), turn
                total = _add_triangle(total, end_x - ox, end_y - oy, px - ox, py - oy)
                total = _add_circular_segment(total, turns[arcs, 0], turn, radius, ox, oy)
                arcs += 1
        if step < count:
            total = _add_triangle(total, px - ox, py - oy, qx - ox, qy - oy)
        end_x, end_y = qx, qy
    return total, ox, oy, arcs


@innerkernel
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


@innerkernel
def measure_cell(xy, count, radius, segments, turns):
    """Measure the cell, as `_measure_in_circle`."""
    if reaches(xy, count, radius):
        return _measure_in_circle(xy, count, radius, segments, turns)
    return _measure_polygon(xy, count, segments)


@innerkernel
def _walk_around(i, dual, xy, tag):
    """Fill the cell's corners, the power vertices of the triangles around site i, and the sites beyond its edges.

    Returns how many corners there are, or `FULL`, and whether all of them are inside the domain. The last three sites
    are the far corners, whose edges are none.
    """
    sites, _, triangles, across, corner_of = dual.mesh
    far, start, t, count, whole = len(sites) - 3, corner_of[i], corner_of[i], 0, corner_of[i] >= 0
    while t >= 0:
        if count == len(xy):
            return FULL, False
        k = place_of(triangles, t, i)
        xy[count, 0], xy[count, 1] = dual.vertices[t, 0], dual.vertices[t, 1]
        beyond = triangles[t, (k + 2) % 3]
        tag[count, 0] = beyond if beyond < far else i
        whole = whole and dual.inside[t]
        count += 1
        t = across[t, (k + 1) % 3]
        if t == start:
            break
    return count, whole


@innerkernel
def _copy_list(i, lists, around):
    """Fill the listed neighbors of site i; returns how many there are, `FULL`, or `EMPTY`."""
    starts, neighbors = lists
    count = starts[i + 1] - starts[i]
    if count > len(around):
        return FULL
    if count == 1 and neighbors[starts[i]] == i:
        return EMPTY
    for k in range(count):
        around[k, 0] = neighbors[starts[i] + k]
    return count


@innerkernel
def _measure_whole(i, xy, tag, count, sites, segments):
    """Measure a cell that is inside the domain. Returns the measure, and twice the area that it shares with others.

    An edge that runs backward, because the triangulation is not regular there, makes cells overlap by two triangles of
    about its length; it has none.
    """
    m, _, _, _ = _measure_polygon(xy, count, segments)
    overlap = 0.0
    for k in range(count):
        j = tag[k, 0]
        dx, dy = segments[k, 2] - segments[k, 0], segments[k, 3] - segments[k, 1]
        if (sites[j, 0] - sites[i, 0]) * dy - (sites[j, 1] - sites[i, 1]) * dx < 0.0:
            overlap += dx * dx + dy * dy
            segments[k, 2], segments[k, 3] = segments[k, 0], segments[k, 1]
    return m, overlap


@innerkernel
def _cut_out(i, count, around, dual, region, cell):
    """Cut cell i out of the frame; `around` holds its `count` neighbors, then the sites beyond its edges."""
    neighbors, count = count, start_cell(cell, region.frame)
    for k in range(neighbors):
        if around[k, 0] != i:
            count = cut_by_site(cell, count, i, around[k, 0], dual.mesh.sites, dual.mesh.weights)
    count = cut_by_walls(cell, count, region)
    for k in range(count):
        around[k, 0] = cell.tag[k, 0]
    return count


@innerkernel
def _write_measure(m, ox, oy, measures, row):
    """Write mass, centroid and second moment about it; `m` is about the point (ox, oy)."""
    if m[0] > 0.0:
        dx, dy = m[1] / m[0], m[2] / m[0]
        measures[row, 0], measures[row, 1], measures[row, 2] = m[0], ox + dx, oy + dy
        measures[row, 3] = m[3] - m[0] * (dx * dx + dy * dy)


@innerkernel
def _write_edges(full, count, around, segments, cells, place):
    """Write the sites beyond the edges, their lengths and, if there is a place for them, their ends."""
    links, facets = cells.links, cells.facets
    for k in range(count):
        px, py, qx, qy = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        length = np.sqrt((qx - px) ** 2 + (qy - py) ** 2)
        links[place + k], facets[place + k, 0] = around[k, 0], length if full and length > 0.0 else 0.0
        if facets.shape[1] > 1:
            facets[place + k, 1], facets[place + k, 2] = px, py
            facets[place + k, 3], facets[place + k, 4] = qx, qy


@kernel
def find_power_vertices(first, last, dual, region):
    """Fill the triangulation's `vertices`, and whether they are `inside`."""
    (sites, weights, triangles, _, _), vertices, inside = dual
    (frame, walls, radius, _), far = region, len(sites) - 3
    for t in range(first, last):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        inside[t] = False
        if a < 0 or max(a, b, c) >= far:
            continue
        bx, by = sites[b, 0] - sites[a, 0], sites[b, 1] - sites[a, 1]
        cx, cy = sites[c, 0] - sites[a, 0], sites[c, 1] - sites[a, 1]
        p = 0.5 * (bx * bx + by * by - (weights[b] - weights[a]))
        q = 0.5 * (cx * cx + cy * cy - (weights[c] - weights[a]))
        scale = 1.0 / (bx * cy - by * cx)
        x, y = sites[a, 0] + (p * cy - q * by) * scale, sites[a, 1] + (q * bx - p * cx) * scale
        vertices[t, 0], vertices[t, 1] = x, y
        within = x * x + y * y < radius * radius
        within = within and frame[0, 0] < x < frame[2, 0] and frame[0, 1] < y < frame[2, 1]
        for k in range(len(walls)):
            within = within and walls[k, 0] * x + walls[k, 1] * y < walls[k, 2]
        inside[t] = within


@kernel
def measure_cells(first, last, room, least, dual, region, lists, cells):
    """Measure the cells of the sites from `first` to `last`; fill `cells`.

    A cell whose corners are all inside the domain is read off the triangulation; another one is cut out of the domain's
    frame by the bisectors with its neighbors there. Where `lists` (CSR: starts, neighbors) has some, all are cut out by
    these; else it is empty. `room` is the number of corners that a cell may have, `least` the mass below which no cell
    may fall.

    Returns
    -------
    outcome : int
        `DONE`, or why the rest is incomplete: `NO_ROOM` (in a polygon, `links` or `arcs`), `TOO_SMALL`.
    edges, arcs : int
        How many there are.
    """
    cell, around = make_polygon(room), np.empty((room, 2), np.int64)
    segments, turns = np.empty((room, 4)), np.empty((room, 2))
    listed, total, total_arcs = len(lists[0]) > 0, 0, 0
    for i in range(first, last):
        arc_count, ox, oy, m = 0, 0.0, 0.0, (0.0, 0.0, 0.0, 0.0)
        if listed:
            count, whole = _copy_list(i, lists, around), False
        else:
            count, whole = _walk_around(i, dual, cell.xy, around)
        if whole:
            m, shared = _measure_whole(i, cell.xy, around, count, dual.mesh.sites, segments)
            ox, oy = cell.xy[0, 0], cell.xy[0, 1]
            cells.overlaps[0] += shared
        elif count == EMPTY or (count == 0 and not listed):
            count = 0
        elif count != FULL:
            count = _cut_out(i, count, around, dual, region, cell)
            if count != FULL:
                m, ox, oy, arc_count = measure_cell(cell.xy, count, region.radius, segments, turns)
        if count == FULL or total + count > len(cells.links) or total_arcs + arc_count > len(cells.arcs):
            return NO_ROOM, total, total_arcs
        if m[0] < least:
            return TOO_SMALL, total, total_arcs
        cells.counts[i - first] = count
        _write_measure(m, ox, oy, cells.measures, i - first)
        _write_edges(m[0] > 0.0, count, around, segments, cells, total)
        for k in range(arc_count):
            for column in range(3):
                cells.arcs[total_arcs + k, column] = i if column == 0 else turns[k, column - 1]
        total, total_arcs = total + count, total_arcs + arc_count
    return DONE, total, total_arcs
