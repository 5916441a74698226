"""Densities that vanish in places, where cells have no mass at first."""

import numpy as np
import pytest

from meshot.base.errors import GeometryError
from meshot.diagrams.density.densities import GridDensity
from meshot.diagrams.density.source import DensitySource
from meshot.diagrams.domains import Box
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.transport.initial_weights import fade_out, give_all_mass
from meshot.transport.newton import first_state
from meshot.transport.problem import TransportProblem
from meshot.transport.solve import solve_transport

SQUARE = Box([-1, -1], [1, 1])


def picture(function, size=100):
    x = (np.arange(size) + 0.5) * 2 / size - 1
    return GridDensity(function(*np.meshgrid(x, x)).astype(float), [-1, -1], [1, 1])


@pytest.mark.parametrize("count", [30, 2500])
@pytest.mark.parametrize(
    "function",
    [lambda x, y: np.abs(np.hypot(x, y) - 0.65) < 0.15, lambda x, y: (x > 0) & (y > 0)],
    ids=["ring", "corner"],
)
def test_all_mass_comes_from_where_the_density_is(function, count):
    density = picture(function)
    result = solve_transport(np.random.default_rng(0).uniform(-1, 1, (count, 2)), density=density)
    assert result.converged
    assert result.mass_certificate < 1e-12
    assert result.masses == pytest.approx(np.full(count, result.masses.sum() / count), rel=1e-6)
    assert result.diagram.areas.sum() == pytest.approx(4)
    assert result.dual_cost == pytest.approx(result.cost, rel=1e-6)


def test_parts_without_connection():
    """Each of two symmetric bars feeds its half of a grid, and nothing fixes the potentials' difference."""
    x = np.linspace(-0.9, 0.9, 10)
    sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    result = solve_transport(sites, density=picture(lambda x, y: np.abs(np.abs(x) - 0.6) < 0.2))
    assert result.converged
    assert (np.sign(result.centroids[:, 0]) == np.sign(sites[:, 0])).all()


@pytest.mark.parametrize(("count", "share"), [(50, 0.5), (50, 0.95), (2500, 0.8)])
def test_clusters_that_fit_the_parts_of_the_density_badly(count, share):
    """Mass has to be moved over an empty gap, where Newton's method alone is stuck."""
    rng = np.random.default_rng(1)
    left = rng.random(count) < share
    sites = np.where(left[:, None], [-1.0, 0.0], [1.0, 0.3]) + 0.1 * rng.normal(size=(count, 2))
    result = solve_transport(sites, density=GridDensity([[1.0, 0.0, 0.0, 0.0, 1.0]], [-1, -1], [1, 1]))
    assert result.converged
    assert result.mass_certificate < 1e-12
    assert result.masses == pytest.approx(np.full(count, 1.6 / count), rel=1e-6)
    assert (np.abs(result.centroids[:, 0]) > 0.5).mean() > 0.95


def test_fading_yields_only_what_is_better():
    """Two sites, each with its bar: the start is exact already."""
    source = DensitySource(picture(lambda x, y: np.abs(np.abs(x) - 0.6) < 0.2), SQUARE)
    sites = np.array([[-0.5, 0.0], [0.5, 0.0]])
    problem = TransportProblem(sites, np.array([1.0, 1.0]), SQUARE, source)
    engine = PowerEngine(sites, SQUARE, source)
    state = first_state(problem, engine.diagram(np.zeros(2)))
    assert state.error < 1e-12
    assert list(fade_out(problem, engine, state, 1e-6)) == []


def test_a_start_with_mass_everywhere_is_kept():
    source = DensitySource(picture(lambda x, y: 1 + (x > 0)), SQUARE)
    sites = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    engine = PowerEngine(sites, SQUARE, source)
    diagram = engine.diagram(np.zeros(20))
    assert give_all_mass(TransportProblem(sites, np.ones(20), SQUARE, source), engine, diagram) is diagram


def test_blending_keeps_the_mass():
    source = DensitySource(picture(lambda x, y: x > 0.5), SQUARE)
    blended = source.blended(0.25)
    assert blended.mass == pytest.approx(source.mass)
    assert blended.density([[-0.5, 0.0], [0.8, 0.0]]) == pytest.approx([0.25 / 4, 0.75 + 0.25 / 4])


def test_cells_without_area_are_named():
    source = DensitySource(picture(lambda x, y: x > 0.5), SQUARE)
    sites = np.array([[-0.5, 0.0], [0.5, 0.0], [0.6, 0.0]])
    engine = PowerEngine(sites, SQUARE, source)
    with pytest.raises(GeometryError, match="no mass at the start") as caught:
        give_all_mass(TransportProblem(sites, np.ones(3), SQUARE, source), engine, engine.diagram([0.0, 0.0, -9.0]))
    assert caught.value.ids == (0, 2)


def test_heights_without_mass_are_refused():
    density = picture(lambda x, y: x > 0.5)
    with pytest.raises(GeometryError, match="empty at the start") as caught:
        solve_transport([[-0.5, 0.0], [0.5, 0.0]], density=density, heights=[-0.125, -0.125])
    assert caught.value.ids == (0,)
