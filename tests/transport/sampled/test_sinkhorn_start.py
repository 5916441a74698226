import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from strips import CPU

from meshot.transport.sampled.estimates import CellMoments, LevelProblem, cell_moments, estimate_cells
from meshot.transport.sampled.facets import LaplacianSolver, estimate_laplacian
from meshot.transport.sampled.hierarchy import cluster_sites, prolong_heights
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.sinkhorn_start import SinkhornStart, soft_masses
from meshot.transport.sampled.sources import UniformBox, as_source


def strip(n):
    """Sites on a line in a box, whose cells are strips of equal width at heights -y^2 / 2."""
    sites = np.column_stack([(np.arange(n) + 0.5) / n, np.zeros(n)])
    source = UniformBox([0, -0.5], [1, 0.5])
    return LevelProblem(sites, np.full(n, 1 / n), source, CPU), -0.5 * (sites**2).sum(axis=1)


def test_a_survey_counts_strips():
    problem, heights = strip(8)
    found = estimate_cells(problem, heights, 1 << 15, (0,), ProcessGroup(), moments=True)
    assert np.abs(found.masses - 1 / 8).max() < 1e-3
    cells = cell_moments(found, 2)
    assert np.abs(cells.centroids - problem.sites).max() < 2e-3
    assert np.abs(cells.covariances - np.diag([1 / 768, 1 / 12])).max() < 1e-3
    quality = found.quality(problem.shares)
    assert quality.plain == pytest.approx(np.sqrt(7 / (1 << 15)))
    assert quality.noise < quality.plain
    off = found.quality(problem.shares * np.array([1.1, 0.9] * 4))
    assert off.error == pytest.approx(np.sqrt(((1 / np.array([1.1, 0.9]) - 1) ** 2).mean()), rel=0.05)


def test_facets_are_estimated_from_second_best_sites():
    problem, heights = strip(6)
    found = estimate_cells(problem, heights, 1 << 16, (1,), ProcessGroup())
    laplacian = estimate_laplacian(found, problem, ProcessGroup()).toarray()
    # facets have length 1, and neighbors lie 1/6 apart
    expected = 6 * (np.diag([1, 2, 2, 2, 2, 1]) - np.eye(6, k=1) - np.eye(6, k=-1))
    assert np.abs(laplacian - expected).max() < 0.06 * expected.max()
    assert np.abs(laplacian.sum(axis=1)).max() < 1e-12


def test_a_site_beside_another_hides_no_facet():
    # the third strip of five is shared by two sites that all but coincide
    sites = np.column_stack([np.array([0.1, 0.3, 0.5 - 1e-6, 0.5 + 1e-6, 0.7, 0.9]), np.zeros(6)])
    problem = LevelProblem(sites, np.array([2, 2, 1, 1, 2, 2]) / 10, UniformBox([0, -0.5], [1, 0.5]), CPU)
    found = estimate_cells(problem, -0.5 * (sites**2).sum(axis=1), 1 << 16, (6,), ProcessGroup())
    laplacian = estimate_laplacian(found, problem, ProcessGroup()).toarray()
    assert laplacian[2, 3] == pytest.approx(-1 / 2e-6, rel=0.1)
    assert laplacian[[1, 4], 2:4].sum(axis=1) == pytest.approx([-5, -5], rel=0.1)
    # a step through this facet, five million times as stiff as the others, still moves the two together
    missing = np.array([0.1, 0.0, -0.05, -0.05, 0.0, 0.0])
    move = LaplacianSolver(csr_array(laplacian))(missing)
    assert move[0] - move[2:4].mean() == pytest.approx(0.1 / 5 * 2, rel=0.1)


def test_the_solver_of_small_and_large_graphs_agree(monkeypatch):
    problem, heights = strip(300)
    found = estimate_cells(problem, heights, 1 << 16, (2,), ProcessGroup())
    laplacian = estimate_laplacian(found, problem, ProcessGroup())
    missing = np.sin(np.arange(300.0))
    missing -= missing.mean()
    dense = LaplacianSolver(laplacian)(missing)
    monkeypatch.setattr("meshot.transport.sampled.facets.MAX_DENSE", 10)
    assert np.abs(LaplacianSolver(laplacian)(missing) - dense).max() < 1e-2 * np.abs(dense).max()


def test_balance_raises_what_is_buried():
    rng = np.random.default_rng(3)
    sites = rng.uniform(-0.6, 0.6, size=(60, 2))
    problem = LevelProblem(sites, np.full(60, 1 / 60), as_source(None, 2), CPU)
    heights = -0.5 * (sites**2).sum(axis=1)
    heights[::3] -= 0.3
    before = estimate_cells(problem, heights, 1 << 14, (4,), ProcessGroup())
    assert (before.counts.sum(axis=0) == 0).sum() >= 20
    sinkhorn = SinkhornStart(problem, np.array([0, 60]), None, np.array([0.3]), (5,), ProcessGroup())
    after = estimate_cells(problem, sinkhorn.first_round(heights), 1 << 14, (4,), ProcessGroup())
    assert after.quality(problem.shares).error < 0.3


@pytest.mark.uncompiled
def test_whole_tensors_share_as_the_kernel_does():
    rng = np.random.default_rng(6)
    sites = rng.normal(size=(100, 3))
    clusters = cluster_sites(sites, np.ones(100))
    problem = LevelProblem(sites[clusters.order], np.full(100, 0.01), as_source(None, 3), CPU)
    starts = np.arange(0, 101, 10)
    coarse = LevelProblem(problem.sites[5::10], np.full(10, 0.1), problem.source, CPU)
    heights, widths = -0.5 * (problem.sites**2).sum(axis=1), rng.uniform(0.1, 0.2, 10)
    sinkhorn = SinkhornStart(problem, starts, (coarse, heights[5::10]), widths, (7,), ProcessGroup())
    sinkhorn.add_clusters(heights)
    assert (sinkhorn.known[:, 0] >= 0).all()
    kernel = sinkhorn._on_cpu()(heights, 0.5)
    tensors = (torch.from_numpy(array) for array in (problem.sites, heights, starts, sinkhorn.known.astype(np.int64)))
    whole = soft_masses(sinkhorn.points, *tensors, torch.from_numpy(0.5 * widths))
    assert torch.allclose(kernel, whole)
    assert float(whole.sum()) == pytest.approx(sinkhorn.size)


def test_an_affine_target_is_prolonged_exactly():
    # the unit disk to an ellipse: u is a quadratic, and so is its dual, -h
    rng = np.random.default_rng(8)
    radius, angle = np.sqrt(rng.random(4000)), 2 * np.pi * rng.random(4000)
    stretch = np.array([[2.0, 0.5], [0.5, 1.0]])
    sites = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]) @ stretch
    cells = CellMoments(np.zeros((1, 2)), 0.25 * np.eye(2)[None])
    heights = prolong_heights(sites, np.full(4000, 1 / 4000), np.array([0, 4000]), np.zeros(1), cells)
    dual = 0.5 * np.einsum("na,ab,nb->n", sites, np.linalg.inv(stretch), sites)
    difference = heights + dual
    assert np.ptp(difference) < 0.1 * np.ptp(dual)
