from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import icosphere, rotation

from meshot.maps.enclosures import UNIT, Enclosed, areas, exact, solid_angles, volumes

CORNER = np.array([[0, 1, 2]])


def rational(number):
    """A number of extended precision, exactly."""
    return Fraction(*np.longdouble(number).as_integer_ratio())


def edges(corners):
    first, *rest = [[Fraction(x) for x in corner] for corner in corners.tolist()]
    return [[x - y for x, y in zip(row, first, strict=True)] for row in rest]


def cross(u, v):
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]


def square_root(number):
    """To 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(number.numerator) / Decimal(number.denominator)).sqrt())


def true_area(corners):
    u, v = edges(corners)
    if len(u) == 2:
        return abs(u[0] * v[1] - u[1] * v[0]) / 2
    return square_root(sum(x * x for x in cross(u, v))) / 2


def true_volume(corners):
    u, v, w = edges(corners)
    return abs(sum(x * y for x, y in zip(u, cross(v, w), strict=True))) / 6


def encloses(found, truth, k=0):
    return abs(rational(found.values[k]) - truth) <= rational(found.errors[k])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 50), st.integers(-60, 60))
def test_areas_and_volumes_are_enclosed_however_flat(seed, flatness, exponent):
    rng = np.random.default_rng(seed)
    flat = np.ldexp(rng.normal(size=(4, 3)) * [1, 1, 2.0**-flatness] @ rotation(seed), exponent)
    needle = np.ldexp(rng.normal(size=(3, 2)) * [1, 2.0**-flatness] @ [[0.6, 0.8], [-0.8, 0.6]], exponent)
    assert encloses(areas(flat[:3], CORNER), true_area(flat[:3]))
    assert encloses(areas(needle, CORNER), true_area(needle))
    assert encloses(volumes(flat, np.array([[0, 1, 2, 3]])), true_volume(flat))


def test_bounds_are_close_where_shapes_are_good():
    plain = np.random.default_rng(0).normal(size=(4, 3))
    for found in (areas(plain, CORNER), volumes(plain, np.array([[0, 1, 2, 3]])), solid_angles(plain, CORNER)):
        assert 0 < found.errors[0] < 100 * UNIT * found.values[0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_solid_angles_of_small_triangles_are_their_areas_to_second_order(seed, smallness):
    # solid angle = area (1 + O(size^2)) in the tangent plane, whatever the length of the corners
    rng = np.random.default_rng(seed)
    size = 2.0 ** -(smallness + 10)
    corners = np.array([[0, 0, 1.0], [size, 0, 1], [0, size * rng.uniform(0.5, 1), 1]])
    area = float(areas(corners, CORNER).values[0])
    found = solid_angles(corners * 2.0 ** rng.integers(-5, 6, (3, 1)), CORNER)
    assert abs(float(found.values[0]) - area) <= area * (2 * size**2 + 4e-16)
    assert found.errors[0] < area * 1e-14 * (2**-20 / size)


def test_solid_angles_known_in_closed_form():
    octant = solid_angles(np.eye(3) * [[1], [3], [0.1]], CORNER)
    # pi to 30 digits
    half_pi = Fraction(3141592653589793238462643383279, 2 * 10**30)
    assert encloses(octant, half_pi)
    sphere = icosphere(2)
    whole = solid_angles(sphere.vertices * 3, sphere.faces).total()
    assert encloses(whole, 8 * half_pi)
    assert whole.errors[0] < 1e-16


def test_an_angle_that_is_not_known_is_not_claimed_to_be():
    # nearly half a great circle: a digit decides on which side it lies
    found = solid_angles(np.array([[1, 0, 0], [-1, 1e-30, 1e-30], [0, 0, 1.0]]), CORNER)
    assert found.errors[0] >= 3
    assert np.isfinite(found.values[0])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000, 4097])
def test_sums_are_enclosed(count):
    rng = np.random.default_rng(count)
    numbers = rng.exponential(size=count) * 10.0 ** rng.integers(-10, 10, count)
    total = exact(numbers).total()
    assert encloses(total, sum(map(Fraction, numbers.tolist())))
    assert total.errors[0] < 20 * UNIT * total.values[0]
    groups = rng.permutation(np.arange(count) % max(count // 4, 1))
    sums = exact(numbers).summed(groups)
    assert len(sums.values) == groups.max() + 1
    for k in range(min(len(sums.values), 20)):
        assert encloses(sums, sum(map(Fraction, numbers[groups == k].tolist())), k)


def test_errors_of_members_go_into_the_sums():
    known = Enclosed(np.ones(6, dtype=np.longdouble), np.full(6, 0.25, dtype=np.longdouble))
    assert known.total().errors[0] >= 1.5
    assert (known.summed(np.array([0, 0, 1, 1, 2, 2])).errors >= 0.5).all()
