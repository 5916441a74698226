"""Targets: which points lie in them, and which sites are neighbors in them."""

import numpy as np
import pytest
from shapes import disk, grid
from tears import scattered_in_ball

from meshot.base.errors import GeometryError, OptionError
from meshot.diagrams.density.densities import GridDensity
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.singular.target import TargetShape, farther_apart


def hops(adjacency, pairs, most):
    """Number of edges between the sites of each pair, as the largest number of steps that does not join them."""
    return sum(farther_apart(adjacency, pairs, steps).astype(int) for steps in range(1, most + 1)) + 1


def test_a_mesh_makes_its_own_vertices_neighbors():
    mesh = grid(4, 1)
    adjacency = TargetShape(mesh, 2).adjacency(mesh.vertices[:, :2])
    pairs = np.array([[0, 1], [0, 6], [0, 2], [5, 1], [0, 4], [5, 4]])
    assert hops(adjacency, pairs, 6).tolist() == [1, 1, 2, 2, 4, 5]


def test_other_sites_are_neighbors_as_far_as_the_target_goes():
    """Across a slit there is no way but around it."""
    sites = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    sites += 1e-6 * scattered_in_ball(20)  # in general position
    slit = lambda p: ~((np.abs(p[:, 0] - 1.5) < 0.2) & (p[:, 1] < 2.5))  # noqa: E731
    adjacency = TargetShape(slit, 2).adjacency(sites)
    assert hops(adjacency, np.array([[0, 1], [1, 2], [6, 7], [16, 17]]), 9).tolist() == [1, 7, 5, 1]


def test_inside():
    points = np.array([[0.0, 0.0], [0.4, 0.4], [2.0, 0.0]])
    density = GridDensity([[1.0, 0.0]], [-1, -1], [1, 1])
    assert TargetShape(disk(), 2).inside(points).tolist() == [True, True, False]
    assert TargetShape(density, 2).inside(points - [0.5, 0.0]).tolist() == [True, True, False]
    corner = Solid(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]])
    assert TargetShape(corner, 3).inside(np.array([[0.2, 0.2, 0.2], [0.5, 0.5, 0.5]])).tolist() == [True, False]


def test_sites_on_a_line_follow_each_other():
    sites = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0]])
    adjacency = TargetShape(lambda p: p[:, 0] < 5, 2).adjacency(sites)
    assert hops(adjacency, np.array([[0, 1], [0, 2]]), 3).tolist() == [2, 1]


def test_targets_that_do_not_fit():
    with pytest.raises(OptionError, match="dimension 2"):
        TargetShape(disk(), 3)
    with pytest.raises(OptionError, match="z = const"):
        TargetShape(Surface([[0, 0, 0], [1, 0, 0], [0, 1, 1]], [[0, 1, 2]]), 2)
    with pytest.raises(GeometryError, match="each of 2 points"):
        TargetShape(lambda p: True, 2).inside(np.zeros((2, 2)))
