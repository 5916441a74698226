import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron
from meshot.diagrams.power_cells import GOAL, LEAST
from meshot.diagrams.space.diagram import SpaceEngine
from meshot.transport.initial_weights import mend

DOMAINS = {
    "ball": Ball(),
    "box": Box([-1, -0.5, -1], [1, 1, 1]),
    "polyhedron": ConvexPolyhedron([[-1, -1, -1], [1, -0.5, -1], [0.2, 1, -1], [0, 0, 1.5]]),
}


def started(count, domain, seed=0):
    """An engine, and the neighbors of its Voronoi cells."""
    sites = domain.center + 0.4 * (np.random.default_rng(seed).random((count, 3)) - 0.5)
    engine = SpaceEngine(sites, domain)
    return engine, engine.diagram(np.zeros(count)).edges.neighbors


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 1e-2), st.sampled_from(list(DOMAINS)))
def test_a_bad_start_becomes_one_without_empty_cells(seed, noise, kind):
    domain = DOMAINS[kind]
    engine, near = started(150, domain, seed)
    weights = noise * np.random.default_rng(seed).standard_normal(150)
    wanted = np.full(150, 1e-4 * domain.measure)
    mended = mend(engine, weights, wanted, *near)
    assert mended.certificate <= 1e-12
    assert (mended.masses >= LEAST * wanted).all()


@pytest.mark.parametrize("count", [pytest.param(20, marks=pytest.mark.uncompiled), 200])
def test_a_single_buried_cell_gets_its_share(count):
    engine, near = started(count, Ball())
    weights, wanted = np.zeros(count), np.full(count, 1e-4)
    weights[7] = -1.0
    assert engine.diagram(weights).empty.tolist() == [7]
    mended = mend(engine, weights, wanted, *near)
    assert GOAL * 1e-4 <= mended.masses[7] <= 2 * GOAL * 1e-4
    assert (np.delete(mended.weights, 7) == 0).all()
    assert (weights == np.r_[np.zeros(7), -1.0, np.zeros(count - 8)]).all()


@pytest.mark.uncompiled
def test_cells_that_are_large_enough_stay():
    engine, near = started(30, DOMAINS["box"])
    wanted = 0.5 * engine.diagram(np.zeros(30)).masses
    assert (mend(engine, np.zeros(30), wanted, *near).weights == 0).all()


def test_masses_that_do_not_fit_are_given_up():
    engine, near = started(20, Ball())
    assert mend(engine, np.r_[10.0, np.zeros(19)], np.full(20, 4.0), *near) is None
