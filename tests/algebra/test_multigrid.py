"""Group multigrid on graphs that do not hang together, as those of cells without a facet."""

import numpy as np
import pytest
from scipy import sparse

from meshot.algebra.multigrid import GroupMultigrid


def path(n: int) -> sparse.csr_array:
    """Laplacian of a path, its first unknown held."""
    main = np.full(n, 2.0)
    main[-1] = 1.0
    return sparse.csr_array(sparse.diags_array([-np.ones(n - 1), main, -np.ones(n - 1)], offsets=[-1, 0, 1]))


@pytest.mark.fast
@pytest.mark.parametrize("n", [50, 3000])
def test_unknowns_without_an_entry_have_a_row_all_the_same(n: int) -> None:
    """Every fifth row and some more are empty: coarse levels get a diagonal that the fine one has not."""
    matrix = sparse.block_diag([path(n), sparse.csr_array((n // 5, n // 5))]).tocsr()
    rng = np.random.default_rng(0)
    order = rng.permutation(matrix.shape[0]) if n < 100 else np.arange(matrix.shape[0])
    matrix = sparse.csr_array(matrix[order][:, order])
    matrix.eliminate_zeros()
    rhs = matrix @ rng.normal(size=matrix.shape[0])
    solution = GroupMultigrid(matrix).solve(rhs, 1e-9, 3000)
    assert solution is not None
    np.testing.assert_allclose(matrix @ solution, rhs, atol=1e-6 * np.linalg.norm(rhs))


@pytest.mark.fast
def test_nothing_but_unknowns_without_a_neighbor() -> None:
    solution = GroupMultigrid(sparse.csr_array((500, 500))).solve(np.zeros(500), 1e-9, 10)
    np.testing.assert_array_equal(solution, np.zeros(500))
