"""The equations of an area-preserving disk map: triangle areas as functions of the vertices, and their normal matrix.

Unknowns are steps in the vertices' own frames: an interior vertex moves in the plane, a boundary vertex by an angle
along the unit circle (the second component of its step is tied to zero). Interior areas are exactly quadratic in it.
"""

import numpy as np

from meshot.base.arrays import Floats, Ints, cross2
from meshot.base.errors import GeometryError
from meshot.base.kernels import innerkernel, kernel
from meshot.meshes.surface import Surface
from meshot.refinement.system import Blocks, Elements, System, Terms

# Inverse edge matrix of the equilateral triangle of area 1 with its first edge along x, and its Dirichlet matrix.
_SIDE = np.sqrt(4 / np.sqrt(3))
EQUILATERAL = np.linalg.inv(np.array([[1.0, 0.5], [0.0, np.sqrt(3) / 2]]) * _SIDE)
_GRADIENTS = np.vstack([-EQUILATERAL.sum(axis=0), EQUILATERAL])
DIRICHLET = _GRADIENTS @ _GRADIENTS.T


class DiskSystem(System):
    """Areas of the image triangles of a disk, their derivatives, and the damped normal matrix.

    Parameters
    ----------
    faces : (F, 3) int
        A triangulated disk; every vertex belongs to a face.
    targets : (F,) float
        Wanted areas in any unit; kept as shares of their sum.

    Attributes
    ----------
    shares : (F,) float
        Wanted share of each face.
    loop : (B,) int
        Boundary vertices, counter-clockwise.
    edges : (E, 2) int
        Edges i < j; `face_edges` (F, 3) holds the edge opposite to each corner.
    bends : bool
        Whether `bend` knows the areas' curvature.
    """

    bends = True

    def __init__(self, faces: Ints, targets: Floats) -> None:
        self.faces = faces
        self.count = int(faces.max()) + 1
        self.shares = targets / targets.sum()
        surface = Surface(np.zeros((self.count, 3)), faces)
        loops = surface.boundary_loops
        if len(loops) != 1:
            raise GeometryError(f"a disk has one boundary loop, got {len(loops)}")
        self.loop = loops[0]
        self.on_circle = np.zeros(self.count, dtype=bool)
        self.on_circle[self.loop] = True
        self.edges, self.face_edges = mesh_edges(faces, self.count)
        self._star = np.bincount(faces.ravel(), minlength=self.count).astype(float)
        self._rim = np.flatnonzero(self.on_circle[faces].any(axis=1))
        # Half a turn, forward or back, as the edge opposite to each corner runs.
        self._turns = np.where(np.roll(faces, -1, axis=1) < np.roll(faces, -2, axis=1), 0.5, -0.5)

    def measures(self, uv: Floats) -> Floats:
        """Signed area of each image triangle, (F,)."""
        return _signed_areas(self.faces, uv)

    def frames(self, uv: Floats) -> Floats:
        """Columns of each vertex's frame, (V, 2, 2): the plane's axes inside; the tangent and zero on the circle."""
        frames = np.tile(np.eye(2), (self.count, 1, 1))
        x, y = uv[self.loop].T
        zero = np.zeros_like(x)
        frames[self.loop] = np.stack([np.stack([-y, zero], axis=1), np.stack([x, zero], axis=1)], axis=1)
        return frames

    def move(self, uv: Floats, step: Floats) -> Floats:
        """Return the map after `step` (V, 2); boundary vertices turn by ``step[:, 0]`` and stay on the circle."""
        moved = uv + step
        loop, angle = self.loop, step[self.loop, 0]
        x, y = uv[loop].T
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)
        moved[loop] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        return moved

    def gaps(self, uv: Floats) -> Floats:
        """Return the signed angle from each boundary vertex to the next, (B,); all positive if the loop is monotone."""
        here, there = uv[self.loop], uv[np.roll(self.loop, -1)]
        return np.arctan2(cross2(here, there), (here * there).sum(axis=1))

    def gradients(self, uv: Floats, frames: Floats) -> Floats:
        """Return the derivative of each face's area by the steps of its corners, (F, 3, 2)."""
        return _gradients(self.faces, uv, frames)

    def change(self, gradients: Floats, step: Floats) -> Floats:
        """Return the linear change of the areas, (F,), under a step (V, 2)."""
        return _change(self.faces, gradients, step)

    def pull(self, gradients: Floats, weights: Floats) -> Floats:
        """Apply the transpose of `change`: the vertex vectors (V, 2) that face `weights` (F,) exert."""
        return _pull(self.faces, gradients, weights, self.count)

    def assemble(self, image: Floats, frames: Floats, terms: Terms, blocks: Blocks) -> None:
        """Add the matrix to blocks of zeros."""
        _assemble(Elements(self.faces, self.face_edges), image, frames, terms, blocks)

    def bend(self, blocks: Blocks, uv: Floats, frames: Floats, forces: Floats) -> Blocks:
        """Add the second derivative of the sum of forces_f a_f by the steps to blocks as of `matrix`."""
        turn = self._turns * forces[:, None]
        pull = np.bincount(self.face_edges.ravel(), turn.ravel(), minlength=len(self.edges))
        diagonal, across = blocks[0].copy(), blocks[1].copy()
        across[:, 0, 1] += pull
        across[:, 1, 0] -= pull
        # What has to do with the boundary is in other frames there, and a turn along the circle also bends inwards.
        rim = np.flatnonzero(self.on_circle[self.edges].any(axis=1))
        first, second = frames[self.edges[rim, 0]], frames[self.edges[rim, 1]]
        quarter = pull[rim, None, None] * np.stack([second[:, 1], -second[:, 0]], axis=1)
        across[rim] = blocks[1][rim] + first.transpose(0, 2, 1) @ quarter
        faces, loop = self.faces[self._rim], self.loop
        plane = np.tile(np.eye(2), (self.count, 1, 1))
        inward = _pull(faces, _gradients(faces, uv, plane), forces[self._rim], self.count)[loop]
        diagonal[loop, 0, 0] -= np.sum(inward * uv[loop], axis=1)
        return Blocks(diagonal, across)

    def multiply(self, blocks: tuple[Floats, Floats], x: Floats) -> Floats:
        """Return a matrix of blocks, as `matrix` gives, times x (V, 2)."""
        return _multiply(self.edges, *blocks, x)

    def average(self, values: Floats, rounds: int) -> Floats:
        """Average face values (F,) over the stars of the vertices, `rounds` times."""
        for _ in range(rounds):
            at_vertex = np.bincount(self.faces.ravel(), np.repeat(values, 3), minlength=self.count) / self._star
            first, second, third = at_vertex[self.faces].T
            values = (first + second + third) / 3
        return values


def mesh_edges(faces: Ints, count: int) -> tuple[Ints, Ints]:
    """Edges (E, 2), i < j, and for each face the edge opposite to each corner (F, 3)."""
    tail, head = np.roll(faces, -1, axis=1), np.roll(faces, -2, axis=1)
    keys = np.minimum(tail, head) * count + np.maximum(tail, head)
    unique, inverse = np.unique(keys, return_inverse=True)
    return np.stack([unique // count, unique % count], axis=1), inverse.reshape(-1, 3)


@kernel
def _signed_areas(faces, uv):
    out = np.empty(len(faces))
    for f in range(len(faces)):
        i, j, k = faces[f]
        out[f] = 0.5 * ((uv[j, 0] - uv[i, 0]) * (uv[k, 1] - uv[i, 1]) - (uv[j, 1] - uv[i, 1]) * (uv[k, 0] - uv[i, 0]))
    return out


@kernel
def _gradients(faces, uv, frames):
    out = np.empty((len(faces), 3, 2))
    for f in range(len(faces)):
        for c in range(3):
            i, j, k = faces[f, c], faces[f, (c + 1) % 3], faces[f, (c + 2) % 3]
            x, y = 0.5 * (uv[j, 1] - uv[k, 1]), 0.5 * (uv[k, 0] - uv[j, 0])
            out[f, c, 0] = frames[i, 0, 0] * x + frames[i, 1, 0] * y
            out[f, c, 1] = frames[i, 0, 1] * x + frames[i, 1, 1] * y
    return out


@kernel
def _change(faces, gradients, step):
    out = np.zeros(len(faces))
    for f in range(len(faces)):
        for c in range(3):
            i = faces[f, c]
            out[f] += gradients[f, c, 0] * step[i, 0] + gradients[f, c, 1] * step[i, 1]
    return out


@kernel
def _pull(faces, gradients, weights, count):
    out = np.zeros((count, 2))
    for f in range(len(faces)):
        for c in range(3):
            i = faces[f, c]
            out[i, 0] += gradients[f, c, 0] * weights[f]
            out[i, 1] += gradients[f, c, 1] * weights[f]
    return out


@kernel
def _multiply(edges, diagonal, across, x):
    out = np.empty((len(x), 2))
    for i in range(len(x)):
        for u in range(2):
            out[i, u] = diagonal[i, u, 0] * x[i, 0] + diagonal[i, u, 1] * x[i, 1]
    for e in range(len(edges)):
        i, j = edges[e]
        for u in range(2):
            out[i, u] += across[e, u, 0] * x[j, 0] + across[e, u, 1] * x[j, 1]
            out[j, u] += across[e, 0, u] * x[i, 0] + across[e, 1, u] * x[i, 1]
    return out


@innerkernel
def add_face(f, elements, ax, ay, bx, by, local, terms, stiffness, blocks):
    """Add the part of face f to the matrix: see `System.matrix`.

    The edges a and b from its first corner and its corners' frames, `local` (3, 2, 2), are given in its own plane.
    """
    gradients, weight, damping, floor = terms.gradients, terms.weights[f], terms.damping[f], terms.floor[f]
    f00, f01 = ax * EQUILATERAL[0, 0] + bx * EQUILATERAL[1, 0], ax * EQUILATERAL[0, 1] + bx * EQUILATERAL[1, 1]
    f10, f11 = ay * EQUILATERAL[0, 0] + by * EQUILATERAL[1, 0], ay * EQUILATERAL[0, 1] + by * EQUILATERAL[1, 1]
    c00, c01 = f00 * f00 + f01 * f01 + floor, f00 * f10 + f01 * f11
    c11 = f10 * f10 + f11 * f11 + floor
    scale = damping / (c00 * c11 - c01 * c01)
    m00, m01, m11 = c11 * scale, -c01 * scale, c00 * scale
    # Edges opposite the corners: the gradients of their coordinates, turned, times twice the area.
    ox0, oy0, ox1, oy1, ox2, oy2 = bx - ax, by - ay, -bx, -by, ax, ay
    twice = ax * by - ay * bx
    slip = stiffness * damping / (twice * twice + floor * floor)
    for c in range(3):
        cx, cy = (ox0, oy0) if c == 0 else ((ox1, oy1) if c == 1 else (ox2, oy2))
        for e in range(c, 3):
            ex, ey = (ox0, oy0) if e == 0 else ((ox1, oy1) if e == 1 else (ox2, oy2))
            euclid = slip * (cx * ex + cy * ey)
            p, q, r, s = elements.corners[f, c], elements.corners[f, e], c, e
            if p > q:
                p, q, r, s = q, p, e, c
            for u in range(2):
                x = m00 * local[r, 0, u] + m01 * local[r, 1, u]
                y = m01 * local[r, 0, u] + m11 * local[r, 1, u]
                for v in range(2):
                    entry = DIRICHLET[c, e] * (x * local[s, 0, v] + y * local[s, 1, v])
                    entry += euclid * (local[r, 0, u] * local[s, 0, v] + local[r, 1, u] * local[s, 1, v])
                    entry += weight * gradients[f, r, u] * gradients[f, s, v]
                    if c == e:
                        blocks.diagonal[p, u, v] += entry
                    else:
                        blocks.across[elements.edges[f, 3 - c - e], u, v] += entry


@kernel
def _assemble(elements, uv, frames, terms, blocks):
    local = np.empty((3, 2, 2))
    for f in range(len(elements.corners)):
        i, j, k = elements.corners[f, 0], elements.corners[f, 1], elements.corners[f, 2]
        for c in range(3):
            for u in range(2):
                v = elements.corners[f, c]
                local[c, 0, u], local[c, 1, u] = frames[v, 0, u], frames[v, 1, u]
        ax, ay, bx, by = uv[j, 0] - uv[i, 0], uv[j, 1] - uv[i, 1], uv[k, 0] - uv[i, 0], uv[k, 1] - uv[i, 1]
        add_face(f, elements, ax, ay, bx, by, local, terms, 0.0, blocks)
    for i in range(len(uv)):
        if frames[i, 0, 1] == 0.0 and frames[i, 1, 1] == 0.0:
            blocks.diagonal[i, 1, 1] = 1.0
