import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import shapes
from outcomes import Recorder

from meshot.base.errors import GeometryError, MeshotError, NotEnoughMemoryError, TopologyError
from meshot.meshes import tetrahedralization as tetrahedra
from meshot.meshes.surface import Surface
from meshot.meshes.tetrahedralization import _State, make_tetrahedra, tetrahedralize

needs_tetwild = pytest.mark.skipif(importlib.util.find_spec("pytetwild") is None, reason="needs pytetwild")


@needs_tetwild
def test_a_ball_is_filled_and_its_boundary_stays_near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ear, ball = Recorder(), shapes.icosphere(2, radius=30.0)
    made = make_tetrahedra(ball, edge_length=20.0, progress=ear)
    solid = made.solid
    assert (solid.volumes > 0).all()
    assert solid.euler_characteristic == 1
    enclosed = np.einsum("fk,fk->", ball.corners[:, 0], np.cross(ball.corners[:, 1], ball.corners[:, 2])) / 6
    assert solid.volume == pytest.approx(enclosed, rel=0.01)
    assert 0 <= made.outward < 2e-3
    assert 0 <= made.inward < 4e-3
    assert f"{len(solid.tetrahedra):,} tetrahedra" in made.notes[0]
    assert "boundary moved" in made.notes[1]
    assert ear.values("begin") == ["check", "tetrahedra", "boundary"]
    assert list(tmp_path.iterdir()) == []  # fTetWild leaves files where it runs


@needs_tetwild
def test_an_inside_out_surface_is_turned_and_told():
    ball = shapes.icosphere(1)
    made = make_tetrahedra(ball.with_faces(ball.faces[:, ::-1]), edge_length=1.0)
    assert (made.solid.volumes > 0).all()
    assert made.solid.volume > 3
    assert "turned over" in made.notes[0]


@pytest.mark.parametrize(
    ("surface", "cause"),
    [
        (shapes.disk(3), "the surface is open: it has a boundary loop, and so encloses no solid"),
        (shapes.cylinder(), "the surface is open: it has 2 boundary loops"),
    ],
)
def test_open_surfaces_are_refused(surface, cause):
    with pytest.raises(TopologyError, match=cause):
        tetrahedralize(surface)


def test_bad_coordinates_and_lengths_are_refused():
    ball = shapes.icosphere(1)
    vertices = ball.vertices.copy()
    vertices[[3, 5]] = np.nan
    with pytest.raises(GeometryError, match=r"NaN or infinite coordinates.*\(vertices 3, 5\)"):
        tetrahedralize(ball.with_vertices(vertices))
    for length in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(GeometryError, match="edge_length must be positive"):
            tetrahedralize(ball, length)
    with pytest.raises(GeometryError, match="single point"):
        tetrahedralize(ball.with_vertices(0 * ball.vertices))
    with pytest.raises(GeometryError, match="deviation must be"):
        tetrahedralize(ball, deviation=0)


def test_what_would_not_fit_in_memory_is_refused_at_once():
    with pytest.raises(NotEnoughMemoryError, match="tetrahedra of edge length 1e-05 takes about"):
        tetrahedralize(shapes.icosphere(1), 1e-5)


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(tetrahedra, "find_spec", lambda name: None)
    with pytest.raises(MeshotError, match="not installed: pip install pytetwild"):
        tetrahedralize(shapes.icosphere(1))


def fake(monkeypatch, tmp_path, code):
    """Let another script stand for fTetWild."""
    script = tmp_path / "tetwild.py"
    script.write_text(code)
    monkeypatch.setattr(tetrahedra, "__file__", str(tmp_path / "tetrahedra.py"))
    monkeypatch.setattr(tetrahedra, "find_spec", lambda name: True)


def test_a_crash_is_one_sentence(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "import os\nos.abort()")
    with pytest.raises(GeometryError, match=r"could not fill the surface with tetrahedra \(exit code -6\)"):
        tetrahedralize(shapes.icosphere(1))
    fake(monkeypatch, tmp_path, "raise RuntimeError('out of luck')")
    with pytest.raises(GeometryError, match="RuntimeError: out of luck"):
        tetrahedralize(shapes.icosphere(1))
    fake(monkeypatch, tmp_path, "pass")
    with pytest.raises(GeometryError, match="exit code 0"):
        tetrahedralize(shapes.icosphere(1))


def test_an_empty_result_is_told(monkeypatch, tmp_path):
    save = "np.savez(sys.argv[1] + '/solid.npz', vertices=np.zeros((0, 3)), tetrahedra=np.zeros((0, 4)))"
    fake(monkeypatch, tmp_path, f"import sys\nimport numpy as np\n{save}")
    with pytest.raises(GeometryError, match="found no inside"):
        tetrahedralize(shapes.icosphere(1))


def test_an_interrupt_ends_the_process_at_once(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "import time\ntime.sleep(60)")
    started = []
    popen = subprocess.Popen

    def remember(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    class Interrupting(Recorder):
        def update(self, fraction, detail=""):
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", remember)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tetrahedralize(shapes.icosphere(1), progress=Interrupting())
    assert started[0].poll() is not None
    assert time.monotonic() - start < 50


def test_progress_rises_with_what_is_printed():
    state, seen = _State(), []
    words = ["collapsing 0.04", "Tetrahedralization performed.", "mark_surface_fs done", "max_energy = 2e+3"]
    words += ["max_energy = 400.5", "max_energy = 900", "max_energy = 8.1", "/// postprocessing ///", "max_energy = 8"]
    state.listen([word.encode() for word in words[:1]])
    for word in words:
        state.listen([word.encode()])
        seen.append(state.fraction)
    assert seen == sorted(seen)
    assert seen[0] == 0.02
    assert 0.2 < seen[4] < 0.9
    assert seen[6] == pytest.approx(0.9)
    assert seen[-1] == 0.95
    assert state.detail == "worst shape 10, goal 10"


@pytest.mark.parametrize(
    ("surface", "cause"),
    [
        (shapes.torus(), "genus 1"),
        (shapes.join(shapes.icosphere(1), shapes.icosphere(1)), "2 components"),
        (shapes.klein_bottle(), "cannot be oriented"),
    ],
)
def test_what_encloses_no_ball_is_refused_at_once_where_a_ball_is_asked_for(surface, cause):
    with pytest.raises(TopologyError, match=cause):
        make_tetrahedra(surface, ball=True)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_the_process_ends_with_the_one_that_started_it():
    code = "import time; from meshot.meshes.tetwild import end_with_parent; end_with_parent(); print(1, flush=True)"
    parent = (
        "import subprocess, sys, time; "
        f"child = subprocess.Popen([sys.executable, '-c', {code + '; time.sleep(100)'!r}], stdout=subprocess.PIPE); "
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        child = int(process.stdout.readline())
        process.kill()
    for _ in range(200):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":  # ended, and nobody has asked for its code
            return
        time.sleep(0.05)
    os.kill(child, 9)
    pytest.fail("the process went on")


def test_faces_that_cross_are_named(monkeypatch):
    ball, other = shapes.ball_solid(1), shapes.tetrahedron()
    monkeypatch.setattr(tetrahedra, "_run", lambda *_: ball)
    vertices = np.concatenate([ball.boundary.vertices, 0.6 * other.vertices + np.array([1.0, 0.1, 0.2])])
    both = Surface(vertices, np.concatenate([ball.boundary.faces, other.faces + len(ball.boundary.vertices)]))
    made = make_tetrahedra(both)
    assert "faces crossed others, which was resolved by that (faces" in made.notes[1]
    assert not any("crossed" in note for note in make_tetrahedra(ball.boundary).notes)
