"""How near generated samples are to real ones: Fréchet distance, precision and recall, in any space of features."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from meshot.base.errors import GeometryError

# Rows of a table of distances that are in memory at a time.
BLOCK = 2048


def frechet_distance(mean_a: ArrayLike, covariance_a: ArrayLike, mean_b: ArrayLike, covariance_b: ArrayLike) -> float:
    """Return the squared Wasserstein distance between two normal distributions.

    |m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2); the trace of the last root is taken from the eigenvalues of a
    symmetric matrix, so that covariances of less than full rank do no harm.

    References
    ----------
    Dowson and Landau, "The Fréchet distance between multivariate normal distributions", J. Multivar. Anal. 1982.

    Examples
    --------
    >>> frechet_distance([0, 0], np.eye(2), [3, 4], 4 * np.eye(2))
    27.0
    """
    a, b = np.asarray(covariance_a, dtype=np.float64), np.asarray(covariance_b, dtype=np.float64)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    common = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    apart = ((np.asarray(mean_a) - np.asarray(mean_b)) ** 2).sum()
    return float(apart + np.trace(a) + np.trace(b) - 2 * common)


def fid(real: ArrayLike, generated: ArrayLike) -> float:
    """Return the Fréchet distance between features (n, d) and (m, d), each taken to be normal.

    Its name is that of the distance in the features of an Inception network; here the features are any.

    References
    ----------
    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.
    """
    sides = [_features(features) for features in (real, generated)]
    (mean_a, a), (mean_b, b) = ((side.mean(axis=0), np.atleast_2d(np.cov(side, rowvar=False))) for side in sides)
    return frechet_distance(mean_a, a, mean_b, b)


def precision_recall(real: ArrayLike, generated: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Return which share of the generated features is among the real ones, and of the real among the generated.

    A feature is among a set if it lies in a ball around one of its members that reaches to that member's k-th nearest
    neighbor in the set.

    References
    ----------
    Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019, eq. 1.
    """
    a, b = _features(real), _features(generated)
    if min(len(a), len(b)) <= k:
        raise GeometryError(f"neighbors of order {k} need more than {k} samples, got {len(a)} and {len(b)}")
    return _share_among(b, a, k), _share_among(a, b, k)


def _features(values: ArrayLike) -> np.ndarray:
    features = np.asarray(values, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
        raise GeometryError(f"features must be finite, one row a sample and two rows at least, got {features.shape}")
    return features


def _share_among(points: np.ndarray, members: np.ndarray, k: int) -> float:
    """Return the share of `points` within the reach of one of the `members`."""
    # the nearest neighbor of a member is itself
    reach = cKDTree(members).query(members, k + 1)[0][:, k]
    blocks = (points[start : start + BLOCK] for start in range(0, len(points), BLOCK))
    return float(np.concatenate([(cdist(block, members) <= reach).any(axis=1) for block in blocks]).mean())
