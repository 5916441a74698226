import numpy as np
import pytest

from meshot.base.errors import GeometryError
from meshot.diagrams.domains import Box, ConvexPolygon, Disk

DOMAINS = [Disk([1.0, 2.0], 0.5), Box([0, 0], [3, 1]), ConvexPolygon([[0, 0], [4, 1], [3, 3], [1, 3]])]


@pytest.mark.parametrize("domain", DOMAINS, ids=["disk", "box", "polygon"])
def test_the_frame_holds_the_domain_and_the_inner_disk_lies_in_it(domain):
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = domain.center + 0.999 * domain.inner_radius * np.column_stack([np.cos(angle), np.sin(angle)])
    assert domain.contains(circle).all()
    points = np.random.default_rng(0).uniform(-1, 5, (1000, 2))
    inside = points[domain.contains(points)]
    low, high = domain.center + domain.frame[0], domain.center + domain.frame[2]
    assert len(inside)
    assert ((inside >= low) & (inside <= high)).all()


@pytest.mark.parametrize("domain", DOMAINS, ids=["disk", "box", "polygon"])
def test_area_agrees_with_counting(domain):
    points = np.random.default_rng(0).uniform(-1, 5, (200_000, 2))
    assert domain.contains(points).mean() * 36 == pytest.approx(domain.area, rel=0.05)


def test_polygon_area_in_closed_form():
    assert ConvexPolygon([[0, 0], [4, 0], [4, 3]]).area == 6.0


@pytest.mark.parametrize(
    ("corners", "cause"),
    [
        ([[0, 0], [1, 0]], "corners"),
        ([[0, 0], [0, 1], [1, 0]], "counter-clockwise"),
        ([[0, 0], [2, 0], [0.1, 0.1], [0, 2]], "not convex"),
        ([[0, 0], [1, 0], [2, 0]], "not convex"),
        ([[0, 0], [1, np.nan], [0, 1]], "finite"),
        ([[np.cos(t), np.sin(t)] for t in 4 * np.pi / 5 * np.arange(5)], "not convex"),
    ],
    ids=["two corners", "clockwise", "reflex", "flat", "nan", "pentagram"],
)
def test_a_bad_polygon_is_refused(corners, cause):
    with pytest.raises(GeometryError, match=cause):
        ConvexPolygon(corners)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, np.inf])
def test_a_bad_radius_is_refused(radius):
    with pytest.raises(GeometryError, match="radius"):
        Disk(radius=radius)


def test_a_bad_box_or_center_is_refused():
    with pytest.raises(GeometryError, match="above"):
        Box([0, 0], [1, 0])
    with pytest.raises(GeometryError, match="two finite numbers"):
        Disk([0, 0, 0])
