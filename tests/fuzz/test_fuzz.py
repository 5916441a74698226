"""No file, however bad, does worse than a sentence: mutants, and files made to take time or memory."""

import random

import numpy as np
import pytest
from formatmutations import HARMLESS as HARMLESS_IN_THEIR_FORMAT
from formatmutations import OWN_MUTATIONS
from heavyfiles import HEAVY
from hypothesis import given, settings
from hypothesis import strategies as st
from meshmutations import INDEXED, KINDS, Draft
from mutating import CHANGES, mutant, mutated
from polygonmeshes import POLYGON_MESHES, true_area
from trial import examine
from watching import BROKEN, Watch

from meshot.base.errors import MeshReadError
from meshot.formats.registry import read_mesh
from meshot.meshes.solid import Solid

MUTANTS = 300


@pytest.fixture(scope="module")
def watch():
    with Watch() as watch:
        yield watch


def test_mutants_are_refused_or_mapped_right(watch):
    broken, outcomes = {}, set()
    for number in range(MUTANTS):
        file = mutant(0, number)
        told = watch.try_file(file.suffix, file.data, file.area)
        outcomes.add(told.outcome)
        if told.outcome in BROKEN:
            broken[number] = (file.kind, file.changes, told)
    assert not broken
    assert outcomes >= {"refused", "not to be mapped", "mapped"}


@pytest.mark.parametrize("name", HEAVY)
def test_a_megabyte_takes_neither_long_nor_much_memory(watch, name):
    suffix, make = HEAVY[name]
    told = watch.try_file(suffix, make())
    assert told.outcome not in BROKEN, told


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(kind for kinds in KINDS.values() for kind in kinds)),
    st.lists(st.sampled_from(CHANGES), max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_any_changes_are_refused_or_mapped_right(tmp_path_factory, kind, changes, seed):
    file = mutated(kind, changes, random.Random(seed))
    path = tmp_path_factory.getbasetemp() / f"mesh.{file.suffix}"
    path.write_bytes(file.data)
    outcome, words = examine(path, file.area)
    assert outcome.startswith(("refused", "not", "mapped")), words


TEXTS = (
    "obj",
    "off",
    "stl-text",
    "ply-text",
    "mesh",
    "msh-2-text",
    "msh-4-text",
    "vtk-3-text",
    "vtk-5-text",
    "vtu-text",
)
HARMLESS = ("CRLF", "CR", "byte order mark", "UTF-16", "Latin-1 comment", "comment of a megabyte", "gzip", "zip")


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("change", HARMLESS)
def test_another_encoding_gives_the_same_mesh_or_none(tmp_path, kind, change):
    def read(*changes):
        path = tmp_path / f"mesh.{kind.partition('-')[0]}"
        path.write_bytes(mutated(kind, changes, random.Random(change)).data)
        return read_mesh(path)

    mesh = read()
    try:
        changed = read(change)
    except MeshReadError:
        assert change not in ("CRLF", "byte order mark")
    else:
        assert change not in ("gzip", "zip")
        np.testing.assert_array_equal(changed.vertices, mesh.vertices)
        cells = "tetrahedra" if isinstance(mesh, Solid) else "faces"
        np.testing.assert_array_equal(getattr(changed, cells), getattr(mesh, cells))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (kind, change)
        for suffix, own in OWN_MUTATIONS.items()
        for change in own
        if change in HARMLESS_IN_THEIR_FORMAT
        for kind in KINDS[suffix]
        if kind in (*TEXTS, "ply-strips-text")
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_another_way_of_writing_gives_the_same_mesh(tmp_path, kind, change, seed):
    def read(*changes):
        path = tmp_path / f"mesh.{kind.partition('-')[0]}"
        path.write_bytes(mutated(kind, changes, random.Random(seed)).data)
        return read_mesh(path)

    mesh, changed = read(), read(change)
    np.testing.assert_array_equal(changed.vertices, mesh.vertices)
    cells = "tetrahedra" if isinstance(mesh, Solid) else "faces"
    np.testing.assert_array_equal(getattr(changed, cells), getattr(mesh, cells))


@pytest.mark.parametrize(("place", "area"), [(0, 22), (1, 9), (2, 22), (3, 9)])
def test_polygons_have_the_area_of_their_outlines(tmp_path, place, area):
    vertices, polygons = POLYGON_MESHES[place]
    assert true_area(vertices, polygons) == pytest.approx(area)
    for kind in INDEXED:
        mesh = Draft(kind, vertices, polygons)
        path = tmp_path / f"mesh.{kind.partition('-')[0]}"
        path.write_bytes(mesh.encode())
        assert mesh.area() is None or read_mesh(path).area == pytest.approx(area)


def test_what_crosses_itself_has_no_area():
    square = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    assert np.isnan(true_area(square, [[0, 2, 1, 3]]))
    assert true_area([*square[:3], [0.0, 1.0, 0.1]], [[0, 1, 2, 3]]) is None  # not flat


@pytest.mark.parametrize(
    ("outcome", "data"),
    [
        ("refused", b"v 0 0 zero"),
        ("not to be mapped", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n"),
        ("mapped", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"),
    ],
)
def test_the_trial_tells_what_came_of_a_file(watch, outcome, data):
    assert watch.try_file("obj", data).outcome == outcome


PROGRAM = """
import json, os, sys
for line in sys.stdin:
    data = open(line.split("\\t")[0], "rb").read()
    while data == b"hang":
        pass
    if data == b"die":
        os.abort()
    told = {"outcome": "mapped", "words": "", "seconds": 0.0, "bytes": 300 << 20 if data == b"eat" else 0}
    print(json.dumps(told), flush=True)
"""


def test_the_watch_sees_what_hangs_and_dies_and_eats_memory_and_goes_on(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with Watch(program, seconds=0.2) as watch:
        tried = [watch.try_file("obj", data).outcome for data in (b"", b"hang", b"", b"die", b"eat", b"")]
    assert tried == ["mapped", "hang", "mapped", "crash", "memory", "mapped"]
