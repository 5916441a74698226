"""Transport from densities that are not uniform."""

import numpy as np
import pytest
from shapes import relief

from meshot.base.arrays import cross2
from meshot.conformal.disk import conformal_map
from meshot.diagrams.density.densities import GridDensity, TriangulationDensity, sample_density
from meshot.diagrams.domains import Box, Disk
from meshot.transport.solve import solve_transport

UNIT = Box([0, 0], [1, 1])
# 2 x on the unit square, exactly
RAMP = GridDensity([[0.0, 2.0], [0.0, 2.0]], [0, 0], [1, 1], at="nodes")


def test_one_site_takes_everything():
    result = solve_transport([[0.25, 0.5]], [3.0], UNIT, RAMP)
    assert result.masses == pytest.approx([3.0])
    assert result.centroids == pytest.approx(np.array([[2 / 3, 0.5]]))
    # mean of (x - 1/4)^2 under 2x: 1/2 - 1/3 + 1/16; of (y - 1/2)^2: 1/12
    assert result.cost == pytest.approx(3 * (1 / 2 - 1 / 3 + 1 / 16 + 1 / 12))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.81, 0.999])
def test_two_sites_part_a_ramp_at_its_quantile(share):
    result = solve_transport([[0.1, 0.5], [0.8, 0.5]], [share, 1 - share], UNIT, RAMP, tol=1e-12)
    t = np.sqrt(share)  # the mass left of t is t^2
    assert result.diagram.areas == pytest.approx([t, 1 - t], rel=1e-9)
    assert result.centroids[:, 0] == pytest.approx([2 * t / 3, 2 * (1 - t**3) / (3 * (1 - t**2))], rel=1e-9)
    parts = [(0.0, t, 0.1), (t, 1.0, 0.8)]
    along = sum((b**4 - a**4) / 2 - 4 * y * (b**3 - a**3) / 3 + y**2 * (b**2 - a**2) for a, b, y in parts)
    assert result.cost == pytest.approx(along + 1 / 12, rel=1e-10)
    assert result.mass_certificate < 1e-12


def test_equal_masses_by_default_share_the_densitys_mass():
    density = GridDensity(5 * np.ones((3, 3)), [0, 0], [1, 1])
    sites = np.random.default_rng(0).random((10, 2))
    result = solve_transport(sites, density=density)
    assert result.masses == pytest.approx(np.full(10, 0.5), rel=1e-6)
    assert result.problem.density == pytest.approx(1)


@pytest.mark.parametrize("count", [50, 3000])
def test_density_1_gives_the_uniform_transport(count):
    rng = np.random.default_rng(0)
    sites, masses = 0.6 * rng.uniform(-1, 1, (count, 2)), rng.uniform(0.5, 2, count)
    plain = solve_transport(sites, masses)
    dense = solve_transport(sites, masses, Disk(), GridDensity(np.full((9, 9), 7.0), [-1, -1], [1, 1]))
    assert dense.iterations == plain.iterations
    assert dense.heights == pytest.approx(plain.heights, abs=1e-12)
    assert dense.masses == pytest.approx(plain.masses, rel=1e-9)
    assert dense.cost == pytest.approx(plain.cost, rel=1e-12)


def test_newton_converges_quadratically():
    density = sample_density(lambda x: 0.1 + np.exp(-8 * ((x - 0.3) ** 2).sum(axis=1)), Disk(), 100)
    sites = 0.7 * np.random.default_rng(0).uniform(-1, 1, (300, 2))
    errors = [step.error for step in solve_transport(sites, density=density, tol=1e-11).history if step.step == 1]
    assert errors[-1] < 1e-11
    assert errors[-2] < 1e-3  # the last step squares it


def sunflower(count):
    """Points of the unit disk, evenly spread."""
    k = np.arange(count) + 0.5
    return np.sqrt(k / count)[:, None] * np.column_stack([np.cos(k * 2.399963229728653), np.sin(k * 2.399963229728653)])


def test_a_radial_density_is_spread_radially():
    """Under 2 |x|^2 the mass within r is pi r^4, so the map to the uniform disk is x -> |x| x.

    Its cost is 2 pi times the integral of 2 r^3 (r - r^2)^2, and sites that stand for areas 1/n miss it by O(1/n).
    """
    density = sample_density(lambda x: 2 * (x**2).sum(axis=1), Disk(), 200)
    counts = np.array([100, 200, 400, 800, 1600])
    costs = [solve_transport(sunflower(count), density=density, domain=Disk()).cost for count in counts]
    exact = 4 * np.pi * (1 / 6 - 2 / 7 + 1 / 8)
    assert np.polyfit(np.log(counts), np.log(np.array(costs) - exact), 1)[0] == pytest.approx(-1, abs=0.1)
    sites = sunflower(1600)
    result = solve_transport(sites, density=density, domain=Disk())
    assert np.hypot(*result.centroids.T) == pytest.approx(np.sqrt(np.hypot(*sites.T)), abs=0.015)


def test_a_surface_pushed_to_the_disk_goes_to_a_regular_grid():
    """The other direction: the surface's area, carried to the disk by a conformal map, to equal masses on a grid.

    The image is a polygon inscribed in the circle, and as the triangles end there, so does the domain. Each cell then
    holds the same area of the surface: counted here on a fine subdivision, point by point.
    """
    surface = relief(12, height=0.8)
    uv, faces = conformal_map(surface).uv, surface.faces
    corners = uv[faces]
    image = cross2(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    density = TriangulationDensity(uv, faces, surface.face_areas / image)
    x = np.linspace(-0.8, 0.8, 5)
    sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    result = solve_transport(sites, density=density)
    assert result.problem.source.mass == pytest.approx(surface.area, rel=1e-12)
    assert result.problem.domain.area < np.pi
    assert result.masses == pytest.approx(np.full(25, surface.area / 25), rel=1e-6)
    size = 20
    a, b = np.meshgrid((np.arange(size) + 1 / 3) / size, (np.arange(size) + 1 / 3) / size)
    a, b = a[a + b < 1], b[a + b < 1]
    barycentric = np.column_stack([1 - a - b, a, b])
    points = np.einsum("pk,fkx->fpx", barycentric, corners)
    share = np.repeat(surface.face_areas / len(a), len(a))
    counted = np.bincount(result.locate(points.reshape(-1, 2)), share, minlength=25)
    assert counted == pytest.approx(result.masses, rel=0.02)
