"""The local spacing of sites, and what holes it explains."""

import numpy as np
import pytest
from scipy.spatial import Delaunay, cKDTree
from tears import scattered_in_ball, spiral

from meshot.singular.spacing import site_spacing


@pytest.mark.parametrize("dimension", [2, 3])
def test_independent_and_regular_sites_are_told_apart(dimension):
    independent = site_spacing(np.random.default_rng(0).random((4000, dimension)))
    line = np.arange(round(4000 ** (1 / dimension)), dtype=float)
    lattice = site_spacing(np.stack(np.meshgrid(*[line] * dimension), axis=-1).reshape(-1, dimension))
    assert independent.regularity < 0.1
    assert lattice.regularity == 1
    assert np.median(independent.lengths) == pytest.approx(4000 ** (-1 / dimension), rel=0.1)
    assert np.median(lattice.lengths) == pytest.approx(1, rel=0.15)
    assert lattice.hole < independent.hole


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_holes_between_independent_sites_are_explained(dimension, seed):
    """The emptiest ball of all whose center is among the sites."""
    sites = scattered_in_ball(3000, dimension, seed)
    spacing = site_spacing(sites)
    centers = sites[Delaunay(sites).simplices].mean(axis=1)
    inner = centers[np.linalg.norm(centers, axis=1) < 0.8]
    distance, near = cKDTree(sites).query(inner, k=12)
    emptiest = (distance / spacing.nearby[near]).min(axis=1).max()
    assert 0.5 * spacing.hole < emptiest < spacing.hole


def test_spacing_scales():
    sites = spiral(500)
    assert site_spacing(3 * sites).lengths == pytest.approx(3 * site_spacing(sites).lengths)
    assert site_spacing(3 * sites).hole == site_spacing(sites).hole


def test_sparse_sites_beside_dense_ones():
    """A step of the density, ten to one, leaves no hole that is not explained."""
    rng = np.random.default_rng(0)
    sites = np.concatenate([rng.random((5000, 2)) - [1, 0], rng.random((500, 2))])
    spacing = site_spacing(sites)
    points = np.column_stack([np.linspace(0, 0.2, 4000), np.tile(np.linspace(0.1, 0.9, 400), 10)])
    distance, near = cKDTree(sites).query(points, k=12)
    assert (distance / spacing.nearby[near]).min(axis=1).max() < spacing.hole
    assert (spacing.nearby >= spacing.lengths).all()


def test_few_sites():
    assert np.isinf(site_spacing(np.zeros((1, 2))).lengths).all()
    assert site_spacing(np.array([[0.0, 0.0], [1.0, 0.0]])).lengths == pytest.approx(np.sqrt(np.pi))
