import numpy as np
import pytest
from shapes import cylinder, disk, icosphere, join, relief, triangle

from meshot.base.errors import ConvergenceError
from meshot.diagrams.domains import Box, Disk
from meshot.diagrams.power_diagram import power_diagram
from meshot.diagrams.surface.diagram import SurfaceEngine, SurfaceSites, spacing
from meshot.meshes.surface import Surface


def sites_on(surface, n, seed=0):
    rng = np.random.default_rng(seed)
    faces = rng.choice(len(surface.faces), n, p=surface.face_areas / surface.area)
    return SurfaceSites(faces, rng.dirichlet([1, 1, 1], n))


def points_of(surface, sites):
    return np.einsum("nk,nkd->nd", sites.barycentric, surface.corners[sites.faces])


def engine_of(surface, sites, density=None, reach=None):
    engine = SurfaceEngine(surface, density)
    engine.place(sites, reach)
    return engine


@pytest.mark.parametrize("weighted", [False, True])
def test_flat_cells_are_those_of_the_plane(weighted):
    """On a flat disk of many sides: masses, centroids and neighbors of the plane's power diagram, up to the circle."""
    surface = disk(12)
    sites = sites_on(surface, 60)
    weights = 0.01 * np.random.default_rng(1).random(60) if weighted else np.zeros(60)
    engine = engine_of(surface, sites)
    ours = engine.diagram(weights)
    plane = power_diagram(points_of(surface, sites)[:, :2], weights, Disk())
    inner = np.ones(60, dtype=bool)
    inner[plane.arcs[:, 0].astype(int)] = False
    assert inner.sum() > 20
    np.testing.assert_allclose(ours.masses[inner], plane.masses[inner], rtol=1e-10)
    centroids = points_of(surface, SurfaceSites(*engine.moved(np.nan_to_num(ours.offsets))))
    np.testing.assert_allclose(centroids[inner, :2], plane.centroids[inner], atol=1e-12)
    assert ours.certificate < 1e-13
    pairs = {tuple(pair) for pair, long in zip(plane.facets, plane.facet_lengths, strict=True) if long > 1e-6}
    assert pairs <= {tuple(pair) for pair in ours.facets}


@pytest.mark.parametrize("surface", [relief(8), icosphere(2), cylinder(16, 6, 2.0)], ids=["relief", "ball", "tube"])
def test_conductances_are_the_derivatives_of_the_masses(surface):
    sites = sites_on(surface, 30)
    engine = engine_of(surface, sites, density=1.0 + np.arange(len(surface.faces)) % 3)
    weights = np.zeros(30)
    start = engine.diagram(weights)
    gram = np.zeros((30, 30))
    for (i, j), value in zip(start.facets, start.conductances, strict=True):
        gram[i, j] = gram[j, i] = -value
    gram -= np.diag(gram.sum(axis=1))
    for k in range(0, 30, 7):
        step = np.zeros(30)
        step[k] = 1e-6 * start.radii.min() ** 2
        change = engine.diagram(weights + step).masses - engine.diagram(weights - step).masses
        np.testing.assert_allclose(change / (2 * step[k]), gram[k] / 2, atol=2e-4 * gram[k, k])


def test_cells_tile_the_surface_however_short_the_first_reach():
    for surface in (relief(10), disk(6)):
        sites = sites_on(surface, 25)
        far, near = (engine_of(surface, sites, reach=reach).diagram(np.zeros(25)) for reach in (1.0, 1e-3))
        assert near.masses.sum() == pytest.approx(surface.area, rel=1e-13)
        assert (near.radii < 3).all()
    np.testing.assert_allclose(near.masses, far.masses, rtol=1e-12)  # on the flat one


@pytest.mark.uncompiled
def test_cells_do_not_leap_across_a_gap():
    """A folded sheet, its halves 0.02 apart: the site below has none of the sheet above, though it is near in space."""
    x = np.array([0.0, 0.5, 1.0, 1.0, 0.5, 0.0])
    z = np.array([0.0, 0.0, 0.0, 0.02, 0.02, 0.02])
    vertices = np.stack([np.repeat(x, 2), np.tile([0.0, 0.2], 6), np.repeat(z, 2)], axis=1)
    faces = [f for k in range(0, 10, 2) for f in ([k, k + 2, k + 3], [k, k + 3, k + 1])]
    sheet = Surface(vertices, faces)
    places = np.array([0, 4, 9])  # faces: below at x = 0, the fold, above at x = 0
    sites = SurfaceSites(places, np.full((3, 3), 1 / 3))
    cells = engine_of(sheet, sites, reach=0.3).diagram(np.zeros(3))
    below = set(cells.part_faces[cells.starts[0] : cells.starts[1]].tolist())
    assert below <= {0, 1, 2, 3}


def test_a_part_without_sites_is_an_error():
    pair = join(triangle(), triangle())
    with pytest.raises(ConvergenceError, match="joined to no site"):
        engine_of(pair, SurfaceSites(np.array([0]), np.full((1, 3), 1 / 3))).diagram(np.zeros(1))


def test_cells_are_those_of_the_tube_rolled_out():
    """Distances along a tube, not through it: the diagram of the strip, and its two neighbors left and right."""
    sides, side, height = 16, 2 * np.sin(np.pi / 16), 2.0
    tube, width = cylinder(sides, 5, height), sides * side
    sites = sites_on(tube, 40)
    points = points_of(tube, sites)
    turn = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    wall = np.floor(turn / (2 * np.pi / sides))
    corner = np.stack([np.cos(2 * np.pi * wall / sides), np.sin(2 * np.pi * wall / sides)], axis=1)
    flat = np.stack([wall * side + np.linalg.norm(points[:, :2] - corner, axis=1), points[:, 2]], axis=1)
    strip = np.concatenate([flat, flat + np.array([width, 0]), flat - np.array([width, 0])])
    plane = power_diagram(strip, domain=Box([-width, 0], [2 * width, height]))
    ours = engine_of(tube, sites).diagram(np.zeros(40))
    np.testing.assert_allclose(ours.masses, plane.masses[:40], rtol=1e-9)


@pytest.mark.uncompiled
def test_walks_are_straight_and_end_at_the_boundary():
    surface = disk(7)
    sites = sites_on(surface, 50)
    engine = engine_of(surface, sites)
    start = points_of(surface, sites)
    offsets = np.random.default_rng(3).normal(size=(50, 2))
    ends = points_of(surface, SurfaceSites(*engine.moved(offsets)))
    length = np.linalg.norm(ends - start, axis=1)
    corners = surface.corners[sites.faces]
    axis = corners[:, 1] - corners[:, 0]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    wanted = offsets[:, :1] * axis + offsets[:, 1:] * np.cross([0, 0, 1], axis)
    direction = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(ends - start, length[:, None] * direction, atol=1e-12)
    inside = np.linalg.norm(start + wanted, axis=1) < 0.97
    assert 5 < inside.sum() < 45
    np.testing.assert_allclose(length[inside], np.linalg.norm(wanted[inside], axis=1), rtol=1e-12)
    rim = np.linalg.norm(ends[np.linalg.norm(start + wanted, axis=1) > 1], axis=1)
    assert (rim > np.cos(np.pi / 42) - 1e-12).all()


@pytest.mark.uncompiled
def test_great_circles_close():
    """On a fine sphere a walk of half its girth ends on the other side."""
    ball = icosphere(4)
    sites = sites_on(ball, 20)
    engine = engine_of(ball, sites)
    turn = np.random.default_rng(1).random(20) * 2 * np.pi
    girth = np.sqrt(ball.area / (4 * np.pi)) * np.pi
    ends = points_of(ball, SurfaceSites(*engine.moved(girth * np.stack([np.cos(turn), np.sin(turn)], axis=1))))
    assert (np.linalg.norm(ends + points_of(ball, sites), axis=1) < 0.1).all()


def test_spacing_of_the_hexagonal_packing():
    """n points take the area of n rhombi of side d and angle 60 degrees."""
    surface = disk(10)
    assert 100 * spacing(surface, 100) ** 2 * np.sqrt(3) / 2 == pytest.approx(surface.area)
