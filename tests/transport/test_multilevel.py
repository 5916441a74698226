import numpy as np
import pytest

from meshot.algebra.multigrid import GroupMultigrid
from meshot.diagrams.domains import Box, Disk
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.transport.multilevel import COARSEST, coarsen, grouped, multilevel_start, prolong, smooth
from meshot.transport.newton import newton_direction
from meshot.transport.problem import TransportProblem
from meshot.transport.solve import MULTILEVEL_FROM, solve_transport

SQUARE = Box([0, 0], [1, 1])


def gaussian_sites(count, seed=0):
    """Sites that crowd in the middle of the unit square."""
    sites = np.random.default_rng(seed).normal(0.5, 0.1, (2 * count, 2))
    return sites[SQUARE.contains(sites)][:count]


def engine_of(problem):
    return PowerEngine(problem.sites, problem.domain)


def quadratic(x):
    return 0.7 * x[:, 0] ** 2 - 0.4 * x[:, 0] * x[:, 1] + 0.9 * x[:, 1] ** 2 + 0.3 * x[:, 0] - x[:, 1] + 2


def test_coarsening_keeps_mass_and_its_center():
    sites, masses = gaussian_sites(1001), np.random.default_rng(1).uniform(0.1, 5, 1001)
    problem = TransportProblem(sites, masses, SQUARE)
    engine = engine_of(problem)
    starts = grouped(engine.local)
    coarse = coarsen(problem, engine.order, starts)
    assert 1001 / 4 <= len(starts) == len(coarse.masses) <= 1001 / 3
    assert coarse.masses.sum() == pytest.approx(masses.sum())
    assert coarse.masses @ coarse.sites == pytest.approx(masses @ sites)


def test_no_group_reaches_over_a_gap():
    """A thin ring: the Hilbert order leaves it and comes back elsewhere."""
    angles = 2 * np.pi * np.arange(4000) / 4000
    ring = np.concatenate([radius * np.column_stack([np.cos(angles), np.sin(angles)]) for radius in (0.99, 0.9915)])
    problem = TransportProblem(ring, np.ones(8000), Disk())
    engine = engine_of(problem)
    starts = grouped(engine.local)
    coarse = coarsen(problem, engine.order, starts)
    parents = np.repeat(np.arange(len(starts)), np.diff(starts, append=8000))
    assert np.linalg.norm(engine.local - coarse.sites[parents], axis=1).max() < 5 * 0.0016
    assert np.bincount(parents).max() == 4
    assert len(starts) < 1.2 * 2000


@pytest.mark.uncompiled
def test_an_affine_map_is_prolonged_exactly():
    """Weights that shrink the domain to its cells: centroids are an affine function of the sites of a grid."""
    x = (np.arange(24) + 0.5) / 24
    grid = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    stretch = np.array([0.5, 2.0])
    # u*(y) of the map x -> stretch * x, about the domain's center, has the gradient y / stretch
    coarse = TransportProblem(SQUARE.center + (grid - SQUARE.center) * stretch, np.full(576, 1 / 576), SQUARE)
    local = coarse.sites - SQUARE.center
    dual = (local**2 / stretch).sum(axis=1) / 2
    diagram = engine_of(coarse).diagram((local**2).sum(axis=1) - 2 * dual)
    assert diagram.centroids == pytest.approx(grid, abs=1e-12)
    fine = (np.random.default_rng(0).random((4 * 576, 2)) - 0.5) * stretch
    exact = (fine**2 / stretch).sum(axis=1) / 2
    assert prolong(coarse, diagram, fine, np.arange(4 * 576) // 4) == pytest.approx(exact, abs=1e-8)


@pytest.mark.uncompiled
@pytest.mark.parametrize("sites", [np.random.default_rng(0).random((500, 2)), gaussian_sites(800)])
def test_smoothing_keeps_quadratics(sites):
    engine = PowerEngine(sites, SQUARE)
    near = engine.diagram(np.zeros(len(sites))).edges.neighbors
    values = quadratic(engine.local)
    assert smooth(engine.local, values, *near) == pytest.approx(values, abs=1e-9)


def test_smoothing_takes_noise():
    sites = np.random.default_rng(0).random((2000, 2))
    engine = PowerEngine(sites, SQUARE)
    near = engine.diagram(np.zeros(2000)).edges.neighbors
    exact, noise = quadratic(engine.local), 1e-3 * np.random.default_rng(1).standard_normal(2000)
    left = smooth(engine.local, exact + noise, *near) - exact
    assert left.std() < 0.8 * noise.std()


def test_smoothing_of_few_or_collinear_sites():
    line = np.column_stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.5)])
    engine = PowerEngine(line, SQUARE)
    near = engine.diagram(np.zeros(9)).edges.neighbors
    values = quadratic(engine.local)
    assert smooth(engine.local, values, *near) == pytest.approx(values, abs=1e-7)
    one = smooth(np.zeros((1, 2)), np.array([3.0]), np.array([0, 0]), np.empty(0, dtype=np.int64))
    assert one == pytest.approx([3.0])


@pytest.mark.parametrize("domain", [SQUARE, Disk([0.5, 0.5], 2.0), Box([5, 5], [6, 7])], ids=["in", "wide", "outside"])
def test_every_cell_of_the_start_has_mass_and_is_nearer_than_without(domain):
    sites = gaussian_sites(10 * COARSEST)
    problem = TransportProblem(sites, np.ones(len(sites)), domain)
    engine = engine_of(problem)
    plain = engine.diagram(problem.power_weights(problem.first_heights()))
    start = multilevel_start(problem, engine)
    assert (start.masses > 0).all()
    wanted = domain.area / len(sites)
    assert np.abs(start.masses - wanted).mean() < 0.5 * np.abs(plain.masses - wanted).mean()


@pytest.mark.parametrize("unequal", [False, True])
def test_multilevel_and_plain_end_at_the_same_heights(unequal):
    sites = gaussian_sites(2 * MULTILEVEL_FROM)
    masses = np.exp(np.random.default_rng(2).uniform(-4, 0, len(sites))) if unequal else np.ones(len(sites))
    plain = solve_transport(sites, masses, SQUARE, multilevel=False, tol=1e-9)
    coarse_first = solve_transport(sites, masses, SQUARE, tol=1e-9)
    assert coarse_first.converged
    assert coarse_first.heights == pytest.approx(plain.heights, abs=1e-9)
    assert coarse_first.iterations < plain.iterations
    assert coarse_first.history[0].error < plain.history[0].error


def test_the_start_is_the_same_each_time():
    sites = gaussian_sites(2 * MULTILEVEL_FROM)
    once, again = solve_transport(sites, domain=SQUARE), solve_transport(sites, domain=SQUARE)
    assert (once.heights == again.heights).all()


def test_the_callback_sees_the_finest_level_alone():
    sites, counts = gaussian_sites(2 * MULTILEVEL_FROM), []
    solve_transport(sites, domain=SQUARE, callback=lambda state: counts.append(len(state.heights)))
    assert set(counts) == {len(sites)}


def test_given_heights_are_where_it_starts():
    sites = gaussian_sites(2 * MULTILEVEL_FROM)
    first = solve_transport(sites, domain=SQUARE)
    assert solve_transport(sites, domain=SQUARE, heights=first.heights).iterations == 0


@pytest.mark.parametrize("count", [1, 2, *(pytest.param(n, marks=pytest.mark.fast) for n in (300, 301)), 5000])
def test_multigrid_reaches_its_tolerance(count):
    problem = TransportProblem(np.random.default_rng(0).random((count + 1, 2)), np.ones(count + 1), SQUARE)
    engine = engine_of(problem)
    matrix = engine.diagram(np.zeros(count + 1)).laplacian(problem.density, count)[1]
    rhs = np.random.default_rng(1).standard_normal(count)
    solution = GroupMultigrid(matrix).solve(rhs, 1e-8, 200)
    assert np.linalg.norm(matrix @ solution - rhs) <= 1.1e-8 * np.linalg.norm(rhs)


def test_multigrid_says_when_it_does_not_get_there():
    problem = TransportProblem(np.random.default_rng(0).random((1000, 2)), np.ones(1000), SQUARE)
    engine = engine_of(problem)
    matrix = engine.diagram(np.zeros(1000)).laplacian(problem.density, 999)[1]
    assert GroupMultigrid(matrix).solve(np.arange(999.0), 1e-8, 1) is None


def test_both_ways_to_the_newton_direction_agree(monkeypatch):
    problem = TransportProblem(np.random.default_rng(0).random((1000, 2)), np.ones(1000), SQUARE)
    engine = engine_of(problem)
    diagram = engine.diagram(np.zeros(1000))
    missing = problem.masses - diagram.masses * problem.density
    direct = newton_direction(problem, diagram, missing)
    monkeypatch.setattr("meshot.transport.newton.MULTIGRID_FROM", 10)
    by_multigrid = newton_direction(problem, diagram, missing, 1e-11)
    assert by_multigrid == pytest.approx(direct, abs=1e-9 * np.abs(direct).max())
