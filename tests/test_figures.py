import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from handmade import cap_maps, cap_run
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shapes import bumpy_sphere, cap, disk

from meshot import colors, figures
from meshot.maps import SurfaceMap
from meshot.views import camera, disk_view, surface_view

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


def test_scale_ends_have_the_named_colors():
    found = colors.scale_colors(np.array([-3.0, 0, 3, np.nan]), colors.DIVERGING, -1, 1)
    named = [[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colors.DIVERGING]
    np.testing.assert_allclose(found.T, [named[0], named[2], named[4], named[0]], atol=0.01)


def test_scales_hold_98_percent_of_the_faces_of_both_maps():
    run = cap_run(angle=1.4)
    limits = figures.scales(list(run.distortions.values()))
    for distortion in run.distortions.values():
        assert (np.abs(distortion.log_area_ratio) <= limits.log_area).mean() >= 0.98
        assert (figures.angle_error(distortion) <= limits.angle).mean() >= 0.979


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
    return figures.pictures(run.source, run.maps, run.distortions, size=120)


def test_all_pictures_are_drawn(pictures):
    each = {
        f"{n}/{k}"
        for n in ("conformal", "area-preserving")
        for k in ("disk", "checkerboard", "circles", "area", "angle")
    }
    assert pictures.keys() == each | {"surface", "pattern/checkerboard", "pattern/circles"}
    for data in pictures.values():
        image = open_picture(data)
        assert image.shape == (120, 120, 4)
        assert image[0, 0, 3] == 0
        assert image[60, 60, 3] == 255
        assert image[image[..., 3] == 255].std() > 5


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
    again = figures.pictures(run.source, run.maps, run.distortions, size=120)
    assert again == pictures


def test_patterns_differ_between_the_maps(pictures):
    assert pictures["conformal/checkerboard"] != pictures["area-preserving/checkerboard"]


def test_inputs_are_left_alone():
    conformal, lambert = cap_maps()
    before = lambert.uv.copy(), conformal.uv.copy()
    maps = {"conformal": conformal, "area-preserving": lambert}
    figures.pictures(conformal.surface, maps, cap_run().distortions, size=60)
    np.testing.assert_array_equal(lambert.uv, before[0])
    np.testing.assert_array_equal(conformal.uv, before[1])


# ---------------------------------------------------------------------------------------------------------------------
# charts


def test_histogram_counts_what_lies_within_its_limits():
    values = np.concatenate([np.full(30, -0.5), np.full(10, 0.5), [np.nan, np.inf, 7.0]])
    figure = figures.histograms({"one": values}, "label", limit=1.0)
    (axis,) = figure.axes
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(1)
    assert np.isclose(heights, 1 / 3).any()
    assert axis.get_xlim() == (-1, 1)


def test_convergence_is_drawn_on_a_logarithmic_axis_with_its_tolerance():
    figure = figures.convergence({"transport": [1.0, 1e-3, 1e-7]}, "error", tolerance=1e-6)
    (axis,) = figure.axes
    assert axis.get_yscale() == "log"
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [1.0, 1e-3, 1e-7])
    assert list(axis.lines[1].get_ydata()) == [1e-6, 1e-6]


def test_charts_become_svg_in_the_colors_of_the_page():
    swap = {figures.INK: "var(--ink)", figures.FAINT: "var(--line)", figures.SERIES[0]: "var(--one)"}
    text = figures.svg(figures.histograms({"one": np.linspace(-1, 1, 50)}, "a label < 3"), swap)
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    assert "a label < 3" in "".join(root.itertext())
    assert "var(--one)" in text
    assert not any(color in text for color in swap)


def test_charts_are_the_same_every_time():
    def draw():
        return figures.svg(figures.histograms({"one": np.linspace(-1, 1, 50)}, "label"), {})

    assert draw() == draw()
