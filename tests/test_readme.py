"""What the README promises, run as it stands there."""

import json
import re
from pathlib import Path

import pytest
from files import obj
from shapes import ball_solid, relief

from meshot.formats.write.vtu import write_vtu

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def test_the_python_example_runs(tmp_path, monkeypatch):
    surface = relief(6)
    (tmp_path / "scan.obj").write_bytes(obj(surface.vertices.tolist(), surface.faces.tolist()))
    write_vtu(tmp_path / "solid.vtu", ball_solid(1).vertices, ball_solid(1).tetrahedra)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    names = {}
    exec(code, names)
    assert names["report"].ok
    assert names["points"].shape == (10_000, 3)
    assert names["volumes"]["flipped"] == 0
    assert names["inside"].shape == (1, 3)
    assert names["sampled"].mass_error < 0.05
    assert names["made"].points.shape == (1000, 2)
    assert names["result"].converged
    assert names["result"].certificate < 1e-12


def test_the_sampled_command_runs_and_goes_on_from_its_checkpoint(tmp_path, monkeypatch, run):
    (command,) = re.findall(r"`meshot (area [^`]*--method montecarlo[^`]*)`", README)
    surface = relief(5)
    (tmp_path / "scan.obj").write_bytes(obj(surface.vertices.tolist(), surface.faces.tolist()))
    monkeypatch.chdir(tmp_path)
    figures = []
    for _ in range(2):
        code, out, _ = run(*command.split(), "--json")
        assert code == 0
        figures.append(json.loads(out)["transport"])
    assert (tmp_path / "state.npz").exists()
    assert figures[0]["mass_error"] < 0.05
    assert figures[1]["mass_error"] < 0.05
    assert figures[0]["samples"] < figures[1]["samples"] <= figures[0]["samples"] + 100_000


@pytest.mark.parametrize("needle", ["/bin/meshot demo -o out", "/bin/python -m pytest -n 2 --dist worksteal"])
def test_install_and_test_are_one_line_each(needle):
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.endswith(needle)]
    assert len(lines) == 1
    assert lines[0].startswith("python3 -m venv ")
    assert (ROOT / ".ci" / "run").read_text().count(needle) >= 1, "the command is taken from here by its end"


def test_files_that_are_linked_are_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists()
