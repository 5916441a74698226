"""Inner vertices of three faces are left out and put back where each face has its share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import disk, relief
from torture import caps, closed_needles, insert, stacked

from meshot.area import area_preserving_map
from meshot.base.arrays import Floats, cross2
from meshot.maps.distortion import distortion
from meshot.meshes.surface import Surface
from meshot.refinement.surface import refine_areas
from meshot.refinement.valence_three import without_valence_three


def signed(surface: Surface, uv: Floats) -> Floats:
    a, b, c = uv[surface.faces].transpose(1, 0, 2)
    return np.asarray(0.5 * cross2(b - a, c - a))


def test_a_triangle_split_again_and_again_is_one_face() -> None:
    """Seven rounds, 3^7 faces; with the outer triangle in place every face has its random share to rounding."""
    surface = stacked(7)
    targets = np.random.default_rng(0).uniform(0.5, 2, len(surface.faces))
    reduced = without_valence_three(surface.faces, targets)
    assert reduced.faces.tolist() == [[0, 1, 2]]
    assert len(reduced.placements) == 7
    assert not reduced.parents.any()
    uv = np.full((len(surface.vertices), 2), np.nan)
    uv[:3] = [[1, 0], [-0.5, 0.8], [-0.5, -0.8]]
    areas = signed(surface, reduced.restore(uv))
    np.testing.assert_allclose(areas / areas.sum(), targets / targets.sum(), rtol=1e-9)
    assert np.isnan(uv[3:]).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40))
def test_areas_of_the_faces_inside_follow_their_parents(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    base = disk(4)
    surface = insert(base, rng.choice(len(base.faces), count, replace=False), rng.dirichlet(np.ones(3), count))
    again = insert(surface, rng.choice(len(surface.faces), count, replace=False), rng.dirichlet(np.ones(3), count))
    targets = rng.uniform(0.1, 1, len(again.faces))
    reduced = without_valence_three(again.faces, targets)
    assert len(reduced.faces) == len(base.faces)
    assert reduced.targets == pytest.approx(np.bincount(reduced.parents, targets))
    ratio = signed(again, reduced.restore(again.vertices[:, :2])) / targets
    parents = signed(Surface(again.vertices, reduced.faces), again.vertices[:, :2]) / reduced.targets
    np.testing.assert_allclose(ratio, parents[reduced.parents], rtol=1e-9)


def test_a_mesh_without_such_vertices_is_kept() -> None:
    surface = disk(3)
    reduced = without_valence_three(surface.faces, np.ones(54))
    np.testing.assert_array_equal(reduced.faces, surface.faces)
    assert reduced.placements == []


def test_refinement_places_them_whatever_their_start() -> None:
    """Vertices that start outside of their triangles, one of whose faces wants a millionth of the others."""
    base = relief(6)
    surface = insert(base, np.arange(0, len(base.faces), 2), np.full((108, 3), 1 / 3))
    targets = surface.face_areas.copy()
    targets[-324:-108] *= 1.5
    targets[-108:] *= 3e-6
    uv = np.vstack([disk(6).vertices[:, :2], np.tile([[0.3, 0.1]], (108, 1))])
    result = refine_areas(surface.faces, uv, targets)
    assert result.converged
    areas = signed(surface, result.image)
    assert areas.min() > 0
    np.testing.assert_allclose(result.ratio, areas / areas.sum() * targets.sum() / targets, rtol=1e-7)


@pytest.mark.filterwarnings("ignore:transport did not converge")
@pytest.mark.parametrize("surface", [caps(5e-4, 1), closed_needles()], ids=["caps", "closed needles"])
def test_needles_and_caps_reach_the_default_tolerance(surface: Surface) -> None:
    amap = area_preserving_map(surface)
    summary = distortion(amap).summary()["area"]
    assert amap.notes["refinement"]["converged"]
    assert summary["flipped"] == 0
    assert summary["ratio_sd"] <= 1e-2
