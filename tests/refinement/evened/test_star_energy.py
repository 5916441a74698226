"""The energy of a vertex's faces against its derivatives by differences."""

import numba
import numpy as np
import pytest

from meshot.refinement.evened.star_energy import (
    DISK,
    RIM,
    SPHERE,
    Shapes,
    frame,
    moved,
    relax,
    star_derivatives,
    star_energy,
)

pytestmark = [pytest.mark.fast, pytest.mark.uncompiled]

STAR = np.array([0, 1, 2])
FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])


@numba.njit
def at(kind, p, points, shapes, x, y):
    first, second = frame(kind, p)
    return star_energy(kind, moved(kind, p, first, second, x, y), 0, STAR, points, shapes)


@numba.njit
def derivatives(kind, p, points, shapes):
    first, second = frame(kind, p)
    return star_derivatives(kind, p, first, second, 0, STAR, points, shapes)


@numba.njit
def relaxed(kind, points, shapes, steps):
    return relax(0, kind, STAR, points, shapes, steps)


def setting(kind: int, seed: int) -> tuple[np.ndarray, Shapes]:
    rng = np.random.default_rng(seed)
    if kind == SPHERE:
        points = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]) + 0.3 * rng.normal(size=(4, 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    else:
        points = np.array([[0.1, 0.2, 1], [1, 0, 1], [-0.5, 0.8, 1], [-0.5, -0.8, 1.0]])
    return points, Shapes(FACES, rng.uniform(0.3, 1.0, size=(4, 3)), np.full(4, 2.0), 2.0)


@pytest.mark.parametrize("kind", [DISK, SPHERE])
@pytest.mark.parametrize("seed", range(3))
def test_gradient(kind: int, seed: int) -> None:
    points, shapes = setting(kind, seed)
    p, h = tuple(points[0]), 1e-5
    by_differences = [(at(kind, p, points, shapes, x, y) - at(kind, p, points, shapes, -x, -y)) / (2 * h)
                      for x, y in ((h, 0.0), (0.0, h))]  # fmt: skip
    assert derivatives(kind, p, points, shapes)[:2] == pytest.approx(by_differences, rel=1e-5)


@pytest.mark.parametrize("kind", [DISK, SPHERE])
def test_a_vertex_comes_to_rest_where_the_gradient_vanishes(kind: int) -> None:
    points, shapes = setting(kind, 0)
    before = derivatives(kind, tuple(points[0]), points, shapes)[:2]
    for _ in range(60):
        relaxed(kind, points, shapes, 20)
    after = derivatives(kind, tuple(points[0]), points, shapes)[:2]
    assert np.hypot(*after) < 1e-4 * np.hypot(*before)


def test_a_vertex_of_the_rim_stays_on_the_circle() -> None:
    points = np.array([[np.cos(0.3), np.sin(0.3), 1.0], [0, 0, 1], [np.cos(2), np.sin(2), 1], [1, 0, 1]])
    shapes = Shapes(np.array([[0, 2, 1], [0, 1, 3]]), np.ones((2, 3)) / np.sqrt(3), np.full(2, 0.5), 5.0)
    angles = []
    for _ in range(40):
        _rim(points, shapes)
        angles.append(np.arctan2(points[0, 1], points[0, 0]))
    assert np.hypot(*points[0, :2]) == pytest.approx(1)
    assert angles[-1] == pytest.approx(1.0, abs=1e-6)


@numba.njit
def _rim(points, shapes):
    return relax(0, RIM, np.array([0, 1]), points, shapes, 5)
