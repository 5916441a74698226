"""The generative examples at a small size: each is run, and its numbers asserted."""

import json
from pathlib import Path

import pytest
from test_examples import EXAMPLES, colors_in, load

FOLDER = EXAMPLES / "generative"


@pytest.fixture(autouse=True)
def beside_each_other(monkeypatch):
    """The examples import what they share from their own folder."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(FOLDER)


def kept(folder, name, numbers):
    assert json.loads((folder / f"{name}.json").read_text()) == numbers
    assert colors_in(folder / f"{name}.png") > 50


def test_mode_grid(tmp_path):
    """No mode is lost and none mixed; networks that have hardly been trained miss nearly all."""
    numbers = load("generative/mode_grid").main(tmp_path, seeds=2, trained=1, steps=20)
    for mixture, modes in (("grid of 25", 25), ("ring of 8", 8)):
        transport = numbers[mixture]["transport"]
        assert transport["modes"] == {"mean": modes, "sd": 0}
        assert transport["high_quality_percent"]["mean"] >= 99.5
        assert transport["reverse_kl"]["mean"] <= 0.01
        assert transport["near_a_tear_percent"]["mean"] < 3
        mixing = numbers[mixture]["transport, nothing dropped"]
        assert mixing["high_quality_percent"]["mean"] < transport["high_quality_percent"]["mean"]
        assert numbers[mixture]["GAN"]["high_quality_percent"]["mean"] < 10
    kept(tmp_path, "mode_grid", numbers)


def test_gaussian_mixture(tmp_path):
    """A continuous generator bridges the gap, transport is torn there."""
    numbers = load("generative/gaussian_mixture").main(tmp_path, seeds=1, steps=250)
    assert numbers["transport"]["between_percent"]["mean"] == 0
    assert numbers["transport"]["high_quality_percent"]["mean"] > 99.5
    assert numbers["WGAN"]["between_percent"]["mean"] > 10
    kept(tmp_path, "gaussian_mixture", numbers)


def test_geometric_generator(tmp_path):
    """Decoded by the conformal chart alone points clump; with transport their counts are those of areas."""
    numbers = load("generative/geometric_generator").main(tmp_path, mesh="dumbbell", seeds=3, count=2000)
    assert numbers["conformal"]["chi_square_over_freedom"]["mean"] > 5
    assert numbers["conformal and transport"]["chi_square_over_freedom"]["mean"] < 1.4
    assert numbers["conformal and transport"]["p_value"]["mean"] > 0.02
    kept(tmp_path, "geometric_generator", numbers)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_generative_example_has_a_test(path):
    module = load(f"generative/{path.stem}")
    assert module.__doc__
    assert hasattr(module, "main") == (f"def test_{path.stem}(" in Path(__file__).read_text())
