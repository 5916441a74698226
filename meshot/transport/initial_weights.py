"""Raise the cells that have too little mass, one at a time, until all have some.

A cell's mass grows with its own weight while all others only lose, so one weight after another can be raised until its
cell has a modest share of the mass wanted; a neighbor that falls short on the way is put in line (Oliker and Prussner,
"On the numerical solution of the equation det D^2 u = f and its discretizations", Numer. Math. 1989). From nearly
right weights this ends soon, and Newton's method can start. It does not see a cell that another one buries whole, so
the diagram is computed again and the rest mended in a further round.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import kernel, run_in_chunks, subkernel
from meshot.diagrams.plane.cells import measure_cell
from meshot.diagrams.plane.clipping import FULL, cut_by_candidates, cut_by_tree, cut_by_walls, start_cell
from meshot.diagrams.plane.diagram import PowerDiagram, PowerEngine
from meshot.diagrams.site_tree import build_tree, raise_bounds
from meshot.diagrams.space.cells import cut_out
from meshot.diagrams.space.diagram import SpaceDiagram, SpaceEngine
from meshot.diagrams.space.measure import COLUMNS, measure_polytope
from meshot.diagrams.space.polytope import OUT_OF_ROOM
from meshot.transport.newton import Diagram, Engine

# Cells looked at, for each small one, before giving up: raised ones and those near them.
LIMIT = 300
# Where the density vanishes in places, the share of small cells from which the weights are not nearly right.
FEW = 0.1
_CORNERS = 256


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
    domain, order = engine.domain, engine.order
    mended, steps = weights[order], 0.5 * np.sqrt(areas) * spacing
    tree = build_tree(engine.local, mended)
    radii = np.array([domain.circle_radius, domain.inner_radius])
    ended = raise_small_cells(
        small, LEAST, GOAL, LIMIT * (len(small) + 50), engine.local, mended, areas, steps, starts, neighbors,
        domain.frame, domain.walls, radii, *tree,
    )  # fmt: skip
    if not ended:
        return None
    back = np.empty_like(mended)
    back[order] = mended
    return back


@subkernel
def _cut_cell(
    i, sites, weights, starts, neighbors, frame, walls, radii, spans, bounds,
    xy, tag, side, spare, segments, turns, seen, stack,
):  # fmt: skip
    """Cut cell i out of the frame; returns its corner count, or `FULL`, and its area. ``seen[-1]`` counts the calls."""
    stamp = seen[-1] + 1
    seen[-1] = stamp
    count = start_cell(xy, tag, frame)
    count = cut_by_candidates(xy, tag, count, i, sites, weights, starts, neighbors, seen, stamp, side, spare)
    count = cut_by_tree(xy, tag, count, i, sites, weights, spans, bounds, stack, seen, stamp, side, spare)
    count = cut_by_walls(xy, tag, count, walls, radii[1], side, spare)
    if count == FULL:
        return count, 0.0
    return count, measure_cell(xy, tag, count, radii[0], segments, turns)[0][0]


@subkernel
def _raise_cell(
    i, least, goal, step, sites, weights, starts, neighbors, frame, walls, radii, spans, bounds,
    xy, tag, side, spare, segments, turns, seen, stack,
):  # fmt: skip
    """Raise weight i until the area of its cell, if below `least`, is `goal` to twice `goal`.

    Returns its corner count, 0 if there was nothing to do, or `FULL`.
    """
    low, high, start, rise, count = 0.0, np.inf, weights[i], 0.0, 0
    for trial in range(100):
        weights[i] = start + rise
        count, area = _cut_cell(
            i, sites, weights, starts, neighbors, frame, walls, radii, spans, bounds,
            xy, tag, side, spare, segments, turns, seen, stack,
        )  # fmt: skip
        if trial == 0 and area >= least and count != FULL:
            return 0
        if count == FULL or goal <= area <= 2.0 * goal:
            break
        if area < goal:
            low = rise
        else:
            high = rise
        rise = 0.5 * (low + high) if high < np.inf else max(2.0 * low, step)
    return count


@subkernel
def _list_near(i, count, tag, starts, neighbors, near):
    """Fill `near` with the sites beyond the cell's edges and with the listed ones; returns how many."""
    for k in range(count):
        near[k] = tag[k, 0]
    for k in range(starts[i], starts[i + 1]):
        near[count] = neighbors[k]
        count += 1
    return count


@kernel
def raise_small_cells(
    small, least, goal, limit, sites, weights, wanted, steps, starts, neighbors, frame, walls, radii, spans, bounds
):
    """Raise the weights of the sites `small`, and of whom that makes small, until no cell is below ``least * wanted``.

    Whoever is near a raised cell is looked at again. A cell is raised to between `goal` and twice `goal` of what it
    wants, in areas; `steps` (n,) is a first guess of the change of weight that this takes. Sites stand in Hilbert
    order. Changes `weights` and `bounds`; returns whether it came to an end before `limit` cells were looked at.
    """
    n, room = len(sites), _CORNERS
    xy, side, segments, turns = np.empty((room, 2)), np.empty((room, 2)), np.empty((room, 4)), np.empty((room, 2))
    tag, spare = np.empty((room, 2), np.int64), np.empty((room, 2), np.int64)
    seen, stack, waiting = np.full(n + 1, -1, np.int64), np.empty(128, np.int64), np.zeros(n, np.bool_)
    queue, near = np.empty(limit, np.int64), np.empty(n + room, np.int64)
    head, tail = 0, min(len(small), limit)
    for k in range(tail):
        queue[k] = small[k]
        waiting[small[k]] = True
    while head < tail:
        i = queue[head]
        head += 1
        waiting[i] = False
        count = _raise_cell(
            i, least * wanted[i], goal * wanted[i], steps[i], sites, weights, starts, neighbors,
            frame, walls, radii, spans, bounds, xy, tag, side, spare, segments, turns, seen, stack,
        )  # fmt: skip
        if count == FULL:
            return False
        if count == 0:
            continue
        raise_bounds(i, sites, weights, bounds)
        for k in range(_list_near(i, count, tag, starts, neighbors, near)):
            j = near[k]
            if j < 0 or waiting[j]:
                continue
            if tail == limit:
                return False
            queue[tail] = j
            tail += 1
            waiting[j] = True
    return True


# Shares of the mass wanted: below the first a cell is mended, to between the second and twice as much.
LEAST, GOAL = 0.05, 0.3
ROUNDS = 8
# Corners and facets that a cell may have.
ROOM = 1024
# Small cells that are raised by one thread at a time.
CHUNK = 32


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
    tree, radii = build_tree(engine.local, psi), np.array([domain.circle_radius, domain.inner_radius])
    raised, where = np.empty(len(small)), place[small]
    goals, steps = GOAL * wanted[small], 0.5 * np.cbrt(wanted[small]) * spacing[where]

    def work(first: int, last: int) -> None:
        own: NDArray[Any] = psi.copy()  # a thread changes the weight at hand
        raise_space_cells(
            first, last, ROOM, where, goals, steps, origins, engine.local, own, engine.frame, domain.walls, radii,
            *tree, diagram.edges.starts, diagram.edges.beyond, raised,
        )  # fmt: skip

    run_in_chunks(work, len(small), CHUNK)
    return raised + level


@kernel
def raise_space_cells(
    first, last, room, small, goals, steps, origins, sites, weights, frame, walls, radii, spans, bounds, starts,
    neighbors, raised,
):  # fmt: skip
    """Raise the weight of each site ``small[k]`` until the volume of its cell is ``goals[k]`` to twice that.

    The weights of all others stay, so bounds of the tree hold; ``steps[k]`` is a first guess of the change.
    """
    pos, top, work = np.empty((7, room)), np.empty((room, 6), np.int32), np.empty((room, 9), np.int32)
    planes, label, facets = np.empty((room, 4)), np.empty(room, np.int32), np.empty((room, COLUMNS))
    seen, stack = np.empty(len(sites), np.int32), np.empty(256, np.int64)
    size = max(frame[1, 0] - frame[0, 0], frame[1, 1] - frame[0, 1], frame[1, 2] - frame[0, 2])
    tol = 5e-16 * size
    for k in range(first, last):
        i, low, high, rise = small[k], 0.0, np.inf, steps[k]
        before = weights[i]
        ox, oy, oz = origins[i, 0], origins[i, 1], origins[i, 2]
        for _ in range(60):
            weights[i] = before + rise
            for j in range(len(sites)):
                seen[j] = -1
            count, used = cut_out(
                pos, top, planes, label, work, i, ox, oy, oz, sites, weights, frame, walls, radii, tol, spans, bounds,
                neighbors, starts[i], starts[i + 1], stack, seen,
            )  # fmt: skip
            volume = 0.0
            if count > 0:
                volume = measure_polytope(
                    pos, top, planes, count, used, ox, oy, oz, radii[0], tol, facets, work
                )[0]  # fmt: skip
            if count == OUT_OF_ROOM or goals[k] <= volume <= 2.0 * goals[k]:
                break
            if volume < goals[k]:
                low = rise
            else:
                high = rise
            rise = 0.5 * (low + high) if high < np.inf else 2.0 * rise
        raised[k], weights[i] = weights[i], before
