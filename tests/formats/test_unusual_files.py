"""Files that are not written as most are, and what has to come out of them."""

import numpy as np
import pytest
import shapes

from meshot.base.errors import MeshReadError
from meshot.formats.registry import read_solid, read_surface, read_surface_file
from meshot.formats.write.obj import write_obj

QUAD = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def surface_of(tmp_path, suffix, text):
    path = tmp_path / f"mesh.{suffix}"
    path.write_text(text)
    return read_surface_file(path)


@pytest.mark.parametrize("line", ["# a comment \\", "usemtl C:\\paint\\", "g left \\", "o x\\"])
def test_a_backslash_at_the_end_of_a_name_or_comment_takes_no_line_with_it(tmp_path, line):
    read = surface_of(tmp_path, "obj", f"{QUAD}{line}\nf 1 2 3\n{line}\nf 1 3 4\n")
    assert read.mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_a_line_may_go_on_right_behind_its_first_word(tmp_path):
    read = surface_of(tmp_path, "obj", f"v\\\n0 0 0\n{QUAD[8:]}f\\\n1 2 3\nf \\\n 1 3 4\n")
    assert read.mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert read.mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("blank", ["", " ", "\t ", "\r"])
def test_a_line_of_numbers_goes_on_after_a_backslash(tmp_path, blank):
    read = surface_of(tmp_path, "obj", f"v 0 0 \\{blank}\n0\n{QUAD[8:]}f 1 2\\{blank}\n 3 \\{blank}\n4\n")
    assert read.mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_the_first_count_of_an_off_file_may_stand_in_its_first_word(tmp_path):
    read = surface_of(tmp_path, "off", "OFF4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3\n")
    assert read.mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


STRIPS = """ply
format ascii 1.0
element vertex 6
property float x
property float y
property float z
element tristrips {rows}
property list int int vertex_{name}
end_header
0 0 0
1 0 0
0 1 0
1 1 0
0 2 0
1 2 0
{strips}
"""


@pytest.mark.parametrize("name", ["indices", "index"])
@pytest.mark.parametrize(
    ("rows", "strips"),
    [(1, "6 0 1 2 3 4 5"), (2, "4 0 1 2 3\n4 2 3 4 5"), (1, "9 0 1 2 3 -1 2 3 4 5"), (1, "10 0 1 2 3 3 2 2 3 4 5")],
    ids=["one", "rows", "restart", "repeated corners"],
)
def test_triangle_strips_turn_every_second_triangle(tmp_path, name, rows, strips):
    read = surface_of(tmp_path, "ply", STRIPS.format(rows=rows, strips=strips, name=name))
    assert read.mesh.faces.tolist() == [[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 5]]
    assert read.notes == ("triangle strips were read as 4 triangles",)
    assert read.mesh.face_normals[:, 2] == pytest.approx(1)


def test_rows_longer_than_the_header_are_named(tmp_path):
    text = STRIPS.format(rows=1, strips="6 0 1 2 3 4 5", name="indices").replace("0 0 0\n", "0 0 0 7 8\n")
    with pytest.raises(MeshReadError, match="longer than the header says: 5 numbers for 3 properties"):
        surface_of(tmp_path, "ply", text)


FACET = "facet normal 0 0 1 outer loop vertex 0 0 0 vertex {x} 0 0 vertex 0 1 0 endloop endfacet"


def test_an_stl_text_on_one_line_is_read(tmp_path):
    read = surface_of(tmp_path, "stl", f"solid one {FACET.format(x=1)} {FACET.format(x=2)} endsolid one")
    assert read.mesh.area == pytest.approx(1.5)


def test_an_stl_text_without_its_end_is_read_with_a_note(tmp_path):
    lines = f"solid x\n{FACET.format(x=1)}\n".replace(" vertex", "\nvertex").replace(" endloop", "\nendloop\n")
    read = surface_of(tmp_path, "stl", lines)
    assert "the line 'endsolid' is missing: 1 whole triangles were read" in read.notes
    with pytest.raises(MeshReadError, match="truncated"):
        surface_of(tmp_path, "stl", lines[: lines.index("endloop")])


def test_words_in_quotes_are_passed_over_in_medit_files(tmp_path):
    path = tmp_path / "corner.mesh"
    words = 'MeshVersionFormatted 2 Dimension 3 SupportVertices "in.mesh" 0 Vertices 4 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0'
    path.write_text(words + " Tetrahedra 1 1 2 3 4 0 End")
    assert read_solid(path).tetrahedra.tolist() == [[0, 1, 2, 3]]


def test_a_prism_with_ends_that_are_not_convex_has_its_area(tmp_path):
    ell = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    lines = [f"v {x} {y} {z}" for z in (0, 2) for x, y in ell]
    lines += ["f 6 5 4 3 2 1", "f 7 8 9 10 11 12"]
    lines += [f"f {k + 1} {(k + 1) % 6 + 1} {(k + 1) % 6 + 7} {k + 7}" for k in range(6)]
    read = surface_of(tmp_path, "obj", "\n".join(lines))
    assert read.mesh.area == pytest.approx(2 * 3 + 8 * 2)
    assert np.einsum("fi,fi->", read.mesh.face_normals * read.mesh.face_areas[:, None], [[0, 0, 1]] * 20) == (
        pytest.approx(0, abs=1e-12)
    )


def test_a_triangle_mesh_with_a_backslash_in_a_comment_comes_back(tmp_path):
    path = tmp_path / "ball.obj"
    ball = shapes.icosphere(1)
    write_obj(path, ball)
    path.write_text("# made by C:\\tools\\\n" + path.read_text())
    np.testing.assert_array_equal(read_surface(path).faces, ball.faces)
