"""Weights from which Newton's method can start: every cell has mass.

* `mend` raises the few cells that have too little. A cell's mass grows with its own weight while all others only lose,
  so one weight after another can be raised until its cell has a modest share of the mass wanted; a neighbor that falls
  short on the way is put in line (Oliker and Prussner, "On the numerical solution of the equation det D^2 u = f and its
  discretizations", Numer. Math. 1989). From nearly right weights this ends soon. It does not see a cell that another
  one buries whole, so the diagram is computed again and the rest mended in a further round.
* `give_all_mass` is for densities that vanish in places, so that cells there have no mass. A few are raised. For many,
  the density is blended with a uniform one, which is then faded out. Under ``(1 - t) f + t mean(f)`` every cell that
  has area has mass; with that density solved loosely, a cell of area a lacks mass under f only if ``t mean(f) a`` is
  nearly all it wants. So t falls until no cell does, at the latest when t is the least share of mass that a site wants.
* `fade_out`: where Newton's method is stuck all the same, t falls until it does not count.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.diagrams.power_cells import LEAST, PowerCells, SiteEngine
from meshot.transport.newton import DampedNewton, TransportState, first_state
from meshot.transport.problem import TransportProblem

# Rounds of mending.
ROUNDS = 8
# Share of the cells without mass up to which they are raised.
FEW = 0.1
# First share of the uniform density, its first divisor, its least; largest relative error at which it is divided.
FIRST, FADE, LAST, LOOSE = 0.25, 4.0, 1e-12, 0.3
# After so few steps of Newton's method the divisor is squared, up to a bound; after so many it becomes the slowest.
FEW_STEPS, FASTEST, MANY_STEPS, SLOWEST = 2, 1e4, 10, 2.0

State: TypeAlias = TransportState[PowerCells]


def mend(
    engine: SiteEngine[PowerCells], weights: Floats, wanted: Floats, starts: Ints, neighbors: Ints
) -> PowerCells | None:
    """Return a diagram near that of `weights` in which every cell has mass, or None if there is none to be found.

    Parameters
    ----------
    engine : SiteEngine
    weights : (n,) float
        Power weights psi.
    wanted : (n,) float
        The mass that each cell of the diagram is to have in the end.
    starts, neighbors : (n + 1,) int, (e,) int
        Near sites of each site (CSR) in the engine's order: whom a raised cell could bury, and the scale of a step.

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> engine = Disk().engine([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.1]])
    >>> near = engine.diagram(np.zeros(3)).edges.neighbors
    >>> mended = mend(engine, np.array([0.0, 0.0, -1.0]), np.ones(3), *near)
    >>> bool((mended.masses >= LEAST).all())
    True
    """
    owner = np.repeat(np.arange(engine.count), np.diff(starts))
    squared = ((engine.local[owner] - engine.local[neighbors]) ** 2).sum(axis=1)
    spacing = np.sqrt(np.bincount(owner, squared, engine.count) / np.maximum(np.diff(starts), 1))
    spacing = np.where(spacing > 0, spacing, 1.0)
    diagram = engine.diagram(weights)
    for _ in range(ROUNDS):
        small = np.flatnonzero(~(diagram.masses >= LEAST * wanted))
        if len(small) == 0:
            return diagram
        raised = engine.raised_weights(diagram, small, wanted, spacing, (starts, neighbors))
        if raised is None:
            break
        diagram = engine.diagram(raised)
    return diagram if (diagram.measures > 0).all() else None


def give_all_mass(problem: TransportProblem, engine: SiteEngine[PowerCells], diagram: PowerCells) -> PowerCells:
    """Return a diagram in which every cell has mass: this one, if that is so, or another.

    Parameters
    ----------
    problem : TransportProblem
    engine : SiteEngine
        For the problem's sites, domain and source.
    diagram : PowerCells
        Every cell has area.

    Raises
    ------
    GeometryError
        There are cells without area, or none of the diagrams tried gives all cells mass (with their ids).

    Examples
    --------
    >>> from meshot.diagrams.density.densities import GridDensity
    >>> from meshot.diagrams.density.source import DensitySource
    >>> density = GridDensity([[0.0, 0.0, 1.0]], [0, 0], [3, 1])
    >>> source = DensitySource(density, density.domain)
    >>> problem = TransportProblem(np.array([[0.5, 0.5], [2.5, 0.5]]), np.array([0.5, 0.5]), source.domain, source)
    >>> engine = problem.engine()
    >>> start = give_all_mass(problem, engine, engine.diagram(np.zeros(2)))
    >>> bool((start.masses > 0).all())
    True
    """
    if 0 < len(diagram.empty) <= FEW * engine.count and problem.source is not None:
        raised = engine.raised(diagram, problem.masses / problem.density)
        diagram = diagram if raised is None else raised
    if len(diagram.empty) and problem.source is not None and (diagram.measures > 0).all():
        for weights in _faded(problem, diagram.weights, LOOSE):
            diagram = engine.diagram(weights)
            if not len(diagram.empty):
                break
    if len(diagram.empty):
        raise GeometryError("cells have no mass at the start", ids=diagram.empty.tolist())
    return diagram


def fade_out(problem: TransportProblem, engine: SiteEngine[PowerCells], state: State, tol: float) -> Iterator[State]:
    """Yield ever better states from one that Newton's method does not leave, the last within `tol` if that succeeds.

    Between parts of the domain where the density does not vanish, but does between them, no mass can flow a little at
    a time: Newton's method is stuck where one of them has too many sites. Over a blended density it flows.

    Parameters
    ----------
    problem : TransportProblem
        With a source.
    engine : SiteEngine
        For the problem's sites, domain and source.
    state : TransportState
    tol : float
        Largest relative error of a cell's mass to be reached.
    """
    begin, spent = time.perf_counter(), state.history[-1].seconds
    for weights in _faded(problem, state.diagram.weights, tol):
        made = first_state(problem, engine.diagram(weights), spent + time.perf_counter() - begin)
        if made.error < state.error:
            state = TransportState(made.heights, made.diagram, (*state.history, *made.history))
            yield state
        if state.error <= tol:
            return


def _faded(problem: TransportProblem, weights: Floats, tol: float) -> Iterator[Floats]:
    """Yield weights that solve the problem with ever less of the uniform density; the last to `tol`, the rest loosely.

    The less a share changes, the faster the next ones fall. Ends early where Newton's method ends outside of `LOOSE`.
    """
    assert problem.source is not None
    share, factor = FIRST, FADE
    while share >= LAST:
        blended = replace(problem, source=problem.source.blended(share))
        engine = blended.engine()
        solver = DampedNewton(LOOSE if share > tol / 100 else tol / 2)
        state = solver.end(blended, engine, engine.diagram(weights))
        if state.error > LOOSE:
            return
        weights = state.diagram.weights
        yield weights
        steps = len(state.history) - 1
        if steps <= FEW_STEPS:
            factor = min(factor**2, FASTEST)
        elif steps >= MANY_STEPS:
            factor = SLOWEST
        share /= factor
