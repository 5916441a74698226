import json

from common import Mixture, parser, run, spread

import numpy as np
import pytest

TWO = Mixture(np.array([[0.0, 0.0], [10.0, 0.0]]), 1.0)


def test_scores_of_known_points():
    # three near the first mean, one near the second, one on its side and far from both
    points = np.array([[0.0, 0.0], [0.0, 2.9], [-1.0, 0.0], [10.0, 1.0], [6.0, 0.0]])
    score = TWO.score(points)
    assert score["modes"] == 2
    assert score["high_quality_percent"] == pytest.approx(80)
    assert score["reverse_kl"] == pytest.approx(0.6 * np.log(1.2) + 0.4 * np.log(0.8))
    assert TWO.score(points[:3]) == {"modes": 1, "high_quality_percent": 100, "reverse_kl": np.log(2)}


def test_true_samples_have_the_share_of_high_quality_that_they_should():
    points, mode = TWO.draw(20_000, np.random.default_rng(0))
    score = TWO.score(points)
    assert score["high_quality_percent"] == pytest.approx(100 * (1 - np.exp(-4.5)), abs=0.3)
    assert score["reverse_kl"] < 1e-3
    assert np.allclose(points[mode == 1].mean(axis=0), [10, 0], atol=0.05)
    assert np.bincount(TWO.draw(101, np.random.default_rng(0), evenly=True)[1]).tolist() == [51, 50]


def test_spread_over_runs():
    assert spread([{"a": 1.0}, {"a": 3.0}]) == {"a": {"mean": 2.0, "sd": np.sqrt(2)}}
    assert spread([{"a": 1.0}]) == {"a": {"mean": 1.0, "sd": 0.0}}


def test_the_command_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["example", "--seed", "3", "-o", str(tmp_path)])
    run(lambda out, seed: {"seed": seed, "there": out == tmp_path}, parser("Words.\n\nMore."))
    assert json.loads(capsys.readouterr().out) == {"seed": 3, "there": True}
