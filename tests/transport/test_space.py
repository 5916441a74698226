"""Transport in space: known answers, rates and invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from meshot.base.errors import GeometryError
from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron
from meshot.diagrams.engine import conductance_laplacian
from meshot.diagrams.space.diagram import SpaceEngine
from meshot.transport.multilevel import prolong, smooth
from meshot.transport.problem import TransportProblem
from meshot.transport.solve import MULTILEVEL_FROM, solve_transport

CUBE = Box([0, 0, 0], [1, 1, 1])
TETRAHEDRON = ConvexPolyhedron([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]])


def ball_sites(count, seed=0):
    """Points spread over the unit ball."""
    u = qmc.Sobol(3, rng=seed).random(1 << int(np.ceil(np.log2(count))))[:count]
    z, angle = 2 * u[:, 0] - 1, 2 * np.pi * u[:, 1]
    rim = np.sqrt(1 - z**2)
    return np.cbrt(u[:, 2:]) * np.column_stack([rim * np.cos(angle), rim * np.sin(angle), z])


def grid(count):
    x = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)


def clustered(count, seed=0):
    """Points that crowd in the middle of the unit cube."""
    sites = np.random.default_rng(seed).normal(0.5, 0.1, (2 * count, 3))
    return sites[CUBE.contains(sites)][:count]


# ---------------------------------------------------------------------------------------------------------------------
# known answers


def test_one_site_takes_everything():
    result = solve_transport([[0.5, 0.0, 0.0]], [3.0], Ball())
    assert result.masses == pytest.approx([3.0])
    assert result.iterations == 0
    # mean square distance to (1/2, 0, 0) in the unit ball: 3/5 + 1/4
    assert result.cost == pytest.approx(3 * 0.85)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.8, 0.999])
def test_two_sites_part_the_ball_along_the_plane_that_cuts_off_the_share(share):
    result = solve_transport([[1.0, 0.2, -0.1], [-1.0, 0.2, -0.1]], [share, 1 - share], Ball(), tol=1e-12)
    # a cap of height h has the volume pi h^2 (3 - h) / 3, and its plane the area pi h (2 - h)
    roots = np.roots([-1 / 4, 3 / 4, 0, -share])
    height = next(float(root.real) for root in roots if abs(root.imag) < 1e-9 and 0 < root.real < 2)
    area = np.pi * height * (2 - height)
    laplacian = conductance_laplacian(result.diagram, result.problem.density).toarray()
    assert -laplacian[0, 1] * 2 / result.problem.density == pytest.approx(area, rel=1e-6)
    # the cap's centroid lies 3 (2 - h)^2 / (4 (3 - h)) from the center
    assert result.centroids[0] == pytest.approx([0.75 * (2 - height) ** 2 / (3 - height), 0, 0], abs=1e-8)


def test_a_grid_of_equal_masses_in_its_own_box_does_not_move():
    result = solve_transport(grid(8), domain=CUBE)
    assert result.iterations == 0
    assert result.cost == pytest.approx(3 / 12 / 64)


def test_a_convex_gradient_is_recovered():
    """T = grad of (a x^2 + b y^2 + c z^2) / 2 on a cube: sites at the images of a grid, cells are the grid's."""
    stretch = np.array([0.3, 2.0, 1.1])
    result = solve_transport(grid(9) * stretch, domain=CUBE, tol=1e-11)
    assert result.centroids == pytest.approx(grid(9), abs=1e-9)
    points = np.random.default_rng(0).random((100, 3))
    exact = (points**2 * stretch / 2).sum(axis=1)
    assert np.ptp(result.potential(points) - exact) < 2.5 * (1 / 9) ** 2


def test_a_radial_map_is_recovered_at_the_rate_of_the_spacing():
    """Masses of the density 1 + 2 r^2 in the ball: r^3 -> (r^3 + 6/5 r^5) / (11/5) is the inverse's radius, cubed."""
    errors, sizes = [], [500, 2000, 8000]
    for count in sizes:
        sites = ball_sites(count)
        radius = np.linalg.norm(sites, axis=1)
        masses = SpaceEngine(sites, Ball()).diagram(np.zeros(count)).masses * (1 + 2 * radius**2)
        result = solve_transport(sites, masses, Ball())
        back = np.cbrt((radius**3 + 1.2 * radius**5) / 2.2)
        exact = sites * (back / radius)[:, None]
        errors.append(np.sqrt(np.average(((result.centroids - exact) ** 2).sum(axis=1), weights=masses)))
    rate = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert rate < -0.32
    assert errors[-1] < 0.03


@pytest.mark.parametrize("domain", [Ball([0.5, 0.5, 0.5], 0.9), CUBE, TETRAHEDRON], ids=["ball", "box", "polyhedron"])
def test_sites_moved_and_scaled_have_the_same_cells(domain):
    """Sites s y + b, cost |x - y|^2: the map is s T + b."""
    sites, masses = clustered(200), np.random.default_rng(1).uniform(0.5, 2, 200)
    once = solve_transport(sites, masses, domain, tol=1e-10)
    moved = solve_transport(3 * sites + [5, -1, 2], masses, domain, tol=1e-10)
    assert moved.centroids == pytest.approx(once.centroids, abs=1e-8)
    assert once.certificate <= 1e-12


# ---------------------------------------------------------------------------------------------------------------------
# what holds for any sites


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 120), st.sampled_from(["ball", "box", "polyhedron"]))
def test_every_cell_gets_its_mass(seed, count, kind):
    domain = {"ball": Ball([0.1, 0, 0], 0.8), "box": CUBE, "polyhedron": TETRAHEDRON}[kind]
    rng = np.random.default_rng(seed)
    sites, masses = rng.normal(0.3, 0.5, (count, 3)), rng.uniform(0.2, 3, count)
    result = solve_transport(sites, masses, domain)
    assert result.converged
    assert result.masses == pytest.approx(masses, rel=1e-6)
    assert result.certificate <= 1e-12
    assert result.dual_cost == pytest.approx(result.cost, rel=1e-5)
    points = rng.normal(0.3, 0.3, (50, 3))
    owner = (points @ sites.T + result.heights).argmax(axis=1)
    assert result.locate(points).tolist() == owner.tolist()
    assert result.kantorovich(points) == pytest.approx((points**2).sum(axis=1) / 2 - result.potential(points))
    assert result.interpolate(0.0) == pytest.approx(result.centroids)
    assert result.map(points) == pytest.approx(sites[owner])


def test_the_order_of_sites_does_not_matter():
    sites, masses = clustered(300), np.random.default_rng(1).uniform(0.5, 2, 300)
    order = np.random.default_rng(2).permutation(300)
    once, again = solve_transport(sites, masses, CUBE), solve_transport(sites[order], masses[order], CUBE)
    assert again.heights == pytest.approx(once.heights[order], abs=1e-9)


def test_the_hessian_is_the_derivative_of_the_masses():
    sites = clustered(40)
    problem = TransportProblem(sites, np.full(40, 1 / 40), CUBE)
    weights, direction = np.zeros(40), np.random.default_rng(0).standard_normal(40)
    laplacian = conductance_laplacian(SpaceEngine(sites, CUBE).diagram(weights), problem.density)
    assert np.abs(laplacian @ np.ones(40)).max() < 1e-12
    step = 1e-6
    ahead, back = (SpaceEngine(sites, CUBE).diagram(weights + s * step * direction).masses for s in (2, -2))
    assert laplacian @ direction == pytest.approx((ahead - back) / (2 * step), abs=1e-5)


@pytest.mark.parametrize("unequal", [False, True])
def test_multilevel_and_plain_end_at_the_same_heights(unequal):
    sites = clustered(MULTILEVEL_FROM + 500)
    masses = np.exp(np.random.default_rng(2).uniform(-2, 0, len(sites))) if unequal else np.ones(len(sites))
    plain = solve_transport(sites, masses, CUBE, multilevel=False, tol=1e-9)
    coarse_first = solve_transport(sites, masses, CUBE, tol=1e-9)
    assert coarse_first.converged
    assert coarse_first.heights == pytest.approx(plain.heights, abs=1e-9)
    assert coarse_first.iterations < plain.iterations


def test_an_affine_map_is_prolonged_exactly():
    """Weights that stretch a grid's cells over the cube: centroids are an affine function of the sites."""
    stretch, sites = np.array([0.5, 2.0, 1.5]), grid(8)
    coarse = TransportProblem(CUBE.center + (sites - CUBE.center) * stretch, np.full(512, 1 / 512), CUBE)
    local = coarse.sites - CUBE.center
    diagram = SpaceEngine(coarse.sites, CUBE).diagram((local**2).sum(axis=1) - (local**2 / stretch).sum(axis=1))
    assert diagram.centroids == pytest.approx(sites, abs=1e-12)
    fine = (np.random.default_rng(0).random((8 * 512, 3)) - 0.5) * stretch
    exact = (fine**2 / stretch).sum(axis=1) / 2
    assert prolong(coarse, diagram, fine, np.arange(len(fine)) // 8) == pytest.approx(exact, abs=1e-8)


def test_smoothing_keeps_quadratics():
    engine = SpaceEngine(clustered(400), CUBE)
    near = engine.diagram(np.zeros(400)).edges.neighbors
    x, y, z = engine.local.T
    values = 0.7 * x**2 - 0.4 * x * y + 0.9 * y * z + z**2 + 0.3 * x - y + 2
    assert smooth(engine.local, values, *near) == pytest.approx(values, abs=1e-8)


def test_given_heights_are_where_it_starts():
    sites = ball_sites(400)
    first = solve_transport(sites, domain=Ball())
    assert solve_transport(sites, domain=Ball(), heights=first.heights).iterations == 0


def test_sites_in_the_same_place_are_merged_if_asked():
    sites = np.concatenate([ball_sites(30), ball_sites(30)[:3]])
    with pytest.raises(GeometryError, match="coincide"):
        solve_transport(sites, domain=Ball())
    result = solve_transport(sites, domain=Ball(), duplicates="merge")
    assert result.cell_of_site[30:].tolist() == [0, 1, 2]
    assert result.masses[0] == pytest.approx(2 * result.masses[5], rel=1e-5)


def test_the_plane_s_sites_in_a_ball_are_refused():
    with pytest.raises(GeometryError, match="shape"):
        solve_transport(np.zeros((4, 2)), domain=Ball())


def test_sites_of_space_without_a_domain_go_to_the_unit_ball():
    result = solve_transport(ball_sites(20))
    assert isinstance(result.problem.domain, Ball)
