"""Write surfaces as OBJ, with texture coordinates if there are any."""

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.files import PathLike, write_text
from meshot.meshes.polygons import PolygonFaces
from meshot.meshes.surface import Surface


def write_obj(
    path: PathLike,
    surface: Surface,
    texture: ArrayLike | None = None,
    texture_corners: ArrayLike | None = None,
    polygons: PolygonFaces | None = None,
) -> None:
    """Write a surface as OBJ, with texture coordinates if given.

    Lines ``v`` give the positions with 17 significant digits, so that they are read back bit for bit; lines ``vt`` give
    the texture coordinates; faces read ``f a/t b/t c/t``. A row without coordinates (NaN) gets ``vt 0 0``.

    Parameters
    ----------
    path : str or path
        The file.
    surface : Surface
        The surface.
    texture : (T, 2) float, optional
        Texture coordinates: one for each vertex if `texture_corners` is not given.
    texture_corners : (number of corners of all faces,) int, optional
        The row of `texture` of each corner of each face.
    polygons : PolygonFaces, optional
        The faces to be written, on the surface's vertices, in place of its triangles.

    Raises
    ------
    ValueError
        Shapes do not match.
    OSError
        The file cannot be written.
    """
    lines = format_rows("v %.17g %.17g %.17g", surface.vertices)
    corners, sizes = surface.faces.ravel(), np.full(len(surface.faces), 3)
    if polygons is not None:
        corners, sizes = polygons.corners, polygons.sizes
    if texture is None:
        lines += _face_lines((corners + 1)[:, None], sizes)
    else:
        coordinates, rows = np.asarray(texture, dtype=np.float64), corners
        if texture_corners is not None:
            rows = np.asarray(texture_corners).ravel()
        elif len(coordinates) != len(surface.vertices):
            raise ValueError(f"texture must have {len(surface.vertices)} rows, got {len(coordinates)}")
        if coordinates.shape[1:] != (2,) or rows.shape != corners.shape:
            raise ValueError(
                f"texture must have 2 columns, and a row for each of {len(corners)} corners; got "
                f"{coordinates.shape} and {rows.shape}"
            )
        lines += format_rows(
            "vt %.17g %.17g", np.where(np.isfinite(coordinates).all(axis=1, keepdims=True), coordinates, 0.0)
        )
        lines += _face_lines(np.stack([corners + 1, rows + 1], axis=1), sizes)
    write_text(path, "\n".join(lines) + "\n")


def _face_lines(corners: Ints, sizes: Ints) -> list[str]:
    """Return a line for each face, of the numbers of its corners, (n, 1) or (n, 2), one face after the other."""
    one = "/".join(["%d"] * corners.shape[1])
    if (sizes == sizes[0]).all():
        width = int(sizes[0])
        return format_rows(" ".join(["f"] + [one] * width), corners.reshape(len(sizes), -1))
    words, ends = [one % tuple(corner) for corner in corners.tolist()], np.cumsum(sizes)
    places = zip((ends - sizes).tolist(), ends.tolist(), strict=True)
    return ["f " + " ".join(words[start:end]) for start, end in places]


def format_rows(template: str, rows: Floats | Ints) -> list[str]:
    """Return a line for each row."""
    return [template % tuple(row) for row in rows.tolist()]
