import json
from dataclasses import replace

import numpy as np
import pytest
from handmade import cap_run, sphere_run
from outcomes import unpacked

from meshot.app.report.viewer.packing import allowed, scripts
from meshot.app.report.viewer.surface import scene, thinned
from meshot.base.arrays import cross2
from meshot.maps.distortion import distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface


@pytest.fixture(scope="module")
def shown():
    return json.loads(scene(cap_run()))


def test_the_scene_holds_the_surface_as_it_is_seen(shown):
    run = cap_run()
    np.testing.assert_array_equal(unpacked(shown["faces"], "<u4"), run.input.faces)
    points = unpacked(shown["positions"], "<f4")
    assert np.linalg.norm(points, axis=1).max() == pytest.approx(1)
    scale = np.linalg.norm(np.ptp(points, axis=0)) / np.linalg.norm(np.ptp(run.input.vertices, axis=0))
    a, b, _ = points[run.input.faces].transpose(1, 0, 2)
    c, d, _ = run.input.corners.transpose(1, 0, 2)
    np.testing.assert_allclose(
        np.linalg.norm(b - a, axis=1) / np.linalg.norm(d - c, axis=1), scale, rtol=0.2
    )  # turned and scaled; `scale` is of boxes that are not turned alike
    normals = unpacked(shown["normals"], "i1") / 127
    toward = (points * normals).sum(axis=1)
    assert (toward[np.linalg.norm(points, axis=1) > 0.5] > -0.2).all()


def test_the_scene_holds_both_images_and_their_errors(shown):
    run = cap_run()
    for k, name in enumerate(run.maps):
        image = unpacked(shown["images"][k], "<f4")
        assert (image[:, 2] == 0).all()
        np.testing.assert_allclose(np.hypot(*image[:, :2].T), np.hypot(*run.maps[name].uv.T), atol=1e-6)
        area = unpacked(shown["area"][k], "<f4", 1)[:, 0]
        np.testing.assert_allclose(area, run.distortions[name].log_area_ratio, rtol=1e-5, atol=1e-6)
        angle = unpacked(shown["angle"][k], "<f4", 1)[:, 0]
        np.testing.assert_allclose(angle, run.distortions[name].angle_error, rtol=1e-5, atol=1e-5)


def test_samples_lie_on_the_surface_and_in_each_image(shown):
    points, (first, last) = shown["samples"]["positions"], shown["samples"]["images"]
    first, last = unpacked(first, "<f4"), unpacked(last, "<f4")
    assert len(unpacked(points, "<f4")) == len(first) == len(last)
    # evenly spread in the area-preserving image: a quarter of them within half the radius, fewer in the conformal one
    assert np.mean(np.hypot(*last[:, :2].T) < 0.5) == pytest.approx(0.25, abs=0.02)
    assert np.mean(np.hypot(*first[:, :2].T) < 0.5) > 0.3
    assert json.loads(scene(cap_run(area=False)))["samples"] is None


def test_a_sphere_is_shown_in_the_frame_of_its_surface():
    run = sphere_run(area=True)
    content = json.loads(scene(run))
    for text in content["images"]:
        np.testing.assert_allclose(np.linalg.norm(unpacked(text, "<f4"), axis=1), 1, atol=1e-6)
    frame = np.reshape(content["upward"], (3, 3))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)


def test_nothing_in_a_scene_ends_its_element():
    assert "<" not in scene(cap_run(name="</script><script>alert(1)</script>"))


def test_no_other_script_may_run():
    one, other = scripts("viewer")[1:]
    assert allowed([one, other]).count("'sha256-") == 2
    assert allowed([one, other]) != allowed([one, other + " "])
    assert "</script" not in one + other


# ---------------------------------------------------------------------------------------------------------------------
# copies with fewer faces


def test_a_small_surface_is_shown_whole():
    surface_map = cap_run().result
    shown = thinned(surface_map, len(surface_map.surface.faces))
    np.testing.assert_array_equal(shown.faces, surface_map.surface.faces)


@pytest.mark.parametrize("run", [cap_run(rings=40), sphere_run(area=True)], ids=["disk", "sphere"])
def test_a_thinned_copy_covers_the_image_once(run):
    surface_map = run.result
    count = len(surface_map.surface.faces)
    shown = thinned(surface_map, count // 6)
    assert count // 12 < len(shown.faces) < count // 4
    image = surface_map.image[shown.vertices]
    if surface_map.target == "disk":
        a, b, c = image[shown.faces].transpose(1, 0, 2)
        areas = cross2(b - a, c - a) / 2
        assert areas.sum() == pytest.approx(np.pi, rel=0.02)
    else:
        coarse = SurfaceMap(Surface(image, shown.faces), image, np.arange(len(image)))
        areas = coarse.signed_areas
        assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-9)
    assert (areas > 0).all()


def test_a_thinned_copy_shows_the_figures_of_the_mesh():
    run = cap_run(rings=40)
    shown = thinned(run.result, 800)
    area, angle = shown.figures(run.distortions["conformal"])
    surface = run.result.surface
    coarse = Surface(surface.vertices[shown.vertices], shown.faces)
    conformal = replace(run.maps["conformal"], surface=coarse, image=run.maps["conformal"].uv[shown.vertices])
    truth = distortion(replace(conformal, source_vertex=np.arange(len(coarse.vertices))))
    assert np.abs(area - truth.log_area_ratio).mean() < 0.1
    assert angle.max() < 5
