from types import SimpleNamespace

import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.base.arrays import norms, stable_order
from meshot.base.errors import GeometryError, MeshReadError
from meshot.meshes.surface import Surface, as_surface, edge_order

CLOSED = [shapes.tetrahedron(), shapes.icosphere(1), shapes.torus()]
OPEN = [shapes.triangle(), shapes.disk(3), shapes.relief(3), shapes.grid(4, 3), shapes.annulus(), shapes.holed_torus()]


# ---------------------------------------------------------------------------------------------------------------------
# taking the input as it is


def test_input_is_copied_and_the_copy_frozen():
    vertices, faces = np.eye(3), np.array([[0, 1, 2]], dtype=np.int32)
    surface = Surface(vertices, faces)
    vertices[0, 0], faces[0, 0] = 9, 2
    assert surface.vertices[0, 0] == 1
    assert surface.faces[0, 0] == 0
    assert surface.faces.dtype == np.int64
    for name in (
        "vertices",
        "faces",
        "corners",
        "face_areas",
        "vertex_areas",
        "face_normals",
        "vertex_normals",
        "edges",
    ):
        with pytest.raises(ValueError, match="read-only"):
            getattr(surface, name)[0] = 0
    with pytest.raises(AttributeError):
        surface.vertices = vertices


def test_nothing_is_merged_moved_or_dropped():
    vertices = np.array([[5, 5, 5], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]], dtype=float)
    surface = Surface(vertices, [[4, 2, 3], [1, 5, 4]])
    np.testing.assert_array_equal(surface.vertices, vertices)
    assert surface.faces.tolist() == [[4, 2, 3], [1, 5, 4]]
    assert surface.referenced.tolist() == [False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("vertices", "faces", "cause"),
    [
        ([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], r"vertices must have shape \(V, 3\), got \(3, 2\)"),
        ([["a", "b", "c"]], [[0, 0, 0]], "vertices must be an array of numbers"),
        ([[0, 0, 0], [1, 0]], [[0, 0, 0]], "vertices must be an array of numbers"),
        (np.eye(3), [], "no faces"),
        (np.eye(3), np.zeros((0, 3), dtype=int), "no faces"),
        (np.eye(3), [[0, 1, 2, 0]], r"faces must have shape \(F, 3\), got \(1, 4\)"),
        (np.eye(3), [[0, 1, 2], [0, 1, 2, 0]], "faces must be an array of vertex indices"),
        (np.eye(3), [[0.0, 1.0, 2.0]], "faces must be integers, got float64"),
    ],
)
def test_wrong_shapes_and_types(vertices, faces, cause):
    with pytest.raises(MeshReadError, match=cause):
        Surface(vertices, faces)


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_index_out_of_range(wrong):
    with pytest.raises(MeshReadError, match="outside 0 to 2") as caught:
        Surface(np.eye(3), [[0, 1, 2], [0, 1, wrong], [2, 1, 0], [wrong, 1, 0]])
    assert caught.value.ids == (1, 3)


def test_unsigned_faces_do_not_wrap():
    surface = Surface(np.eye(3), np.array([[2, 1, 0]], dtype=np.uint8))
    assert surface.halfedges.tolist() == [[2, 1], [1, 0], [0, 2]]
    with pytest.raises(MeshReadError, match="outside 0 to 2"):
        Surface(np.eye(3), np.array([[2, 1, 2**64 - 1]], dtype=np.uint64))


def test_copies_with_other_vertices_or_faces():
    surface = shapes.octahedron()
    area = surface.area
    bigger = surface.with_vertices(2 * surface.vertices)
    assert bigger.area == pytest.approx(4 * area, rel=1e-14)
    assert surface.area == area
    turned = surface.with_faces(surface.faces[:, ::-1])
    np.testing.assert_allclose(turned.face_normals, -surface.face_normals)
    with pytest.raises(MeshReadError, match="outside"):
        surface.with_vertices(surface.vertices[:3])


# ---------------------------------------------------------------------------------------------------------------------
# areas and normals


def test_areas_in_closed_form():
    assert shapes.octahedron().area == pytest.approx(4 * np.sqrt(3), rel=1e-14)
    assert shapes.tetrahedron().area == pytest.approx(8 * np.sqrt(3), rel=1e-14)
    assert shapes.grid(5, 2, 3.0, 0.5).area == pytest.approx(1.5, rel=1e-14)
    np.testing.assert_allclose(shapes.octahedron().vertex_areas, 4 * np.sqrt(3) / 6, rtol=1e-14)


def test_sphere_area_converges_with_the_square_of_the_edge_length():
    levels = np.arange(1, 5)
    errors = [4 * np.pi - shapes.icosphere(int(k)).area for k in levels]
    rate = -np.polyfit(levels, np.log2(errors), 1)[0]
    assert rate == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("surface", CLOSED + OPEN)
def test_vertex_areas_sum_to_the_area(surface):
    assert surface.vertex_areas.sum() == pytest.approx(surface.area, rel=1e-13)


def test_normals():
    sphere = shapes.icosphere(3)
    np.testing.assert_allclose(np.linalg.norm(sphere.face_normals, axis=1), 1)
    assert (sphere.vertex_normals * sphere.vertices).sum(axis=1).min() > 0.999
    np.testing.assert_array_equal(shapes.disk(3).vertex_normals, [[0, 0, 1]] * 37)


def test_flat_faces_and_unreferenced_vertices_have_zero_normals():
    surface = Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0], [7, 7, 7]], [[0, 1, 2]])
    assert surface.face_normals.tolist() == [[0, 0, 0]]
    assert surface.vertex_normals.tolist() == [[0, 0, 0]] * 4
    assert surface.vertex_areas.tolist() == [0, 0, 0, 0]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_area_does_not_change_in_rigid_motion(seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    surface = shapes.relief(3)
    moved = surface.with_vertices(surface.vertices @ rotation.T + rng.normal(size=3))
    np.testing.assert_allclose(moved.face_areas, surface.face_areas, rtol=1e-11)


# ---------------------------------------------------------------------------------------------------------------------
# adjacency


@pytest.mark.parametrize("surface", CLOSED + OPEN)
def test_halfedges_edges_and_twins_agree(surface):
    halfedges, twins = surface.halfedges, surface.twins
    face, corner = np.divmod(np.arange(len(halfedges)), 3)
    np.testing.assert_array_equal(halfedges[:, 0], surface.faces[face, corner])
    np.testing.assert_array_equal(halfedges[:, 1], surface.faces[face, (corner + 1) % 3])
    paired = np.flatnonzero(twins >= 0)
    np.testing.assert_array_equal(twins[twins[paired]], paired)
    np.testing.assert_array_equal(halfedges[twins[paired]], halfedges[paired][:, ::-1])
    assert (face[twins[paired]] != face[paired]).all()
    expected = np.unique(np.sort(halfedges, axis=1), axis=0)
    np.testing.assert_array_equal(surface.edges, expected)
    assert 2 * len(surface.edges) == len(halfedges) + (twins < 0).sum()


@pytest.mark.parametrize("largest", [1, 10, 2**40, 2**62])
def test_sorting_is_stable(largest):
    """Also where the numbers and their index do not fit in one."""
    keys = np.random.default_rng(0).integers(0, largest, 1000)
    keys[::3] = keys[0]
    np.testing.assert_array_equal(stable_order(keys), np.argsort(keys, kind="stable"))
    assert len(stable_order(keys[:0])) == 0


@pytest.mark.parametrize("surface", CLOSED + OPEN)
def test_halfedges_edge_by_edge(surface):
    order, starts = edge_order(surface.faces, len(surface.vertices))
    low, high = np.sort(surface.halfedges, axis=1)[order].T
    first = np.isin(np.arange(len(order)), starts)
    np.testing.assert_array_equal(first[1:], (np.diff(low) != 0) | (np.diff(high) != 0))
    assert (np.diff(low) >= 0).all()
    assert (np.diff(order)[~first[1:]] > 0).all()


def test_faces_that_disagree_are_no_twins():
    twisted = Surface(np.eye(4)[:, :3], [[0, 1, 2], [0, 1, 3]])
    assert (twisted.twins == -1).all()


def test_lengths_are_those_of_numpy():
    vectors = np.random.default_rng(0).normal(size=(50, 4, 3))
    np.testing.assert_allclose(norms(vectors), np.linalg.norm(vectors, axis=2), rtol=1e-15)


@pytest.mark.parametrize("surface", OPEN)
def test_boundary_loops_walk_the_boundary_with_the_surface_on_their_left(surface):
    directed = {tuple(edge) for edge in surface.halfedges[surface.twins < 0].tolist()}
    walked = [
        (a, b)
        for loop in surface.boundary_loops
        for a, b in zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True)
    ]
    assert len(walked) == len(directed)
    assert set(walked) == directed


@pytest.mark.parametrize("surface", CLOSED)
def test_closed_surfaces_have_no_boundary(surface):
    assert surface.boundary_loops == ()
    assert (surface.twins >= 0).all()


def test_boundary_loops_are_ordered_and_start_at_their_lowest_vertex():
    flat = shapes.disk(6)
    pierced = flat.with_faces(flat.faces[6:])
    outer, inner = pierced.boundary_loops
    assert (len(outer), len(inner)) == (36, 6)
    assert outer[0] == outer.min()
    assert inner.tolist() == [1, 6, 5, 4, 3, 2]


def test_boundaries_that_touch_at_a_vertex_are_refused():
    with pytest.raises(GeometryError, match="simple loops") as caught:
        _ = shapes.bowtie().boundary_loops
    assert caught.value.ids == (0,)


def test_euler_characteristic_leaves_out_unreferenced_vertices():
    surface = shapes.icosphere(1)
    more = Surface(np.concatenate([[[9, 9, 9]], surface.vertices]), surface.faces + 1)
    assert more.euler_characteristic == surface.euler_characteristic == 2


# ---------------------------------------------------------------------------------------------------------------------
# other libraries' meshes


def test_a_surface_is_itself():
    surface = shapes.triangle()
    assert as_surface(surface) is surface


def test_trimesh_meshes_are_taken():
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.Trimesh(shapes.octahedron().vertices, shapes.octahedron().faces, process=False)
    surface = as_surface(mesh)
    np.testing.assert_array_equal(surface.faces, mesh.faces)
    assert type(surface.vertices) is np.ndarray


def test_pyvista_meshes_are_taken_if_they_are_triangles():
    pyvista = pytest.importorskip("pyvista")
    octahedron = shapes.octahedron()
    mesh = pyvista.PolyData.from_regular_faces(octahedron.vertices, octahedron.faces)
    np.testing.assert_array_equal(as_surface(mesh).vertices, octahedron.vertices)
    np.testing.assert_array_equal(as_surface(mesh).faces, octahedron.faces)
    with pytest.raises(MeshReadError, match=r"triangulate\(\) first"):
        as_surface(pyvista.Plane())


@pytest.mark.parametrize("thing", [None, "face.obj", np.eye(3), SimpleNamespace(vertices=np.eye(3))])
def test_other_things_are_refused(thing):
    with pytest.raises(MeshReadError, match="cannot make a surface of a"):
        as_surface(thing)
