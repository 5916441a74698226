import numpy as np
import pytest

from meshot.algebra.multifrontal.fronts import TILE, panel_length, reduce_tiles, subtract_products

pytestmark = pytest.mark.uncompiled


def front(own, others, seed=0):
    """A positive definite matrix, and its first rows as a panel of tiles."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(own + others, own + others))
    matrix = factor @ factor.T + np.eye(own + others)
    tiles = [matrix[: min(first + TILE, own), first : min(first + TILE, own)] for first in range(0, own, TILE)]
    tiles += [matrix[:own, first : first + TILE] for first in range(own, own + others, TILE)]
    return matrix, np.concatenate([tile.ravel() for tile in tiles])


SIZES = [(1, 0), (3, 5), (TILE, TILE), (TILE + 1, 2 * TILE + 3), (2 * TILE + 10, 40), (3 * TILE, 0)]


@pytest.mark.parametrize(("own", "others"), SIZES)
def test_what_remains_is_the_schur_complement(own, others):
    matrix, panel = front(own, others)
    assert len(panel) == panel_length(own, others)
    count, columns = -(-own // TILE), -(-others // TILE)
    reduce_tiles(panel, own, others, 0, count + columns)
    update = matrix[own:, own:].ravel()
    subtract_products(update, panel, own, others, 0, columns)
    rest = matrix[own:, own:] - matrix[own:, :own] @ np.linalg.solve(matrix[:own, :own], matrix[:own, own:])
    np.testing.assert_allclose(np.triu(update.reshape(others, others)), np.triu(rest), atol=1e-9 * np.abs(matrix).max())


@pytest.mark.parametrize(("own", "others"), SIZES)
def test_tiles_may_be_finished_in_any_order(own, others):
    _, panel = front(own, others)
    count, columns = -(-own // TILE), -(-others // TILE)
    at_once = panel.copy()
    reduce_tiles(at_once, own, others, 0, count + columns)
    reduce_tiles(panel, own, others, 0, count)
    for tile in range(count + columns - 1, count - 1, -1):
        reduce_tiles(panel, own, others, tile, tile + 1)
    np.testing.assert_array_equal(panel, at_once)


def test_diagonal_tiles_hold_the_inverse_of_the_factor():
    matrix, panel = front(TILE // 2, 0)
    reduce_tiles(panel, TILE // 2, 0, 0, 1)
    inverse = panel.reshape(TILE // 2, -1)
    np.testing.assert_allclose(np.linalg.inv(inverse).T, np.linalg.cholesky(matrix), atol=1e-8)
    assert (np.tril(inverse, -1) == 0).all()


def test_a_pivot_that_is_not_positive_spoils_all_that_comes_after_it():
    _, panel = front(TILE + 5, 3)
    tile = panel[: TILE * TILE].reshape(TILE, TILE)
    tile[7, 7] = -1.0
    with np.errstate(invalid="ignore"):
        reduce_tiles(panel, TILE + 5, 3, 0, 3)
    assert not np.isfinite(panel[-3:]).any()
