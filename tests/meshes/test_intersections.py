import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.meshes.intersections import self_intersections
from meshot.meshes.surface import Surface


def crosses(triangle, other):
    """Whether an edge of the first passes through the second."""
    for k in range(3):
        p, q = triangle[k], triangle[(k + 1) % 3]
        system = np.column_stack([q - p, other[0] - other[1], other[0] - other[2]])
        t, u, v = np.linalg.solve(system, other[0] - p)
        if 0 < t < 1 and u > 0 and v > 0 and u + v < 1:
            return True
    return False


@pytest.mark.uncompiled
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_what_crosses_is_found_as_by_comparing_all(seed, count):
    corners = np.random.default_rng(seed).uniform(size=(count, 3, 3)) * 0.8
    corners += np.random.default_rng(seed + 1).uniform(size=(count, 1, 3))
    soup = Surface(corners.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3))
    expected = {
        i for i in range(count) for j in range(count) if i != j
        and (crosses(corners[i], corners[j]) or crosses(corners[j], corners[i]))
    }  # fmt: skip
    assert self_intersections(soup).tolist() == sorted(expected)


@pytest.mark.parametrize(
    "surface",
    [shapes.icosphere(3), shapes.torus(), shapes.grid(5, 5), shapes.bumpy_sphere(3), shapes.book(), shapes.cap()],
)
def test_embedded_surfaces_cross_nowhere(surface):
    assert len(self_intersections(surface)) == 0
    assert len(self_intersections(surface.with_vertices(1e-9 * surface.vertices + 1e-3))) == 0


@pytest.mark.uncompiled
def test_two_spheres_that_pass_through_each_other_cross_along_a_ring():
    ball = shapes.icosphere(3)
    both = Surface(
        np.concatenate([ball.vertices, 0.9 * ball.vertices + np.array([0.8, 0.013, 0.027])]),
        np.concatenate([ball.faces, ball.faces + len(ball.vertices)]),
    )
    found = self_intersections(both)
    assert len(found) > 40
    middles = both.corners[found].mean(axis=1)
    # both are about as far as their radii from a point of the ring
    assert np.abs(np.linalg.norm(middles, axis=1) - 1).max() < 0.15
    assert np.abs(np.linalg.norm(middles - [0.8, 0, 0], axis=1) - 0.9).max() < 0.15


@pytest.mark.uncompiled
def test_touching_is_no_crossing():
    tips = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.2, 0.2, 0], [0.2, 0.2, 1], [0.9, 0.9, 1]])
    assert len(self_intersections(Surface(tips, [[0, 1, 2], [3, 4, 5]]))) == 0
    doubled = Surface(np.concatenate([tips[:3]] * 2), [[0, 1, 2], [3, 4, 5]])
    assert len(self_intersections(doubled)) == 0


def test_an_immersed_surface_crosses_itself():
    assert len(self_intersections(shapes.klein_bottle(25, 17))) > 0
