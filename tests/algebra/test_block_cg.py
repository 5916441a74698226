import numpy as np
import pytest
from shapes import box_solid

from meshot.algebra.block_cg import BlockCG
from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.base.errors import ConvergenceError


def system(seed=0):
    """Blocks of a random positive definite matrix on a box's edges."""
    solid, rng = box_solid(4, 3, 3), np.random.default_rng(seed)
    edges, count = solid.edges, len(solid.vertices)
    factors = rng.normal(size=(len(edges), 3, 6))
    diagonal = np.tile(0.1 * np.eye(3), (count, 1, 1))
    np.add.at(diagonal, edges[:, 0], factors[:, :, :3].transpose(0, 2, 1) @ factors[:, :, :3])
    np.add.at(diagonal, edges[:, 1], factors[:, :, 3:].transpose(0, 2, 1) @ factors[:, :, 3:])
    across = factors[:, :, :3].transpose(0, 2, 1) @ factors[:, :, 3:]
    return solid.vertices, edges, diagonal, across, rng.normal(size=(count, 3))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_cholesky_factor(seed):
    positions, edges, diagonal, across, rhs = system(seed)
    direct = BlockCholesky(positions, edges, size=3)
    direct.factorize(diagonal, across)
    solver = BlockCG(len(positions), edges)
    solver.factorize(diagonal, across)
    assert np.allclose(solver.solve(rhs, 1e-12, 2000), direct.solve(rhs), rtol=0, atol=1e-8)


@pytest.mark.uncompiled
def test_residual_falls_to_what_was_asked_and_iterations_end_when_told():
    positions, edges, diagonal, across, rhs = system()
    solver = BlockCG(len(positions), edges)
    solver.factorize(diagonal, across)
    solver.solve(rhs, 1e-1, 2000)
    few = solver.iterations
    solver.solve(rhs, 1e-10, 2000)
    assert 0 < few < solver.iterations < 2000
    exact = solver.solve(rhs, 1e-13, 2000)
    early = solver.solve(rhs, 1e-13, few)
    assert solver.iterations == few
    # Any number of iterations leads downhill: x^T A x < 2 x^T b.
    energy = np.sum(early * rhs) - 0.5 * np.sum(exact * rhs)
    assert energy > 0
    assert np.array_equal(solver.solve(np.zeros_like(rhs), 1e-10, 10), np.zeros_like(rhs))


@pytest.mark.uncompiled
def test_an_indefinite_diagonal_is_refused():
    positions, edges, diagonal, across, _ = system()
    solver = BlockCG(len(positions), edges)
    with pytest.raises(ConvergenceError, match="not positive definite"):
        solver.factorize(-diagonal, across)
