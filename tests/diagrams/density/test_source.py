"""Power cells measured with a density."""

import numpy as np
import pytest
from oracle import PLANE_DOMAINS as DOMAINS
from oracle import _area_and_centroid, _clip
from scipy.spatial import Delaunay
from shapes import disk

from meshot.base.errors import GeometryError
from meshot.diagrams.density.densities import GridDensity, TriangulationDensity
from meshot.diagrams.density.source import DensitySource
from meshot.diagrams.domains import Box, Disk
from meshot.diagrams.engine import conductance_laplacian
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.diagrams.power_diagram import power_diagram

CERTIFICATE = 1e-12


def random_cells(count, seed=0, strength=0.02):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (count, 2)), strength * rng.standard_normal(count)


def linear(kind, slope, size=6, low=(-1.0, -1.0), high=(1.0, 1.0)):
    """The density 2 + <slope, x> on a rectangle, as the grid or the triangulation that `kind` says."""
    x, y = np.meshgrid(np.linspace(low[0], high[0], size + 1), np.linspace(low[1], high[1], size + 1))
    values = 2 + slope[0] * x + slope[1] * y
    if kind == "grid":
        return GridDensity(values, low, high, at="nodes")
    points = np.column_stack([x.ravel(), y.ravel()])
    rim = (points == low).any(axis=1) | (points == high).any(axis=1)
    points[~rim] += 0.3 / size * np.random.default_rng(size).uniform(-1, 1, (np.count_nonzero(~rim), 2))
    triangles = Delaunay(points).simplices
    corners = points[triangles]
    thick = np.linalg.det(corners[:, 1:] - corners[:, :1])
    return TriangulationDensity(points, triangles[np.abs(thick) > 1e-12], 2 + points @ slope, at="vertices")


def both_kinds(test):
    return pytest.mark.parametrize("kind", ["grid", "triangulation"])(test)


# ---------------------------------------------------------------------------------------------------------------------
# closed forms


@pytest.mark.uncompiled
@both_kinds
@pytest.mark.parametrize("size", [1, 4, 7])
def test_strips_of_a_box_under_a_linear_density(kind, size):
    density = linear(kind, (1.0, 0.0), size)  # 2 + x on [-1, 1]^2
    x = np.linspace(-0.75, 0.75, 4)
    diagram = power_diagram(np.column_stack([x, 0 * x]), domain=Box([-1, -1], [1, 1]), density=density)
    a, b = np.linspace(-1, 0.5, 4), np.linspace(-0.5, 1, 4)
    masses = 2 * (2 * (b - a) + (b**2 - a**2) / 2)
    first = 2 * ((b**2 - a**2) + (b**3 - a**3) / 3)
    second = 2 * (2 * (b**3 - a**3) / 3 + (b**4 - a**4) / 4)
    assert diagram.masses == pytest.approx(masses, rel=1e-13)
    assert diagram.centroids[:, 0] == pytest.approx(first / masses, abs=1e-13)
    assert diagram.centroids[:, 1] == pytest.approx(np.zeros(4), abs=1e-13)
    assert diagram.second_moments == pytest.approx(second - first**2 / masses + masses / 3, rel=1e-12)
    assert diagram.facet_masses == pytest.approx(2 * (2 + np.array([-0.5, 0, 0.5])), rel=1e-13)
    assert diagram.areas == pytest.approx(np.ones(4))


@pytest.mark.uncompiled
@both_kinds
@pytest.mark.parametrize("size", [1, 5, 20])
@pytest.mark.parametrize("offset", [-0.99, -0.3, 0.0, 0.6, 0.9999])
def test_parts_of_a_disk_under_a_linear_density(kind, size, offset):
    """The density 2 + x right of the chord x = offset: integrals of x^a y^b over a circular segment of half-angle t."""
    diagram = power_diagram([[-1.0, 0.0], [1.0, 0.0]], [4 * offset, 0.0], Disk(), linear(kind, (1.0, 0.0), size))
    t, half = np.arccos(offset), np.sqrt(1 - offset**2)
    area, x1 = t - offset * half, 2 / 3 * half**3
    x2, y2 = t / 4 - np.sin(4 * t) / 16, 2 / 3 * (3 * t / 8 - np.sin(2 * t) / 4 + np.sin(4 * t) / 32)
    x3, xy2 = 2 * (half**3 / 3 - half**5 / 5), 2 / 15 * half**5
    mass, first, second = 2 * area + x1, 2 * x1 + x2, 2 * (x2 + y2) + x3 + xy2
    assert diagram.masses[1] == pytest.approx(mass, rel=1e-8)
    assert diagram.masses.sum() == pytest.approx(2 * np.pi, rel=1e-13)
    assert diagram.centroids[1] == pytest.approx([first / mass, 0], abs=1e-8)
    assert diagram.second_moments[1] == pytest.approx(second - first**2 / mass, rel=1e-6, abs=1e-12)
    assert diagram.facet_masses == pytest.approx([(2 + offset) * 2 * half], rel=1e-11)


@pytest.mark.uncompiled
def test_a_thin_circular_segment_keeps_its_digits():
    # cut off at half-angle t: area 2/3 t^3 (1 - t^2 / 5 ...), second moment across the chord 2/15 t^5
    t = 1e-3
    sites = np.array([[-1.0, 0.0], [1.0, 0.0]])
    diagram = power_diagram(sites, [4 * np.cos(t), 0.0], Disk(), GridDensity([[1.0]], [-1, -1], [1, 1]))
    assert diagram.masses[1] == pytest.approx(2 / 3 * t**3 * (1 - t**2 / 5), rel=1e-9)
    assert diagram.second_moments[1] == pytest.approx(2 / 15 * t**5, rel=1e-5)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("at", ["pixels", "nodes"])
def test_density_1_gives_the_areas(domain, at):
    sites, weights = random_cells(300)
    density = GridDensity(np.ones((37, 23)), [-1.1, -1.2], [1.3, 1.0], at=at)
    plain = power_diagram(sites, weights, DOMAINS[domain])
    dense = power_diagram(sites, weights, DOMAINS[domain], density)
    assert dense.masses == pytest.approx(plain.masses, abs=1e-13)
    assert dense.centroids == pytest.approx(plain.centroids, abs=1e-13, nan_ok=True)
    assert dense.second_moments == pytest.approx(plain.second_moments, abs=1e-13)
    assert dense.facet_masses == pytest.approx(plain.facet_lengths, abs=1e-13)
    assert (dense.areas == plain.masses).all()


def test_without_a_density_masses_are_areas():
    diagram = power_diagram(*random_cells(20))
    assert (diagram.areas == diagram.masses).all()
    assert (diagram.facet_masses == diagram.facet_lengths).all()
    assert diagram.mass_certificate == diagram.certificate


@pytest.mark.uncompiled
def test_cells_on_the_borders_of_pixels():
    """Facets along the borders count once, with the density on one side, the same for both cells."""
    density = GridDensity(np.arange(1.0, 17.0).reshape(4, 4), [0, 0], [4, 4])
    x, y = np.meshgrid(np.arange(4) + 0.5, np.arange(4) + 0.5)
    diagram = power_diagram(np.column_stack([x.ravel(), y.ravel()]), domain=Box([0, 0], [4, 4]), density=density)
    assert diagram.masses == pytest.approx(np.arange(1.0, 17.0))
    sides = np.abs(diagram.facet_masses[:, None] - (diagram.facets + 1.0))
    assert sides.min(axis=1) == pytest.approx(np.zeros(24), abs=1e-13)
    matrix = conductance_laplacian(diagram, 16 / diagram.domain.measure).toarray()
    assert (matrix == matrix.T).all()


# ---------------------------------------------------------------------------------------------------------------------
# by other ways


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_grid_and_a_triangulation_of_the_same_function_agree(domain):
    rng = np.random.default_rng(1)
    values, size = rng.random((13, 13)), 12
    grid = GridDensity(values, [-1, -1], [1, 1], at="nodes")
    x, y = np.meshgrid(np.linspace(-1, 1, 13), np.linspace(-1, 1, 13))
    corner = (np.arange(size) + 13 * np.arange(size)[:, None]).ravel()
    triangles = np.concatenate(
        [
            np.column_stack([corner, corner + 1, corner + 14]),
            np.column_stack([corner, corner + 14, corner + 13]),
        ]
    )
    mesh = TriangulationDensity(np.column_stack([x.ravel(), y.ravel()]), triangles, values.ravel())
    sites, weights = random_cells(100)
    a, b = (power_diagram(sites, weights, DOMAINS[domain], density) for density in (grid, mesh))
    assert a.masses == pytest.approx(b.masses, abs=1e-15)
    assert a.facet_masses == pytest.approx(b.facet_masses, abs=1e-15)
    assert a.second_moments == pytest.approx(b.second_moments, abs=1e-15)
    points = rng.uniform(-1, 1, (200, 2))
    assert grid(points) == pytest.approx(mesh(points), rel=1e-12)


@pytest.mark.uncompiled
def test_cells_agree_with_clipping_each_outline_by_each_triangle():
    flat = disk(4)
    density = TriangulationDensity(flat.vertices[:, :2], flat.faces, np.random.default_rng(0).random(len(flat.faces)))
    diagram = power_diagram(0.7 * random_cells(12)[0], domain=density.domain, density=density)
    for i in range(12):
        mass, moment = 0.0, np.zeros(2)
        for face, value in zip(density.triangles, density.values, strict=True):
            part = diagram.polygon(i)
            for p, q in zip(density.vertices[face], density.vertices[np.roll(face, -1)], strict=True):
                normal = np.array([q[1] - p[1], p[0] - q[0]])
                part = _clip(part, normal, normal @ p) if len(part) else part
            area, centroid = _area_and_centroid(part)
            mass += value * area
            moment += value * area * centroid if area > 0 else 0
        assert diagram.masses[i] == pytest.approx(mass, rel=1e-9)
        assert diagram.centroids[i] == pytest.approx(moment / mass, abs=1e-9)


def test_facet_masses_are_the_derivatives_of_the_masses():
    """d mu(W_i) / d psi_j = -(line integral over their facet) / (2 |y_i - y_j|)."""
    sites, weights = random_cells(15)
    rng = np.random.default_rng(2)
    density = GridDensity(rng.random((9, 9)), [-1, -1], [1, 1], at="nodes")
    diagram, step = power_diagram(sites, weights, Disk(), density), 1e-6
    for (i, j), mass in zip(diagram.facets, diagram.facet_masses, strict=True):
        up, down = weights.copy(), weights.copy()
        up[j] += step
        down[j] -= step
        change = [power_diagram(sites, w, Disk(), density).masses[i] for w in (up, down)]
        distance = np.linalg.norm(sites[i] - sites[j])
        assert (change[1] - change[0]) / (2 * step) == pytest.approx(mass / (2 * distance), abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------------
# properties


def test_the_number_of_threads_changes_nothing():
    import numba

    sites, weights = random_cells(3000, strength=1e-4)
    density = GridDensity(np.random.default_rng(0).random((40, 40)), [-1, -1], [1, 1])
    threads = numba.get_num_threads()
    several = power_diagram(sites, weights, Disk(), density)
    try:
        numba.set_num_threads(1)
        one = power_diagram(sites, weights, Disk(), density)
    finally:
        numba.set_num_threads(threads)
    assert (several.masses == one.masses).all()
    assert (several.facet_masses == one.facet_masses).all()


# ---------------------------------------------------------------------------------------------------------------------
# hard cases


def test_a_corner_of_a_pixel_on_the_circle():
    """(0.28, 0.96) lies on the circle and is a node: the triangle beyond it has a point in common with the disk."""
    source = DensitySource(GridDensity(np.ones((201, 201)), [-1, -1], [1, 1], at="nodes"), Disk())
    assert source.mass == pytest.approx(np.pi, rel=1e-13)


def test_long_thin_cells_across_the_pixels():
    along = np.linspace(-0.9, 0.9, 500)
    density = GridDensity(np.random.default_rng(0).random((200, 200)), [-1, -1], [1, 1])
    diagram = power_diagram(np.column_stack([along, along]), domain=Box([-1, -1], [1, 1]), density=density)
    assert diagram.mass_certificate <= CERTIFICATE


@pytest.mark.uncompiled
def test_empty_cells_and_cells_without_mass():
    density = GridDensity([[0.0, 1.0]], [-1, -1], [1, 1])
    diagram = power_diagram([[-0.5, 0.0], [0.5, 0.0], [0.6, 0.0]], [0.0, 0.0, -1.0], Box([-1, -1], [1, 1]), density)
    assert diagram.masses == pytest.approx([0, 2, 0])
    assert diagram.empty.tolist() == [0, 2]
    assert diagram.centroids[0] == pytest.approx([-0.5, 0])  # that of its area
    assert np.isnan(diagram.centroids[2]).all()
    assert diagram.polygons().areas == pytest.approx([2, 2, 0])


def test_giving_up_below_a_least_mass():
    source = DensitySource(GridDensity([[0.1, 3.0]], [-1, -1], [1, 1]), Disk())
    engine = PowerEngine(0.7 * random_cells(100)[0], Disk(), source)
    smallest = engine.diagram(np.zeros(100)).masses.min()
    assert engine.diagram_above(0.99 * smallest, np.zeros(100)) is not None
    assert engine.diagram_above(1.01 * smallest, np.zeros(100)) is None


def test_the_domain_is_what_the_density_covers():
    density = GridDensity([[1.0, 3.0]], [0, 0], [2, 1])
    assert power_diagram([[0.5, 0.5], [1.5, 0.5]], density=density).masses == pytest.approx([1, 3])


@pytest.mark.parametrize(
    ("density", "cause"),
    [
        (GridDensity([[1.0]], [0, 0], [1, 1]), "does not cover the domain"),
        (TriangulationDensity([[-3, -3], [3, -3], [0, 3]], [[0, 1, 2]] * 2, [1.0, 1.0]), "overlap"),
        (GridDensity([[1.0, 0.0, 0.0, 0.0]], [-3, -1], [1, 1]), "zero on all of the domain"),
    ],
)
def test_bad_densities_are_refused(density, cause):
    with pytest.raises(GeometryError, match=cause):
        power_diagram([[0.0, 0.0]], domain=Disk(), density=density)
