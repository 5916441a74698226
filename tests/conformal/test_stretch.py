import numpy as np
from shapes import relief

from meshot.conformal import stretch
from meshot.conformal.stretch import plain_weights, weighted_means


def test_vertices_become_means_of_their_neighbors_in_either_order_of_elimination(monkeypatch):
    surface = relief(12)
    (loop,) = surface.boundary_loops
    free = np.ones(len(surface.vertices), dtype=bool)
    free[loop] = False
    z, weights = surface.vertices[:, 0] + 1j * surface.vertices[:, 1], plain_weights(surface)
    placed = weighted_means(weights, z, free)
    means = (weights @ placed) / np.asarray(weights.sum(axis=1)).ravel()
    np.testing.assert_allclose(placed[free], means[free], atol=1e-13)
    np.testing.assert_array_equal(placed[loop], z[loop])
    monkeypatch.setattr(stretch, "DISSECTED_FROM", 0)
    np.testing.assert_allclose(weighted_means(weights, z, free), placed, atol=1e-13)
