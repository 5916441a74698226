import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from shapes import disk, grid, icosphere, relief

from meshot.algebra.operators import (
    areas_from_lengths,
    cotangent_laplacian,
    cotangents,
    edge_lengths,
    mean_value_weights,
)
from meshot.meshes.surface import Surface


def laplacian_of(surface):
    return cotangent_laplacian(surface.faces, edge_lengths(surface), len(surface.vertices))


def dirichlet_energy(surface, values):
    return 0.5 * np.sum(values * (laplacian_of(surface) @ values))


def test_both_halves_of_an_edge_have_the_same_length():
    surface = relief()
    lengths, twins = edge_lengths(surface).ravel(), surface.twins
    inner = twins >= 0
    np.testing.assert_array_equal(lengths[inner], lengths[twins[inner]])


def test_areas_from_lengths_are_those_of_the_faces():
    surface = icosphere(2)
    np.testing.assert_allclose(areas_from_lengths(edge_lengths(surface)), surface.face_areas, rtol=1e-12)


@pytest.mark.parametrize("width", [1e-3, 1e-6, 1e-9])
def test_area_of_a_needle_keeps_its_digits(width):
    # An isosceles triangle with legs 1: area = width / 2 * sqrt(1 - width^2 / 4).
    area = areas_from_lengths(np.array([[1.0, width, 1.0]]))[0]
    assert area == pytest.approx(width / 2 * np.sqrt(1 - width**2 / 4), rel=1e-13)


def test_no_area_where_the_triangle_inequality_fails():
    assert areas_from_lengths(np.array([[3.0, 1.0, 1.0]]))[0] == 0.0


def test_cotangents_are_those_of_the_opposite_angles():
    surface = relief(6)
    a, b, c = surface.corners.transpose(1, 0, 2)
    # Halfedge 0 runs from a to b; the angle opposite lies at c.
    u, v = a - c, b - c
    expected = np.sum(u * v, axis=1) / np.linalg.norm(np.cross(u, v), axis=1)
    np.testing.assert_allclose(cotangents(edge_lengths(surface))[:, 0], expected, atol=1e-10)


@pytest.mark.parametrize("surface", [disk(5), relief(6), icosphere(2)], ids=["disk", "relief", "sphere"])
def test_laplacian_is_symmetric_with_zero_row_sums_and_not_negative(surface):
    matrix = laplacian_of(surface).toarray()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
    np.testing.assert_allclose(matrix.sum(axis=1), 0.0, atol=1e-12)
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12


def test_linear_functions_on_the_plane_are_harmonic_and_have_the_right_energy():
    surface = grid(7, 5, 2.0, 3.0)
    x = 3 * surface.vertices[:, 0] - 4 * surface.vertices[:, 1]
    inner = np.setdiff1d(np.arange(len(x)), surface.boundary_loops[0])
    np.testing.assert_allclose((laplacian_of(surface) @ x)[inner], 0.0, atol=1e-12)
    # Half of |(3, -4)|^2 times the area.
    assert dirichlet_energy(surface, x) == pytest.approx(0.5 * 25 * 6, rel=1e-13)


def test_energy_of_the_positions_is_the_area_of_the_sphere():
    surface = icosphere(2)
    assert dirichlet_energy(surface, surface.vertices) == pytest.approx(surface.area, rel=1e-13)


@given(st.integers(0, 10_000))
def test_mean_values_reproduce_plane_positions(seed):
    points = np.random.default_rng(seed).uniform(-1, 1, (30, 2))
    faces = Delaunay(points).simplices
    a, b, c = points[faces].transpose(1, 0, 2)
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    faces = np.where(turn[:, None] > 0, faces, faces[:, ::-1])
    surface = Surface(np.c_[points, 0 * points[:, 0]], faces)
    weights = mean_value_weights(surface.faces, edge_lengths(surface), 30)
    assert weights.data.min() > 0
    inner = np.setdiff1d(np.arange(30), surface.boundary_loops[0])
    totals = np.asarray(weights.sum(axis=1)).ravel()
    mean = (weights @ points) / totals[:, None]
    assert np.abs(mean - points)[inner].max() < 1e-9
