import numpy as np
import pytest
import shapes
from handmade import flat_map
from hypothesis import given
from hypothesis import strategies as st

from meshot.base.arrays import cross2
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface


def test_identity_of_a_flat_disk_keeps_areas():
    surface = shapes.disk(5)
    np.testing.assert_allclose(flat_map(surface).signed_areas, surface.face_areas, rtol=1e-12)


def test_mirror_turns_all_signs():
    surface = shapes.disk(3)
    mirrored = SurfaceMap(surface, surface.vertices[:, :2] * [-1, 1], np.arange(len(surface.vertices)))
    np.testing.assert_allclose(mirrored.signed_areas, -surface.face_areas, rtol=1e-12)


def test_unreferenced_vertices_do_not_matter():
    surface = shapes.triangle()
    surface = Surface(np.concatenate([surface.vertices, [[5, 5, 5]]]), surface.faces)
    uv = np.array([[0, 0], [1, 0], [0, 1], [np.nan, np.nan]])
    assert SurfaceMap(surface, uv, np.arange(4)).signed_areas.tolist() == [0.5]


def test_maps_are_frozen_and_their_notes_their_own():
    one, two = flat_map(shapes.triangle()), flat_map(shapes.triangle())
    with pytest.raises(AttributeError):
        one.uv = None
    one.notes["cut"] = 3
    assert two.notes == {}
    assert one.conformal is None
    assert one.transport is None


vectors = st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).map(np.array)


@given(a=vectors, b=vectors)
def test_cross_product_is_antisymmetric_and_a_determinant(a, b):
    assert cross2(a, b) == -cross2(b, a)
    assert cross2(a, a) == 0
    assert cross2(a, b) == pytest.approx(
        np.linalg.det(np.stack([a, b])), abs=1e-9 * (1 + np.abs(a).max() * np.abs(b).max())
    )


def test_cross_product_runs_along_the_last_axis():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 3, 2))
    assert cross2(a, b).shape == (4, 3)
    assert cross2(a, b)[1, 2] == a[1, 2, 0] * b[1, 2, 1] - a[1, 2, 1] * b[1, 2, 0]
