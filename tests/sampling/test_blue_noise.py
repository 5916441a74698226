import numpy as np
import pytest
from shapes import bumpy_sphere, disk, glove, grid, icosphere, join, relief, torus, triangle

from meshot.conformal.disk import conformal_map
from meshot.meshes.surface import Surface
from meshot.sampling.quality import sample_quality
from meshot.sampling.sample import sample


@pytest.mark.parametrize(
    "surface",
    [bumpy_sphere(3), torus(40, 24), relief(14), glove(1.5, 3, 4)],
    ids=["sphere", "torus", "relief", "glove"],
)
def test_points_are_far_apart_on_any_surface(surface):
    """At least as capacity-constrained Voronoi diagrams of the flat torus: 0.76, 0.89; random points: 0.01, 0.46."""
    quality = sample_quality(sample(surface, 500, "blue", rng=0))
    assert quality.minimum_distance > 0.76
    assert quality.mean_distance > 0.88
    assert quality.capacity_variance < 0.006
    assert np.isfinite(quality.discrepancy)


def test_the_seed_decides():
    surface = relief(8)
    one, two, other = (sample(surface, 90, "blue", rng=seed).points for seed in (1, np.random.default_rng(1), 2))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_few_points(n):
    samples = sample(icosphere(2), n, "blue", rng=0)
    assert len(samples) == n
    np.testing.assert_allclose(samples.barycentric.sum(axis=1), 1, rtol=1e-12)
    if n == 2:
        assert samples.points[0] @ samples.points[1] < -0.9  # on opposite sides


@pytest.mark.parametrize("n", [2, 4])
def test_cells_that_are_equal_to_the_last_bit_need_no_further_step(n):
    square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    points = sample(square, n, "blue", rng=0).points
    assert points.mean(axis=0) == pytest.approx([0.5, 0.5, 0], abs=1e-6)


def test_many_more_points_than_faces():
    quality = sample_quality(sample(grid(3, 3), 400, "blue", rng=0))
    assert quality.minimum_distance > 0.76
    assert quality.mean_distance > 0.88


def test_parts_share_the_points_by_area():
    pair = join(disk(6), Surface(3 * triangle().vertices, triangle().faces))
    faces = sample(pair, 100, "blue", rng=0).faces
    share = pair.face_areas[: 6 * 36].sum() / pair.area
    assert (faces < 6 * 36).sum() == round(100 * share)


def test_a_cut_is_not_seen():
    """Through a map that cut the surface open, the points are those of the closed surface."""
    ball = icosphere(3)
    whole, cut = (sample(each, 150, "blue", rng=0).points for each in (ball, conformal_map(ball)))
    np.testing.assert_allclose(whole, cut, atol=1e-9)


def test_a_density_is_followed():
    """Four times the points where it is four times as high, and half the spacing."""
    surface = disk(20)
    dense = surface.corners.mean(axis=1)[:, 0] > 0
    samples = sample(surface, 1000, "blue", density=np.where(dense, 4.0, 1.0), rng=0)
    right = samples.points[:, 0] > 0
    assert right.mean() == pytest.approx(0.8, abs=0.01)
    offset = np.linalg.norm(samples.points[:, None] - samples.points, axis=2) + 9 * np.eye(1000)
    apart = offset.min(axis=1)
    assert apart[~right].mean() / apart[right].mean() == pytest.approx(2, abs=0.1)
    none = sample(surface, 200, "blue", density=np.where(dense, 1.0, 0.0), rng=0)
    assert (none.points[:, 0] > -0.02).all()


def test_directions_are_alike_although_the_map_stretches():
    """On a long thin sheet neighbors lie in all directions of the sheet."""
    sheet = grid(60, 6, 10.0, 1.0)
    points = sample(sheet, 600, "blue", rng=0).points[:, :2]
    offset = points[:, None] - points
    distance = np.linalg.norm(offset, axis=2) + 99 * np.eye(600)
    inner = (np.abs(points[:, 1] - 0.5) < 0.35) & (np.abs(points[:, 0] - 5) < 4.8)
    near = (distance < 0.2)[inner]
    squares = (offset[inner] ** 2)[near].mean(axis=0)
    assert squares[0] / squares[1] == pytest.approx(1, abs=0.1)
