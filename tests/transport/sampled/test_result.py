import numpy as np
import pytest
import torch
from scipy.special import ndtr
from strips import needs_cuda

from meshot import Ball, Box, Disk, StandardNormal, UniformBox, power_diagram, solve_transport
from meshot.base.errors import ConvergenceWarning, GeometryError, OptionError


def sampled(sites, masses=None, domain=None, **options):
    return solve_transport(sites, masses, domain, method="montecarlo", **options)


def exact_error(result, domain):
    """RMS relative error of the cells' masses, by the exact diagram."""
    problem = result.problem
    masses = power_diagram(problem.sites, result.weights, domain).masses * problem.density
    return np.sqrt(((masses / problem.masses - 1) ** 2).mean())


@pytest.fixture(scope="module")
def in_the_disk():
    rng = np.random.default_rng(0)
    sites, masses = rng.normal(size=(1000, 2)) * 0.4, rng.uniform(0.5, 2, 1000)
    return sampled(sites, masses), solve_transport(sites, masses)


def test_masses_within_twice_the_floor_in_the_disk(in_the_disk):
    found, _ = in_the_disk
    error = exact_error(found, Disk())
    assert found.converged
    assert error <= 2 * np.sqrt(1000 / found.samples)
    assert abs(found.mass_error - error) <= 4 * found.mass_error_se


def test_masses_within_twice_the_floor_in_the_ball():
    rng = np.random.default_rng(1)
    found = sampled(rng.uniform(-0.5, 0.5, size=(1000, 3)))
    error = exact_error(found, Ball())
    assert error <= 2 * np.sqrt(1000 / found.samples)
    assert abs(found.mass_error - error) <= 4 * found.mass_error_se


def test_heights_cost_and_centroids_are_the_exact_ones(in_the_disk):
    found, exact = in_the_disk
    # heights answer to masses through the Hessian: a mass that is off by a share moves them by that share of a gap
    assert np.abs(found.heights - exact.heights).max() < 1e-3 * np.ptp(exact.heights)
    assert found.cost == pytest.approx(exact.cost, rel=1e-3)
    assert found.dual_cost == pytest.approx(exact.dual_cost, rel=1e-3)
    spacing = np.sqrt(np.pi / 1000)
    assert np.abs(found.centroids - exact.centroids).max() < 0.5 * spacing
    assert np.allclose(found.masses, found.problem.masses, rtol=0.3)
    assert found.masses.sum() == pytest.approx(found.problem.masses.sum())
    arcs = np.isfinite(exact.arc_midpoints[:, 0]) & np.isfinite(found.arc_midpoints[:, 0])
    assert arcs.sum() > 20
    assert np.median(np.abs(found.arc_midpoints - exact.arc_midpoints)[arcs]) < 0.05 * spacing


def test_map_and_potentials_are_those_of_the_heights(in_the_disk):
    found, _ = in_the_disk
    x = np.random.default_rng(2).uniform(-0.7, 0.7, size=(50, 2))
    scores = x @ found.problem.sites.T + found.heights
    assert np.array_equal(found.locate(x), scores.argmax(axis=1))
    assert np.allclose(found.potential(x), scores.max(axis=1))
    assert np.array_equal(found.map(x), found.problem.sites[scores.argmax(axis=1)])
    assert np.allclose(found.kantorovich(x), (x**2).sum(axis=1) / 2 - scores.max(axis=1))
    assert found.interpolate(1.0) == pytest.approx(found.problem.sites)


def test_what_needs_exact_cells_says_so(in_the_disk):
    found, _ = in_the_disk
    for ask in (lambda: found.diagram, lambda: found.mass_certificate, lambda: found.interpolate_cells(0.5)):
        with pytest.raises(OptionError, match="no exact cells"):
            ask()
    assert np.isnan(found.certificate)
    with pytest.raises(AttributeError):
        _ = found.nothing


def product_of_lines(d, axes, rng):
    """Sites, heights and masses of u(x) = sum over some axes of a convex, piecewise linear function of one variable.

    Of a standard normal source the gradient of such a function takes each value with a probability in closed form.
    """
    slopes = [np.array([-1.0, 0.2, 1.0]) + rng.uniform(-0.3, 0.3, 3) for _ in range(axes)]
    breaks = [np.array([-0.5, 0.5]) + rng.uniform(-0.3, 0.3, 2) for _ in range(axes)]
    grids = np.meshgrid(*[np.arange(3)] * axes, indexing="ij")
    which = np.stack([grid.ravel() for grid in grids], axis=1)
    sites, heights, masses = np.zeros((len(which), d)), np.zeros(len(which)), np.ones(len(which))
    for axis, (slope, border) in enumerate(zip(slopes, breaks, strict=True)):
        level = -np.concatenate([[0.0], np.cumsum(np.diff(slope) * border)])
        share = np.diff(ndtr(np.concatenate([[-np.inf], border, [np.inf]])))
        sites[:, axis], heights, masses = (
            slope[which[:, axis]],
            heights + level[which[:, axis]],
            masses * share[which[:, axis]],
        )
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return sites @ turn, heights - heights.mean(), masses


@pytest.mark.parametrize("d", [10, 64])
def test_a_known_potential_is_recovered_at_the_rate_of_monte_carlo(d):
    sites, heights, masses = product_of_lines(d, 3, np.random.default_rng(d))
    sizes, errors = np.array([1 << 11, 1 << 15]), []
    for samples in sizes:
        found = sampled(sites, masses, StandardNormal(d), samples=int(samples))
        errors.append(np.sqrt(((found.heights - heights) ** 2).mean()))
    rate = np.log(errors[0] / errors[1]) / np.log(sizes[1] / sizes[0])
    assert errors[1] < 0.02
    assert 0.35 < rate < 0.8


def test_every_mode_gets_its_mass():
    rng = np.random.default_rng(4)
    centers = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(25, 2)
    mode = np.repeat(np.arange(25), 20)
    sites = centers[mode] + 0.05 * rng.normal(size=(500, 2))
    masses = rng.uniform(0.5, 2.0, 25)[mode] / 20
    found = sampled(sites, masses, StandardNormal(2), samples=1 << 16)
    share = np.bincount(mode, masses) / masses.sum()
    x = rng.normal(size=(200_000, 2))  # samples that the solver has not seen, independent ones
    counted = np.bincount(mode[found.locate(x)], minlength=25) / len(x)
    standard_error = np.sqrt(share * (1 - share) * (1 / len(x) + 1 / 2**16))
    assert np.abs(counted - share).max() < 3.5 * standard_error.max()
    assert (np.abs(counted - share) < 3 * standard_error).sum() >= 24


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_other_optimizers_come_to_the_same_floor(optimizer):
    rng = np.random.default_rng(5)
    found = sampled(rng.uniform(-0.5, 0.5, size=(300, 2)), optimizer=optimizer, samples=1 << 15)
    assert found.converged
    assert exact_error(found, Disk()) <= np.sqrt(300 / (1 << 15))  # what so many independent samples can tell


def test_the_same_seed_gives_the_same_bits():
    rng = np.random.default_rng(6)
    sites = rng.normal(size=(200, 4))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        first = sampled(sites, samples=1 << 13)
        torch.set_num_threads(1)
        second = sampled(sites, samples=1 << 13)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(first.heights, second.heights)
    assert np.array_equal(first.masses, second.masses)
    assert not np.array_equal(first.heights, sampled(sites, samples=1 << 13, rng=1).heights)


def test_moving_and_scaling_the_target_changes_no_cell():
    rng = np.random.default_rng(7)
    sites = rng.uniform(-0.5, 0.5, size=(40, 2))
    x = rng.uniform(-0.6, 0.6, size=(2000, 2))
    cells = [sampled(y, samples=1 << 15).locate(x) for y in (sites, 100 * sites + 1000)]
    assert (cells[0] != cells[1]).mean() < 0.02


@pytest.mark.parametrize(
    ("sites", "domain"),
    [
        (np.array([[0.3, 0.2]]), None),
        (np.array([[0.0], [1.0], [5.0]]), UniformBox([0], [3])),
        (np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), None),
        (np.array([[5.0, 5.0], [6.0, 5.0], [5.0, 7.0]]), Box([0, 0], [1, 1])),
    ],
    ids=["one site", "a line", "collinear", "far away"],
)
def test_small_and_degenerate_targets(sites, domain):
    found = sampled(sites, domain=domain, samples=1 << 14)
    assert found.converged
    assert np.allclose(found.masses, found.problem.masses, rtol=0.03)


def test_duplicates_share_a_cell():
    sites = np.array([[0.0, 0.1], [0.3, 0.0], [0.0, 0.1]])
    with pytest.raises(GeometryError, match="coincide"):
        sampled(sites)
    found = sampled(sites, [1.0, 1.0, 1.0], duplicates="merge", samples=1 << 14)
    assert found.cell_of_site.tolist() == [0, 1, 0]
    assert found.problem.masses.tolist() == [2.0, 1.0]


def test_a_warm_start_needs_fewer_samples(in_the_disk):
    found, _ = in_the_disk
    problem = found.problem
    again = sampled(problem.sites, problem.masses, heights=found.heights, rng=1)
    assert again.converged
    assert again.samples < found.samples


def test_a_callback_sees_the_states_and_halts():
    seen = []

    def callback(state):
        seen.append(len(state.heights))
        if len(seen) == 2:
            raise StopIteration

    found = sampled(np.random.default_rng(8).uniform(-0.5, 0.5, size=(300, 2)), callback=callback)
    assert seen == [300, 300]
    assert not found.converged
    assert "halted" in found.reason


def test_what_does_not_go_together_is_refused():
    sites = [[0.0, 0.0], [0.5, 0.0]]
    for options in ({"tol": 1e-3}, {"max_iter": 3}, {"multilevel": False}):
        with pytest.raises(OptionError, match='for method="newton"'):
            sampled(sites, **options)
    with pytest.raises(OptionError, match='for method="montecarlo"'):
        solve_transport(sites, samples=10_000)
    with pytest.raises(OptionError, match="method must be"):
        solve_transport(sites, method="magic")
    with pytest.raises(OptionError, match="optimizer must be"):
        sampled(sites, optimizer="sgd")
    with pytest.raises(OptionError, match="at least 1024"):
        sampled(sites, samples=10)
    with pytest.raises(GeometryError, match="2 finite numbers"):
        sampled(sites, heights=[1.0])
    with pytest.raises(GeometryError, match="shape"):
        sampled([0.0, 1.0])


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("meshot.base.settings.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"meshot\[gpu\]"):
        sampled([[0.0, 0.0], [0.5, 0.0]])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there():
    with pytest.raises(OptionError, match="no CUDA device"):
        sampled([[0.0, 0.0], [0.5, 0.0]], device="cuda")


def test_an_end_before_the_floor_warns(monkeypatch):
    monkeypatch.setattr("meshot.transport.sampled.levels.MAX_STEPS", 1)
    sites = np.random.default_rng(9).normal(size=(200, 2)) ** 3
    with pytest.warns(ConvergenceWarning, match="did not converge: RMS relative error"):
        assert not sampled(sites, samples=1 << 14).converged


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize(("d", "optimizer"), [(2, "newton"), (3, "newton"), (10, "newton"), (10, "adam")])
def test_on_a_gpu(d, optimizer):
    sites = np.random.default_rng(10).uniform(-0.5, 0.5, size=(500, d))
    found = sampled(sites, device="cuda", optimizer=optimizer)
    assert found.converged
    assert np.abs(found.heights - sampled(sites, device="cpu").heights).max() < 0.02 * np.ptp(found.heights)
