"""Pictures of sheets in a ball and of the surface that lay on them, and the moving picture."""

import io

import numpy as np
import pytest
from PIL import Image
from shapes import ball_solid, icosphere
from tears import cut_along_chord, lattice_in_ball

from meshot.app.report.pages.morph import animation
from meshot.app.report.pictures.space_singular import farthest_off, laid_surface, torn_space
from meshot.diagrams.domains import Ball
from meshot.morph import ball_to_shape
from meshot.singular.detect import singular_set
from meshot.transport.solve import solve_transport

SIZE = 120


def dark(image):
    return (image[..., 3] > 200) & (image[..., :3].astype(int).sum(axis=2) < 380)


def folds_at(c):
    return singular_set(solve_transport(cut_along_chord(lattice_in_ball(800), c, 0.4), domain=Ball(), tol=1e-3))


def test_a_sheet_stands_in_a_pale_ball():
    """Seen along its plane it is a line, seen from the front it fills the disk; elsewhere the ball is pale."""
    folds = folds_at(0.0)
    side, front = np.eye(3), np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    edge_on, facing = (torn_space(folds, Ball(), axes, SIZE) for axes in (side, front))
    assert dark(edge_on)[:, : SIZE // 2 - 10].sum() == dark(edge_on)[:, SIZE // 2 + 10 :].sum() == 0
    assert dark(facing).sum() > 0.5 * np.pi / 4 * SIZE**2
    for image in (edge_on, facing):
        assert (image[..., 3] > 200).sum() == pytest.approx(np.pi / 4 * (SIZE * 0.93) ** 2, rel=0.05)


def test_a_ball_without_sheets_is_pale():
    folds = singular_set(solve_transport(lattice_in_ball(300), domain=Ball(), tol=1e-3))
    assert not dark(torn_space(folds, Ball(), np.eye(3), SIZE)).any()


def test_what_came_from_a_fold_is_dark():
    surface = icosphere(3)
    distances = np.abs(surface.vertices[:, 0])
    image = laid_surface(surface, distances, np.eye(3), SIZE)
    assert dark(image)[:, SIZE // 2 - 3 : SIZE // 2 + 3].sum() > 4 * SIZE
    assert farthest_off(distances) == pytest.approx(1, abs=0.01)
    assert farthest_off(np.array([np.inf, np.nan])) == 1.0


@pytest.mark.parametrize("bare", [True, False])
def test_there_and_back(bare):
    solid = ball_solid()
    morph = ball_to_shape(solid.vertices * [2, 1, 1] if bare else solid.with_vertices(solid.vertices * [2, 1, 1]))
    with Image.open(io.BytesIO(animation(morph, np.linspace(0, 1, 4), size=60))) as moving:
        frames = []
        for k in range(moving.n_frames):
            moving.seek(k)
            frames.append(np.asarray(moving.convert("RGB")).astype(int))
    assert len(frames) == 6
    assert (frames[1] == frames[5]).all()
    widths = [np.ptp(np.nonzero((frame < 250).any(axis=(0, 2)))[0]) for frame in frames]
    assert widths[0] < widths[1] < widths[2] <= widths[3]
