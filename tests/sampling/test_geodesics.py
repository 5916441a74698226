import numpy as np
import pytest
from scipy.spatial import cKDTree
from shapes import bumpy_sphere, cylinder, disk, grid, join, relief, triangle

from meshot.meshes.surface import Surface
from meshot.sampling.geodesics import near_points, nearest_geodesic


def scatter(surface, n, seed=0):
    rng = np.random.default_rng(seed)
    faces = rng.choice(len(surface.faces), n, p=surface.face_areas / surface.area)
    weights = rng.dirichlet([1, 1, 1], n)
    return faces, weights, np.einsum("nk,nkd->nd", weights, surface.corners[faces])


def at(surface, points):
    """Faces and weights of points of a flat surface in z = 0."""
    from meshot.maps.surface_map import SurfaceMap

    flat = SurfaceMap(surface, surface.vertices[:, :2], np.arange(len(surface.vertices)))
    found = flat.locate(points)
    assert (found.faces >= 0).all()
    return found.faces, found.barycentric


@pytest.mark.parametrize("reach", [0.01, 0.5])
def test_in_the_plane(reach):
    surface = disk(8)
    faces, weights, points = scatter(surface, 120)
    straight = cKDTree(points).query(points, 2)[0][:, 1]
    np.testing.assert_allclose(nearest_geodesic(surface, faces, weights, reach), straight, atol=1e-13)


def test_on_a_tube_that_can_be_rolled_out():
    sides, side = 24, 2 * np.sin(np.pi / 24)
    surface = cylinder(sides, 5, 2.0)
    faces, weights, points = scatter(surface, 150)
    turn = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    wall = np.floor(turn / (2 * np.pi / sides))
    corner = np.stack([np.cos(2 * np.pi * wall / sides), np.sin(2 * np.pi * wall / sides)], axis=1)
    along = wall * side + np.linalg.norm(points[:, :2] - corner, axis=1)
    around = np.abs(along[:, None] - along)
    flat = np.hypot(np.minimum(around, sides * side - around), points[:, 2][:, None] - points[:, 2])
    np.fill_diagonal(flat, np.inf)
    np.testing.assert_allclose(nearest_geodesic(surface, faces, weights, 0.1), flat.min(axis=1), atol=1e-12)


@pytest.mark.uncompiled
def test_around_a_corner_of_the_boundary():
    """A square without its upper right quarter: the path bends at the inner corner."""
    square = grid(2, 2)
    ell = square.with_faces(np.delete(square.faces, [6, 7], axis=0))
    faces, weights = at(ell, [[0.9, 0.45], [0.45, 0.9]])
    bent = np.hypot(0.4, 0.05) + np.hypot(0.05, 0.4)
    np.testing.assert_allclose(nearest_geodesic(ell, faces, weights, 0.1), bent, rtol=1e-12)


@pytest.mark.uncompiled
def test_around_a_saddle():
    """Six squares around a corner: across it, shortest paths go through it."""
    rim = []
    for k in range(12):
        height = 0.8 * (-1) ** (k // 2) * (k % 2 == 0) + 0.0
        rim.append([np.cos(2 * np.pi * k / 12), np.sin(2 * np.pi * k / 12), height])
    vertices = np.array([[0.0, 0.0, 0.0], *rim])
    faces = np.array([[0, 1 + k, 1 + (k + 1) % 12] for k in range(12)])
    surface = Surface(vertices, faces)
    a, b, c = surface.corners.transpose(1, 0, 2)
    cosines = np.sum((b - a) * (c - a), axis=1) / np.linalg.norm(b - a, axis=1) / np.linalg.norm(c - a, axis=1)
    angles = np.arccos(cosines)
    assert angles.sum() > 2 * np.pi + 1
    # Two points in the middle of opposite faces: at least a straight angle apart on both sides.
    turn = angles[0] / 2 + angles[1:6].sum() + angles[6] / 2
    assert min(turn, angles.sum() - turn) > np.pi
    weights = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]])
    points = np.einsum("nk,nkd->nd", weights, surface.corners[[0, 6]])
    found = nearest_geodesic(surface, np.array([0, 6]), weights, 0.05)
    # The middle of a face is not on the bisector of its angle: the angles to it are computed exactly.
    np.testing.assert_allclose(found, np.linalg.norm(points, axis=1).sum(), rtol=1e-12)


def test_straight_lines_bound_it_from_below_and_edges_from_above():
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    for surface in (bumpy_sphere(2), relief(6, height=1.0)):
        # Points at vertices: paths along edges are no shorter than geodesics.
        corner = np.array([np.flatnonzero(surface.faces.ravel() == vertex)[0] for vertex in range(0, 90, 7)])
        weights = np.eye(3)[corner % 3]
        i, j = surface.edges.T
        length = np.linalg.norm(surface.vertices[i] - surface.vertices[j], axis=1)
        graph = coo_array((length, (i, j)), shape=(len(surface.vertices),) * 2).tocsr()
        along = dijkstra(graph, directed=False, indices=range(0, 90, 7))[:, range(0, 90, 7)]
        np.fill_diagonal(along, np.inf)
        points = surface.vertices[0:90:7]
        straight = cKDTree(points).query(points, 2)[0][:, 1]
        found = nearest_geodesic(surface, corner // 3, weights, 0.1)
        assert (found >= straight - 1e-12).all()
        assert (found <= along.min(axis=1) + 1e-12).all()
        assert (found < along.min(axis=1) - 1e-6).any()


def test_a_gap_is_no_way():
    """Two sheets 0.01 apart that nothing joins: the nearest point is on the same sheet; one that is alone has none."""
    sheet = disk(4)
    both = Surface(
        np.concatenate([sheet.vertices, sheet.vertices + np.array([0, 0, 0.01])]),
        np.concatenate([sheet.faces, sheet.faces + len(sheet.vertices)]),
    )
    faces, weights = at(sheet, [[0.1, 0.1], [0.4, 0.1], [0.1, 0.1]])
    faces[2] += len(sheet.faces)
    np.testing.assert_allclose(nearest_geodesic(both, faces, weights, 0.05), [0.3, 0.3, np.inf], rtol=1e-12)


@pytest.mark.uncompiled
def test_points_in_the_same_place():
    faces, weights = np.zeros(3, dtype=int), np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    found = nearest_geodesic(join(triangle(), triangle()), faces, weights, 0.1)
    assert found[0] == found[1] == 0
    assert found[2] == pytest.approx(np.hypot(0.3, 0.5))


def test_the_way_on_leads_straight_away():
    """In the plane: from the nearest point to the other one, and on, in the plane of the other one's face."""
    surface = disk(5)
    faces, weights, points = scatter(surface, 60)
    near = near_points(surface, faces, weights, np.full(60, 0.2))
    distances, others = cKDTree(points).query(points, 2)
    np.testing.assert_array_equal(near.points, np.flatnonzero(distances[:, 1] < 0.2))
    np.testing.assert_array_equal(near.others, others[near.points, 1])
    np.testing.assert_allclose(near.distances, distances[near.points, 1], rtol=1e-9)
    axis = surface.corners[faces[near.others], 1] - surface.corners[faces[near.others], 0]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    way = near.directions[:, :1] * axis + near.directions[:, 1:] * np.cross([0, 0, 1], axis)
    straight = points[near.others] - points[near.points]
    np.testing.assert_allclose(way, straight / np.linalg.norm(straight, axis=1, keepdims=True), atol=1e-9)
