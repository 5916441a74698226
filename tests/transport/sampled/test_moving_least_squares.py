import numpy as np
import pytest

from meshot.transport.sampled.hierarchy import moving_least_squares


@pytest.mark.parametrize("d", [1, 2, 3])
def test_quadratics_come_out_as_they_are(d):
    rng = np.random.default_rng(d)
    points, places = rng.normal(size=(200, d)), rng.normal(size=(50, d))
    stretch, slope = rng.normal(size=(d, d)), rng.normal(size=d)

    def value(x):
        return 3 + x @ slope + np.einsum("na,ab,nb->n", x, stretch, x)

    fitted = moving_least_squares(places, points, value(points), slope + points @ (stretch + stretch.T))
    assert np.abs(fitted - value(places)).max() < 1e-6


def test_the_error_falls_with_a_high_power_of_the_spacing():
    rng = np.random.default_rng(7)
    places, errors, counts = rng.uniform(-0.8, 0.8, size=(400, 2)), [], np.array([400, 1600, 6400, 25600])
    for n in counts:
        points = rng.uniform(-1, 1, size=(n, 2))
        value, wave = np.exp(points[:, 0]) * np.cos(2 * points[:, 1]), np.exp(points[:, 0]) * np.sin(2 * points[:, 1])
        fitted = moving_least_squares(places, points, value, np.column_stack([value, -2 * wave]))
        errors.append(np.sqrt(((fitted - np.exp(places[:, 0]) * np.cos(2 * places[:, 1])) ** 2).mean()))
    # the cubic terms are not fitted; of a symmetric neighborhood they cancel
    assert np.polyfit(np.log(counts**-0.5), np.log(errors), 1)[0] > 2.7


def test_few_points_and_points_that_coincide_or_lie_on_a_line():
    place, one = np.array([[0.5, 0.5]]), np.array([[0.0, 0.0]])
    slope = np.array([[1.0, 2.0]])
    assert moving_least_squares(place, one, np.array([3.0]), slope) == pytest.approx(4.5)
    assert moving_least_squares(
        place, np.repeat(one, 3, axis=0), np.full(3, 3.0), np.repeat(slope, 3, axis=0)
    ) == pytest.approx(4.5)
    line = np.column_stack([np.arange(20.0), np.zeros(20)])
    found = moving_least_squares(place, line, line[:, 0] ** 2, 2 * line)
    assert found == pytest.approx(0.25, abs=1e-4)
    assert moving_least_squares(one, one, np.array([3.0]), slope) == pytest.approx(3.0)


def test_a_convex_function_stays_convex_where_it_was_sampled():
    rng = np.random.default_rng(3)
    points = rng.uniform(-1, 1, size=(900, 2))
    value = np.log(np.cosh(3 * points).sum(axis=1))
    gradient = 3 * np.sinh(3 * points) / np.cosh(3 * points).sum(axis=1)[:, None]
    line = np.column_stack([np.linspace(-0.7, 0.7, 60), np.linspace(-0.5, 0.6, 60)])
    assert (np.diff(moving_least_squares(line, points, value, gradient), 2) > 0).all()
