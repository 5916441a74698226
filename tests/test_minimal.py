"""What must work with the hard dependencies alone: a plain script, for there need not be pytest, which pytest runs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import meshot
from meshot.app.cli import main

# The extras, and what else the tests take.
OTHERS = {
    *("distributed", "hypothesis", "igl", "nilearn", "playwright", "pymeshfix", "pypardiso", "pytest", "pytetwild"),
    *("pyvista", "sklearn", "torch", "trimesh"),
}

# A pyramid on a square: its apex is raised, so that areas and angles change.
PYRAMID = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 0.5 1\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\n"


def dome(rings: int = 8) -> meshot.Surface:
    """A half sphere of 6 rings^2 faces."""
    count = 6 * rings
    angle = 2 * np.pi * np.arange(count) / count
    height = np.pi / 2 * np.arange(rings + 1)[1:, None] / rings
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows = np.concatenate(
        [np.sin(height)[:, :, None] * circle, np.broadcast_to(np.cos(height)[:, :, None], (rings, count, 1))], axis=2
    )
    near, following = np.arange(count), np.roll(np.arange(count), -1)
    faces = [np.stack([np.zeros_like(near), near + 1, following + 1], axis=1)]
    for ring in range(rings - 1):
        inner, outer = 1 + ring * count, 1 + (ring + 1) * count
        faces.append(np.stack([inner + near, outer + near, outer + following], axis=1))
        faces.append(np.stack([inner + near, outer + following, inner + following], axis=1))
    return meshot.Surface(np.concatenate([[[0, 0, 1]], rows.reshape(-1, 3)]), np.concatenate(faces))


def library():
    surface = dome()
    assert meshot.check(surface).ok
    surface_map = meshot.area_preserving_map(surface)
    summary = meshot.distortion(surface_map).summary()
    assert summary["area"]["flipped"] == 0
    assert summary["area"]["ratio_sd"] < 0.3
    samples = meshot.sample(surface_map, 100, rng=0)
    assert samples.points.shape == (100, 3)
    assert np.linalg.norm(samples.points, axis=1).min() > 0.95


def command_line():
    with tempfile.TemporaryDirectory() as folder:
        mesh, out = Path(folder) / "pyramid.obj", Path(folder) / "out"
        mesh.write_text(PYRAMID)
        assert main(["area", str(mesh), "-o", str(out)]) == 0
        figures = json.loads((out / "metrics.json").read_text())
        assert figures["faces"] == 4
        assert figures["transport"]["max_relative_error"] <= 1e-6
        assert "data:image/webp;base64," in (out / "report.html").read_text()


def nothing_else():
    assert not OTHERS & set(sys.modules), OTHERS & set(sys.modules)


def test_nothing_but_the_hard_dependencies_is_loaded():
    # -c: the folder where it runs comes first on the path, and with it the checkout
    code = f"import runpy; runpy.run_path({__file__!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["library", "command_line", "nothing_else", ""]


if __name__ == "__main__":
    for step in (library, command_line, nothing_else):
        step()
        sys.stdout.write(f"{step.__name__}\n")
