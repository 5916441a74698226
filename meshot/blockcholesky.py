"""Factorisation of a symmetric positive definite matrix of 2 x 2 blocks on a planar graph."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from meshot.mesh import Floats, Ints


class BlockCholesky:
    """Solves for (V, 2) unknowns; the matrix has a block for each vertex and each edge i < j of a graph.

    Parameters
    ----------
    count : int
        Vertices.
    edges : (E, 2) int
        Edges i < j.
    positions : (V, 2) float
        Where the vertices lie, to order the elimination by.
    """

    def __init__(self, count: int, edges: Ints, positions: Floats) -> None:
        self.count = count
        every, (tail, head) = np.arange(count), edges.T
        rows, columns = np.concatenate([every, tail, head]), np.concatenate([every, head, tail])
        pattern = sparse.csr_array((np.arange(1, len(rows) + 1), (rows, columns)))
        self.indptr, self.indices, self.source = pattern.indptr, pattern.indices, pattern.data - 1

    def factorise(self, diagonal: Floats, across: Floats) -> None:
        """Take the blocks (V, 2, 2) and (E, 2, 2); block e stands in row i, column j of edge (i, j)."""
        blocks = np.concatenate([diagonal, across, across.transpose(0, 2, 1)])[self.source]
        matrix = sparse.bsr_matrix((blocks, self.indices, self.indptr)).tocsc()
        self.factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})

    def solve(self, rhs: Floats) -> Floats:
        """Return x (V, 2)."""
        return np.asarray(self.factor.solve(rhs.ravel())).reshape(-1, 2)
