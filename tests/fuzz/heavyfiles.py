"""Files of at most a megabyte that are made to take time or memory: each by one way that a reader may take."""

import base64
import lzma
import struct
import zlib
from collections.abc import Callable

import numpy as np

MEGABYTE = 1_000_000
SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
VTK = b"# vtk DataFile Version 3.0\na\nASCII\nDATASET UNSTRUCTURED_GRID\n"
MEDIT = b"MeshVersionFormatted 2 Dimension 3 Vertices 4 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 Tetrahedra 1 1 2 3 4 0 "
MSH = b"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n4\n1 0 0 0\n2 1 0 0\n3 0 1 0\n4 0 0 1\n$EndNodes\n$Elements\n"


def fill(part: bytes, size: int = MEGABYTE) -> bytes:
    """Repeat a part until it fills a file."""
    return part * (size // len(part))


def ply(body: bytes, *elements: str, order: str = "binary_little_endian") -> bytes:
    return "\n".join(["ply", f"format {order} 1.0", *elements, "end_header", ""]).encode() + body


def lists_of_changing_length(order: str) -> bytes:
    """So many elements before the vertices, none like the one before."""
    if order == "ascii":
        rows, body = 333_000, fill(b"0 1 0 ", 999_000)
    else:
        rows, body = 666_000, fill(b"\0\1\0", 999_000)
    return ply(body, f"element strip {rows}", "property list uchar uchar places", order=order)


def many_properties() -> bytes:
    names = [f"property uchar p{k}" for k in range(40_000)]
    return ply(bytes(100_000), "element vertex 2", *names)


def many_elements() -> bytes:
    return ply(b"", *(f"element e{k} 0" for k in range(50_000)))


def fan(count: int) -> bytes:
    """A polygon of many corners."""
    lines = [f"v {np.cos(t):.5f} {np.sin(t):.5f} 0" for t in np.arange(count) * 2 * np.pi / count]
    return ("\n".join(lines) + "\nf " + " ".join(map(str, range(1, count + 1)))).encode()


def spikes(count: int) -> bytes:
    """Triangles that all share an edge."""
    lines = [f"v {k} {k * k % 7} {k % 5}" for k in range(count)]
    return ("\n".join(lines) + "\n" + "\n".join(f"f 1 2 {k}" for k in range(3, count + 1))).encode()


def vtu(
    points: str, cells: str, appended: bytes = b"", *, announced: tuple[int, int], compressor: str = "ZLib"
) -> bytes:
    head = (
        f'<VTKFile type="UnstructuredGrid" byte_order="LittleEndian" compressor="vtk{compressor}DataCompressor">'
        f'<UnstructuredGrid><Piece NumberOfPoints="{announced[0]}" NumberOfCells="{announced[1]}">'
        f"<Points>{points}</Points><Cells>{cells}</Cells></Piece></UnstructuredGrid>"
    )
    data = b'<AppendedData encoding="raw">_' + appended + b"</AppendedData>" if appended else b""
    return head.encode() + data + b"</VTKFile>"


def packed(array: np.ndarray, blocks: int = 1, compress: Callable[[bytes], bytes] = zlib.compress) -> str:
    """The same array again and again, each time in a block of its own."""
    block = compress(array.tobytes())
    head = struct.pack(f"<{3 + blocks}I", blocks, array.nbytes, 0, *[len(block)] * blocks)
    return (base64.b64encode(head) + base64.b64encode(block * blocks)).decode()


def inline(name: str, kind: str, content: str) -> str:
    return f'<DataArray type="{kind}" Name="{name}" format="binary">{content}</DataArray>'


def bomb_of_points(compressor: str = "ZLib") -> bytes:
    """A gigabyte and more of points."""
    compress = {"ZLib": zlib.compress, "LZMA": lzma.compress}[compressor]
    content = packed(np.zeros(3 << 20), 30, compress)
    return vtu(inline("Points", "Float64", content), "", announced=(30 << 20, 0), compressor=compressor)


def bomb_of_empty_polygons() -> bytes:
    """Half a thousand million cells without a corner, which fit together."""
    count = 1 << 20
    zeros, sevens = packed(np.zeros(count, np.uint8), 500), packed(np.full(count, 7, np.uint8), 500)
    cells = inline("connectivity", "Int8", packed(np.zeros(0, np.int8)))
    cells += inline("offsets", "UInt8", zeros) + inline("types", "UInt8", sevens)
    return vtu(inline("Points", "Float64", packed(np.zeros(3))), cells, announced=(1, 500 * count))


def pieces_that_share() -> bytes:
    """Two thousand pieces that name the same half megabyte."""
    body = struct.pack("<I", 480_000) + bytes(480_000)
    piece = (
        '<Piece NumberOfPoints="20000" NumberOfCells="0"><Points>'
        '<DataArray type="Float64" format="appended" offset="0"/></Points></Piece>'
    )
    head = '<VTKFile type="UnstructuredGrid" byte_order="LittleEndian"><UnstructuredGrid>' + piece * 3000
    tail = b'</UnstructuredGrid><AppendedData encoding="raw">_' + body + b"</AppendedData></VTKFile>"
    return head.encode() + tail


def entities() -> bytes:
    """An entity of ten, of ten, of ten ..."""
    lines = ['<!ENTITY a "aaaaaaaaaa">']
    lines += [f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    return f"<!DOCTYPE a [{''.join(lines)}]><VTKFile>&i;</VTKFile>".encode()


def outer_entity() -> bytes:
    """What stands in another file."""
    return b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><VTKFile type="UnstructuredGrid">&b;</VTKFile>'


def elements_of_msh(count: int) -> bytes:
    """Tetrahedra and triangles by turns."""
    rows = [f"{k} 4 0 1 2 3 4" if k % 2 else f"{k} 2 0 1 2 3" for k in range(count)]
    return MSH + f"{count}\n".encode() + "\n".join(rows).encode() + b"\n$EndElements\n"


def blocks_of_msh_4() -> bytes:
    blocks = fill(b"3 1 0 0\n", 990_000)
    count = blocks.count(b"\n")
    return (
        b"$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Nodes\n%d 0 0 0\n" % count
        + blocks
        + b"$EndNodes\n$Elements\n0 0 0 0\n$EndElements\n"
    )


def cells_of_vtk(text: bytes) -> bytes:
    return VTK + b"POINTS 4 float\n0 0 0 1 0 0 0 1 0 0 0 1\n" + text


HEAVY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty lines": ("obj", lambda: fill(b"\n")),
    "lines joined": ("obj", lambda: fill(b"\\\n")),
    "slashes": ("obj", lambda: f"{SQUARE}f ".encode() + fill(b"1/")),
    "corners of slashes": ("obj", lambda: f"{SQUARE}f ".encode() + fill(b"1//1 ")),
    "vertices alone": ("obj", lambda: fill(b"v 0 0 0\n")),
    "faces alone": ("obj", lambda: SQUARE.encode() + fill(b"f 1 2 3\n")),
    "faces of one corner": ("obj", lambda: SQUARE.encode() + fill(b"f 1\n")),
    "cycle of indices": ("obj", lambda: f"{SQUARE}f ".encode() + fill(b"1 2 3 4 ")),
    "negative indices": ("obj", lambda: SQUARE.encode() + fill(b"f -1 -2 -9223372036854775808\n")),
    "polygon of many corners": ("obj", lambda: fan(40_000)),
    "pages of a book": ("obj", lambda: spikes(40_000)),
    "digits": ("obj", lambda: b"v 0 0 " + fill(b"9")),
    "digits of an index": ("obj", lambda: SQUARE.encode() + b"f 1 2 " + fill(b"9")),
    "digits of a count": ("off", lambda: b"OFF\n" + fill(b"9") + b" 1 1\n"),
    "comments": ("off", lambda: fill(b"#\n")),
    "empty faces": ("off", lambda: b"OFF\n0 400000 0\n" + fill(b"0\n")),
    "vertices of a text STL": ("stl", lambda: b"solid\n" + fill(b"vertex 0 0 0\n")),
    "facets of a text STL": ("stl", lambda: b"solid\n" + fill(b"facet\nendsolid\n")),
    "lists of changing length, binary": ("ply", lambda: lists_of_changing_length("binary_little_endian")),
    "lists of changing length, text": ("ply", lambda: lists_of_changing_length("ascii")),
    "many properties": ("ply", many_properties),
    "many elements": ("ply", many_elements),
    "comments of a header": ("ply", lambda: b"ply\nformat ascii 1.0\n" + fill(b"comment\n")),
    "endless rows": ("ply", lambda: ply(b"", "element vertex 999999999999")),
    "rows of nothing": ("ply", lambda: ply(b"", "element e 999999999999", "element vertex 0", "element face 0")),
    "blanks of a header": ("ply", lambda: b"ply\n" + fill(b" ")),
    "fields of nothing": ("vtk", lambda: VTK + b"FIELD a 99999\n" + fill(b"a 0 0 int\n")),
    "fields of one number": ("vtk", lambda: VTK + b"FIELD a 80000\n" + fill(b"a 1 1 int\n0\n")),
    "points of nothing": ("vtk", lambda: VTK + fill(b"POINTS 0 float\n")),
    "metadata": ("vtk", lambda: VTK + fill(b"METADATA\n\n")),
    "digits of a version": ("vtk", lambda: b"# vtk DataFile Version " + fill(b"1") + b"\na\nb\n"),
    "cells of nothing": ("vtk", lambda: cells_of_vtk(b"CELLS 400000 400000\n" + fill(b"0 ", 800_000))),
    "endless cells": ("vtk", lambda: cells_of_vtk(b"CELLS 99999999999999 99999999999999\n")),
    "one cell": ("vtk", lambda: cells_of_vtk(b"CELLS 1 400001\n400000 " + fill(b"0 ", 800_000) + b"\nCELL_TYPES 1\n7")),
    "nested elements": ("vtu", lambda: fill(b"<a>")),
    "nested elements, closed": ("vtu", lambda: fill(b"<a>", 400_000) + fill(b"</a>", 533_332)),
    "elements": ("vtu", lambda: b"<VTKFile>" + fill(b"<a/>") + b"</VTKFile>"),
    "attributes": ("vtu", lambda: b"<VTKFile " + b" ".join(b'a%d=""' % k for k in range(90_000)) + b"/>"),
    "appended data that is none": ("vtu", lambda: fill(b"<AppendedData")),
    "entities": ("vtu", entities),
    "entity of another file": ("vtu", outer_entity),
    "bomb of points, ZLib": ("vtu", bomb_of_points),
    "bomb of points, LZMA": ("vtu", lambda: bomb_of_points("LZMA")),
    "bomb of empty polygons": ("vtu", bomb_of_empty_polygons),
    "pieces that share": ("vtu", pieces_that_share),
    "words": ("mesh", lambda: MEDIT + fill(b"a ")),
    "sections of nothing": ("mesh", lambda: MEDIT + fill(b"Edges 0 ")),
    "tetrahedra of a megabyte": ("mesh", lambda: MEDIT[:83] + b"Tetrahedra 90000 " + fill(b"1 2 3 4 0 ", 900_000)),
    "blanks": ("mesh", lambda: MEDIT + fill(b" ")),
    "elements of two kinds": ("msh", lambda: elements_of_msh(60_000)),
    "blocks of no nodes": ("msh", blocks_of_msh_4),
    "endless elements": ("msh", lambda: MSH + b"9999999999999999\n$EndElements\n"),
    "beginnings": ("msh", lambda: fill(b"$MeshFormat ")),
    "comments that do not end": ("msh", lambda: b"$Comments" + fill(b"$EndComments ")),
}
"""Suffix and content of each, by name."""
