"""Write meshes and points as PLY, with named values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.files import PathLike, replacing


def write_ply(
    path: PathLike,
    vertices: ArrayLike,
    faces: ArrayLike | None,
    face_scalars: Mapping[str, ArrayLike] | None = None,
    vertex_scalars: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a mesh as binary little-endian PLY with double positions and named double values.

    Parameters
    ----------
    path : str or path
        The file.
    vertices : (V, 3) float
        Positions.
    faces : (F, 3) or (F, 2) int or None
        Vertex indices of triangles, or of the ends of edges, which become the element ``edge`` with ``vertex1`` and
        ``vertex2``; None writes a point cloud.
    face_scalars, vertex_scalars : mapping of str to (F,) or (V,) float, optional
        Properties of each face and vertex, by name.

    Raises
    ------
    ValueError
        Shapes do not match, or a name contains a blank or is already taken.
    OSError
        The file cannot be written.
    """
    points = np.asarray(vertices, dtype=np.float64)
    header = ["ply", "format binary_little_endian 1.0"]
    position = {axis: points[:, k] for k, axis in enumerate("xyz")}
    blocks = [_ply_block(header, "vertex", len(points), {**position, **(vertex_scalars or {})}, None)]
    clash = set(position) & set(vertex_scalars or {})
    if clash:
        raise ValueError(f"the name {sorted(clash)[0]!r} is taken by the position")
    if faces is not None:
        corners = np.asarray(faces)
        kind = "face" if corners.shape[1] == 3 else "edge"
        blocks.append(_ply_block(header, kind, len(corners), face_scalars or {}, corners))
    with replacing(path) as file:
        file.write("\n".join([*header, "end_header", ""]).encode())
        for block in blocks:
            file.write(block)


def _ply_block(header: list[str], name: str, rows: int, scalars: Mapping[str, ArrayLike], faces: Any) -> bytes:
    """Return an element's bytes, and append its lines to `header`."""
    header.append(f"element {name} {rows}")
    fields: list[tuple[Any, ...]] = []
    if name == "face":
        header.append("property list uchar int vertex_indices")
        fields = [(" count", "<u1"), (" index", "<i4", 3)]
    elif name == "edge":
        header += ["property int vertex1", "property int vertex2"]
        fields = [(" index", "<i4", 2)]
    for key in scalars:
        if not key.isascii() or len(key.split()) != 1 or key != key.strip():
            raise ValueError(f"{key!r} cannot name a PLY property")
        header.append(f"property double {key}")
        fields.append((key, "<f8"))
    table = np.zeros(rows, dtype=fields)
    if faces is not None:
        table[" index"] = faces
    if name == "face":
        table[" count"] = 3
    for key, values in scalars.items():
        if np.shape(values) != (rows,):
            raise ValueError(f"{key!r} must hold one value for each {name}: ({rows},), got {np.shape(values)}")
        table[key] = values
    return table.tobytes()
