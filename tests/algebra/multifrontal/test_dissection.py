import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from shapes import disk, icosphere, relief
from torture import finger, hub

from meshot.algebra.multifrontal.dissection import LEAF, dissect

SURFACES = {"disk": disk(30), "relief": relief(25), "sphere": icosphere(4), "hub": hub(), "finger": finger()}


def assert_dissects(dissection, edges, count):
    """Every vertex once; the ends of an edge in one node, or one of them in a node above the other's."""
    order, starts, level, parent = dissection
    np.testing.assert_array_equal(np.sort(order), np.arange(count))
    assert starts[0] == 0
    assert starts[-1] == count
    assert (np.diff(starts) >= 0).all()
    np.testing.assert_array_equal(level[:-1], level[parent[:-1]] + 1)
    assert parent[-1] == -1
    assert (parent[:-1] > np.arange(len(parent) - 1)).all()
    node = np.empty(count, dtype=np.int64)
    node[order] = np.repeat(np.arange(len(parent)), np.diff(starts))
    low, high = np.sort(node[edges], axis=1).T
    for _ in range(level.max() + 1):
        low = np.where(low < high, parent[low], low)
    np.testing.assert_array_equal(low, high)


@pytest.mark.parametrize("name", SURFACES)
def test_no_edge_joins_two_sides(name):
    surface = SURFACES[name]
    assert_dissects(dissect(surface.vertices, surface.edges), surface.edges, len(surface.vertices))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(0, 600), st.integers(1, 3), st.integers(0, 1000))
def test_any_graph_is_dissected(count, links, dimension, seed):
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, count, (links, 2))
    # Positions that coincide are no trouble either.
    assert_dissects(dissect(rng.integers(0, 5, (count, dimension)).astype(float), edges), edges, count)


def test_separators_of_a_disk_are_short():
    """The largest one grows as the square root of the size, by which the work grows with the power 1.5."""
    largest = []
    for rings in (20, 40, 80):
        surface = disk(rings)
        starts = dissect(surface.vertices, surface.edges).starts
        largest.append(starts[-1] - starts[-2])
    np.testing.assert_allclose(np.diff(np.log2(largest)), 1.0, atol=0.15)


@pytest.mark.parametrize("name", SURFACES)
def test_thin_separators_dissect_too(name):
    surface = SURFACES[name]
    assert_dissects(dissect(surface.vertices, surface.edges, thin=True), surface.edges, len(surface.vertices))


def test_thin_separators_of_scattered_points_are_a_fifth_thinner_vertices():
    """A straight cut goes zigzag through a triangulation of random points; a path along edges is shorter."""
    points = np.random.default_rng(0).random((4000, 2))
    triangles = np.sort(Delaunay(points).simplices, axis=1)
    edges = np.unique(np.concatenate([triangles[:, :2], triangles[:, 1:], triangles[:, ::2]]), axis=0)
    straight, thin = (dissect(points, edges, thin=thin) for thin in (False, True))
    assert_dissects(thin, edges, len(points))
    counts = [np.diff(each.starts)[each.level < 4].sum() for each in (straight, thin)]
    assert counts[1] < 0.8 * counts[0]
    # The halves remain about even.
    assert np.diff(thin.starts)[thin.level == thin.level.max()].max() < 4 * LEAF
