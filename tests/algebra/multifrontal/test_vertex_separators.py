import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from meshot.algebra.multifrontal.dissection import SEPARATOR, thin_cut


def grid(width, height):
    """Edges of a grid graph with both diagonals, and the column of each vertex."""
    number = np.arange(width * height).reshape(height, width)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    pairs += [(number[:-1, :-1], number[1:, 1:]), (number[:-1, 1:], number[1:, :-1])]
    tail, head = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    return tail, head, np.tile(np.arange(width), height)


def test_a_waist_in_the_band_is_found_and_one_beyond_it_is_not():
    tail, head, column = grid(30, 9)
    row = np.repeat(np.arange(9), 30)
    kept = np.ones(len(column), dtype=bool)
    kept[(column == 18) & (np.abs(row - 4) > 1)] = False  # three vertices are left of column 18
    inside = kept[tail] & kept[head]
    tail, head = tail[inside], head[inside]
    side = (column >= 15).astype(np.uint8)
    for rings, count in ((2, 9), (6, 3)):
        cut = thin_cut(tail, head, side, rings)
        assert (cut[kept] == SEPARATOR).sum() == count


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 150), st.integers(1, 4), st.integers(0, 1000))
def test_no_edge_crosses_and_no_fewer_vertices_would_do(count, links, rings, seed):
    rng = np.random.default_rng(seed)
    tail, head = rng.integers(0, count, (2, links))
    side = rng.integers(0, 2, count).astype(np.uint8)
    cut = thin_cut(tail, head, side, rings)
    assert not np.any(cut[tail] + cut[head] == 1)
    crossing = side[tail] != side[head]
    ends = np.concatenate([tail[crossing], head[crossing]])
    assert (cut == SEPARATOR).sum() <= min(len(np.unique(ends[side[ends] == half])) for half in (0, 1))
    # What is far from the cut stays on its side.
    edges = sparse.coo_array((np.ones(links), (tail, head)), shape=(count, count))
    _, part = connected_components(edges, directed=False)
    quiet = ~np.isin(part, part[tail[crossing]])
    np.testing.assert_array_equal(cut[quiet], side[quiet])


@pytest.mark.parametrize("rings", [1, 2])
def test_nothing_crosses_so_nothing_is_cut(rings):
    side = np.array([0, 0, 1, 1], dtype=np.uint8)
    np.testing.assert_array_equal(thin_cut(np.array([0, 2]), np.array([1, 3]), side, rings), side)
