"""Kernels: a convex polytope cut by planes.

Every corner is the meet of three facets; where more planes meet in a point, several corners coincide, joined by edges
of no length.

A cut takes away the corners beyond the plane and closes the hole. Rounding may scatter signs among corners on the
plane; then the part taken away is made one connected piece that leaves one connected piece, so that the polytope's
combinatorics are sound whatever the rounding.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.base.kernels import innerkernel, subkernel

# Outcomes of `cut`, in place of the count of corners: the plane misses the polytope, or there is no room.
MISSED, OUT_OF_ROOM = -3, -1


class Polytope(NamedTuple):
    """A polytope in arrays longer than needed; the numbers of corners and facets are stored separately.

    Attributes
    ----------
    pos : (7, c) float
        The corners' coordinates, the distance to the plane at hand, and room for new corners.
    top : (c, 6) int32
        The three facets of a corner, counter-clockwise seen from outside, and the three corners next to it: edge k runs
        along the facets k and k + 1, counter-clockwise around the latter.
    planes : (c, 4) float
        Unit normal and offset, ``n x <= h``, of each facet; a facet that was cut off keeps its row.
    label : (c,) int32
        What is beyond each facet: a site, or -1 - k for the domain's wall k.
    work : (c, 9) int32
        Room for a cut. Columns 0 to 5 list the edges that are cut: the end that stays, the facets a and b beside the
        edge, the end that goes, where the first has it among the corners next to it, and the number of the new corner;
        column 6 lists the corners that go; columns 7 and 8, for each facet, the cut edge of which it is the first, the
        second.
    """

    pos: Floats
    top: NDArray[np.int32]
    planes: Floats
    label: NDArray[np.int32]
    work: NDArray[np.int32]


@subkernel
def make_polytope(room):
    """Return a polytope with room for so many corners and facets."""
    top, label, work = np.empty((room, 6), np.int32), np.empty(room, np.int32), np.empty((room, 9), np.int32)
    return Polytope(np.empty((7, room)), top, np.empty((room, 4)), label, work)


@innerkernel
def start_box(cell, low_x, low_y, low_z, high_x, high_y, high_z):
    """Fill the polytope with a box, whose facets are low x, high x, low y and so on. Returns the count of corners."""
    pos, top, planes = cell.pos, cell.top, cell.planes
    for k in range(6):
        cell.label[k] = -1 - k
    for axis in range(3):
        for high in range(2):
            for k in range(3):
                planes[2 * axis + high, k] = 0.0
            planes[2 * axis + high, axis] = 2.0 * high - 1.0
    planes[0, 3], planes[1, 3], planes[2, 3] = -low_x, high_x, -low_y
    planes[3, 3], planes[4, 3], planes[5, 3] = high_y, -low_z, high_z
    for v in range(8):
        x, y, z = v & 1, (v >> 1) & 1, v >> 2
        pos[0, v] = high_x if x == 1 else low_x
        pos[1, v] = high_y if y == 1 else low_y
        pos[2, v] = high_z if z == 1 else low_z
        top[v, 0], top[v, 4] = x, v ^ 1
        if (x + y + z) & 1:
            top[v, 1], top[v, 2], top[v, 3], top[v, 5] = 2 + y, 4 + z, v ^ 4, v ^ 2
        else:
            top[v, 1], top[v, 2], top[v, 3], top[v, 5] = 4 + z, 2 + y, v ^ 2, v ^ 4
    return 8


@innerkernel
def _find_cut_edges(cell, count, tol):
    """List the corners beyond the plane, and the edges that leave them. Returns both counts, the latter -1 if too many.

    What is listed is written first and counted then, if it counts: branches that nothing foretells would cost more.
    """
    pos, top, work = cell.pos, cell.top, cell.work
    gone, edges = 0, 0
    for v in range(count):
        work[gone, 6] = v
        gone += pos[3, v] < -tol
    if 3 * gone + 3 > len(work):
        return gone, -1
    for m in range(gone):
        v = work[m, 6]
        for k in range(3):
            work[edges, 0], work[edges, 3], work[edges, 5] = top[v, 3 + k], v, k
            edges += pos[3, top[v, 3 + k]] >= -tol
    for e in range(edges):
        u, v, k = work[e, 0], work[e, 3], work[e, 5]
        a, b = top[v, k], top[v, k + 1 if k < 2 else 0]
        work[e, 1], work[e, 2], work[a, 7], work[b, 8] = a, b, e, e
        work[e, 4] = 3 + (top[u, 4] == v) + 2 * (top[u, 5] == v)
    return gone, edges


@innerkernel
def _is_one_loop(work, edges):
    """Whether the cut edges, each followed by the next around the hole, form a single loop."""
    m = 0
    for step in range(edges):
        m = work[work[m, 2], 7]
        if m == 0:
            return step == edges - 1
    return False


@innerkernel
def _flood(top, work, start, old, new):
    """Give the corners marked `old`, in column 5 of `work`, that are connected with `start` the mark `new`."""
    work[0, 6], size, work[start, 5] = start, 1, new
    while size > 0:
        size -= 1
        v = work[size, 6]
        for k in range(3):
            u = top[v, 3 + k]
            if work[u, 5] == old:
                work[u, 5] = new
                work[size, 6] = u
                size += 1


@innerkernel
def _tidy(cell, count, tol):
    """Change distances of rounding size so that the corners beyond the plane are one piece, and the others too.

    What stays is the piece of the farthest corner on this side; what goes, of the others, that of the one farthest
    beyond.
    """
    pos, top, work = cell.pos, cell.top, cell.work
    lowest, highest = 0, 0
    for v in range(count):
        work[v, 5] = 1 if pos[3, v] >= -tol else 0
        lowest = v if pos[3, v] < pos[3, lowest] else lowest
        highest = v if pos[3, v] > pos[3, highest] else highest
    _flood(top, work, highest, 1, 2)
    for v in range(count):
        work[v, 5] = 2 if work[v, 5] == 2 else 0
    _flood(top, work, lowest, 0, 3)
    for v in range(count):
        if work[v, 5] == 3:
            pos[3, v] = min(pos[3, v], -2.0 * tol - 1e-300)  # beyond also where no tolerance is given
        else:
            pos[3, v] = max(pos[3, v], -tol)


@innerkernel
def _move(pos, top, v, hole):
    """Move corner v into the free place `hole`."""
    pos[0, hole], pos[1, hole], pos[2, hole] = pos[0, v], pos[1, v], pos[2, v]
    for k in range(3):
        top[hole, k], u = top[v, k], top[v, 3 + k]
        top[hole, 3 + k] = u
        back = 3 if top[u, 3] == v else (4 if top[u, 4] == v else 5)
        top[u, back] = hole


@innerkernel
def _close(cell, count, tol, gone, edges, slot):
    """Put a corner on each cut edge, around the new facet `slot`, in the places of those gone. Returns the count."""
    pos, top, work = cell.pos, cell.top, cell.work
    for m in range(edges):
        u, w = work[m, 0], work[m, 3]
        work[m, 5] = work[m, 6] if m < gone else count + m - gone
        near, far = max(pos[3, u], 0.0), min(pos[3, w], 0.0)
        t = near / (near - far) if near > far else 0.0
        for axis in range(3):  # the corners that go are still needed: new ones wait in the rows after the distances
            pos[4 + axis, m] = pos[axis, u] + t * (pos[axis, w] - pos[axis, u])
    for m in range(edges):
        u, a, b, v = work[m, 0], work[m, 1], work[m, 2], work[m, 5]
        pos[0, v], pos[1, v], pos[2, v], pos[3, v] = pos[4, m], pos[5, m], pos[6, m], 0.0
        top[v, 0], top[v, 1], top[v, 2] = a, b, slot
        top[v, 3], top[v, 4], top[v, 5] = u, work[work[b, 7], 5], work[work[a, 8], 5]
        top[u, work[m, 4]] = v
    left, hole = count + edges - gone, edges
    for v in range(left, count):
        if pos[3, v] >= -tol:  # one that stays: those at the end fill the places that are still free
            _move(pos, top, v, work[hole, 6])
            hole += 1
    return left


@innerkernel
def cut(cell, count, slot, a, b, c, h, tol):
    """Keep the part with ``a x + b y + c z <= h``; the new facet gets the row `slot` of `planes`.

    Returns the new count of corners, 0 if nothing is left, or `MISSED` or `OUT_OF_ROOM`. Corners at most `tol`
    beyond the plane stay.
    """
    pos, planes = cell.pos, cell.planes
    gone = 0
    for v in range(count):  # most planes miss: this loop runs on several corners at a time
        gone += a * pos[0, v] + b * pos[1, v] + c * pos[2, v] - h > tol
    if gone == 0:
        return MISSED
    if gone == count:
        return 0
    if slot == len(planes):
        return OUT_OF_ROOM
    for v in range(count):
        pos[3, v] = h - (a * pos[0, v] + b * pos[1, v] + c * pos[2, v])
    gone, edges = _find_cut_edges(cell, count, tol)
    if edges >= 0 and not _is_one_loop(cell.work, edges):
        _tidy(cell, count, tol)
        gone, edges = _find_cut_edges(cell, count, tol)
    if edges < 0 or count + edges - gone > len(cell.top):
        return OUT_OF_ROOM
    planes[slot, 0], planes[slot, 1], planes[slot, 2], planes[slot, 3] = a, b, c, h
    return _close(cell, count, tol, gone, edges, slot)
