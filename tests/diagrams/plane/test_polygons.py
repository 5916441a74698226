import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.diagrams.edges import CellPolygons
from meshot.diagrams.power_diagram import power_diagram
from meshot.transport.solve import solve_transport

DOMAINS = [Box([-1, -0.5], [1, 1]), ConvexPolygon([[-1, -1], [1, -0.5], [0.2, 1]]), Disk([0.5, 0.0], 2.0)]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 150), st.integers(0, 2**31), st.floats(0, 0.5), st.sampled_from(DOMAINS))
def test_areas_are_the_masses_and_corners_turn_left(count, seed, strength, domain):
    rng = np.random.default_rng(seed)
    diagram = power_diagram(rng.uniform(-1, 1, (count, 2)), strength * rng.random(count), domain)
    step = 1e-3
    polygons = diagram.polygons(step)
    missing = domain.circle_radius**2 * 2 * np.pi * step**2 / 12 if isinstance(domain, Disk) else 0.0
    assert polygons.areas == pytest.approx(diagram.masses, abs=1e-9 + missing)
    assert (np.diff(polygons.starts)[diagram.masses == 0] == 0).all()
    for i in np.flatnonzero(diagram.masses > 1e-6):
        sides = np.diff(np.vstack([p := polygons.points[polygons.starts[i] : polygons.starts[i + 1]], p[:2]]), axis=0)
        assert (sides[:-1, 0] * sides[1:, 1] - sides[:-1, 1] * sides[1:, 0] > -1e-9).all()


def test_one_cell_is_the_domain():
    assert power_diagram([[5.0, 5.0]], domain=Box([0, 0], [2, 1])).polygon(0).tolist() == [
        [0, 0],
        [2, 0],
        [2, 1],
        [0, 1],
    ]
    circle = power_diagram([[5.0, 5.0]]).polygon(0, step=2 * np.pi / 8)
    assert len(circle) == 8
    assert np.hypot(*circle.T) == pytest.approx(np.ones(8))


def test_a_corner_of_the_domain_on_a_facet_belongs_to_both_cells():
    diagram = power_diagram([[1.0, 0.0], [0.0, 1.0]], domain=Box([0, 0], [1, 1]))
    assert sorted(diagram.polygon(0).round(12).tolist()) == [[0, 0], [1, 0], [1, 1]]
    assert sorted(diagram.polygon(1).round(12).tolist()) == [[0, 0], [0, 1], [1, 1]]


def test_a_half_disk_has_its_chord_and_its_arc():
    half = power_diagram([[-1.0, 0.0], [1.0, 0.0]]).polygon(1, step=np.pi / 4)
    exact = [[np.cos(a), np.sin(a)] for a in np.linspace(-np.pi / 2, np.pi / 2, 5)]
    assert half == pytest.approx(np.array(exact), abs=1e-12)


def test_an_empty_cell_has_no_corners():
    polygons = power_diagram([[0.0, 0.0], [0.5, 0.0]], [9.0, 0.0]).polygons()
    assert polygons.starts[1] == polygons.starts[2] == len(polygons.points)
    assert polygons.areas[1] == 0
    assert CellPolygons(np.zeros(1, dtype=int), np.empty((0, 2))).areas.shape == (0,)


@pytest.mark.parametrize("t", [0.0, 0.25, 0.9, 1.0])
def test_cells_shrink_toward_their_sites(t):
    """McCann's interpolation: areas scale by (1 - t)^2, centroids move along straight lines, cells stay apart."""
    rng = np.random.default_rng(0)
    sites, domain = 3 + rng.standard_normal((60, 2)), Box([0, 0], [1, 1])
    result = solve_transport(sites, domain=domain)
    cells = result.interpolate_cells(t)
    assert cells.areas == pytest.approx((1 - t) ** 2 * result.diagram.masses, abs=1e-12)
    start, end = result.diagram.polygons(), sites[cells.owner]
    assert cells.points == pytest.approx((1 - t) * start.points + t * end)
    if 0 < t < 1:  # T_t is injective: no moved corner of a cell lies inside another moved cell
        middle = result.interpolate(t)
        owner = _cell_holding(cells, middle)
        assert owner == list(range(60))


def _cell_holding(cells, points):
    found = []
    for x in points:
        inside = []
        for i in range(len(cells.starts) - 1):
            p = cells.points[cells.starts[i] : cells.starts[i + 1]]
            side = np.roll(p, -1, axis=0) - p
            inside.append((side[:, 0] * (x - p)[:, 1] - side[:, 1] * (x - p)[:, 0] > 0).all())
        assert sum(inside) == 1
        found.append(inside.index(True))
    return found
