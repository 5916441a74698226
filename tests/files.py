"""Write meshes in every format that is read, by the formats' own rules: ``path.write_bytes(FORMATS["ply-big"](...))``.

Each encoder takes vertices (V, 3) and polygons (lists of vertex indices from 0) and returns bytes. The part of its name
before the hyphen is the suffix.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from meshot.meshes.surface import Surface

Vertices = Sequence[Sequence[float]]
Polygons = Sequence[Sequence[int]]


def obj(vertices: Vertices, polygons: Polygons) -> bytes:
    lines = ["v {!r} {!r} {!r}".format(*map(float, v)) for v in vertices]
    lines += ["f " + " ".join(str(i + 1) for i in p) for p in polygons]
    return ("\n".join(lines) + "\n").encode()


def off(vertices: Vertices, polygons: Polygons) -> bytes:
    lines = ["OFF", f"{len(vertices)} {len(polygons)} 0"]
    lines += ["{!r} {!r} {!r}".format(*map(float, v)) for v in vertices]
    lines += [f"{len(p)} " + " ".join(map(str, p)) for p in polygons]
    return ("\n".join(lines) + "\n").encode()


def ply_header(vertices: Vertices, polygons: Polygons, encoding: str) -> bytes:
    lines = ["ply", f"format {encoding} 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property double {axis}" for axis in "xyz"]
    lines += [f"element face {len(polygons)}", "property list uchar int vertex_indices", "end_header"]
    return ("\n".join(lines) + "\n").encode()


def ply_text(vertices: Vertices, polygons: Polygons) -> bytes:
    lines = ["{!r} {!r} {!r}".format(*map(float, v)) for v in vertices]
    lines += [f"{len(p)} " + " ".join(map(str, p)) for p in polygons]
    return ply_header(vertices, polygons, "ascii") + ("\n".join(lines) + "\n").encode()


def ply_little(vertices: Vertices, polygons: Polygons) -> bytes:
    return ply_header(vertices, polygons, "binary_little_endian") + _ply_body(vertices, polygons, "<")


def ply_big(vertices: Vertices, polygons: Polygons) -> bytes:
    return ply_header(vertices, polygons, "binary_big_endian") + _ply_body(vertices, polygons, ">")


def _ply_body(vertices: Vertices, polygons: Polygons, order: str) -> bytes:
    points = [struct.pack(order + "3d", *v) for v in vertices]
    return b"".join(points + [struct.pack(f"{order}B{len(p)}i", len(p), *p) for p in polygons])


def stl_text(vertices: Vertices, polygons: Polygons) -> bytes:
    lines = ["solid a vertex 1 2 3 in the name"]
    for p in polygons:
        corners = ["vertex {!r} {!r} {!r}".format(*map(float, vertices[i])) for i in p]
        lines += ["facet normal 0 0 0", "outer loop", *corners, "endloop", "endfacet"]
    return ("\n".join([*lines, "endsolid"]) + "\n").encode()


def stl_binary(vertices: Vertices, polygons: Polygons) -> bytes:
    records = [struct.pack("<12fH", 0, 0, 0, *(x for i in p for x in vertices[i]), 0) for p in polygons]
    return b"solid, though binary".ljust(80) + struct.pack("<I", len(polygons)) + b"".join(records)


INDEXED: dict[str, Callable[[Vertices, Polygons], bytes]] = {
    "obj": obj,
    "off": off,
    "ply-text": ply_text,
    "ply-little": ply_little,
    "ply-big": ply_big,
}
"""Formats in which faces name vertices by their numbers."""

SOUPS: dict[str, Callable[[Vertices, Polygons], bytes]] = {"stl-text": stl_text, "stl-binary": stl_binary}
"""Formats in which each triangle has corners of its own."""

FORMATS = INDEXED | SOUPS


def write(folder: Path, kind: str, vertices: Vertices, polygons: Polygons) -> Path:
    """Write a mesh into `folder` and return its path."""
    path = folder / f"{kind}.{kind.partition('-')[0]}"
    path.write_bytes(FORMATS[kind](vertices, polygons))
    return path


def write_obj(path: Path, surface: Surface) -> Path:
    """Write a surface as an OBJ file into a folder that need not be there, and return the file's path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(obj(surface.vertices.tolist(), surface.faces.tolist()))
    return path


def write_surface(folder: Path, kind: str, surface: Surface) -> Path:
    """Write a surface into `folder` and return its path."""
    return write(folder, kind, surface.vertices.tolist(), surface.faces.tolist())
