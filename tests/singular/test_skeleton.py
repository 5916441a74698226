"""Ridges, sheets and borders of facets that are made by hand."""

import numpy as np

from meshot.diagrams.domains import Box, Disk
from meshot.singular.facets import merge_points, on_boundary
from meshot.singular.skeleton import connected, find_ridges, is_noise


def test_three_squares_around_an_edge():
    """Pages of a book: one branch edge, nine free ones, three sheets."""
    pages = np.array([[0, 1, 2, 3, -1], [0, 1, 4, 5, -1], [1, 0, 6, 7, -1]])
    ridges = find_ridges(pages, 3)
    assert ridges.nodes[ridges.degree == 3].tolist() == [[0, 1]]
    assert (ridges.degree == 1).sum() == 9
    assert connected(ridges, 3).tolist() == [0, 0, 0]
    assert connected(ridges, 3, ridges.degree == 2).tolist() == [0, 1, 2]


def test_polygons_that_share_edges_are_one_sheet():
    """A triangle and a square side by side, and another triangle that touches in a corner only."""
    ridges = find_ridges(np.array([[0, 1, 2, -1], [1, 0, 3, 4], [4, 8, 9, -1]]), 3)
    assert connected(ridges, 3).tolist() == [0, 0, 1]
    assert is_noise(ridges, np.ones(3, dtype=bool)).tolist() == [False, False, True]
    assert is_noise(ridges, np.array([False, False, True])).all()


def test_edges_of_no_length_are_none():
    ridges = find_ridges(np.array([[0, 0, 1, 2], [3, 3, 3, 3]]), 3)
    assert len(ridges.nodes) == 3
    assert (ridges.degree == 1).all()


def test_chain_and_loop_in_the_plane():
    ridges = find_ridges(np.array([[0, 1], [1, 2], [3, 4], [4, 5], [5, 3]]), 2)
    assert connected(ridges, 5).tolist() == [0, 0, 1, 1, 1]
    assert ridges.nodes[ridges.degree == 1].ravel().tolist() == [0, 2]
    assert is_noise(ridges, np.arange(5) == 4).tolist() == [True, True, False, False, False]


def test_no_facets():
    for dimension, corners in ((2, np.empty((0, 2), dtype=int)), (3, np.empty((0, 5), dtype=int))):
        ridges = find_ridges(corners, dimension)
        assert len(connected(ridges, 0)) == len(ridges.degree) == len(is_noise(ridges, np.zeros(0, dtype=bool))) == 0
    assert len(merge_points(np.empty((0, 2)), 1.0)[1]) == 0


def test_boundaries():
    box = Box([1, 1], [3, 2])
    assert on_boundary(box, np.array([[1, 1.3], [2, 1.5], [2.2, 2]])).tolist() == [True, False, True]
    disk = Disk([5.0, 5.0], 2.0)
    assert on_boundary(disk, np.array([[5, 7.0], [5, 6.999]])).tolist() == [True, False]
