"""Maps in the plane against the exact assignment."""

import numpy as np
import pytest
import w2gan
from outcomes import kept
from planes import PAIRS


def test_assignment_of_a_translation():
    """Translates are assigned to where they come from, in any order; their map has no error and the least cost."""
    rng = np.random.default_rng(0)
    points = rng.random((60, 2))
    moved = points + np.array([3.0, 4.0])
    judged = w2gan.assign(points, rng.permutation(moved))
    assert judged.cost == pytest.approx(25)
    assert np.array_equal(judged.partners, moved)
    numbers = w2gan.judge(points, judged, moved)
    assert numbers["map_error"] == pytest.approx(25)
    assert numbers["cost_over_optimum"] == 0
    assert numbers["distance_to_target"] == pytest.approx(25)
    assert w2gan.judge(moved, judged, moved) == {"map_error": 0, "cost_over_optimum": 1, "distance_to_target": 0}


@pytest.mark.parametrize(("name", "middle"), [("4 Gaussians", 0), ("checkerboard", 0), ("two spirals", 0.05)])
def test_pairs_are_symmetric(name, middle):
    """Source and target of a pair have their means on both sides of a middle, that of the noise of the spirals."""
    rng = np.random.default_rng(1)
    clouds = [sampler(8000, rng) for sampler in PAIRS[name]]
    assert all(cloud.shape == (8000, 2) for cloud in clouds)
    assert np.allclose(sum(cloud.mean(axis=0) for cloud in clouds) / 2, middle, atol=0.04)


def test_gaussians_have_equal_shares():
    rng = np.random.default_rng(2)
    assert [np.mean((sampler(4000, rng) > 0).all(axis=1)) for sampler in PAIRS["4 Gaussians"]] == [0.25, 0.25]


def test_all_maps_of_one_pair(tmp_path, monkeypatch):
    monkeypatch.setattr(w2gan, "PAIRS", {"4 Gaussians": PAIRS["4 Gaussians"]})
    for name, small in {"JUDGED": 200, "SITES": 300, "COUNTED": 100_000, "PIXELS": 32}.items():
        monkeypatch.setattr(w2gan, name, small)
    for name in ("W2GAN", "WGAN_GP"):
        monkeypatch.setattr(w2gan, name, getattr(w2gan, name)._replace(first_steps=5, map_widths=(16,)))
    numbers = w2gan.main(tmp_path, steps=1)
    found = numbers["4 Gaussians"]
    assert found["optimal_cost"] == pytest.approx(1, rel=0.05)
    assert found["exact assignment"]["map_error"] == 0
    assert 0 < found["other samples"]["map_error"] < 0.02
    assert found["meshot"]["map_error"] < 0.02
    assert found["meshot"]["cost_over_optimum"] == pytest.approx(1, rel=0.05)
    # after one step the networks' maps are still near the identity
    assert found["W2GAN"]["cost_over_optimum"] < 0.1 > found["WGAN-GP"]["cost_over_optimum"]
    assert kept(tmp_path, "w2gan") == numbers
