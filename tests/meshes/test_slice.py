import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.meshes.check.surface import check
from meshot.meshes.slice import slice_solid
from meshot.meshes.surface import Surface

SOLIDS = {"ball": shapes.ball_solid(1), "box": shapes.box_solid(3, 2, 2), "torus": shapes.solid_torus(8, 2)}


def areas(corners):
    a, b, c = corners.transpose(1, 0, 2)
    return np.cross(b - a, c - a) / 2


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(SOLIDS)), st.integers(0, 2**32 - 1), st.sampled_from([1, -1]))
def test_a_slice_bounds_the_part_below(name, seed, mirror):
    rng = np.random.default_rng(seed)
    solid = SOLIDS[name].with_vertices(SOLIDS[name].vertices * [1, 1, mirror])
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    middle = solid.vertices.mean(axis=0) + 0.2 * rng.normal(size=3)
    part = slice_solid(solid, (solid.vertices - middle) @ normal)
    corners = part.at_corners(solid.vertices)
    heights = (corners - middle) @ normal
    assert heights.max(initial=0) < 1e-12
    np.testing.assert_allclose(heights[part.section], 0, atol=1e-12)
    # closed: the vector areas cancel; outward: the section looks up, and the volume is that below
    np.testing.assert_allclose(areas(corners).sum(axis=0), 0, atol=1e-12)
    assert (areas(corners[part.section]) @ normal >= -1e-15).all()
    enclosed = np.einsum("fk,fk->", corners[:, 0] - middle, areas(corners)) / 3
    other = slice_solid(solid, -(solid.vertices - middle) @ normal)
    beyond = other.at_corners(solid.vertices)
    rest = np.einsum("fk,fk->", beyond[:, 0] - middle, areas(beyond)) / 3
    assert enclosed + rest == pytest.approx(solid.volume, rel=1e-12)
    assert -1e-12 <= enclosed <= solid.volume * (1 + 1e-12)


def test_sections_in_closed_form():
    box = shapes.box_solid(3, 4, 5, (2.0, 3.0, 1.0))
    part = slice_solid(box, box.vertices[:, 2] - 0.37)
    corners = part.at_corners(box.vertices)
    assert areas(corners[part.section])[:, 2].sum() == pytest.approx(6, rel=1e-12)
    torus = shapes.solid_torus(64, 4)
    part = slice_solid(torus, torus.vertices[:, 1] - 1e-3)
    assert areas(part.at_corners(torus.vertices)[part.section])[:, 1].sum() == pytest.approx(2 * 0.8**2, rel=1e-2)


def test_triangles_belong_to_their_tetrahedra():
    ball = SOLIDS["ball"]
    part = slice_solid(ball, ball.vertices @ [0.3, -0.5, 0.8] - 0.1)
    for ends, t in zip(part.ends.tolist(), part.tetrahedra.tolist(), strict=True):
        assert {v for pair in ends for v in pair} <= set(ball.tetrahedra[t].tolist())
    assert ((part.shares >= 0) & (part.shares <= 1)).all()


def test_where_nothing_is_cut_the_boundary_is_left():
    ball = SOLIDS["ball"]
    part = slice_solid(ball, np.full(len(ball.vertices), -1.0))
    assert not part.section.any()
    np.testing.assert_array_equal(part.ends[..., 0], ball.halffaces[ball.boundary_halffaces])
    assert len(slice_solid(ball, np.ones(len(ball.vertices))).tetrahedra) == 0


def test_a_plane_through_vertices_leaves_a_closed_surface():
    box = shapes.box_solid(2, 2, 2)
    part = slice_solid(box, box.vertices[:, 0] - 0.5)
    corners = part.at_corners(box.vertices)
    full = np.linalg.norm(areas(corners), axis=1) > 1e-12
    points, index = np.unique(corners[full].reshape(-1, 3).round(9), axis=0, return_inverse=True)
    report = check(Surface(points, index.reshape(-1, 3)))
    assert report.boundary_loops == 0
    assert report.euler == 2
