import numpy as np
import pytest
import shapes

from meshot.app.report.pictures.solid_cut import CUTS, best_cut, cut_open, volume_pictures
from meshot.maps.distortion import distortion
from meshot.maps.solid_map import SolidMap

SIZE = 60


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
