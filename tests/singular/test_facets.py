"""Facets: polygons in space with shared corners; ridges, sheets and borders of facets made by hand."""

from itertools import pairwise

import numpy as np
import pytest

from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron, Disk
from meshot.diagrams.power_diagram import power_diagram
from meshot.singular.facets import connected, facets_of, find_ridges, is_noise, merge_points, on_boundary, sampled

CUBE = Box([-1, -1, -1], [1, 1, 1])
WEDGE = ConvexPolyhedron([[-1, -1, -1], [1, -1, -1], [0, 1, -1], [-1, -1, 1], [1, -1, 1], [0, 1, 1]])


def diagram(domain, n=80):
    rng = np.random.default_rng(n)
    return power_diagram(rng.uniform(-0.9, 0.9, (n, 3)), rng.uniform(0, 0.05, n), domain=domain)


def areas(starts, points):
    parts = [points[a:b] for a, b in pairwise(starts)]
    return np.array([np.linalg.norm(np.cross(p[1:-1] - p[0], p[2:] - p[0]).sum(axis=0)) / 2 for p in parts])


@pytest.mark.parametrize("domain", [CUBE, WEDGE, Ball([0.2, 0.1, 0.0], 0.9)])
def test_areas_are_those_of_the_diagram(domain):
    """Exactly, but for the segments between an arc and its chords."""
    cells = diagram(domain)
    chosen = np.arange(len(cells.facets))[::2]
    found = areas(*cells.facet_polygons(chosen))
    if isinstance(domain, Ball):
        assert found == pytest.approx(cells.facet_areas[chosen], abs=0.006 * cells.facet_areas.max())
        assert (found < cells.facet_areas[chosen] + 1e-12).all()
    else:
        assert found == pytest.approx(cells.facet_areas[chosen], abs=1e-12)


def test_corners_have_equal_distance_to_both_sites():
    cells = diagram(Ball())
    starts, points = cells.facet_polygons(np.arange(len(cells.facets)))
    pair = cells.facets[np.repeat(np.arange(len(cells.facets)), np.diff(starts))]
    power = ((points[:, None] - cells.sites[pair]) ** 2).sum(axis=2) - cells.weights[pair]
    assert power[:, 0] == pytest.approx(power[:, 1], abs=1e-12)
    assert np.linalg.norm(points, axis=1).max() < 1 + 1e-12


def test_one_facet_that_is_a_whole_disk():
    cells = power_diagram([[0, 0, -0.5], [0, 0, 0.5]], domain=Ball([0, 0, 0.1], 1.0))
    _, points = cells.facet_polygons(np.array([0]))
    assert points[:, 2] == pytest.approx(0)
    assert np.linalg.norm(points - [0, 0, 0.1], axis=1) == pytest.approx(1)
    assert len(points) == 36


@pytest.mark.parametrize("domain", [CUBE, Ball()])
def test_three_facets_meet_in_every_inner_edge(domain):
    """Each edge of the diagram belongs to three facets, or lies on the boundary; few pass from wall to wall."""
    cells = diagram(domain)
    facets = facets_of(cells, np.arange(len(cells.facets)))
    ridges = find_ridges(facets.corners, 3)
    ends = facets.points[ridges.nodes]
    size = np.abs(ends).max(axis=2) if domain is CUBE else np.linalg.norm(ends, axis=2)
    outer = (size > 1 - 1e-9).all(axis=1)
    assert set(ridges.degree[~outer]) == {3}
    assert (ridges.degree[outer] == 1).mean() > 0.95


def test_points_on_facets():
    cells = diagram(CUBE)
    facets = facets_of(cells, np.arange(0, len(cells.facets), 7))
    owner, points = sampled(facets, 0.05)
    pair = cells.facets[::7][owner]
    power = ((points[:, None] - cells.sites[pair]) ** 2).sum(axis=2) - cells.weights[pair]
    assert power[:, 0] == pytest.approx(power[:, 1], abs=1e-12)
    assert set(owner) == set(range(len(facets.corners)))
    assert facets_of(cells, np.arange(0)).corners.shape == (0, 3)


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
