import numpy as np
import pytest
from shapes import triangle

from meshot.base.errors import GeometryError
from meshot.maps.surface_map import SurfaceMap
from meshot.sampling.weights import FINEST, Texture, mean_density, piece_masses, pieces_for


def test_a_picture_is_interpolated_between_pixels():
    """A linear ramp comes back between the first and the last pixel's middle, and goes on level beyond."""
    ramp = np.tile(np.arange(8.0), (4, 1)) + 10 * np.arange(4.0)[:, None]
    u, v = np.random.default_rng(0).uniform(1 / 8, 7 / 8, (2, 50))
    found = Texture(ramp, np.zeros((3, 2))).at(np.stack([u, v], axis=1))
    np.testing.assert_allclose(found, (8 * u - 0.5) + 10 * (4 * (1 - v) - 0.5), atol=1e-12)
    ends = Texture(ramp, np.zeros((3, 2))).at(np.array([[-1.0, 2.0], [2.0, -1.0]]))
    np.testing.assert_allclose(ends, [0, 37])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2, 4), (3, 3, 1)])
def test_pictures_of_any_shape(shape):
    assert Texture(np.full(shape, 3.0), np.zeros((3, 2))).at(np.array([0.3, 0.9])) == 3.0


@pytest.mark.parametrize(
    ("image", "uv"),
    [(np.ones(4), np.zeros((3, 2))), (-np.ones((2, 2)), np.zeros((3, 2))), (np.ones((2, 2)), np.zeros((3, 3))),
     (np.ones((2, 2)), np.full((3, 2), np.nan)), (np.ones((0, 2)), np.zeros((3, 2)))],
)  # fmt: skip
def test_pictures_that_are_none(image, uv):
    with pytest.raises(GeometryError):
        Texture(image, uv)


def test_a_quadratic_density_is_integrated_to_the_size_of_the_texels():
    sheet = triangle()
    sheet_map = SurfaceMap(sheet, sheet.vertices[:, :2], np.arange(3))
    x, y = np.meshgrid((np.arange(64) + 0.5) / 64, 1 - (np.arange(64) + 0.5) / 64)
    texture = Texture(x**2 + y, sheet.vertices[:, :2])
    pieces = pieces_for(sheet_map, texture)
    assert 32**2 <= len(pieces.parent) <= FINEST**2
    assert mean_density(sheet_map, texture, pieces).mean() == pytest.approx(1 / 6 + 1 / 3, abs=1e-3)
    assert piece_masses(sheet_map, texture, pieces).sum() == pytest.approx(1)
