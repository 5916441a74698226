import base64
import lzma
import re
import struct
import zlib

import numpy as np
import pytest
import shapes
import solidfiles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcomes import refusal
from solidfiles import FORMATS, of_solid

from meshot.base.errors import MeshReadError
from meshot.formats.registry import SOLID_SUFFIXES, read_solid, read_solid_file
from meshot.formats.write.vtu import write_vtu
from meshot.meshes.elements import BY_NAME, Block
from meshot.meshes.solid import Solid

BALL = shapes.ball_solid(1)


def block(name, nodes, first=0):
    nodes = np.asarray(nodes)
    return Block(BY_NAME[name], nodes, first + np.arange(len(nodes)))


def read(folder, suffix, data):
    path = folder / f"solid.{suffix}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_solid_file(path)


def refused(folder, suffix, data):
    return refusal(lambda: read(folder, suffix, data), folder / f"solid.{suffix}")


# ---------------------------------------------------------------------------------------------------------------------
# vertex i of the file is vertex i of the solid


@pytest.mark.parametrize("kind", FORMATS)
def test_order_is_kept_and_nothing_is_dropped(tmp_path, kind):
    rng = np.random.default_rng(1)
    place = rng.permutation(len(BALL.vertices) + 3)  # three vertices without a tetrahedron, scattered among the others
    vertices = np.empty((len(place), 3))
    vertices[place] = np.concatenate([BALL.vertices, BALL.vertices[:2], [[9, -9, 1e-30]]])
    solid = Solid(vertices, rng.permuted(place[BALL.tetrahedra]))
    found = read_solid_file(solidfiles.write(tmp_path, kind, solid.vertices, of_solid(solid)))
    np.testing.assert_array_equal(found.mesh.vertices, solid.vertices)
    np.testing.assert_array_equal(found.mesh.tetrahedra, solid.tetrahedra)
    assert found.notes == ()


def test_every_suffix_is_tested():
    assert {"." + kind.partition("-")[0] for kind in FORMATS} == set(SOLID_SUFFIXES)


@pytest.mark.parametrize("kind", FORMATS)
def test_triangles_and_edges_are_passed_over_and_told(tmp_path, kind):
    cells = BALL.tetrahedra
    blocks = [
        block("triangle", BALL.boundary_vertices[BALL.boundary.faces]),
        block("tetra", cells[:30], 80),
        block("line", [[0, 1], [1, 2]], 110),
        block("tetra", cells[30:], 112),
    ]
    found = read_solid_file(solidfiles.write(tmp_path, kind, BALL.vertices, blocks))
    np.testing.assert_array_equal(found.mesh.tetrahedra, cells)
    assert found.notes == ("82 elements of other kinds were passed over: 80 triangle, 2 line",)


@pytest.mark.parametrize("kind", FORMATS)
def test_other_solid_elements_are_refused_with_their_ids(tmp_path, kind):
    blocks = [block("tetra", [[0, 1, 2, 3]]), block("hexahedron", [range(8), range(1, 9)], 1)]
    path = solidfiles.write(tmp_path, kind, BALL.vertices, blocks)
    with pytest.raises(MeshReadError, match=r"has hexahedron elements.* split them first \(ids 1, 2\)") as caught:
        read_solid(path)
    assert caught.value.ids == (1, 2)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("kind", FORMATS)
def test_surfaces_are_no_solids(tmp_path, kind):
    path = solidfiles.write(tmp_path, kind, BALL.boundary.vertices, [block("triangle", BALL.boundary.faces)])
    with pytest.raises(MeshReadError, match="no tetrahedra, only 80 triangle"):
        read_solid(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_bad_coordinates_and_indices_are_named(tmp_path, kind):
    vertices = BALL.vertices.copy()
    vertices[[4, 7]] = [[np.nan, 0, 0], [0, np.inf, 0]]
    with pytest.raises(MeshReadError, match=r"NaN or infinite coordinates \(ids 4, 7\)"):
        read_solid(solidfiles.write(tmp_path, kind, vertices, of_solid(BALL)))
    cells = BALL.tetrahedra.copy()
    cells[[2, 5], [0, 3]] = [len(vertices), -1]
    with pytest.raises(MeshReadError, match=r"a vertex that is not among its 55 \(ids 2, 5\)"):
        read_solid(solidfiles.write(tmp_path, kind, BALL.vertices, [block("tetra", cells)]))


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "mesh"])
def test_of_curved_tetrahedra_the_corners_are_taken(tmp_path, kind):
    curved = np.column_stack([BALL.tetrahedra[:2], np.arange(12).reshape(2, 6)])
    found = read_solid_file(solidfiles.write(tmp_path, kind, BALL.vertices, [block("tetra10", curved)]))
    np.testing.assert_array_equal(found.mesh.tetrahedra, BALL.tetrahedra[:2])
    assert found.notes == ("2 tetrahedra have more than 4 nodes, of which the corners were taken",)


# ---------------------------------------------------------------------------------------------------------------------
# damage


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FORMATS)), st.floats(0, 1), st.sampled_from(["cut", "flip", "drop", "zero"]))
def test_damage_is_told_or_does_no_harm(tmp_path, kind, where, what):
    data = bytearray(FORMATS[kind](BALL.vertices, of_solid(BALL)))
    place = int(where * (len(data) - 8))
    if what == "cut":
        del data[place:]
    elif what == "flip":
        data[place] ^= 0x55
    elif what == "drop":
        del data[place : place + 5]
    else:
        data[place : place + 4] = b"\0\0\0\0"
    path = tmp_path / f"solid.{kind.partition('-')[0]}"
    path.write_bytes(data)
    message, solid = None, None
    try:
        solid = read_solid(path)
    except MeshReadError as error:
        message = str(error)
    if solid is None:
        assert message.startswith(str(path))
        assert "\n" not in message
    else:
        assert np.isfinite(solid.corners).all()


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files_are_refused(tmp_path, kind):
    data = FORMATS[kind](BALL.vertices, of_solid(BALL))
    suffix = kind.partition("-")[0]
    # behind the cells there may be values, which are passed over
    end = data.find(b"CELL_TYPES") if suffix == "vtk" else len(data) - 20
    for part in (0.02, 0.3, 0.6, 0.9, 1.0):
        error = refused(tmp_path, suffix, data[: int(part * end)])
        assert re.search("truncated|empty|is no|breaks off", str(error)), error


@pytest.mark.parametrize(
    ("suffix", "data", "cause"),
    [
        ("vtu", "", "is empty"),
        ("vtu", "v 0 0 0", "its XML breaks off at line 1"),
        ("vtu", '<VTKFile type="PolyData"></VTKFile>', "it holds 'PolyData', not an unstructured grid"),
        ("vtu", '<VTKFile type="UnstructuredGrid" header_type="Int8"/>', "unknown header type 'Int8'"),
        ("vtu", '<VTKFile type="UnstructuredGrid" compressor="vtkLZ4DataCompressor"/>', "only ZLib and LZMA are read"),
        ("vtu", '<VTKFile type="UnstructuredGrid"/>', "no tetrahedra"),
        ("vtk", "v 0 0 0", "is no legacy VTK file"),
        ("vtk", "# vtk DataFile Version 3.0\na\nASCII\nDATASET STRUCTURED_GRID\n", "holds 'STRUCTURED_GRID'"),
        ("vtk", "# vtk DataFile Version 3.0\na\nASCII\nDATASET POLYDATA\n", "holds a surface, and a solid of"),
        ("vtk", "# vtk DataFile Version 3.0\na\nASCII\nDATASET UNSTRUCTURED_GRID\n", "is truncated: its points"),
        ("vtk", "# vtk DataFile Version 3.0\na\nASCII\nPOINTS x float\n", "has a line that cannot be read: 'POINTS x"),
        ("msh", "v 0 0 0", "is no MSH mesh"),
        ("msh", "$MeshFormat\n4 0 8\n$EndMeshFormat\n", "is of MSH version 4; only 2.2 and 4.1 are read"),
        ("msh", "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n", "it has no section \\$Nodes"),
        ("mesh", "v 0 0 0", "is no MESH file of Medit"),
        ("mesh", b"\1\0\0\0\3\0\0\0", "is a binary MESH file"),
        ("mesh", "MeshVersionFormatted 2 Dimension 2 End", "is of dimension 2, not 3"),
        ("mesh", "MeshVersionFormatted 2 Dimension 3 Vertices 2 0 0 0 0 End", "it announces 2 vertices, of 4 numbers"),
        ("obj", "v 0 0 0", "has the suffix '.obj', but solids are read from .vtk, .vtu, .msh, .mesh"),
    ],
)
def test_what_is_no_solid_is_told(tmp_path, suffix, data, cause):
    assert re.search(cause, str(refused(tmp_path, suffix, data)))


@pytest.mark.parametrize("kind", ["mesh", "msh-2-text", "msh-4-text", "vtk-3-text", "vtu-text"])
def test_a_byte_order_mark_does_no_harm(tmp_path, kind):
    data = b"\xef\xbb\xbf" + FORMATS[kind](BALL.vertices, of_solid(BALL))
    assert len(read(tmp_path, kind.partition("-")[0], data).mesh.vertices) == len(BALL.vertices)


@pytest.mark.parametrize("kind", ["vtk-3-text", "vtk-5-text"])
@pytest.mark.parametrize("blank", [b"\n", b" \n" * 3, b" " * 1000])
def test_numbers_of_vtk_stand_on_any_lines_and_far_apart(tmp_path, kind, blank):
    data = FORMATS[kind](BALL.vertices, of_solid(BALL))
    start, stop = data.index(b"POINTS 55 double\n") + len("POINTS 55 double\n"), data.index(b"METADATA")
    numbers = blank.join(data[start:stop].split())
    found = read(tmp_path, "vtk", data[:start] + blank + numbers + blank + b"\n" + data[stop:])
    np.testing.assert_array_equal(found.mesh.vertices, BALL.vertices)
    np.testing.assert_array_equal(found.mesh.tetrahedra, BALL.tetrahedra)


def test_offsets_of_vtk_begin_at_zero(tmp_path):
    data = FORMATS["vtk-5-text"](BALL.vertices, of_solid(BALL))
    error = refused(tmp_path, "vtk", data.replace(b"OFFSETS vtktypeint64\n0", b"OFFSETS vtktypeint64\n1"))
    assert "its first cell does not begin at 0" in str(error)


def test_offsets_of_vtu_are_not_negative(tmp_path):
    data = FORMATS["vtu-raw"](BALL.vertices, of_solid(BALL))
    assert "has the offset -8" in str(refused(tmp_path, "vtu", data.replace(b'offset="0"', b'offset="-8"')))


@pytest.mark.parametrize(("compressor", "compress"), [("ZLib", zlib.compress), ("LZMA", lzma.compress)])
def test_arrays_of_vtu_are_decompressed_to_no_more_than_a_mesh_can_hold(tmp_path, compressor, compress):
    block = compress(bytes(24 * 333_333))
    content = base64.b64encode(struct.pack("<4I", 1, 24 * 333_333, 0, len(block))) + base64.b64encode(block)
    text = (
        f'<VTKFile type="UnstructuredGrid" compressor="vtk{compressor}DataCompressor"><UnstructuredGrid>'
        '<Piece NumberOfPoints="333333" NumberOfCells="0"><Points><DataArray type="Float64" format="binary">'
        f"{content.decode()}</DataArray></Points></Piece></UnstructuredGrid></VTKFile>"
    )
    assert "made to fill the memory" in str(refused(tmp_path, "vtu", text))


def test_an_array_of_vtu_cannot_stand_in_for_many(tmp_path):
    text = FORMATS["vtu-raw"](BALL.vertices, of_solid(BALL))
    piece = text[text.index(b"<Piece") : text.index(b"</Piece>") + len("</Piece>")]
    assert "made to fill the memory" in str(refused(tmp_path, "vtu", text.replace(piece, piece * 500)))


@pytest.mark.parametrize("tag", ["1.5", "nan", "1e300"])
@pytest.mark.filterwarnings("error")
def test_nodes_of_msh_have_whole_numbers(tmp_path, tag):
    data = FORMATS["msh-2-text"](BALL.vertices, of_solid(BALL))
    data = data.replace(b"$Nodes\n55\n1 ", b"$Nodes\n55\n%s " % tag.encode())
    assert "numbers of nodes that are not integers" in str(refused(tmp_path, "msh", data))


def test_blocks_of_msh_hold_no_more_elements_than_announced(tmp_path):
    data = FORMATS["msh-2-binary"](BALL.vertices, of_solid(BALL)).replace(b"$Elements\n160\n", b"$Elements\n159\n")
    assert "more than there are" in str(refused(tmp_path, "msh", data))


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(MeshReadError, match="does not exist"):
        read_solid(tmp_path / "a.vtu")
    with pytest.raises(MeshReadError, match="is a folder"):
        read_solid(tmp_path)


def test_entities_in_xml_do_no_harm(tmp_path):
    bomb = (
        "<!DOCTYPE a ["
        + '<!ENTITY a "aaaaaaaaaa">'
        + "".join(
            f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        )
    )
    refused(tmp_path, "vtu", f'<?xml version="1.0"?>{bomb}]><VTKFile type="UnstructuredGrid">&i;</VTKFile>')


# ---------------------------------------------------------------------------------------------------------------------
# what the formats leave open


def test_nodes_of_any_numbers_are_taken_in_the_order_of_the_file(tmp_path):
    text = FORMATS["msh-2-text"](BALL.vertices, of_solid(BALL)).decode()
    head, rest = text.split("$Nodes\n55\n")
    nodes, elements = rest.split("$EndNodes\n")
    tags = np.random.default_rng(0).permutation(1000)[:55] + 5

    def renamed(words, first):
        return " ".join([*words[:first], *(str(tags[int(word) - 1]) for word in words[first:])])

    lines = [f"{tags[i]} {line.split(maxsplit=1)[1]}" for i, line in enumerate(nodes.splitlines())]
    cells = [renamed(line.split(), 5) if line[0].isdigit() and " " in line else line for line in elements.splitlines()]
    data = f"{head}$Nodes\n55\n" + "\n".join([*lines, "$EndNodes", *cells]) + "\n"
    found = read(tmp_path, "msh", data)
    np.testing.assert_array_equal(found.mesh.tetrahedra, BALL.tetrahedra)
    np.testing.assert_array_equal(found.mesh.vertices, BALL.vertices)
    assert found.notes == ("the nodes are not numbered from 1 on; they are taken in the order of the file",)
    twice = data.replace(f"\n{lines[1]}\n", f"\n{lines[0].split()[0]} 0 0 0\n")
    assert "several nodes of the same number" in str(refused(tmp_path, "msh", twice))


def test_pieces_of_a_vtu_file_are_joined(tmp_path):
    text = FORMATS["vtu-text"](BALL.vertices, of_solid(BALL)).decode()
    piece = text[text.index("<Piece") : text.index("</Piece>") + len("</Piece>")]
    found = read(tmp_path, "vtu", text.replace(piece, piece + piece))
    np.testing.assert_array_equal(found.mesh.tetrahedra, np.concatenate([BALL.tetrahedra, BALL.tetrahedra + 55]))
    assert found.notes == ("2 pieces were joined",)


def test_own_files_come_back(tmp_path):
    write_vtu(tmp_path / "ball.vtu", BALL.vertices, BALL.tetrahedra, cell_values={"volume": BALL.volumes})
    found = read_solid(tmp_path / "ball.vtu")
    np.testing.assert_array_equal(found.vertices, BALL.vertices)
    np.testing.assert_array_equal(found.tetrahedra, BALL.tetrahedra)


@pytest.mark.parametrize("suffix", ["vtu", "vtk"])
@pytest.mark.parametrize("binary", [True, False])
def test_files_of_vtk_come_back(tmp_path, suffix, binary):
    pyvista = pytest.importorskip("pyvista")
    grid = pyvista.UnstructuredGrid({10: BALL.tetrahedra}, BALL.vertices)
    grid.cell_data["volume"], grid.field_data["words"] = BALL.volumes, [1.0, 2.0]
    grid.save(tmp_path / f"ball.{suffix}", binary=binary)
    found = read_solid(tmp_path / f"ball.{suffix}")
    np.testing.assert_allclose(found.vertices, BALL.vertices, rtol=0 if binary else 1e-5, atol=0 if binary else 1e-6)
    np.testing.assert_array_equal(found.tetrahedra, BALL.tetrahedra)


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind.startswith("vt")])
def test_vtk_reads_the_files_of_these_tests_alike(tmp_path, kind):
    pyvista = pytest.importorskip("pyvista")
    grid = pyvista.read(solidfiles.write(tmp_path, kind, BALL.vertices, of_solid(BALL)))
    np.testing.assert_array_equal(grid.points, BALL.vertices)
    np.testing.assert_array_equal(grid.cells_dict[10], BALL.tetrahedra)
