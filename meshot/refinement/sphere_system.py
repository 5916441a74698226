"""The equations of an area-preserving sphere map: spherical areas of triangles as functions of the vertices.

The image of a face is the spherical triangle of its corners, which is also the central projection of the flat one. Its
area, the spherical excess, is a smooth function of the corners with a sign, and all areas sum to 4 pi. That of the flat
triangle will not do as an unknown: where three corners come near one great circle, the flat triangle leans over and
keeps area, however thin its image is. Unknowns are steps in the tangent planes.
"""

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import kernel, subkernel
from meshot.refinement.disk_system import DiskSystem, add_face, mesh_edges
from meshot.refinement.system import Blocks, Elements, Terms

# How much a step is damped by its gradient itself, beside that relative to the triangle's shape: the latter lets long
# triangles slide along each other, and on a sphere these bulge.
STIFFNESS = 1.0


class SphereSystem(DiskSystem):
    """Areas of the spherical triangles of a closed surface's map, their derivatives, and the normal matrix.

    Parameters
    ----------
    faces : (F, 3) int
        A triangulated sphere; every vertex belongs to a face.
    targets : (F,) float
        Wanted areas in any unit; kept as shares of their sum.
    points : (V, 3) float
        The map to start from.

    Attributes
    ----------
    As of `DiskSystem`; nothing lies on a circle, and `loop` is empty.
    """

    bends = False

    def __init__(self, faces: Ints, targets: Floats, points: Floats) -> None:
        self.faces = faces
        self.count = int(faces.max()) + 1
        self.shares = targets / targets.sum()
        self.loop = np.zeros(0, dtype=np.int64)
        self.on_circle = np.zeros(self.count, dtype=bool)
        self.edges, self.face_edges = mesh_edges(faces, self.count)
        # Frames are smooth but for the point opposite to the pole of a vertex's own hemisphere.
        self._pole = np.where(points[:, 2] < 0, -1.0, 1.0)
        self._star = np.bincount(faces.ravel(), minlength=self.count).astype(float)

    def measures(self, points: Floats) -> Floats:
        """Signed area of each spherical triangle, (F,)."""
        return _signed_areas(self.faces, points)

    def frames(self, points: Floats) -> Floats:
        """Columns of each vertex's frame, (V, 3, 2): two unit vectors across its position, and to each other.

        They change little with the position (Duff et al., "Building an orthonormal basis, revisited", 2017).
        """
        x, y, z = points.T
        sign = self._pole
        a = -1 / (sign + z)
        b = x * y * a
        first = np.stack([1 + sign * x**2 * a, sign * b, -sign * x], axis=1)
        return np.stack([first, np.stack([b, sign + y**2 * a, -y], axis=1)], axis=2)

    def move(self, points: Floats, step: Floats) -> Floats:
        """Return the map after `step` (V, 2), in tangent planes, and back to the sphere."""
        moved = points + np.einsum("vxu,vu->vx", self.frames(points), step)
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))

    def gaps(self, points: Floats) -> Floats:
        """Return no angle: there is no boundary."""
        return np.zeros(0)

    def gradients(self, points: Floats, frames: Floats) -> Floats:
        """Return the derivative of each face's area by the steps of its corners, (F, 3, 2)."""
        return _gradients(self.faces, points, frames)

    def assemble(self, image: Floats, frames: Floats, terms: Terms, blocks: Blocks) -> None:
        """Add the matrix to blocks of zeros."""
        _assemble(Elements(self.faces, self.face_edges), image, frames, terms, blocks)

    def bend(self, blocks: Blocks, uv: Floats, frames: Floats, forces: Floats) -> Blocks:
        """Return the blocks as they are: the curvature of spherical areas is left out."""
        return blocks


@subkernel
def _normal(points, i, j, k):
    """Cross product of the edges of a triangle, turned outward, and its length; negative if it had to be turned."""
    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
    ax, ay, az = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
    bx, by, bz = points[k, 0] - px, points[k, 1] - py, points[k, 2] - pz
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    size = np.sqrt(x * x + y * y + z * z)
    if x * px + y * py + z * pz < 0.0:
        return -x, -y, -z, -size
    return x, y, z, size


@subkernel
def _products(points, i, j, k):
    """Triple product of three unit vectors, and the sum of 1 and their scalar products: twice the tangent's terms.

    The tangent of half the spherical excess is their quotient (van Oosterom and Strackee 1983).
    """
    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
    ax, ay, az = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
    bx, by, bz = points[k, 0] - px, points[k, 1] - py, points[k, 2] - pz
    cx, cy, cz = bx - ax, by - ay, bz - az
    det = px * (ay * bz - az * by) + py * (az * bx - ax * bz) + pz * (ax * by - ay * bx)
    squares = ax * ax + ay * ay + az * az + bx * bx + by * by + bz * bz + cx * cx + cy * cy + cz * cz
    return det, 4.0 - 0.5 * squares


@kernel
def _signed_areas(faces, points):
    out = np.empty(len(faces))
    for f in range(len(faces)):
        det, rest = _products(points, faces[f, 0], faces[f, 1], faces[f, 2])
        out[f] = 2.0 * np.arctan2(det, rest)
    return out


@kernel
def _gradients(faces, points, frames):
    out = np.zeros((len(faces), 3, 2))
    for f in range(len(faces)):
        det, rest = _products(points, faces[f, 0], faces[f, 1], faces[f, 2])
        factor = 2.0 / (det * det + rest * rest)
        for c in range(3):
            i, j, k = faces[f, c], faces[f, (c + 1) % 3], faces[f, (c + 2) % 3]
            px, py, pz = points[i, 0], points[i, 1], points[i, 2]
            ax, ay, az = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
            bx, by, bz = points[k, 0] - px, points[k, 1] - py, points[k, 2] - pz
            dx, dy, dz = bx - ax, by - ay, bz - az
            # Tangent parts of the derivatives q x r and q + r, from differences.
            nx = ay * bz - az * by + py * dz - pz * dy
            ny = az * bx - ax * bz + pz * dx - px * dz
            nz = ax * by - ay * bx + px * dy - py * dx
            for u in range(2):
                fx, fy, fz = frames[i, 0, u], frames[i, 1, u], frames[i, 2, u]
                triple = nx * fx + ny * fy + nz * fz
                along = (ax + bx) * fx + (ay + by) * fy + (az + bz) * fz
                out[f, c, u] = factor * (rest * triple - det * along)
    return out


@kernel
def _assemble(elements, points, frames, terms, blocks):
    local = np.empty((3, 2, 2))
    for f in range(len(elements.corners)):
        i, j, k = elements.corners[f, 0], elements.corners[f, 1], elements.corners[f, 2]
        x, y, z, size = _normal(points, i, j, k)
        ax, ay, az = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
        bx, by, bz = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
        length = np.sqrt(ax * ax + ay * ay + az * az)
        # The face's own plane: one axis along the first edge, one across it and the outward normal.
        ux, uy, uz = ax / length, ay / length, az / length
        x, y, z = x / abs(size), y / abs(size), z / abs(size)
        vx, vy, vz = y * uz - z * uy, z * ux - x * uz, x * uy - y * ux
        for c in range(3):
            i = elements.corners[f, c]
            for u in range(2):
                local[c, 0, u] = ux * frames[i, 0, u] + uy * frames[i, 1, u] + uz * frames[i, 2, u]
                local[c, 1, u] = vx * frames[i, 0, u] + vy * frames[i, 1, u] + vz * frames[i, 2, u]
        along, aside = ux * bx + uy * by + uz * bz, vx * bx + vy * by + vz * bz
        add_face(f, elements, length, 0.0, along, aside, local, terms, STIFFNESS, blocks)
