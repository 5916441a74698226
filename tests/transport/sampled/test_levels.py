import numpy as np
from scipy.sparse import csr_array
from strips import look, strips

from meshot.transport.sampled.facets import LaplacianSolver, couple_to_near_sites
from meshot.transport.sampled.levels import bounded_direction, nearly_empty_cells, raises_of_empty_cells
from meshot.transport.sampled.processes import ProcessGroup


def stay(heights):
    pass


def step(problem, heights, found, quality=None):
    quality = found.quality(problem.shares) if quality is None else quality
    return bounded_direction(found, problem, heights, quality, (2,), ProcessGroup())


def test_a_step_brings_strips_to_the_shares_asked_for():
    shares = np.linspace(0.8, 1.2, 10) / 10
    problem, heights, found = strips(stay, shares)
    before = found.quality(shares).error
    after = look(problem, heights + step(problem, heights, found), 3).quality(shares).error
    assert after < 0.2 * before


def test_what_is_hidden_by_noise_is_not_asked_for():
    problem, heights, found = strips(stay, np.linspace(0.8, 1.2, 10) / 10)
    quality = found.quality(problem.shares)
    whole = step(problem, heights, found)
    for ratio, share in ((1.0, 1 / 2), (3.0, 1 / 10)):
        noisy = quality._replace(noise=ratio * quality.error)
        np.testing.assert_allclose(step(problem, heights, found, noisy), share * whole, rtol=2e-2, atol=1e-6)


def test_what_buried_sites_side_by_side_lack_does_not_add_up():
    def bury(heights):
        heights[4:7] -= 0.05

    problem, heights, found = strips(bury)
    thin = nearly_empty_cells(found, problem)
    assert thin.nonzero()[0].tolist() == [4, 5, 6]
    raises = raises_of_empty_cells(found, problem, heights, thin, (2,), ProcessGroup())
    move = step(problem, heights, found)
    away = move[[0, 1, 8, 9]].mean()
    assert (raises[4:7] > 0.03).all()
    assert (move[4:7] - away < 2 * raises[4:7]).all()
    masses = look(problem, heights + move, 3).masses
    assert 0.1 < masses[4:7].sum() < 0.5
    assert masses.max() < 0.25


def test_repeated_steps_end_at_the_shares():
    def bury(heights):
        heights[4:7] -= 0.05

    problem, heights, found = strips(bury, np.linspace(0.5, 1.5, 10) / 10)
    for k in range(12):
        heights = heights + step(problem, heights, found)
        found = look(problem, heights, 10 + k)
    assert found.quality(problem.shares).error < 0.02


def test_a_cell_that_nothing_tells_of_goes_with_what_is_near():
    # a path of ten, whose fifth is cut off
    laplacian = np.diag([1.0, 2, 2, 1, 0, 1, 2, 2, 2, 1])
    for i in (0, 1, 2, 5, 6, 7, 8):
        laplacian[i, i + 1] = laplacian[i + 1, i] = -1
    laplacian[3, 5] = laplacian[5, 3] = -1
    laplacian[3, 3] = laplacian[5, 5] = 2
    near = np.stack([np.clip(np.arange(10) - 1, 0, 9), np.clip(np.arange(10) + 1, 0, 9)], axis=1)
    held = couple_to_near_sites(csr_array(laplacian), np.full(10, 0.5), near)
    assert abs(held - held.T).max() == 0
    assert np.abs(held.sum(axis=1)).max() < 1e-12
    missing = np.zeros(10)
    missing[[0, 3]] = 1, -1
    moves = LaplacianSolver(held, np.full(10, 0.5))(missing)
    np.testing.assert_allclose(moves[4], moves[[3, 5]], atol=1e-4)
    left_behind = LaplacianSolver(csr_array(laplacian), np.full(10, 0.5))(missing)
    assert (left_behind[4] > left_behind[[3, 5]] + 0.5).all()
