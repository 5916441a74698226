"""Software rasterizer: which face, and which point of it, each pixel of a picture shows.

Pictures are drawn without OpenGL on purpose: a machine without a display often lacks EGL and OSMesa too, and VTK then
ends the whole process. One pass over the triangles gives every pixel its face; all colorings of a view are lookups.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshot.base.kernels import kernel, run_in_chunks

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fragments:
    """The pixels that show a mesh, in row-major order.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the picture.
    pixels : (N,) int
        Index of each covered pixel in the flattened picture.
    faces : (N,) int
        The face it shows.
    barycentric : (N, 3) float32
        Where on that face its center lies.
    depth : (N,) float32
        Depth there, larger is nearer.
    """

    shape: tuple[int, int]
    pixels: Ints
    faces: Ints
    barycentric: Floats32
    depth: Floats32

    def interpolate(self, corner_values: NDArray[Any]) -> Floats32:
        """Interpolate values at the corners of faces, (F, 3, k), at every fragment: (N, k)."""
        values = np.asarray(corner_values, dtype=np.float32)
        return np.asarray(np.einsum("nc,nck->nk", self.barycentric, np.take(values, self.faces, axis=0)))

    def coarse_pixels(self, factor: int) -> Ints:
        """Index of each fragment's pixel in a picture smaller by `factor`, flattened, (N,)."""
        height, width = self.shape
        index = np.arange(height)[:, None] // factor * (width // factor) + np.arange(width) // factor
        coarse: Ints = index.ravel()[self.pixels]
        return coarse


@kernel
def _fill(
    corners: Floats, first: int, last: int, face_id: NDArray[np.int32], depth: Floats32, barycentric: Floats32
) -> None:
    """Draw triangles (F, 3, 3), in pixels from the upper left and z toward the eye, into the rows [first, last)."""
    width = face_id.shape[1]
    for f in range(corners.shape[0]):
        x0, y0, z0 = corners[f, 0]
        x1, y1, z1 = corners[f, 1]
        x2, y2, z2 = corners[f, 2]
        det = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if det == 0.0 or not np.isfinite(det):
            continue
        # A pixel is covered if its center, at half-integers, is in the triangle; ties go to the earlier face.
        top = max(first, int(np.ceil(min(y0, y1, y2) - 0.5)))
        bottom = min(last - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        for row in range(top, bottom + 1):
            dy = row + 0.5 - y0
            for column in range(left, right + 1):
                dx = column + 0.5 - x0
                b1 = (dx * (y2 - y0) - dy * (x2 - x0)) / det
                b2 = (dy * (x1 - x0) - dx * (y1 - y0)) / det
                if b1 >= 0.0 and b2 >= 0.0 and b1 + b2 <= 1.0:
                    z = np.float32(z0 + b1 * (z1 - z0) + b2 * (z2 - z0))
                    if z > depth[row, column]:
                        depth[row, column] = z
                        face_id[row, column] = f
                        barycentric[row, column, 0] = 1.0 - b1 - b2
                        barycentric[row, column, 1] = b1
                        barycentric[row, column, 2] = b2


def rasterize(points: Floats, faces: Ints, shape: tuple[int, int]) -> Fragments:
    """Find the face that each pixel shows.

    Parameters
    ----------
    points : (V, 3) float
        x to the right and y downward in pixels from the upper left corner of the picture, z toward the eye.
    faces : (F, 3) int
        Vertex indices; both sides are drawn. Faces with a corner that is not finite are left out.
    shape : (int, int)
        Height and width in pixels.

    Returns
    -------
    Fragments
        The covered pixels.

    Examples
    --------
    >>> square = np.array([[0.0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0]])
    >>> seen = rasterize(square, np.array([[0, 1, 2], [0, 2, 3]]), (4, 8))
    >>> len(seen.pixels), np.bincount(seen.faces).tolist()
    (16, [10, 6])
    """
    corners = np.ascontiguousarray(points[faces], dtype=np.float64)
    face_id = np.full(shape, -1, dtype=np.int32)
    depth = np.full(shape, -np.inf, dtype=np.float32)
    barycentric = np.empty((*shape, 3), dtype=np.float32)
    run_in_chunks(lambda start, stop: _fill(corners, start, stop, face_id, depth, barycentric), shape[0], chunk=256)
    pixels = np.flatnonzero(face_id >= 0)
    seen = face_id.ravel()[pixels].astype(np.int64)
    return Fragments(shape, pixels, seen, barycentric.reshape(-1, 3)[pixels], depth.ravel()[pixels])


def barycentric_gradients(corners: Floats) -> Floats:
    """Return the derivative of the barycentric coordinates by x and y, (F, 2, 3), of triangles (F, 3, 2 or 3)."""
    (x1, y1), (x2, y2) = (corners[:, 1, :2] - corners[:, 0, :2]).T, (corners[:, 2, :2] - corners[:, 0, :2]).T
    det = x1 * y2 - x2 * y1
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = np.stack([y2, -x2], axis=1) / det[:, None], np.stack([-y1, x1], axis=1) / det[:, None]
        return np.stack([-first - second, first, second], axis=2)
