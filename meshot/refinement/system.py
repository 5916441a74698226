"""Shared by the equations of equal shares in disk, sphere and ball: frames of the steps, and matrices."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints


class Elements(NamedTuple):
    """The triangles or tetrahedra of a mesh: `corners` (n, 3 or 4), and `edges` (n, 3 or 6), the number of each."""

    corners: Ints
    edges: Ints


class Terms(NamedTuple):
    """What the damped normal matrix is the sum of, element by element; see `System.matrix`."""

    gradients: Floats
    weights: Floats
    damping: Floats
    floor: Floats


class Blocks(NamedTuple):
    """A symmetric matrix: `diagonal` (V, k, k), `across` (E, k, k) in row i and column j of each edge (i, j)."""

    diagonal: Floats
    across: Floats


class System(ABC):
    """Areas or volumes of a map's cells, their derivatives, and the damped normal matrix.

    A step is given in frames of the vertices, so that those of the boundary stay on circle or sphere.

    Attributes
    ----------
    count : int
        Number of vertices.
    edges : (E, 2) int
        Edges i < j.
    shares : (n,) float
        Wanted share of each cell.
    """

    count: int
    edges: Ints
    shares: Floats

    @abstractmethod
    def measures(self, image: Floats) -> Floats:
        """Signed area or volume of each element, (n,)."""

    @abstractmethod
    def frames(self, image: Floats) -> Floats:
        """Columns of each vertex's frame, (V, d, k): a step of zero along the columns that are zero."""

    @abstractmethod
    def move(self, image: Floats, step: Floats) -> Floats:
        """Return the map after `step`, (V, k), in the frames; what is on circle or sphere stays there."""

    @abstractmethod
    def change(self, gradients: Floats, step: Floats) -> Floats:
        """Return the linear change of the measures, (n,), under a step: the derivative applied to it."""

    @abstractmethod
    def pull(self, gradients: Floats, weights: Floats) -> Floats:
        """Apply the transpose of `change`: the vertex vectors (V, k) that weights of the elements (n,) exert."""

    @abstractmethod
    def assemble(self, image: Floats, frames: Floats, terms: Terms, blocks: Blocks) -> None:
        """Add the matrix to blocks of zeros; see `matrix`."""

    @abstractmethod
    def average(self, values: Floats, rounds: int) -> Floats:
        """Average values of the elements (n,) over the stars of the vertices, `rounds` times."""

    def matrix(
        self, image: Floats, frames: Floats, gradients: Floats, weights: Floats, damping: Floats, floor: Floats
    ) -> Blocks:
        """Assemble the sum over the elements e of weights_e g_e g_e^T + damping_e D_e, g_e the gradient of its measure.

        D_e measures a step by its gradient relative to the element itself: with F the linear map from the regular
        triangle or tetrahedron of unit size to the element's image, D_e(d) = |F^-1 (grad d) F|^2, which bounds the
        relative higher-order change of its measure, whatever the element's shape. `floor` (n,), a squared length, keeps
        F F^T regular where an element is flat or flipped.
        """
        k = frames.shape[2]
        blocks = Blocks(np.zeros((self.count, k, k)), np.zeros((len(self.edges), k, k)))
        self.assemble(image, frames, Terms(gradients, weights, damping, floor), blocks)
        return blocks
