import numpy as np
import pytest
from oracle import SPACE_DOMAINS as DOMAINS
from scipy.spatial import ConvexHull, HalfspaceIntersection
from shapes import rotation

from meshot.base.errors import ConvergenceError, GeometryError
from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron, Disk
from meshot.diagrams.power_diagram import power_diagram
from meshot.diagrams.space import diagram as spacepower
from meshot.diagrams.space.diagram import SpaceEngine

CERTIFICATE = 1e-12


def random_sites(count, seed=0, reach=1.0):
    return np.random.default_rng(seed).uniform(-reach, reach, (count, 3))


# ---------------------------------------------------------------------------------------------------------------------
# closed forms


@pytest.mark.uncompiled
def test_one_site_has_the_whole_ball():
    diagram = power_diagram([[0.3, 0.1, 0.5]], domain=Ball([2.0, -1.0, 0.5], 0.5))
    assert diagram.masses == pytest.approx([4 / 3 * np.pi / 8], rel=1e-14)
    assert diagram.centroids == pytest.approx(np.array([[2.0, -1.0, 0.5]]), abs=1e-14)
    assert diagram.second_moments == pytest.approx([4 / 5 * np.pi * 0.5**5], rel=1e-14)
    assert diagram.patch_areas == pytest.approx([np.pi], rel=1e-14)
    assert len(diagram.facets) == 0


@pytest.mark.uncompiled
def test_one_site_has_the_whole_box_and_polyhedron():
    box = power_diagram([[0.3, 0.1, 0.5]], domain=Box([0, 0, 0], [2, 1, 3]))
    assert box.masses == pytest.approx([6.0], rel=1e-15)
    assert box.centroids == pytest.approx(np.array([[1.0, 0.5, 1.5]]))
    assert box.second_moments == pytest.approx([6 * (4 + 1 + 9) / 12])
    # a regular tetrahedron of edge a: volume a^3 / (6 sqrt 2), second moment about the center 3 a^2 / 40 times that
    tetrahedron = power_diagram([[0.3, 0.1, 0.5]], domain=DOMAINS["polyhedron"])
    assert tetrahedron.masses == pytest.approx([8 / 3], rel=1e-14)
    assert tetrahedron.second_moments == pytest.approx([8 / 3 * 3 * 8 / 40], rel=1e-14)


@pytest.mark.uncompiled
@pytest.mark.parametrize("offset", [-0.999, -0.3, 0.0, 0.2, 0.9, 0.99])
@pytest.mark.parametrize("seed", [0, 1])
def test_two_sites_part_the_ball_into_caps(offset, seed):
    # sites at -n and n: the facet is the plane n x = offset if psi_0 - psi_1 = 4 offset
    normal = rotation(seed)[0]
    diagram = power_diagram([-normal, normal], [4 * offset, 0.0])
    height, square = 1 - offset, 1 - offset**2
    volume = np.pi * height**2 * (3 - height) / 3
    lever = np.pi * square**2 / 4 / volume
    # integrals over discs of radius sqrt(1 - z^2): pi r^4 / 2 about the axis, pi r^2 z^2 along it
    second = np.polynomial.Polynomial([0.5, 0, 0, 0, -0.5]).integ()
    about_center = np.pi * (second(1) - second(offset))
    assert diagram.masses[1] == pytest.approx(volume, rel=1e-11)
    assert diagram.masses.sum() == pytest.approx(4 / 3 * np.pi, rel=1e-14)
    assert diagram.centroids[1] == pytest.approx(lever * normal, rel=1e-10, abs=1e-12)
    assert diagram.second_moments[1] == pytest.approx(about_center - volume * lever**2, abs=1e-14)
    assert diagram.facet_areas == pytest.approx([np.pi * square], rel=1e-12)
    assert diagram.patch_areas[1] == pytest.approx(2 * np.pi * height, rel=1e-12)
    assert diagram.patch_centers[1] == pytest.approx(normal, abs=1e-9)


@pytest.mark.uncompiled
def test_a_slab_has_a_patch_with_a_hole_on_either_side():
    diagram = power_diagram([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])
    assert diagram.patch_areas == pytest.approx([np.pi, 2 * np.pi, np.pi], rel=1e-13)
    assert diagram.masses[1] == pytest.approx(np.pi * (1 - 1 / 12), rel=1e-13)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 40])
def test_sites_on_a_circle_share_the_ball_as_wedges(count):
    angle = 2 * np.pi * np.arange(count) / count
    circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(count)])
    diagram = power_diagram(0.7 * circle)
    assert diagram.masses == pytest.approx(np.full(count, 4 / 3 * np.pi / count), rel=1e-12)
    assert diagram.facet_areas[diagram.facet_areas > 1e-6] == pytest.approx(np.pi / (1 if count == 2 else 2), rel=1e-12)
    assert diagram.patch_centers == pytest.approx(circle, abs=1e-12)


@pytest.mark.uncompiled
def test_concentric_octahedra_part_the_ball_evenly():
    octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    diagram = power_diagram(np.concatenate([octahedron @ rotation(3).T * 0.9, [[0, 0, 0]]]))
    assert diagram.masses[:6] == pytest.approx(np.full(6, diagram.masses[0]), rel=1e-12)
    assert diagram.masses[6] == pytest.approx(0.9**3, rel=1e-12)  # a cube
    assert diagram.masses.sum() == pytest.approx(4 / 3 * np.pi, rel=1e-14)


@pytest.mark.uncompiled
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_cells_of_a_grid_in_a_box_are_cubes(count):
    middles = (2 * np.arange(count) + 1) / count - 1
    diagram = power_diagram(np.stack(np.meshgrid(*[middles] * 3), axis=-1).reshape(-1, 3), domain=DOMAINS["box"])
    assert diagram.masses == pytest.approx(np.full(count**3, 8 / count**3), rel=1e-13)
    assert diagram.centroids == pytest.approx(diagram.sites, abs=1e-13)
    assert diagram.second_moments == pytest.approx(8 / count**3 * (2 / count) ** 2 / 4, rel=1e-12)
    assert diagram.certificate <= 1e-14
    assert diagram.facet_areas.sum() == pytest.approx(3 * 4 * (count - 1), rel=1e-12)
    assert len(diagram.facets) == 3 * (count - 1) * count**2


@pytest.mark.uncompiled
def test_cells_of_a_body_centered_lattice_are_truncated_octahedra():
    corner = np.arange(-3.0, 4.0)
    grid = np.stack(np.meshgrid(*[corner] * 3), axis=-1).reshape(-1, 3)
    sites = np.concatenate([grid, grid + 0.5]) / 3
    diagram = power_diagram(sites)
    inner = np.linalg.norm(sites, axis=1) < 0.6
    assert diagram.masses[inner] == pytest.approx(1 / 54, rel=1e-12)
    assert diagram.certificate <= 1e-13
    faces = np.bincount(diagram.facets.ravel(), minlength=len(sites))
    assert (faces[inner] == 14).all()


# ---------------------------------------------------------------------------------------------------------------------
# against counting, and invariants


@pytest.mark.parametrize("name", DOMAINS)
def test_volumes_agree_with_counting(name):
    domain, sites = DOMAINS[name], random_sites(12, 5)
    weights = 0.2 * np.random.default_rng(1).random(12)
    diagram = power_diagram(sites, weights, domain)
    points = np.random.default_rng(2).uniform(-1.5, 1.5, (200_000, 3))
    points = points[domain.contains(points)]
    owner = (((points[:, None] - sites) ** 2).sum(axis=2) - weights).argmin(axis=1)
    share, count = diagram.masses / domain.measure, len(points)
    error = np.bincount(owner, minlength=12) / count - share
    assert (np.abs(error) <= 5 * np.sqrt(share * (1 - share) / count)).all()
    for i in np.flatnonzero(share > 0.02):
        own = points[owner == i]
        spread = own.std() / np.sqrt(len(own))
        assert diagram.centroids[i] == pytest.approx(own.mean(axis=0), abs=6 * spread)
        squares = ((own - diagram.centroids[i]) ** 2).sum(axis=1)
        second = diagram.second_moments[i] / diagram.masses[i]
        assert second == pytest.approx(squares.mean(), abs=6 * squares.std() / np.sqrt(len(own)))


@pytest.mark.parametrize("name", DOMAINS)
def test_both_cells_see_the_same_facet(name):
    edges = power_diagram(random_sites(300), domain=DOMAINS[name]).edges
    inner = (edges.beyond >= 0) & (edges.lengths > 0)
    pairs = np.column_stack([edges.owner, edges.other])[inner]
    one, two = np.lexsort(pairs.T), np.lexsort(pairs.T[::-1])
    assert (pairs[one] == pairs[two][:, ::-1]).all()
    assert edges.lengths[inner][one] == pytest.approx(edges.lengths[inner][two], abs=1e-13)


@pytest.mark.parametrize("name", DOMAINS)
def test_normals_times_areas_sum_to_zero(name):
    domain = DOMAINS[name]
    diagram = power_diagram(random_sites(400, 7), domain=domain)
    i, j = diagram.facets.T
    normals = diagram.sites[j] - diagram.sites[i]
    normals *= (diagram.facet_areas / np.linalg.norm(normals, axis=1))[:, None]
    total = np.zeros((400, 3))
    np.add.at(total, i, normals)
    np.add.at(total, j, -normals)
    if name == "ball":
        total[diagram.patches[:, 0].astype(int)] += diagram.patches[:, 2:]
    inner = ~np.isin(np.arange(400), diagram.edges.owner[diagram.edges.beyond < 0])
    assert inner.sum() > 100
    assert np.abs(total[inner]).max() <= 1e-13


# ---------------------------------------------------------------------------------------------------------------------
# hard inputs


def test_a_small_cell_makes_it_give_up():
    engine = SpaceEngine(random_sites(500, 3), DOMAINS["box"])
    least = engine.diagram(np.zeros(500)).masses.min()
    assert engine.diagram_above(1.001 * least, np.zeros(500)) is None
    assert engine.diagram_above(0.999 * least, np.zeros(500)) is not None


LINE = np.linspace(-0.9, 0.9, 300)
ANGLE = np.linspace(0, 2 * np.pi, 200, endpoint=False)
HARD = {
    "line": np.column_stack([LINE, LINE, LINE]) / 2,
    "plane": np.column_stack([random_sites(300)[:, :2], np.full(300, 0.25)]),
    "circle": np.column_stack([np.cos(ANGLE), np.sin(ANGLE), 0 * ANGLE]),
    "sphere and center": np.concatenate(
        [random_sites(300) / np.linalg.norm(random_sites(300), axis=1)[:, None], [[0, 0, 0]]]
    ),
    "near pairs": np.concatenate([random_sites(100), random_sites(100) + 1e-13]),
    "cluster": np.concatenate([1e-6 * random_sites(200), random_sites(20)]),
    "outside": random_sites(100) + np.array([5.0, 0.0, 0.0]),
    "far outside": random_sites(100) + np.array([1e4, 0.0, 0.0]),
    "grid": np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 3), axis=-1).reshape(-1, 3),
}


HARD_CASES = [pytest.param(case, marks=pytest.mark.uncompiled if case == "grid" else ()) for case in HARD]


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("case", HARD_CASES)
def test_hard_inputs_pass_the_certificate(name, case):
    sites = HARD[case]
    engine = SpaceEngine(sites, DOMAINS[name])
    for spread in (0.0, 1e-15, 0.1, 1e8):
        weights = spread * np.random.default_rng(0).random(len(sites))
        assert engine.diagram(weights).certificate <= CERTIFICATE


@pytest.mark.parametrize("name", ["ball", "box"])
@pytest.mark.parametrize("case", HARD_CASES)
def test_hard_inputs_pass_the_certificate_on_slopes(name, case):
    # weights of a transport that moves points far: cells lie elsewhere than their sites, many are empty
    sites, rng = HARD[case], np.random.default_rng(1)
    engine = SpaceEngine(sites, DOMAINS[name])
    for noise in (1e-2, 1e-3, 1e-4):
        weights = 0.3 * (sites**2).sum(axis=1) + noise * rng.random(len(sites))
        diagram = engine.diagram(weights)
        assert diagram.certificate <= CERTIFICATE
        assert diagram.masses == pytest.approx(SpaceEngine(sites, DOMAINS[name]).diagram(weights).masses, abs=1e-12)


@pytest.mark.uncompiled
def test_a_heavy_site_leaves_nothing_to_the_others():
    diagram = power_diagram(random_sites(50), np.append(np.zeros(49), 1e9))
    assert diagram.empty.tolist() == list(range(49))
    assert np.isnan(diagram.centroids[:49]).all()
    assert (diagram.second_moments[:49] == 0).all()


@pytest.mark.uncompiled
def test_sites_in_the_same_place_are_refused_or_merged():
    sites = np.array([[0.5, 0, 0], [-0.5, 0, 0], [0.5, 0, 0]])
    with pytest.raises(GeometryError, match="coincide") as caught:
        power_diagram(sites, domain=Ball())
    assert list(caught.value.ids) == [0, 2]
    merged = power_diagram(sites, [0.0, 0.0, 0.5], duplicates="merge")
    alone = power_diagram(sites[1:], [0.0, 0.5])
    assert merged.masses == pytest.approx([0, *alone.masses])
    assert merged.patch_areas == pytest.approx([0, *alone.patch_areas])
    assert merged.facets.tolist() == [[1, 2]]


def test_sites_and_domain_must_be_of_the_same_dimension():
    with pytest.raises(GeometryError, match="shape"):
        power_diagram([[0.0, 0.0]], domain=Ball())
    with pytest.raises(GeometryError, match="shape"):
        power_diagram([[0.0, 0.0, 0.0]], domain=Disk())
    with pytest.raises(GeometryError, match="domain is in the plane"):
        SpaceEngine([[0.0, 0.0, 0.0]], Box([0, 0], [1, 1]))


# ---------------------------------------------------------------------------------------------------------------------
# against other programs


def _walls(domain):
    if isinstance(domain, ConvexPolyhedron):
        return np.column_stack([domain.walls[:, :3], -domain.walls[:, 3] - domain.walls[:, :3] @ domain.center])
    return np.column_stack([np.concatenate([-np.eye(3), np.eye(3)]), np.concatenate([domain.lower, -domain.upper])])


@pytest.mark.parametrize("name", ["box", "polyhedron"])
@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_cells_agree_with_qhull(name, spread):
    domain, sites = DOMAINS[name], random_sites(60, 11)
    weights = spread * np.random.default_rng(0).random(60)
    diagram = power_diagram(sites, weights, domain)
    lift = (sites**2).sum(axis=1) - weights
    for i in np.flatnonzero(diagram.masses > 1e-6):
        rest = np.arange(60) != i
        bisectors = np.column_stack([2 * (sites[rest] - sites[i]), -(lift[rest] - lift[i])])
        corners = HalfspaceIntersection(np.concatenate([bisectors, _walls(domain)]), diagram.centroids[i])
        assert diagram.masses[i] == pytest.approx(ConvexHull(corners.intersections).volume, rel=1e-9)


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_cells_agree_with_voro(spread):
    pyvoro2 = pytest.importorskip("pyvoro2")
    sites = random_sites(500, 4)
    weights = spread * np.random.default_rng(0).random(500)
    box = pyvoro2.Box(((-1, 1), (-1, 1), (-1, 1)))
    cells = pyvoro2.compute(sites, domain=box, mode="power", weights=weights, include_empty=True, output="cells")
    volumes = np.zeros(500)
    for cell in cells:
        volumes[cell["id"]] = cell["volume"]
    assert power_diagram(sites, weights, DOMAINS["box"]).masses == pytest.approx(volumes, abs=1e-9)


def test_cells_agree_with_geogram():
    geogram = pytest.importorskip("geogram")
    sites = random_sites(500, 4)
    weights = 0.02 * np.random.default_rng(0).random(500)
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    domain = np.array([[0, 1, 2, 3]] if np.linalg.det(corners[1:] - corners[0]) > 0 else [[1, 0, 2, 3]], np.uint32)
    parts = geogram.Voronoi(sites, weights=weights, domain_vertices=corners, domain_simplices=domain)
    simplices, owner = parts.q[parts.t], parts.tseed.ravel()
    volumes = np.bincount(owner, np.linalg.det(simplices[:, 1:] - simplices[:, :1]) / 6, minlength=500)
    diagram = power_diagram(sites, weights, DOMAINS["polyhedron"])
    assert diagram.masses == pytest.approx(volumes * np.sign(volumes.sum()), abs=1e-9)


def test_cells_that_do_not_fill_the_domain_are_an_error(monkeypatch):
    monkeypatch.setattr(spacepower, "LARGEST_GAP", -1.0)
    with pytest.raises(ConvergenceError, match="miss the domain's volume"):
        power_diagram([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]], domain=Ball())
