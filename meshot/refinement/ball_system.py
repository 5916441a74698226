"""The equations of a volume-preserving ball map: volumes of tetrahedra as functions of the vertices, and their matrix.

Unknowns are steps in the vertices' own frames: an inner vertex moves in space, a boundary vertex in the tangent plane
of the sphere and back to it (the third component of its step is tied to zero).

Beside the tetrahedra there are the cones over the boundary's faces, with their apex at the center of the ball. The map
is one to one if tetrahedra and cones all have positive volume: then the faces of the boundary, seen from the center,
tile the sphere, and the tetrahedra tile what lies inside (a map that is locally one to one, and so on the boundary).
"""

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel
from meshot.meshes.solid import SIDES, signed_volumes
from meshot.refinement.system import Blocks, Elements, System, Terms

# Inverse edge matrix of the regular tetrahedron of volume 1/6, and its Dirichlet matrix.
_EDGES = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 2 ** (1 / 3)
REGULAR = np.linalg.inv(_EDGES)
_GRADIENTS = np.vstack([-REGULAR.sum(axis=0), REGULAR])
DIRICHLET = _GRADIENTS @ _GRADIENTS.T


class BallSystem(System):
    """Volumes of the elements of a ball map, their derivatives, and the damped normal matrix.

    Parameters
    ----------
    tetrahedra : (T, 4) int
        A triangulated ball, all of positive volume; every vertex belongs to one.
    faces : (B, 3) int
        Its boundary, facing outward.
    shares : (T,) float
        Wanted share of each tetrahedron, of sum 1.

    Attributes
    ----------
    elements : (T + B, 4) int
        The tetrahedra, then the cones; the center is one more vertex, the last.
    count : int
        Number of vertices, with the center.
    on_sphere : (k,) int
        Boundary vertices.
    edges : (E, 2) int
        Edges i < j.
    """

    def __init__(self, tetrahedra: Ints, faces: Ints, shares: Floats) -> None:
        self.shares = shares
        self.count = int(tetrahedra.max()) + 2
        self.tetrahedra = len(tetrahedra)
        cones = np.column_stack([np.full(len(faces), self.count - 1), faces])
        self.elements = np.concatenate([tetrahedra, cones])
        self.on_sphere = np.unique(faces)
        ends = np.sort(self.elements[:, SIDES], axis=2)
        unique, inverse = np.unique(ends[..., 0] * self.count + ends[..., 1], return_inverse=True)
        self.edges = np.stack(np.divmod(unique, self.count), axis=1)
        self._sides = inverse.reshape(-1, 6)
        self._star = np.bincount(self.elements.ravel(), minlength=self.count).astype(float)

    def measures(self, points: Floats) -> Floats:
        """Signed volume of each element, (T + B,)."""
        return signed_volumes(points, self.elements)

    def frames(self, points: Floats) -> Floats:
        """Columns of each vertex's frame, (V, 3, 3): the axes inside; two tangents and zero on the sphere.

        Tangents as by Duff et al., "Building an orthonormal basis, revisited" (2017). The center's are zero.
        """
        frames = np.tile(np.eye(3), (self.count, 1, 1))
        x, y, z = points[self.on_sphere].T
        sign = np.where(z < 0, -1.0, 1.0)
        a = -1 / (sign + z)
        b = x * y * a
        first = np.stack([1 + sign * x**2 * a, sign * b, -sign * x], axis=1)
        second = np.stack([b, sign + y**2 * a, -y], axis=1)
        frames[self.on_sphere] = np.stack([first, second, np.zeros_like(first)], axis=2)
        frames[-1] = 0.0
        return frames

    def move(self, points: Floats, step: Floats) -> Floats:
        """Return the map after `step`, (V, 3), in the frames; boundary vertices go back to the sphere."""
        moved = points + np.einsum("vxu,vu->vx", self.frames(points), step)
        rim = moved[self.on_sphere]
        moved[self.on_sphere] = rim / np.linalg.norm(rim, axis=1, keepdims=True)
        return moved

    def gradients(self, points: Floats, frames: Floats, units: Floats) -> Floats:
        """Return the derivative of each element's volume over its unit, by the steps of its corners, (T + B, 4, 3)."""
        return _gradients(self.elements, points, frames, units)

    def change(self, gradients: Floats, step: Floats) -> Floats:
        """Return the linear change, (T + B,), under a step (V, 3)."""
        return _change(self.elements, gradients, step)

    def pull(self, gradients: Floats, weights: Floats) -> Floats:
        """Apply the transpose of `change`: the vertex vectors (V, 3) that element weights (T + B,) exert."""
        return _pull(self.elements, gradients, weights, self.count)

    def assemble(self, image: Floats, frames: Floats, terms: Terms, blocks: Blocks) -> None:
        """Add the matrix to blocks of zeros."""
        _assemble(Elements(self.elements, self._sides), image, frames, terms, blocks)
        blocks.diagonal[:, [0, 1, 2], [0, 1, 2]] += (frames == 0).all(axis=1)

    def average(self, values: Floats, rounds: int) -> Floats:
        """Average element values (T + B,) over the stars of the vertices, `rounds` times."""
        corners = self.elements.ravel()
        for _ in range(rounds):
            at_vertex = np.bincount(corners, np.repeat(values, 4), minlength=self.count) / self._star
            at_vertex[-1] = 0.0
            totals = at_vertex[self.elements].sum(axis=1)
            # The center, where all cones meet, is nobody's neighborhood.
            totals[: self.tetrahedra] /= 4
            totals[self.tetrahedra :] /= 3
            values = totals
        return values


@kernel
def _gradients(elements, points, frames, units):
    out, g = np.empty((len(elements), 4, 3)), np.empty((4, 3))
    for t in range(len(elements)):
        i, j, k, m = elements[t, 0], elements[t, 1], elements[t, 2], elements[t, 3]
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        ax, ay, az = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
        bx, by, bz = points[k, 0] - px, points[k, 1] - py, points[k, 2] - pz
        cx, cy, cz = points[m, 0] - px, points[m, 1] - py, points[m, 2] - pz
        g[1, 0], g[1, 1], g[1, 2] = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        g[2, 0], g[2, 1], g[2, 2] = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
        g[3, 0], g[3, 1], g[3, 2] = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for u in range(3):
            g[0, u] = -(g[1, u] + g[2, u] + g[3, u])
        factor = 1.0 / (6.0 * units[t])
        for c in range(4):
            v = elements[t, c]
            for u in range(3):
                out[t, c, u] = factor * (
                    frames[v, 0, u] * g[c, 0] + frames[v, 1, u] * g[c, 1] + frames[v, 2, u] * g[c, 2]
                )
    return out


@kernel
def _change(elements, gradients, step):
    out = np.zeros(len(elements))
    for t in range(len(elements)):
        for c in range(4):
            i = elements[t, c]
            for u in range(3):
                out[t] += gradients[t, c, u] * step[i, u]
    return out


@kernel
def _pull(elements, gradients, weights, count):
    out = np.zeros((count, 3))
    for t in range(len(elements)):
        for c in range(4):
            i = elements[t, c]
            for u in range(3):
                out[i, u] += gradients[t, c, u] * weights[t]
    return out


@innerkernel
def _metric(t, corners, points, floor, edge, shape, gram, out):
    """Fill `out` with the inverse of F F^T + floor, F being the map from the regular tetrahedron to element t."""
    for a in range(3):
        for x in range(3):
            edge[x, a] = points[corners[t, a + 1], x] - points[corners[t, 0], x]
    for x in range(3):
        for y in range(3):
            shape[x, y] = edge[x, 0] * REGULAR[0, y] + edge[x, 1] * REGULAR[1, y] + edge[x, 2] * REGULAR[2, y]
    for x in range(3):
        for y in range(3):
            gram[x, y] = shape[x, 0] * shape[y, 0] + shape[x, 1] * shape[y, 1] + shape[x, 2] * shape[y, 2]
        gram[x, x] += floor[t]
    for x in range(3):
        p, q = (x + 1) % 3, (x + 2) % 3
        for y in range(3):
            r, s = (y + 1) % 3, (y + 2) % 3
            out[x, y] = gram[p, r] * gram[q, s] - gram[p, s] * gram[q, r]
    determinant = gram[0, 0] * out[0, 0] + gram[0, 1] * out[0, 1] + gram[0, 2] * out[0, 2]
    for x in range(3):
        for y in range(3):
            out[x, y] /= determinant


@kernel
def _assemble(elements, points, frames, terms, blocks):
    corners, gradients = elements.corners, terms.gradients
    edge, shape, gram, metric, left = (
        np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)),
    )  # fmt: skip
    for t in range(len(corners)):
        _metric(t, corners, points, terms.floor, edge, shape, gram, metric)
        for a in range(4):
            va = corners[t, a]
            for u in range(3):
                for y in range(3):
                    left[u, y] = terms.damping[t] * (
                        frames[va, 0, u] * metric[0, y]
                        + frames[va, 1, u] * metric[1, y]
                        + frames[va, 2, u] * metric[2, y]
                    )
            for b in range(a, 4):
                vb = corners[t, b]
                side = elements.edges[t, a + b - 1 if a == 0 else a + b] if b > a else 0
                for u in range(3):
                    for v in range(3):
                        entry = DIRICHLET[a, b] * (
                            left[u, 0] * frames[vb, 0, v]
                            + left[u, 1] * frames[vb, 1, v]
                            + left[u, 2] * frames[vb, 2, v]
                        )
                        entry += terms.weights[t] * gradients[t, a, u] * gradients[t, b, v]
                        if a == b:
                            blocks.diagonal[va, u, v] += entry
                        elif va < vb:
                            blocks.across[side, u, v] += entry
                        else:
                            blocks.across[side, v, u] += entry
