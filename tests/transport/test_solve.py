from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc
from similar import SCALES, far_away

from meshot.base.errors import ConvergenceWarning, GeometryError
from meshot.diagrams.domains import Ball, Box, ConvexPolygon, Disk
from meshot.diagrams.engine import conductance_laplacian
from meshot.diagrams.power_diagram import power_diagram
from meshot.transport.newton import DampedNewton, newton_direction
from meshot.transport.problem import TransportProblem
from meshot.transport.solve import solve_transport


def disk_sites(count, seed=0):
    rng = np.random.default_rng(seed)
    angle, radius = 2 * np.pi * rng.random(count), np.sqrt(rng.random(count))
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def random_masses(count, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2.0, count)


# ---------------------------------------------------------------------------------------------------------------------
# known answers


def test_one_site_takes_everything():
    result = solve_transport([[0.5, 0.0]], [3.0])
    assert result.masses == pytest.approx([3.0])
    assert result.iterations == 0
    # mean square distance to (1/2, 0) in the unit disk: 1/2 + 1/4
    assert result.cost == pytest.approx(3 * 0.75)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.8, 0.999])
def test_two_sites_part_the_disk_along_the_chord_that_cuts_off_the_share(share):
    result = solve_transport([[1.0, 0.2], [-1.0, 0.2]], [share, 1 - share], tol=1e-12)
    chord = abs(result.diagram.facet_lengths[0])
    angle = np.arcsin(chord / 2) if share <= 0.5 else np.pi - np.arcsin(chord / 2)
    assert (angle - np.sin(2 * angle) / 2) / np.pi == pytest.approx(share, rel=1e-9, abs=1e-11)


def test_equal_masses_on_a_symmetric_grid_keep_the_symmetry():
    x = np.linspace(-0.6, 0.6, 10)
    sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    heights = solve_transport(sites, tol=1e-10).heights.reshape(10, 10)
    assert heights == pytest.approx(heights.T, abs=1e-10)
    assert heights == pytest.approx(heights[::-1], abs=1e-10)


def test_a_grid_of_equal_masses_in_its_own_box_does_not_move():
    x = (np.arange(12) + 0.5) / 12
    sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    result = solve_transport(sites, domain=Box([0, 0], [1, 1]))
    assert result.iterations == 0
    assert result.cost == pytest.approx(1 / 6 / 144)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, [0.3, -0.2]), (0.5, [0.0, 0.0]), (2.0, [3.0, 1.0])])
def test_the_cost_to_a_scaled_and_shifted_copy(scale, shift):
    """Sites that sample s x + b: W_2^2 = integral |x - (s x + b)|^2 = (1-s)^2 m/2 + m |b|^2, up to the sampling."""
    errors = []
    for level in (10, 20):
        rings = [
            (r + 0.5) / level * np.exp(2j * np.pi * (np.arange(6 * r + 3) + 0.3 * r) / (6 * r + 3))
            for r in range(level)
        ]
        z = np.concatenate(rings)
        # each ring has the mass of its annulus
        masses = np.concatenate([np.full(len(ring), (2 * r + 1) / len(ring)) for r, ring in enumerate(rings)])
        sites = scale * np.column_stack([z.real, z.imag]) + shift
        masses *= np.pi / masses.sum()
        exact = np.pi * ((1 - scale) ** 2 / 2 + np.dot(shift, shift))
        errors.append(abs(solve_transport(sites, masses).cost - exact))
    assert errors[1] < 0.35 * errors[0]
    assert errors[1] < 0.01


def test_a_convex_gradient_is_recovered():
    """T = grad of (a x^2 + b y^2)/2 on a square: sites at the images of a grid, cells are the grid's."""
    x = (np.arange(16) + 0.5) / 16
    grid = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    sites = grid * [0.3, 2.0]
    result = solve_transport(sites, domain=Box([0, 0], [1, 1]), tol=1e-11)
    assert result.centroids == pytest.approx(grid, abs=1e-9)
    points = np.random.default_rng(0).random((100, 2))
    exact = (points**2 * [0.15, 1.0]).sum(axis=1)
    potential = result.potential(points)
    assert np.ptp(potential - exact) < 2.0 * (1 / 16) ** 2


def test_a_radial_map_is_recovered_at_the_rate_of_the_spacing():
    """Density r -> the disk's own: T(x) = |x| x maps the disk to itself; its inverse sends y to y / sqrt(|y|)."""
    errors, sizes = [], [512, 2048, 8192]
    for count in sizes:
        u = qmc.Sobol(2, rng=0).random(count)
        source = np.sqrt(u[:, :1]) * np.column_stack([np.cos(2 * np.pi * u[:, 1]), np.sin(2 * np.pi * u[:, 1])])
        sites = np.linalg.norm(source, axis=1, keepdims=True) * source
        result = solve_transport(sites)
        errors.append(np.sqrt(np.mean(((result.centroids - source) ** 2).sum(axis=1))))
    rate = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert rate < -0.35


def test_the_map_sends_points_to_the_sites_of_their_cells():
    sites = disk_sites(200)
    result = solve_transport(sites, random_masses(200))
    points = disk_sites(5000, seed=1)
    owner = (points @ sites.T + result.heights).argmax(axis=1)
    assert result.map(points) == pytest.approx(sites[owner])
    assert result.potential(points) == pytest.approx((points @ sites.T + result.heights).max(axis=1))
    assert result.kantorovich(points) == pytest.approx((points**2).sum(axis=1) / 2 - result.potential(points))
    assert result.interpolate(0.0) == pytest.approx(result.centroids)
    assert result.interpolate(1.0) == pytest.approx(sites)


# ---------------------------------------------------------------------------------------------------------------------
# the solver


@pytest.mark.parametrize("tol", [1e-6, 1e-9, 1e-11])
def test_the_tolerance_is_reached(tol):
    result = solve_transport(disk_sites(2000), random_masses(2000), tol=tol)
    assert result.converged
    assert np.abs(result.masses / result.problem.masses - 1).max() <= tol
    assert result.certificate <= 1e-12


def test_convergence_is_quadratic_at_the_end():
    history = solve_transport(disk_sites(1000), random_masses(1000), tol=1e-11).history
    last = [step.error for step in history if 1e-8 < step.error < 0.1]
    assert all(step.step == 1 for step in history[-3:])
    assert all(after < 20 * before**1.7 for before, after in pairwise(last))


def test_clustered_sites_as_a_conformal_map_clusters_them():
    """Area ratios of e^12: sites contracted radially so that those in the middle are e^-6 apart."""
    sites = disk_sites(3000)
    radius = np.linalg.norm(sites, axis=1, keepdims=True)
    result = solve_transport(sites / radius * np.exp(6 * (radius - 1)))
    assert result.converged
    assert result.certificate <= 1e-12


@pytest.mark.parametrize(
    "domain", [Disk([5.0, 5.0], 2.0), Box([-1, 3], [1, 4]), ConvexPolygon([[0, 0], [3, 0], [0, 1]])]
)
def test_sites_outside_the_domain(domain):
    sites = 3 * disk_sites(300) + [40.0, -10.0]
    result = solve_transport(sites, random_masses(300), domain)
    assert result.converged
    assert result.history[0].smallest > 0


def test_very_unequal_masses():
    masses = np.exp(np.random.default_rng(0).uniform(-12, 0, 300))
    result = solve_transport(disk_sites(300), masses)
    assert result.converged


def test_the_energy_gradient_and_hessian_agree_with_differences():
    sites, eps = disk_sites(40), 1e-6
    problem = TransportProblem(sites, np.full(40, np.pi / 40), Disk())
    solver = DampedNewton()
    from meshot.diagrams.plane.diagram import PowerEngine

    engine = PowerEngine(sites, Disk())
    state = solver.start(problem, engine)
    hessian = conductance_laplacian(state.diagram, problem.density).toarray()
    assert hessian == pytest.approx(hessian.T)
    assert hessian.sum(axis=1) == pytest.approx(0, abs=1e-12)
    for k in (0, 7, 39):
        bump = eps * np.eye(40)[k]
        plus = engine.diagram(problem.power_weights(state.heights + bump)).masses
        minus = engine.diagram(problem.power_weights(state.heights - bump)).masses
        assert (plus - minus) / (2 * eps) == pytest.approx(hessian[:, k], abs=1e-6)


def test_the_newton_direction_solves_its_system():
    sites = disk_sites(500)
    problem = TransportProblem(sites, random_masses(500), Disk())
    from meshot.diagrams.plane.diagram import PowerEngine

    state = DampedNewton().start(problem, PowerEngine(sites, Disk()))
    missing = problem.masses - state.diagram.masses * problem.density
    direction = newton_direction(problem, state.diagram, missing)
    assert conductance_laplacian(state.diagram, problem.density) @ direction == pytest.approx(missing, abs=1e-10)
    assert direction.mean() == pytest.approx(0, abs=1e-12)


def test_a_warm_start_needs_no_step():
    sites = disk_sites(300)
    first = solve_transport(sites, random_masses(300))
    again = solve_transport(sites, random_masses(300), heights=first.heights)
    assert again.iterations == 0


def test_the_callback_sees_each_state_and_can_halt():
    seen = []

    def watch(state):
        seen.append(state.error)
        if len(seen) == 2:
            raise StopIteration

    result = solve_transport(disk_sites(300), random_masses(300), callback=watch, tol=1e-12)
    assert len(seen) == 2
    assert not result.converged
    assert "callback" in result.reason


def test_stopping_early_warns():
    with pytest.warns(ConvergenceWarning, match="stopped after 1 step"):
        result = solve_transport(disk_sites(300), random_masses(300), max_iter=1)
    assert not result.converged


def test_the_source_is_scaled_to_the_total_mass():
    sites, masses = disk_sites(100), random_masses(100)
    one, many = solve_transport(sites, masses), solve_transport(sites, 1e6 * masses)
    assert many.heights == pytest.approx(one.heights, abs=1e-9)
    assert many.masses.sum() == pytest.approx(1e6 * masses.sum())


# ---------------------------------------------------------------------------------------------------------------------
# properties


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 80), st.integers(0, 2**31))
def test_permuted_sites_have_permuted_heights(count, seed):
    sites, masses = disk_sites(count, seed), random_masses(count, seed)
    order = np.random.default_rng(seed).permutation(count)
    plain, permuted = solve_transport(sites, masses, tol=1e-9), solve_transport(sites[order], masses[order], tol=1e-9)
    assert permuted.heights == pytest.approx(plain.heights[order], abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 80), st.integers(0, 2**31), st.floats(0, 6))
def test_rotated_sites_have_the_same_heights(count, seed, angle):
    sites, masses = disk_sites(count, seed), random_masses(count, seed)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    plain, turned = solve_transport(sites, masses, tol=1e-9), solve_transport(sites @ turn, masses, tol=1e-9)
    assert turned.heights == pytest.approx(plain.heights, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 80), st.integers(0, 2**31), st.floats(0.01, 100), st.floats(-10, 10))
def test_moving_and_scaling_the_target_leaves_the_cells(count, seed, scale, shift):
    sites, masses = disk_sites(count, seed), random_masses(count, seed)
    plain = solve_transport(sites, masses, tol=1e-10)
    # sites 1000 times their spacing away from the domain leave errors of some 1e-9 to rounding
    moved = solve_transport(scale * sites + shift, masses, tol=1e-8)
    assert moved.centroids == pytest.approx(plain.centroids, abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------------
# refusals


@pytest.mark.parametrize(
    ("sites", "masses", "cause"),
    [
        ([[0, 0], [1, 0]], [1.0, -1.0], "mass that is not positive"),
        ([[0, 0], [1, 0]], [1.0, 0.0], "mass that is not positive"),
        ([[0, 0], [1, 0]], [1.0, np.nan], "mass that is not positive"),
        ([[0, 0], [1, 0]], [1.0], "masses must have shape"),
        ([[0, 0], [0, 0]], [1.0, 1.0], "coincide"),
        ([[0, 0], [np.inf, 0]], [1.0, 1.0], "not finite"),
        (np.empty((0, 2)), None, "shape"),
        ([[0.0, 0, 0, 0]], None, "shape"),
    ],
)
def test_bad_input_is_refused(sites, masses, cause):
    with pytest.raises(GeometryError, match=cause):
        solve_transport(sites, masses)


def test_heights_with_empty_cells_are_refused():
    with pytest.raises(GeometryError, match="empty") as caught:
        solve_transport([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]], heights=[0.0, 0.0, -9.0])
    assert caught.value.ids == (2,)


def test_input_is_not_changed():
    sites, masses = disk_sites(50), random_masses(50)
    copies = sites.copy(), masses.copy()
    solve_transport(sites, masses)
    assert (sites == copies[0]).all()
    assert (masses == copies[1]).all()


def test_the_weights_give_the_same_cells_again():
    rng = np.random.default_rng(4)
    sites = rng.random((500, 2))
    sites[250:] = sites[:250] + 1e-7 * rng.standard_normal((250, 2))  # pairs so close that each digit counts
    result = solve_transport(sites, domain=Box([-1, -2], [3, 1]))
    again = power_diagram(sites, result.weights, result.problem.domain)
    # A bisector of such a pair is exact to the rounding of the weights over the distance of the two.
    assert again.masses == pytest.approx(result.diagram.masses, rel=1e-7)
    assert (again.weights == result.diagram.weights).all()
    assert result.weights - 2 * result.heights - (sites**2).sum(axis=1) == pytest.approx(
        np.full(500, result.weights[0] - 2 * result.heights[0] - (sites[0] ** 2).sum()), abs=1e-14
    )


# ---------------------------------------------------------------------------------------------------------------------
# units and places


@pytest.mark.parametrize("domain", [Disk(), Box([-1, -2], [3, 1]), Ball()], ids=["disk", "box", "ball"])
@pytest.mark.parametrize("scale", SCALES)
def test_the_unit_of_the_sites_does_not_matter(domain, scale):
    sites = np.random.default_rng(1).normal(size=(60, domain.dimension))
    result = solve_transport(sites, domain=domain, tol=1e-11)
    other = solve_transport(scale * sites, domain=domain, tol=1e-11)
    assert other.centroids == pytest.approx(result.centroids, abs=1e-9)
    assert other.heights / scale == pytest.approx(result.heights, abs=1e-9)
    points = domain.center + 0.3 * np.random.default_rng(2).normal(size=(50, domain.dimension))
    assert (other.locate(points) == result.locate(points)).all()
    assert other.certificate < 1e-12


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("with_domain", [False, True])
def test_sites_far_away_lose_what_their_rounding_costs_and_nothing_else(dimension, with_domain):
    far, rounded = far_away(np.random.default_rng(3).normal(size=(60, dimension)))
    step = (far - rounded)[0]
    make = Disk if dimension == 2 else Ball
    result = solve_transport(rounded, domain=make(np.zeros(dimension), 1.0), tol=1e-11)
    place = step if with_domain else np.zeros(dimension)
    other = solve_transport(far, domain=make(place, 1.0), tol=1e-11)
    assert other.converged
    assert other.centroids - place == pytest.approx(result.centroids, abs=1e-9)
    assert other.certificate < 1e-12
    if with_domain:
        assert other.cost == pytest.approx(result.cost, rel=1e-9)


def test_given_heights_of_far_sites_are_where_it_starts():
    sites = 1e7 + np.random.default_rng(4).normal(size=(40, 2))
    first = solve_transport(sites)
    assert solve_transport(sites, heights=first.heights).iterations == 0
    assert first.dual_cost == pytest.approx(first.cost, rel=1e-9)


@pytest.mark.parametrize("size", [1e51, 1e200])
def test_sites_too_far_away_to_compute_with_are_named(size):
    with pytest.raises(GeometryError, match="rescale") as caught:
        solve_transport([[0.0, 0.0], [0.0, size]])
    assert caught.value.ids == (1,)
