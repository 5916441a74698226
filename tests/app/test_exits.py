"""How every command ends: its exit code, one sentence, and the files that were there before."""

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import files
import numpy as np
import pytest
import shapes
from outcomes import assert_one_sentence

from meshot.app import cli
from meshot.app.files.folder import reserved_folder
from meshot.app.report.pages import surface as report
from meshot.base.errors import ConvergenceError
from meshot.formats.write.vtu import write_vtu

# What stands behind each command; {out} is a folder, or with a suffix the file that is written.
COMMANDS = {
    "check": "{dome}",
    "conformal": "{dome} -o {out}",
    "area": "{dome} -o {out}",
    "demo": "-o {out}",
    "volume": "{solid} -o {out}",
    "morph": "{solid} --frames 2 -o {out}",
    "transport": "{sites} -o {out}",
    "sample": "{dome} -n 50 -o {out}.npy",
    "figure": "{run} --format png -o {out}",
    "compare": "{run} {run} -o {out}.html",
    "verify": "{run}",
}
READING = ("check", "verify")
WRITING = [name for name in COMMANDS if name not in READING]
FRESH = [("conformal", False), ("sample", False)]
# What does the work of each command.
WORK = {
    "check": "meshot.meshes.check.surface.check",
    "conformal": "meshot.app.products.conformal_map",
    "area": "meshot.app.products.area_preserving_map",
    "demo": "meshot.app.products.area_preserving_map",
    "volume": "meshot.app.products.volume_preserving_map",
    "morph": "meshot.app.products.ball_to_shape",
    "transport": "meshot.app.products.solve_transport",
    "sample": "meshot.app.products.area_preserving_map",
    "figure": "meshot.app.report.pictures.paper.write_figures",
    "compare": "meshot.app.report.pages.comparison.render_comparison",
    "verify": "meshot.app.files.verifying.verify_folder",
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Paths of what the commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    dome, solid = shapes.cap(4), shapes.one_tetrahedron()
    files.write_obj(folder / "dome.obj", dome)
    write_vtu(folder / "solid.vtu", solid.vertices, solid.tetrahedra)
    np.save(folder / "sites.npy", np.random.default_rng(0).normal(size=(12, 2)))
    assert cli.main(["conformal", str(folder / "dome.obj"), "-o", str(folder / "run")]) == 0
    return {Path(name).stem: folder / name for name in ("dome.obj", "solid.vtu", "sites.npy", "run")}


@pytest.fixture
def run(inputs, capsys, monkeypatch):
    """Run a command into a place; exit code and standard error."""
    monkeypatch.setattr(report, "render_surface", partial(report.render_surface, size=40))
    monkeypatch.setattr("meshot.app.demo.demo_mesh", lambda name: inputs["dome"])

    def call(command, out, *more, **others):
        behind = COMMANDS[command].format(out=out, **(inputs | others)).split()
        code = cli.main([command, *behind, *more])
        return code, capsys.readouterr().err

    return call


def place(folder, former=True):
    """Return a place for results, with what earlier runs wrote there or with nothing."""
    if former:
        (folder / "out").mkdir()
        for name in ("out/metrics.json", "out/map.npz", "out/cells.png", "out/notes.txt", "out.npy", "out.html"):
            (folder / name).write_text(f"former {name}")
    return folder / "out"


def everything(folder):
    """All files below a folder with what they hold."""
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_and_input_refused(tmp_path, run, command):
    (tmp_path / "empty.obj").write_bytes(b"")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "empty.vtu").write_bytes(b"")
    empty = {"dome": "empty.obj", "solid": "empty.vtu", "sites": "empty.npy", "run": ""}
    before = everything(tmp_path)
    assert run(command, tmp_path / "out", "--teapot")[0] == 2
    if command != "demo":
        code, told = run(command, tmp_path / "out", **{name: tmp_path / file for name, file in empty.items()})
        assert code == 2
        assert_one_sentence(told)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_not_converged_with_nothing_to_show(tmp_path, run, command, monkeypatch):
    def fail(*_, **__):
        raise ConvergenceError("the iteration stopped at an error of 0.1")

    monkeypatch.setattr(WORK[command], fail)
    out = place(tmp_path)
    before = everything(tmp_path)
    assert run(command, out) == (3, "meshot: the iteration stopped at an error of 0.1.\n")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("command", ["morph", "transport"])
def test_not_converged_with_what_was_reached(tmp_path, run, command):
    code, told = run(command, tmp_path / "out", "--tol", "1e-300")
    assert code == 3
    assert_one_sentence(told)
    assert "transport did not converge: no step reduces the largest relative error of" in told
    assert (tmp_path / "out/metrics.json").stat().st_size > 100


@pytest.mark.parametrize("command", ["area", "sample"])
def test_a_transport_that_misses_its_tolerance_is_no_miss_of_areas(tmp_path, run, command):
    assert run(command, tmp_path / "out", "--tol", "1e-300") == (0, "")
    assert (tmp_path / ("out.npy" if command == "sample" else "out/metrics.json")).stat().st_size > 100


def test_areas_that_miss_their_tolerance_are(tmp_path, run):
    code, told = run("area", tmp_path / "out", "--tol-area", "1e-300")
    assert code == 3
    assert_one_sentence(told)


@pytest.mark.parametrize("command", WRITING)
def test_a_file_where_a_folder_should_be(tmp_path, run, command):
    (tmp_path / "file").write_text("mine")
    code, told = run(command, tmp_path / "file" / "deeper" / "out")
    assert code == 4
    assert_one_sentence(told)
    assert f"cannot read or write {tmp_path / 'file'}: Not a directory" in told
    assert everything(tmp_path) == {tmp_path / "file": b"mine"}


@contextmanager
def no_room(size=400):
    """Let no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("command", "former"), [*((name, True) for name in WRITING), *FRESH])
def test_no_room_for_a_file(tmp_path, run, command, former):
    out = place(tmp_path, former)
    before = everything(tmp_path)
    with no_room():
        code, told = run(command, out)
    assert code == 4
    assert_one_sentence(told)
    assert told.startswith(f"meshot: cannot read or write {out}")
    assert ".part" not in told
    assert everything(tmp_path) == before


@pytest.mark.parametrize(("command", "former"), [*((name, True) for name in COMMANDS), *FRESH])
def test_interrupted(tmp_path, run, command, former, monkeypatch):
    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGTERM if command in ("area", "sample", "figure") else signal.SIGINT)

    last = {name: WORK[name] for name in READING} | dict.fromkeys(("sample", "compare"), "pathlib.Path.replace")
    monkeypatch.setattr(last.get(command, "meshot.app.files.folder._uninterrupted"), interrupt)
    out = place(tmp_path, former)
    before = everything(tmp_path)
    assert run(command, out) == (130, "meshot: interrupted; nothing was written, and what was there is as it was.\n")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("command", [name for name in WRITING if name not in ("sample", "compare")])
def test_a_second_run_into_the_same_folder_is_refused(tmp_path, run, command):
    with reserved_folder(tmp_path / "out"):
        code, told = run(command, tmp_path / "out")
    assert code == 4
    assert_one_sentence(told)
    assert f"a run is at work there, process {os.getpid()}" in told
    assert everything(tmp_path) == {}


# ---------------------------------------------------------------------------------------------------------------------
# real disks

MOUNTED = """
mount -t tmpfs -o size=64k tmpfs {folder} && mkdir {folder}/out && echo former > {folder}/out/metrics.json || exit 77
{more}
{python} -m meshot conformal {dome} -o {folder}/out >&2; echo $?
find {folder} -mindepth 1 | sort; cat {folder}/out/metrics.json
"""


@pytest.mark.parametrize(
    ("more", "cause"),
    [("", "No space left on device"), ("mount -o remount,ro {folder} || exit 77", "Read-only file system")],
    ids=["full", "read-only"],
)
def test_disks_that_take_no_files(tmp_path, inputs, more, cause):
    script = MOUNTED.format(
        folder=tmp_path, more=more.format(folder=tmp_path), dome=inputs["dome"], python=sys.executable
    )
    try:
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=100, check=False
        )
    except FileNotFoundError:
        pytest.skip("no unshare")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file systems of one's own here")
    assert_one_sentence(done.stderr)
    assert f"cannot read or write {tmp_path}/out" in done.stderr
    assert cause in done.stderr
    assert done.stdout.split() == ["4", f"{tmp_path}/out", f"{tmp_path}/out/metrics.json", "former"]
