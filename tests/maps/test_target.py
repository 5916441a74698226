import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.maps.target import disk_to_square, sphere_to_square, square_to_disk, square_to_sphere

unit = st.floats(0, 1)


@given(unit, unit, unit, unit)
@settings(max_examples=60, deadline=None)
def test_the_square_goes_to_the_disk_ring_by_ring(x, y, u, v):
    one, two = square_to_disk(np.array([[x, y], [u, v]]))
    square = np.abs(2 * np.array([x, y]) - 1).max()
    assert np.linalg.norm(one) == pytest.approx(square, abs=1e-12)
    apart = np.linalg.norm([x - u, y - v])
    if apart > 1e-9:
        # Bounded stretch both ways: nothing is torn, nothing is glued.
        assert 0.3 * apart < np.linalg.norm(one - two) < 3.5 * apart


def test_the_square_to_disk_map_keeps_areas():
    rng = np.random.default_rng(0)
    corner = rng.random((500, 2)) * 0.98
    step = 1e-5
    a, b, c = (square_to_disk(corner + shift) for shift in ([0, 0], [step, 0], [0, step]))
    jacobian = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / step**2
    close = np.abs(np.abs(2 * corner[:, 0] - 1) - np.abs(2 * corner[:, 1] - 1)) < 1e-3  # across the diagonals it bends
    np.testing.assert_allclose(jacobian[~close], np.pi, rtol=1e-2)


def test_a_square_goes_to_the_sphere_without_change_of_area():
    """The heights and the angles are uniform (Archimedes)."""
    points = square_to_sphere(np.random.default_rng(0).random((1000, 2)))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-14)
    x, y = np.meshgrid((np.arange(40) + 0.5) / 40, (np.arange(40) + 0.5) / 40)
    grid = square_to_sphere(np.stack([x.ravel(), y.ravel()], axis=1))
    np.testing.assert_allclose(grid.T @ grid / 1600, np.eye(3) / 3, atol=1e-3)


def test_disk_and_sphere_go_back_to_the_square():
    square = np.random.default_rng(0).random((2000, 2))
    np.testing.assert_allclose(disk_to_square(square_to_disk(square)), square, atol=1e-12)
    np.testing.assert_allclose(sphere_to_square(square_to_sphere(square)), square, atol=1e-12)
    # The axes, the middle and the diagonals, where the formulas change.
    special = np.array([[0.5, 0.5], [1, 0.5], [0, 0.5], [0.5, 1], [0.5, 0], [1, 1], [0, 1], [0.25, 0.25]])
    np.testing.assert_allclose(disk_to_square(square_to_disk(special)), special, atol=1e-15)
