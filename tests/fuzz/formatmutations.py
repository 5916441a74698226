"""Damage that one format invites, and ways of writing that its readers must understand.

A mutation takes the bytes and a source of randomness; it returns other bytes, or the same where they are not of its
format. Those in `HARMLESS` leave the mesh as it is.
"""

import random
import re
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]


# ---------------------------------------------------------------------------------------------------------------------
# OBJ: lines that go on


def _obj_lines(change: Callable[[list[bytes], random.Random], None]) -> Mutation:
    def mutation(data: bytes, rng: random.Random) -> bytes:
        if not re.search(rb"(?m)^v ", data):
            return data
        lines = data.split(b"\n")
        change(lines, rng)
        return b"\n".join(lines)

    return mutation


def _continue(lines: list[bytes], rng: random.Random) -> None:
    """Break lines of numbers at a blank, a backslash before the break and perhaps a blank behind it."""
    for _ in range(rng.choice([1, 5, 50])):
        k = rng.randrange(len(lines))
        words = lines[k].split(b" ")
        if words[0] in (b"v", b"f") and len(words) > 2:
            cut = rng.randrange(1, len(words))
            end = rng.choice([b" \\", b"\\", b" \\ ", b"\\\t", b"\\\r", b"\\\n \\"])
            lines[k] = b" ".join(words[:cut]) + end + b"\n" + rng.choice([b"", b" ", b"\t"]) + b" ".join(words[cut:])


def _backslash_in_names(lines: list[bytes], rng: random.Random) -> None:
    """A name or comment whose last letter is a backslash, before anything else."""
    for _ in range(rng.choice([1, 3])):
        names = (b"# of C:\\", b"usemtl C:\\paint\\", b"g a \\", b"o \\", b"mtllib a\\b.mtl\\ ", b"#\\", b"s off # \\")
        lines.insert(rng.randrange(len(lines)), rng.choice(names))


def _comments_behind(lines: list[bytes], rng: random.Random) -> None:
    """A comment behind numbers, whose last letter is a backslash."""
    for k in rng.sample(range(len(lines)), min(3, len(lines))):
        if lines[k][:2] in (b"v ", b"f "):
            lines[k] += rng.choice([b" # \\", b" #\\ ", b"# a\\b"])


def _backslash_anywhere(lines: list[bytes], rng: random.Random) -> None:
    k = rng.randrange(len(lines))
    cut = rng.randrange(len(lines[k]) + 1)
    lines[k] = lines[k][:cut] + rng.choice([b"\\", b" \\", b"\\\\", b"\\\n", b"\\\n#\n", b"\\ # \n"]) + lines[k][cut:]


def _corners_with_more(lines: list[bytes], rng: random.Random) -> None:
    """Texture and normal indices, which need not exist."""
    form = rng.choice([b"%s/1", b"%s//1", b"%s/1/1", b"%s/", b"%s//", b"%s/-1/9999999"])
    for k, line in enumerate(lines):
        if line.startswith(b"f "):
            lines[k] = b"f " + b" ".join(form % word for word in line.split()[1:])


def _negative_indices(lines: list[bytes], rng: random.Random) -> None:
    count = sum(line.startswith(b"v ") for line in lines)
    for k, line in enumerate(lines):
        if line.startswith(b"f ") and re.fullmatch(rb"f( [0-9]{1,9})+", line):
            lines[k] = b"f " + b" ".join(b"%d" % (int(word) - count - 1) for word in line.split()[1:])


# ---------------------------------------------------------------------------------------------------------------------
# OFF: headers


def _off_head(heads: list[bytes]) -> Mutation:
    """Another beginning, with the counts of vertices and faces in places of %v and %f."""

    def mutation(data: bytes, rng: random.Random) -> bytes:
        found = re.match(rb"OFF\n(\d+) (\d+) 0\n", data)
        if found is None:
            return data
        head = rng.choice(heads).replace(b"%v", found[1]).replace(b"%f", found[2])
        return head + data[found.end() :]

    return mutation


OFF_RIGHT = [
    b"OFF%v %f 0\n",
    b"OFF %v %f 0\n",
    b"off\n%v %f\n",
    b"# a\nOFF # b\n\n%v %f 0 # c\n",
    b"OFF\r\n%v %f 0\r\n",
]
OFF_RIGHT += [b"COFF\n%v %f 0\n", b"NOFF %v %f 0\n", b"STOFF\n%v %f 99\n", b"Off%v %f 0\n"]
OFF_WRONG = [b"OFF0%v %f 0\n", b"OFF1%v %f 0\n", b"OFF%v 1%f 0\n", b"OFF %f %v 0\n", b"OFF%v\n", b"OFF%v%f 0\n"]
OFF_WRONG += [b"4OFF\n%v %f 0\n", b"nOFF\n3\n%v %f 0\n", b"OFF BINARY\n%v %f 0\n", b"OFF-%v %f 0\n", b"OFF\n%v\n%f\n"]
OFF_WRONG += [
    b"OFF\n",
    b"OFF\n%v %f 0 ",
    b"OFF\n0 0 0\n",
    b"OFF\n%v 0 0\n",
    b"OFF\n0 %f 0\n",
    b"%v %f 0\n",
    b"OFF%v.0 %f 0\n",
]


# ---------------------------------------------------------------------------------------------------------------------
# PLY, STL, MESH, VTK


def _ply_rows(data: bytes, rng: random.Random) -> bytes:
    """Rows longer or shorter than the header says, or properties that no row has."""
    if not data.startswith(b"ply"):
        return data
    return rng.choice(
        [
            lambda: data.replace(b"property double z\n", b"", 1),
            lambda: data.replace(b"property double z\n", b"property double z\nproperty float quality\n", 1),
            lambda: data.replace(
                b"list uchar int", rng.choice([b"list int int", b"list uchar uchar", b"list char float"])
            ),
            lambda: data.replace(b"vertex_indices", rng.choice([b"vertex_index", b"indices", b"x"])),
            lambda: data.replace(
                b"end_header", b"element edge 2\nproperty int vertex1\nproperty int vertex2\nend_header"
            ),
            lambda: data.replace(b"element face", b"element tristrips"),
            lambda: data.replace(b"element tristrips", b"element face"),
            lambda: re.sub(rb"(?m)^(\S+ \S+ \S+)$", rb"\1 255", data),
        ]
    )()


def _strip_breaks(data: bytes, rng: random.Random) -> bytes:
    """Breaks of strips where none should be: at the ends, twice, after each vertex."""
    if b"element tristrips 1\n" not in data or b"format ascii" not in data:
        return data
    head, mark, row = data.rstrip(b"\n").rpartition(b"\n")
    words = row.split()[1:]
    for _ in range(rng.choice([1, 4])):
        words.insert(rng.choice([0, len(words), rng.randrange(len(words) + 1)]), rng.choice([b"-1", b"-1", b"-2"]))
    return head + mark + b" ".join([b"%d" % len(words), *words]) + b"\n"


def _stl_end(data: bytes, rng: random.Random) -> bytes:
    return re.sub(rb"endsolid.*\n", b"", data) if _is_stl(data) else data


def _stl_line(data: bytes, rng: random.Random) -> bytes:
    return data.replace(b"\n", rng.choice([b" ", b"\t", b"  "])) if _is_stl(data) else data


def _stl_solids(data: bytes, rng: random.Random) -> bytes:
    """Several solids, of which not all end."""
    if not _is_stl(data):
        return data
    ends = rng.choice([b"endsolid a\nsolid a\n", b"endsolid\n", b"solid\n", b"endsolid facet normal\nsolid facet\n"])
    facets = data.split(b"facet normal")
    cut = rng.randrange(1, len(facets) + 1)
    return b"facet normal".join(facets[:cut]) + ends + b"facet normal".join([b"", *facets[cut:]])


def _is_stl(data: bytes) -> bool:
    return data.startswith(b"solid") and b"facet normal" in data


MEDIT = b"MeshVersionFormatted"


def _quoted_words(data: bytes, rng: random.Random) -> bytes:
    """What bamg and Gmsh put between the sections: names of files with sections and numbers in them."""
    if not data.startswith(MEDIT):
        return data
    names = [b'Geometry\n"a/Vertices 3.mesh"\n', b'Identifier "Tetrahedra 0"\n', b'SupportVertices "End" 0\n']
    places = [m.start() for m in re.finditer(rb"(?m)^(Vertices|Tetrahedra|Triangles|Corners|End)", data)]
    place = rng.choice(places) if places else len(data)
    return data[:place] + rng.choice(names) + data[place:]


def _open_quote(data: bytes, rng: random.Random) -> bytes:
    if not data.startswith(MEDIT):
        return data
    place = rng.randrange(len(data))
    return data[:place] + rng.choice([b'"', b'"a', b'""', b"'", b'# "', b'"\n"']) + data[place:]


def _vtk_sections(data: bytes, rng: random.Random) -> bytes:
    """Sections that are missing, twice, empty, of another kind or count."""
    if not data.startswith((b"# vtk", b"<?xml")):
        return data
    swaps = [(b"POLYGONS", b"LINES"), (b"POLYGONS", b"TRIANGLE_STRIPS"), (b"TRIANGLE_STRIPS", b"POLYGONS")]
    swaps += [(b"POLYDATA", b"UNSTRUCTURED_GRID"), (b"UNSTRUCTURED_GRID", b"POLYDATA"), (b"POINTS", b"VERTICES")]
    swaps += [(b"Polys", b"Strips"), (b"NumberOfPolys", b"NumberOfLines"), (b"PolyData", b"UnstructuredGrid")]
    swaps += [(b"Polys>", b"Verts>"), (b"offsets", b"ends"), (b"Points>", b"Point>"), (b"double", b"vtkIdType")]
    swaps += [(b"ASCII", b"BINARY"), (b"OFFSETS", b"OFFSET"), (b"UNSTRUCTURED_GRID", b"STRUCTURED_POINTS")]
    fitting = [pair for pair in swaps if pair[0] in data]
    old, new = rng.choice(fitting or [(b"a", b"a")])
    return data.replace(old, new, rng.choice([1, -1]))


OWN_MUTATIONS: dict[str, dict[str, Mutation]] = {
    "obj": {
        "OBJ lines go on": _obj_lines(_continue),
        "OBJ names end in a backslash": _obj_lines(_backslash_in_names),
        "OBJ comments end in a backslash": _obj_lines(_comments_behind),
        "OBJ backslash": _obj_lines(_backslash_anywhere),
        "OBJ corners with more": _obj_lines(_corners_with_more),
        "OBJ negative indices": _obj_lines(_negative_indices),
    },
    "off": {"OFF head": _off_head(OFF_RIGHT), "wrong OFF head": _off_head(OFF_WRONG)},
    "ply": {"PLY rows": _ply_rows, "breaks of strips": _strip_breaks},
    "stl": {"STL without end": _stl_end, "STL on a line": _stl_line, "several STL solids": _stl_solids},
    "mesh": {"quoted words": _quoted_words, "open quote": _open_quote},
    "vtk": {"VTK sections": _vtk_sections},
    "vtp": {"VTK sections": _vtk_sections},
    "vtu": {"VTK sections": _vtk_sections},
}
"""By suffix and name."""

FORMAT_MUTATIONS = {name: each for own in OWN_MUTATIONS.values() for name, each in own.items()}
"""By name."""

HARMLESS = (
    "OBJ lines go on",
    "OBJ names end in a backslash",
    "OBJ comments end in a backslash",
    "OBJ corners with more",
    "OBJ negative indices",
    "OFF head",
    "STL without end",
    "STL on a line",
    "quoted words",
)
"""They leave the mesh as it is."""
