import struct

import files
import numpy as np
import pytest
import shapes
from files import FORMATS, INDEXED, SOUPS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcomes import refusal

from meshot.base.errors import MeshotError, MeshReadError
from meshot.formats.registry import read_surface, read_surface_file
from meshot.formats.write.obj import write_obj
from meshot.formats.write.ply import write_ply
from meshot.formats.write.points import write_points
from meshot.meshes.surface import Surface

QUAD = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]


def read(folder, suffix, data):
    path = folder / f"mesh.{suffix}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_surface_file(path)


def refused(folder, suffix, data):
    error = refusal(lambda: read(folder, suffix, data), folder / f"mesh.{suffix}")
    assert "damaged" not in str(error), "the cause should be told"
    return error


# ---------------------------------------------------------------------------------------------------------------------
# vertex i of the file is vertex i of the surface


@pytest.mark.parametrize("kind", INDEXED)
def test_order_is_kept_and_nothing_is_dropped(tmp_path, kind):
    relief = shapes.relief(5)
    rng = np.random.default_rng(1)
    place = rng.permutation(len(relief.vertices) + 4)  # four vertices without a face, scattered among the others
    vertices = np.concatenate([relief.vertices, relief.vertices[:2], [[9, 9, 9], [0, 0, 0]]])
    shuffled = np.empty_like(vertices)
    shuffled[place] = vertices
    surface = Surface(shuffled, rng.permuted(place[relief.faces]))
    found = read_surface_file(files.write_surface(tmp_path, kind, surface))
    np.testing.assert_array_equal(found.mesh.vertices, surface.vertices)
    np.testing.assert_array_equal(found.mesh.faces, surface.faces)
    assert found.notes == ()


@pytest.mark.parametrize("kind", INDEXED)
def test_equal_positions_stay_apart(tmp_path, kind):
    path = files.write(tmp_path, kind, QUAD[:3] + QUAD[:3], [[0, 1, 2], [5, 4, 3]])
    assert len(read_surface(path).vertices) == 6


@pytest.mark.parametrize("kind", SOUPS)
def test_stl_joins_equal_positions_in_order_of_appearance(tmp_path, kind):
    surface = shapes.relief(4)
    surface = surface.with_vertices(surface.vertices.astype(np.float32))
    found = read_surface_file(files.write_surface(tmp_path, kind, surface))
    corners = surface.faces.ravel()
    firsts = corners[np.sort(np.unique(corners, return_index=True)[1])]
    np.testing.assert_array_equal(found.mesh.vertices, surface.vertices[firsts])
    np.testing.assert_array_equal(firsts[found.mesh.faces], surface.faces)
    assert found.notes == (
        f"STL has no shared vertices: {len(corners)} corners at {len(firsts)} different positions were joined",
    )


def test_stl_joins_positive_and_negative_zero_but_not_neighbors(tmp_path):
    tiny = float(np.nextafter(np.float32(0), np.float32(1)))
    triangles = [[0, 1, 2], [3, 1, 2], [4, 1, 2]]
    path = files.write(tmp_path, "stl-binary", [[0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.0, 0, 0], [tiny, 0, 0]], triangles)
    assert read_surface(path).faces.tolist() == [[0, 1, 2], [0, 1, 2], [3, 1, 2]]


@pytest.mark.parametrize("kind", INDEXED)
def test_polygons_become_fans_in_place(tmp_path, kind):
    angle = np.arange(7)
    vertices = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1).tolist()
    polygons = [[2, 3, 4, 5], [0, 1, 2], [6, 5, 4, 3, 2], [1, 2, 3]]
    found = read_surface_file(files.write(tmp_path, kind, vertices, polygons))
    fans = [[2, 3, 4], [2, 4, 5], [0, 1, 2], [6, 5, 4], [6, 4, 3], [6, 3, 2], [1, 2, 3]]
    assert found.mesh.faces.tolist() == fans
    assert found.notes == ("2 faces with more than 3 corners were cut into 5 triangles (fans)",)


@pytest.mark.parametrize("kind", FORMATS)
def test_hash_is_of_the_file(tmp_path, kind):
    import hashlib

    path = files.write_surface(tmp_path, kind, shapes.tetrahedron())
    assert read_surface_file(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", INDEXED)
def test_doubles_survive_bit_by_bit(tmp_path, kind):
    values = [0.1 + 0.2, -1e-310, 1.7976931348623157e308, np.pi, -0.0, 5e-324, 2 / 3, 1e22, 123456789.123456789]
    path = files.write(tmp_path, kind, np.reshape(values, (3, 3)).tolist(), [[0, 1, 2]])
    assert read_surface(path).vertices.tobytes() == np.array(values).tobytes()


def test_upper_case_suffix(tmp_path):
    assert len(read(tmp_path, "OFF", files.off(QUAD, [[0, 1, 2]])).mesh.faces) == 1


# ---------------------------------------------------------------------------------------------------------------------
# what each format allows


def test_obj_seams_groups_materials_and_colors_change_nothing(tmp_path):
    text = """# a quad with seams
mtllib missing.mtl
o first
v 0 0 0 0.1 0.2 0.3
v 1 0 0 0.1 0.2 0.3
vt 0 0
vt 1 0
vt 1 1
vn 0 0 1
vn 0 0 -1
g left
usemtl red
v 1 1 0 1.0
v\t0  1 0   # a comment
s 1
f 1/1/1 2/2/1 3/3/1
o second
usemtl blue
g right
f 1/3/2 3//2 \\
  4/2
l 1 2
p 3
"""
    for ending in ("\n", "\r\n"):
        surface = read(tmp_path, "obj", text.replace("\n", ending)).mesh
        assert surface.vertices.tolist() == QUAD
        assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_obj_negative_indices_count_from_the_face_backwards(tmp_path):
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 5 0 0\nf -4/-1 -3//-1 -1\nf 1 2 4\n"
    assert read(tmp_path, "obj", text).mesh.faces.tolist() == [[0, 1, 2], [0, 1, 3], [0, 1, 3]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_ply_with_further_elements_and_properties(tmp_path, order):
    encoding = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    header = f"""ply
format {encoding} 1.0
comment made by hand
obj_info nothing
element camera 1
property list ushort float view
property char flag
element face 2
property uchar red
property list uchar float texcoord
property list uint8 uint16 vertex_index
property float quality
element vertex 4
property uchar red
property float x
property double y
property short z
property float s
property float t
element edge 1
property int vertex1
property int vertex2
end_header
"""
    body = struct.pack(order + "H2fb", 2, 1.0, 2.0, 7)
    body += struct.pack(order + "B B6f B3H f", 255, 6, *range(6), 3, 0, 1, 2, 0.5)
    body += struct.pack(order + "B B2f B4H f", 255, 2, 0, 1, 4, 0, 1, 2, 3, 0.5)
    body += b"".join(struct.pack(order + "Bfdhff", 9, x, y, z, 0.5, 0.5) for x, y, z in QUAD)
    body += struct.pack(order + "2i", 0, 1)
    surface = read(tmp_path, "ply", header.encode() + body).mesh
    assert surface.vertices.tolist() == QUAD
    assert surface.faces.tolist() == [[0, 1, 2], [0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_ply_line_endings(tmp_path, ending):
    for encoder in (files.ply_text, files.ply_little):
        data = encoder(QUAD, [[0, 1, 2], [0, 2, 3]])
        end = data.index(b"end_header\n") + len(b"end_header\n")
        data = data[:end].replace(b"\n", ending.encode()) + data[end:]
        assert read(tmp_path, "ply", data).mesh.vertices.tolist() == QUAD


@pytest.mark.parametrize(
    "text",
    [
        "OFF 4 2 5\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3",
        "# head\noff\n\n4 2 # no edges\n0 0 0\n1 0 0\n\n1 1 0\n0 1 0\n3 0 1 2 255 0 0\n3 0 2 3 0.5 0.5 0.5 1",
        "COFF\r\n4 2 0\r\n0 0 0 1 1 1 1\r\n1 0 0 1 1 1 1\r\n1 1 0 1 1 1 1\r\n0 1 0 1 1 1 1\r\n3 0 1 2\r\n3 0 2 3\r\n",
        "STNOFF\n4 2 0\n0 0 0 0 0 1 9 9\n1 0 0 0 0 1 9 9\n1 1 0 0 0 1 9 9\n0 1 0 0 0 1 9 9\n3 0 1 2\n3 0 2 3",
    ],
)
def test_off_variants(tmp_path, text):
    surface = read(tmp_path, "off", text).mesh
    assert surface.vertices.tolist() == QUAD
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("kind", ["obj", "off", "ply-text", "stl-text"])
def test_a_byte_order_mark_hides_no_vertex(tmp_path, kind):
    content = FORMATS[kind](QUAD, [[0, 1, 2], [0, 2, 3]])
    suffix = kind.partition("-")[0]
    assert len(read(tmp_path, suffix, b"\xef\xbb\xbf" + content).mesh.vertices) == 4
    for encoding in ("utf-16", "utf-16-be"):
        data = ("\ufeff" * (encoding != "utf-16") + content.decode()).encode(encoding)
        assert "is a text in UTF-16: save it as UTF-8" in str(refused(tmp_path, suffix, data))


@pytest.mark.parametrize("kind", ["stl-binary", "ply-little", "ply-big"])
@pytest.mark.filterwarnings("error")
def test_signaling_nans_are_refused_without_a_warning(tmp_path, kind):
    marked = FORMATS[kind]([[7.0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    order, width = (">" if kind == "ply-big" else "<"), ("f" if kind == "stl-binary" else "d")
    signaling = {"f": 0x7F800001, "d": 0x7FF0000000000001}[width]
    data = marked.replace(struct.pack(order + width, 7.0), struct.pack(order + {"f": "I", "d": "Q"}[width], signaling))
    assert "NaN or infinite" in str(refused(tmp_path, kind.partition("-")[0], data))


def test_stl_with_several_solids_is_one_mesh(tmp_path):
    one = files.stl_text(QUAD, [[0, 1, 2]])
    two = files.stl_text(QUAD, [[0, 2, 3]])
    surface = read(tmp_path, "stl", one.upper() + two.replace(b"\n", b"\r\n  ")).mesh
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_stl_bytes_after_the_triangles_are_mentioned(tmp_path):
    found = read(tmp_path, "stl", files.stl_binary(QUAD, [[0, 1, 2]]) + b"\0tail")
    assert found.notes[1] == "5 bytes after the last triangle were passed over"


# ---------------------------------------------------------------------------------------------------------------------
# what is refused, and how


def test_missing_file_folder_and_impossible_name(tmp_path):
    for path, cause in [
        (tmp_path / "none.obj", "does not exist"),
        (tmp_path / "none" / "none.obj", "does not exist"),
        (tmp_path, "is a folder"),
        ("a\0b.obj", "no name that a file can have"),
    ]:
        with pytest.raises(MeshReadError, match=cause):
            read_surface(path)


@pytest.mark.parametrize("suffix", ["xyz", "gltf", "txt", ""])
def test_unknown_suffix(tmp_path, suffix):
    assert "surfaces are read from .obj, .ply, .stl, .off" in str(refused(tmp_path, suffix, "v 0 0 0"))


@pytest.mark.parametrize("suffix", ["obj", "ply", "stl", "off"])
class TestEveryFormat:
    @pytest.mark.parametrize("content", [b"", b" \n\t\r\n"])
    def test_empty(self, tmp_path, suffix, content):
        assert "is empty" in str(refused(tmp_path, suffix, content))

    @pytest.mark.parametrize(
        "content",
        [b"Dear Sir or Madam,\nplease find enclosed\n", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3, b"\0" * 50, b"{"],
    )
    def test_not_a_mesh(self, tmp_path, suffix, content):
        error = refused(tmp_path, suffix, content)
        assert f"{suffix.upper()} mesh" in str(error)


@pytest.mark.parametrize("kind", INDEXED)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_coordinates_with_their_vertices(tmp_path, kind, value):
    vertices = [*QUAD, [7.0, value, 7.0], [0, 0, value]]
    with pytest.raises(MeshReadError, match="NaN or infinite") as caught:
        read_surface(files.write(tmp_path, kind, vertices, [[0, 1, 2], [0, 2, 4]]))
    assert caught.value.ids == (4,)  # vertex 5 belongs to no face, and may stand nowhere
    passed = read_surface(files.write(tmp_path, kind, vertices, [[0, 1, 2]]))
    assert len(passed.vertices) == 6
    assert not np.isfinite(passed.vertices[5]).all()


@pytest.mark.parametrize("kind", SOUPS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_coordinates_with_their_triangles(tmp_path, kind, value):
    with pytest.raises(MeshReadError, match="triangles, counted from 0, with NaN or infinite") as caught:
        read_surface(files.write(tmp_path, kind, [*QUAD, [value, value, 7.0]], [[0, 1, 2], [0, 2, 4], [0, 2, 3]]))
    assert caught.value.ids == (1,)


@pytest.mark.parametrize("kind", INDEXED)
@pytest.mark.parametrize("wrong", [4, 2**31 - 1, -9])
def test_index_out_of_range_with_its_faces(tmp_path, kind, wrong):
    with pytest.raises(MeshReadError, match="vertex index outside") as caught:
        read_surface(files.write(tmp_path, kind, QUAD, [[0, 1, 2, 3], [0, 1, wrong], [1, 2, 3], [wrong, wrong, 1]]))
    assert caught.value.ids == (1, 3)
    assert ("1 to 4" if kind == "obj" else "0 to 3") in str(caught.value)


@pytest.mark.parametrize("index", ["0", "-4", "4", "99999999999"])
def test_obj_index_out_of_range(tmp_path, index):
    assert refused(tmp_path, "obj", f"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2 {index}").ids == (1,)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_faces(tmp_path, kind):
    with pytest.raises(MeshReadError, match="has no faces"):
        read_surface(files.write(tmp_path, kind, [] if kind in SOUPS else QUAD, []))


@pytest.mark.parametrize("kind", INDEXED)
def test_face_with_too_few_corners(tmp_path, kind):
    with pytest.raises(MeshReadError, match="fewer than 3 corners") as caught:
        read_surface(files.write(tmp_path, kind, QUAD, [[0, 1, 2], [0, 1], [1, 2, 3]]))
    assert caught.value.ids == (1,)


@pytest.mark.parametrize("kind", ["ply-little", "ply-big", "stl-binary", "ply-text", "off", "stl-text"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
def test_truncated_file(tmp_path, kind, share):
    path = files.write_surface(tmp_path, kind, shapes.disk(4))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(MeshReadError, match=r"truncated|does not hold|announce"):
        read_surface(path)


@pytest.mark.parametrize(
    ("suffix", "text", "cause"),
    [
        ("obj", "v 0 0\nf 1 1 1", "fewer than 3 coordinates"),
        ("obj", "v 0 0 zero\nf 1 1 1", "'zero' where a coordinate should be"),
        ("obj", "v 0 0 1_000\nf 1 1 1", "'1_000' where a coordinate should be"),
        ("obj", "v 0 0 0\nf 1 1.5 1", "'1.5' where a vertex index should be"),
        ("obj", "v 0 0 0\nf 1 /1 1", "'/1' where a vertex index should be"),
        ("obj", "v 0 0 0\nf 1 9999999999999999999999 1", "'9999999999999999999999' where a vertex index"),
        ("obj", "vt 0 0\nvn 0 0 1\n", "no line 'v x y z'"),
        ("off", "OFF\n3 1", "truncated"),
        ("off", "OFF", "truncated"),
        ("off", "OFF\nthree 1 0\n", "'three' where a number of vertices or faces"),
        ("off", "OFF\n-1 1 0\n", "announces -1 vertices"),
        ("off", "OFF BINARY\n3 1 0\n", "binary OFF"),
        ("off", "4OFF\n3 1 0\n", "three dimensions"),
        ("off", "OFF\n3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2", "fewer than 3 coordinates (ids 1)"),
        ("off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2", "fewer corners than they announce (ids 0)"),
        ("off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\nx 0 1 2", "'x' where a number of corners"),
        (
            "stl",
            "solid\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nendloop\nendfacet\nendsolid",
            "not tri",
        ),
        (
            "stl",
            "solid\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0\nvertex 0 1 0\nendsolid",
            "fewer than 3",
        ),
        ("ply", "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\n", "'end_header' is missing"),
        ("ply", "ply\nelement vertex 1\nproperty float x\nend_header\n1", "no line 'format'"),
        ("ply", "ply\nformat utf9 1.0\nend_header\n1", "header line that cannot be read: 'format utf9 1.0'"),
        ("ply", "ply\nformat ascii 1.0\nproperty float x\nend_header\n1", "cannot be read: 'property float x'"),
        ("ply", "ply\nformat ascii 1.0\nelement vertex many\nend_header\n1", "cannot be read: 'element vertex many'"),
        ("ply", "ply\nformat ascii 1.0\nelement vertex 1\nproperty half x\nend_header\n1", "'property half x'"),
        ("ply", "ply\nformat ascii 1.0\nelement vertex 1\nproperty list float int x\nend_header\n1", "'property list"),
        ("ply", "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1", "no property 'y'"),
        ("ply", "ply\nformat ascii 1.0\nelement vertex -1\nproperty float x\nend_header\n1", "truncated"),
        ("ply", "ply\nformat ascii 1.0\nelement vertex 9999999999999\nproperty float x\nend_header\n1", "truncated"),
        ("ply", "ply\nformat ascii 1.0\nelement face 0\nend_header\n", "without vertices"),
    ],
)
def test_damage_is_named(tmp_path, suffix, text, cause):
    assert cause in str(refused(tmp_path, suffix, text))


def test_ply_damage_in_the_data_is_named(tmp_path):
    header = files.ply_header(QUAD, [[0, 1, 2]], "ascii")
    points = b"0 0 0 1 0 0 1 1 0 0 1 0 "
    for tail, cause in [
        (b"3 0 1 2.5", "not integers"),
        (b"3 0 1 nan", "not integers"),
        (b"3 0 1 two", "'two' where a number should be"),
        (b"-3 0 1 2", "list of length -3"),
        (b"2.5 0 1 2", "list of length 2.5"),
        (b"3 0 1", "truncated"),
        (b"9 0 1 2", "truncated"),
        (b"3 0 1 1e300", "outside 0 to 3"),
    ]:
        assert cause in str(refused(tmp_path, "ply", header + points + tail))
    cloud = header.partition(b"element face")[0] + b"end_header\n" + points
    assert "point cloud" in str(refused(tmp_path, "ply", cloud))
    assert "no property 'vertex_indices'" in str(
        refused(tmp_path, "ply", header.replace(b"vertex_indices", b"neighbors") + points + b"3 0 1 2")
    )


TEMPLATES = {
    kind: encoder([*QUAD, [0.5, 0.5, 1.0]], [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    for kind, encoder in FORMATS.items()
}


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_files_give_a_surface_or_a_read_error(tmp_path, kind, data):
    content = bytearray(TEMPLATES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        action = data.draw(st.sampled_from(["set", "cut", "insert", "remove"]))
        piece = data.draw(
            st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"-", b"9", b"e", b" ", b"\n"]))
        )
        if action == "set":
            content[place : place + len(piece)] = piece
        elif action == "cut":
            del content[place + 1 :]
        elif action == "insert":
            content[place:place] = piece
        elif len(content) > len(piece):
            del content[place : place + len(piece)]
    path = tmp_path / f"mesh.{kind.partition('-')[0]}"
    path.write_bytes(content)
    try:
        surface, cause = read_surface(path), ""
    except MeshReadError as error:
        surface, cause = None, str(error)
    assert surface is None or np.isfinite(surface.corners).all()
    assert " is damaged (" not in cause, "the cause should be told"


# ---------------------------------------------------------------------------------------------------------------------
# writing


def test_obj_round_trip_with_unreferenced_vertices(tmp_path):
    surface = shapes.relief(3)
    surface = Surface(np.concatenate([surface.vertices / 3, [[1e-300, np.pi, 1e300]]]), surface.faces)
    uv = np.where(surface.referenced[:, None], surface.vertices[:, :2], np.nan)
    write_obj(tmp_path / "map.obj", surface, uv)
    lines = (tmp_path / "map.obj").read_text().splitlines()
    texture = np.array([line.split()[1:] for line in lines if line.startswith("vt ")], dtype=float)
    np.testing.assert_array_equal(texture[:-1], uv[:-1])
    assert texture[-1].tolist() == [0, 0]
    a, b, c = (surface.faces[0] + 1).tolist()
    assert f"f {a}/{a} {b}/{b} {c}/{c}" in lines
    back = read_surface(tmp_path / "map.obj")
    assert back.vertices.tobytes() == surface.vertices.tobytes()
    np.testing.assert_array_equal(back.faces, surface.faces)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ([np.zeros((2, 2))], "3 rows"),
        ([np.zeros((3, 3))], "2 columns"),
        ([np.zeros((5, 2)), np.zeros((2, 3), int)], "each of 3 corners"),
    ],
)
def test_obj_refuses_texture_coordinates_of_another_shape(tmp_path, options, cause):
    with pytest.raises(ValueError, match=cause):
        write_obj(tmp_path / "map.obj", shapes.triangle(), *options)
    assert list(tmp_path.iterdir()) == []


def test_obj_with_texture_coordinates_of_corners_and_without_any(tmp_path):
    write_obj(tmp_path / "map.obj", shapes.triangle(), [[0, 0], [0.5, 0], [0, 1], [0, 2]], [[3, 1, 2]])
    assert (tmp_path / "map.obj").read_text().splitlines()[3:] == [
        *("vt 0 0", "vt 0.5 0", "vt 0 1", "vt 0 2"),
        "f 1/4 2/2 3/3",
    ]
    write_obj(tmp_path / "bare.obj", shapes.triangle())
    assert (tmp_path / "bare.obj").read_text().splitlines()[3:] == ["f 1 2 3"]


def test_ply_round_trip_and_scalars_as_others_read_them(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    surface = shapes.bumpy_sphere(1)
    areas, radii = surface.face_areas, np.linalg.norm(surface.vertices, axis=1)
    write_ply(tmp_path / "map.ply", surface.vertices, surface.faces, {"area": areas}, {"u": radii, "v": -radii})
    back = read_surface(tmp_path / "map.ply")
    np.testing.assert_array_equal(back.vertices, surface.vertices)
    np.testing.assert_array_equal(back.faces, surface.faces)
    raw = trimesh.load(tmp_path / "map.ply", process=False, fix_texture=False).metadata["_ply_raw"]
    np.testing.assert_array_equal(raw["face"]["data"]["area"], areas)
    np.testing.assert_array_equal(raw["vertex"]["data"]["u"], radii)


@pytest.mark.parametrize(
    ("face_scalars", "vertex_scalars", "cause"),
    [
        ({"two words": [1.0]}, {}, "cannot name"),
        ({"": [1.0]}, {}, "cannot name"),
        ({"a": [1.0, 2.0]}, {}, "one value for each face"),
        ({}, {"a": [1.0]}, "one value for each vertex"),
        ({}, {"x": [1.0, 2.0, 3.0]}, "taken by the position"),
    ],
)
def test_ply_refuses_scalars_that_do_not_fit(tmp_path, face_scalars, vertex_scalars, cause):
    surface = shapes.triangle()
    with pytest.raises(ValueError, match=cause):
        write_ply(tmp_path / "map.ply", surface.vertices, surface.faces, face_scalars, vertex_scalars)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("with_normals", [False, True])
@pytest.mark.parametrize("suffix", [".ply", ".xyz", ".npy", ".csv"])
def test_points_round_trip(tmp_path, suffix, with_normals):
    points = np.random.default_rng(0).normal(size=(20, 3))
    normals = points / 3 if with_normals else None
    path = tmp_path / f"points{suffix}"
    write_points(path, points, normals)
    expected = np.concatenate([points, points / 3], axis=1) if with_normals else points
    if suffix == ".npy":
        found = np.load(path, allow_pickle=False)
    elif suffix == ".ply":
        head, _, body = path.read_bytes().partition(b"end_header\n")
        assert b"element vertex 20\n" in head
        assert (b"property double nz\n" in head) == with_normals
        found = np.frombuffer(body, "<f8").reshape(20, -1)
    else:
        found = np.loadtxt(path, delimiter="," if suffix == ".csv" else None, skiprows=int(suffix == ".csv"))
    np.testing.assert_array_equal(found, expected)


def test_points_of_another_suffix(tmp_path):
    with pytest.raises(MeshotError, match=r"\.ply, \.xyz, \.npy, \.csv"):
        write_points(tmp_path / "points.las", np.zeros((1, 3)))


def test_points_with_attributes(tmp_path):
    points, height, color = np.arange(6.0).reshape(2, 3), np.array([7.0, 8.0]), np.array([[1.0, 2.0], [3.0, 4.0]])
    attributes = {"height": height, "color": color}
    write_points(tmp_path / "a.csv", points, None, attributes)
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "x,y,z,height,color_0,color_1",
        "0,1,2,7,1,2",
        "3,4,5,8,3,4",
    ]
    write_points(tmp_path / "a.npy", points, None, attributes)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy")[:, 3:], [[7, 1, 2], [8, 3, 4]])
    write_points(tmp_path / "a.ply", points, None, attributes)
    assert b"property double color_1" in (tmp_path / "a.ply").read_bytes()
    with pytest.raises(MeshotError, match="no place for attributes"):
        write_points(tmp_path / "a.obj", points, None, attributes)


def test_points_as_obj(tmp_path):
    write_points(tmp_path / "a.obj", [[0, 0.1, 2]], [[0, 0, 1]])
    assert (tmp_path / "a.obj").read_text().splitlines() == ["v 0 0.10000000000000001 2", "vn 0 0 1", "p 1"]
    write_points(tmp_path / "a.obj", [[0, 1, 2]])
    assert (tmp_path / "a.obj").read_text().splitlines() == ["v 0 1 2", "p 1"]


def test_writing_changes_no_input(tmp_path):
    surface = shapes.relief(2)
    vertices, faces, uv = surface.vertices.copy(), surface.faces.copy(), surface.vertices[:, :2].copy()
    uv[0] = np.nan
    before = uv.copy()
    write_obj(tmp_path / "a.obj", surface, uv)
    write_ply(tmp_path / "a.ply", vertices, faces, {}, {"u": uv[:, 0]})
    write_points(tmp_path / "a.csv", vertices, vertices)
    np.testing.assert_array_equal(vertices, surface.vertices)
    np.testing.assert_array_equal(faces, surface.faces)
    np.testing.assert_array_equal(uv, before)
