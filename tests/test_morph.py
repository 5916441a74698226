"""Ball-to-shape transport of solids whose answer is known."""

from itertools import permutations

import numpy as np
import pytest

from meshot.base.errors import GeometryError, MeshReadError, OptionError
from meshot.diagrams.domains import Ball
from meshot.meshes.solid import Solid
from meshot.morph import ball_to_shape

# Six tetrahedra of a cube, all along one diagonal.
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
CUBE = np.array([np.cumsum([0, *(4 >> np.array(order))]) for order in permutations(range(3))])


def of_cubes(cells):
    """The solid of unit cubes at integer places, (c, 3), with shared vertices."""
    corners = (np.asarray(cells)[:, None] + CORNERS).reshape(-1, 3)
    vertices, number = np.unique(corners, axis=0, return_inverse=True)
    tetrahedra = number.reshape(-1, 8)[:, CUBE].reshape(-1, 4)
    turned = np.linalg.det((vertices[tetrahedra[:, 1:]] - vertices[tetrahedra[:, :1]]).astype(float)) < 0
    tetrahedra[turned, :2] = tetrahedra[turned, 1::-1]
    return Solid(vertices.astype(float), tetrahedra)


def box(nx, ny, nz, at=(0, 0, 0)):
    return np.stack(np.meshgrid(range(nx), range(ny), range(nz)), axis=-1).reshape(-1, 3) + at


def two_boxes(gap):
    """Two like boxes, the second `gap` behind the first in x."""
    one = of_cubes(box(3, 3, 3))
    vertices = np.concatenate([one.vertices, one.vertices * [-1, 1, 1] + [6 + gap, 0, 0]])
    mirrored = one.tetrahedra[:, [1, 0, 2, 3]] + len(one.vertices)
    return Solid(vertices, np.concatenate([one.tetrahedra, mirrored]))


def test_cells_have_the_volumes_of_the_vertices():
    solid = of_cubes(box(4, 3, 2))
    morph = ball_to_shape(solid)
    assert morph.transport.masses == pytest.approx(solid.vertex_volumes, rel=1e-6)
    ball = morph.transport.problem.domain
    assert ball.measure == pytest.approx(24)
    assert ball.center == pytest.approx(solid.vertex_volumes @ solid.vertices / 24)
    assert ball.contains(morph.points).all()
    assert morph.interpolate(0.0) == pytest.approx(morph.points)
    assert morph.interpolate(1.0) == pytest.approx(solid.vertices)
    assert morph.interpolate(0.25) == pytest.approx(0.75 * morph.points + 0.25 * solid.vertices)
    assert morph.transport.cost == pytest.approx(morph.transport.dual_cost, rel=1e-5)


def test_a_convex_solid_is_not_torn():
    solid = of_cubes(box(6, 6, 6))
    morph = ball_to_shape(solid)
    assert len(morph.flipped) == 0


def test_the_symmetries_of_masses_are_those_of_the_map():
    points = np.stack(np.meshgrid(*[[-1.5, -0.5, 0.5, 1.5]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    morph = ball_to_shape(points)
    swapped = morph.points.reshape(4, 4, 4, 3).transpose(1, 0, 2, 3)[..., [1, 0, 2]].reshape(-1, 3)
    assert morph.points == pytest.approx(swapped, abs=1e-6)


def test_two_parts_get_a_half_of_the_ball_each():
    solid = two_boxes(gap=2.0)
    morph = ball_to_shape(solid)
    middle = morph.transport.problem.domain.center
    assert middle == pytest.approx([4.0, 1.5, 1.5])
    left = solid.vertices[:, 0] < middle[0]
    assert ((morph.points[:, 0] < middle[0]) == left).all()
    assert morph.transport.masses[left].sum() == pytest.approx(27, rel=1e-6)
    # mirror images have mirror images
    mirrored = morph.points * [-1, 1, 1] + [2 * middle[0], 0, 0]
    assert mirrored[np.roll(np.arange(len(left)), left.sum())] == pytest.approx(morph.points, abs=1e-5)


def test_the_insides_of_a_horseshoe_are_laid_against_each_other():
    horseshoe = of_cubes(np.concatenate([box(2, 8, 2), box(2, 8, 2, (6, 0, 0)), box(4, 2, 2, (2, 0, 0))]))
    morph = ball_to_shape(horseshoe)
    inner = np.isin(horseshoe.vertices[:, 0], (2, 6)) & (horseshoe.vertices[:, 1] > 3)
    tips, left = morph.points[inner, 0], horseshoe.vertices[inner, 0] == 2
    # 4 apart in the shape, neighbors in the ball
    assert tips[~left].min() - tips[left].max() < 1.5
    assert np.array_equal(morph.flipped, np.flatnonzero(morph.inverse_volumes <= 0))


@pytest.mark.parametrize(
    ("scale", "shift"), [(0.01, [0, 0, 0]), (3.0, [100.0, -20.0, 5.0]), (1e-12, [0, 0, 0]), (1e12, [1e12, 0, 0])]
)
def test_the_map_moves_and_scales_with_the_solid(scale, shift):
    solid = of_cubes(box(4, 2, 2))
    morph = ball_to_shape(solid, tol=1e-9)
    other = ball_to_shape(solid.with_vertices(scale * solid.vertices + shift), tol=1e-9)
    assert other.points == pytest.approx(scale * morph.points + shift, abs=1e-7 * scale * 4)


def test_a_mirrored_solid_has_the_same_flips():
    solid = of_cubes(np.concatenate([box(2, 6, 2), box(2, 6, 2, (5, 0, 0)), box(3, 2, 2, (2, 0, 0))]))
    mirrored = solid.with_vertices(solid.vertices * [-1, 1, 1])
    morph, other = ball_to_shape(solid, tol=1e-9), ball_to_shape(mirrored, tol=1e-9)
    assert other.inverse_volumes == pytest.approx(morph.inverse_volumes, abs=1e-6)


def test_vertices_without_tetrahedra_come_from_nowhere_and_twins_share_a_cell():
    solid = of_cubes(box(2, 2, 2))
    vertices = np.concatenate([solid.vertices, [[9.0, 9.0, 9.0]], solid.vertices[:1]])
    tetrahedra = solid.tetrahedra.copy()
    tetrahedra[0][tetrahedra[0] == 0] = len(vertices) - 1
    morph = ball_to_shape(Solid(vertices, tetrahedra))
    assert np.flatnonzero(np.isnan(morph.points[:, 0])).tolist() == [27]
    assert morph.cell_of_vertex[27] == -1
    assert morph.cell_of_vertex[28] == morph.cell_of_vertex[0]
    assert morph.points[:27] == pytest.approx(ball_to_shape(solid).points, abs=1e-6)


def test_bare_points_with_masses():
    points = np.random.default_rng(0).normal(size=(60, 3)) * [3, 1, 1]
    masses = np.random.default_rng(1).uniform(1, 2, 60)
    morph = ball_to_shape(points, masses)
    ball = morph.transport.problem.domain
    center = masses @ points / masses.sum()
    spread = masses @ ((points - center) ** 2).sum(axis=1) / masses.sum()
    assert ball.center == pytest.approx(center)
    assert 0.6 * ball.radius**2 == pytest.approx(spread)
    assert morph.transport.masses == pytest.approx(masses, rel=1e-6)
    with pytest.raises(OptionError, match="no tetrahedra"):
        _ = morph.flipped


def test_a_single_point_takes_the_unit_ball():
    morph = ball_to_shape([[1.0, 2.0, 3.0]])
    assert morph.points == pytest.approx(np.array([[1.0, 2.0, 3.0]]))
    assert isinstance(morph.transport.problem.domain, Ball)
    assert morph.transport.problem.domain.radius == 1.0


@pytest.mark.parametrize(
    ("target", "error", "cause"),
    [
        (np.zeros((5, 3)), GeometryError, "in one place"),
        (np.zeros((5, 2)), GeometryError, "shape"),
        ([[0.0, 0.0, np.nan]], GeometryError, "not finite"),
        (Solid(np.zeros((4, 3)), [[0, 1, 2, 3]]), GeometryError, "no volume"),
        ("solid.vtu", MeshReadError, "cannot make a solid"),
    ],
)
def test_what_has_no_answer_is_refused(target, error, cause):
    with pytest.raises(error, match=cause):
        ball_to_shape(target)


def test_masses_must_be_positive():
    with pytest.raises(GeometryError, match="positive"):
        ball_to_shape(np.eye(3), [1.0, 0.0, 1.0])


def test_a_vertex_of_no_tetrahedron_may_stand_nowhere():
    cube = of_cubes([[0, 0, 0]])
    loose = Solid(np.concatenate([cube.vertices, [[np.nan, np.inf, 0]]]), cube.tetrahedra)
    points = ball_to_shape(loose).points
    assert np.isnan(points[8]).all()
    np.testing.assert_array_equal(points[:8], ball_to_shape(cube).points)
    with pytest.raises(GeometryError, match=r"not finite \(ids 3\)"):
        ball_to_shape(Solid(np.where(np.arange(9)[:, None] == 3, np.nan, loose.vertices), cube.tetrahedra))
