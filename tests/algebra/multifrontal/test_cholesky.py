import numba
import numpy as np
import pytest
from shapes import disk, icosphere, relief
from torture import hub

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.base.errors import ConvergenceError

SURFACES = {"disk": disk(24), "relief": relief(15), "sphere": icosphere(3), "hub": hub(), "small": disk(1)}


def random_blocks(surface, size, seed=0):
    """Diagonal and edge blocks of a positive definite matrix, and the matrix itself."""
    rng = np.random.default_rng(seed)
    count, edges = len(surface.vertices), surface.edges.copy()
    turned = rng.random(len(edges)) < 0.5
    edges[turned] = edges[turned][:, ::-1]
    across = rng.normal(size=(len(edges), size, size))
    diagonal = rng.normal(size=(count, size, size))
    diagonal = diagonal + diagonal.transpose(0, 2, 1)
    row = np.abs(diagonal).sum(axis=2)
    np.add.at(row, edges[:, 0], np.abs(across).sum(axis=2))
    np.add.at(row, edges[:, 1], np.abs(across).sum(axis=1))
    diagonal = diagonal + 2.0 * row.max() * np.eye(size)
    matrix = np.zeros((count, size, count, size))
    matrix[np.arange(count), :, np.arange(count), :] = diagonal
    matrix[edges[:, 0], :, edges[:, 1], :] = across
    matrix[edges[:, 1], :, edges[:, 0], :] = across.transpose(0, 2, 1)
    return edges, diagonal, across, matrix.reshape(count * size, count * size)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=pytest.mark.uncompiled if k == "small" else ()) for k in SURFACES]
)
def test_solution_is_that_of_numpy(name, size):
    surface = SURFACES[name]
    edges, diagonal, across, matrix = random_blocks(surface, size)
    solver = BlockCholesky(surface.vertices, edges, size)
    for factor in (1.0, 3.0):
        solver.factorize(factor * diagonal, factor * across)
        rhs = np.random.default_rng(1).normal(size=(len(surface.vertices), size, 2))
        expected = np.linalg.solve(factor * matrix, rhs.reshape(-1, 2)).reshape(rhs.shape)
        solved = solver.solve(rhs)
        np.testing.assert_allclose(solved, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
        np.testing.assert_array_equal(solver.solve(rhs[:, :, 0]), solved[:, :, 0])


def test_positions_change_nothing_but_the_rounding():
    surface = SURFACES["disk"]
    edges, diagonal, across, _ = random_blocks(surface, 1)
    rhs = np.random.default_rng(2).normal(size=(len(surface.vertices), 1))
    solutions = []
    for positions in (surface.vertices, np.random.default_rng(3).normal(size=surface.vertices.shape)):
        solver = BlockCholesky(positions, edges, 1)
        solver.factorize(diagonal, across)
        solutions.append(solver.solve(rhs))
    np.testing.assert_allclose(*solutions, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("vertex", [0, 100, 400, 1800])
def test_a_pivot_that_is_not_positive_is_told(vertex):
    surface = SURFACES["disk"]
    edges, diagonal, across, _ = random_blocks(surface, 2)
    diagonal[vertex, 1, 1] = -1.0
    with pytest.raises(ConvergenceError, match="positive definite"):
        BlockCholesky(surface.vertices, edges).factorize(diagonal, across)


@pytest.mark.uncompiled
def test_parts_without_an_edge_between_them():
    """A pivot that fails in one part is told although nothing comes after it."""
    points, none = np.arange(100.0)[:, None], np.zeros((0, 2), dtype=np.int64)
    solver = BlockCholesky(points, none, 1)
    solver.factorize(1.0 + points[:, :, None], np.zeros((0, 1, 1)))
    np.testing.assert_allclose(solver.solve(np.ones((100, 1))), 1.0 / (1.0 + points), rtol=1e-15)
    with pytest.raises(ConvergenceError):
        solver.factorize(points[:, :, None] - 3.0, np.zeros((0, 1, 1)))


def test_fill_of_a_disk_grows_almost_in_proportion():
    sizes, fills = [], []
    for rings in (20, 40, 80):
        surface = disk(rings)
        sizes.append(len(surface.vertices))
        fills.append(BlockCholesky(surface.vertices, surface.edges, 1).fill)
    exponent = np.polyfit(np.log(sizes), np.log(fills), 1)[0]
    assert 1.0 < exponent < 1.25


def test_the_number_of_threads_changes_no_bit():
    """Enough vertices for several subtrees, and for several tiles in the fronts above them."""
    surface = disk(40)
    edges = surface.edges
    diagonal, across = np.tile(8.0 * np.eye(2), (len(surface.vertices), 1, 1)), np.tile(-np.eye(2), (len(edges), 1, 1))
    rhs, solutions = np.random.default_rng(4).normal(size=(len(surface.vertices), 2)), []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        solver = BlockCholesky(surface.vertices, edges, thin=True)
        solver.factorize(diagonal, across)
        solutions.append(solver.solve(rhs))
    np.testing.assert_array_equal(*solutions)
