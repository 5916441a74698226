import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.diagrams.power_cells import GOAL, LEAST
from meshot.diagrams.site_tree import build_tree, hilbert_order, node_bound, raise_bounds
from meshot.transport.initial_weights import mend


def started(count, domain, seed=0):
    sites = domain.center + 0.4 * (np.random.default_rng(seed).random((count, 2)) - 0.5)
    engine = PowerEngine(sites, domain)
    engine.diagram(np.zeros(count))
    return engine


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-4, 3e-3), st.sampled_from(["disk", "box", "polygon"]))
def test_a_bad_start_becomes_one_without_empty_cells(seed, noise, kind):
    domain = {
        "disk": Disk(),
        "box": Box([-1, -0.5], [1, 1]),
        "polygon": ConvexPolygon([[-1, -1], [1, -0.5], [0.2, 1]]),
    }[kind]
    engine = started(200, domain, seed)
    weights = noise * np.random.default_rng(seed).standard_normal(200)
    wanted = np.full(200, 1e-4 * domain.area)
    near = engine.diagram(np.zeros(engine.count)).edges.neighbors
    mended = mend(engine, weights, wanted, *near)
    assert mended.certificate <= 1e-12
    assert (mended.masses >= LEAST * wanted).all()


@pytest.mark.uncompiled
def test_cells_that_are_large_enough_stay():
    engine = started(300, Disk())
    wanted = 0.5 * engine.diagram(np.zeros(300)).masses
    mended = mend(engine, np.zeros(300), wanted, *engine.diagram(np.zeros(engine.count)).edges.neighbors)
    assert (mended.weights == 0).all()


@pytest.mark.uncompiled
def test_a_single_buried_cell_gets_its_share():
    engine = started(300, Disk())
    near, wanted = engine.diagram(np.zeros(engine.count)).edges.neighbors, np.full(300, 1e-4)
    weights = np.zeros(300)
    weights[17] = -1.0
    assert engine.diagram(weights).empty.tolist() == [17]
    mended = mend(engine, weights, wanted, *near)
    assert GOAL * 1e-4 <= mended.masses[17] <= 2 * GOAL * 1e-4
    assert (np.delete(mended.weights, 17) == 0).all()


def test_masses_that_do_not_fit_are_given_up():
    engine = started(50, Disk())
    near = engine.diagram(np.zeros(engine.count)).edges.neighbors
    assert mend(engine, np.r_[10.0, np.zeros(49)], np.full(50, np.pi), *near) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**31))
def test_bounds_hold_after_a_weight_has_grown(count, seed):
    rng = np.random.default_rng(seed)
    sites = rng.random((count, 2))
    sites = sites[hilbert_order(sites)]
    weights = 0.1 * rng.random(count)
    tree = build_tree(sites, weights)
    i = int(rng.integers(count))
    weights[i] += 3.0
    raise_bounds(i, tree)
    x, y = rng.uniform(-1, 2, 2)
    power = (x - sites[:, 0]) ** 2 + (y - sites[:, 1]) ** 2 - weights
    leaves = np.flatnonzero(tree.spans[:, 2] == 1)
    for node in leaves:
        assert node_bound(tree.bounds, node, x, y) <= power[tree.spans[node, 0] : tree.spans[node, 1]].min() + 1e-12
    assert node_bound(tree.bounds, 0, x, y) <= power.min() + 1e-12


def test_input_is_not_changed():
    engine = started(100, Disk())
    weights, wanted = np.r_[-1.0, np.zeros(99)], np.full(100, 1e-3)
    copies = weights.copy(), wanted.copy()
    mend(engine, weights, wanted, *engine.diagram(np.zeros(engine.count)).edges.neighbors)
    assert (weights == copies[0]).all()
    assert (wanted == copies[1]).all()
