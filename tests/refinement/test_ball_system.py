import numpy as np
import pytest
from handmade import ball_system


@pytest.mark.uncompiled
def test_cones_and_tetrahedra_fill_the_same_polyhedron():
    system, points = ball_system()
    volumes = system.measures(points)
    assert (volumes > 0).all()
    inner = volumes[: system.tetrahedra].sum()
    assert inner == pytest.approx(volumes[system.tetrahedra :].sum(), rel=1e-12)


@pytest.mark.uncompiled
def test_gradients_are_the_derivatives_of_the_volumes():
    system, points = ball_system()
    rng = np.random.default_rng(0)
    points[:-1] += 0.05 * rng.normal(size=(len(points) - 1, 3))
    points[system.on_sphere] /= np.linalg.norm(points[system.on_sphere], axis=1, keepdims=True)
    frames, units = system.frames(points), rng.uniform(0.5, 2, len(system.elements))
    step = rng.normal(size=points.shape)
    gradients = system.gradients(points, frames, units)
    small = 1e-5
    ahead, behind = (system.measures(system.move(points, sign * small * step)) for sign in (1, -1))
    slope = (ahead - behind) / (2 * small * units)
    assert np.allclose(slope, system.change(gradients, step), rtol=0, atol=1e-8)


def test_steps_keep_the_boundary_on_the_sphere_and_the_center_in_place():
    system, points = ball_system()
    step = np.random.default_rng(1).normal(size=points.shape)
    moved = system.move(points, step)
    assert np.abs(np.linalg.norm(moved[system.on_sphere], axis=1) - 1).max() < 1e-15
    assert (moved[-1] == 0).all()


@pytest.mark.uncompiled
def test_the_matrix_is_that_of_weighted_squares_and_relative_gradients():
    system, points = ball_system()
    rng = np.random.default_rng(2)
    weights, damping = rng.uniform(1, 2, (2, len(system.elements)))
    frames = system.frames(points)
    gradients = system.gradients(points, frames, np.ones(len(weights)))
    diagonal, across = system.matrix(points, frames, gradients, weights, damping, 0 * weights)
    free = (frames != 0).any(axis=1)
    step = np.where(free, rng.normal(size=points.shape), 0.0)
    i, j = system.edges.T
    quadratic = np.einsum("va,vab,vb", step, diagonal, step) + 2 * np.einsum("ea,eab,eb", step[i], across, step[j])
    moved = np.einsum("vxu,vu->vx", frames, step)[system.elements]
    shape = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2 ** (1 / 3)
    corners = points[system.elements]
    edges, change = ((x[:, 1:] - x[:, :1]).transpose(0, 2, 1) for x in (corners, moved))
    ideal = edges @ np.linalg.inv(shape)
    relative = np.linalg.solve(ideal, change @ np.linalg.inv(edges) @ ideal)
    wanted = np.sum(weights * system.change(gradients, step) ** 2) + np.sum(damping * (relative**2).sum(axis=(1, 2)))
    assert quadratic == pytest.approx(wanted, rel=1e-10)


@pytest.mark.uncompiled
def test_pull_is_the_transpose_of_change():
    system, points = ball_system()
    rng = np.random.default_rng(3)
    gradients = system.gradients(points, system.frames(points), np.ones(len(system.elements)))
    step, weights = rng.normal(size=points.shape), rng.normal(size=len(system.elements))
    one, other = system.change(gradients, step) @ weights, np.sum(step * system.pull(gradients, weights))
    assert one == pytest.approx(other, rel=1e-10)


@pytest.mark.uncompiled
def test_averages_keep_constants():
    system, _ = ball_system()
    assert np.allclose(system.average(np.full(len(system.elements), 3.0), 3), 3.0)
