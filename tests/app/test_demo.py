import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from meshot.app import demo
from meshot.base.errors import MeshReadError
from meshot.formats.registry import read_surface
from meshot.meshes.check.surface import check

DATA = Path(__file__).parents[2] / "data"
BOUNDARIES = {"face": 1, "cap": 1, "brain": 0, "dumbbell": 0, "hare": 0}


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make", DATA / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_map_can_be_made_of_every_demo_mesh(name):
    surface = read_surface(demo.demo_mesh(name))
    report = check(surface)
    assert report.ok
    assert report.notes == ()
    assert len(surface.boundary_loops) == BOUNDARIES[name]
    assert 5_000 <= len(surface.faces) <= 40_000


@pytest.mark.parametrize("name", BOUNDARIES)
def test_normals_point_outwards(name):
    """Closed meshes enclose a positive volume; the open ones bulge toward +z, the side they are seen from."""
    surface = read_surface(demo.demo_mesh(name))
    if BOUNDARIES[name]:
        assert (surface.face_normals[:, 2] * surface.face_areas).sum() > 0.3 * surface.area
    else:
        a, b, c = surface.corners.transpose(1, 0, 2)
        assert (a * np.cross(b, c)).sum() > 0


def test_both_formats_and_all_small():
    paths = demo.demo_meshes()
    assert paths.keys() == BOUNDARIES.keys()
    assert {path.suffix for path in paths.values()} == {".obj", ".ply"}
    assert sum(path.stat().st_size for path in paths.values()) < 5e6


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(MeshReadError, match="brain, cap, dumbbell, face, hare"):
        demo.demo_mesh("teapot")


def test_an_installation_finds_them_beside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "meshot"
    shutil.copytree(DATA, package / "data")
    monkeypatch.setattr(demo, "__file__", str(package / "app" / "demo.py"))
    assert demo.demo_mesh() == package / "data" / "face.obj"


@pytest.mark.parametrize("name", ["face.obj", "cap.ply", "brain.ply", "dumbbell.obj", "hare.ply"])
def test_the_files_are_what_make_writes(make, name):
    vertices, faces = make.MAKERS[name]()
    kept = read_surface(DATA / name)
    np.testing.assert_array_equal(faces, kept.faces)
    np.testing.assert_allclose(vertices, kept.vertices, atol=1.5e-5)  # the last of five decimals


def test_two_runs_write_the_same_bytes(make, tmp_path, monkeypatch):
    few = {name: make.MAKERS[name] for name in ("cap.ply", "dumbbell.obj")}
    monkeypatch.setattr(make, "MAKERS", few)
    for run in ("one", "two"):
        make.main(tmp_path / run)
    for name in few:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
