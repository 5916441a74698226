import numpy as np
import pytest
import torch
from strips import CPU

from meshot.base.errors import GeometryError, OptionError
from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.transport.sampled.samples import Batch, carry, uniforms_needed
from meshot.transport.sampled.sobol import BLOCK, SobolBlocks
from meshot.transport.sampled.sources import StandardNormal, UniformBall, UniformBox, as_source


def drawn(source, size=8 * BLOCK, seed=3):
    batch = Batch(source, seed, size, CPU)
    return batch.draw(np.arange(batch.blocks)).numpy()


@pytest.mark.parametrize("dimension", [1, 2, 7])
def test_blocks_are_the_sequence_of_torch(dimension):
    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=5)
    expected = engine.draw(3 * BLOCK, dtype=torch.float64)
    found = SobolBlocks(dimension, 5, CPU)([0, 1, 2])
    assert torch.allclose(found[1:], expected[1:], rtol=0, atol=2.0**-29)
    assert torch.allclose(found[:1], expected[:1], rtol=0, atol=2.0**-24)  # torch rounds the first to single precision
    assert torch.equal(SobolBlocks(dimension, 5, CPU)([2]), found[2 * BLOCK :])


def test_every_dyadic_square_has_its_points():
    points = SobolBlocks(2, 0, CPU)([0])
    squares = (points * 64).long()
    counts = torch.bincount(squares[:, 0] * 64 + squares[:, 1], minlength=64 * 64)
    assert (counts == BLOCK // 64**2).all()


@pytest.mark.parametrize("dimension", [1, 2, 3, 6])
def test_balls_are_filled_evenly(dimension):
    source = UniformBall(np.arange(dimension), 2.0)
    x = drawn(source) - np.arange(dimension)
    radius = np.linalg.norm(x, axis=1)
    assert radius.max() <= 2.0
    # of the radius the d-th power is uniform, and each coordinate's second moment is R^2 / (d + 2)
    deciles = np.quantile((radius / 2) ** dimension, np.arange(1, 10) / 10)
    assert np.abs(deciles - np.arange(1, 10) / 10).max() < 2e-3
    assert np.abs(x.mean(axis=0)).max() < 4e-3
    assert np.abs((x.T @ x) / len(x) - np.eye(dimension) * 4 / (dimension + 2)).max() < 8e-3


def test_normal_box_and_polygon():
    x = drawn(StandardNormal(3))
    assert np.abs(np.cov(x.T) - np.eye(3)).max() < 2e-3
    box = drawn(UniformBox([1, 2], [2, 5]))
    assert np.abs(box.mean(axis=0) - [1.5, 3.5]).max() < 1e-3
    polygon = ConvexPolygon([[0, 0], [2, 0], [2, 1], [0, 2]])
    inside = drawn(as_source(polygon, 2))
    assert polygon.contains(inside).all()
    left = inside[:, 0] <= 1
    assert left.mean() == pytest.approx(1.75 / 3, abs=1e-3)


def test_blocks_do_not_depend_on_what_is_drawn_with_them():
    batch = Batch(UniformBall(np.zeros(5)), 1, 2 * BLOCK + 100, CPU)
    whole = batch.draw(np.arange(3))
    assert len(whole) == batch.size
    assert torch.equal(batch.draw(np.array([2])), whole[2 * BLOCK :])


def test_a_users_sampler():
    source = as_source(lambda count, rng: rng.exponential(size=(count, 2)), 2)
    assert np.array_equal(drawn(source, 1000), drawn(source, 1000))
    assert drawn(source).mean() == pytest.approx(1.0, abs=0.02)
    with pytest.raises(GeometryError, match="must return shape"):
        drawn(as_source(lambda count, rng: rng.random(count), 2))
    with pytest.raises(GeometryError, match="not finite"):
        drawn(as_source(lambda count, rng: np.full((count, 2), np.nan), 2))


def test_domains_stand_for_sources():
    assert as_source(Disk([1, 1], 2), 2).radius == 2
    assert as_source(Box([0, 0], [1, 3]), 2).mass == 3
    assert as_source(None, 4).mass == pytest.approx(np.pi**2 / 2)
    with pytest.raises(GeometryError, match="3 coordinates"):
        as_source(Disk(), 3)
    with pytest.raises(OptionError, match="no way to draw"):
        as_source("disk", 2)
    with pytest.raises(GeometryError, match="radius"):
        UniformBall(np.zeros(2), -1.0)
    with pytest.raises(GeometryError, match="above lower"):
        UniformBox([0, 0], [1, 0])
    with pytest.raises(GeometryError, match="at least 1"):
        StandardNormal(0)


def test_too_many_coordinates_for_sobol():
    with pytest.raises(OptionError, match="at most"):
        SobolBlocks(30_000, 0, CPU)


def test_corners_of_the_cube_are_carried_to_finite_points():
    u = torch.tensor([[2.0**-31] * 5, [1 - 2.0**-31] * 5], dtype=torch.float64)
    for source in (StandardNormal(5), UniformBall(np.zeros(4)), UniformBall(np.zeros(2)), UniformBall(np.zeros(3))):
        assert torch.isfinite(carry(source, u[:, : uniforms_needed(source)])).all()
