"""Facets in space as polygons: their areas, borders, and that neighbors share their corners."""

from itertools import pairwise

import numpy as np
import pytest

from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron
from meshot.diagrams.power_diagram import power_diagram
from meshot.singular.facets import facets_of, sampled
from meshot.singular.skeleton import find_ridges

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
