import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.diagrams.site_tree import FAN, LEAF, build_tree, hilbert_order, nearest_sites, node_bound

pytestmark = pytest.mark.uncompiled


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.integers(0, 2**31), st.floats(0, 3))
def test_nearest_sites_agree_with_brute_force(count, seed, slope):
    rng = np.random.default_rng(seed)
    sites = rng.random((count, 2))
    sites = sites[hilbert_order(sites)]
    weights = slope * sites[:, 0] + 0.1 * rng.random(count)
    points = rng.uniform(-1, 2, (50, 2))
    power = ((points[:, None] - sites) ** 2).sum(axis=2) - weights
    found = nearest_sites(points, build_tree(sites, weights))
    assert power[np.arange(50), found] == pytest.approx(power.min(axis=1), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**31))
def test_a_node_bounds_the_power_distance_to_its_sites_from_below(count, seed):
    rng = np.random.default_rng(seed)
    sites = rng.random((count, 2))
    sites = sites[hilbert_order(sites)]
    weights = sites @ [2.0, -1.0] + rng.random(count)
    *_, spans, bounds = build_tree(sites, weights)
    x, y = rng.uniform(-1, 2, 2)
    power = (x - sites[:, 0]) ** 2 + (y - sites[:, 1]) ** 2 - weights
    leaves = np.flatnonzero(spans[:, 2] == 1)
    for node in leaves:
        assert node_bound(bounds, node, x, y) <= power[spans[node, 0] : spans[node, 1]].min() + 1e-12
    assert node_bound(bounds, 0, x, y) <= power.min() + 1e-12


@pytest.mark.parametrize("count", [1, LEAF, LEAF + 1, LEAF * FAN, LEAF * FAN + 1, 1000])
def test_each_site_is_in_one_leaf_and_each_node_has_one_parent(count):
    sites = np.random.default_rng(0).random((count, 2))
    spans = build_tree(sites, np.zeros(count)).spans
    leaf = spans[:, 2] == 1
    held = np.concatenate([np.arange(*span) for span in spans[leaf, :2]])
    children = np.concatenate([np.arange(*span) for span in spans[~leaf, :2]] + [[0]])
    assert sorted(held) == list(range(count))
    assert sorted(children) == list(range(len(spans)))


def test_hilbert_order_takes_unit_steps_on_a_grid():
    points = np.stack(np.meshgrid(np.arange(16.0), np.arange(16.0)), axis=-1).reshape(-1, 2)
    steps = np.linalg.norm(np.diff(points[hilbert_order(points + 0.5)], axis=0), axis=1)
    assert steps.max() < 3
    assert (steps == 1).mean() > 0.8


def test_hilbert_order_of_one_point_and_of_a_line():
    assert hilbert_order(np.array([[1.0, 2.0]])).tolist() == [0]
    line = np.column_stack([np.linspace(0, 1, 9), np.zeros(9)])
    assert sorted(hilbert_order(line)) == list(range(9))
