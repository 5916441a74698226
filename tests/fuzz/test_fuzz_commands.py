"""Commands with bad files: exit codes, what is left behind, names of files, and code in them."""

import os
from pathlib import Path

import numpy as np
import pytest
from commanding import command
from mutating import mutant
from outcomes import assert_one_sentence

from meshot.app.cli import main

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
CORNER = "MeshVersionFormatted 2 Dimension 3 Vertices 4 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 Tetrahedra 1 1 2 3 4 0 End"


@pytest.mark.parametrize("number", range(6))
def test_a_mutant_leaves_an_exit_code_and_a_sentence_and_nothing_else(tmp_path, number):
    file = mutant(1, number)
    path = tmp_path / "above" / "folder" / f"mesh.{file.suffix}"
    path.parent.mkdir(parents=True)
    path.write_bytes(file.data)
    assert command(path, path.parent / "out")[1] == []


@pytest.mark.parametrize("name", ["mesh.obj.gz", "mesh.zip", "mesh", ".obj", "mesh.obj "])
def test_other_suffixes_are_refused_whatever_is_in_the_file(tmp_path, capsys, name):
    (tmp_path / name).write_text(TRIANGLE)
    assert main(["area", str(tmp_path / name), "-o", str(tmp_path / "out")]) == 2
    assert_one_sentence(capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [b"caf\xe9.obj", b"two\nlines.obj", b"\x1b[31mred.obj", "ü.obj".encode(), b"<b>.obj"])
def test_names_of_files_need_not_be_in_utf_8(tmp_path, capsys, name):
    path = Path(os.fsdecode(bytes(tmp_path) + b"/" + name))
    path.write_bytes(b"")
    assert main(["area", str(path), "-o", str(tmp_path / "out")]) == 2
    words = capsys.readouterr().err
    assert_one_sentence(words)
    assert words[:-1].isprintable()
    path.write_text(TRIANGLE)
    assert main(["area", str(path), "-o", str(tmp_path / "out"), "--json"]) == 0
    capsys.readouterr().out.encode()
    assert "<b>" not in (tmp_path / "out" / "report.html").read_text()


class Code:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_the_code_would_run(tmp_path):
    np.save(tmp_path / "code.npy", np.array([Code(tmp_path / "escaped")], dtype=object), allow_pickle=True)
    np.load(tmp_path / "code.npy", allow_pickle=True)
    assert (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        "area mesh.obj --masses code.npy -o out",
        "area mesh.obj --density code.npy -o out",
        "volume mesh.mesh --masses code.npy -o out",
        "volume mesh.mesh --density code.npy -o out",
        "transport code.npy -o out",
        "transport sites.csv --masses code.npy -o out",
        "transport sites.csv --domain polygon --polygon code.npy -o out",
        "sample mesh.obj -n 3 --density code.npy -o out.ply",
        "sample mesh.obj -n 3 --attribute code.npy -o out.ply",
        "figure kept",
    ],
)
def test_no_code_is_run_from_a_file(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mesh.obj").write_text(TRIANGLE)
    (tmp_path / "mesh.mesh").write_text(CORNER)
    (tmp_path / "sites.csv").write_text("0,0\n0.1,0.2\n")
    code = np.array([[Code(tmp_path / "escaped")]], dtype=object)
    np.save(tmp_path / "code.npy", code, allow_pickle=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "metrics.json").write_text("{}")
    np.savez(tmp_path / "kept" / "map.npz", vertices=code)
    before = sorted(tmp_path.rglob("*"))
    assert main(arguments.split()) == 2
    words = capsys.readouterr().err
    assert_one_sentence(words)
    assert "code.npy" in words or "kept" in words
    assert sorted(tmp_path.rglob("*")) == before
