"""Scores of generated samples against closed forms."""

import numpy as np
import pytest
from scores import fid, frechet_distance, precision_recall

from meshot.base.errors import GeometryError


def test_frechet_distance_of_diagonal_covariances():
    """Coordinates that do not depend on each other add the squared differences of means and standard deviations."""
    means, deviations = np.array([[1.0, 2, 3], [0, 4, -1]]), np.array([[1.0, 2, 0], [3, 0.5, 2]])
    expected = ((means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2).sum()
    found = frechet_distance(means[0], np.diag(deviations[0] ** 2), means[1], np.diag(deviations[1] ** 2))
    assert found == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_of_turned_normals_in_the_plane():
    """In the plane tr (AB)^1/2 = (tr AB + 2 (det AB)^1/2)^1/2, as for any 2 x 2 matrix with positive eigenvalues."""
    a, b = np.array([[3.0, 1], [1, 2]]), np.array([[1.0, -0.8], [-0.8, 4]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a) * np.linalg.det(b)))
    expected = 25 + np.trace(a + b) - 2 * root
    assert frechet_distance([0, 0], a, [3, 4], b) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance([3, 4], b, [0, 0], a) == pytest.approx(expected, rel=1e-12)


def test_fid_of_identical_shifted_and_scaled_samples():
    features = np.random.default_rng(0).standard_normal((400, 5))
    assert fid(features, features) == pytest.approx(0, abs=1e-12)
    assert fid(features, features + 2) == pytest.approx(20, rel=1e-9)
    spread, mean = features.var(axis=0, ddof=1).sum(), (features.mean(axis=0) ** 2).sum()
    assert fid(features, 3 * features) == pytest.approx(4 * (spread + mean), rel=1e-9)


def test_fid_of_samples_of_two_normals():
    """Samples of N(0, 1) and N(1, 4) in one coordinate are 1 + 1 apart, but for their number."""
    rng = np.random.default_rng(1)
    assert fid(rng.standard_normal((40_000, 1)), 1 + 2 * rng.standard_normal((40_000, 1))) == pytest.approx(2, rel=0.05)


def test_precision_and_recall_of_identical_and_of_distant_samples():
    features = np.random.default_rng(2).standard_normal((300, 3))
    assert precision_recall(features, features) == (1, 1)
    assert precision_recall(features, features + 100) == (0, 0)


def test_a_lost_mode_costs_recall_and_a_new_one_precision():
    rng = np.random.default_rng(3)
    left, right = rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 50
    both = np.concatenate([left, right])
    assert precision_recall(both, left) == (1, 0.5)
    assert precision_recall(left, both) == (0.5, 1)


def test_reach_of_the_kth_neighbor():
    """Of points at 0, 1, 3 and 7, the second neighbors are at distances 3, 2, 3 and 6."""
    real = np.array([[0.0], [1], [3], [7]])
    inside, outside = [[-3.0], [13.0]], [[-3.01], [13.01]]
    assert precision_recall(real, [*inside, *outside, [5.0]], k=2)[0] == 3 / 5


@pytest.mark.parametrize(
    ("real", "words"),
    [(np.zeros((3, 2)), "more than 3 samples"), (np.zeros(5), "one row a sample"), ([[np.nan], [1]], "finite")],
)
def test_what_cannot_be_scored_is_refused(real, words):
    with pytest.raises(GeometryError, match=words):
        precision_recall(real, np.zeros((5, 2)))
