from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.base.predicates import orientations


def exact(corners):
    """The sign of the volume by rational numbers, written out."""
    first, *rest = [[Fraction(x) for x in corner] for corner in np.asarray(corners).tolist()]
    rows = [[x - y for x, y in zip(row, first, strict=True)] for row in rest]
    if len(rows) == 2:
        value = rows[0][0] * rows[1][1] - rows[0][1] * rows[1][0]
    else:
        (a, b, c), (d, e, f), (g, h, i) = rows
        value = a * e * i + b * f * g + c * d * h - c * e * g - b * d * i - a * f * h
    return (value > 0) - (value < 0)


def of(*simplices):
    corners = np.asarray(simplices, dtype=float)
    return orientations(
        corners.reshape(-1, corners.shape[2]), np.arange(len(corners) * corners.shape[1]).reshape(corners.shape[:2])
    )


def test_plain_simplices_need_no_rational_numbers():
    triangle, tetrahedron = [[0, 0], [1, 0], [0, 1]], [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert of(triangle, triangle[::-1]).signs.tolist() == [1, -1]
    assert of(triangle).in_doubt == 0
    assert of(tetrahedron, tetrahedron[::-1]).signs.tolist() == [1, 1]
    assert of([tetrahedron[k] for k in (0, 2, 1, 3)]).signs.tolist() == [-1]


@pytest.mark.parametrize("dimension", [2, 3])
def test_points_near_a_line_or_plane_are_on_the_right_side(dimension):
    # Kettner et al., "Classroom examples of robustness problems in geometric computations", 2008: where float fails
    unit, simplices = 2.0**-53, []
    for i in range(16):
        for j in range(16):
            near = [0.5 + i * unit, 0.5 + j * unit]
            simplices.append([near, [12.0, 12.0], [24.0, 24.0]])
    simplices = np.array(simplices)
    if dimension == 3:  # lifted to the plane through (1, 1, 1) and the line
        simplices = np.concatenate([simplices, simplices.mean(axis=2, keepdims=True)], axis=2)
        simplices = np.concatenate([simplices, np.broadcast_to([5.0, 3.0, 4.0], (256, 1, 3))], axis=1)
    found = of(*simplices)
    assert found.signs.tolist() == [exact(each) for each in simplices]
    assert found.in_doubt > 0
    assert {-1, 0, 1} >= set(found.signs.tolist()) > {0}
    plain = np.linalg.det(simplices[:, 1:] - simplices[:, :1])
    assert (np.sign(plain) != found.signs).any(), "plain arithmetic would do"


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 3), st.integers(0, 2**32 - 1), st.integers(-1000, 900), st.integers(0, 60))
def test_signs_are_exact_at_any_scale(dimension, seed, exponent, flatness):
    rng = np.random.default_rng(seed)
    corners = (
        rng.integers(-4, 5, (20, dimension + 1, dimension))
        + rng.normal(size=(20, dimension + 1, dimension)) * 2.0**-flatness
    )
    corners = np.ldexp(corners, exponent)
    assert of(*corners).signs.tolist() == [exact(each) for each in corners]


def test_an_exchange_of_corners_changes_the_sign():
    rng = np.random.default_rng(0)
    corners = rng.normal(size=(4, 3)) * [1, 1, 1e-17]
    for order in permutations(range(4)):
        even = round(np.linalg.det(np.eye(4)[list(order)]))
        assert of(corners[list(order)]).signs[0] == even * of(corners).signs[0] != 0


def test_more_simplices_than_one_block():
    rng = np.random.default_rng(1)
    points, triangles = rng.normal(size=(50, 2)), rng.integers(0, 50, (40_000, 3))
    found = orientations(points, triangles)
    edges = points[triangles[:, 1:]] - points[triangles[:, :1]]
    plain = np.linalg.det(edges)
    clear = np.abs(plain) > 1e-9
    np.testing.assert_array_equal(found.signs[clear], np.sign(plain)[clear])
    twice = (np.sort(triangles, axis=1)[:, :-1] == np.sort(triangles, axis=1)[:, 1:]).any(axis=1)
    assert (found.signs[twice] == 0).all()
