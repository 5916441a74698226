import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from outcomes import names

from meshot.app.files import folder as folders
from meshot.app.files.folder import check_folder, complete_folder, reserved_folder

NAMES = ("metrics.json", "a", "z")


def write(out, text):
    with complete_folder(out) as folder:
        for name in NAMES:
            (folder / name).write_text(text)
        (folder / "frames").mkdir()
        (folder / "frames" / text).write_text(text)


@pytest.fixture(params=["exchange", "move"])
def way(request, monkeypatch):
    """Both ways to replace the files of a folder: in one step, and one by one."""
    if request.param == "move":
        monkeypatch.setattr(folders, "_exchanged", lambda *_: False)
    return request.param


@pytest.mark.usefixtures("way")
def test_new_files_take_the_place_of_the_former(tmp_path):
    out = tmp_path / "deeper" / "out"
    write(out, "first")
    (out / "mine").mkdir()
    (out / "mine" / "notes").write_text("mine")
    (out / "link").symlink_to("a")
    out.chmod(0o750)
    write(out, "second")
    assert names(out) == {*NAMES, "frames", "mine", "link"}
    assert {(out / name).read_text() for name in (*NAMES, "link")} == {"second"}
    assert names(out / "frames") == {"second"}
    assert (out / "mine" / "notes").read_text() == "mine"
    assert out.stat().st_mode & 0o777 == 0o750
    assert names(out.parent) == {"out"}


def test_the_folder_changes_in_one_step(tmp_path):
    write(tmp_path / "out", "first")
    before = (tmp_path / "out").stat().st_ino
    write(tmp_path / "out", "second")
    assert (tmp_path / "out").stat().st_ino != before


def test_the_folder_one_is_in_stays_the_same_one(tmp_path, monkeypatch):
    write(tmp_path / "out", "first")
    monkeypatch.chdir(tmp_path / "out")
    before = Path.cwd().stat().st_ino
    write(".", "second")
    assert Path.cwd().stat().st_ino == before
    assert Path("a").read_text() == "second"
    assert names(tmp_path) == {"out"}


def test_metrics_come_last_where_files_are_moved_one_by_one(tmp_path, monkeypatch):
    moved = []
    replace = os.replace
    monkeypatch.setattr(folders, "_exchanged", lambda *_: False)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("pathlib.Path.replace", lambda self, to: (moved.append(self.name), replace(self, to)))
    write(tmp_path / "out", "text")
    assert sorted(moved[:3]) == ["a", "frames", "z"]
    assert moved[3] == "metrics.json"


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    write(tmp_path / "out", "text")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "text"


def test_a_place_that_can_be_no_folder_is_refused_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "deeper" / "out"):
        with pytest.raises(NotADirectoryError):
            check_folder(place)
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "deeper")
    assert names(tmp_path) == {"file"}


# ---------------------------------------------------------------------------------------------------------------------
# two runs, and runs that are killed


def test_a_second_run_is_refused_while_the_first_is_at_work(tmp_path):
    out = tmp_path / "out"
    with reserved_folder(out):
        with (
            pytest.raises(OSError, match=f"a run is at work there, process {os.getpid()}") as caught,
            reserved_folder(out),
        ):
            pass
        assert caught.value.filename == str(out)
        write(out, "text")
    with reserved_folder(out):
        pass
    assert names(tmp_path) == {"out"}


def test_what_a_killed_run_left_is_cleared_away(tmp_path):
    (tmp_path / ".out.meshot.lock").write_text("1")
    (tmp_path / ".out.meshot-0123.part").mkdir()
    (tmp_path / ".other.meshot-0123.part").mkdir()
    with reserved_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == {".other.meshot-0123.part"}


REWRITE = """
import itertools, sys
from pathlib import Path
from meshot.app.files.folder import complete_folder, reserved_folder
with reserved_folder(sys.argv[1]):
    for k in itertools.count():
        with complete_folder(sys.argv[1]) as folder:
            for name in ("a", "b", "c", "metrics.json"):
                (folder / name).write_text(str(k))
        print(k, flush=True)
"""


@pytest.mark.parametrize("seed", range(8))
def test_after_a_kill_all_files_are_of_one_run(tmp_path, seed):
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", REWRITE, str(out)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"0\n"
    time.sleep(np.random.default_rng(seed).uniform(0.0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert names(out) == {"a", "b", "c", "metrics.json"}
    assert len({path.read_text() for path in out.iterdir()}) == 1
    with reserved_folder(out):
        write(out, "next")
    assert names(tmp_path) == {"out"}


def test_an_interrupt_at_the_very_end_says_that_the_files_are_there(tmp_path, monkeypatch):
    place = folders._put_in_place

    def placed_then_interrupted(stage, target):
        place(stage, target)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(folders, "_put_in_place", placed_then_interrupted)
    for text in ("new", "newer"):
        with pytest.raises(KeyboardInterrupt, match=r"the files in .* are new and complete"):
            write(tmp_path / "out", text)
        assert {(tmp_path / "out" / name).read_text() for name in NAMES} == {text}
    assert names(tmp_path) == {"out"}
