import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from shapes import disk, icosphere, relief

from meshot.algebra.operators import areas_from_lengths, edge_lengths, edge_weights
from meshot.base.errors import ConvergenceError
from meshot.conformal import intrinsic
from meshot.conformal.intrinsic import SLACK, intrinsic_delaunay, mollified
from meshot.meshes.surface import Surface

pytestmark = pytest.mark.uncompiled

FLIPPED = ["needles 1e-3", "caps 5e-4", "sheared", "graded", "valence 3", "crumpled", "crumpled, closed"]


def angle_sums(faces, lengths, count):
    a, b, c = (np.roll(lengths, -k, axis=1) for k in range(3))
    # The angle at corner k lies between halfedges k and k + 2.
    angles = np.arctan2(4 * areas_from_lengths(lengths)[:, None], a**2 + c**2 - b**2)
    return np.bincount(faces.ravel(), angles.ravel(), minlength=count)


@pytest.mark.parametrize("name", FLIPPED)
def test_weights_are_not_negative(name):
    surface = torture.CASES[name]()
    flipped = intrinsic_delaunay(surface)
    weights = edge_weights(flipped.lengths).ravel()
    inner = flipped.twins >= 0
    both = weights[inner] + weights[flipped.twins[inner]]
    assert np.all(both >= -1e-9 * np.maximum(1.0, np.abs(weights[inner])))
    assert flipped.flips > 0


@pytest.mark.parametrize("name", ["sheared", "crumpled", "crumpled, closed"])
def test_the_surface_itself_does_not_change(name):
    # Area and cone angles belong to the metric, which flips leave alone.
    surface = torture.CASES[name]()
    flipped = intrinsic_delaunay(surface)
    count = len(surface.vertices)
    assert areas_from_lengths(flipped.lengths).sum() == pytest.approx(surface.area, rel=1e-5)
    before, after = (
        angle_sums(surface.faces, edge_lengths(surface), count),
        angle_sums(flipped.faces, flipped.lengths, count),
    )
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.parametrize("name", FLIPPED)
def test_twins_stay_twins(name):
    flipped = intrinsic_delaunay(torture.CASES[name]())
    inner = np.flatnonzero(flipped.twins >= 0)
    np.testing.assert_array_equal(flipped.twins[flipped.twins[inner]], inner)
    lengths = flipped.lengths.ravel()
    np.testing.assert_array_equal(lengths[inner], lengths[flipped.twins[inner]])
    tails, heads = flipped.faces.ravel(), np.roll(flipped.faces, -1, axis=1).ravel()
    np.testing.assert_array_equal(tails[inner], heads[flipped.twins[inner]])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_in_the_plane_it_is_the_delaunay_triangulation(seed):
    rng = np.random.default_rng(seed)
    inside = rng.uniform(0.05, 0.95, (25, 2))
    points = np.concatenate([[[0, 0], [1, 0], [1, 1], [0, 1]], inside])
    # Another triangulation of the same points: fan the square, insert the points one by one.
    faces = [(0, 1, 2), (0, 2, 3)]
    for v in range(4, len(points)):
        for f, (a, b, c) in enumerate(faces):
            sides = [np.linalg.det([points[j] - points[i], points[v] - points[i]]) for i, j in ((a, b), (b, c), (c, a))]
            if min(sides) > 0:
                faces[f : f + 1] = [(a, b, v), (b, c, v), (c, a, v)]
                break
    flipped = intrinsic_delaunay(Surface(np.c_[points, 0 * points[:, 0]], faces))
    expected = {tuple(sorted(t)) for t in Delaunay(points).simplices.tolist()}
    assert {tuple(sorted(t)) for t in flipped.faces.tolist()} == expected


def test_delaunay_triangulations_stay():
    for surface in (disk(6), icosphere(2)):
        flipped = intrinsic_delaunay(surface)
        assert flipped.flips == 0
        np.testing.assert_array_equal(flipped.faces, surface.faces)


def test_input_is_not_changed():
    surface = torture.sheared()
    faces, twins = surface.faces.copy(), surface.twins.copy()
    intrinsic_delaunay(surface)
    np.testing.assert_array_equal(surface.faces, faces)
    np.testing.assert_array_equal(surface.twins, twins)


def test_flips_that_do_not_end_are_reported(monkeypatch):
    monkeypatch.setattr(intrinsic, "FLIPS_PER_EDGE", 0)
    monkeypatch.setattr(intrinsic, "FLIPS_AT_LEAST", 3)
    with pytest.raises(ConvergenceError, match="did not end"):
        intrinsic_delaunay(torture.sheared())


def test_mollified_lengths_obey_the_triangle_inequality_and_others_stay():
    surface = relief(5)
    lengths = edge_lengths(surface)
    np.testing.assert_array_equal(mollified(lengths, surface.twins), lengths)
    # Flatten a face by making its boundary edge as long as the two others.
    face, edge = np.divmod(np.flatnonzero(surface.twins < 0)[0], 3)
    flat, broken = surface.faces[face], lengths.copy()
    broken[face, edge] = lengths[face].sum() - lengths[face, edge]
    fixed = mollified(broken, surface.twins)
    longest = fixed.max(axis=1)
    assert np.all(fixed.sum(axis=1) - 2 * longest >= 0.99 * SLACK * longest - 1e-15)
    away = ~np.isin(surface.faces, flat).any(axis=1)
    np.testing.assert_array_equal(fixed[away], broken[away])
    assert np.abs(fixed - broken).max() < 1e-11
