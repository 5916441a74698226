import errno
import json
import stat
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from handmade import cap_run, sphere_run, write_run
from outcomes import names
from shapes import icosphere

from meshot.app import product
from meshot.app.files import surface as output
from meshot.app.files.surface import cut_of, longitude_latitude, surface_metrics
from meshot.formats.registry import read_surface
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.polygons import PolygonFaces
from meshot.meshes.surface import Surface

FILES = {"map.obj", "map.ply", "map.npz", "metrics.json", "report.html"}


@pytest.fixture(scope="module")
def run():
    return cap_run()


def test_all_files_are_written_and_nothing_beside_them(tmp_path, run):
    write_run(tmp_path / "a" / "out", run, "<html>")
    assert names(tmp_path / "a" / "out") == FILES
    assert names(tmp_path / "a") == {"out"}
    assert (tmp_path / "a" / "out" / "report.html").read_text() == "<html>"


def test_folder_is_as_open_as_any_new_folder(tmp_path, run):
    write_run(tmp_path / "out", run, "")
    (tmp_path / "plain").mkdir()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_files_hold_the_map_bit_by_bit(tmp_path, run):
    write_run(tmp_path / "out", run, "")
    surface, uv = run.result.surface, run.result.uv
    again = read_surface(tmp_path / "out" / "map.obj")
    np.testing.assert_array_equal(again.vertices, surface.vertices)
    np.testing.assert_array_equal(again.faces, surface.faces)
    lines = (tmp_path / "out" / "map.obj").read_text().splitlines()
    texture = np.array([line.split()[1:] for line in lines if line.startswith("vt ")], dtype=float)
    np.testing.assert_array_equal(texture, (uv + 1) / 2)
    with np.load(tmp_path / "out" / "map.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {"vertices", "faces", "uv", "source_vertex", "conformal"}
        np.testing.assert_array_equal(arrays["conformal"], run.maps["conformal"].uv)
        np.testing.assert_array_equal(arrays["uv"], uv)
        np.testing.assert_array_equal(arrays["source_vertex"], run.result.source_vertex)


def test_ply_has_the_distortion_of_each_face(tmp_path, run):
    write_run(tmp_path / "out", run, "")
    raw = trimesh.load(tmp_path / "out" / "map.ply", process=False).metadata["_ply_raw"]
    face, vertex = raw["face"]["data"], raw["vertex"]["data"]
    np.testing.assert_array_equal(np.ravel(face["log_area_ratio"]), run.distortion.log_area_ratio)
    np.testing.assert_array_equal(np.ravel(face["angle_error"]), np.abs(run.distortion.angle_difference).mean(axis=1))
    np.testing.assert_array_equal(
        np.ravel(face["log_angle_ratio"]), np.abs(run.distortion.log_angle_ratio).mean(axis=1)
    )
    np.testing.assert_array_equal(np.ravel(face["quasi_conformal"]), run.distortion.quasi_conformal)
    np.testing.assert_array_equal(np.ravel(face["beltrami"]), run.distortion.beltrami)
    np.testing.assert_array_equal(np.ravel(vertex["u"]), run.result.uv[:, 0])


def test_metrics_have_the_promised_keys(tmp_path, run):
    write_run(tmp_path / "out", run, "")
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["faces"] == len(run.input.faces)
    assert found["vertices"] == len(run.input.vertices)
    assert found["seconds"]["total"] == 2.0
    assert found["transport"] == {
        "sites": len(run.input.vertices),
        "iterations": 7,
        "max_relative_error": 1e-7,
        "certificate": 2e-14,
        "converged": True,
    }
    area = {"flipped", "ratio_sd", "ratio_max_deviation", "log_mean_abs", "log_p01", "log_p99"}
    angle = {"mean_abs_degrees", "sd_degrees", "max_degrees", "log_mean_abs", "log_sd", "log_p01", "log_p99"}
    angle |= {f"{name}_{figure}" for name in ("quasi_conformal", "beltrami") for figure in ("mean", "p99", "max")}
    for part in (found, found["conformal"]):
        assert part["area"].keys() >= area
        assert part["angle"].keys() >= angle
    assert found["area"] == run.distortions["area-preserving"].summary()["area"]
    assert found["conformal"]["angle"] == run.distortions["conformal"].summary()["angle"]
    assert found["input"]["sha256"] == run.provenance.sha256
    assert found["options"] == {"tol": 1e-6}


@pytest.fixture(scope="module")
def on_sphere():
    return sphere_run()


def texture_of(file):
    """Texture coordinates at the corners of an OBJ file's faces, (F, 3, 2)."""
    lines = file.read_text().splitlines()
    texture = np.array([line.split()[1:] for line in lines if line.startswith("vt ")], dtype=float)
    corners = [[int(word.split("/")[1]) - 1 for word in line.split()[1:]] for line in lines if line.startswith("f ")]
    return texture[np.array(corners)]


def test_files_of_a_sphere_map(tmp_path, on_sphere):
    write_run(tmp_path / "out", on_sphere, "")
    assert names(tmp_path / "out") == FILES | {"sphere.obj"}
    surface, points = on_sphere.result.surface, on_sphere.result.points
    for name, vertices in (("map.obj", surface.vertices), ("sphere.obj", points)):
        again = read_surface(tmp_path / "out" / name)
        np.testing.assert_array_equal(again.vertices, vertices)
        np.testing.assert_array_equal(again.faces, surface.faces)
    longitude, latitude = np.moveaxis((texture_of(tmp_path / "out" / "map.obj") - 0.5) * [2 * np.pi, np.pi], -1, 0)
    x, y = np.cos(longitude) * np.cos(latitude), np.sin(longitude) * np.cos(latitude)
    np.testing.assert_allclose(np.stack([x, y, np.sin(latitude)], axis=-1), points[surface.faces], atol=1e-14)
    with np.load(tmp_path / "out" / "map.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {"vertices", "faces", "points", "source_vertex"}
        np.testing.assert_array_equal(arrays["points"], points)
    vertex = trimesh.load(tmp_path / "out" / "map.ply", process=False).metadata["_ply_raw"]["vertex"]["data"]
    np.testing.assert_array_equal(np.stack([np.ravel(vertex[f"sphere_{k}"]) for k in "xyz"], axis=1), points)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["map"]["to"] == "sphere"


def test_vertices_without_faces_lie_at_the_center_of_the_sphere_file(tmp_path, on_sphere):
    surface, points = on_sphere.result.surface, on_sphere.result.points
    loose = Surface(np.concatenate([surface.vertices, [[0, 0, 9]]]), surface.faces)
    source, image = np.arange(len(loose.vertices)), np.concatenate([points, [[np.nan] * 3]])
    write_run(tmp_path, replace(on_sphere, input=loose, result=SurfaceMap(loose, image, source)), "")
    np.testing.assert_array_equal(read_surface(tmp_path / "sphere.obj").vertices[-1], [0, 0, 0])
    read_surface(tmp_path / "map.obj")


def test_no_face_winds_around_the_picture_of_the_sphere():
    """Faces are as narrow in longitude as on the sphere, also across the date line and at a vertex on a pole."""
    ball = icosphere(3)
    turn = np.linalg.qr(np.column_stack([ball.vertices[5], [1, 2, 3], [3, 1, 2]]))[0]
    points = ball.vertices @ turn[:, [1, 2, 0]]  # vertex 5 is at a pole
    texture, rows = longitude_latitude(points, ball.faces)
    corners = rows.reshape(-1, 3)
    assert np.ptp(texture[corners][..., 0], axis=1).max() < 0.25
    assert len(texture) < 1.2 * len(points)
    at_pole = np.abs(points[:, 2]) > 1 - 1e-12
    assert at_pole.sum() == 2
    usual = (corners < len(points)) & ~at_pole[ball.faces]
    np.testing.assert_array_equal(corners[usual], ball.faces[usual])


def test_no_quad_winds_around_the_picture_of_the_sphere():
    """The same for quads: a cube of 6 x 6 a side, blown up to a sphere, a quad around either pole."""
    ticks = np.tan(np.linspace(-np.pi / 4, np.pi / 4, 7))
    u, v = np.meshgrid(ticks, ticks)
    sides = [
        np.roll(np.stack([u * sign, v, np.full_like(u, sign)], axis=2), k, axis=2) for k in range(3) for sign in (1, -1)
    ]
    points = np.concatenate(sides).reshape(-1, 3)
    points = points @ np.linalg.qr(np.array([[3.0, 1, 2], [1, 4, 0], [2, 0, 5]]))[0]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    first = (np.arange(6)[:, None] * 49 + (np.arange(6)[:, None] * 7 + np.arange(6)).ravel()).ravel()
    quads = np.stack([first, first + 1, first + 8, first + 7], axis=1)
    faces = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    polygons = PolygonFaces(quads.ravel(), np.full(216, 4), np.repeat(np.arange(216), 2))
    texture, rows = longitude_latitude(points, faces, polygons)
    u = texture[rows, 0].reshape(-1, 4)
    assert (np.ptp(u, axis=1) > 0.5).sum() <= 2  # those with a pole inside
    assert (np.abs(np.sin(np.pi * (u - texture[quads, 0]))) < 1e-12).all()  # whole turns apart
    assert len(texture) > len(points)


def test_no_cut_no_figures_of_one(run):
    assert cut_of(run.result) is None
    assert surface_metrics(run)["map"]["cut"] is None


def test_metrics_of_a_conformal_map_have_no_transport():
    run = cap_run(area=False)
    found = surface_metrics(run)
    assert found["transport"] is None
    assert found["area"] == found["conformal"]["area"]


def test_other_files_in_the_folder_stay_and_namesakes_are_replaced(tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "map.obj").write_text("old")
    write_run(out, run, "")
    assert names(out) == FILES | {"notes.txt"}
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "map.obj").read_text() != "old"
    assert names(tmp_path) == {"out"}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("broken", ["write_obj", "write_npz", "write_json"])
@pytest.mark.parametrize("before", [False, True])
def test_a_failed_write_changes_nothing(tmp_path, run, monkeypatch, error, broken, before):
    out = tmp_path / "out"
    if before:
        out.mkdir()
        (out / "map.obj").write_text("old")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(product if broken == "write_json" else output, broken, fail)
    with pytest.raises(type(error)):
        write_run(out, run, "")
    assert names(tmp_path) == ({"out"} if before else set())
    if before:
        assert names(out) == {"map.obj"}
        assert (out / "map.obj").read_text() == "old"
