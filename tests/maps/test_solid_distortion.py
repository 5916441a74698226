import numpy as np
import pytest
import shapes

from meshot.base.errors import GeometryError
from meshot.maps.distortion import SolidDistortion, distortion
from meshot.maps.measure import as_measure
from meshot.maps.solid_map import SolidMap
from meshot.meshes.solid import Solid


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_similarity_has_no_distortion(mirror):
    ball = shapes.ball_solid(2)
    turned = 0.3 * ball.vertices @ shapes.rotation(3).T * [mirror, 1, 1] + [1, 2, 3]
    measured = distortion(SolidMap(ball, turned))
    assert isinstance(measured, SolidDistortion)
    figures = measured.summary()["volume"]
    assert figures["flipped"] == figures["degenerate"] == figures["log_left_out"] == 0
    for key in ("ratio_mean_abs_deviation", "ratio_sd", "ratio_abs_deviation_sd", "ratio_max_deviation", "log_p99"):
        assert abs(figures[key]) < 1e-12


def test_ratios_of_a_stretched_box_in_closed_form():
    box = shapes.box_solid(4, 1, 1)
    x, y, z = box.vertices.T
    image = np.stack([np.where(x > 0.5, 3 * x - 1, x), y, z], axis=1)
    measured = distortion(SolidMap(box, image))
    right = box.corners.mean(axis=1)[:, 0] > 0.5
    np.testing.assert_allclose(measured.volume_ratio, np.where(right, 1.5, 0.5), rtol=1e-12)
    np.testing.assert_allclose(measured.log_volume_ratio, np.log(measured.volume_ratio))
    figures = measured.summary()["volume"]
    for key in ("ratio_mean_abs_deviation", "ratio_sd", "ratio_max_deviation"):
        assert figures[key] == pytest.approx(0.5, rel=1e-12)
    assert figures["ratio_abs_deviation_sd"] == pytest.approx(0, abs=1e-12)
    assert figures["log_mean_abs"] == pytest.approx((np.log(1.5) + np.log(2)) / 2)
    wanted = np.where(right, 3.0, 1.0)
    kept = distortion(SolidMap(box, image, measure=as_measure(box, density=wanted))).summary()["volume"]
    assert kept["ratio_max_deviation"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_vertex_drawn_through_flips_tetrahedra_around_it(mirror):
    ball = shapes.ball_solid(1)
    solid = ball.with_vertices(ball.vertices * [1, 1, mirror])
    image = solid.vertices.copy()
    image[0] = [0.0, 0.9, 0.2]
    measured = distortion(SolidMap(solid, image))
    around = (solid.tetrahedra == 0).any(axis=1)
    assert measured.flipped.any()
    assert not measured.flipped[~around].any()
    signs = np.sign(SolidMap(solid, image).signed_volumes * solid.volumes)
    np.testing.assert_array_equal(measured.flipped, signs < 0)


def test_a_flattened_image_is_degenerate_not_flipped():
    solid = Solid(np.vstack([np.zeros(3), np.eye(3), -np.eye(3)[:1]]), [[0, 1, 2, 3], [0, 4, 3, 2]])
    image = solid.vertices.copy()
    image[4] = [0, 0.4, 0.3]
    measured = distortion(SolidMap(solid, image))
    assert measured.degenerate.tolist() == [False, True]
    assert not measured.flipped.any()
    assert measured.log_volume_ratio[1] == -np.inf
    assert measured.summary()["volume"]["log_left_out"] == 1


def test_images_that_are_not_finite_or_empty_are_refused():
    ball = shapes.ball_solid(1)
    image = ball.vertices.copy()
    image[0] = np.nan
    with pytest.raises(GeometryError, match=r"image is not finite \(ids"):
        distortion(SolidMap(ball, image))
    with pytest.raises(GeometryError, match="no volume"):
        distortion(SolidMap(ball, 0 * ball.vertices))
