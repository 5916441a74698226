"""Quads and polygons come back in ``map.obj`` as they came; what was joined is told."""

import json

import files
import numpy as np
import pytest
import shapes

from meshot.formats.read.obj import parse_obj
from meshot.formats.registry import read_surface, read_surface_file

pytestmark = pytest.mark.usefixtures("small_pictures")

ANGLE = 2 * np.pi * np.arange(8) / 8


def drum(*, closed: bool) -> tuple[list[list[float]], list[list[int]]]:
    """Eight quads around, with an octagon below and, if closed, one above."""
    rings = [[[float(np.cos(a)), float(np.sin(a)), z] for a in ANGLE] for z in (0.0, 1.5)]
    sides = [[k, (k + 1) % 8, 8 + (k + 1) % 8, 8 + k] for k in range(8)]
    ends = [list(range(7, -1, -1)), list(range(8, 16))]
    return rings[0] + rings[1], sides + ends[: 1 + int(closed)]


def faces_of(path) -> list[list[tuple[int, int]]]:
    lines = (line.split()[1:] for line in path.read_text().splitlines() if line.startswith("f "))
    return [[(int(v) - 1, int(t) - 1) for v, t in (corner.split("/") for corner in line)] for line in lines]


def test_polygons_of_an_open_surface(tmp_path, run):
    vertices, polygons = drum(closed=False)
    assert run("area", files.write(tmp_path, "off", vertices, polygons), "-o", tmp_path / "out")[0] == 0
    assert faces_of(tmp_path / "out" / "map.obj") == [[(k, k) for k in each] for each in polygons]
    again = read_surface(tmp_path / "out" / "map.obj")
    with np.load(tmp_path / "out" / "map.npz") as arrays:
        np.testing.assert_array_equal(again.faces, arrays["faces"])
        np.testing.assert_array_equal(arrays["polygon"], [*np.repeat(np.arange(8), 2), *[8] * 6])
    assert b"property double polygon\n" in (tmp_path / "out" / "map.ply").read_bytes()


def test_triangles_if_asked(tmp_path, run):
    mesh = files.write(tmp_path, "off", *drum(closed=False))
    assert run("conformal", mesh, "--triangles", "-o", tmp_path / "out")[0] == 0
    assert [len(face) for face in faces_of(tmp_path / "out" / "map.obj")] == [3] * 22


def test_polygons_that_the_cut_leaves_whole(tmp_path, run):
    vertices, polygons = drum(closed=True)
    assert run("area", files.write(tmp_path, "off", vertices, polygons), "-o", tmp_path / "out")[0] == 0
    found = faces_of(tmp_path / "out" / "map.obj")
    with np.load(tmp_path / "out" / "map.npz") as arrays:
        source, faces = arrays["source_vertex"], arrays["faces"]
    came = [[int(source[v]) for v, _ in face] for face in found]
    assert all(v == t for face in found for v, t in face)
    whole = [face for face in came if face in polygons]
    assert len(whole) >= 7
    split = json.loads((tmp_path / "out" / "metrics.json").read_text())["map"]["cut_polygons"]
    assert [face for k, face in enumerate(polygons) if k not in split] == [face for face in came if face in polygons]
    assert ("Polygons that the cut goes through" in (tmp_path / "out" / "report.html").read_text()) == bool(split)
    # the others are triangles; all together cover the surface as the triangles do
    assert sum(len(face) - 2 for face in came) == len(faces)
    assert all(len(face) == 3 for face in came if face not in polygons)


def test_polygons_on_the_sphere_and_across_its_date_line(tmp_path, run):
    vertices, polygons = drum(closed=True)
    mesh = files.write(tmp_path, "off", vertices, polygons)
    assert run("area", mesh, "--to", "sphere", "-o", tmp_path / "out")[0] == 0
    found = faces_of(tmp_path / "out" / "map.obj")
    assert [[v for v, _ in face] for face in found] == polygons
    corners = parse_obj((tmp_path / "out" / "sphere.obj").read_bytes())
    assert corners.sizes.tolist() == [4] * 8 + [8] * 2


def slit_ball(tmp_path):
    """A ball of triangles that is slit along some edges, as at a seam of a texture."""
    from meshot.conformal.cut import cut_to_disk

    return files.write_surface(tmp_path, "ply-little", cut_to_disk(shapes.icosphere(1)).surface)


def test_a_joined_slit_is_mapped_to_the_sphere_and_keeps_its_vertices(tmp_path, run):
    mesh = slit_ball(tmp_path)
    slit, out = read_surface(mesh), tmp_path / "out"
    assert run("area", mesh, "--to", "sphere", "--join", "0", "-o", out)[0] == 0
    with np.load(out / "map.npz") as arrays:
        np.testing.assert_array_equal(arrays["vertices"], slit.vertices)
        gone, stand = arrays["joined"].T
        np.testing.assert_array_equal(slit.vertices[gone], slit.vertices[stand])
        np.testing.assert_array_equal(arrays["points"][gone], arrays["points"][stand])
        np.testing.assert_array_equal(arrays["conformal"][gone], arrays["conformal"][stand])
        assert np.isfinite(arrays["points"]).all()
        assert len(gone) == len(slit.vertices) - 42
    metrics = json.loads((out / "metrics.json").read_text())
    assert "were joined to" in metrics["input"]["notes"][0]
    assert metrics["options"]["join"] == 0.0


def test_a_slit_that_is_not_joined_is_told(tmp_path, run):
    assert run("area", slit_ball(tmp_path), "-o", tmp_path / "out")[0] == 0
    (note,) = json.loads((tmp_path / "out" / "metrics.json").read_text())["input"]["notes"]
    assert "as along a seam; --join 0 joins them" in note
    code, _, err = run("area", slit_ball(tmp_path), "--to", "sphere", "-o", tmp_path / "no")
    assert code == 2
    assert "--join 0 joins them, which gives a closed surface" in err


def test_check_joins_if_asked(tmp_path, run):
    code, out, _ = run("check", slit_ball(tmp_path), "--join", "0")
    assert code == 0
    assert "boundary loops        0 (closed)" in out
    assert "were joined to" in out


def test_only_surfaces_are_joined(tmp_path, run):
    import solidfiles

    ball = shapes.ball_solid(1)
    mesh = solidfiles.write(tmp_path, "mesh", ball.vertices, solidfiles.of_solid(ball))
    for command in (["check"], ["volume", "-o", tmp_path / "out"], ["morph", "-o", tmp_path / "out"]):
        code, _, err = run(command[0], mesh, *command[1:], "--join", "0")
        assert code == 2
        assert "only the boundary of a surface can be joined" in err


def test_masses_of_joined_vertices_add_up(tmp_path, run):
    mesh = slit_ball(tmp_path)
    slit = read_surface(mesh)
    closed = read_surface(mesh, join=0.0)
    np.save(tmp_path / "masses.npy", slit.vertex_areas)
    options = ("--to", "sphere", "--join", "0", "--masses", tmp_path / "masses.npy")
    assert run("area", mesh, *options, "-o", tmp_path / "out")[0] == 0
    with np.load(tmp_path / "out" / "map.npz") as arrays:
        np.testing.assert_allclose(arrays["shares"], closed.face_areas / closed.area, rtol=0.2)
        assert arrays["shares"].sum() == pytest.approx(1)


def test_samples_take_values_of_their_own_side_of_a_seam(tmp_path, run):
    mesh = files.write(
        tmp_path, "off", [[*p, 0.0] for p in ((0, 0), (1, 0), (0, 1), (1, 0), (0, 1), (1, 1))], [[0, 1, 2], [3, 5, 4]]
    )
    np.save(tmp_path / "side.npy", np.array([0.0, 0, 0, 1, 1, 1]))
    options = ("-n", "64", "--method", "random", "--join", "0", "--attribute", tmp_path / "side.npy")
    assert run("sample", mesh, *options, "-o", tmp_path / "points.csv")[0] == 0
    table = np.loadtxt(tmp_path / "points.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, -1], table[:, 0] + table[:, 1] > 1, atol=1e-12)


def test_the_default_way_to_sample_names_those_that_need_no_map(tmp_path, run):
    both = files.write_surface(tmp_path, "off", shapes.join(shapes.disk(2), shapes.disk(2)))
    code, _, err = run("sample", both, "-n", "9", "-o", tmp_path / "points.ply")
    assert code == 2
    assert "2 components" in err
    assert "--method random and --method blue need no map" in err


def test_joined_polygons_come_back_joined(tmp_path):
    vertices = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0], [1, 1, 0]]
    file = read_surface_file(files.write(tmp_path, "obj", vertices, [[0, 1, 2, 3], [4, 5, 6, 7]]), join=0.0)
    assert file.polygons.corners.tolist() == [0, 1, 2, 3, 1, 5, 6, 2]
