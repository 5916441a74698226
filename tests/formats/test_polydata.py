import files
import numpy as np
import pytest
import shapes
import solidfiles

import meshot
from meshot.base.errors import MeshReadError
from meshot.formats.registry import read_mesh, read_surface_file
from meshot.meshes.elements import BY_NAME, Block

BALL = shapes.icosphere(1)
POINTS = "POINTS 5 float\n0 0 0 1 0 0 0 1 0 1 1 0 2 0 0\n"
HEAD = "# vtk DataFile Version 3.0\nstrips\nASCII\nDATASET POLYDATA\n"


def test_strips_of_vtk_are_triangles_behind_the_polygons_and_lines_are_passed_over(tmp_path):
    path = tmp_path / "strips.vtk"
    path.write_text(f"{HEAD}{POINTS}LINES 1 3\n2 0 1\nTRIANGLE_STRIPS 1 5\n4 0 1 2 3\nPOLYGONS 1 4\n3 1 4 3\n")
    file = read_surface_file(path)
    assert file.mesh.faces.tolist() == [[1, 4, 3], [0, 1, 2], [2, 1, 3]]
    assert file.notes == (
        "1 lines and points among the cells were passed over",
        "triangle strips were read as 2 triangles",
    )


def pieces(first: str, second: str) -> str:
    """A VTP file of two triangles, which name their vertices by these words."""
    piece = (
        '<Piece NumberOfPoints="3" NumberOfPolys="1"><Points><DataArray type="Float32" format="ascii">'
        '{} 0 0 {} 1 0 {} 0 1</DataArray></Points><Polys><DataArray type="Int32" Name="connectivity" format="ascii">'
        '{}</DataArray><DataArray type="Int32" Name="offsets" format="ascii">3</DataArray></Polys></Piece>'
    )
    both = piece.format(0, 0, 0, first) + piece.format(1, 1, 1, second)
    return f'<VTKFile type="PolyData"><PolyData>{both}</PolyData></VTKFile>'


def test_pieces_of_vtp_are_joined_each_with_points_of_its_own(tmp_path):
    path = tmp_path / "pieces.vtp"
    path.write_text(pieces("0 1 2", "2 1 0"))
    file = read_surface_file(path)
    assert file.mesh.faces.tolist() == [[0, 1, 2], [5, 4, 3]]
    assert file.notes == ("2 pieces were joined",)
    for words in (("0 1 3", "0 1 2"), ("0 1 2", "0 1 -1")):  # among all points there would be such
        path.write_text(pieces(*words))
        with pytest.raises(MeshReadError, match="a piece of 3 points has cells with a vertex that is not among them"):
            read_surface_file(path)


def test_content_says_whether_a_vtk_file_is_a_surface_or_a_solid(tmp_path):
    solid = shapes.ball_solid(1)
    surface = files.write_surface(tmp_path, "vtk-polygons-3-text", BALL)
    tetrahedra = solidfiles.write(tmp_path, "vtk-5-text", solid.vertices, solidfiles.of_solid(solid))
    assert isinstance(read_mesh(surface), meshot.Surface)
    assert isinstance(read_mesh(tetrahedra), meshot.Solid)
    with pytest.raises(MeshReadError, match="holds a surface, and a solid of tetrahedra is needed"):
        meshot.read_solid(surface)
    with pytest.raises(MeshReadError, match="holds solid elements, and a surface is needed"):
        meshot.read_surface(tetrahedra)


def test_what_pyvista_writes_is_read(tmp_path):
    pyvista = pytest.importorskip("pyvista")
    faces = np.column_stack([np.full(len(BALL.faces), 3), BALL.faces])
    mesh = pyvista.PolyData(BALL.vertices, faces)
    for name, binary in (("a.vtp", True), ("b.vtp", False), ("a.vtk", True), ("b.vtk", False)):
        mesh.save(tmp_path / name, binary=binary)
        read = meshot.read_surface(tmp_path / name)
        np.testing.assert_array_equal(read.faces, BALL.faces)
        np.testing.assert_allclose(read.vertices, BALL.vertices, atol=1e-5)


@pytest.mark.parametrize("kind", solidfiles.FORMATS)
def test_a_grid_of_triangles_is_a_surface(tmp_path, kind):
    triangles = Block(BY_NAME["triangle"], BALL.faces, np.arange(len(BALL.faces)))
    path = solidfiles.write(tmp_path, kind, BALL.vertices, [triangles])
    surface = meshot.read_surface(path)
    np.testing.assert_array_equal(surface.faces, BALL.faces)
    np.testing.assert_array_equal(surface.vertices, BALL.vertices)
    assert isinstance(read_mesh(path), meshot.Surface)
    with pytest.raises(MeshReadError, match="no tetrahedra, only 80 triangle"):
        meshot.read_solid(path)


CORNERS = [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0, 0], [1, 0.5, 0], [0.5, 0.5, 0], [2, 0, 0], [2, 1, 0]]


@pytest.mark.parametrize("kind", ["vtk-3-text", "vtk-5-binary", "vtu-raw"])
def test_kinds_of_faces_in_a_grid_come_in_its_order(tmp_path, kind):
    blocks = [
        Block(BY_NAME["line"], np.array([[0, 1]]), np.array([0])),
        Block(BY_NAME["triangle6"], np.array([[0, 1, 2, 4, 5, 6]]), np.array([1])),
        Block(BY_NAME["pixel"], np.array([[1, 7, 2, 8]]), np.array([2])),
        Block(BY_NAME["polygon"], np.array([[0, 2, 3]]), np.array([3])),
    ]
    file = read_surface_file(solidfiles.write(tmp_path, kind, np.array(CORNERS), blocks))
    assert file.polygons.corners.tolist() == [0, 1, 2, 1, 7, 8, 2, 0, 2, 3]
    assert file.polygons.sizes.tolist() == [3, 4, 3]
    assert file.notes[:2] == (
        "elements of other kinds were passed over: 1 line",
        "1 elements have nodes on their edges, of which the corners were taken",
    )


def test_faces_that_are_not_taken_are_named(tmp_path):
    strip = Block(BY_NAME["triangle_strip"], np.array([[0, 1, 3, 2]]), np.array([0]))
    with pytest.raises(MeshReadError, match=r"triangle_strip elements, and surfaces are taken of .*ids 0"):
        meshot.read_surface(solidfiles.write(tmp_path, "vtk-3-text", np.array(CORNERS), [strip]))
