import gc
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from shapes import disk, grid, relief
from torture import hub

from meshot.algebra import solve as linsolve
from meshot.algebra.operators import cotangent_laplacian, edge_lengths
from meshot.algebra.solve import SPDSolver, solve_spd
from meshot.base.errors import ConvergenceError


def grounded(surface):
    """Laplacian without its first row and column."""
    matrix = cotangent_laplacian(surface.faces, edge_lengths(surface), len(surface.vertices))
    return sparse.csr_array(matrix[1:, 1:])


MATRICES = {
    "disk": grounded(disk(20)),
    "relief": grounded(relief(15)),
    "hub": grounded(hub()),
    "two pieces": sparse.csr_array(sparse.block_diag([grounded(disk(9)), grounded(grid(9, 9))])),
    "diagonal": sparse.csr_array(sparse.diags_array(np.arange(1.0, 201.0))),
    "one": sparse.csr_array([[4.0]]),
    "dense": sparse.csr_array(np.full((150, 150), 1.0) + 150 * np.eye(150)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_direct_solution_is_that_of_numpy(name):
    matrix = MATRICES[name]
    rhs = np.random.default_rng(0).normal(size=(matrix.shape[0], 3))
    expected = np.linalg.solve(matrix.toarray(), rhs)
    solver = SPDSolver(matrix, "direct")
    assert solver.method == "direct"
    np.testing.assert_allclose(solver.solve(rhs), expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(solver.solve(rhs[:, 0]), expected[:, 0], atol=1e-9 * np.abs(expected).max())


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.floats(0.0, 0.2), st.integers(0, 1000))
def test_random_matrices_are_solved(size, density, seed):
    rng = np.random.default_rng(seed)
    part = sparse.random_array((size, size), density=density, rng=rng)
    matrix = sparse.csr_array(part @ part.T + sparse.eye_array(size))
    rhs = rng.normal(size=size)
    x = solve_spd(matrix, rhs)
    assert np.abs(matrix @ x - rhs).max() < 1e-10


def test_multigrid_agrees_with_the_factorization():
    matrix = MATRICES["disk"]
    rhs = np.random.default_rng(1).normal(size=(matrix.shape[0], 2))
    direct, iterated = SPDSolver(matrix, "direct"), SPDSolver(matrix, "multigrid")
    np.testing.assert_allclose(iterated.solve(rhs, tol=1e-12), direct.solve(rhs), atol=1e-8)
    np.testing.assert_allclose(iterated.solve(rhs, x0=direct.solve(rhs)), direct.solve(rhs), atol=1e-8)
    assert not iterated.solve(np.zeros(matrix.shape[0])).any()


def test_automatic_choice_goes_by_the_size(monkeypatch):
    assert SPDSolver(MATRICES["disk"]).method == "direct"
    monkeypatch.setattr(linsolve, "MAX_DIRECT", 10)
    assert SPDSolver(MATRICES["disk"]).method == "multigrid"


def surface_and_matrix():
    surface = relief(15)
    return surface.vertices[1:], grounded(surface)


def test_dissection_agrees_with_superlu():
    positions, matrix = surface_and_matrix()
    rhs = np.random.default_rng(2).normal(size=(len(positions), 3))
    direct, dissected = SPDSolver(matrix, "direct"), SPDSolver(matrix, "dissection", positions)
    np.testing.assert_allclose(dissected.solve(rhs), direct.solve(rhs), atol=1e-10)
    np.testing.assert_array_equal(dissected.solve(rhs[:, 0]), dissected.solve(rhs)[:, 0])


def test_positions_are_used_where_they_pay(monkeypatch):
    positions, matrix = surface_and_matrix()
    assert SPDSolver(matrix, positions=positions).method == "direct"
    monkeypatch.setattr(linsolve, "MIN_DISSECTION", 10)
    assert SPDSolver(matrix, positions=positions).method == "dissection"
    assert SPDSolver(matrix).method == "direct"
    # Cuts by positions that say nothing about the graph fill the matrix up.
    monkeypatch.setattr(linsolve, "MAX_FILL", 30)
    assert SPDSolver(matrix, positions=positions).method == "dissection"
    scattered = np.random.default_rng(0).normal(size=positions.shape)
    assert SPDSolver(matrix, positions=scattered).method == "direct"


def test_dissection_needs_positions():
    with pytest.raises(ValueError, match="positions"):
        SPDSolver(MATRICES["one"], "dissection")


def test_nothing_to_solve():
    assert solve_spd(sparse.csr_array((0, 0)), np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("matrix", [[[1.0, -1.0], [-1.0, 1.0]], [[0.0]], [[np.nan]]])
def test_refuses_what_is_singular(matrix):
    with pytest.raises(ConvergenceError, match="singular"):
        solve_spd(sparse.csr_array(np.array(matrix)), np.ones(len(matrix)), method="direct")


def test_iteration_that_does_not_converge_says_how_far_it_came(monkeypatch):
    monkeypatch.setattr(linsolve, "MAX_ITERATIONS", 1)
    matrix = grounded(disk(40))
    with pytest.raises(ConvergenceError, match="relative residual"):
        SPDSolver(matrix, "multigrid").solve(np.random.default_rng(0).normal(size=matrix.shape[0]), tol=1e-15)


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match="lu"):
        SPDSolver(MATRICES["one"], "lu")


def test_solver_leaves_its_input_alone():
    matrix, rhs = MATRICES["relief"].copy(), np.ones(MATRICES["relief"].shape[0])
    SPDSolver(matrix).solve(rhs)
    np.testing.assert_array_equal(matrix.data, MATRICES["relief"].data)
    np.testing.assert_array_equal(rhs, 1.0)


# ---------------------------------------------------------------------------------------------------------------------
# the choice, and PARDISO


class FakePardiso(ModuleType):
    """Takes the upper triangle, as PARDISO does for matrices of its type 2, and solves by numpy."""

    def __init__(self):
        super().__init__("pypardiso")
        self.pardiso_wrapper = ModuleType("pypardiso.pardiso_wrapper")
        self.pardiso_wrapper.PyPardisoError = type("PyPardisoError", (Exception,), {})
        fake, self.freed = self, []

        class PyPardisoSolver:
            def __init__(self, mtype):
                assert mtype == 2

            def factorize(self, upper):
                assert sparse.tril(upper, -1).nnz == 0
                try:
                    self.full = np.linalg.cholesky((upper + sparse.triu(upper, 1).T).toarray())
                except np.linalg.LinAlgError as error:
                    raise fake.pardiso_wrapper.PyPardisoError(-4) from error

            def solve(self, upper, rhs):
                return np.linalg.solve(self.full @ self.full.T, rhs)

            def free_memory(self, everything):
                fake.freed.append(everything)

        self.PyPardisoSolver = PyPardisoSolver


@pytest.fixture
def pardiso(monkeypatch):
    fake = FakePardiso()
    fake.__spec__ = ModuleSpec("pypardiso", None)
    monkeypatch.setitem(sys.modules, "pypardiso", fake)
    monkeypatch.setitem(sys.modules, "pypardiso.pardiso_wrapper", fake.pardiso_wrapper)
    linsolve.has_pardiso.cache_clear()
    yield fake
    linsolve.has_pardiso.cache_clear()


def test_pardiso_is_taken_for_large_systems_where_it_is_installed(pardiso, monkeypatch, caplog):
    matrix, rhs = MATRICES["relief"], np.random.default_rng(0).normal(size=(MATRICES["relief"].shape[0], 2))
    assert SPDSolver(matrix).method == "direct"
    monkeypatch.setattr(linsolve, "MIN_PARDISO", 10)
    with caplog.at_level("DEBUG", logger="meshot"):
        solver = SPDSolver(matrix)
    assert solver.method == "pardiso"
    assert f"{matrix.shape[0]} unknowns, auto asked for: pardiso" in caplog.text
    np.testing.assert_allclose(solver.solve(rhs), SPDSolver(matrix, "direct").solve(rhs), atol=1e-10)
    del solver
    gc.collect()
    assert pardiso.freed == [True]


def test_pardiso_says_that_a_system_is_singular(pardiso):
    with pytest.raises(ConvergenceError, match="singular"):
        SPDSolver(sparse.csr_array([[1.0, -1.0], [-1.0, 1.0]]), "pardiso")
    assert SPDSolver(sparse.csr_array((0, 0)), "pardiso").solve(np.empty(0)).shape == (0,)


def test_a_pardiso_without_its_library_is_passed_over(pardiso, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pypardiso", None)
    monkeypatch.setattr(linsolve, "find_spec", lambda name: "found")
    monkeypatch.setattr(linsolve, "MIN_PARDISO", 0)
    with caplog.at_level("INFO", logger="meshot"):
        assert SPDSolver(MATRICES["disk"]).method == "direct"
    assert "cannot be used" in caplog.text


def test_without_pardiso_nothing_changes(monkeypatch):
    monkeypatch.setattr(linsolve, "find_spec", lambda name: None)
    monkeypatch.setattr(linsolve, "MIN_PARDISO", 0)
    linsolve.has_pardiso.cache_clear()
    assert SPDSolver(MATRICES["disk"]).method == "direct"
    linsolve.has_pardiso.cache_clear()


def test_the_real_pardiso():
    pytest.importorskip("pypardiso", exc_type=ImportError)
    for matrix in MATRICES.values():
        rhs = np.random.default_rng(0).normal(size=(matrix.shape[0], 3))
        expected = SPDSolver(matrix, "direct").solve(rhs)
        np.testing.assert_allclose(SPDSolver(matrix, "pardiso").solve(rhs), expected, atol=1e-9)
