import numpy as np
import pytest
from handmade import flat_map
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapes import cap, disk, icosphere, relief, triangle

from meshot.base.arrays import cross2
from meshot.base.directions import spherical_areas
from meshot.base.errors import GeometryError
from meshot.maps.distortion import distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface


def sphere_map(surface, points):
    return SurfaceMap(surface, np.asarray(points, dtype=float), np.arange(len(surface.vertices)))


def turned(surface, angle=0.7):
    """The surface, turned in space about the axis (1, 1, 1): distortion must not depend on where it lies."""
    axis = np.ones(3) / np.sqrt(3)
    v = surface.vertices
    rotated = v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + np.outer(v @ axis, axis) * (1 - np.cos(angle))
    return surface.with_vertices(rotated)


def test_similarity_distorts_nothing():
    flat = disk(5)
    scaled = 3.7 * flat.vertices[:, :2] @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + [5, -2]
    result = distortion(flat_map(turned(flat), scaled))
    np.testing.assert_allclose(result.area_ratio, 1, rtol=1e-12)
    np.testing.assert_allclose(result.log_area_ratio, 0, atol=1e-12)
    np.testing.assert_allclose(result.angle_difference, 0, atol=1e-10)
    np.testing.assert_allclose(result.log_angle_ratio, 0, atol=1e-11)
    np.testing.assert_allclose(result.quasi_conformal, 1, rtol=1e-11)
    np.testing.assert_allclose(result.beltrami, 0, atol=1e-11)
    assert not result.flipped.any()
    assert not result.degenerate.any()


@pytest.mark.parametrize(("a", "b"), [(2.0, 1.0), (1.0, 5.0), (1e-7, 1.0)])
def test_affine_map_has_its_own_singular_values(a, b):
    flat = disk(4)
    result = distortion(flat_map(turned(flat), flat.vertices[:, :2] * [a, b]))
    ratio = max(a, b) / min(a, b)
    np.testing.assert_allclose(result.quasi_conformal, ratio, rtol=1e-8)
    np.testing.assert_allclose(result.beltrami, (ratio - 1) / (ratio + 1), rtol=1e-8)
    np.testing.assert_allclose(result.area_ratio, 1, rtol=1e-8)


def test_angles_of_a_stretched_right_triangle():
    """Legs 1 and 1 become sqrt 3 and 1: the angles 90, 45, 45 become 90, 30, 60."""
    result = distortion(flat_map(triangle(), [[0, 0], [np.sqrt(3), 0], [0, 1]]))
    np.testing.assert_allclose(result.angle_difference, [[0, -15, 15]], atol=1e-12)
    np.testing.assert_allclose(result.log_angle_ratio, [[0, np.log(2 / 3), np.log(4 / 3)]], atol=1e-14)
    angle = result.summary()["angle"]
    assert angle["mean_abs_degrees"] == pytest.approx(10)
    assert angle["sd_degrees"] == pytest.approx(np.sqrt(150))
    assert angle["max_degrees"] == pytest.approx(15)
    assert angle["log_sd"] == pytest.approx(np.std([0, np.log(2 / 3), np.log(4 / 3)]))
    assert angle["quasi_conformal_mean"] == pytest.approx(np.sqrt(3))
    assert angle["log_mean_abs"] == pytest.approx(np.log(2) / 3)
    for figure in ("mean", "p99", "max"):
        assert angle[f"quasi_conformal_{figure}"] == pytest.approx(np.sqrt(3))
    assert angle["log_left_out"] == 0
    assert (
        angle["beltrami_mean"]
        == angle["beltrami_p99"]
        == angle["beltrami_max"]
        == pytest.approx((np.sqrt(3) - 1) / (np.sqrt(3) + 1))
    )


def test_figures_of_each_face_are_means_over_its_corners():
    result = distortion(flat_map(triangle(), [[0, 0], [np.sqrt(3), 0], [0, 1]]))
    np.testing.assert_allclose(result.angle_error, [10], rtol=1e-12)
    np.testing.assert_allclose(result.log_angle_error, [(np.log(3 / 2) + np.log(4 / 3)) / 3], rtol=1e-12)


def test_area_figures_of_two_faces():
    """Halves of a square that take 1/4 and 3/4 of the image."""
    square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    result = distortion(flat_map(square, [[0, 0], [1, 0], [1, 1], [-2, 1]]))
    np.testing.assert_allclose(result.area_ratio, [0.5, 1.5])
    area = result.summary()["area"]
    logs = np.log([0.5, 1.5])
    assert area["ratio_sd"] == pytest.approx(0.5)
    assert area["ratio_max_deviation"] == pytest.approx(0.5)
    assert area["log_mean_abs"] == pytest.approx(np.abs(logs).mean())
    assert area["log_p01"] == pytest.approx(logs[0] + 0.01 * (logs[1] - logs[0]))
    assert area["log_p99"] == pytest.approx(logs[0] + 0.99 * (logs[1] - logs[0]))
    assert (area["flipped"], area["degenerate"], area["log_left_out"]) == (0, 0, 0)


def test_a_mirrored_map_flips_nothing():
    surface = relief(5)
    plain = distortion(flat_map(surface, surface.vertices[:, :2]))
    mirrored = distortion(flat_map(surface, surface.vertices[:, :2] * [-1, 1]))
    assert not mirrored.flipped.any()
    np.testing.assert_allclose(mirrored.angle_difference, plain.angle_difference, atol=1e-10)
    np.testing.assert_allclose(mirrored.quasi_conformal, plain.quasi_conformal, rtol=1e-10)


def test_a_face_turned_over_is_flipped():
    flat = disk(3)
    uv = flat.vertices[:, :2].copy()
    uv[0] = [0.6, 0.05]  # the middle vertex leaves its star across the edge of one face
    result = distortion(flat_map(flat, uv))
    a, b, c = uv[flat.faces].transpose(1, 0, 2)
    signed = cross2(b - a, c - a)
    assert 1 <= (signed < 0).sum() < 6
    np.testing.assert_array_equal(result.flipped, signed < 0)
    assert result.summary()["area"]["flipped"] == (signed < 0).sum()
    assert (result.beltrami <= 1).all()


def test_a_face_without_image_area_is_counted_and_left_out():
    flat = disk(3)
    uv = flat.vertices[:, :2].copy()
    uv[0] = uv[1]
    result = distortion(flat_map(flat, uv))
    collapsed = (np.isin(flat.faces, [0, 1]).sum(axis=1) == 2).nonzero()[0]
    assert set(np.flatnonzero(result.degenerate)) == set(collapsed)
    assert np.isneginf(result.log_area_ratio[collapsed]).all()
    summary = result.summary()
    assert summary["area"]["degenerate"] == summary["area"]["log_left_out"] == len(collapsed) == 2
    assert all(np.isfinite(value) for part in summary.values() for value in part.values())


def test_an_original_face_without_area_has_no_ratio():
    surface = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, 0, 0]], [[0, 1, 2], [0, 1, 3]])
    result = distortion(flat_map(surface, [[0, 0], [1, 0], [0, 1], [0.5, -0.1]]))
    assert np.isnan(result.area_ratio[1])
    summary = result.summary()
    assert summary["area"]["log_left_out"] == 1
    assert all(np.isfinite(value) for part in summary.values() for value in part.values())


def test_needles_keep_their_digits():
    """A needle of height 1e-9 mapped to one of height 2e-9: the thin angle doubles, sigma_1/sigma_2 is 2."""
    needle = Surface([[0, 0, 0], [1, 0, 0], [1, 1e-9, 0]], [[0, 1, 2]])
    result = distortion(flat_map(needle, [[0, 0], [1, 0], [1, 2e-9]]))
    assert result.log_angle_ratio[0, 0] == pytest.approx(np.log(2), rel=1e-9)
    assert result.quasi_conformal[0] == pytest.approx(2, rel=1e-12)
    assert not result.degenerate[0]


def test_vertices_without_faces_may_be_nan():
    surface = Surface(np.vstack([triangle().vertices, [9, 9, 9]]), [[0, 1, 2]])
    result = distortion(flat_map(surface, [[0, 0], [1, 0], [0, 1], [np.nan, np.nan]]))
    assert result.area_ratio[0] == 1


def test_a_face_whose_image_is_not_finite_is_named():
    with pytest.raises(GeometryError, match="not finite") as caught:
        distortion(flat_map(triangle(), [[0, 0], [1, 0], [0, np.nan]]))
    assert caught.value.ids == (0,)


def test_an_image_without_area_is_refused():
    with pytest.raises(GeometryError, match="no area"):
        distortion(flat_map(disk(2), np.zeros((19, 2))))


def test_the_identity_of_the_sphere():
    ball = icosphere(2)
    result = distortion(sphere_map(ball, ball.vertices))
    spherical = spherical_areas(ball.corners) / (4 * np.pi)
    np.testing.assert_allclose(result.area_ratio, spherical * ball.area / ball.face_areas, rtol=1e-13)
    np.testing.assert_allclose(result.quasi_conformal, 1, rtol=1e-7)
    assert not result.flipped.any()
    inside_out = distortion(sphere_map(ball, -ball.vertices))
    assert not inside_out.flipped.any()


def test_a_flip_on_the_sphere_is_seen():
    ball = icosphere(2)
    points = ball.vertices.copy()
    points[0] *= -1
    at_vertex = (ball.faces == 0).any(axis=1)
    flipped = distortion(sphere_map(ball, points)).flipped
    assert flipped[at_vertex].any()
    assert not flipped[~at_vertex].any()


def test_the_lambert_map_of_a_hemisphere_keeps_areas():
    """The azimuthal equal-area projection: flat triangles keep areas up to O(h); at the rim sigma_1/sigma_2 is 2."""
    deviations = []
    for rings in (10, 20, 40):
        half = cap(rings)
        x, y, z = half.vertices.T
        result = distortion(flat_map(half, np.stack([x, y], axis=1) / np.sqrt(0.5 * (1 + z))[:, None]))
        deviations.append(result.summary()["area"]["ratio_sd"])
    rates = np.diff(np.log(deviations)) / np.log(0.5)
    np.testing.assert_allclose(rates, 1, atol=0.1)
    assert result.quasi_conformal.max() == pytest.approx(2, rel=0.05)


def test_nothing_is_written_to_and_results_are_frozen():
    surface = relief(4)
    uv = surface.vertices[:, :2].copy()
    before = uv.copy()
    result = distortion(flat_map(surface, uv))
    np.testing.assert_array_equal(uv, before)
    with pytest.raises(ValueError, match="read-only"):
        result.area_ratio[0] = 2


images = arrays(float, (len(disk(2).vertices), 2), elements=st.floats(-0.125, 0.125, width=32))


@given(images, st.floats(0.01, 100), st.floats(0, 6.28), st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_moving_turning_and_scaling_the_image_changes_nothing(shift, scale, angle, move):
    surface = relief(2)
    uv = surface.vertices[:, :2] + shift
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    one, two = (distortion(flat_map(surface, image)) for image in (uv, scale * uv @ turn + move))
    np.testing.assert_allclose(two.area_ratio, one.area_ratio, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(two.angle_difference, one.angle_difference, atol=1e-5)
    np.testing.assert_allclose(two.beltrami, one.beltrami, atol=1e-6)
    np.testing.assert_array_equal(two.flipped, one.flipped)


@given(images, st.permutations(range(len(disk(2).faces))))
@settings(max_examples=25, deadline=None)
def test_faces_are_measured_one_by_one(shift, order):
    surface = relief(2)
    uv = surface.vertices[:, :2] + shift
    one, two = distortion(flat_map(surface, uv)), distortion(flat_map(surface.with_faces(surface.faces[order]), uv))
    np.testing.assert_allclose(two.area_ratio, one.area_ratio[order], rtol=1e-12)
    np.testing.assert_array_equal(two.angle_difference, one.angle_difference[order])


@given(images)
@settings(max_examples=40, deadline=None)
def test_what_holds_for_every_map(shift):
    surface = relief(2)
    result = distortion(flat_map(surface, surface.vertices[:, :2] + shift))
    share = surface.face_areas / surface.area
    assert (share * result.area_ratio).sum() == pytest.approx(1)
    np.testing.assert_allclose(result.angle_difference.sum(axis=1), 0, atol=1e-9)
    k = result.quasi_conformal
    np.testing.assert_allclose(result.beltrami, (k - 1) / (k + 1), atol=1e-6)
