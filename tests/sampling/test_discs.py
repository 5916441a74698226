import numpy as np
from shapes import disk, icosphere

from meshot.sampling.quality import area_below, disc_discrepancy, distances
from meshot.sampling.sample import sample


def test_heat_distances_on_the_sphere():
    ball = icosphere(4)
    far = distances(ball, np.array([0, 100]))
    for k, center in enumerate((0, 100)):
        angle = np.arccos(np.clip(ball.vertices @ ball.vertices[center], -1, 1))
        assert np.abs(far[:, k] - angle).max() < 0.12
        assert np.abs(far[:, k] - angle).mean() < 0.05


def test_areas_below_a_linear_function():
    """On the flat disk below a height: a circular segment, up to the polygon of many sides."""
    surface = disk(30)
    levels = np.array([-1.0, -0.5, 0.0, 0.3, 1.0])
    segment = 0.5 + (np.arcsin(levels) + levels * np.sqrt(1 - levels**2)) / np.pi
    found = area_below(surface, surface.vertices[:, 0], levels)
    np.testing.assert_allclose(found, segment, atol=1e-3)
    np.testing.assert_allclose(area_below(surface, np.zeros(len(surface.vertices)), np.array([-1.0, 1.0])), [0, 1])


def test_discs_hold_their_share_of_even_points_and_miss_a_hole():
    surface = disk(16)
    random, even = (sample(surface, 3000, method, rng=0) for method in ("random", "blue"))
    of_random, of_even = (disc_discrepancy(surface, each.faces, each.barycentric) for each in (random, even))
    assert of_even < 0.4 * of_random < 0.03
    half = np.flatnonzero(random.points[:, 0] > 0)
    assert disc_discrepancy(surface, random.faces[half], random.barycentric[half]) > 0.25
