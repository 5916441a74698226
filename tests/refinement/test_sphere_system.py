"""Refinement on the sphere: areas and their derivatives, exact triangles, no fold."""

import numpy as np
import pytest
from shapes import icosphere, octahedron, rotation

from meshot.base.directions import spherical_areas
from meshot.refinement.sphere_system import SphereSystem
from meshot.refinement.surface import refine_areas


def jittered(points: np.ndarray, amount: float, seed: int = 0) -> np.ndarray:
    moved = points + amount * np.random.default_rng(seed).normal(size=points.shape)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


@pytest.mark.uncompiled
@pytest.mark.parametrize("subdivisions", [0, 2])
def test_areas_and_derivatives(subdivisions):
    ball = icosphere(subdivisions)
    points = jittered(ball.vertices, 0.02)
    system = SphereSystem(ball.faces, np.ones(len(ball.faces)), points)
    np.testing.assert_allclose(system.measures(points), spherical_areas(points[ball.faces]), rtol=1e-12)
    assert system.measures(points).sum() == pytest.approx(4 * np.pi, rel=1e-14)
    step = np.random.default_rng(1).normal(size=(len(points), 2))
    size = 1e-5
    more, less = (system.measures(system.move(points, sign * size * step)) for sign in (1, -1))
    linear = system.change(system.gradients(points, system.frames(points)), step)
    np.testing.assert_allclose((more - less) / (2 * size), linear, atol=1e-8)


def test_frames_are_orthonormal_tangents():
    points = icosphere(2).vertices
    frames = SphereSystem(icosphere(2).faces, np.ones(320), points).frames(points)
    np.testing.assert_allclose(np.einsum("vxu,vxw->vuw", frames, frames), np.tile(np.eye(2), (162, 1, 1)), atol=1e-14)
    np.testing.assert_allclose(np.einsum("vxu,vx->vu", frames, points), 0, atol=1e-14)


@pytest.mark.uncompiled
def test_the_damping_measures_no_area_along_it():
    """The matrix is symmetric and positive definite, its undamped part the square of the derivative."""
    ball = octahedron()
    system = SphereSystem(ball.faces, np.ones(8), ball.vertices)
    frames = system.frames(ball.vertices)
    gradients, ones = system.gradients(ball.vertices, frames), np.ones(8)
    undamped = system.matrix(ball.vertices, frames, gradients, ones, 0 * ones, ones)
    damped = system.matrix(ball.vertices, frames, gradients, ones, ones, 0.01 * ones)
    step = np.random.default_rng(0).normal(size=(6, 2))
    change = system.change(gradients, step)
    assert (step * system.multiply(undamped, step)).sum() == pytest.approx(change @ change)
    assert (step * system.multiply(damped, step)).sum() > change @ change


def test_exact_start_is_returned_unchanged():
    ball = octahedron()
    result = refine_areas(ball.faces, ball.vertices, np.ones(8))
    assert result.iterations == 0
    np.testing.assert_array_equal(result.image, ball.vertices)


@pytest.mark.parametrize("amount", [0.01, 0.05])
def test_jittered_spheres_are_evened_out(amount):
    """The larger amount folds faces."""
    ball = icosphere(3)
    start = jittered(ball.vertices, amount)
    result = refine_areas(ball.faces, start, spherical_areas(ball.corners))
    assert result.converged
    areas = spherical_areas(result.image[ball.faces])
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-13)
    np.testing.assert_allclose(np.linalg.norm(result.image, axis=1), 1, atol=1e-14)


def test_rotation_and_unit_of_area_do_not_matter_much():
    """Momentum is carried along in frames that turn a little, so the paths differ by the second order."""
    ball = icosphere(2)
    start, turn = jittered(ball.vertices, 0.01), rotation(4)
    targets = spherical_areas(ball.corners)
    plain = refine_areas(ball.faces, start, targets)
    turned = refine_areas(ball.faces, start @ turn.T, 100 * targets)
    assert turned.iterations == plain.iterations
    np.testing.assert_allclose(turned.image, plain.image @ turn.T, atol=1e-4)
