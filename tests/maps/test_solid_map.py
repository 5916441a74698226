import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.maps.solid_map import SolidMap
from meshot.meshes.location import Locator
from meshot.meshes.solid import Solid


def mapped_ball(levels=2, seed=0):
    """A sheared ball and its map back to the round one."""
    ball = shapes.ball_solid(levels)
    shear = np.array([[2.0, 0.4, 0.0], [0.0, 1.0, -0.3], [0.1, 0.0, 0.5]]) @ shapes.rotation(seed)
    return SolidMap(ball.with_vertices(ball.vertices @ shear.T + [3, 0, 1]), ball.vertices), shear


def brute(solid, points):
    """Least barycentric coordinate of each point in its best tetrahedron, and that tetrahedron."""
    frames = np.linalg.inv((solid.corners[:, 1:] - solid.corners[:, :1]).transpose(0, 2, 1))
    rest = np.einsum("tij,ntj->nti", frames, points[:, None] - solid.corners[:, 0])
    least = np.minimum(rest.min(axis=2), 1 - rest.sum(axis=2))
    return least.max(axis=1), least.argmax(axis=1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_location_is_that_of_a_search_of_all_tetrahedra(seed, cells):
    rng = np.random.default_rng(seed)
    box = shapes.box_solid(cells, cells, cells)
    solid = box.with_vertices(box.vertices + rng.uniform(-0.1, 0.1, box.vertices.shape) / cells)
    points = rng.uniform(-0.1, 1.1, (200, 3))
    found = Locator(solid.tetrahedra, solid.vertices).locate(points)
    least, tetrahedron = brute(solid, points)
    clear = np.abs(least) > 1e-9
    np.testing.assert_array_equal(found.tetrahedra[clear], np.where(least < 0, -1, tetrahedron)[clear])


@pytest.mark.uncompiled
@pytest.mark.parametrize("mirror", [1, -1])
def test_points_of_tetrahedra_come_back(mirror):
    plain, shear = mapped_ball()
    mapped = SolidMap(plain.solid, plain.points * [1, 1, mirror])
    rng = np.random.default_rng(0)
    tetrahedra = rng.integers(0, len(mapped.solid.tetrahedra), 3000)
    barycentric = rng.dirichlet([1, 1, 1, 1], 3000)
    points = np.einsum("nk,nkd->nd", barycentric, mapped.points[mapped.solid.tetrahedra[tetrahedra]])
    found = mapped.locate(points)
    np.testing.assert_array_equal(found.tetrahedra, tetrahedra)
    np.testing.assert_allclose(found.barycentric, barycentric, atol=1e-11)
    # the map is linear here, and so is its inverse
    expected = (points * [1, 1, mirror]) @ shear.T + [3, 0, 1]
    np.testing.assert_allclose(mapped.lift(points), expected, atol=1e-12)
    np.testing.assert_array_equal(mapped.inverse(points), mapped.lift(points))


@pytest.mark.uncompiled
def test_vertices_and_middles_of_edges_and_faces_belong_to_a_tetrahedron():
    mapped, _ = mapped_ball()
    faces = mapped.solid.halffaces
    for points in (mapped.points, mapped.points[mapped.solid.edges].mean(axis=1), mapped.points[faces].mean(axis=1)):
        found = mapped.locate(points)
        assert found.tetrahedra.min() >= 0
        assert found.barycentric.min() >= 0
        np.testing.assert_allclose(found.barycentric.sum(axis=1), 1, rtol=1e-14)
        back = np.einsum("nk,nkd->nd", found.barycentric, mapped.points[mapped.solid.tetrahedra[found.tetrahedra]])
        np.testing.assert_allclose(back, points, atol=1e-14)
    np.testing.assert_allclose(mapped.lift(mapped.points), mapped.solid.vertices, atol=1e-12)


@pytest.mark.uncompiled
def test_outside_is_reported_or_drawn_in_along_the_ray():
    mapped, _ = mapped_ball()
    ball = mapped.solid.with_vertices(mapped.points)
    gap = ball.boundary.corners.mean(axis=1)  # on the polyhedron
    beyond = np.concatenate([gap * 1.001, 2 * gap, gap / np.linalg.norm(gap, axis=1, keepdims=True)])
    assert (mapped.locate(beyond).tetrahedra == -1).all()
    assert np.isnan(mapped.lift(beyond)).all()
    found = mapped.locate(beyond, snap=True)
    back = np.einsum("nk,nkd->nd", found.barycentric, mapped.points[mapped.solid.tetrahedra[found.tetrahedra]])
    np.testing.assert_allclose(back, np.tile(gap, (3, 1)), atol=1e-12)
    np.testing.assert_array_equal(found.tetrahedra, np.tile(mapped.solid.boundary_halffaces // 4, 3))
    lost = mapped.locate([[np.nan, 0, 0], [np.inf, 0, 0]], snap=True)
    assert lost.tetrahedra.tolist() == [-1, -1]
    assert np.isnan(lost.barycentric).all()


def test_snapping_works_on_a_mirrored_solid_too():
    mapped, _ = mapped_ball(1)
    mirrored = SolidMap(mapped.solid.with_vertices(mapped.solid.vertices * [-1, 1, 1]), mapped.points * [-1, 1, 1])
    points = shapes.scattered(200)
    lifted = mapped.lift(points, snap=True) * [-1, 1, 1]
    np.testing.assert_allclose(mirrored.lift(points * [-1, 1, 1], snap=True), lifted, atol=1e-12)


def test_even_points_of_the_ball_become_even_points_of_the_solid():
    mapped, _ = mapped_ball(2)
    rng = np.random.default_rng(1)
    directions = shapes.scattered(40_000, seed=2)
    points = directions * rng.uniform(0, 1, (40_000, 1)) ** (1 / 3)
    lifted = mapped.lift(points)
    lifted = lifted[np.isfinite(lifted).all(axis=1)]
    assert 0.85 < len(lifted) / 40_000 < 1  # the polyhedron's share of the ball
    assert len(lifted) / 40_000 == pytest.approx(mapped.signed_volumes.sum() / (4 / 3 * np.pi), abs=0.01)
    counts = np.bincount(Locator(mapped.solid.tetrahedra, mapped.solid.vertices).locate(lifted).tetrahedra)
    expected = len(lifted) * mapped.solid.volumes / mapped.solid.volume
    chi_square = ((counts - expected) ** 2 / expected).sum()
    degrees = len(expected) - 1
    assert abs(chi_square - degrees) < 5 * np.sqrt(2 * degrees)


@pytest.mark.uncompiled
def test_vertices_without_a_tetrahedron_may_have_no_image():
    ball = shapes.ball_solid(1)
    solid = Solid(np.vstack([[[9, 9, 9]], ball.vertices]), ball.tetrahedra + 1)
    mapped = SolidMap(solid, np.vstack([[[np.nan] * 3], ball.vertices]))
    np.testing.assert_allclose(mapped.lift(mapped.points[1:]), ball.vertices, atol=1e-13)
    assert np.isfinite(mapped.lift(shapes.scattered(50), snap=True)).all()


def test_many_points_at_once_none_and_wrong_ones():
    mapped, _ = mapped_ball(1)
    points = np.random.default_rng(0).uniform(-1, 1, (50_000, 3))
    found = mapped.locate(points)
    part = mapped.locate(points[20_000:20_010])
    np.testing.assert_array_equal(found.tetrahedra[20_000:20_010], part.tetrahedra)
    assert mapped.locate(np.empty((0, 3))).barycentric.shape == (0, 4)
    with pytest.raises(ValueError, match=r"shape \(n, 3\), got \(4, 2\)"):
        mapped.locate(np.zeros((4, 2)))
