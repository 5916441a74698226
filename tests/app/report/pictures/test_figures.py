import io

import numpy as np
import pytest
from handmade import cap_maps, cap_run, sphere_run
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shapes import bumpy_sphere, cap, disk, icosphere

from meshot.app.report.pictures import colors, figures
from meshot.app.report.pictures.views import behind, camera, disk_view, surface_view
from meshot.maps.distortion import distortion
from meshot.maps.surface_map import SurfaceMap

NO_WIDTH = np.zeros((1, 2), dtype=np.float32)


def open_picture(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")).astype(float)


# ---------------------------------------------------------------------------------------------------------------------
# patterns and scales


def test_checkerboard_alternates_between_neighbors():
    centers = (np.array([[0, 0], [1, 0], [2, 0], [0, 1], [1, 1]], dtype=np.float32) + 0.5) * 2 / colors.CELLS
    values = colors.checkerboard(centers, np.full((5, 2), 1e-3, dtype=np.float32))
    np.testing.assert_allclose(values, [values[0], 1 - values[0], values[0], 1 - values[0], values[0]])
    assert set(values.tolist()) == {0.0, 1.0}


def test_checkerboard_fades_to_gray_where_squares_are_smaller_than_a_pixel():
    points = np.random.default_rng(0).uniform(-1, 1, (100, 2)).astype(np.float32)
    values = colors.checkerboard(points, np.full((100, 2), 4 / colors.CELLS, dtype=np.float32))
    np.testing.assert_allclose(values, 0.5)


def test_circles_have_the_density_of_the_hexagonal_packing():
    axis = (np.arange(1000, dtype=np.float32) + 0.5) / 1000
    cell_width, cell_height = 2 / colors.CELLS, 2 * np.sqrt(3) / colors.CELLS
    points = np.stack(np.meshgrid(axis * cell_width, axis * cell_height), axis=-1).reshape(-1, 2).astype(np.float32)
    inside = 1 - colors.circle_packing(points, np.full_like(points, 1e-5)).mean()
    assert inside == pytest.approx(0.94**2 * np.pi / np.sqrt(12), abs=2e-3)  # circles are drawn 6 % smaller


def test_circle_centers_are_dark_and_gaps_are_pale():
    r = 1 / colors.CELLS
    points = np.array([[0, 0], [2 * r, 0], [r, np.sqrt(3) * r], [r, r / np.sqrt(3)]], dtype=np.float32)
    values = colors.circle_packing(points, np.full((4, 2), 1e-4, dtype=np.float32))
    np.testing.assert_array_equal(values, [0, 0, 0, 1])


def on_ball(count, seed=0):
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return (points / np.linalg.norm(points, axis=1)[:, None]).astype(np.float32)


def test_cube_checkerboard_covers_half_the_sphere_and_joins_at_the_cube_edges():
    points = on_ball(100_000)
    narrow = np.full_like(points, 1e-4)
    assert colors.cube_checkerboard(points, narrow).mean() == pytest.approx(0.5, abs=0.01)
    # Two points close to each other on both sides of a cube's edge, all along it, have one color.
    z = np.linspace(-0.9, 0.9, 200)
    sides = [np.stack([1 + shift, 1 - shift, z], axis=1) for shift in (np.full(200, 1e-3), np.full(200, -1e-3))]
    first, second = (
        colors.cube_checkerboard((s / np.linalg.norm(s, axis=1)[:, None]).astype(np.float32), narrow[:200])
        for s in sides
    )
    np.testing.assert_allclose(first, second, atol=1e-3)
    assert 0.3 < first.mean() < 0.7


def test_cube_checkerboard_has_its_squares_and_fades():
    angle = (np.arange(40) + 0.5) * np.pi / 40  # half the equator: two sides of the cube
    equator = np.stack([np.cos(angle), np.sin(angle), np.full(40, 0.01)], axis=1).astype(np.float32)
    values = colors.cube_checkerboard(equator, np.full_like(equator, 1e-4))
    assert (np.abs(np.diff(values)) > 0.5).sum() == 2 * colors.CUBE_CELLS
    wide = np.full_like(equator, 8 / colors.CUBE_CELLS)
    np.testing.assert_allclose(colors.cube_checkerboard(equator, wide), 0.5)


def test_circles_on_the_sphere_are_equal_and_do_not_overlap():
    points = on_ball(200_000)
    inside = 1 - colors.sphere_circles(points, np.full_like(points, 1e-5)).mean()
    tree, radius = colors._circle_centers()
    assert tree.n == 642
    cap_share = (1 - np.cos(0.94 * 2 * np.arcsin(radius / 2))) / 2
    assert inside == pytest.approx(642 * cap_share, rel=0.01)
    assert 0.6 < inside < 0.9


def test_colors_of_the_sphere_have_no_seam():
    near = np.array([[-1, 1e-4, 0.1], [-1, -1e-4, 0.1], [1e-4, 0, -1], [-1e-4, 0, -1]], dtype=np.float32)
    found = colors.pattern_colors(np.zeros(4, dtype=np.float32), near)
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=0.03)
    np.testing.assert_allclose(found[:, 2], found[:, 3], atol=0.1)


def test_scale_ends_have_the_named_colors():
    found = colors.scale_colors(np.array([-3.0, 0, 3, np.nan]), colors.DIVERGING, -1, 1)
    named = [[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colors.DIVERGING]
    np.testing.assert_allclose(found.T, [named[0], named[2], named[4], named[0]], atol=0.01)


def test_scales_hold_98_percent_of_the_faces_of_both_maps():
    run = cap_run(angle=1.4)
    limits = figures.scales(list(run.distortions.values()))
    for found in run.distortions.values():
        assert (np.abs(found.log_area_ratio) <= limits.log_area).mean() >= 0.98
        assert (found.angle_error <= limits.angle).mean() >= 0.979


# ---------------------------------------------------------------------------------------------------------------------
# where one looks from


@given(st.integers(0, 10**6), st.sampled_from("xyz"))
def test_camera_is_a_right_handed_frame(seed, up):
    flat = disk(2)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    axes = camera(flat.with_vertices(flat.vertices @ rotation.T), up)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)


def test_open_surface_shows_its_face():
    relief = cap(6, 1.2)
    mean = (relief.face_normals * relief.face_areas[:, None]).sum(axis=0)
    np.testing.assert_allclose(camera(relief)[2], mean / np.linalg.norm(mean), atol=1e-12)


@pytest.mark.parametrize(("up", "axis"), [("x", 0), ("y", 1), ("z", 2)])
def test_closed_surface_stands_upright_seen_from_a_little_above(up, axis):
    axes = camera(bumpy_sphere(2), up)
    assert axes[0, axis] == pytest.approx(0, abs=1e-12)
    assert 0.1 < axes[2, axis] < 0.3


@pytest.mark.parametrize("up", "xyz")
def test_from_behind_one_sees_the_other_side_upright(up):
    front = camera(bumpy_sphere(2), up)
    back = behind(front, up)
    np.testing.assert_allclose(back @ back.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(back) == pytest.approx(1)
    upward = np.eye(3)["xyz".index(up)]
    np.testing.assert_allclose(back @ upward, front @ upward, atol=1e-12)
    np.testing.assert_allclose(back[0], -front[0], atol=1e-12)


@given(st.integers(0, 10**6))
def test_sphere_is_turned_to_stand_as_the_surface_does(seed):
    ball = icosphere(1)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    turned = SurfaceMap(ball, ball.vertices @ turn.T, np.arange(len(ball.vertices)))
    np.testing.assert_allclose(figures.upright(turned, np.eye(3)) @ turn, np.eye(3), atol=1e-12)


@given(st.floats(-3, 3))
def test_disk_is_turned_to_stand_as_the_surface_does(angle):
    flat = disk(4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = SurfaceMap(flat, flat.vertices[:, :2] @ turn.T, np.arange(len(flat.vertices)))
    np.testing.assert_allclose(figures.upright(turned, np.eye(3)) @ turn, np.eye(2), atol=1e-12)


def test_footprint_is_the_size_of_a_pixel_in_the_disk():
    flat = disk(6)
    identity = SurfaceMap(flat, flat.vertices[:, :2], np.arange(len(flat.vertices)))
    view = disk_view(identity, np.tile([0.0, 0, 1], (len(flat.vertices), 1)), np.eye(3), 200)
    width = 2 / (200 * (1 - 2 * 0.035))
    np.testing.assert_allclose(view.footprint(identity.uv[flat.faces]), width, rtol=1e-5)


def test_surface_fills_the_picture_and_far_side_is_hidden():
    ball = bumpy_sphere(2, 0.0)
    still = SurfaceMap(ball, np.zeros((len(ball.vertices), 2)), np.arange(len(ball.vertices)))
    axes = camera(ball)
    view = surface_view(still, ball.vertex_normals, axes, 100)
    assert len(view.fragments.pixels) / 100**2 == pytest.approx(np.pi / 4 * 0.93**2, rel=0.05)
    seen = np.unique(view.fragments.faces)
    assert (ball.face_normals[seen] @ axes[2]).min() > -0.05
    assert 0 < view.shade.min() < view.shade.max() < 1.2


# ---------------------------------------------------------------------------------------------------------------------
# pictures


@pytest.fixture(scope="module")
def run():
    return cap_run(angle=1.4)


@pytest.fixture(scope="module")
def pictures(run):
    return figures.encoded(figures.draw_all(run.input, run.maps, run.distortions, size=120))


def test_all_pictures_are_drawn(pictures):
    each = {
        f"{n}/{k}"
        for n in ("conformal", "area-preserving")
        for k in ("image", "checkerboard", "circles", "area", "angle")
    }
    assert pictures.keys() == each | {"surface", "pattern/checkerboard", "pattern/circles"}
    for data in pictures.values():
        image = open_picture(data)
        assert image.shape == (120, 120, 4)
        assert image[0, 0, 3] == 0
        assert image[60, 60, 3] == 255
        assert image[image[..., 3] == 255].std() > 5


@pytest.mark.parametrize("area", [False, True])
def test_pictures_of_sphere_maps(area):
    run = sphere_run(area=area)
    drawn = figures.encoded(figures.draw_all(run.input, run.maps, run.distortions, size=80))
    kinds = ("checkerboard", "circles", "area", "angle")
    expected = {"surface", "surface/behind", "pattern/checkerboard", "pattern/circles"}
    for name in run.maps:
        expected |= {f"{name}/image", f"{name}/image/behind", *(f"{name}/{kind}" for kind in kinds)}
        expected |= set() if area else {f"{name}/{kind}/behind" for kind in kinds}
    assert drawn.keys() == expected
    for name, data in drawn.items():
        image = open_picture(data)
        assert image.shape == (80, 80, 4)
        assert image[0, 0, 3] == 0
        if "image" in name or "pattern" in name:
            assert (image[..., 3] > 128).mean() == pytest.approx(np.pi / 4 * 0.93**2, abs=0.02)
        assert image[image[..., 3] == 255].std() > 5
    assert drawn["conformal/image"] != drawn["conformal/image/behind"]


@pytest.mark.parametrize("pattern", ["checkerboard", "circles"])
def test_a_sphere_that_is_its_own_image_bears_the_pattern_itself(pattern):
    ball = icosphere(4)
    turned = SurfaceMap(ball, ball.vertices @ np.diag([-1.0, -1.0, 1.0]), np.arange(len(ball.vertices)))
    drawn = figures.encoded(figures.draw_all(ball, {"conformal": turned}, {"conformal": distortion(turned)}, size=150))

    def hues(name):
        colors = open_picture(drawn[name])[30:-30, 30:-30, :3]
        return (colors / colors.sum(axis=2, keepdims=True)).ravel()  # without the light

    assert np.corrcoef(hues(f"conformal/{pattern}"), hues(f"pattern/{pattern}"))[0, 1] > 0.97
    assert np.corrcoef(hues(f"conformal/{pattern}/behind"), hues(f"pattern/{pattern}"))[0, 1] < 0.5


def test_colors_tell_the_map_that_keeps_areas_from_the_one_that_does_not(pictures):
    def tint(name):
        image = open_picture(pictures[name])
        red, _, blue, alpha = np.moveaxis(image, -1, 0)
        return (red - blue)[alpha == 255]

    kept, changed = tint("area-preserving/area"), tint("conformal/area")
    assert np.abs(kept).max() < 45
    assert changed.min() < -60  # the middle of the cap shrinks: blue
    assert changed.max() > 60  # its rim grows: red


def test_the_same_run_gives_the_same_pictures(run, pictures):
    again = figures.encoded(figures.draw_all(run.input, run.maps, run.distortions, size=120))
    assert again == pictures


def test_patterns_differ_between_the_maps(pictures):
    assert pictures["conformal/checkerboard"] != pictures["area-preserving/checkerboard"]


def test_inputs_are_left_alone():
    conformal, lambert = cap_maps()
    before = lambert.uv.copy(), conformal.uv.copy()
    maps = {"conformal": conformal, "area-preserving": lambert}
    figures.encoded(figures.draw_all(conformal.surface, maps, cap_run().distortions, size=60))
    np.testing.assert_array_equal(lambert.uv, before[0])
    np.testing.assert_array_equal(conformal.uv, before[1])
