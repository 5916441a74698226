import numpy as np
import pytest
import torture
from shapes import cap, disk, relief

from meshot.conformal.disk import polish
from meshot.conformal.harmonic import center_masses, circle_map, dirichlet_problem, moved_gaps, on_circle
from meshot.conformal.moebius import DiskMoebius
from meshot.maps.affine import beltrami
from meshot.meshes.surface import Surface


def test_harmonic_extension_of_a_linear_function_is_that_function():
    surface = torture.sheared(3.0)
    problem = dirichlet_problem(surface)
    w = surface.vertices[:, 0] + 1j * surface.vertices[:, 1]
    assert problem.flips > 0
    extended = problem.joined(w[problem.boundary], problem.extend(w[problem.boundary]))
    np.testing.assert_allclose(extended, w, atol=1e-10)


def test_what_flows_in_flows_out():
    problem = dirichlet_problem(relief(8))
    source = np.random.default_rng(0).uniform(size=len(problem.interior))
    flux = problem.flux(problem.solve(source))
    assert flux.sum() == pytest.approx(source.sum(), rel=1e-12)
    assert flux.min() > 0


def test_boundary_of_a_round_disk_is_evenly_spread():
    surface = disk(10)
    values = circle_map(dirichlet_problem(surface), surface)
    np.testing.assert_allclose(values.gaps, 2 * np.pi / 60, rtol=3e-3)
    assert values.masses.sum() == pytest.approx(1.0)


def test_masses_give_the_centroid_of_the_area():
    surface = relief(10)
    problem = dirichlet_problem(surface)
    circle = circle_map(problem, surface)
    values = on_circle(circle.gaps)
    z = problem.joined(values, problem.extend(values))
    centroid = surface.vertex_areas @ z / surface.area
    assert circle.masses @ values == pytest.approx(centroid, abs=1e-12)


def test_moved_gaps_are_those_of_the_moved_points():
    gaps = np.random.default_rng(0).uniform(0.5, 1.5, 40)
    gaps *= 2 * np.pi / gaps.sum()
    moebius = DiskMoebius(0.3 + 0.4j, 1j)
    moved = on_circle(moved_gaps(gaps, moebius))
    expected = moebius(on_circle(gaps))
    np.testing.assert_allclose(moved, expected / expected[0], atol=1e-12)


def test_a_large_gap_is_told_from_a_negative_one():
    gaps = np.array([0.1, 0.1, 0.1, 2 * np.pi - 0.3])
    assert moved_gaps(gaps, DiskMoebius()).min() > 0.09


def test_least_gap_is_kept():
    values = on_circle(np.array([1.0, 0.0, 1.0, 2.0]), least=0.1)
    assert np.diff(np.unwrap(np.angle(values))).min() > 0.09


def test_one_heavy_vertex_does_not_run_away():
    values = on_circle(np.full(3, 2 * np.pi / 3))
    moved = center_masses(values, np.array([0.98, 0.01, 0.01]))(values)
    assert np.abs(np.diff(moved)).min() > 0.1


def test_the_pole_moves_to_the_middle_of_a_long_strip():
    surface = torture.maze(60, 3)
    circle = circle_map(dirichlet_problem(surface), surface)
    assert abs(circle.masses @ on_circle(circle.gaps)) < 0.95


def test_polish_lowers_the_beltrami_coefficient_of_a_jagged_boundary(brain):
    surface = brain("flat_left")
    problem = dirichlet_problem(surface)
    gaps = circle_map(problem, surface).gaps
    better = polish(problem, surface, gaps)

    def mean(gaps):
        values = on_circle(gaps)
        return np.abs(beltrami(surface, problem.joined(values, problem.extend(values)))).mean()

    assert better.sum() == pytest.approx(2 * np.pi)
    assert mean(better) < 0.95 * mean(gaps)


def test_polish_does_no_harm():
    for surface in (cap(6), torture.hub(), torture.star(), Surface(torture.fan(5).vertices, torture.fan(5).faces)):
        problem = dirichlet_problem(surface)
        gaps = circle_map(problem, surface).gaps
        polished = polish(problem, surface, gaps)
        assert polished.min() > 0
        assert polished.sum() == pytest.approx(2 * np.pi)
