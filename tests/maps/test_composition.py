"""Composition of maps: the identity, turned surfaces, fields carried from one to the other."""

import numpy as np
import pytest
from shapes import ball_solid, bumpy_sphere, cap, disk, icosphere, join, relief, tetrahedron

from meshot import area_preserving_map, compose, conformal_map
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface


def sphere_map(surface: Surface) -> SurfaceMap:
    return conformal_map(surface, to="sphere")


MAPS = {
    "disk": lambda: conformal_map(relief(10)),
    "area-preserving disk": lambda: area_preserving_map(relief(10)),
    "cut": lambda: conformal_map(bumpy_sphere(2)),
    "sphere": lambda: sphere_map(bumpy_sphere(3)),
    "tetrahedron": lambda: sphere_map(tetrahedron()),
    "area-preserving sphere": lambda: area_preserving_map(bumpy_sphere(2), to="sphere"),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_with_its_own_inverse_is_the_identity(name):
    mapped = MAPS[name]()
    composed = compose(mapped.inverse, mapped)
    count = int(mapped.source_vertex.max()) + 1
    vertices = mapped.surface.vertices[:count]
    size = np.ptp(vertices, axis=0).max()
    np.testing.assert_allclose(composed.points, vertices, atol=1e-9 * size)
    np.testing.assert_allclose(composed.transfer(vertices), vertices, atol=1e-9 * size)
    np.testing.assert_allclose(composed.barycentric.max(axis=1), 1, atol=1e-9)


def itself(surface: Surface, *, on_sphere: bool = False) -> SurfaceMap:
    """The identity of a flat disk or of a sphere."""
    image = surface.vertices if on_sphere else surface.vertices[:, :2]
    return SurfaceMap(surface, image, np.arange(len(image)))


@pytest.mark.parametrize("to", ["disk", "sphere"])
def test_linear_fields_are_those_of_the_points(to):
    """Between meshes of one shape, a field that is linear in space stays so up to the faces' size."""
    one, two = (disk(8), disk(13)) if to == "disk" else (icosphere(2), icosphere(3))
    maps = [itself(each, on_sphere=to == "sphere") for each in (one, two)]
    composed = compose(maps[0].inverse, maps[1])
    values = composed.transfer(one.vertices @ [1.0, -2, 3] + 5)
    np.testing.assert_allclose(values, composed.points @ [1.0, -2, 3] + 5, atol=1e-12)
    assert np.abs(composed.points - two.vertices).max() < 0.08


def test_what_lies_outside_the_polygon_is_snapped_to_its_side():
    coarse, fine = itself(disk(4)), itself(disk(12))
    composed = compose(coarse.inverse, fine)
    rim = fine.surface.boundary_loops[0]
    assert set(np.flatnonzero(composed.snapped)) <= set(rim)
    assert composed.snapped.sum() == 48
    assert composed.barycentric[composed.snapped].min(axis=1).max() == 0
    assert np.isfinite(composed.points).all()


@pytest.mark.parametrize("to", ["disk", "sphere"])
def test_landmarks_settle_the_rotation(to):
    surface = cap(8) if to == "disk" else bumpy_sphere(2)
    mapped = conformal_map(surface, to=to)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn = turn * np.linalg.det(turn)
    if to == "disk":
        cos, sin = np.cos(2.0), np.sin(2.0)
        turned = SurfaceMap(surface, mapped.uv @ [[cos, sin], [-sin, cos]], mapped.source_vertex)
    else:
        turned = SurfaceMap(surface, mapped.points @ turn.T, mapped.source_vertex)
    pairs = np.repeat([[3], [20], [40]], 2, axis=1)
    composed = compose(mapped.inverse, turned, landmarks=pairs)
    np.testing.assert_allclose(composed.points, surface.vertices, atol=1e-9)
    assert np.abs(compose(mapped.inverse, turned).points - surface.vertices).max() > 0.1


def test_vertices_without_a_face_go_nowhere():
    surface = join(disk(3), disk(3)).with_faces(disk(3).faces)
    mapped = conformal_map(surface)
    composed = compose(mapped.inverse, mapped)
    assert (composed.faces[19:] == -1).any()
    used = surface.referenced
    assert np.isnan(composed.transfer(np.ones(len(surface.vertices)))[~used]).all()
    np.testing.assert_allclose(composed.transfer(np.ones(len(surface.vertices)))[used], 1)


def test_the_inverse_is_the_lift():
    mapped = sphere_map(bumpy_sphere(2))
    points = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_array_equal(mapped.inverse(points), mapped.lift(points))


@pytest.mark.parametrize("landmarks", [[1, 2], [[0.5, 1]], [[0, 999]], [[-1, 0]]])
def test_what_fits_not_together_is_refused(landmarks):
    plane, ball = conformal_map(disk(3)), sphere_map(icosphere(1))
    with pytest.raises(ValueError, match="disk"):
        compose(plane.inverse, ball)
    with pytest.raises(ValueError, match="landmark"):
        compose(plane.inverse, plane, landmarks=landmarks)
    with pytest.raises(ValueError, match="rows"):
        compose(plane.inverse, plane).transfer([1.0])


def test_solids_compose_by_way_of_the_ball():
    ball, shear = ball_solid(2), np.array([[2.0, 0.4, 0.0], [0.0, 1.0, -0.3], [0.1, 0.0, 0.5]])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn = turn * np.linalg.det(turn)
    one = SolidMap(ball.with_vertices(ball.vertices @ shear.T), ball.vertices)
    other = SolidMap(ball, ball.vertices @ turn.T)
    pairs = np.repeat([[3], [20], [40]], 2, axis=1)
    composed = compose(one.inverse, other, landmarks=pairs)
    np.testing.assert_allclose(composed.points, one.solid.vertices, atol=1e-12)
    np.testing.assert_allclose(composed.transfer(ball.vertices), ball.vertices, atol=1e-12)
    with pytest.raises(ValueError, match="one map goes to the ball, the other to the sphere"):
        compose(one.inverse, itself(icosphere(1), on_sphere=True))
