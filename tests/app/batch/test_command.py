"""The command as a whole; meshes go to workers of the same process, but for one run."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import shapes
from files import write_obj
from outcomes import assert_one_sentence

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

from meshot.app import cli
from meshot.app.batch import command as batchcommand
from meshot.app.batch import workers as crew
from meshot.app.batch.job import Order
from meshot.app.batch.memory import Seat
from meshot.app.batch.workers import Ended
from meshot.app.commands.products import BATCHED


class Here:
    """A worker in this process."""

    address = "here"

    def __init__(self):
        self.seats, self.memory, self.task = {"here": Seat("here", "here")}, {"here": 2.0**40}, None

    def look(self):
        pass

    def start(self, seat, function, *arguments):
        self.task = function, arguments

    def ended(self, seconds):
        function, arguments = self.task
        return [Ended("here", function(*arguments))]


@pytest.fixture
def workers(monkeypatch):
    """Let a batch run in this process; counts how often workers were started."""
    started = []

    @contextmanager
    def local_crew(workers, memory=None):
        started.append((workers, memory))
        yield Here()

    monkeypatch.setattr(crew, "local_crew", local_crew)
    return started


@pytest.fixture
def run(capsys, workers):
    def call(*arguments):
        code = cli.main(["batch", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def scans(tmp_path):
    """A folder of two meshes and a broken one, and another mesh called as one of them."""
    write_obj(tmp_path / "scans" / "a.obj", shapes.cap(4))
    write_obj(tmp_path / "scans" / "b.obj", shapes.cap(5))
    (tmp_path / "scans" / "broken.obj").write_bytes(b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    write_obj(tmp_path / "more" / "a.obj", shapes.cap(6))
    return tmp_path / "scans"


RANDOM = ("-n", "7", "--method", "random")


def rows(out):
    return {row["name"]: row for row in csv.DictReader((out / "summary.csv").open())}


def test_a_folder_goes_through_and_the_broken_file_is_named(run, scans, tmp_path):
    out = tmp_path / "out"
    code, told, err = run("sample", scans, tmp_path / "more" / "a.obj", "-o", out, *RANDOM, "--json")
    assert code == 3
    assert_one_sentence(err)
    assert "1 of 4 meshes failed" in err
    told = json.loads(told)
    assert (told["meshes"], told["done"], told["skipped"]) == (4, 3, 0)
    assert list(told["failed"]) == ["broken"]
    assert "NaN" in told["failed"]["broken"]["cause"]
    assert {name: row["status"] for name, row in rows(out).items()} == {
        **{"a": "done", "a-2": "done", "b": "done"},
        "broken": "cannot read",
    }
    assert rows(out)["a-2"]["mesh"] == str((tmp_path / "more" / "a.obj").resolve())
    assert {path.name for path in (out / "meshes").iterdir()} == {"a", "a-2", "b"}
    assert (out / "meshes" / "a-2" / "points.ply").exists()
    assert "3 of 4 meshes are done;" in (out / "index.html").read_text()


def test_a_second_run_skips_what_is_finished(run, scans, tmp_path, workers):
    out = tmp_path / "out"
    arguments = ("sample", scans, "-o", out, *RANDOM, "--json")

    def again(*more):
        before = len(workers)
        code, told, _ = run(*arguments, *more)
        told = json.loads(told)
        return code, told["meshes"] - told["skipped"], len(workers) - before

    assert again() == (3, 3, 1)
    assert again() == (3, 0, 0)
    assert again("--retry-failed") == (3, 1, 1)
    assert again("--seed", "0") == (3, 0, 0)  # the default
    assert again("--seed", "1") == (3, 3, 1)
    write_obj(scans / "b.obj", shapes.cap(7))
    assert again("--seed", "1") == (3, 1, 1)
    write_obj(scans / "broken.obj", shapes.cap(2))
    assert again("--seed", "1") == (0, 1, 1)
    assert again("--seed", "1") == (0, 0, 0)


def test_the_files_among_the_options_count_with_what_they_hold(run, scans, tmp_path, monkeypatch):
    (scans / "broken.obj").unlink()
    monkeypatch.chdir(tmp_path)
    Path("density.csv").write_text("\n".join(["1"] * len(shapes.cap(4).vertices)))
    arguments = ("sample", Path("scans") / "a.obj", "-o", "out", *RANDOM, "--density", "density.csv", "--json")
    assert json.loads(run(*arguments)[1])["done"] == 1
    assert json.loads(run(*arguments)[1])["skipped"] == 1
    Path("density.csv").write_text("\n".join(["2"] * len(shapes.cap(4).vertices)))
    assert json.loads(run(*arguments)[1])["skipped"] == 0
    Path("density.csv").unlink()
    code, _, err = run(*arguments)
    assert code == 2
    assert_one_sentence(err)


def test_two_batches_into_one_folder(run, scans, tmp_path, monkeypatch):
    out = tmp_path / "out"
    second = []

    def start(self, seat, function, *arguments):
        self.task = function, arguments
        if not second:
            second.append(cli.main(["batch", "sample", str(scans), "-o", str(out), *RANDOM]))

    monkeypatch.setattr(Here, "start", start)
    code, _, err = run("sample", scans / "a.obj", "-o", out, *RANDOM)
    assert code == 0
    assert second == [4]
    assert_one_sentence(err)
    assert f"a run is at work there, process {os.getpid()}" in err


def refused(run, *arguments):
    code, told, err = run(*arguments)
    assert (code, told) == (2, "")
    assert_one_sentence(err)
    return err


def test_what_is_refused(run, scans, tmp_path, workers):
    out = tmp_path / "out"
    assert "do not go together" in refused(
        run, "area", scans, "-o", out, "--workers", 2, "--scheduler", "tcp://127.0.0.1:1"
    )
    assert "holds no mesh" in refused(run, "area", tmp_path, "-o", out)
    assert "checkpoint" in refused(run, "area", scans, "-o", out, "--checkpoint", "x")
    assert workers == []
    assert run("sample", scans / "a.obj", "-o", out, *RANDOM)[0] == 0
    assert "holds a batch of sample" in refused(run, "area", scans, "-o", out)


def test_without_dask_the_extra_is_named(run, scans, tmp_path, monkeypatch):
    monkeypatch.setattr(batchcommand, "find_spec", lambda name: None)
    assert "pip install 'meshot[batch]'" in refused(run, "area", scans, "-o", tmp_path / "out")


def test_workers_and_memory_are_passed_on(run, scans, tmp_path, workers):
    run("sample", scans / "a.obj", "-o", tmp_path / "out", *RANDOM, "--workers", 3, "--memory", 1.5)
    assert workers == [(3, 1.5 * 2**30)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("area", ["--tol=0.001", "--curve", "--density=/d.npy", "--up=z", "--angle-sweeps=3", "--seed=-1"]),
        ("conformal", ["--to=disk", "--through=12,345,678", "--normalize=none"]),
        ("volume", ["--edge-length=0.125", "--masses=/m.csv"]),
        ("sample", ["--count=9", "--attribute=/a.csv", "--attribute=/b c.csv", "--uv"]),
    ],
)
def test_options_reach_the_command_as_they_were_given(name, options):
    """A batch takes every option of the command for one mesh, and writes it down so that the command reads the same."""
    _, asked, _ = cli.app.parse_args(["batch", name, "x.obj", "-o", "out", *options], exit_on_error=False)
    given = {key: value for key, value in asked.kwargs.items() if key != "out"}
    words = Order("x", Path("/x.obj"), Path("/out"), name, given).words
    assert sorted(words) == sorted(options)
    single, bound, _ = cli.app.parse_args([name, "/x.obj", "-o", "/out", *words], exit_on_error=False)
    assert single is BATCHED[name]
    assert {key: value for key, value in bound.kwargs.items() if key != "out"} == given


def test_ctrl_c_ends_it_at_once_and_the_next_run_goes_on(scans, tmp_path):
    """As a user does it: in a process of its own, with workers of Dask's."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "meshot", "batch", "sample", str(scans / "a.obj"), str(scans / "b.obj")]
    slow = [*command, "-o", str(out), "-n", "400000", "--method", "blue", "--workers", "2"]
    process = subprocess.Popen(slow, stderr=subprocess.PIPE, start_new_session=True, text=True)
    try:
        end = time.monotonic() + 100
        while not (out / "logs").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes of the command
        _, err = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert_one_sentence(err)
    assert "interrupted; 0 of 2 meshes are done and kept, and the same command goes on" in err
    assert "2 are left" in (out / "index.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more", "out", "scans"]
    assert not list(out.glob("meshes/.*"))
