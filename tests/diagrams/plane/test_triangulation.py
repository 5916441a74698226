import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import as_set, lower_hull

from meshot.diagrams.plane.triangulation import RegularTriangulation, coarse_to_fine
from meshot.diagrams.site_tree import hilbert_order

pytestmark = pytest.mark.uncompiled


def sorted_sites(count, seed=0):
    sites = np.random.default_rng(seed).random((count, 2))
    return sites[hilbert_order(sites)]


def assert_consistent(dual):
    """Neighbors share a side, the other way round, and each site names one of its triangles."""
    alive = np.flatnonzero(dual.triangles[:, 0] >= 0)
    for t in alive:
        for k in range(3):
            o = dual.mesh.across[t, k]
            if o < 0:
                continue
            side = [dual.triangles[t, (k + 1) % 3], dual.triangles[t, (k + 2) % 3]]
            m = dual.mesh.across[o].tolist().index(t)
            assert side == [dual.triangles[o, (m + 2) % 3], dual.triangles[o, (m + 1) % 3]]
    for site, t in enumerate(dual.corner_of):
        assert t < 0 or site in dual.triangles[t]


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 150), st.integers(0, 2**31), st.floats(0, 0.3))
def test_it_is_the_lower_hull(count, seed, strength):
    sites = sorted_sites(count, seed)
    weights = strength * np.random.default_rng(seed).random(count)
    dual = RegularTriangulation(sites)
    assert dual.update(weights, may_hide=True)
    assert_consistent(dual)
    if count > 3:
        assert as_set(dual.inner) == as_set(lower_hull(sites, weights))
    assert set(np.flatnonzero(dual.corner_of[:count] < 0)) == set(range(count)) - set(dual.inner.ravel().tolist())


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 200), st.integers(0, 2**31), st.floats(1e-6, 0.1))
def test_flips_lead_where_insertion_does(count, seed, strength):
    sites, rng = sorted_sites(count, seed), np.random.default_rng(seed)
    kept = RegularTriangulation(sites)
    kept.update(np.zeros(count), may_hide=False)
    for _ in range(4):
        weights = strength * rng.random(count)
        fresh = RegularTriangulation(sites)
        fresh.update(weights, may_hide=True)
        kept.update(weights, may_hide=True)
        assert as_set(kept.inner) == as_set(fresh.inner)
        assert_consistent(kept)


def test_a_hidden_site_is_told_and_leaves_the_triangulation_usable():
    sites = sorted_sites(500)
    dual = RegularTriangulation(sites)
    assert dual.update(np.zeros(500), may_hide=False)
    buried = np.zeros(500)
    buried[250] = -1.0
    assert not dual.update(buried, may_hide=False)
    assert dual.update(np.zeros(500), may_hide=False)
    assert as_set(dual.inner) == as_set(lower_hull(sites, np.zeros(500)))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_grid_is_triangulated(weighted):
    x = np.arange(12.0)
    sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    sites = sites[hilbert_order(sites)]
    weights = 0.5 * np.random.default_rng(0).random(144) if weighted else np.zeros(144)
    dual = RegularTriangulation(sites)
    dual.update(weights, may_hide=True)
    assert_consistent(dual)
    assert len(dual.inner) == 2 * 11 * 11
    assert not weighted or as_set(dual.inner) == as_set(lower_hull(sites, weights))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_or_collinear_sites_have_no_inner_triangle(count):
    dual = RegularTriangulation(np.column_stack([np.arange(count), 2.0 * np.arange(count)]))
    dual.update(np.zeros(count), may_hide=False)
    assert_consistent(dual)
    assert len(dual.inner) == 0
    assert (dual.corner_of >= 0).all()


def test_flips_that_do_not_end_leave_nothing(monkeypatch):
    monkeypatch.setattr("meshot.diagrams.plane.triangulation.MOST_FLIPS", 0)
    dual = RegularTriangulation(sorted_sites(100))
    assert not dual.update(np.zeros(100), may_hide=False)
    assert (dual.corner_of < 0).all()


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 1000])
def test_the_order_of_insertion_is_a_permutation(count):
    assert sorted(coarse_to_fine(count).tolist()) == list(range(count))
