import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import qhull_cells

from meshot.base.errors import ConvergenceError
from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.diagrams.power_diagram import power_diagram

CERTIFICATE = 1e-12
SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


def random_sites(count, seed=0, reach=1.0):
    rng = np.random.default_rng(seed)
    return reach * np.sqrt(rng.random((count, 1))) * _circle(2 * np.pi * rng.random(count))


def _circle(angle):
    return np.column_stack([np.cos(angle), np.sin(angle)])


# ---------------------------------------------------------------------------------------------------------------------
# closed forms


@pytest.mark.uncompiled
def test_one_site_has_the_whole_disk():
    diagram = power_diagram([[0.3, 0.1]], domain=Disk([2.0, -1.0], 0.5))
    assert diagram.masses == pytest.approx([np.pi / 4])
    assert diagram.centroids == pytest.approx(np.array([[2.0, -1.0]]))
    assert diagram.second_moments == pytest.approx([np.pi * 0.5**4 / 2])
    assert len(diagram.facets) == 0


@pytest.mark.uncompiled
@pytest.mark.parametrize("offset", [-0.999, -0.3, 0.0, 0.2, 0.9, 0.9999])
def test_two_sites_part_the_disk_along_a_chord(offset):
    # sites at (-1, 0) and (1, 0): the facet is x = offset if psi_0 - psi_1 = 4 offset
    diagram = power_diagram([[-1.0, 0.0], [1.0, 0.0]], [4 * offset, 0.0])
    half, angle = np.sqrt(1 - offset**2), np.arccos(offset)
    right = angle - offset * half
    assert diagram.masses == pytest.approx([np.pi - right, right], rel=1e-9)
    assert diagram.centroids[1, 0] == pytest.approx(2 * half**3 / 3 / right, rel=1e-9)
    assert diagram.facet_lengths == pytest.approx([2 * half], rel=1e-12)
    # integral of |x|^2 over the right segment, by the sector less the triangle
    about_origin = angle / 2 - np.sin(2 * angle) * (2 + np.cos(2 * angle)) / 12
    about_centroid = about_origin - right * diagram.centroids[1, 0] ** 2
    assert diagram.second_moments[1] == pytest.approx(about_centroid, rel=1e-6)


def test_facet_ends_leave_the_first_cell_on_the_left():
    diagram = power_diagram([[-1.0, 0.0], [1.0, 0.0]])
    ((start, stop),) = diagram.facet_ends
    assert start == pytest.approx([0, -1])
    assert stop == pytest.approx([0, 1])


@pytest.mark.uncompiled
def test_a_strip_across_the_disk_has_two_arcs():
    diagram = power_diagram([[-1.0, 0], [0, 0], [1, 0]])
    turns = diagram.arcs[diagram.arcs[:, 0] == 1, 2]
    assert turns == pytest.approx([np.pi / 3, np.pi / 3])
    assert diagram.masses[1] == pytest.approx(np.pi / 3 + np.sqrt(3) / 2)


@pytest.mark.uncompiled
@pytest.mark.parametrize("count", [3, 4, 7, 50])
def test_sites_on_a_circle_share_the_disk_as_sectors(count):
    angle = 2 * np.pi * np.arange(count) / count
    diagram = power_diagram(0.7 * _circle(angle))
    assert diagram.masses == pytest.approx(np.full(count, np.pi / count), rel=1e-12)
    lever = 2 / 3 * np.sin(np.pi / count) / (np.pi / count)
    assert diagram.centroids == pytest.approx(lever * _circle(angle), abs=1e-12)
    assert diagram.arc_midpoints == pytest.approx(_circle(angle), abs=1e-12)


def test_arcs_go_once_around_the_circle():
    diagram = power_diagram(random_sites(500))
    assert diagram.arcs[:, 2].sum() == pytest.approx(2 * np.pi, rel=1e-12)


def test_cells_of_a_grid_in_a_box_are_squares():
    n = 20
    x = (np.arange(n) + 0.5) / n
    diagram = power_diagram(np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2), domain=Box([0, 0], [1, 1]))
    assert diagram.masses == pytest.approx(np.full(n * n, 1 / n**2), rel=1e-12)
    assert diagram.centroids == pytest.approx(diagram.sites, abs=1e-14)
    assert diagram.second_moments == pytest.approx(np.full(n * n, 1 / (6 * n**4)), rel=1e-9)
    assert len(diagram.facets) == pytest.approx(2 * n * (n - 1), abs=0)


@pytest.mark.uncompiled
def test_a_constant_weight_on_a_triangle_changes_nothing():
    triangle = ConvexPolygon([[0, 0], [1, 0], [0, 1]])
    plain = power_diagram([[0.2, 0.2], [0.5, 0.3], [2.0, 2.0]], domain=triangle)
    raised = power_diagram([[0.2, 0.2], [0.5, 0.3], [2.0, 2.0]], [7.0, 7.0, 7.0], triangle)
    assert raised.masses == pytest.approx(plain.masses, abs=1e-14)
    assert plain.masses.sum() == pytest.approx(0.5)


@pytest.mark.uncompiled
def test_collinear_sites():
    diagram = power_diagram(np.column_stack([np.linspace(-0.9, 0.9, 10), np.zeros(10)]), domain=Box([-1, -1], [1, 1]))
    assert diagram.certificate <= CERTIFICATE
    assert diagram.masses == pytest.approx([0.4, *[0.4] * 8, 0.4])


# ---------------------------------------------------------------------------------------------------------------------
# against qhull


def sites_for(kind, rng):
    if kind == "random":
        return rng.random((300, 2))
    if kind == "grid":
        return np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 17)), axis=-1).reshape(-1, 2)
    if kind == "cocircular":
        return 0.5 + 0.3 * _circle(2 * np.pi * np.arange(100) / 100)
    near = rng.random((100, 2))
    return np.concatenate([near, near + 1e-5 * rng.standard_normal(near.shape)])


@pytest.mark.parametrize("weighted", [False, True], ids=["voronoi", "weighted"])
@pytest.mark.parametrize("kind", ["random", "grid", "cocircular", "nearly coincident"])
def test_cells_agree_with_qhull(kind, weighted):
    rng = np.random.default_rng(1)
    sites = sites_for(kind, rng)
    weights = rng.random(len(sites)) * ((1e-9 if kind == "nearly coincident" else 1e-3) if weighted else 0.0)
    diagram = power_diagram(sites, weights, Box([0, 0], [1, 1]))
    areas, centroids = qhull_cells(sites, weights, SQUARE)
    assert diagram.certificate <= CERTIFICATE
    tolerance = 1e-6 if kind == "nearly coincident" else 1e-10  # qhull's lift has lost the digits of such pairs
    assert diagram.masses == pytest.approx(areas, abs=tolerance)
    large = areas > 1e-4
    assert diagram.centroids[large] == pytest.approx(centroids[large], abs=1e3 * tolerance)


def test_nearly_coincident_sites_share_the_cell_that_one_would_have():
    rng = np.random.default_rng(0)
    sites = rng.random((100, 2))
    pairs = power_diagram(np.concatenate([sites, sites + 1e-10 * rng.standard_normal(sites.shape)]))
    assert pairs.certificate <= CERTIFICATE
    assert pairs.masses[:100] + pairs.masses[100:] == pytest.approx(power_diagram(sites).masses, abs=1e-8)


def test_cells_agree_with_counting_in_the_disk():
    sites, rng = random_sites(20), np.random.default_rng(3)
    weights = 0.2 * rng.random(20)
    points = random_sites(400_000, seed=4)
    owner = (((points[:, None] - sites) ** 2).sum(axis=2) - weights).argmin(axis=1)
    share = np.bincount(owner, minlength=20) / len(points)
    diagram = power_diagram(sites, weights)
    assert np.abs(share - diagram.masses / np.pi).max() < 5 * np.sqrt(0.25 / len(points))


# ---------------------------------------------------------------------------------------------------------------------
# properties


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 300), st.integers(0, 2**31))
def test_each_cell_is_closed_by_its_facets_and_arcs(count, seed):
    """Facet normals weighted by length sum to zero around a closed cell (the divergence theorem), arcs included."""
    sites = random_sites(count, seed)
    diagram = power_diagram(sites)
    i, j = diagram.facets.T
    normal = (sites[j] - sites[i]) / np.linalg.norm(sites[j] - sites[i], axis=1, keepdims=True)
    total = np.zeros((count, 2))
    np.add.at(total, i, diagram.facet_lengths[:, None] * normal)
    np.add.at(total, j, -diagram.facet_lengths[:, None] * normal)
    start, stop = diagram.arcs[:, 1], diagram.arcs[:, 1] + diagram.arcs[:, 2]
    outward = np.column_stack([np.sin(stop) - np.sin(start), np.cos(start) - np.cos(stop)])
    np.add.at(total, diagram.arcs[:, 0].astype(int), outward)
    assert np.abs(total).max() < 1e-9


# ---------------------------------------------------------------------------------------------------------------------
# the engine, and hard cases


def test_weights_that_move_cells_far_from_their_sites():
    """Sites shrunk to a corner with the weights of the full disk: cell i is nowhere near site i."""
    spread = random_sites(2000)
    sites = 0.01 * spread + np.array([0.9, 0.0])
    heights = -0.5 * (spread**2).sum(axis=1) * 0.01
    diagram = power_diagram(sites, 2 * heights + (sites**2).sum(axis=1))
    assert diagram.certificate <= CERTIFICATE
    assert diagram.masses == pytest.approx(power_diagram(spread).masses, rel=1e-7)


def test_huge_weights_leave_empty_cells():
    diagram = power_diagram(random_sites(50), np.r_[100.0, np.zeros(49)])
    assert diagram.masses[0] == pytest.approx(np.pi)
    assert diagram.empty.tolist() == list(range(1, 50))
    assert np.isnan(diagram.centroids[1:]).all()


def test_a_cell_with_more_neighbors_than_there_is_room_for_at_first():
    sites = np.concatenate([[[0.0, 0.0]], 0.9 * _circle(2 * np.pi * np.arange(1000) / 1000)])
    diagram = power_diagram(sites)
    assert (diagram.facets == 0).sum() == 1000
    assert diagram.masses[0] == pytest.approx(1000 * np.tan(np.pi / 1000) * 0.45**2, rel=1e-12)


def test_giving_up_below_a_least_area():
    engine = PowerEngine(random_sites(100), Disk())
    smallest = engine.diagram(np.zeros(100)).masses.min()
    assert engine.diagram_above(0.99 * smallest, np.zeros(100)) is not None
    assert engine.diagram_above(1.01 * smallest, np.zeros(100)) is None


def test_without_a_triangulation_all_cells_are_cut_out(monkeypatch):
    rng = np.random.default_rng(5)
    sites, weights = rng.random((200, 2)), 0.01 * rng.random(200)
    square = Box([0, 0], [1, 1])
    known = power_diagram(sites, weights, square)
    monkeypatch.setattr("meshot.diagrams.plane.triangulation.MOST_FLIPS", 0)
    engine = PowerEngine(sites, square)
    diagram = engine.diagram(weights)
    assert diagram.certificate < 1e-14
    assert diagram.masses == pytest.approx(known.masses, abs=1e-15)
    assert sorted(map(tuple, diagram.facets)) == sorted(map(tuple, known.facets))
    with pytest.raises(ConvergenceError, match="rounding"):
        _ = diagram.triangulation
