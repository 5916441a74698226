import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshot.app.report.pictures.raster import barycentric_gradients, rasterize

pytestmark = pytest.mark.uncompiled

SQUARE = np.array([[0.0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def test_every_pixel_whose_center_is_inside_is_covered_and_no_other():
    fragments = rasterize(SQUARE + np.array([3, 1, 0]), HALVES, (12, 20))
    expected = (np.arange(1, 9)[:, None] * 20 + np.arange(3, 11)).ravel()
    np.testing.assert_array_equal(fragments.pixels, expected)


def test_barycentric_coordinates_give_back_the_pixel_centers():
    points = np.array([[0.3, 1.1, 0], [17.2, 4.9, 5], [6.6, 15.8, -3]])
    fragments = rasterize(points, np.array([[0, 1, 2]]), (16, 20))
    assert len(fragments.pixels) > 50
    found = fragments.interpolate(points[None])
    np.testing.assert_allclose(found[:, 0], fragments.pixels % 20 + 0.5, atol=1e-4)
    np.testing.assert_allclose(found[:, 1], fragments.pixels // 20 + 0.5, atol=1e-4)
    np.testing.assert_allclose(found[:, 2], fragments.depth, atol=1e-4)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_face_hides_the_other(order):
    points = np.concatenate([SQUARE[:3], SQUARE[:3] + np.array([0, 0, 1])])
    faces = np.array([[0, 1, 2], [3, 4, 5]])[order]
    fragments = rasterize(points, faces, (8, 8))
    assert set(fragments.faces.tolist()) == {order.index(1)}
    np.testing.assert_allclose(fragments.depth, 1)


def test_faces_without_finite_corners_or_area_are_left_out():
    points = np.concatenate([SQUARE, [[np.nan, 0, 0]]])
    fragments = rasterize(points, np.array([[0, 1, 4], [0, 1, 1], [0, 1, 2]]), (8, 8))
    assert set(fragments.faces.tolist()) == {2}


@given(st.lists(st.floats(0, 30), min_size=6, max_size=6))
def test_coverage_is_the_area_up_to_the_rim(flat):
    corners = np.array(flat).reshape(3, 2)
    a, b, c = corners
    area = abs((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]) / 2
    rim = sum(np.abs(p - q).sum() for p, q in ((a, b), (b, c), (c, a)))
    fragments = rasterize(np.column_stack([corners, np.zeros(3)]), np.array([[0, 1, 2]]), (30, 30))
    assert abs(len(fragments.pixels) - area) <= rim / 2 + 1


def test_large_pictures_drawn_in_bands_are_whole():
    fragments = rasterize(SQUARE * 75, HALVES, (600, 600))
    np.testing.assert_array_equal(fragments.pixels, np.arange(360_000))


def test_coarse_pixels_gather_squares_of_rays():
    fragments = rasterize(SQUARE, HALVES, (8, 8))
    np.testing.assert_array_equal(np.bincount(fragments.coarse_pixels(2)), np.full(16, 4))


def test_gradients_of_barycentric_coordinates():
    corners = np.array([[[1.0, 2], [5, 3], [2, 7]]])
    gradient = barycentric_gradients(corners)[0]
    np.testing.assert_allclose(gradient @ corners[0], np.eye(2), atol=1e-14)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-14)
