"""Every example is imported and run, and one number of it asserted."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from outcomes import colors_in
from tears import barbell

from meshot.app.demo import demo_mesh
from meshot.formats.registry import read_surface
from meshot.formats.write.vtu import write_vtu

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_face_histograms(tmp_path):
    """Each map is far better at what it keeps than the other one."""
    figures = load("face_histograms").main(tmp_path)
    assert figures["conformal area"] > 0.3
    assert figures["area-preserving area"] < 0.6 * figures["conformal area"]
    assert figures["conformal angle"] < 1
    assert figures["area-preserving angle"] > 5
    assert colors_in(tmp_path / "face_histograms.png") > 100


def test_brain_map(tmp_path, brain):
    """The cortex is so deeply folded that its conformal map loses all proportion; transport restores it."""
    figures = load("brain_map").main(tmp_path)
    assert figures["conformal area ratio SD"] > 2
    assert figures["area ratio SD"] < 0.2
    assert colors_in(tmp_path / "brain_map.png") > 1000


def test_brain_map_falls_back_on_the_demo_brain(monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn", None)
    brain, values, label = load("brain_map").load_brain()
    assert label == "distance from the middle"
    assert len(values) == len(brain.vertices) == len(read_surface(demo_mesh("brain")).vertices)


def test_gaussian_mixture(tmp_path):
    """Every sample gets its share: no mode is lost, and the ridge crosses the disk."""
    figures = load("gaussian_mixture").main(tmp_path)
    assert figures["samples reached"] == 128
    assert figures["area of the first mode, share"] == pytest.approx(0.5, rel=1e-8)
    assert figures["largest deviation of an area"] < 1e-8
    assert 1.9 < figures["length of the ridge"] < 2.2
    assert colors_in(tmp_path / "gaussian_mixture.png") > 1000


def test_density(tmp_path):
    """Dots of equal mass, in the centers of their cells, dense where the picture is dark."""
    figures = load("density").main(tmp_path)
    assert figures["largest cell error"] <= 1e-6
    assert figures["mass certificate"] < 1e-12
    assert figures["largest area of a cell over the least"] > 20
    assert figures["distance moved over the cells' size"] < 0.05
    assert colors_in(tmp_path / "density.png") > 1000


def test_sphere_stages(tmp_path):
    """Transport makes the cells equal, refinement the triangles."""
    figures = load("sphere_stages").main(tmp_path, "dumbbell", 1e-2)
    assert figures["conformal"] > 1
    assert figures["transport"] < 0.5
    assert figures["refined"] < 1e-2
    assert colors_in(tmp_path / "sphere_stages.png") > 1000


def test_magnify(tmp_path):
    """The painted parts have the share that was prescribed, and none is folded for it."""
    figures = load("magnify").main(tmp_path)
    assert figures["share prescribed"] > 2 * figures["share on the surface"]
    assert figures["share, magnified"] == pytest.approx(figures["share prescribed"], rel=1e-3)
    assert figures["share, area-preserving"] == pytest.approx(figures["share on the surface"], rel=1e-3)
    assert figures["flipped faces"] == 0
    assert colors_in(tmp_path / "magnify.png") > 1000


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_has_a_test(path):
    assert f"def test_{path.stem}(" in Path(__file__).read_text()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("generative/*.py")), ids=lambda path: path.stem)
def test_every_generative_example_is_tested(path):
    tests = "".join(test.read_text() for test in (Path(__file__).parent / "generative").glob("test_*.py"))
    assert re.search(rf"(import|from) {path.stem}\b", tests) or "__main__" not in path.read_text()


def test_uniform_sampling(tmp_path):
    """Pulled back through the conformal map, even points clump; through the area-preserving one they stay even."""
    figures = load("uniform_sampling").main(tmp_path, count=1500)
    assert figures["conformal disk"] > 0.1
    assert figures["area-preserving disk"] < 0.05 * figures["conformal disk"]
    assert figures["blue noise on the surface"] < 0.05 * figures["conformal disk"]
    assert colors_in(tmp_path / "uniform_sampling.png") > 50


def test_ball_to_shape(tmp_path):
    """The two ends of a barbell meet in the ball in a sheet, and what lies between them lay on it."""
    solid = barbell()
    write_vtu(tmp_path / "barbell.vtu", solid.vertices, solid.tetrahedra)
    figures = load("ball_to_shape").main(tmp_path, [str(tmp_path / "barbell.vtu")], tol=1e-2)["barbell"]
    assert figures["sheets"] == 1
    assert 0.5 < figures["area"] < 2.5
    assert figures["largest jump"] > 1
    assert 0.02 < figures["surface on a sheet, share"] < 0.8
    assert colors_in(tmp_path / "ball_to_shape.png") > 1000
    assert (tmp_path / "barbell_folds.ply").stat().st_size > 1000
