import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.base.errors import MeshReadError
from meshot.meshes.check.surface import check
from meshot.meshes.solid import Solid, as_solid, face_order, signed_volumes

SOLIDS = {
    "tetrahedron": shapes.one_tetrahedron(),
    "ball": shapes.ball_solid(2),
    "box": shapes.box_solid(2, 3, 4, (1.0, 2.0, 0.5)),
    "torus": shapes.solid_torus(),
    "hollow": shapes.hollow_ball(),
    "dumbbell": shapes.dumbbell_solid(2),
}
GENUS = {"tetrahedron": [0], "ball": [0], "box": [0], "torus": [1], "hollow": [0, 0], "dumbbell": [0]}


# ---------------------------------------------------------------------------------------------------------------------
# taking the input as it is


def test_input_is_copied_and_the_copy_frozen():
    vertices, tetrahedra = np.eye(4, 3), np.array([[0, 1, 2, 3]], dtype=np.int32)
    solid = Solid(vertices, tetrahedra)
    vertices[0, 0], tetrahedra[0, 0] = 9, 2
    assert solid.vertices[0, 0] == 1
    assert solid.tetrahedra.tolist() == [[0, 1, 2, 3]]
    names = "vertices tetrahedra corners volumes vertex_volumes edges halffaces neighbors boundary_vertices referenced"
    for name in names.split():
        with pytest.raises(ValueError, match="read-only"):
            getattr(solid, name)[0] = 0
    with pytest.raises(AttributeError):
        solid.vertices = vertices


@pytest.mark.parametrize(
    ("tetrahedra", "cause"),
    [
        ([], "the mesh has no tetrahedra"),
        ([[0, 1, 2]], r"tetrahedra must have shape \(T, 4\), got \(1, 3\)"),
        ([[0, 1, 2, 3], [0, 1]], "tetrahedra must be an array of vertex indices"),
        ([[0.0, 1.0, 2.0, 3.0]], "tetrahedra must be integers, got float64"),
        ([[0, 1, 2, 3], [0, 1, 2, 4]], r"tetrahedron with a vertex index outside 0 to 3 \(ids 1\)"),
    ],
)
def test_wrong_shapes_and_types(tetrahedra, cause):
    with pytest.raises(MeshReadError, match=cause):
        Solid(np.eye(4, 3), tetrahedra)


def test_copies_with_other_vertices_or_tetrahedra():
    ball = shapes.ball_solid(1)
    volume = ball.volume
    assert ball.with_vertices(2 * ball.vertices).volume == pytest.approx(8 * volume, rel=1e-14)
    assert ball.volume == volume
    assert ball.with_tetrahedra(ball.tetrahedra[:5]).volumes.tolist() == ball.volumes[:5].tolist()


# ---------------------------------------------------------------------------------------------------------------------
# volumes


def test_volumes_in_closed_form():
    assert SOLIDS["box"].volume == pytest.approx(1.0, rel=1e-14)
    np.testing.assert_allclose(SOLIDS["box"].volumes, 1 / len(SOLIDS["box"].tetrahedra), rtol=1e-12)
    np.testing.assert_allclose(shapes.one_tetrahedron().vertex_volumes, 1 / 24, rtol=1e-14)


@pytest.mark.parametrize("name", SOLIDS)
def test_all_test_solids_have_positive_volumes_that_sum_to_what_the_boundary_encloses(name):
    solid = SOLIDS[name]
    assert (solid.volumes > 0).all()
    a, b, c = solid.boundary.corners.transpose(1, 0, 2)
    enclosed = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert enclosed == pytest.approx(solid.volume, rel=1e-12)
    assert solid.vertex_volumes.sum() == pytest.approx(solid.volume, rel=1e-12)
    assert solid.orientation == 1


def test_ball_volume_converges_with_the_square_of_the_edge_length():
    levels = np.arange(1, 4)
    errors = [4 / 3 * np.pi - shapes.ball_solid(int(k)).volume for k in levels]
    assert -np.polyfit(levels, np.log2(errors), 1)[0] == pytest.approx(2, abs=0.2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_volumes_turn_with_determinants_and_odd_permutations(seed):
    rng = np.random.default_rng(seed)
    points, matrix = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    plain = signed_volumes(points, np.array([[0, 1, 2, 3]]))
    np.testing.assert_allclose(
        signed_volumes(points @ matrix.T + rng.normal(size=3), np.array([[0, 1, 2, 3]])),
        np.linalg.det(matrix) * plain,
        atol=1e-12,
    )
    for permutation in itertools.permutations(range(4)):
        sign = round(np.linalg.det(np.eye(4)[list(permutation)]))
        np.testing.assert_allclose(signed_volumes(points, np.array([permutation])), sign * plain, atol=1e-13)


def test_a_mirrored_solid_has_the_volume_of_its_mirror_image_and_an_outward_boundary():
    ball = shapes.ball_solid(1)
    mirrored = ball.with_vertices(ball.vertices * [1, 1, -1])
    assert mirrored.orientation == -1
    assert mirrored.volume == pytest.approx(ball.volume, rel=1e-14)
    np.testing.assert_allclose(mirrored.vertex_volumes, ball.vertex_volumes)
    middles = mirrored.boundary.corners.mean(axis=1)
    assert (np.einsum("fk,fk->f", mirrored.boundary.face_normals, middles) > 0).all()


# ---------------------------------------------------------------------------------------------------------------------
# adjacency


@pytest.mark.parametrize("name", SOLIDS)
def test_boundary_is_a_closed_oriented_surface_of_the_right_genus(name):
    solid = SOLIDS[name]
    report = check(solid.boundary)
    assert report.manifold
    assert report.oriented
    assert report.boundary_loops == 0
    assert report.components == len(GENUS[name])
    assert report.genus == sum(GENUS[name])
    # the Euler characteristic of a solid is half that of its boundary
    assert 2 * solid.euler_characteristic == solid.boundary.euler_characteristic


def test_boundary_keeps_its_vertices_and_says_which_they_are():
    solid = Solid(np.vstack([[[9, 9, 9]], shapes.ball_solid(1).vertices]), shapes.ball_solid(1).tetrahedra + 1)
    np.testing.assert_array_equal(solid.boundary.vertices, solid.vertices[solid.boundary_vertices])
    np.testing.assert_allclose(np.linalg.norm(solid.boundary.vertices, axis=1), 1)
    faces = solid.boundary_vertices[solid.boundary.faces]
    inside = solid.tetrahedra[solid.boundary_halffaces // 4]
    assert (inside[:, None, :] == faces[:, :, None]).any(axis=2).all()
    assert not solid.referenced[0]
    assert solid.referenced[1:].all()


@pytest.mark.parametrize("name", SOLIDS)
def test_neighbors_share_the_face_opposite_the_corner(name):
    solid = SOLIDS[name]
    for t, row in enumerate(solid.tetrahedra.tolist()):
        for k, other in enumerate(solid.neighbors[t].tolist()):
            face = set(row) - {row[k]}
            if other >= 0:
                assert face <= set(solid.tetrahedra[other].tolist())
                assert t in solid.neighbors[other]
            else:
                assert 4 * t + k in solid.boundary_halffaces


def test_edges_are_all_pairs_of_corners():
    solid = SOLIDS["torus"]
    pairs = {tuple(sorted(pair)) for row in solid.tetrahedra.tolist() for pair in itertools.combinations(row, 2)}
    assert [tuple(edge) for edge in solid.edges.tolist()] == sorted(pairs)


def test_faces_of_more_vertices_than_a_key_can_hold_are_ordered_alike():
    solid = shapes.box_solid(2, 2, 2)
    near, far = solid.halffaces, solid.halffaces * 100_000
    for one, other in zip(face_order(near, len(solid.vertices)), face_order(far, 2_700_000), strict=True):
        np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------------------------------------------------------------
# other libraries' meshes


def test_pyvista_grids_are_taken():
    pyvista = pytest.importorskip("pyvista")
    box = shapes.box_solid(2, 1, 1)
    grid = pyvista.UnstructuredGrid({10: box.tetrahedra, 5: box.boundary.faces}, box.vertices)
    solid = as_solid(grid)
    np.testing.assert_array_equal(solid.tetrahedra, box.tetrahedra)
    np.testing.assert_array_equal(solid.vertices, box.vertices)
    cubes = pyvista.ImageData(dimensions=(3, 2, 2)).cast_to_unstructured_grid()
    with pytest.raises(MeshReadError, match=r"has voxel elements.*\(ids 0, 1\)"):
        as_solid(cubes)
    with pytest.raises(MeshReadError, match="no tetrahedra, only 1 triangle"):
        as_solid(pyvista.UnstructuredGrid({5: np.array([[0, 1, 2]])}, np.eye(3)))


def test_meshio_meshes_are_taken():
    cells = {"triangle": np.array([[0, 1, 2]]), "tetra": np.array([[0, 1, 2, 3]])}
    assert as_solid(SimpleNamespace(points=np.eye(4, 3), cells_dict=cells)).tetrahedra.tolist() == [[0, 1, 2, 3]]
    curved = {"tetra10": np.arange(10)[None]}
    assert as_solid(SimpleNamespace(points=np.ones((10, 3)), cells_dict=curved)).tetrahedra.tolist() == [[0, 1, 2, 3]]
    with pytest.raises(MeshReadError, match="elements of the kind VTK_LAGRANGE"):
        as_solid(SimpleNamespace(points=np.eye(3), cells_dict={"VTK_LAGRANGE": np.zeros((1, 3))}))


@pytest.mark.parametrize("thing", [None, "ball.vtu", np.eye(3), shapes.triangle()])
def test_other_things_are_refused(thing):
    with pytest.raises(MeshReadError, match="cannot make a solid of a"):
        as_solid(thing)
