"""Raise the cells in space that have too little mass, until all have some; `mending` does so in the plane.

In each round every small cell is raised as if it were the only one, on all cores, and the diagram is computed again:
small cells are few and mostly far apart, so what is left for the next round is less each time.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshot.diagrams.polytope import FULL
from meshot.diagrams.sitetree import build_tree
from meshot.diagrams.spacecells import cut_out
from meshot.diagrams.spacemeasure import COLUMNS, measure_polytope
from meshot.diagrams.spacepower import SpaceDiagram, SpaceEngine
from meshot.kernels import kernel, run_in_chunks
from meshot.meshes.mesh import Floats, Ints

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
    >>> from meshot.diagrams.spacedomains import Ball
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
        weights[small] = _raised(engine, diagram, small, wanted, spacing)
        diagram = engine.diagram(weights)
    return diagram if (diagram.masses > 0).all() else None


def _raised(engine: SpaceEngine, diagram: SpaceDiagram, small: Ints, wanted: Floats, spacing: Floats) -> Floats:
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
            if count == FULL or goals[k] <= volume <= 2.0 * goals[k]:
                break
            if volume < goals[k]:
                low = rise
            else:
                high = rise
            rise = 0.5 * (low + high) if high < np.inf else 2.0 * rise
        raised[k], weights[i] = weights[i], before
