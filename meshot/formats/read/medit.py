"""Parse MESH, the text format of Medit, which TetGen, Gmsh, CGAL and fTetWild write."""

import itertools
import re
from collections.abc import Iterator

import numpy as np

from meshot.formats.read.parsing import FormatError, SolidElements, floats, integers
from meshot.meshes.elements import BY_NAME, Block

_KINDS = {
    "vertices": None,
    "edges": "line",
    "triangles": "triangle",
    "quadrilaterals": "quad",
    "tetrahedra": "tetra",
    "hexahedra": "hexahedron",
    "hexaedra": "hexahedron",
    "prisms": "wedge",
    "wedges": "wedge",
    "pyramids": "pyramid",
}


def parse_medit(data: bytes) -> SolidElements:
    """Parse MESH; references, corners, ridges and normals are skipped."""
    if data[:4] in (b"\1\0\0\0", b"\0\0\0\1"):
        raise FormatError("is a binary MESH file; only the text form is read")
    text = re.sub(rb'"[^"\n]*"|#[^\n]*', b"", data)  # bamg puts names of files in quotes
    points, blocks, cells, name = None, list[Block](), 0, ""
    for name, tokens in _sections(text):
        if name == "dimension" and tokens[:1] != [b"3"]:
            raise FormatError(f"is of dimension {b' '.join(tokens[:1]).decode('ascii', 'replace')[:20]}, not 3")
        if name not in _KINDS:
            continue
        element = BY_NAME.get(_KINDS[name] or "")
        rows = _rows(name, tokens, 4 if element is None else element.nodes + 1)
        if element is None:
            points = floats([each for row in rows for each in row[:3]]).reshape(-1, 3)
            continue
        nodes = integers([each for row in rows for each in row[:-1]]).reshape(-1, element.nodes)
        blocks.append(Block(element, nodes - 1, np.arange(cells, cells + len(rows))))
        cells += len(rows)
    if points is None:
        raise FormatError("is truncated: it has no 'Vertices'")
    if name != "end" and not any(block.element.name == "tetra" for block in blocks):
        raise FormatError("is truncated: the word 'End' is missing")
    return SolidElements(points, blocks)


def _sections(text: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Yield each keyword, in lower case, and the tokens up to the next."""
    words = re.finditer(rb"(?<![\w.+-])(?!(?i:nan|inf|infinity)\b)[A-Za-z]\w*", text)
    word = next(words, None)
    if word is None or word[0] != b"MeshVersionFormatted":
        raise FormatError("is no MESH file of Medit: its first word is not 'MeshVersionFormatted'")
    for following in itertools.chain(words, [None]):
        assert word is not None
        yield word[0].decode("ascii").lower(), text[word.end() : following.start() if following else None].split()
        word = following


def _rows(name: str, tokens: list[bytes], columns: int) -> list[list[bytes]]:
    """Return the rows of a section, which begins with their count."""
    count = integers(tokens[:1], "count").tolist()
    if not count or count[0] * columns != len(tokens) - 1:
        announced = f"{count[0]} {name}" if count else name
        raise FormatError(
            f"is truncated or damaged: it announces {announced}, of {columns} numbers each, and holds {len(tokens) - 1}"
        )
    return [tokens[k : k + columns] for k in range(1, len(tokens), columns)]
