"""Transport on the sphere: masses met, a map known in closed form, what has no solution."""

import numpy as np
import pytest
from shapes import icosphere, octahedron, rotation, scattered

from meshot.base.errors import ConvergenceWarning, GeometryError
from meshot.transport.sphere import solve_sphere_transport


def stretched(points: np.ndarray, factor: float) -> np.ndarray:
    """Crowd points toward the north pole: heights z go to tanh(atanh z + factor), the Moebius maps of the axis."""
    z = np.tanh(np.arctanh(np.clip(points[:, 2], -1, 1)) + factor)
    radius = np.sqrt((1 - z**2) / np.maximum(1 - points[:, 2] ** 2, 1e-300))
    return np.column_stack([radius * points[:, 0], radius * points[:, 1], z])


def test_masses_are_met_and_tile_the_sphere():
    sites, masses = scattered(500), np.random.default_rng(1).uniform(0.5, 1.5, 500)
    result = solve_sphere_transport(sites, masses, tol=1e-9)
    assert result.converged
    assert result.max_relative_error <= 1e-9
    np.testing.assert_allclose(result.masses, masses, rtol=1e-9)
    assert result.certificate <= 1e-12
    assert abs(result.heights.mean()) < 1e-14


def test_equal_masses_at_regular_sites_take_no_step():
    result = solve_sphere_transport(octahedron().vertices)
    assert result.iterations == 0
    np.testing.assert_allclose(result.masses, 4 * np.pi / 6)


def test_rotation_and_unit_of_mass_do_not_matter():
    sites, masses = scattered(300), np.random.default_rng(1).uniform(0.5, 1.5, 300)
    turn = rotation(3)
    plain, turned = solve_sphere_transport(sites, masses), solve_sphere_transport(sites @ turn.T, 5 * masses)
    np.testing.assert_allclose(turned.heights, plain.heights, atol=1e-8)
    np.testing.assert_allclose(turned.centroids, plain.centroids @ turn.T, atol=1e-8)


def stretch_heights(points: np.ndarray, factor: float) -> np.ndarray:
    """Return the heights of the optimal map that undoes `stretched`: the integral of tan(b - a) over b.

    The hull's radial function e^h at colatitude b has its normal at colatitude a, and h' = tan(b - a).
    """
    place = np.linspace(0, np.pi, 200_001)
    slope = np.tan(place - 2 * np.arctan(np.exp(factor) * np.tan(place / 2)))
    integral = np.append(0, np.cumsum((slope[1:] + slope[:-1]) / 2) * (place[1] - place[0]))
    return np.interp(np.arccos(points[:, 2]), place, integral)


def test_a_stretch_along_the_axis_is_undone():
    """Monotone along the meridians, the inverse stretch is the optimal map; potentials agree to second order."""
    errors, offsets = [], []
    for subdivisions in (2, 3, 4):
        ball = icosphere(subdivisions)
        # No vertex at a pole, where the stretch's formula divides by zero.
        points = ball.vertices @ rotation(5).T
        result = solve_sphere_transport(stretched(points, 0.7), ball.vertex_areas)
        exact = stretch_heights(result.problem.sites, 0.7)
        error = result.heights - exact
        errors.append((error - error.mean()).std())
        offsets.append(np.sqrt(np.mean((result.centroids - points) ** 2)))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, 2, atol=0.1)
    assert offsets[-1] < 1e-3


def test_crowded_sites_converge():
    """Half of the sites within a few degrees of one pole, half of the other."""
    ball = icosphere(3)
    points = ball.vertices @ rotation(5).T
    height = points[:, 2:]
    crowded = np.concatenate([0.05 * points[:, :2], height + np.sign(height)], axis=1)
    result = solve_sphere_transport(crowded, ball.vertex_areas)
    assert result.converged
    assert result.certificate <= 1e-12


def test_what_has_no_solution_is_told():
    """Most of the mass in a small cap would have to come from beyond a right angle."""
    crowd = np.array([0, 0, 1.0]) + 0.01 * scattered(50)
    sites = np.concatenate([octahedron().vertices[:4], [[0, 0, -1.0]], crowd])
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        result = solve_sphere_transport(sites, [0.01] * 5 + [1.0] * 50, max_iter=8)
    assert not result.converged


def test_a_callback_hears_of_every_step_and_halts():
    seen = []

    def listen(state):
        seen.append(state.error)
        if len(seen) == 2:
            raise StopIteration

    sites, masses = scattered(100), np.random.default_rng(1).uniform(0.5, 1.5, 100)
    result = solve_sphere_transport(sites, masses, callback=listen)
    assert seen == [step.error for step in result.history]
    assert not result.converged
    assert "halted" in result.reason


def test_inputs_are_kept_and_faults_refused():
    sites, masses = 2 * octahedron().vertices, np.ones(6)
    before = sites.copy()
    solve_sphere_transport(sites, masses)
    np.testing.assert_array_equal(sites, before)
    with pytest.raises(GeometryError, match="mass"):
        solve_sphere_transport(sites, [1, 1, 1, 1, 1, 0])
    with pytest.raises(ValueError, match="tol must be positive"):
        solve_sphere_transport(sites, tol=0)
