from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import as_set, lower_hull
from scipy.spatial import ConvexHull

from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.diagrams.plane.dual import PiecewiseLinear
from meshot.diagrams.power_diagram import power_diagram
from meshot.transport.solve import solve_transport

DOMAINS = {
    "disk": Disk(),
    "small disk": Disk([0.2, 0.1], 0.05),
    "box": Box([-1, -0.5], [1, 1]),
    "elsewhere": ConvexPolygon([[3, 3], [6, 3], [3, 3.2]]),
}


def areas(sites, triangles):
    a, b, c = sites[triangles].transpose(1, 0, 2)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def worst_irregularity(sites, weights, triangles):
    """Largest volume (times 6) between a triangle and a lifted site below its plane, exactly; 0 if it is regular."""
    lifted = [(Fraction(x), Fraction(y)) for x, y in sites.tolist()]
    lifted = [(x, y, x * x + y * y - Fraction(w)) for (x, y), w in zip(lifted, weights.tolist(), strict=True)]
    worst = Fraction(0)
    for i, j, k in triangles.tolist():
        (ax, ay, az), b, c = lifted[i], lifted[j], lifted[k]
        bx, by, bz = b[0] - ax, b[1] - ay, b[2] - az
        cx, cy, cz = c[0] - ax, c[1] - ay, c[2] - az
        det = bx * cy - by * cx
        gx, gy = bz * cy - by * cz, bx * cz - bz * cx
        worst = max(worst, *(gx * (x - ax) + gy * (y - ay) - det * (z - az) for x, y, z in lifted))
    return float(worst)


def assert_covers_the_hull(sites, triangles, rel=1e-12):
    hull = ConvexHull(sites)
    size = areas(sites, triangles)
    assert (size > 0).all()
    assert size.sum() == pytest.approx(hull.volume, rel=rel)


# ---------------------------------------------------------------------------------------------------------------------
# the triangulation


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 120), st.integers(0, 2**31), st.floats(0, 0.5), st.sampled_from(list(DOMAINS)))
def test_it_is_the_lower_hull_whatever_the_domain(count, seed, strength, kind):
    rng = np.random.default_rng(seed)
    sites, weights = rng.uniform(-1, 1, (count, 2)), strength * rng.random(count)
    diagram = power_diagram(sites, weights, DOMAINS[kind])
    assert as_set(diagram.triangulation) == as_set(lower_hull(sites, weights))
    assert (areas(sites, diagram.triangulation) > 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 120), st.integers(0, 2**31), st.floats(0, 0.5), st.sampled_from(list(DOMAINS)))
def test_the_restricted_part_has_its_power_vertices_in_the_domain(count, seed, strength, kind):
    rng = np.random.default_rng(seed)
    sites, weights = rng.uniform(-1, 1, (count, 2)), strength * rng.random(count)
    diagram = power_diagram(sites, weights, DOMAINS[kind])
    inside = DOMAINS[kind].contains(diagram.power_vertices)
    assert as_set(diagram.restricted_triangulation) == as_set(diagram.triangulation[inside])


def test_power_vertices_are_where_three_cells_meet():
    rng = np.random.default_rng(0)
    sites, weights = rng.uniform(-1, 1, (50, 2)), 0.1 * rng.random(50)
    diagram = power_diagram(sites, weights)
    distance = ((diagram.power_vertices[:, None] - sites) ** 2).sum(axis=2) - weights
    corners = np.take_along_axis(distance, diagram.triangulation, axis=1)
    assert corners == pytest.approx(distance.min(axis=1)[:, None] * np.ones(3), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("jitter", [0, 1e-16, 1e-15, 1e-14, 1e-12, 1e-9])
@pytest.mark.parametrize(
    "domain",
    [Box([0, 0], [1, 1]), Box([0.5 / 5, 0.5 / 5], [1 - 2.5 / 5, 1 - 0.5 / 5]), Disk([0.5, 0.5], 0.4)],
    ids=["vertices inside", "facets on the boundary", "disk"],
)
def test_grids_are_triangulated_consistently(jitter, domain):
    """Every vertex of the diagram has degree four, or two of degree three that rounding cannot tell apart."""
    x = np.linspace(0, 1, 6)
    rng = np.random.default_rng(0)
    sites = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2) + jitter * rng.standard_normal((36, 2))
    diagram = power_diagram(sites, jitter * rng.random(36), domain)
    assert_covers_the_hull(sites, diagram.triangulation)
    assert len(np.unique(diagram.triangulation)) == 36
    assert worst_irregularity(sites, diagram.weights, diagram.triangulation) < 1e-12
    if jitter == 0:
        assert len(diagram.triangulation) == 2 * 5 * 5


@pytest.mark.parametrize("count", [3, 4, 5, 9, 100])
def test_cocircular_sites_become_one_polygon(count):
    angle = 2 * np.pi * np.arange(count) / count
    sites = 0.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    triangles = power_diagram(sites).triangulation
    assert len(triangles) == count - 2
    assert_covers_the_hull(sites, triangles)


@pytest.mark.parametrize("kind", ["pairs", "thin", "heavy tails", "one far away"])
def test_hard_sites(kind):
    rng = np.random.default_rng(1)
    sites = rng.random((40, 2))
    if kind == "pairs":
        sites = np.concatenate([sites, sites + 1e-9 * rng.standard_normal(sites.shape)])
    elif kind == "thin":
        sites = sites * [1, 1e-6]
    elif kind == "heavy tails":
        normal = rng.standard_normal((40, 2))
        sites = np.sign(normal) * np.abs(normal) ** 5
    else:
        sites[0] = [1e6, 1e5]
    triangles = power_diagram(sites, domain=Box([0, 0], [1, 1])).triangulation
    assert_covers_the_hull(sites, triangles, rel=1e-10)
    assert len(np.unique(triangles)) == len(sites)
    size = np.ptp(sites, axis=0).max() ** 2
    assert worst_irregularity(sites, np.zeros(len(sites)), triangles) < 1e-10 * size**2


@pytest.mark.parametrize("sites", [[[0.1, 0.2]], [[0, 0], [1, 0.5]], [[0, 0], [0.3, 0.1], [0.6, 0.2], [0.9, 0.3]]])
def test_sites_on_a_line_have_no_triangles(sites):
    assert power_diagram(sites).triangulation.shape == (0, 3)
    assert power_diagram(sites).restricted_triangulation.shape == (0, 3)


def test_three_sites_are_one_triangle_and_their_circumcenter():
    diagram = power_diagram([[0, 0], [0, 2], [2, 0]])
    assert as_set(diagram.triangulation) == {(0, 1, 2)}
    assert diagram.power_vertices.tolist() == [[1, 1]]
    assert len(diagram.restricted_triangulation) == 0


def test_hidden_sites_are_left_out():
    sites = np.array([[-1.0, -1], [1, -1], [0, 1], [0, -0.2], [0.1, 0.1]])
    diagram = power_diagram(sites, [0, 0, 0, -9, 0])
    assert sorted(np.unique(diagram.triangulation).tolist()) == [0, 1, 2, 4]


# ---------------------------------------------------------------------------------------------------------------------
# the Legendre dual


def clusters(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.standard_normal((count, 2)), 8 + 0.5 * rng.standard_normal((count, 2))])


@settings(max_examples=10, deadline=None)
@given(st.integers(3, 60), st.integers(0, 2**31))
def test_fenchel_young(count, seed):
    rng = np.random.default_rng(seed)
    sites = rng.uniform(-1, 1, (count, 2))
    result = solve_transport(sites, rng.uniform(0.5, 2, count))
    x, y = rng.uniform(-1, 1, (200, 2)), rng.uniform(-1.2, 1.2, (200, 2))
    assert (result.potential(x) + result.dual_potential(y) >= (x * y).sum(axis=1) - 1e-12).all()
    image = result.map(x)  # equality on the graph of the map
    assert result.potential(x) + result.dual_potential(image) == pytest.approx((x * image).sum(axis=1), abs=1e-12)


def test_the_dual_is_the_supremum():
    """On a triangle the supremum is at its power vertex, where the gradient of u holds the whole triangle."""
    sites = clusters(30)
    result = solve_transport(sites)
    vertices, triangles = result.diagram.power_vertices, result.diagram.triangulation
    at_vertices = (vertices @ sites.T + result.heights).max(axis=1)
    y = np.random.default_rng(0).dirichlet(np.ones(len(sites)), 100) @ sites
    supremum = (y @ vertices.T - at_vertices).max(axis=1)
    assert result.dual_potential(y) == pytest.approx(supremum, rel=1e-9, abs=1e-9)
    assert result.dual_potential(sites) == pytest.approx(-result.heights, abs=1e-12)
    assert len(np.unique(triangles)) == len(sites)


def test_the_dual_is_infinite_outside_the_hull():
    result = solve_transport(clusters(20))
    hull = ConvexHull(result.problem.sites)
    y = np.random.default_rng(0).uniform(-4, 12, (300, 2))
    inside = (y @ hull.equations[:, :2].T + hull.equations[:, 2] <= 0).all(axis=1)
    assert 20 < inside.sum() < 280
    assert (np.isfinite(result.dual_potential(y)) == inside).all()


def test_the_dual_on_a_line():
    result = solve_transport([[0.0, 0.0], [0.4, 0.2], [-0.4, -0.2]], [1.0, 2.0, 1.0])
    h = result.heights
    y = [[0.2, 0.1], [-0.4, -0.2], [0.2, 0.11], [0.6, 0.3]]
    assert result.dual_potential(y) == pytest.approx([-(h[0] + h[1]) / 2, -h[2], np.inf, np.inf])
    one = PiecewiseLinear(np.array([[0.5, 0.0]]), np.array([3.0]), np.empty((0, 3), dtype=int))
    assert one(np.array([[0.5, 0.0], [0.5, 0.1]])).tolist() == [3.0, np.inf]


def test_both_sides_of_the_duality_of_kantorovich_are_equal():
    """The integral of phi over the box, by a rule exact for quadratics on each triangle of each cell, and phi^c."""
    rng = np.random.default_rng(2)
    sites, masses = rng.normal(0.3, 0.4, (80, 2)), rng.uniform(0.5, 2.0, 80)
    result = solve_transport(sites, masses, Box([0, 0], [1, 1]), tol=1e-11)
    starts, points = result.diagram.polygons()
    integral = 0.0
    for i in range(80):
        p = points[starts[i] : starts[i + 1]]
        for q, r in pairwise(p[1:]):
            middles = np.array([p[0] + q, q + r, r + p[0]]) / 2
            area = ((q - p[0])[0] * (r - p[0])[1] - (q - p[0])[1] * (r - p[0])[0]) / 2
            integral += result.problem.density * area * result.kantorovich(middles).mean()
    conjugate = (sites**2).sum(axis=1) / 2 - result.dual_potential(sites)
    assert 2 * (integral + masses @ conjugate) == pytest.approx(result.cost, rel=1e-9)
    assert result.dual_cost == pytest.approx(result.cost, rel=1e-9)
