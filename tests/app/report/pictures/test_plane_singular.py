"""Pictures of tears: what is drawn where."""

import numpy as np
import pytest
from tears import cut_along_chord, spiral

from meshot.app.report.pictures.plane_singular import torn_potential, torn_source, torn_target, widest
from meshot.singular.detect import singular_set
from meshot.transport.solve import solve_transport

SIZE = 200


@pytest.fixture(scope="module")
def run():
    result = solve_transport(cut_along_chord(spiral(800), 0.0))
    return result, singular_set(result)


def dark(image):
    """Pixels that show a wide jump: dark red to violet, on whatever is pale."""
    red, green, blue, alpha = image.astype(int).transpose(2, 0, 1)
    return (alpha > 200) & (red + green + blue < 330) & (red > green + 15)


def test_the_tear_stands_upright_in_the_source(run):
    rows, columns = np.nonzero(dark(torn_source(*run, SIZE)))
    assert np.ptp(rows) > 0.85 * SIZE
    assert np.abs(columns - SIZE / 2).max() < 0.05 * SIZE


def test_its_sides_are_joined_in_the_target(run):
    """The gap is 2 d = 0.5 of a target 2.5 wide."""
    rows, columns = np.nonzero(dark(torn_target(*run, SIZE)))
    assert np.ptp(columns) == pytest.approx(SIZE * 0.5 / 2.5, rel=0.3)
    assert np.ptp(rows) > 0.6 * SIZE


def test_the_ridge_runs_over_the_graph(run):
    image = torn_potential(*run, SIZE)
    rows, columns = np.nonzero(dark(image))
    assert np.abs(columns - SIZE / 2).max() < 0.05 * SIZE
    shown = np.nonzero(image[..., 3])
    assert np.ptp(rows) > 0.6 * np.ptp(shown[0])
    assert np.ptp(shown[1]) > 0.85 * SIZE


def test_the_scale_ends_at_the_largest_jump(run):
    assert widest(run[1]) == run[1].jump.max()
