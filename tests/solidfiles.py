"""Write solids in every format that is read, by the formats' own rules: ``FORMATS["msh-4-text"](points, blocks)``.

Each encoder takes points (V, 3) and blocks of elements, `Block`, with vertex indices from 0, and returns bytes. The
part of its name before the hyphen is the suffix.
"""

import base64
import lzma
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from meshot.meshes.elements import TETRAHEDRON, Block
from meshot.meshes.solid import Solid

Encoder = Callable[[np.ndarray, Sequence[Block]], bytes]


def _words(rows: np.ndarray) -> str:
    return "\n".join(" ".join(map(repr, row)) for row in np.asarray(rows).tolist())


def medit(points: np.ndarray, blocks: Sequence[Block]) -> bytes:
    names = {"tetra": "Tetrahedra", "triangle": "Triangles", "line": "Edges", "hexahedron": "Hexahedra"}
    lines = ["MeshVersionFormatted 2", "# a comment with the word Tetrahedra", "Dimension", "3", "", "Vertices"]
    lines += [str(len(points)), _words(np.column_stack([points, np.zeros(len(points))]))]
    for element, nodes, _ in blocks:
        lines += [names[element.name], str(len(nodes)), _words(np.column_stack([nodes + 1, np.full(len(nodes), 7)]))]
    return "\n".join([*lines, "Corners 1", "1", "End", ""]).encode()


def msh_2_text(points: np.ndarray, blocks: Sequence[Block]) -> bytes:
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$PhysicalNames", "1", '3 1 "a solid"', "$EndPhysicalNames"]
    lines += ["$Nodes", str(len(points))] + [f"{i + 1} {_words([p])}" for i, p in enumerate(points)] + ["$EndNodes"]
    lines += ["$Elements", str(sum(len(b.nodes) for b in blocks))]
    tag = 0
    for element, nodes, _ in blocks:
        for row in nodes + 1:
            tag += 1
            lines.append(f"{tag} {element.msh} 2 1 1 {_words([row])}")
    return "\n".join([*lines, "$EndElements", ""]).encode()


def msh_2_binary(points: np.ndarray, blocks: Sequence[Block], order: str = "<") -> bytes:
    data = b"$MeshFormat\n2.2 1 8\n" + struct.pack(order + "i", 1) + b"\n$EndMeshFormat\n"
    data += b"$Nodes\n%d\n" % len(points)
    data += b"".join(struct.pack(order + "i3d", i + 1, *p) for i, p in enumerate(points.tolist())) + b"\n$EndNodes\n"
    data += b"$Elements\n%d\n" % sum(len(b.nodes) for b in blocks)
    tag = 0
    for element, nodes, _ in blocks:
        data += struct.pack(order + "3i", element.msh, len(nodes), 2)
        for row in nodes.tolist():
            tag += 1
            data += struct.pack(f"{order}{3 + len(row)}i", tag, 1, 1, *(k + 1 for k in row))
    return data + b"\n$EndElements\n"


def msh_4_text(points: np.ndarray, blocks: Sequence[Block]) -> bytes:
    half, count = len(points) // 2, sum(len(b.nodes) for b in blocks)
    lines = ["$MeshFormat", "4.1 0 8", "$EndMeshFormat", "$Entities", "0 0 0 1", "$EndEntities", "$Nodes"]
    lines.append(f"2 {len(points)} 1 {len(points)}")
    for start, stop in ((0, half), (half, len(points))):
        lines.append(f"3 1 0 {stop - start}")
        lines += [str(i + 1) for i in range(start, stop)] + [_words(points[start:stop])]
    lines += ["$EndNodes", "$Elements", f"{len(blocks)} {count} 1 {count}"]
    tag = 0
    for element, nodes, _ in blocks:
        lines.append(f"{element.dimension} 1 {element.msh} {len(nodes)}")
        lines += [f"{tag + 1 + i} {_words([row + 1])}" for i, row in enumerate(nodes)]
        tag += len(nodes)
    return "\n".join([*lines, "$EndElements", ""]).encode()


def msh_4_binary(points: np.ndarray, blocks: Sequence[Block], order: str = "<") -> bytes:
    count = sum(len(b.nodes) for b in blocks)
    data = b"$MeshFormat\n4.1 1 8\n" + struct.pack(order + "i", 1) + b"\n$EndMeshFormat\n$Nodes\n"
    data += struct.pack(order + "4q", 1, len(points), 1, len(points)) + struct.pack(order + "3iq", 3, 1, 0, len(points))
    data += np.arange(1, len(points) + 1).astype(order + "i8").tobytes() + points.astype(order + "f8").tobytes()
    data += b"\n$EndNodes\n$Elements\n" + struct.pack(order + "4q", len(blocks), count, 1, count)
    tag = 1
    for element, nodes, _ in blocks:
        data += struct.pack(order + "3iq", element.dimension, 1, element.msh, len(nodes))
        data += np.column_stack([np.arange(tag, tag + len(nodes)), nodes + 1]).astype(order + "i8").tobytes()
        tag += len(nodes)
    return data + b"\n$EndElements\n"


def vtk(points: np.ndarray, blocks: Sequence[Block], *, version: int, text: bool) -> bytes:
    def array(values: np.ndarray, dtype: str) -> bytes:
        return (_words(np.reshape(values, (-1, 1))).encode() if text else values.astype(dtype).tobytes()) + b"\n"

    sizes = np.concatenate([np.full(len(b.nodes), b.nodes.shape[1]) for b in blocks])
    types = np.concatenate([np.full(len(b.nodes), b.element.vtk) for b in blocks])
    flat = np.concatenate([b.nodes.ravel() for b in blocks])
    data = f"# vtk DataFile Version {version}.1\na solid\n{'ASCII' if text else 'BINARY'}\n".encode()
    data += b"DATASET UNSTRUCTURED_GRID\nFIELD FieldData 1\nTIME 1 1 double\n" + array(np.array([0.5]), ">f8")
    data += b"POINTS %d double\n" % len(points) + array(points, ">f8")
    data += b"METADATA\nINFORMATION 0\n\n"
    if version < 5:
        mixed = np.insert(flat, np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        data += b"\nCELLS %d %d\n" % (len(sizes), len(mixed)) + array(mixed, ">i4")
    else:
        data += b"CELLS %d %d\nOFFSETS vtktypeint64\n" % (len(sizes) + 1, len(flat))
        data += array(np.concatenate([[0], np.cumsum(sizes)]), ">i8")
        data += b"CONNECTIVITY vtktypeint64\n" + array(flat, ">i8")
    data += b"\nCELL_TYPES %d\n" % len(types) + array(types, ">i4")
    return data + b"\nCELL_DATA %d\nSCALARS a double 1\nLOOKUP_TABLE default\n" % len(types) + array(0.1 * types, ">f8")


class XmlArrays:
    """Arrays of VTK's XML files; `how`: "ascii", "binary", "base64" or "raw" (appended)."""

    def __init__(self, *, how: str, compressor: str = "", order: str = "<", header: str = "I") -> None:
        self.how, self.compressor, self.order, self.header = how, compressor, order, header
        self.appended = b""

    def _stored(self, raw: bytes) -> bytes:
        compress = {"": None, "ZLib": zlib.compress, "LZMA": lzma.compress}[self.compressor]
        encode = base64.b64encode if self.how != "raw" else bytes
        if compress is None:
            return encode(struct.pack(self.order + self.header, len(raw)) + raw)
        pieces = [raw[k : k + 256] for k in range(0, len(raw), 256)]
        packed = [compress(piece) for piece in pieces]
        head = [len(packed), 256, len(raw) % 256, *map(len, packed)]
        return encode(struct.pack(f"{self.order}{len(head)}{self.header}", *head)) + encode(b"".join(packed))

    def add(self, name: str, kind: str, values: np.ndarray, dtype: str, more: str = "") -> str:
        opening = f'<DataArray type="{kind}" Name="{name}"{more} '
        if self.how == "ascii":
            return f'{opening}format="ascii">\n{_words(np.reshape(values, (-1, 1)))}\n</DataArray>'
        raw = self._stored(values.astype(self.order + dtype).tobytes())
        if self.how == "binary":
            return f'{opening}format="binary">\n   {raw.decode()}\n</DataArray>'
        self.appended += raw
        return f'{opening}format="appended" offset="{len(self.appended) - len(raw)}"/>'

    def opening(self, kind: str) -> str:
        byte_order = "LittleEndian" if self.order == "<" else "BigEndian"
        return (
            f'<?xml version="1.0"?>\n<VTKFile type="{kind}" version="0.1" byte_order="{byte_order}" header_type='
            f'"{"UInt32" if self.header == "I" else "UInt64"}"'
            + (f' compressor="vtk{self.compressor}DataCompressor"' if self.compressor else "")
            + ">\n"
        )

    def ending(self) -> bytes:
        data = b""
        if self.appended:
            data = b'\n<AppendedData encoding="%s">\n_%s\n</AppendedData>' % (self.how.encode(), self.appended)
        return data + b"\n</VTKFile>\n"


def vtu(points: np.ndarray, blocks: Sequence[Block], **options: str) -> bytes:
    arrays = XmlArrays(**options)
    sizes = np.concatenate([np.full(len(b.nodes), b.nodes.shape[1]) for b in blocks])
    types = np.concatenate([np.full(len(b.nodes), b.element.vtk) for b in blocks])
    flat = np.concatenate([b.nodes.ravel() for b in blocks])
    lines = [
        arrays.opening("UnstructuredGrid"),
        f'<UnstructuredGrid><Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(types)}"><PointData>',
        arrays.add("height", "Float64", points[:, 2], "f8") + "</PointData><CellData></CellData><Points>",
        arrays.add("Points", "Float64", points, "f8", ' NumberOfComponents="3"') + "</Points><Cells>",
        arrays.add("connectivity", "Int64", flat, "i8"),
        arrays.add("offsets", "Int32", np.cumsum(sizes), "i4"),
        arrays.add("types", "UInt8", types, "u1") + "</Cells></Piece></UnstructuredGrid>",
    ]
    return "\n".join(lines).encode() + arrays.ending()


FORMATS: dict[str, Encoder] = {
    "mesh": medit,
    "msh-2-text": msh_2_text,
    "msh-2-binary": msh_2_binary,
    "msh-2-big": partial(msh_2_binary, order=">"),
    "msh-4-text": msh_4_text,
    "msh-4-binary": msh_4_binary,
    "msh-4-big": partial(msh_4_binary, order=">"),
    "vtk-3-text": partial(vtk, version=3, text=True),
    "vtk-3-binary": partial(vtk, version=3, text=False),
    "vtk-5-text": partial(vtk, version=5, text=True),
    "vtk-5-binary": partial(vtk, version=5, text=False),
    "vtu-text": partial(vtu, how="ascii"),
    "vtu-binary": partial(vtu, how="binary"),
    "vtu-binary-zlib": partial(vtu, how="binary", compressor="ZLib"),
    "vtu-base64": partial(vtu, how="base64", header="Q"),
    "vtu-base64-zlib": partial(vtu, how="base64", compressor="ZLib"),
    "vtu-raw": partial(vtu, how="raw"),
    "vtu-raw-big": partial(vtu, how="raw", order=">"),
    "vtu-raw-lzma": partial(vtu, how="raw", compressor="LZMA", header="Q"),
}


def write(folder: Path, kind: str, points: np.ndarray, blocks: Sequence[Block]) -> Path:
    """Write elements into `folder` and return their path."""
    path = folder / f"{kind}.{kind.partition('-')[0]}"
    path.write_bytes(FORMATS[kind](np.asarray(points, dtype=float), blocks))
    return path


def of_solid(solid: Solid) -> list[Block]:
    """Return the tetrahedra of a solid as elements."""
    return [Block(TETRAHEDRON, solid.tetrahedra, np.arange(len(solid.tetrahedra)))]
