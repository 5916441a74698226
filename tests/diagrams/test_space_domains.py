import numpy as np
import pytest

from meshot.base.errors import GeometryError
from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron

CORNERS = np.stack(np.meshgrid([0.0, 1], [0, 2], [0, 3]), axis=-1).reshape(-1, 3)
DOMAINS = [
    Ball([1.0, 2.0, 0.5], 0.5),
    Box([0, 0, 0], [3, 1, 2]),
    ConvexPolyhedron(np.random.default_rng(3).uniform(-1, 3, (30, 3))),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=["ball", "box", "polyhedron"])
def test_the_extent_holds_the_domain_and_the_inner_ball_lies_in_it(domain):
    directions = np.random.default_rng(0).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    assert domain.contains(domain.center + 0.999 * domain.inner_radius * directions).all()
    points = np.random.default_rng(0).uniform(-1, 5, (5000, 3))
    inside = points[domain.contains(points)] - domain.center
    assert len(inside)
    assert ((inside >= domain.extent[0]) & (inside <= domain.extent[1])).all()


@pytest.mark.parametrize("domain", DOMAINS, ids=["ball", "box", "polyhedron"])
def test_the_measure_agrees_with_counting(domain):
    points = np.random.default_rng(0).uniform(-1, 4, (200_000, 3))
    assert domain.dimension == 3
    assert domain.contains(points).mean() * 125 == pytest.approx(domain.measure, rel=0.06)


def test_a_polyhedron_keeps_its_corners_and_has_one_wall_a_face():
    box = ConvexPolyhedron(np.concatenate([CORNERS, [[0.5, 1.0, 1.5], [0.5, 1.0, 3.0]]]))
    assert box.vertices.tolist() == CORNERS.tolist()
    assert box.measure == pytest.approx(6.0, rel=1e-15)
    assert len(box.walls) == 6
    assert box.inner_radius == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("points", "cause"),
    [
        (CORNERS[:3], "m >= 4"),
        (CORNERS[:, :2], "m >= 4"),
        (CORNERS * [1, 1, 0], "in a plane"),
        (CORNERS * [1, 1, np.nan], "finite"),
    ],
    ids=["three", "plane", "flat", "nan"],
)
def test_a_bad_polyhedron_is_refused(points, cause):
    with pytest.raises(GeometryError, match=cause):
        ConvexPolyhedron(points)


def test_a_bad_ball_or_box_is_refused():
    with pytest.raises(GeometryError, match="radius"):
        Ball(radius=0.0)
    with pytest.raises(GeometryError, match="three finite numbers"):
        Ball([0, 0])
    with pytest.raises(GeometryError, match="two or three finite numbers"):
        Box([0], [1])
    with pytest.raises(GeometryError, match="three finite numbers"):
        Box([0, 0, 0], [1, 1])
    with pytest.raises(GeometryError, match="box in space"):
        _ = Box([0, 0, 0], [1, 1, 1]).area
