"""Power diagrams of the sphere: cells of known area, the tiling certificate, the Hessian."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, SphericalVoronoi
from shapes import icosphere, octahedron, scattered, tetrahedron

from meshot.base.directions import octahedral_projection
from meshot.base.errors import GeometryError
from meshot.diagrams.sphere.diagram import SphereEngine, check_directions, sphere_diagram


@pytest.mark.uncompiled
@pytest.mark.parametrize("solid", [tetrahedron(), octahedron(), icosphere(0)])
def test_regular_sites_share_the_sphere_equally(solid):
    centered = solid.vertices - solid.vertices.mean(axis=0)
    diagram = sphere_diagram(centered)
    np.testing.assert_allclose(diagram.masses, 4 * np.pi / len(centered), rtol=1e-14)
    np.testing.assert_allclose(diagram.centroids, diagram.sites, atol=1e-14)
    assert diagram.certificate <= 1e-15
    np.testing.assert_array_equal(diagram.facets, solid.edges)


def test_areas_of_voronoi_cells():
    sites = scattered(300)
    areas = SphericalVoronoi(sites).calculate_areas()
    np.testing.assert_allclose(sphere_diagram(sites).masses, areas, rtol=1e-11)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-6, 1e-1), st.integers(0, 10**6))
def test_crowded_sites_tile_the_sphere_too(size, seed):
    crowd = np.array([0.3, -0.5, 0.8]) + size * np.random.default_rng(seed).normal(size=(200, 3))
    diagram = sphere_diagram(np.concatenate([octahedron().vertices, crowd]))
    assert diagram.certificate <= 1e-12
    assert len(diagram.empty) == 0


def test_neighbors_are_the_edges_of_the_hull():
    sites, heights = scattered(100), 0.002 * np.random.default_rng(1).normal(size=100)
    diagram = sphere_diagram(sites, heights)
    simplices = ConvexHull(np.exp(heights)[:, None] * sites).simplices
    edges = np.sort(np.concatenate([simplices[:, [0, 1]], simplices[:, [1, 2]], simplices[:, [2, 0]]]), axis=1)
    np.testing.assert_array_equal(diagram.facets, np.unique(edges, axis=0))


def test_conductances_are_derivatives_of_the_masses():
    sites, heights, step = scattered(60), 0.05 * np.random.default_rng(1).normal(size=60), 1e-6
    diagram = sphere_diagram(sites, heights)
    site = int(np.argmax(diagram.masses))
    change = step * np.eye(60)[site]
    more, less = (sphere_diagram(sites, heights + sign * change).masses for sign in (1, -1))
    wanted = np.zeros(60)
    for (i, j), weight in zip(diagram.facets, diagram.conductances, strict=True):
        if site in (i, j):
            wanted[[i + j - site, site]] += np.array([-1, 1]) * weight
    np.testing.assert_allclose((more - less) / (2 * step), wanted, atol=1e-8)


@pytest.mark.uncompiled
def test_a_low_site_has_no_cell():
    diagram = sphere_diagram(np.concatenate([octahedron().vertices, [[1.0, 1, 1]]]), [0.0] * 6 + [-1.0])
    assert diagram.empty.tolist() == [6]
    assert np.isnan(diagram.centroids[6]).all()
    np.testing.assert_allclose(diagram.masses[:6], 4 * np.pi / 6)


@pytest.mark.uncompiled
def test_an_engine_gives_up_on_small_cells():
    engine = SphereEngine(icosphere(1).vertices)
    assert engine.diagram_above(1.0, np.zeros(42)) is None
    assert engine.diagram_above(0.1, np.zeros(42)) is not None


def test_directions_keep_their_digits():
    sites = scattered(50)
    np.testing.assert_allclose(check_directions(7.0 * sites), sites, atol=1e-15)
    np.testing.assert_array_equal(check_directions(octahedron().vertices), octahedron().vertices)


def test_unfolding_keeps_near_points_together():
    points = scattered(4000)
    flat = octahedral_projection(points)
    assert np.abs(flat).max() <= 1
    upper = points[points[:, 2] > 0]
    step = 1e-6 * scattered(len(upper), 1)
    np.testing.assert_array_less(
        np.linalg.norm(octahedral_projection(upper + step) - octahedral_projection(upper), axis=1), 1e-5
    )


def test_heights_far_apart_are_no_step_and_no_diagram():
    engine = SphereEngine(scattered(50))
    heights = np.zeros(50)
    heights[7] = 1e4
    assert engine.diagram_above(1e-6, heights) is None
    with pytest.raises(GeometryError, match="differ by more"):
        engine.diagram(heights)
