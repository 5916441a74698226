import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.diagrams.site_tree import build_tree, hilbert_order, nearest_sites, space_node_bound

pytestmark = pytest.mark.fast


@pytest.mark.uncompiled
@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.integers(0, 2**31), st.floats(0, 3))
def test_nearest_sites_agree_with_brute_force(count, seed, slope):
    rng = np.random.default_rng(seed)
    sites = rng.random((count, 3))
    sites = sites[hilbert_order(sites)]
    weights = slope * sites[:, 0] + 0.1 * rng.random(count)
    points = rng.uniform(-1, 2, (50, 3))
    power = ((points[:, None] - sites) ** 2).sum(axis=2) - weights
    found = nearest_sites(points, build_tree(sites, weights))
    assert power[np.arange(50), found] == pytest.approx(power.min(axis=1), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**31), st.sampled_from([1e-9, 1.0]), st.sampled_from([0.0, 1.0, 1e8]))
def test_a_node_bounds_the_power_distance_to_its_sites_from_below(count, seed, scale, steep):
    rng = np.random.default_rng(seed)
    sites = scale * rng.random((count, 3))
    sites = sites[hilbert_order(sites)]
    weights = sites @ [2.0, -1.0, 3.0] + steep * rng.random(count)
    *_, spans, bounds = build_tree(sites, weights)
    point = rng.uniform(-1, 2, 3)
    power = ((point - sites) ** 2).sum(axis=1) - weights
    margin = 1e-15 * np.abs(power).max()
    for node in np.flatnonzero(spans[:, 2] == 1):
        assert space_node_bound(bounds, node, *point) <= power[spans[node, 0] : spans[node, 1]].min() + margin
    assert space_node_bound(bounds, 0, *point) <= power.min() + margin


@pytest.mark.uncompiled
def test_hilbert_order_takes_unit_steps_on_a_grid():
    points = np.stack(np.meshgrid(*[np.arange(8.0)] * 3), axis=-1).reshape(-1, 3)
    steps = np.linalg.norm(np.diff(points[hilbert_order(points + 0.5)], axis=0), axis=1)
    assert (steps == 1).all()
