"""Raise the cells that have too little mass, one at a time, until all have some.

A cell's mass grows with its own weight while all others only lose, so one weight after another can be raised until its
cell has a modest share of the mass wanted; a neighbor that falls short on the way is put in line (Oliker and Prussner,
"On the numerical solution of the equation det D^2 u = f and its discretizations", Numer. Math. 1989). From nearly
right weights this ends soon, and Newton's method can start. It does not see a cell that another one buries whole, so
the diagram is computed again and the rest mended in a further round.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel, run_in_chunks
from meshot.diagrams.plane.cells import measure_cell
from meshot.diagrams.plane.clipping import (
    FULL,
    Polygon,
    Visits,
    cut_by_candidates,
    cut_by_tree,
    cut_by_walls,
    make_polygon,
    start_cell,
)
from meshot.diagrams.plane.diagram import PowerDiagram, PowerEngine
from meshot.diagrams.region import plane_region, space_region
from meshot.diagrams.site_tree import build_tree, raise_bounds
from meshot.diagrams.space.cells import Near, cut_out
from meshot.diagrams.space.clipping import no_visits
from meshot.diagrams.space.diagram import SpaceDiagram, SpaceEngine
from meshot.diagrams.space.measure import COLUMNS, measure_polytope
from meshot.diagrams.space.polytope import OUT_OF_ROOM, make_polytope
from meshot.transport.newton import Diagram, Engine

# Cells looked at, for each small one, before giving up: raised ones and those near them.
LIMIT = 300
# Where the density vanishes in places, the share of small cells from which the weights are not nearly right.
FEW = 0.1
# Shares of the mass wanted: below the first a cell is mended, to between the second and twice as much.
LEAST, GOAL = 0.05, 0.3
ROUNDS = 8
# Corners that a cell in the plane may have; corners and facets in space.
_CORNERS, ROOM = 256, 1024
# Small cells that are raised by one thread at a time.
CHUNK = 32


def mend(engine: Engine, weights: Floats, wanted: Floats, starts: Ints, neighbors: Ints) -> Diagram | None:
    """Return a diagram near that of `weights` in which every cell has mass, or None if there is none to be found.

    Parameters
    ----------
    engine : PowerEngine or SpaceEngine
    weights : (n,) float
        Power weights psi.
    wanted : (n,) float
        The mass that each cell of the diagram is to have in the end.
    starts, neighbors : (n + 1,) int, (e,) int
        Near sites of each site (CSR) in the engine's order: whom a raised cell could bury, and the scale of a step.

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> engine = PowerEngine([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.1]], Disk())
    >>> near = engine.diagram(np.zeros(3)).edges.neighbors
    >>> mended = mend(engine, np.array([0.0, 0.0, -1.0]), np.ones(3), *near)
    >>> bool((mended.masses >= LEAST).all())
    True
    """
    order = engine.order
    owner = np.repeat(np.arange(engine.count), np.diff(starts))
    squared = ((engine.local[owner] - engine.local[neighbors]) ** 2).sum(axis=1)
    spacing = np.sqrt(np.bincount(owner, squared, engine.count) / np.maximum(np.diff(starts), 1))
    spacing = np.where(spacing > 0, spacing, 1.0)
    if isinstance(engine, SpaceEngine):
        return mend_in_space(engine, weights, wanted, spacing)
    place = np.empty_like(order)
    place[order] = np.arange(engine.count)
    diagram = engine.diagram(weights)
    for _ in range(ROUNDS):
        small = np.flatnonzero(~(diagram.masses >= LEAST * wanted))
        if len(small) == 0:
            return diagram
        bare = (diagram.areas > 0) & ~(diagram.masses > 0)
        if bare.any() and len(small) > FEW * engine.count:
            break
        areas = wanted[order] / _nearby_density(diagram, owner, neighbors)
        raised = _raised(engine, diagram.weights, np.sort(place[small]), areas, spacing, starts, neighbors)
        if raised is None:
            break
        diagram = engine.diagram(raised)
    return diagram if (diagram.areas > 0).all() else None


def _nearby_density(diagram: PowerDiagram, owner: Ints, neighbors: Ints) -> Floats:
    """Return the mean density of each cell and those near it, in the engine's order; the mean where they have no mass.

    Cells are raised by their areas, which is exact for a uniform density.
    """
    order = diagram.edges.order
    masses, areas = diagram.masses[order], diagram.areas[order]
    near_masses = masses + np.bincount(owner, masses[neighbors], len(order))
    near_areas = areas + np.bincount(owner, areas[neighbors], len(order))
    everywhere = diagram.masses.sum() / diagram.areas.sum()
    return np.divide(near_masses, near_areas, where=near_masses > 0, out=np.full(len(order), everywhere))


def _raised(
    engine: PowerEngine, weights: Floats, small: Ints, areas: Floats, spacing: Floats, starts: Ints, neighbors: Ints
) -> Floats | None:
    """Return the weights after one round, or None if it did not end; `areas` are wanted, in the engine's order."""
    order = engine.order
    mended, steps = weights[order], 0.5 * np.sqrt(areas) * spacing
    tree, limit = build_tree(engine.local, mended), LIMIT * (len(small) + 50)
    if not raise_small_cells(small, limit, areas, steps, tree, (starts, neighbors), plane_region(engine.domain)):
        return None
    back = np.empty_like(mended)
    back[order] = mended
    return back


class _Scratch(NamedTuple):
    """What one cell after the other is cut out with, and its outline; ``visits.seen[-1]`` counts the calls."""

    cell: Polygon
    visits: Visits
    segments: Floats
    turns: Floats


@innerkernel
def _cut_cell(i, tree, lists, region, scratch):
    """Cut cell i out of the frame; returns its corner count, or `FULL`, and its area."""
    cell, visits, segments, turns = scratch
    stamp = visits.seen[-1] + 1
    visits.seen[-1] = stamp
    count = cut_by_candidates(cell, start_cell(cell, region.frame), i, tree, lists, visits.seen, stamp)
    count = cut_by_walls(cell, cut_by_tree(cell, count, i, tree, visits, stamp), region)
    if count == FULL:
        return count, 0.0
    return count, measure_cell(cell.xy, count, region.radius, segments, turns)[0][0]


@innerkernel
def _raise_cell(i, wanted, step, tree, lists, region, scratch):
    """Raise weight i until the area of its cell, if below `LEAST` of that wanted, is `GOAL` to twice `GOAL` of it.

    Returns its corner count, 0 if there was nothing to do, or `FULL`.
    """
    low, high, start, rise, count, goal = 0.0, np.inf, tree.weights[i], 0.0, 0, GOAL * wanted
    for trial in range(100):
        tree.weights[i] = start + rise
        count, area = _cut_cell(i, tree, lists, region, scratch)
        if trial == 0 and area >= LEAST * wanted and count != FULL:
            return 0
        if count == FULL or goal <= area <= 2.0 * goal:
            break
        if area < goal:
            low = rise
        else:
            high = rise
        rise = 0.5 * (low + high) if high < np.inf else max(2.0 * low, step)
    return count


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
def raise_small_cells(small, limit, wanted, steps, tree, lists, region):
    """Raise the weights of the sites `small`, and of whom that makes small, until no cell is below ``LEAST * wanted``.

    Whoever is near a raised cell is looked at again. A cell is raised to between `GOAL` and twice `GOAL` of what it
    wants, in areas; `steps` (n,) is a first guess of the change of weight that this takes. Changes the tree's weights
    and bounds; returns whether it came to an end before `limit` cells were looked at.
    """
    n, room = len(tree.sites), _CORNERS
    cell, visits = make_polygon(room), Visits(np.empty(128, np.int64), np.full(n + 1, -1))
    scratch, waiting = _Scratch(cell, visits, np.empty((room, 4)), np.empty((room, 2))), np.zeros(n, np.bool_)
    queue, near = np.empty(limit, np.int64), np.empty(n + room, np.int64)
    head, tail = 0, min(len(small), limit)
    for k in range(tail):
        queue[k] = small[k]
        waiting[small[k]] = True
    while head < tail:
        i = queue[head]
        head += 1
        waiting[i] = False
        count = _raise_cell(i, wanted[i], steps[i], tree, lists, region, scratch)
        if count == FULL:
            return False
        if count == 0:
            continue
        raise_bounds(i, tree)
        for k in range(_list_near(i, count, cell.tag, lists, near)):
            j = near[k]
            if j < 0 or waiting[j]:
                continue
            if tail == limit:
                return False
            queue[tail] = j
            tail += 1
            waiting[j] = True
    return True


def mend_in_space(engine: SpaceEngine, weights: Floats, wanted: Floats, spacing: Floats) -> SpaceDiagram | None:
    """Return a diagram near that of `weights` in which every cell has volume, or None if there is none to be found.

    Parameters
    ----------
    engine : SpaceEngine
    weights : (n,) float
        Power weights psi.
    wanted : (n,) float
        The volume that each cell is to have in the end.
    spacing : (n,) float
        Distance from each site to those near it, in the engine's order.

    Examples
    --------
    >>> from meshot.diagrams.domains import Ball
    >>> engine = SpaceEngine([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.1, 0.0]], Ball())
    >>> mended = mend_in_space(engine, np.array([0.0, 0.0, -1.0]), np.ones(3), np.ones(3))
    >>> bool((mended.masses >= LEAST).all())
    True
    """
    diagram = engine.diagram(weights)
    for _ in range(ROUNDS):
        small = np.flatnonzero(~(diagram.masses >= LEAST * wanted))
        if len(small) == 0:
            return diagram
        weights = diagram.weights.copy()
        weights[small] = _raised_in_space(engine, diagram, small, wanted, spacing)
        diagram = engine.diagram(weights)
    return diagram if (diagram.masses > 0).all() else None


def _raised_in_space(
    engine: SpaceEngine, diagram: SpaceDiagram, small: Ints, wanted: Floats, spacing: Floats
) -> Floats:
    """Return the weights of the `small` sites, each raised alone until its cell has its share."""
    domain, order = engine.domain, engine.order
    place = np.empty_like(order)
    place[order] = np.arange(engine.count)
    level = diagram.weights.mean()
    psi = diagram.weights[order] - level
    origins = np.where(np.isfinite(diagram.centroids[order]), diagram.centroids[order] - domain.center, engine.local)
    tree = build_tree(engine.local, psi)
    region = space_region(engine.frame, domain.walls, domain.circle_radius, domain.inner_radius)
    raised, where = np.empty(len(small)), place[small]
    near = diagram.edges.starts, diagram.edges.beyond
    goals, steps = GOAL * wanted[small], 0.5 * np.cbrt(wanted[small]) * spacing[where]

    def work(first: int, last: int) -> None:
        own = tree._replace(weights=psi.copy())  # a thread changes the weight at hand
        raise_space_cells(first, last, where, goals, steps, origins, own, region, near, raised)

    run_in_chunks(work, len(small), CHUNK)
    return raised + level


@kernel
def raise_space_cells(first, last, small, goals, steps, origins, tree, region, lists, raised):
    """Raise the weight of each site ``small[k]`` until the volume of its cell is ``goals[k]`` to twice that.

    The weights of all others stay, so bounds of the tree hold; ``steps[k]`` is a first guess of the change.
    """
    cell, facets, visits = make_polytope(ROOM), np.empty((ROOM, COLUMNS)), no_visits(len(tree.sites))
    starts, neighbors = lists
    for k in range(first, last):
        i, low, high, rise = small[k], 0.0, np.inf, steps[k]
        before = tree.weights[i]
        o, near = (origins[i, 0], origins[i, 1], origins[i, 2]), Near(neighbors, starts[i], starts[i + 1])
        for _ in range(60):
            tree.weights[i] = before + rise
            for j in range(len(visits.seen)):
                visits.seen[j] = -1
            count, used = cut_out(cell, i, o, tree, region, near, visits)
            volume = 0.0
            if count > 0:
                volume = measure_polytope(cell, count, used, o, region, facets)[0]
            if count == OUT_OF_ROOM or goals[k] <= volume <= 2.0 * goals[k]:
                break
            if volume < goals[k]:
                low = rise
            else:
                high = rise
            rise = 0.5 * (low + high) if high < np.inf else 2.0 * rise
        raised[k], tree.weights[i] = tree.weights[i], before
