import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import disk, icosphere, relief, tetrahedron

from meshot import conformal_map
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.location import Locator
from meshot.meshes.surface import Surface

pytestmark = pytest.mark.uncompiled


def brute(faces, uv, points):
    """Least barycentric coordinate of each point in its best face, and that face."""
    a, b, c = (uv[faces[:, k]] @ [1, 1j] for k in range(3))
    p = points @ [1, 1j]
    sides = [np.imag(np.conj(v - u) * (p[:, None] - u)) for u, v in ((b, c), (c, a), (a, b))]
    least = np.min(sides, axis=0) / np.imag(np.conj(b - a) * (c - a))
    return least.max(axis=1), least.argmax(axis=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_location_is_that_of_a_search_of_all_faces(seed, rings):
    surface = disk(rings)
    points = np.random.default_rng(seed).uniform(-1.1, 1.1, (200, 2))
    found = Locator(surface.faces, surface.vertices[:, :2]).locate(points)
    least, face = brute(surface.faces, surface.vertices[:, :2], points)
    clear = np.abs(least) > 1e-9
    np.testing.assert_array_equal(found.faces[clear], np.where(least < 0, -1, face)[clear])


@pytest.mark.parametrize("name", ["relief", "graded", "closed finger", "valence 200", "triangle"])
def test_points_of_faces_come_back(name):
    surface = relief(12) if name == "relief" else torture.CASES[name]()
    mapped = conformal_map(surface)
    rng = np.random.default_rng(0)
    faces = rng.integers(0, len(mapped.surface.faces), 3000)
    barycentric = rng.dirichlet([1, 1, 1], 3000)
    uv = np.einsum("nk,nkd->nd", barycentric, mapped.uv[mapped.surface.faces[faces]])
    found = mapped.locate(uv)
    np.testing.assert_array_equal(found.faces, faces)
    lifted = np.einsum("nk,nkd->nd", barycentric, mapped.surface.corners[faces])
    size = np.linalg.norm(np.ptp(surface.vertices, axis=0))
    assert np.abs(mapped.lift(uv) - lifted).max() < 1e-6 * size


def test_vertices_and_edges_belong_to_a_face():
    mapped = conformal_map(relief(12))
    middles = mapped.uv[mapped.surface.edges].mean(axis=1)
    for points, corners in ((mapped.uv, 1), (middles, 2), (0.3 * mapped.uv + 0.7 * mapped.uv[0], 0)):
        found = mapped.locate(points)
        assert found.faces.min() >= 0
        assert found.barycentric.min() >= 0
        np.testing.assert_allclose(found.barycentric.sum(axis=1), 1, rtol=1e-14)
        back = np.einsum("nk,nkd->nd", found.barycentric, mapped.uv[mapped.surface.faces[found.faces]])
        np.testing.assert_allclose(back, points, atol=1e-14)
        if corners:
            assert np.sort(found.barycentric, axis=1)[:, : 3 - corners].max() < 1e-10


def test_vertices_are_lifted_to_themselves():
    mapped = conformal_map(icosphere(3))
    np.testing.assert_allclose(mapped.lift(mapped.uv), mapped.surface.vertices, atol=1e-9)


def test_outside_is_reported():
    mapped = conformal_map(disk(3))
    gap = mapped.uv[mapped.surface.boundary_loops[0]][:2].mean(axis=0)
    found = mapped.locate([[2.0, 0.0], gap * 1.001 / np.linalg.norm(gap), [np.nan, 0.0], [np.inf, 1.0]])
    assert found.faces.tolist() == [-1, -1, -1, -1]
    assert np.isnan(found.barycentric).all()
    assert np.isnan(mapped.lift([[2.0, 0.0]])).all()


def test_many_points_at_once_and_none():
    mapped = conformal_map(disk(6))
    points = np.random.default_rng(0).uniform(-1, 1, (50_000, 2))
    found = mapped.locate(points)
    np.testing.assert_array_equal(found.faces[:100], mapped.locate(points[:100]).faces)
    assert mapped.locate(np.empty((0, 2))).faces.shape == (0,)
    assert mapped.lift(np.empty((0, 2))).shape == (0, 3)


def test_unreferenced_vertices_do_no_harm():
    base = disk(4)
    surface = Surface(np.concatenate([[[9.0, 9, 9]], base.vertices]), base.faces + 1)
    assert conformal_map(surface).locate([[0.1, 0.2]]).faces[0] >= 0


def test_wrong_shapes_are_refused():
    mapped = conformal_map(disk(2))
    for wrong in ([0.0, 1.0], [[0.0, 1.0, 2.0]]):
        with pytest.raises(ValueError, match="shape"):
            mapped.locate(wrong)
    with pytest.raises(ValueError, match=r"\(n, 3\)"):
        conformal_map(icosphere(1), to="sphere").lift([[0.0, 0.0]])


def test_any_plane_map_can_be_inverted():
    surface = relief(5)
    mapped = SurfaceMap(surface, 100 * surface.vertices[:, :2] + 7, np.arange(len(surface.vertices)))
    np.testing.assert_allclose(mapped.lift(mapped.uv), surface.vertices, atol=1e-12)


def ball_map(surface):
    return SurfaceMap(surface, surface.vertices, np.arange(len(surface.vertices)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_directions_are_found_in_the_triangle_that_hides_them(seed, subdivisions):
    ball = icosphere(subdivisions)
    points = np.random.default_rng(seed).normal(size=(100, 3))
    found = ball_map(ball).locate(points)
    # The sphere is convex: the face with the highest plane along the ray is met.
    normals = np.cross(ball.corners[:, 1] - ball.corners[:, 0], ball.corners[:, 2] - ball.corners[:, 0])
    reach = (points @ normals.T) / (normals * ball.corners[:, 0]).sum(axis=1)
    np.testing.assert_array_equal(found.faces, reach.argmax(axis=1))
    hit = np.einsum("nk,nkd->nd", found.barycentric, ball.corners[found.faces])
    np.testing.assert_allclose(np.cross(hit, points), 0, atol=1e-12)
    assert ((hit * points).sum(axis=1) > 0).all()


@pytest.mark.parametrize("surface", [tetrahedron(), icosphere(2)], ids=["tetrahedron", "icosphere"])
def test_every_direction_has_a_face_on_the_sphere(surface):
    mapped = conformal_map(surface, to="sphere")
    middles = mapped.points[mapped.surface.edges].sum(axis=1)
    for points in (mapped.points, middles, np.random.default_rng(0).normal(size=(2000, 3))):
        found = mapped.locate(points)
        assert found.faces.min() >= 0
        assert found.barycentric.min() >= 0
    np.testing.assert_allclose(mapped.lift(mapped.points), surface.vertices, atol=1e-9)


def test_no_direction_has_no_face():
    assert ball_map(icosphere(1)).locate([[0.0, 0, 0], [np.nan, 0, 0]]).faces.tolist() == [-1, -1]
