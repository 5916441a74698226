import numpy as np
from shapes import ball_solid

from meshot import solve_transport
from meshot.diagrams.domains import Ball
from meshot.refinement.placement import cell_positions, smoothly_displaced


def test_no_displacement_and_a_common_one_stay():
    ball = ball_solid(1)
    rim = ball.boundary_vertices
    assert np.allclose(smoothly_displaced(ball.vertices, ball.vertices.copy(), ball.edges, rim), ball.vertices)
    none = np.zeros(0, dtype=np.int64)
    shift = np.array([1.0, 2.0, 3.0])
    moved = smoothly_displaced(ball.vertices, ball.vertices + shift, ball.edges, none)
    assert np.allclose(moved, ball.vertices + shift)


def test_noise_is_averaged_away_and_the_boundary_stays_on_the_sphere():
    ball = ball_solid(2)
    rim, noise = ball.boundary_vertices, 0.05 * np.random.default_rng(0).normal(size=ball.vertices.shape)
    moved = smoothly_displaced(ball.vertices, ball.vertices + noise, ball.edges, rim)
    assert np.abs(moved - ball.vertices).mean() < 0.5 * np.abs(noise).mean()
    assert np.abs(np.linalg.norm(moved[rim], axis=1) - 1).max() < 1e-15


def test_sites_go_to_centroids_and_to_the_sphere():
    ball = ball_solid(1)
    rim = ball.boundary_vertices
    transport = solve_transport(ball.vertices, domain=Ball())
    wanted = cell_positions(transport, ball.vertices, rim)
    inner = np.setdiff1d(np.arange(len(wanted)), rim)
    assert np.allclose(wanted[inner], transport.centroids[inner])
    assert np.abs(np.linalg.norm(wanted[rim], axis=1) - 1).max() < 1e-15
    assert np.allclose(wanted[rim], transport.diagram.patch_centers[rim])
