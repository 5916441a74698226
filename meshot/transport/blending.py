"""A start for Newton's method where the density vanishes in places, so that cells there have no mass.

A few such cells are raised: their weights grow until they reach mass. For many, the density is blended with a uniform
one, which is then faded out. Under ``(1 - t) f + t mean(f)`` every cell that has area has mass; with that density
solved loosely, a cell of area a lacks mass under f only if ``t mean(f) a`` is nearly all it wants. So t is divided by
`FADE` until no cell does, at the latest when t is the least share of mass that a site wants.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from meshot.errors import GeometryError
from meshot.meshes.mesh import Floats
from meshot.transport.newton import DampedNewton, Diagram, Engine, TransportProblem, first_state

# Share of the cells up to which they are raised, rounds of that, and the growth of the steps.
FEW, ROUNDS, GROWTH = 0.1, 60, 1.3
# Share of the mass wanted that a raised cell reaches.
LEAST = 0.05
# First share of the uniform density, its divisor, its least; largest relative error at which it is divided.
FIRST, FADE, LAST, LOOSE = 0.25, 4.0, 1e-12, 0.3


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
    >>> from meshot.diagrams.density import GridDensity
    >>> from meshot.diagrams.source import Source
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
    share = FIRST
    while len(diagram.empty):
        if problem.source is None or not (diagram.measures > 0).all() or share < LAST:
            raise GeometryError("cells have no mass at the start", ids=diagram.empty.tolist())
        blended = replace(problem, source=problem.source.blended(share))
        mixed = blended.engine()
        state = first_state(blended, mixed.diagram(diagram.weights))
        for next_state in DampedNewton(tol=LOOSE).iterate(blended, mixed, state):
            state = next_state
        diagram = engine.diagram(state.diagram.weights)
        share /= FADE
    return diagram


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
