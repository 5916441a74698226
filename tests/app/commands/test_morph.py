"""``meshot morph``, from files to folder."""

import json

import numpy as np
import pytest
from outcomes import Page, assert_one_sentence
from PIL import Image
from tears import barbell

from meshot.app.report.pictures import figures
from meshot.formats.registry import read_solid
from meshot.formats.write.vtu import write_vtu
from meshot.meshes.solid import signed_volumes

FILES = {
    *("cells.vtu", "folds.ply", "folds.vtu", "frames", "metrics.json", "morph.gif", "morph.npz", "report.html"),
    "surface.ply",
}


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(figures, "SIZE", 60)


@pytest.fixture
def octahedron(tmp_path):
    """Eight tetrahedra around the origin, one of them without a partner far away."""
    points = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    sides = [[1, 2, 3], [2, 4, 3], [4, 5, 3], [5, 1, 3], [2, 1, 6], [4, 2, 6], [5, 4, 6], [1, 5, 6]]
    path = tmp_path / "octahedron.vtu"
    write_vtu(path, points, np.array([[0, *side] for side in sides]))
    return path


def test_everything_is_written_and_told(tmp_path, run, octahedron):
    out = tmp_path / "out"
    code, told, err = run("morph", octahedron, "-o", out, "--frames", 11, "--json")
    assert (code, err) == (0, "")
    assert {path.name for path in out.iterdir()} == FILES
    metrics = json.loads((out / "metrics.json").read_text())
    assert json.loads(told).keys() == metrics.keys()
    assert metrics["transport"]["max_relative_error"] <= 1e-6
    assert metrics["transport"]["certificate"] <= 1e-12
    assert metrics["volume"]["flipped"] == 0
    assert metrics["ball"]["volume"] == pytest.approx(4 / 3)
    assert metrics["dual_cost"] == pytest.approx(metrics["cost"], rel=1e-5)
    frames = sorted((out / "frames").iterdir())
    assert [frame.name for frame in frames] == [f"frame_{k:02}.vtu" for k in range(11)]
    solid, last, first = read_solid(octahedron), read_solid(frames[-1]), read_solid(frames[0])
    assert last.vertices == pytest.approx(solid.vertices)
    assert (last.tetrahedra == solid.tetrahedra).all()
    with np.load(out / "morph.npz") as arrays:
        assert first.vertices == pytest.approx(arrays["points"])
        assert (signed_volumes(arrays["points"], arrays["tetrahedra"]) > 0).all()
    # an octahedron's image is one: equal ways along the axes
    assert np.linalg.norm(first.vertices[1:], axis=1) == pytest.approx(np.linalg.norm(first.vertices[1]), rel=1e-4)


def test_the_folds_of_a_barbell(tmp_path, run):
    """Its two ends meet in the ball in one sheet, on which the surface between them lay."""
    solid = barbell()
    write_vtu(tmp_path / "barbell.vtu", solid.vertices, solid.tetrahedra)
    out = tmp_path / "out"
    code, told, err = run("morph", tmp_path / "barbell.vtu", "-o", out, "--frames", 3, "--tol", "1e-3", "--json")
    assert (code, err) == (0, "")
    folds = json.loads(told)["folds"]
    assert folds["threshold"] == 0.5
    assert len(folds["sheets"]) == 1
    assert 0 < folds["surface"]["on_fold"] < folds["surface"]["vertices"]
    surface = (out / "surface.ply").read_bytes()
    assert b"property double fold_distance" in surface
    with Image.open(out / "morph.gif") as moving:
        assert moving.n_frames == 4  # there and back
        assert moving.size == (360, 360)
    pyvista = pytest.importorskip("pyvista")
    for name in ("folds.ply", "folds.vtu"):
        mesh = pyvista.read(out / name)
        assert mesh.n_cells > 20
        area = mesh.compute_cell_sizes(length=False, volume=False)["Area"].sum()
        assert area == pytest.approx(folds["measure"], rel=0.02)
    assert mesh["jump"].max() == folds["largest_jump"]
    page = Page((out / "report.html").read_text())
    assert "1 sheet of area" in page.text
    assert "leaves the shape" in page.text


def test_cells_open_as_polyhedra(tmp_path, run, octahedron):
    pyvista = pytest.importorskip("pyvista")
    run("morph", octahedron, "-o", tmp_path / "out", "--frames", 2)
    cells = pyvista.read(tmp_path / "out" / "cells.vtu")
    assert cells.n_cells == 7
    assert set(cells.celltypes) == {42}
    volumes = cells.compute_cell_sizes()["Volume"]
    assert volumes == pytest.approx(cells["mass"], rel=0.03)
    assert cells["mass"].sum() == pytest.approx(4 / 3)


def test_frames_of_an_earlier_run_go(tmp_path, run, octahedron):
    out = tmp_path / "out"
    run("morph", octahedron, "-o", out, "--frames", 5)
    (out / "mine.txt").write_text("stays")
    assert run("morph", octahedron, "-o", out, "--frames", 3)[0] == 0
    assert len(list((out / "frames").iterdir())) == 3
    assert {path.name for path in out.iterdir()} == FILES | {"mine.txt"}


def test_points_with_masses(tmp_path, run):
    path = tmp_path / "points.csv"
    rows = np.random.default_rng(0).random((30, 4)) + 0.1
    np.savetxt(path, rows, delimiter=",", header="x,y,z,mass", comments="")
    code, told, err = run("morph", path, "-o", tmp_path / "out", "--frames", 2, "--json")
    assert (code, err) == (0, "")
    metrics = json.loads(told)
    assert metrics["tetrahedra"] is None
    assert metrics["volume"] is None
    assert metrics["total_mass"] == pytest.approx(rows[:, 3].sum())
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert "flipped" not in page.text
    assert len(page.all("img")) == 7
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - {"surface.ply"}


@pytest.mark.parametrize(
    ("name", "text", "options", "cause"),
    [
        ("a.csv", "0 0\n1 1\n", (), "2 columns"),
        ("a.csv", "0 0 0\n0 0 0\n", (), "in one place"),
        ("a.csv", "0 0 0 1\n1 1 1 -1\n", (), "not positive"),
        ("a.csv", "0 0 0\n1 1 1\n", ("--edge-length", "1"), "for surfaces"),
        ("a.vtu", "nothing", (), "a.vtu"),
        ("a.csv", "0 0 0\n1 1 1\n", ("--frames", "1"), "frames"),
        ("a.doc", "nothing", (), "suffix"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, run, name, text, options, cause):
    (tmp_path / name).write_text(text)
    code, out, err = run("morph", tmp_path / name, "-o", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert cause in err
    assert not (tmp_path / "out").exists()


def test_what_does_not_converge_is_written_and_told(tmp_path, run):
    path = tmp_path / "points.npy"
    np.save(path, np.random.default_rng(0).random((40, 3)))
    code, _, err = run("morph", path, "-o", tmp_path / "out", "--frames", 2, "--tol", "1e-300")
    assert code == 3
    assert_one_sentence(err)
    assert (tmp_path / "out" / "metrics.json").exists()
