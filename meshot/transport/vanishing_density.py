"""A way for Newton's method where the density vanishes in places, so that cells there have no mass.

A few such cells are raised: their weights grow until they reach mass. For many, the density is blended with a uniform
one, which is then faded out. Under ``(1 - t) f + t mean(f)`` every cell that has area has mass; with that density
solved loosely, a cell of area a lacks mass under f only if ``t mean(f) a`` is nearly all it wants. So t falls until no
cell does, at the latest when t is the least share of mass that a site wants. Where Newton's method is stuck all the
same, t falls until it does not count.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from meshot.base.arrays import Floats
from meshot.base.errors import GeometryError
from meshot.transport.newton import DampedNewton, Diagram, Engine, TransportProblem, TransportState, first_state

# Share of the cells up to which they are raised, rounds of that, and the growth of the steps.
FEW, ROUNDS, GROWTH = 0.1, 60, 1.3
# Share of the mass wanted that a raised cell reaches.
LEAST = 0.05
# First share of the uniform density, its first divisor, its least; largest relative error at which it is divided.
FIRST, FADE, LAST, LOOSE = 0.25, 4.0, 1e-12, 0.3
# After so few steps of Newton's method the divisor is squared, up to a bound; after so many it becomes the slowest.
FEW_STEPS, FASTEST, MANY_STEPS, SLOWEST = 2, 1e4, 10, 2.0


def give_all_mass(problem: TransportProblem, engine: Engine, diagram: Diagram) -> Diagram:
    """Return a diagram in which every cell has mass: this one, if that is so, or another.

    Parameters
    ----------
    problem : TransportProblem
    engine : PowerEngine or SpaceEngine
        For the problem's sites, domain and source.
    diagram : PowerDiagram or SpaceDiagram
        Every cell has area.

    Raises
    ------
    GeometryError
        There are cells without area, or none of the diagrams tried gives all cells mass (with their ids).

    Examples
    --------
    >>> from meshot.diagrams.density.densities import GridDensity
    >>> from meshot.diagrams.density.source import Source
    >>> density = GridDensity([[0.0, 0.0, 1.0]], [0, 0], [3, 1])
    >>> source = Source(density, density.domain)
    >>> problem = TransportProblem(np.array([[0.5, 0.5], [2.5, 0.5]]), np.array([0.5, 0.5]), source.domain, source)
    >>> engine = problem.engine()
    >>> start = give_all_mass(problem, engine, engine.diagram(np.zeros(2)))
    >>> bool((start.masses > 0).all())
    True
    """
    if 0 < len(diagram.empty) <= FEW * engine.count and problem.source is not None:
        raised = _raised(engine, diagram, problem.masses / problem.density)
        diagram = diagram if raised is None else raised
    if len(diagram.empty) and problem.source is not None and (diagram.measures > 0).all():
        for weights in _faded(problem, diagram.weights, LOOSE):
            diagram = engine.diagram(weights)
            if not len(diagram.empty):
                break
    if len(diagram.empty):
        raise GeometryError("cells have no mass at the start", ids=diagram.empty.tolist())
    return diagram


def fade_out(problem: TransportProblem, engine: Engine, state: TransportState, tol: float) -> Iterator[TransportState]:
    """Yield ever better states from one that Newton's method does not leave, the last within `tol` if that succeeds.

    Between parts of the domain where the density does not vanish, but does between them, no mass can flow a little at
    a time: Newton's method is stuck where one of them has too many sites. Over a blended density it flows.

    Parameters
    ----------
    problem : TransportProblem
        With a source.
    engine : PowerEngine or SpaceEngine
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


def _raised(engine: Any, diagram: Any, wanted: Floats) -> Any:
    """Raise the weights of cells below `LEAST` of the mass wanted, in growing steps; None if that does not end."""
    first = 0.1 * wanted * diagram.areas.sum() / diagram.masses.sum()
    steps = first.copy()
    for _ in range(ROUNDS):
        small = diagram.masses < LEAST * wanted
        if not small.any():
            return diagram
        diagram = engine.diagram(diagram.weights + np.where(small, steps, 0.0))
        steps = np.where(small, GROWTH * steps, first)
    return None
