import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshot.formats.polygons import cut_polygons
from meshot.formats.read.parsing import FormatError

ELL = np.array([[0.0, 0, 0], [2, 0, 0], [2, 1, 0], [1, 1, 0], [1, 2, 0], [0, 2, 0]])
DART = np.array([[0.0, 0, 0], [2, 1, 0], [0, 2, 0], [1, 1, 0]])
STAR = np.array([[np.cos(4 * np.pi * k / 5), np.sin(4 * np.pi * k / 5), 0.0] for k in range(5)])
BOW = np.array([[0.0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]])
KEYHOLE = np.array(
    [[0.0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0], [0, 0, 0], [1, 1, 0], [1, 3, 0], [3, 3, 0], [3, 1, 0], [1, 1, 0]]
)
STRAIGHT = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 2, 0], [1, 1, 0], [0, 2, 0]])


def cut(points):
    return cut_polygons(points, np.arange(len(points)), np.array([len(points)]))


def signed_areas(points, triangles):
    a, b, c = points[triangles].transpose(1, 0, 2)
    return np.cross(b - a, c - a)[:, 2] / 2


@pytest.mark.parametrize(
    ("polygon", "area"), [(ELL, 3), (DART, 1), (KEYHOLE, 12), (STRAIGHT, 3)], ids=["ell", "dart", "keyhole", "straight"]
)
def test_a_polygon_that_is_not_convex_is_tiled_whichever_its_first_corner(polygon, area):
    for first in range(len(polygon)):
        points = np.roll(polygon, first, axis=0)
        triangles, (note,) = cut(points)
        areas = signed_areas(points, triangles)
        assert areas.min() > 1e-9
        assert areas.sum() == pytest.approx(area, abs=1e-12)
        assert len(triangles) == len(polygon) - 2
        assert set(triangles.ravel()) == set(range(len(polygon)))
        assert "not convex" in note


def test_a_convex_polygon_stays_a_fan():
    octagon = np.array([[np.cos(k * np.pi / 4), np.sin(k * np.pi / 4), 0.5] for k in range(8)])
    triangles, (note,) = cut(octagon)
    assert triangles.tolist() == [[0, k, k + 1] for k in range(1, 7)]
    assert note == "1 faces with more than 3 corners were cut into 6 triangles (fans)"


@pytest.mark.parametrize("polygon", [STAR, BOW], ids=["pentagram", "bow tie"])
def test_a_polygon_that_crosses_itself_is_refused(polygon):
    with pytest.raises(FormatError, match="cross themselves") as error:
        cut_polygons(np.vstack([ELL, polygon]), np.arange(6 + len(polygon)), np.array([6, len(polygon)]))
    assert error.value.ids == [1]


@given(st.integers(4, 12), st.integers(0, 10_000), st.sampled_from([1e-6, 1.0, 1e6]))
def test_a_star_shaped_polygon_anywhere_in_space_keeps_its_area(corners, seed, scale):
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) / corners
    radii = rng.uniform(0.3, 1.0, corners)
    flat = radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    points = scale * (flat @ turn[:2] + rng.normal(size=3))
    triangles, _ = cut(points)
    a, b, c = points[triangles].transpose(1, 0, 2)
    pieces = np.cross(b - a, c - a) / 2
    whole = pieces.sum(axis=0)
    x, y = flat.T
    area = 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) * scale**2
    assert np.linalg.norm(pieces, axis=1).sum() == pytest.approx(area, rel=1e-6)
    assert np.linalg.norm(whole) == pytest.approx(area, rel=1e-6)


def test_many_quads_are_cut_at_their_reflex_corners():
    points = np.vstack([np.roll(DART, k, axis=0) + np.array([3 * k, 0, 0]) for k in range(4)])
    triangles, _ = cut_polygons(points, np.arange(16), np.full(4, 4))
    assert signed_areas(points, triangles) == pytest.approx(np.full(8, 0.5))


def test_a_twisted_quad_is_a_fan_and_said_to_be():
    twisted = np.array([[0.0, 0, 0], [3, 1, 0], [3, 0, 0], [0, 0.3, 0.02]])
    triangles, (note,) = cut(twisted)
    assert triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert "1 of them, twisted or without area, are fans all the same" in note


def test_a_polygon_of_many_teeth_is_tiled():
    angles = 2 * np.pi * np.arange(800) / 800
    radii = 1 + 0.5 * (np.arange(800) % 2)
    points = np.column_stack([radii * np.cos(angles), radii * np.sin(angles), np.zeros(800)])
    triangles, _ = cut(points)
    assert signed_areas(points, triangles).min() > 0
    x, y, _ = points.T
    assert signed_areas(points, triangles).sum() == pytest.approx(0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
