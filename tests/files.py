"""Write meshes in every format that is read, by the formats' own rules: ``path.write_bytes(FORMATS["ply-big"](...))``.

Each encoder takes vertices (V, 3) and polygons (lists of vertex indices from 0) and returns bytes. The part of its name
before the hyphen is the suffix.
"""

import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import solidfiles

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


def vtk(vertices: Vertices, polygons: Polygons, *, version: int, text: bool) -> bytes:
    """Legacy VTK."""

    def array(values: Sequence[float], code: str) -> bytes:
        words = " ".join(map(repr, values)).encode() if text else struct.pack(f">{len(values)}{code}", *values)
        return words + b"\n"

    def cells(name: str, lists: Polygons) -> bytes:
        flat = [i for each in lists for i in each]
        if version < 5:
            mixed = [i for each in lists for i in (len(each), *each)]
            return b"%s %d %d\n" % (name.encode(), len(lists), len(mixed)) + array(mixed, "i")
        ends = [sum(map(len, lists[:k])) for k in range(len(lists) + 1)]
        head = b"%s %d %d\nOFFSETS vtktypeint64\n" % (name.encode(), len(ends), len(flat))
        return head + array(ends, "q") + b"CONNECTIVITY vtktypeint64\n" + array(flat, "q")

    head = f"# vtk DataFile Version {version}.1\na surface\n{'ASCII' if text else 'BINARY'}\nDATASET POLYDATA\n"
    points = b"POINTS %d double\n" % len(vertices) + array([float(x) for v in vertices for x in v], "d")
    return head.encode() + points + cells("POLYGONS", polygons)


def vtp(vertices: Vertices, polygons: Polygons, *, how: str, compressor: str = "", order: str = "<") -> bytes:
    """VTP: `how` is "ascii", "binary", "base64" or "raw" (appended)."""
    arrays = solidfiles.XmlArrays(how=how, compressor=compressor, order=order)
    flat = np.array([i for each in polygons for i in each])
    lines = [
        arrays.opening("PolyData") + f'<PolyData><Piece NumberOfPoints="{len(vertices)}" NumberOfVerts="0" '
        f'NumberOfLines="0" NumberOfStrips="0" NumberOfPolys="{len(polygons)}"><Points>',
        arrays.add("Points", "Float64", np.array(vertices, dtype=float), "f8", ' NumberOfComponents="3"') + "</Points>",
        "<Polys>" + arrays.add("connectivity", "Int64", flat, "i8"),
        arrays.add("offsets", "Int32", np.cumsum([len(each) for each in polygons]), "i4"),
        "</Polys></Piece></PolyData>",
    ]
    return "\n".join(lines).encode() + arrays.ending()


INDEXED: dict[str, Callable[[Vertices, Polygons], bytes]] = {
    "obj": obj,
    "off": off,
    "ply-text": ply_text,
    "ply-little": ply_little,
    "ply-big": ply_big,
    "vtk-polygons-3-text": partial(vtk, version=3, text=True),
    "vtk-polygons-3-binary": partial(vtk, version=3, text=False),
    "vtk-polygons-5-text": partial(vtk, version=5, text=True),
    "vtk-polygons-5-binary": partial(vtk, version=5, text=False),
    "vtp-text": partial(vtp, how="ascii"),
    "vtp-binary-zlib": partial(vtp, how="binary", compressor="ZLib"),
    "vtp-raw-big": partial(vtp, how="raw", order=">"),
    "vtp-base64-lzma": partial(vtp, how="base64", compressor="LZMA"),
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
