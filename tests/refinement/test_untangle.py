import numpy as np
import pytest
from handmade import ball_system

from meshot.base.errors import ConvergenceWarning
from meshot.refinement import untangle as module
from meshot.refinement.untangle import untangle


def test_a_map_without_flips_is_returned_as_it_is():
    system, points = ball_system(2)
    assert np.array_equal(untangle(system, points[:-1]), points[:-1])


@pytest.mark.parametrize("rings", [(1, 2, 4, 8, 1000), ()], ids=["round by round", "by rule"])
@pytest.mark.parametrize("seed", range(3))
def test_scrambled_vertices_are_unfolded_and_the_rest_stays(seed, rings, monkeypatch):
    monkeypatch.setattr(module, "RINGS", rings)
    monkeypatch.setattr(module, "WIDE", 1)
    system, points = ball_system(2)
    rng = np.random.default_rng(seed)
    scrambled, chosen = points[:-1].copy(), rng.choice(len(points) - 1, 5, replace=False)
    scrambled[chosen] += 0.4 * rng.normal(size=(5, 3))
    rim = system.on_sphere
    scrambled[rim] /= np.linalg.norm(scrambled[rim], axis=1, keepdims=True)
    center = np.zeros((1, 3))
    assert (system.measures(np.vstack([scrambled, center])) <= 0).any()
    given = scrambled.copy()
    unfolded = untangle(system, scrambled)
    assert np.array_equal(given, scrambled)
    assert (system.measures(np.vstack([unfolded, center])) > 0).all()
    assert np.abs(np.linalg.norm(unfolded[rim], axis=1) - 1).max() < 1e-15
    assert (unfolded == scrambled).all(axis=1).any()


def test_a_turned_ball_stays_folded_and_names_tetrahedra(monkeypatch):
    system, points = ball_system(1)
    for name in ("ROUNDS", "ITERATIONS", "LONG"):
        monkeypatch.setattr(module, name, 1)
    turned = points[:-1] * np.array([1, 1, -1])
    with pytest.warns(ConvergenceWarning, match="stays folded at tetrahedra with ids 0"):
        best = untangle(system, turned)
    assert best.shape == turned.shape
    np.testing.assert_allclose(np.linalg.norm(best[system.on_sphere], axis=1), 1)


def test_the_energy_s_gradient_is_its_derivative():
    system, points = ball_system(1)
    rng = np.random.default_rng(0)
    points = points + 0.1 * rng.normal(size=points.shape)
    inverses = module._references(system, points, module._units(system, points), np.arange(len(system.elements)))
    step = rng.normal(size=points.shape)
    values = [module._energy(points + t * step, system.elements, inverses, 0.3)[0] for t in (1e-6, -1e-6)]
    gradient = module._energy(points, system.elements, inverses, 0.3)[1]
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(np.sum(gradient * step), rel=1e-5)
