import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.meshes.surface import Surface
from meshot.meshes.tetrahedralization import hausdorff_distances, point_triangle_distances


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_distance_from_a_triangle_is_the_least_over_its_points(seed):
    rng = np.random.default_rng(seed)
    corners, point = rng.normal(size=(3, 3)), 2 * rng.normal(size=3)
    weights = rng.dirichlet([0.7, 0.7, 0.7], 20_000)
    found = point_triangle_distances(point[None], corners[None])[0]
    least = np.linalg.norm(weights @ corners - point, axis=1).min()
    assert found <= least + 1e-12
    assert least <= found + 0.1


def test_distance_from_triangles_without_area():
    needle = np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]])
    dot = np.array([[1.0, 1, 1]] * 3)
    points = np.array([[2.0, 2, 0], [1, 1, 4]])
    np.testing.assert_allclose(point_triangle_distances(points, np.stack([needle, dot])), [2, 3])


def test_distances_of_spheres_in_closed_form():
    inner, outer = shapes.icosphere(3), shapes.icosphere(3, radius=1.05)
    for there, back in (hausdorff_distances(inner, outer), hausdorff_distances(outer, inner)[::-1]):
        assert there == pytest.approx(0.05, abs=0.002)
        assert back == pytest.approx(0.05, abs=0.002)


def test_the_two_ways_differ_where_a_part_is_missing():
    whole = shapes.grid(10, 10)
    part = whole.with_faces(whole.faces[whole.corners[:, :, 0].max(axis=1) < 0.55])
    assert hausdorff_distances(part, whole)[0] == pytest.approx(0, abs=1e-12)
    assert hausdorff_distances(part, whole)[1] == pytest.approx(0.5, abs=1e-9)


def test_large_triangles_beside_small_ones_are_not_overlooked():
    coarse, fine = shapes.grid(1, 1), shapes.grid(60, 60)
    lifted = fine.with_vertices(fine.vertices + np.array([0, 0, 0.01]))
    both = Surface(np.concatenate([coarse.vertices, 5 + fine.vertices]), np.concatenate([coarse.faces, 4 + fine.faces]))
    there, _ = hausdorff_distances(lifted, both)
    assert there == pytest.approx(0.01, rel=1e-9)
