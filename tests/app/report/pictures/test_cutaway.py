import numpy as np
import pytest

from meshot.app.report.pictures.cutaway import corner_view, cutaway, paint_cells
from meshot.app.report.pictures.views import MARGIN, SAMPLING
from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron

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
