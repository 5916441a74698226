"""Kernels: a convex polygon, the domain's frame at first, cut by lines until it is a power cell.

The lines are bisectors with sites: those that the caller names, and, if asked for, every site that is nearer to one of
the corners than the cell's own, which makes the cell exact whatever the others were. At the end the domain's straight
walls cut. Coordinates are relative to the domain's center.

Where a polygon's room does not suffice, the functions return `FULL`, and the caller begins again with more.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel, subkernel
from meshot.diagrams.site_tree import nearest_site, no_visits

FULL, EMPTY = -1, -2


class Polygon(NamedTuple):
    """A polygon in arrays longer than needed; the number of corners is stored separately.

    Attributes
    ----------
    xy : (c, 2) float
        Its corners, counter-clockwise.
    tag : (c, 2) int
        For each corner the label of the edge that starts there, and 1 if it is sure, that is, known to be nearest to
        its own site.
    side, spare : (c, 2) float, (c, 2) int
        Room for a cut.
    """

    xy: Floats
    tag: Ints
    side: Floats
    spare: Ints


@subkernel
def make_polygon(room):
    """Return a polygon with room for so many corners."""
    tag, spare = np.empty((room, 2), np.int64), np.empty((room, 2), np.int64)
    return Polygon(np.empty((room, 2)), tag, np.empty((room, 2)), spare)


@innerkernel
def start_cell(cell, frame):
    """Fill the polygon with the domain's frame, whose side k has the label -1 - k."""
    xy, tag = cell.xy, cell.tag
    for k in range(len(frame)):
        xy[k, 0], xy[k, 1], tag[k, 0], tag[k, 1] = frame[k, 0], frame[k, 1], -1 - k, 0
    return len(frame)


@innerkernel
def _copy_corner(xy, tag, k, to_xy, to_tag, m):
    to_xy[m, 0], to_xy[m, 1], to_tag[m, 0], to_tag[m, 1] = xy[k, 0], xy[k, 1], tag[k, 0], tag[k, 1]


@innerkernel
def _crossing(xy, side, k, m):
    t = side[k, 0] / (side[k, 0] - side[m, 0])
    return xy[k, 0] + t * (xy[m, 0] - xy[k, 0]), xy[k, 1] + t * (xy[m, 1] - xy[k, 1])


@innerkernel
def _cut(cell, count, a, b, c, label):
    """Keep the part with ``a x + b y <= c``; the new edge gets `label`. Returns the new corner count, or `FULL`.

    The kept corners are the run around the one farthest inside: near a corner where many bisectors meet, rounding can
    scatter signs, and a corner that is out of line by rounding must not break the polygon.
    """
    xy, tag, side, spare = cell
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


@innerkernel
def cut_by_site(cell, count, i, j, sites, weights):
    """Keep the points whose power distance to site i is not above that to site j."""
    a, b = sites[j, 0] - sites[i, 0], sites[j, 1] - sites[i, 1]
    c = a * (sites[i, 0] + sites[j, 0]) + b * (sites[i, 1] + sites[j, 1]) - (weights[j] - weights[i])
    return _cut(cell, count, 2.0 * a, 2.0 * b, c, j)


@innerkernel
def cut_by_candidates(cell, count, i, tree, lists, seen, stamp):
    """Cut cell i by its neighbors in `lists` (CSR), then by theirs; site j is marked by ``seen[j] = stamp``.

    Returns the corner count, and how many sites and corners were looked at.
    """
    (starts, neighbors), looks = lists, 0
    seen[i] = stamp
    for ring in range(2):
        for m in range(starts[i], starts[i + 1]):
            middle = neighbors[m]
            low, high = (m, m + 1) if ring == 0 else (starts[middle], starts[middle + 1])
            looks += high - low
            for n in range(low, high):
                j = neighbors[n]
                if seen[j] == stamp:
                    continue
                seen[j] = stamp
                count = cut_by_site(cell, count, i, j, tree.sites, tree.weights)
                looks += count
    return count, looks


@innerkernel
def cut_by_tree(cell, count, i, tree, visits, stamp):
    """Cut cell i until no site is nearer, in power distance, to one of its corners; site j is marked by `stamp`.

    Returns the corner count, and how many corners, nodes and sites were looked at.
    """
    xy, tag, sites, seen, looks = cell.xy, cell.tag, tree.sites, visits.seen, 0
    for k in range(count):
        tag[k, 1] = 0
    k = 0
    while k < count:
        if tag[k, 1] == 1:
            k += 1
            continue
        x, y = xy[k, 0], xy[k, 1]
        own = (x - sites[i, 0]) ** 2 + (y - sites[i, 1]) ** 2 - tree.weights[i]
        j, more = nearest_site(x, y, own, i, tree, visits.stack)
        looks += more
        if seen[j] == stamp or j == i:  # nothing nearer, but for rounding
            tag[k, 1] = 1
            continue
        seen[j] = stamp
        count = cut_by_site(cell, count, i, j, tree.sites, tree.weights)
        looks += count
        k = 0
    return count, looks


@kernel
def search_neighbors(first, last, room, tree, frame, counts, links):
    """List the sites beyond the edges of the cells from `first` to `last`, found with the help of the tree alone.

    An empty cell has itself for its only neighbor.

    Fills `counts` (m,) and `links` (e,); returns how many there are, or `FULL` if a cell has more than `room` corners
    or there are more links than there is place for.
    """
    cell, visits, total = make_polygon(room), no_visits(len(tree.sites)), 0
    for i in range(first, last):
        count, _ = cut_by_tree(cell, start_cell(cell, frame), i, tree, visits, i)
        if count == FULL or total + count >= len(links):
            return FULL
        before = total
        for k in range(count):
            if cell.tag[k, 0] >= 0:
                links[total] = cell.tag[k, 0]
                total += 1
        if count == 0:
            links[total] = i
            total += 1
        counts[i - first] = total - before
    return total


@innerkernel
def cut_by_walls(cell, count, region):
    """Cut by the domain's walls, wall k with the label -1 - k, unless the cell is well inside."""
    walls = region.walls
    if reaches(cell.xy, count, region.inner_radius):
        for k in range(len(walls)):
            if count > 0:
                count = _cut(cell, count, walls[k, 0], walls[k, 1], walls[k, 2], -1 - k)
    return count


@innerkernel
def reaches(xy, count, radius):
    """Whether a corner lies outside the circle about the origin."""
    for k in range(count):
        if xy[k, 0] ** 2 + xy[k, 1] ** 2 > radius * radius:
            return True
    return False
