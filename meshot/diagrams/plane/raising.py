"""Raising of small cells of the plane, one after another, with kernels.

Cells that become small meanwhile join the queue (Oliker and Prussner, see `transport.initial_weights`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel
from meshot.diagrams.plane.cells import measure_cell
from meshot.diagrams.plane.clipping import (
    FULL,
    Polygon,
    cut_by_candidates,
    cut_by_tree,
    cut_by_walls,
    make_polygon,
    start_cell,
)
from meshot.diagrams.power_cells import GOAL, LEAST, PowerCells
from meshot.diagrams.region import PlaneRegion
from meshot.diagrams.site_tree import STACK, Visits, build_tree, raise_bounds

# Cells visited, for each small one, before giving up: raised ones and those near them.
LIMIT = 300
# Corners that a cell may have.
CORNERS = 256
# Looks at corners, nodes and sites in one call of the kernel, which cannot be interrupted: about a tenth of a second.
LOOKS = 10_000_000
# Looks in all before giving up, for each site and besides.
MOST_LOOKS, MOST_LOOKS_BESIDE = 20_000, 500_000_000
RAISED, GAVE_UP, GOING_ON = 0, 1, 2


def raise_in_plane(
    diagram: PowerCells,
    small: Ints,
    wanted: Floats,
    local: Floats,
    spacing: Floats,
    near: tuple[Ints, Ints],
    region: PlaneRegion,
) -> Floats | None:
    """Return weights at which all cells have a share of their mass, in Hilbert order, or None if the limit is reached.

    Parameters
    ----------
    diagram : PowerCells
        Before.
    small : (m,) int
        The cells that have too little, ascending, in Hilbert order as all that follows.
    wanted, local, spacing : (n,) float, (n, 2) float, (n,) float
        Masses wanted; sites, relative to the domain's center, and their distance from those near them.
    near : (n + 1,) int, (e,) int
        Near sites of each site (CSR).
    region : PlaneRegion
    """
    areas = wanted / _nearby_density(diagram, near)
    weights, steps = diagram.weights[diagram.edges.order], 0.5 * np.sqrt(areas) * spacing
    tree, limit = build_tree(local, weights), LIMIT * (len(small) + 50)
    line = _Line(np.empty(limit, np.int64), np.zeros(len(weights), np.bool_), np.array([0, min(len(small), limit)]))
    line.queue[: line.ends[1]] = small[:limit]
    line.waiting[small] = True
    state, spent, most = GOING_ON, 0, MOST_LOOKS * len(weights) + MOST_LOOKS_BESIDE
    while state == GOING_ON and spent < most:
        state, looks = raise_small_cells(line, areas, steps, tree, near, region, LOOKS)
        spent += looks
    return weights if state == RAISED else None


def _nearby_density(diagram: PowerCells, near: tuple[Ints, Ints]) -> Floats:
    """Return the mean density of each cell and those near it, in the engine's order; the mean where they have no mass.

    Cells are raised by their areas, which is exact for a uniform density.
    """
    order, (starts, neighbors) = diagram.edges.order, near
    owner = np.repeat(np.arange(len(order)), np.diff(starts))
    masses, areas = diagram.masses[order], diagram.measures[order]
    near_masses = masses + np.bincount(owner, masses[neighbors], len(order))
    near_areas = areas + np.bincount(owner, areas[neighbors], len(order))
    everywhere = diagram.masses.sum() / diagram.measures.sum()
    return np.divide(near_masses, near_areas, where=near_masses > 0, out=np.full(len(order), everywhere))


class _Line(NamedTuple):
    """Sites that wait for a visit: ``queue[ends[0]:ends[1]]``, and whether each site does."""

    queue: Ints
    waiting: NDArray[np.bool_]
    ends: Ints


class _Scratch(NamedTuple):
    """What one cell after the other is cut out with, and its outline; ``visits.seen[-1]`` counts the calls."""

    cell: Polygon
    visits: Visits
    segments: Floats
    turns: Floats


@innerkernel
def _cut_cell(i, tree, lists, region, scratch):
    """Cut cell i out of the frame; returns its corner count, or `FULL`, its area, and the looks that it took."""
    cell, visits, segments, turns = scratch
    stamp = visits.seen[-1] + 1
    visits.seen[-1] = stamp
    count, some = cut_by_candidates(cell, start_cell(cell, region.frame), i, tree, lists, visits.seen, stamp)
    count, more = cut_by_tree(cell, count, i, tree, visits, stamp)
    count = cut_by_walls(cell, count, region)
    if count == FULL:
        return count, 0.0, some + more
    return count, measure_cell(cell.xy, count, region.radius, segments, turns)[0][0], some + more


@innerkernel
def _raise_cell(i, wanted, step, tree, lists, region, scratch):
    """Raise weight i until the area of its cell, if below `LEAST` of that wanted, is `GOAL` to twice `GOAL` of it.

    Returns its corner count, 0 if there was nothing to do, or `FULL`; and the looks that it took.
    """
    low, high, start, rise, count, goal, looks = 0.0, np.inf, tree.weights[i], 0.0, 0, GOAL * wanted, 0
    for trial in range(100):
        tree.weights[i] = start + rise
        count, area, more = _cut_cell(i, tree, lists, region, scratch)
        looks += more
        if trial == 0 and area >= LEAST * wanted and count != FULL:
            return 0, looks
        if count == FULL or goal <= area <= 2.0 * goal:
            break
        if area < goal:
            low = rise
        else:
            high = rise
        rise = 0.5 * (low + high) if high < np.inf else max(2.0 * low, step)
    return count, looks


@innerkernel
def _list_near(i, count, tag, lists, near):
    """Fill `near` with the sites beyond the cell's edges and with the listed ones; returns how many."""
    starts, neighbors = lists
    for k in range(count):
        near[k] = tag[k, 0]
    for k in range(starts[i], starts[i + 1]):
        near[count] = neighbors[k]
        count += 1
    return count


@kernel
def raise_small_cells(line, wanted, steps, tree, lists, region, most):
    """Raise the weights of the sites in line, and of cells that become small, until none is below ``LEAST * wanted``.

    Cells near a raised one are visited again. A cell is raised to between `GOAL` and twice `GOAL` of its wanted area;
    `steps` (n,) is a first guess of the change of weight. Changes the tree's weights and bounds, and the line. Returns
    `RAISED`; or `GAVE_UP` if the line is full; or `GOING_ON` after at least `most` looks; and how many there were.
    """
    queue, waiting, ends = line
    n, room, longest, looks = len(tree.sites), CORNERS, 0, 0
    for i in range(n):
        longest = max(longest, lists[0][i + 1] - lists[0][i])
    cell, visits = make_polygon(room), Visits(np.empty(STACK, np.int64), np.full(n + 1, -1))
    scratch, near = _Scratch(cell, visits, np.empty((room, 4)), np.empty((room, 2))), np.empty(longest + room, np.int64)
    head, tail, limit = ends[0], ends[1], len(queue)
    while head < tail:
        if looks >= most:
            ends[0], ends[1] = head, tail
            return GOING_ON, looks
        i = queue[head]
        head += 1
        waiting[i] = False
        count, more = _raise_cell(i, wanted[i], steps[i], tree, lists, region, scratch)
        looks += more
        if count == FULL:
            return GAVE_UP, looks
        if count == 0:
            continue
        raise_bounds(i, tree)
        for k in range(_list_near(i, count, cell.tag, lists, near)):
            j = near[k]
            if j < 0 or waiting[j]:
                continue
            if tail == limit:
                return GAVE_UP, looks
            queue[tail] = j
            tail += 1
            waiting[j] = True
    return RAISED, looks
