"""Cells with far more sides, sites far nearer to one another, than arrays are first made for; calls cut short.

Nothing may be written beyond an array, left out for want of room, or go on without an end: the tests are run with
checked indices, too.
"""

import numpy as np
import pytest
import shapes
import torch

from meshot.base.errors import ConvergenceError
from meshot.conformal import intrinsic
from meshot.conformal.intrinsic import intrinsic_delaunay
from meshot.diagrams.density import source
from meshot.diagrams.density.densities import GridDensity
from meshot.diagrams.density.source import DensitySource
from meshot.diagrams.domains import Ball, Box, ConvexPolygon, Disk
from meshot.diagrams.engine import NO_ROOM, TOO_SMALL, in_growing_rooms
from meshot.diagrams.plane import diagram as plane
from meshot.diagrams.plane import raising, triangulation
from meshot.diagrams.sphere.diagram import sphere_diagram
from meshot.diagrams.surface import diagram as surface_diagram
from meshot.diagrams.surface.diagram import SurfaceEngine, SurfaceSites
from meshot.meshes.surface import Surface
from meshot.sampling.geodesics import nearest_geodesic
from meshot.transport.initial_weights import mend
from meshot.transport.sampled.nearest.box_search import BoxSearch

pytestmark = pytest.mark.fast

MANY = 1500


def circle(count, radius=0.9):
    """Points around the origin."""
    angle = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


STAR = np.concatenate([[[0.0, 0.0]], circle(MANY)])
HUNDREDS = ConvexPolygon(circle(700, 1.0))
PLANE = {
    "star": (STAR, Disk()),
    "star in a box": (STAR, Box([-2, -2], [2, 2])),
    "star in a polygon": (STAR, HUNDREDS),
    "a site in a polygon": (np.array([[0.1, 0.2]]), HUNDREDS),
    "sites of a circle": (circle(MANY), Box([-2, -2], [2, 2])),
    "sites of a line": (np.stack([np.linspace(-0.9, 0.9, 300), np.zeros(300)], axis=1), Disk()),
    "near sites": (0.1 + 1e-9 * np.random.default_rng(0).standard_normal((MANY, 2)), Disk()),
}


@pytest.mark.parametrize("searched", [False, True])
@pytest.mark.parametrize("name", PLANE)
def test_cells_of_the_plane_tile_their_domain(monkeypatch, name, searched):
    sites, domain = PLANE[name]
    if searched:  # without the triangulation
        monkeypatch.setattr(plane, "CERTIFICATE", -1.0)
        sites = sites[::3] if len(sites) > 1 else sites
    diagram = domain.engine(sites).diagram(np.zeros(len(sites)))
    assert diagram.certificate < 1e-12
    assert (diagram.masses > 0).all()
    if name == "star":
        assert np.diff(diagram.edges.starts).max() == len(sites) - 1


def test_a_cell_of_many_sides_is_measured_over_a_density(monkeypatch):
    weighed = DensitySource(GridDensity(1 + np.arange(16.0).reshape(4, 4), [-2, -2], [2, 2]), HUNDREDS)
    sites, weights = STAR[::3], np.zeros(len(STAR[::3]))
    masses = HUNDREDS.engine(sites, weighed).diagram(weights).masses
    assert masses.sum() == pytest.approx(weighed.mass, rel=1e-12)
    monkeypatch.setattr(source, "SPARE", -400)  # too little at first
    again = DensitySource(weighed.density, HUNDREDS)
    np.testing.assert_array_equal(HUNDREDS.engine(sites, again).diagram(weights).masses, masses)
    monkeypatch.setattr(source, "MOST_DOUBLINGS", 0)
    with pytest.raises(ConvergenceError, match="rounding does not let the sides of a cell come to an end"):
        DensitySource(weighed.density, HUNDREDS)


def spread(count):
    """Points all over the sphere."""
    k = np.arange(count) + 0.5
    z, angle = 1 - 2 * k / count, np.pi * (1 + np.sqrt(5)) * k
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)


CURVE = np.linspace(-1, 1, 150)[:, None] ** np.arange(1, 4)
SPACE = {
    "star": (np.concatenate([[[0.0, 0.0, 0.0]], 0.9 * spread(600)]), Ball()),
    "star in a box": (np.concatenate([[[0.0, 0.0, 0.0]], 0.9 * spread(300)]), Box([-1] * 3, [1] * 3)),
    "sites that are all neighbors": (CURVE, Box([-2] * 3, [2] * 3)),
    "a lattice": (np.indices((8, 8, 8)).reshape(3, -1).T / 4 - 0.875, Box([-1] * 3, [1] * 3)),
    "near sites": (0.1 + 1e-7 * np.random.default_rng(0).standard_normal((200, 3)), Ball()),
}


@pytest.mark.parametrize("name", SPACE)
def test_cells_of_space_fill_their_domain_and_have_all_their_faces(name):
    sites, domain = SPACE[name]
    diagram = domain.engine(sites).diagram(np.zeros(len(sites)))
    assert diagram.certificate < 1e-9
    if name == "star":
        assert np.diff(diagram.edges.starts).max() == len(sites) - 1
    faces = diagram.cell_faces()
    corners = np.diff(faces.starts)
    edges = np.bincount(faces.owner, corners, minlength=len(sites)) / 2
    points, sides = np.diff(faces.cells), np.bincount(faces.owner, minlength=len(sites))
    np.testing.assert_array_equal((points - edges + sides)[points > 0], 2)  # Euler's formula


def test_a_cell_of_the_sphere_may_have_any_number_of_sides():
    ring = np.column_stack([circle(MANY, np.sqrt(0.75)), np.full(MANY, 0.5)])
    diagram = sphere_diagram(np.concatenate([[[0.0, 0, 1], [0.0, 0, -1]], ring]))
    assert diagram.certificate < 1e-12
    assert np.bincount(diagram.facets.ravel())[:2].tolist() == [MANY, MANY]


def umbrella(count, waves=0):
    """A disk of faces around one vertex, whose rim goes up and down."""
    rim = np.column_stack([circle(count), 0.1 * np.sin(waves * 2 * np.pi * np.arange(count) / count)])
    faces = [[0, 1 + k, 1 + (k + 1) % count] for k in range(count)]
    return Surface(np.concatenate([[[0.0, 0.0, 0.3]], rim]), faces)


@pytest.mark.parametrize("sides", [4, 0])
def test_sites_on_one_face_or_around_a_vertex_share_a_surface(monkeypatch, sides):
    monkeypatch.setattr(surface_diagram, "USUAL_SIDES", sides)  # without room at first
    rng = np.random.default_rng(0)
    near = np.array([0.2, 0.3, 0.5]) + 1e-9 * rng.standard_normal((100, 3)) @ (np.eye(3) - 1 / 3)
    for surface, faces, weights in (
        (shapes.icosphere(1), np.zeros(100, dtype=int), near),
        (umbrella(MANY), np.arange(0, MANY, 15), np.full((100, 3), 1 / 3)),
    ):
        engine = SurfaceEngine(surface)
        engine.place(SurfaceSites(faces, weights))
        diagram = engine.diagram(np.zeros(100))
        assert diagram.masses.sum() == pytest.approx(surface.area, rel=1e-9)
        assert len(diagram.facets) >= 100


@pytest.mark.parametrize("surface", [shapes.grid(4, 4), shapes.octahedron(), shapes.icosphere(1), shapes.cylinder()])
def test_a_walk_from_a_corner_ends_wherever_it_leads(surface):
    faces, corners = np.repeat(np.arange(len(surface.faces)), 3), np.tile(np.eye(3), (len(surface.faces), 1))
    engine = SurfaceEngine(surface)
    engine.place(SurfaceSites(faces, corners))
    for length in (0.25, 1.0, 1e3):
        for way in circle(16, length):
            _, weights = engine.moved(np.tile(way, (len(faces), 1)))
            assert (weights >= 0).all()
            assert weights.sum(axis=1) == pytest.approx(1)


def test_geodesics_around_a_vertex_of_many_faces():
    surface = umbrella(MANY)
    distances = nearest_geodesic(surface, np.arange(0, MANY, 30), np.full((50, 3), 1 / 3), 0.01)
    assert distances == pytest.approx(0.6 * 2 * np.sin(np.pi / 50), rel=0.01)


def test_no_sample_leads_beyond_the_sites():
    search = BoxSearch(np.eye(2), np.zeros(2), (-np.ones(2), np.ones(2)), 1e3, 2, torch.device("cpu"))
    found = search(torch.tensor([[np.nan, 0.0], [0.5, 0.0], [9.0, 0.0]], dtype=torch.float64)).sites
    assert found.min() >= 0
    assert found.max() < 2


# ---------------------------------------------------------------------------------------------------------------------
# calls cut short


def test_a_triangulation_made_in_short_calls_is_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    sites, weights = rng.random((300, 2)), 1e-3 * rng.random(300)

    def made():
        dual = triangulation.RegularTriangulation(sites)
        assert dual.update(np.zeros(300), may_hide=True)
        first = dual.triangles.copy()
        assert dual.update(weights, may_hide=True)
        return first, dual.triangles.copy()

    whole = made()
    monkeypatch.setattr(triangulation, "AT_A_TIME", 7)
    np.testing.assert_array_equal(made()[0], whole[0])
    np.testing.assert_array_equal(made()[1], whole[1])


def test_flips_made_in_short_calls_are_the_same(monkeypatch):
    surface = umbrella(90, waves=9)
    whole = intrinsic_delaunay(surface)
    monkeypatch.setattr(intrinsic, "FLIPS_AT_A_TIME", 3)
    parts = intrinsic_delaunay(surface)
    assert parts.flips == whole.flips > 3
    np.testing.assert_array_equal(parts.faces, whole.faces)
    monkeypatch.setattr(intrinsic, "FLIPS_PER_EDGE", 0)
    monkeypatch.setattr(intrinsic, "FLIPS_AT_LEAST", 10)
    with pytest.raises(ConvergenceError, match="did not end after 10"):
        intrinsic_delaunay(surface)


def test_mending_gives_up_when_it_has_looked_long_enough(monkeypatch):
    sites = 0.8 * circle(200)
    engine = Disk().engine(sites)
    near = engine.diagram(np.zeros(200)).edges.neighbors
    weights, wanted = np.where(np.arange(200) % 2 == 0, -0.5, 0.0), np.full(200, np.pi / 200)
    assert mend(engine, weights, wanted, *near) is not None
    monkeypatch.setattr(raising, "MOST_LOOKS", 0)
    monkeypatch.setattr(raising, "MOST_LOOKS_BESIDE", 0)
    assert mend(engine, weights, wanted, *near) is None


def test_rooms_do_not_grow_without_an_end():
    with pytest.raises(ConvergenceError, match="rounding does not let the sides of a cell come to an end"):
        in_growing_rooms(lambda first, last, room: (NO_ROOM, ()), 3, 2, 8, 100)
    assert in_growing_rooms(lambda first, last, room: (TOO_SMALL, ()), 3, 2, 8, 1) is None
