import numpy as np
import pytest

from meshot.transport.sampled.hierarchy import cluster_sites, range_means


@pytest.mark.parametrize(("n", "d"), [(1, 2), (5, 1), (3000, 2), (2500, 12)])
def test_levels_nest_and_keep_all_sites(n, d):
    rng = np.random.default_rng(0)
    clusters = cluster_sites(rng.normal(size=(n, d)), rng.uniform(1, 2, n))
    assert sorted(clusters.order) == list(range(n))
    assert np.array_equal(clusters.levels[-1], np.arange(n + 1))
    for coarse, fine in zip(clusters.levels, clusters.levels[1:], strict=False):
        assert np.isin(coarse, fine).all()
        assert len(coarse) - 1 <= (len(fine) - 1) / 6
    assert len(clusters.levels[0]) - 1 <= max(256, 1)


def test_clusters_have_equal_masses():
    rng = np.random.default_rng(1)
    masses = rng.uniform(0.2, 1.8, 20_000)
    clusters = cluster_sites(rng.normal(size=(20_000, 3)), masses)
    sums = np.add.reduceat(masses[clusters.order], clusters.levels[0][:-1])
    assert sums.max() < 1.05 * sums.min()


def test_clusters_that_lie_apart_are_found():
    rng = np.random.default_rng(2)
    centers = np.array([[0, 0], [20, 0], [0, 9], [20, 9]])
    sites = np.repeat(centers, 100, axis=0) + rng.normal(size=(400, 2))
    order = cluster_sites(sites, np.ones(400)).order
    assert all(len(set(part // 100)) == 1 for part in order.reshape(4, 100))


def test_no_split_of_the_same_masses_has_less_spread():
    rng = np.random.default_rng(3)
    sites = rng.normal(size=(12, 2)) * [3, 1]
    order = cluster_sites(sites, np.ones(12)).order

    def spread(part):
        return ((part - part.mean(axis=0)) ** 2).sum()

    found = spread(sites[order[:6]]) + spread(sites[order[6:]])
    others = [rng.permutation(12) for _ in range(500)]
    assert found <= 1.05 * min(spread(sites[o[:6]]) + spread(sites[o[6:]]) for o in others)


def test_means_are_weighted():
    means = range_means(np.array([[0.0], [3.0], [5.0]]), np.array([2.0, 1.0, 4.0]), np.array([0, 2, 3]))
    assert means.tolist() == [[1.0], [5.0]]
