import numpy as np
import pytest
from handmade import flat_map
from shapes import disk, grid, icosphere

from meshot.maps.surface_map import SurfaceMap
from meshot.sampling.quality import sample_quality
from meshot.sampling.sample import sample
from meshot.sampling.samples import make_samples


def samples_at(surface_map, points):
    found = surface_map.locate(points)
    assert (found.faces >= 0).all()
    return make_samples(surface_map, found.faces, found.barycentric, {})


def test_a_triangular_lattice_has_distance_one():
    """Neighbors at distance 1; cells of equal area but for the ends of the rows."""
    columns, rows = 20, 12
    height = np.sqrt(3) / 2
    surface = grid(30, 17, columns, rows * height)
    i, j = (part.ravel() for part in np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij"))
    points = np.stack([i + 0.25 + 0.5 * (j % 2), (j + 0.5) * height], axis=1)
    quality = sample_quality(samples_at(flat_map(surface), points))
    np.testing.assert_allclose(quality.nearest, 1, rtol=1e-12)
    assert quality.capacity_variance < 2 / columns * 0.25**2  # a quarter too much or too little at the rows' ends


def test_a_square_lattice():
    surface = grid(8, 8, 1.0, 1.0)
    x, y = np.meshgrid((np.arange(20) + 0.5) / 20, (np.arange(20) + 0.5) / 20)
    quality = sample_quality(samples_at(flat_map(surface), np.stack([x.ravel(), y.ravel()], axis=1)))
    np.testing.assert_allclose(quality.nearest, np.sqrt(np.sqrt(3) / 2), rtol=1e-12)
    assert quality.capacity_variance < 1e-20


def test_random_points():
    """Known: nearest at a mean of sqrt(A / 4 n); cells of a Poisson process have variance 0.280; power 1."""
    quality = sample_quality(sample(flat_map(disk(20)), 6000, "random", rng=0))
    assert quality.mean_distance == pytest.approx(0.5 * np.sqrt(np.sqrt(3) / 2), abs=0.01)
    assert quality.minimum_distance < 0.05
    assert quality.capacity_variance == pytest.approx(0.280, abs=0.025)
    assert quality.low_frequency_power == pytest.approx(1, abs=0.25)
    assert quality.power.mean() == pytest.approx(1, abs=0.1)
    assert 0.002 < quality.discrepancy < 0.03


@pytest.mark.parametrize("target", ["disk", "sphere"])
def test_even_points_are_better_in_every_number(target):
    ball = icosphere(3)
    surface_map = (
        flat_map(disk(20)) if target == "disk" else SurfaceMap(ball, ball.vertices, np.arange(len(ball.vertices)))
    )
    random, spiral = (sample_quality(sample(surface_map, 2000, method, rng=0)) for method in ("random", "fibonacci"))
    for name, value in spiral.summary().items():
        if "distance" in name:
            assert value > 1.3 * random.summary()[name]
        else:
            assert value < 0.5 * random.summary()[name]


def test_without_an_image_there_is_no_spectrum():
    quality = sample_quality(sample(disk(5), 50, "random", rng=0))
    assert quality.power is None
    assert quality.summary()["low_frequency_power"] is None


def test_one_point_has_no_quality():
    with pytest.raises(ValueError, match="at least two"):
        sample_quality(sample(disk(5), 1, "random", rng=0))
