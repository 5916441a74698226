import numpy as np
import pytest
import shapes

from meshot.app.report.pictures.cutaway import (
    CUTS,
    best_cut,
    corner_view,
    cut_open,
    cutaway,
    paint_cells,
    volume_pictures,
)
from meshot.app.report.pictures.views import MARGIN, SAMPLING
from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron
from meshot.maps.distortion import distortion
from meshot.maps.solid_map import SolidMap

SIZE = 60
BALL = Ball([1.0, 2.0, 3.0], 0.5)


def test_a_whole_ball_shows_its_sphere():
    seen = cutaway(BALL, 60, whole=True)
    assert np.linalg.norm(seen.points - BALL.center, axis=1) == pytest.approx(0.5)
    # it fills a disk of the picture but for the margin
    share = len(seen.points) / (60 * SAMPLING) ** 2
    assert share == pytest.approx(np.pi / 4 * (1 - 2 * MARGIN) ** 2, rel=0.01)
    assert ((seen.points - BALL.center) @ corner_view()[2] > -1e-9).all()


@pytest.mark.parametrize(
    "domain", [BALL, Box([0, 0, 0], [1, 2, 1]), ConvexPolyhedron([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]])]
)
def test_the_corner_toward_the_eye_is_cut_out(domain):
    seen = cutaway(domain, 80)
    local = seen.points - domain.center
    size = np.abs(domain.extent).max()
    assert (local.min(axis=1) < 1e-9 * size).all()  # nothing in the corner
    assert domain.contains(domain.center + local * (1 - 1e-9)).all()
    on_cut = (np.abs(local).min(axis=1) < 1e-9 * size) & (local.min(axis=1) > -1e-9 * size)
    assert 0.05 < on_cut.mean() < 0.9
    # what is seen is nearest to the eye: a step toward it leads out of what is there
    ahead = local + 1e-6 * size * corner_view()[2]
    assert ((ahead.min(axis=1) > 0) | ~domain.contains(domain.center + ahead)).all()


def test_the_camera_turns_the_cut_with_it():
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    straight, turned = cutaway(BALL, 40), cutaway(BALL, 40, corner_view() @ turn)
    assert (turned.points - BALL.center) @ turn.T == pytest.approx(straight.points - BALL.center, abs=1e-9)
    assert turned.view.shade == pytest.approx(straight.view.shade, abs=1e-5)


def test_cells_get_their_colors_and_lines_between_them():
    seen = cutaway(BALL, 50, whole=True)
    cells = (seen.points[:, 0] > 1.0).astype(np.int64)
    colors = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=np.float32)
    plain, lined = (paint_cells(seen, cells, colors, outlined=each) for each in (False, True))
    assert plain.shape == (50, 50, 4)
    assert plain[..., 2].max() == 0
    full = plain[..., 3] == 255
    assert ((plain[..., 0] > 0) | (plain[..., 1] > 0))[full].all()
    assert lined[full].sum() < plain[full].sum()
    assert (plain[0, 0] == 0).all()


# ---------------------------------------------------------------------------------------------------------------------
# solids


def test_what_is_cut_open_shows_the_section_and_the_skin():
    ball = shapes.ball_solid(2)
    whole, cut = (
        cut_open(ball, ball.vertices, np.eye(3), None, SIZE),
        cut_open(ball, ball.vertices, np.eye(3), np.array([0.0, 0.0, 1.0]), SIZE),
    )
    assert not whole.slice.section.any()
    # seen along the normal, the section covers all of what the ball covered
    assert cut.slice.section[cut.view.fragments.faces].all()
    assert len(cut.view.fragments.pixels) == pytest.approx(len(whole.view.fragments.pixels), rel=0.02)
    tilted = cut_open(ball, ball.vertices, np.eye(3), CUTS[0] / np.linalg.norm(CUTS[0]), SIZE)
    share = tilted.slice.section[tilted.view.fragments.faces].mean()
    assert 0.5 < share < 1


def test_the_plane_that_shows_more_is_taken():
    rod = shapes.box_solid(12, 2, 2, (6.0, 1.0, 1.0))
    assert abs(best_cut(rod, np.eye(3))[0]) < 0.1  # along the rod
    assert best_cut(shapes.ball_solid(1), np.eye(3)).tolist() == CUTS[0].tolist()


@pytest.mark.parametrize("mirror", [1, -1])
def test_pictures_of_a_map(mirror):
    ball = shapes.ball_solid(1)
    solid = ball.with_vertices(ball.vertices * [1.5, 1, mirror])
    mapped = SolidMap(solid, ball.vertices * [1, 1, mirror])
    images = volume_pictures({"harmonic": mapped}, {"harmonic": distortion(mapped)}, limit=1.0, size=SIZE)
    assert set(images) == {"solid", "harmonic/solid", "harmonic/ball", "harmonic/pulled", "harmonic/shells"}
    for image in images.values():
        assert image.shape == (SIZE, SIZE, 4)
        assert image[0, 0, 3] == 0
        assert image[SIZE // 2, SIZE // 2, 3] == 255
    # nothing is distorted: the section is ivory, apart from shade and lines
    seen = images["harmonic/ball"][images["harmonic/ball"][..., 3] == 255][:, :3].astype(float)
    assert (seen.max(axis=1) - seen.min(axis=1)).max() < 25
    pattern = images["harmonic/shells"][images["harmonic/shells"][..., 3] == 255][:, :3].astype(float)
    assert (pattern.max(axis=1) - pattern.min(axis=1)).max() > 50
