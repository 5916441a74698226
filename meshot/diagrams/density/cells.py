"""Kernels: a density that is linear on each pixel or triangle, integrated exactly over power cells.

A cell is cut out of the domain once more by what is beyond its edges, then, piece after piece of the density that it
meets, out of each piece (see `fragments`). Positions are relative to a corner of the cell, so small cells keep their
digits. A facet on the border of two pieces belongs to the one on whose side the earlier of its cells lies.

Pixels are found row by row, in each between the cell's leftmost and rightmost point; triangles by a tree of boxes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel
from meshot.diagrams.density.fragments import (
    Linear,
    add_fragment,
    add_measures,
    add_round_fragment,
    add_triangle,
    clip,
    clip_by_side,
    farthest_corner,
    make_workspace,
)
from meshot.meshes.location import LEAF

# How far a pixel reaches beyond its border, in pixels, so that rounding leaves none out; an empty fragment is nothing.
BEYOND = 1e-9
# Leaves of the tree whose triangles are added to one another first.
TOGETHER = 64


class Outlines(NamedTuple):
    """The cells of a diagram, in its own order.

    Attributes
    ----------
    sites, weights : (n, 2) float, (n,) float
        Relative to the domain's center.
    areas : (n,) float
        Not positive where there is no cell.
    starts, beyond : (n + 1,) int, (e,) int
        What is beyond the edges of each cell; see `CellEdges`.
    """

    sites: Floats
    weights: Floats
    areas: Floats
    starts: Ints
    beyond: NDArray[np.int32]


class _Cell(NamedTuple):
    """A cell's polygon, so many `corners` from the row `at` on, relative to the point c of the plane.

    The circle of `radius` about that bounds it, if the radius is finite; measures are about the origin o.
    """

    at: int
    corners: int
    radius: float
    o: tuple[float, float]
    c: tuple[float, float]


@innerkernel
def _cell_polygon(i, outlines, region, work):
    """Cut cell i out of the frame by what is beyond its edges: bisectors with sites, and walls of the domain.

    An edge is called by its place in the list if it leads to a later site, which leaves it to this one to measure.
    Returns the row where the polygon begins, and its corner count.
    """
    sites, weights, starts, beyond = outlines.sites, outlines.weights, outlines.starts, outlines.beyond
    xy, tag, frame, walls = work.xy, work.tag, region.frame, region.walls
    at, to, count = 0, len(xy) // 3, len(frame)
    if count > to:
        work.full[0] = 1
        return at, 0
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
        count = clip(work, at, count, a, b, c, e if j > i else -1 - e, to)
        at, to = to, at
    return at, count


@innerkernel
def _is_inside(sides, work, cell):
    """Whether a piece of the density lies wholly inside a cell, touching none of its edges and not its circle."""
    corner, xy, at, count, radius = work.piece, work.xy, cell.at, cell.corners, cell.radius
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


@innerkernel
def _add_piece(m, work, cell, sides, f, g, h):
    """Add a cell's part in a triangle or pixel with the densities f, g and h at its first three corners."""
    corner, at, count, radius, (ox, oy) = work.piece, cell.at, cell.corners, cell.radius, cell.o
    ux, uy = corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1]
    vx, vy = corner[2, 0] - corner[0, 0], corner[2, 1] - corner[0, 1]
    area = ux * vy - uy * vx
    if not area > 0.0:
        return m
    gx, gy = ((g - f) * vy - (h - f) * uy) / area, ((h - f) * ux - (g - f) * vx) / area
    density = Linear(f - gx * corner[0, 0] - gy * corner[0, 1], gx, gy)
    if _is_inside(sides, work, cell):
        x, y = corner[0, 0], corner[0, 1]
        m = add_triangle(m, x - ox, y - oy, ux, uy, vx, vy, f, g, h)
        if sides > 3:
            wx, wy = corner[3, 0] - x, corner[3, 1] - y
            m = add_triangle(m, x - ox, y - oy, vx, vy, wx, wy, f, h, f + gx * wx + gy * wy)
        return m
    room = len(work.polygon)
    to, spare = 2 * room, room - at
    for k in range(sides):
        n = k + 1 if k + 1 < sides else 0
        px, py, qx, qy = corner[k, 0], corner[k, 1], corner[n, 0], corner[n, 1]
        count, copied = clip_by_side(work, at, count, px, py, qx, qy, -1 - k, to)
        if count == 0:
            return m
        if copied:
            at, to, spare = to, spare, to
    if farthest_corner(work.xy, at, count) > radius * radius:
        return add_round_fragment(m, work, at, count, radius, cell.o, density)
    return add_fragment(m, work, at, count, cell.o, density)


@innerkernel
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


@innerkernel
def _places(low, high, start, stop, count):
    """Return the first and one past the last of `count` equal parts of an interval that meet [low, high]."""
    width = (stop - start) / count
    first, last = (low - start) / width - BEYOND, (high - start) / width + BEYOND
    return int(min(max(first, 0.0), count)), int(min(max(last + 1.0, 0.0), count))


@innerkernel
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


@innerkernel
def _add_pixels(m, work, cell, pieces):
    """Add a cell's parts in the pixels of a grid."""
    xs, ys, values, xy, at, count, (cx, cy) = (
        pieces.xs, pieces.ys, pieces.grid_values, work.xy, cell.at, cell.corners, cell.c
    )  # fmt: skip
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
        row = (0.0, 0.0, 0.0, 0.0, 0.0)
        for c in range(first, last):
            for part in range(parts):
                x0, x1 = xs[c] - cx, xs[c + 1] - cx
                f, g, h = _load_piece(values, r, c, part, sides, x0, bottom, x1, top, work.piece)
                row = _add_piece(row, work, cell, sides, f, g, h)
        m = add_measures(m, row)
    return m


@innerkernel
def _misses(xy, at, count, x0, y0, x1, y1):
    """Whether a box lies outside of one of a polygon's edges."""
    for k in range(at, at + count):
        m = k + 1 if k + 1 < at + count else at
        px, py = xy[k, 0], xy[k, 1]
        a, b = xy[m, 1] - py, px - xy[m, 0]  # outward
        if a * ((x0 if a > 0.0 else x1) - px) + b * ((y0 if b > 0.0 else y1) - py) > 0.0:
            return True
    return False


@innerkernel
def _add_triangles(m, work, cell, pieces):
    """Add a cell's parts in triangles, found by the tree of their boxes."""
    corners, values, boxes, first, stack, (cx, cy) = (
        pieces.corners, pieces.corner_values, pieces.boxes, pieces.first, work.stack, cell.c
    )  # fmt: skip
    stack[0], top, sides, leaves = 0, 1, values.shape[1], 0
    some = (0.0, 0.0, 0.0, 0.0, 0.0)
    while top > 0:
        top -= 1
        node = stack[top]
        x0, y0, x1, y1 = boxes[node, 0] - cx, boxes[node, 1] - cy, boxes[node, 2] - cx, boxes[node, 3] - cy
        if not x0 <= x1 or _misses(work.xy, cell.at, cell.corners, x0, y0, x1, y1):
            continue
        if node < first:
            stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
            top += 2
            continue
        begin = (node - first) * LEAF
        for t in range(begin, min(begin + LEAF, len(corners))):
            for k in range(3):
                work.piece[k, 0], work.piece[k, 1] = corners[t, 2 * k] - cx, corners[t, 2 * k + 1] - cy
            some = _add_piece(some, work, cell, sides, values[t, 0], values[t, 1], values[t, 2])
        leaves += 1
        if leaves % TOGETHER == 0:
            m, some = add_measures(m, some), (0.0, 0.0, 0.0, 0.0, 0.0)
    return add_measures(m, some)


@kernel
def measure_dense_cells(begin, end, room, center, outlines, region, pieces, measures, integrals):
    """Measure the cells of the sites from `begin` to `end`; `room` is the number of corners that polygons may have.

    Returns whether that sufficed.

    Fills
    -----
    measures : (n, 5) float
        Mass, centroid, second moment about the centroid, and area of each cell.
    integrals : (e,) float
        Integral of the density along each edge that leads to a later site.
    """
    work, starts = make_workspace(room, integrals), outlines.starts
    xy = work.xy
    for e in range(starts[begin], starts[end]):  # it may be another try
        integrals[e] = 0.0
    for i in range(begin, end):
        if work.full[0] == 1:
            return False
        if not outlines.areas[i] > 0.0:
            continue
        at, count = _cell_polygon(i, outlines, region, work)
        if count == 0:
            continue
        # a corner as origin, unless the circle, which is about the domain's center, takes part
        x, y = xy[at, 0], xy[at, 1]
        cell = _Cell(at, count, region.radius, (x, y), center)
        if farthest_corner(xy, at, count) <= region.radius * region.radius:
            cell = _Cell(at, count, np.inf, (0.0, 0.0), (center[0] + x, center[1] + y))
            for k in range(at, at + count):
                xy[k, 0] -= x
                xy[k, 1] -= y
        m = (0.0, 0.0, 0.0, 0.0, 0.0)
        m = _add_pixels(m, work, cell, pieces) if len(pieces.corners) == 0 else _add_triangles(m, work, cell, pieces)
        measures[i, 4] = m[4]
        if m[0] > 0.0:
            dx, dy = m[1] / m[0], m[2] / m[0]
            measures[i, 0], measures[i, 1], measures[i, 2] = m[0], x + dx, y + dy
            measures[i, 3] = m[3] - m[0] * (dx * dx + dy * dy)
    return work.full[0] == 0


@kernel
def copy_to_earlier_sites(begin, end, starts, beyond, integrals):
    """Copy the integral of each edge to the same edge of the earlier site."""
    for i in range(begin, end):
        for e in range(starts[i], starts[i + 1]):
            j = beyond[e]
            if 0 <= j < i:
                for other in range(starts[j], starts[j + 1]):
                    if beyond[other] == i:
                        integrals[e] = integrals[other]
