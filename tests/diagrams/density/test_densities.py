import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from shapes import disk

from meshot.base.errors import GeometryError
from meshot.diagrams.density.densities import GridDensity, TriangulationDensity, sample_density
from meshot.diagrams.domains import Box, ConvexPolygon, Disk

UNIT = Box([0, 0], [1, 1])
TRIANGLE = [[0, 0], [1, 0], [0, 1]]


# ---------------------------------------------------------------------------------------------------------------------
# values


def test_pixels_hold_their_value_row_0_at_the_bottom():
    density = GridDensity([[1.0, 2.0], [3.0, 4.0]], [0, 0], [2, 2])
    assert density([[0.1, 0.1], [1.9, 0.1], [0.1, 1.9], [2.0, 2.0]]).tolist() == [1, 2, 3, 4]
    assert np.isnan(density([[-0.1, 0.5], [0.5, 2.1]])).all()


def test_values_at_nodes_are_linear_on_two_triangles_a_pixel():
    density = GridDensity([[0.0, 1.0], [0.0, 0.0]], [0, 0], [1, 1], at="nodes")
    # below the diagonal x - y, above it nothing
    assert density([[0.75, 0.25], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]) == pytest.approx([0.5, 0, 1, 0])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_nodes_reproduce_linear_functions(rows, columns, seed):
    rng = np.random.default_rng(seed)
    slope, lower = rng.random(2), rng.standard_normal(2)
    upper = lower + rng.uniform(0.1, 3, 2)
    x, y = np.meshgrid(np.linspace(lower[0], upper[0], columns + 1), np.linspace(lower[1], upper[1], rows + 1))
    density = GridDensity(1 + slope[0] * (x - lower[0]) + slope[1] * (y - lower[1]), lower, upper, at="nodes")
    points = rng.uniform(lower, upper, (50, 2))
    assert density(points) == pytest.approx(1 + (points - lower) @ slope, rel=1e-12)


def test_a_triangulation_is_constant_or_linear_on_each_triangle():
    flat = disk(3)
    middles = flat.vertices[flat.faces].mean(axis=1)[:, :2]
    constant = TriangulationDensity(flat.vertices[:, :2], flat.faces, np.arange(len(flat.faces)))
    assert constant(middles) == pytest.approx(np.arange(len(flat.faces)), abs=1e-12)
    linear = TriangulationDensity(flat.vertices[:, :2], flat.faces, 2 + flat.vertices[:, 0])
    assert (constant.at, linear.at) == ("triangles", "vertices")
    assert linear(0.9 * middles) == pytest.approx(2 + 0.9 * middles[:, 0])
    assert np.isnan(linear([[2.0, 0.0]])).all()


def test_what_a_density_covers():
    grid = GridDensity(np.ones((3, 4)), [-1, 0], [1, 5])
    assert grid.domain.area == pytest.approx(10)
    flat = disk(4)
    polygon = TriangulationDensity(flat.vertices[:, :2], flat.faces, np.ones(len(flat.faces))).domain
    assert len(polygon.vertices) == 24
    assert polygon.area == pytest.approx(12 * np.sin(2 * np.pi / 24))


def test_a_boundary_that_is_no_convex_polygon_is_told():
    corner = TriangulationDensity([[0, 0], [2, 0], [0.5, 0.5], [0, 2]], [[0, 1, 2], [0, 2, 3]], [1.0, 1.0])
    with pytest.raises(GeometryError, match="not convex"):
        _ = corner.domain
    apart = TriangulationDensity([*TRIANGLE, [5, 5], [6, 5], [5, 6]], [[0, 1, 2], [3, 4, 5]], [1.0, 1.0])
    with pytest.raises(GeometryError, match="not one loop"):
        _ = apart.domain


# ---------------------------------------------------------------------------------------------------------------------
# sampling


@pytest.mark.parametrize("domain", [UNIT, Disk([0.3, -0.2], 0.7), ConvexPolygon([[0, 0], [2, 0], [0, 1]])])
def test_the_quadrature_error_falls_with_the_square_of_the_pixels(domain):
    def bump(x):
        return 1 + np.exp(-4 * ((x - 0.3) ** 2).sum(axis=1))

    pixels = np.array([16, 32, 64, 128])
    errors = [sample_density(bump, domain, int(k)).quadrature_error for k in pixels]
    rate = np.polyfit(np.log(1 / pixels), np.log(errors), 1)[0]
    assert rate == pytest.approx(2, abs=0.1)


def test_the_quadrature_error_is_the_integral_of_the_difference():
    # on each triangle x^2 is below its interpolant by h^2 / 6 in the mean
    sampled = sample_density(lambda x: x[:, 0] ** 2, UNIT, 8)
    assert sampled.quadrature_error == pytest.approx(3 / (6 * 8**2), rel=0.06)


def test_linear_functions_are_sampled_without_error():
    sampled = sample_density(lambda x: 2 + x @ [1.0, -0.5], Disk(), 10)
    assert sampled.quadrature_error < 1e-15
    assert sampled([[0.3, 0.4]]) == pytest.approx([2.1])


def test_bad_values_count_inside_the_domain_only():
    sampled = sample_density(lambda x: np.log(1.5 - (x**2).sum(axis=1)) + 1, Disk(), 20)
    assert np.isfinite(sampled.values).all()
    with pytest.raises(GeometryError, match=r"negative or not finite at \(0, -1\)"):
        sample_density(lambda x: 0.999 - (x**2).sum(axis=1), Disk(), 20)
    with pytest.raises(GeometryError, match="441 points must have as many values"):
        sample_density(lambda x: x, Disk(), 10)


# ---------------------------------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_values_are_named(bad):
    with pytest.raises(GeometryError, match="pixel with a density that is negative or not finite") as caught:
        GridDensity([[1.0, bad], [1.0, bad]], [0, 0], [1, 1])
    assert caught.value.ids == (1, 3)
    with pytest.raises(GeometryError, match="node with") as caught:
        GridDensity([[1.0, 1.0], [1.0, bad]], [0, 0], [1, 1], at="nodes")
    assert caught.value.ids == (3,)
    with pytest.raises(GeometryError, match="vertex with") as caught:
        TriangulationDensity(TRIANGLE, [[0, 1, 2]], [1.0, bad, 1.0])
    assert caught.value.ids == (1,)
    with pytest.raises(GeometryError, match="triangle with") as caught:
        TriangulationDensity(TRIANGLE, [[0, 1, 2]], [bad])
    assert caught.value.ids == (0,)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: GridDensity(np.zeros((2, 2)), [0, 0], [1, 1]), "zero everywhere"),
        (lambda: GridDensity(np.ones(3), [0, 0], [1, 1]), "shape"),
        (lambda: GridDensity(np.ones((1, 3)), [0, 0], [1, 1], at="nodes"), "shape"),
        (lambda: GridDensity(np.ones((2, 2)), [0, 0], [1, 0]), "above"),
        (lambda: GridDensity(np.ones((2, 2)), [0, 0], [1, 1], at="corners"), "corners"),
        (lambda: TriangulationDensity(TRIANGLE, [[0, 1, 2]], [1.0, 1.0]), "1 triangles or 3 vertices"),
        (lambda: TriangulationDensity(TRIANGLE, [[0, 1, 2]] * 3, np.ones(3)), "at= says which"),
        (lambda: TriangulationDensity(TRIANGLE, [[0, 1, 2]], [1.0], at="vertices"), "1 triangles or 3 vertices"),
        (lambda: TriangulationDensity(TRIANGLE, [[0.0, 1.0, 2.0]], [1.0]), "integers"),
        (lambda: TriangulationDensity(TRIANGLE, [[0, 1]], [1.0]), "wanted"),
        (lambda: TriangulationDensity(TRIANGLE, [[0, 1, 3]], [1.0]), r"does not exist \(ids 0\)"),
        (lambda: TriangulationDensity(TRIANGLE, [[0, 2, 1]], [1.0]), r"clockwise \(ids 0\)"),
        (lambda: TriangulationDensity([[0, 0], [1, 0], [0, np.nan]], [[0, 1, 2]], [1.0]), r"not finite \(ids 0\)"),
    ],
)
def test_bad_input_is_refused(make, cause):
    with pytest.raises(GeometryError, match=cause):
        make()


def test_input_is_copied():
    values = np.ones((2, 2))
    density = GridDensity(values, [0, 0], [1, 1])
    values[0, 0] = 5
    assert density.values[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        density.values[0, 0] = 5
    points = np.random.default_rng(0).random((20, 2))
    triangles = Delaunay(points).simplices.astype(np.int64)
    TriangulationDensity(points, triangles, np.ones(20), at="vertices")
    assert points.flags.writeable
    assert triangles.flags.writeable
