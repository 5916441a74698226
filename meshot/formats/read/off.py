"""Parse OFF: bytes in, vertices and polygons out, in the order of the file."""

import re

from meshot.formats.read.parsing import FormatError, Polygons, floats, integers


def parse_off(data: bytes) -> Polygons:
    """Parse the text form of OFF, also with colors, normals or texture coordinates (``COFF``, ``NOFF``, ``STOFF``)."""
    lines = [words for line in data.splitlines() if (words := line.partition(b"#")[0].split())]
    # ModelNet's files have the first count in the same word: OFF490 518 0
    head = re.fullmatch(rb"(?i)(?:ST)?C?N?OFF(\d*)", lines[0][0]) if lines else None
    if head is None:
        raise FormatError("is not an OFF mesh in three dimensions: its first word is not OFF")
    counts = [head[1]] * bool(head[1]) + lines.pop(0)[1:] or (lines.pop(0) if lines else [])
    if counts[:1] == [b"BINARY"]:
        raise FormatError("is a binary OFF file; only the text form is read")
    if len(counts) < 2:
        raise FormatError("is truncated: the numbers of vertices and faces are missing")
    vertex_count, face_count = integers(counts[:2], "number of vertices or faces").tolist()
    if vertex_count < 0 or face_count < 0 or len(lines) < vertex_count + face_count:
        announced = f"{vertex_count} vertices and {face_count} faces"
        raise FormatError(f"is truncated: it announces {announced}, but holds {len(lines)} lines of data")
    vertex_lines, face_lines = lines[:vertex_count], lines[vertex_count : vertex_count + face_count]
    short = [i for i, words in enumerate(vertex_lines) if len(words) < 3]
    if short:
        raise FormatError("has vertices with fewer than 3 coordinates", ids=short)
    sizes = integers([words[0] for words in face_lines], "number of corners")
    short = [i for i, words in enumerate(face_lines) if not 0 <= sizes[i] < len(words)]
    if short:
        raise FormatError("has faces, counted from 0, with fewer corners than they announce", ids=short)
    corners = [word for words, size in zip(face_lines, sizes.tolist(), strict=True) for word in words[1 : size + 1]]
    coordinates = [word for words in vertex_lines for word in words[:3]]
    return Polygons(floats(coordinates).reshape(-1, 3), integers(corners), sizes)
