import json
import math

import files
import numpy as np
import pytest
import shapes
from files import FORMATS, INDEXED
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.base.errors import GeometryError, MeshReadError, TopologyError
from meshot.base.files import to_json
from meshot.formats.registry import read_surface
from meshot.meshes.check.surface import FLAT, check, require_genus_zero
from meshot.meshes.surface import Surface
from meshot.meshes.topology import Topology, components


def flipped(surface, ids):
    faces = surface.faces.copy()
    faces[ids] = faces[ids, ::-1]
    return surface.with_faces(faces)


def added(surface, *faces):
    return surface.with_faces(np.concatenate([surface.faces, faces]))


def only_problem(surface, kind):
    report = check(surface)
    assert [problem.kind for problem in report.problems] == [kind]
    error = GeometryError if kind in ("duplicate-face", "zero-area-face", "non-finite-coordinates") else TopologyError
    with pytest.raises(error) as caught:
        require_genus_zero(surface)
    assert str(caught.value) == str(report.problems[0])
    assert caught.value.ids == report.problems[0].ids
    assert "\n" not in str(caught.value)
    return report.problems[0]


# ---------------------------------------------------------------------------------------------------------------------
# what passes

GOOD = {
    "triangle": (shapes.triangle(), 1),
    "disk": (shapes.disk(4), 1),
    "cap": (shapes.cap(4, 3.0), 1),
    "relief": (shapes.relief(5), 1),
    "grid": (shapes.grid(4, 3), 1),
    "tetrahedron": (shapes.tetrahedron(), 0),
    "octahedron": (shapes.octahedron(), 0),
    "bumpy sphere": (shapes.bumpy_sphere(2), 0),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", GOOD)
def test_disks_and_spheres_pass_from_every_format(tmp_path, kind, name):
    surface, loops = GOOD[name]
    report = require_genus_zero(read_surface(files.write_surface(tmp_path, kind, surface)))
    assert report.ok
    assert report.problems == report.notes == ()
    assert (report.genus, report.boundary_loops, report.components) == (0, loops, 1)
    assert report.manifold
    assert report.oriented
    assert report.orientable
    assert report.area == pytest.approx(surface.area, rel=1e-6)


@pytest.mark.parametrize("name", ["pial_left", "white_right", "infl_left", "sphere_right"])
def test_brains_are_spheres(brain, name):
    report = require_genus_zero(brain(name))
    figures = (report.vertices, report.faces, report.edges, report.euler, report.genus, report.boundary_loops)
    assert figures == (10242, 20480, 30720, 2, 0, 0)
    assert report.notes == ()


def test_flat_brain_is_a_disk_with_unreferenced_vertices(brain):
    flat = brain("flat_left")
    report = require_genus_zero(flat)
    assert (report.vertices, report.faces, report.unreferenced) == (10242, 18654, 777)
    assert (report.euler, report.boundary_loops) == (1, 1)
    (note,) = report.notes
    assert note.kind == "unreferenced-vertex"
    assert note.ids == tuple(np.setdiff1d(np.arange(10242), flat.faces).tolist())
    assert "777 vertices" in note.message


def test_bunny_with_holes_is_refused_for_its_edges():
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("pymeshfix")
    if spec is None:
        pytest.skip("pymeshfix is not installed")
    bunny = read_surface(Path(spec.origin).parent / "examples" / "StanfordBunny.ply")
    with pytest.raises(TopologyError, match="132 non-manifold edges belong to more than two faces") as caught:
        require_genus_zero(bunny)
    assert str(caught.value).endswith("also: several boundary loops")
    report = check(bunny)
    assert (report.boundary_loops, report.genus, report.manifold) == (70, None, False)
    low, high = np.sort(bunny.halfedges, axis=1).T
    edges, count = np.unique(np.stack([low, high], axis=1), axis=0, return_counts=True)
    assert caught.value.ids == tuple(np.unique(edges[count > 2]).tolist())


# ---------------------------------------------------------------------------------------------------------------------
# what does not, from every format


@pytest.mark.parametrize("kind", FORMATS)
class TestEveryFormat:
    def refused(self, folder, kind, surface, problem, words):
        found = read_surface(files.write_surface(folder, kind, surface))
        result = only_problem(found, problem)
        assert words in result.message
        return result.ids

    def test_several_components(self, tmp_path, kind):
        surface = shapes.join(shapes.triangle(), shapes.octahedron(), shapes.tetrahedron())
        ids = self.refused(tmp_path, kind, surface, "several-components", "3 components, of 8, 4, 1 faces")
        assert ids == (9, 0)

    def test_handle(self, tmp_path, kind):
        assert len(self.refused(tmp_path, kind, shapes.torus(9, 5), "genus", "genus 1, that is 1 handle")) >= 3

    def test_several_boundary_loops(self, tmp_path, kind):
        self.refused(tmp_path, kind, shapes.cylinder(9, 2), "several-boundary-loops", "2 boundary loops, of 9, 9 edges")

    def test_non_manifold_edge(self, tmp_path, kind):
        sentence = "1 non-manifold edge belongs to more than two faces: 0-1"
        ids = self.refused(tmp_path, kind, shapes.book(3), "non-manifold-edge", sentence)
        assert ids == (0, 1)

    def test_non_manifold_vertex(self, tmp_path, kind):
        report = check(read_surface(files.write_surface(tmp_path, kind, shapes.bowtie())))
        assert [p.kind for p in report.problems] == ["non-manifold-vertex", "several-boundary-loops"]
        assert report.problems[0].ids == (0,)

    def test_inconsistent_orientation(self, tmp_path, kind):
        surface = flipped(shapes.octahedron(), [2, 5])
        ids = self.refused(
            tmp_path, kind, surface, "inconsistent-orientation", "2 faces are oriented against the others"
        )
        assert ids == (2, 5)

    def test_non_orientable(self, tmp_path, kind):
        ids = self.refused(tmp_path, kind, shapes.moebius(9, 1), "non-orientable", "cannot be oriented")
        assert sorted(ids) == list(range(18))

    def test_zero_area(self, tmp_path, kind):
        vertices = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0]]
        surface = Surface(vertices, [[0, 1, 3], [1, 2, 3], [0, 2, 1]])
        assert self.refused(tmp_path, kind, surface, "zero-area-face", "1 face has no area") == (2,)

    def test_duplicate(self, tmp_path, kind):
        surface = added(shapes.octahedron(), [4, 0, 2])
        words = "1 face has the same three vertices as another before"
        assert self.refused(tmp_path, kind, surface, "duplicate-face", words) == (8,)


@pytest.mark.parametrize("kind", INDEXED)
def test_non_finite_coordinates_never_pass_the_reader(tmp_path, kind):
    with pytest.raises(MeshReadError, match="NaN or infinite"):
        read_surface(files.write_surface(tmp_path, kind, Surface([[0, 0, np.nan], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])))


# ---------------------------------------------------------------------------------------------------------------------
# topology, more closely


def test_genus_counts_handles():
    assert check(shapes.torus()).genus == 1
    assert check(shapes.holed_torus()).genus == 1
    two = shapes.join(shapes.torus(), shapes.torus(8, 6))
    assert check(two).genus == 2
    assert check(glued_tori()).genus == 2


def glued_tori():
    """A closed surface of genus 2: two tori without a face each, joined along its edges."""
    one = shapes.torus(8, 6)
    count = len(one.vertices)
    other = one.faces[1:, ::-1] + count
    for a, b in zip(one.faces[0] + count, one.faces[0], strict=True):
        other[other == a] = b
    return Surface(np.concatenate([one.vertices, -one.vertices]), np.concatenate([one.faces[1:], other]))


@pytest.mark.parametrize("surface", [shapes.torus(), shapes.torus(30, 5), shapes.holed_torus(9, 12), glued_tori()])
def test_the_loop_around_a_handle_does_not_separate(surface):
    (problem,) = check(surface).problems
    loop = np.array(problem.ids)
    assert problem.of == "vertices"
    edges = {tuple(edge) for edge in surface.edges.tolist()}
    links = list(zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True))
    assert all((min(link), max(link)) in edges for link in links)
    assert len(set(loop.tolist())) == len(loop)
    cut = np.array([frozenset(link) in set(map(frozenset, links)) for link in surface.halfedges.tolist()])
    inner = (surface.twins >= 0) & ~cut  # cross every edge but the loop's: all faces can still be reached
    faces = np.flatnonzero(inner) // 3

    assert components(len(surface.faces), faces, surface.twins[inner] // 3).max() == 0
    assert len(loop) <= 9


def test_boundary_loops_and_their_vertices():
    annulus = shapes.annulus(12, 3)
    problem = only_problem(annulus, "several-boundary-loops")
    loops = annulus.boundary_loops
    assert problem.ids == (min(loops[1].tolist()),)
    pierced = shapes.disk(6).with_faces(shapes.disk(6).faces[6:])  # the six faces in the middle make one hole
    assert check(pierced).boundary_edges == (36, 6)


def test_loops_that_touch_at_a_vertex_count_apart():
    report = check(shapes.bowtie())
    assert report.boundary_edges == (3, 3)
    assert report.genus is None


def test_closed_parts_that_touch_at_a_vertex():
    one = shapes.tetrahedron()
    faces = np.concatenate([one.faces, np.where(one.faces == 0, 0, one.faces + 3)])
    surface = Surface(np.concatenate([one.vertices, 2 - one.vertices[1:]]), faces)
    problem = only_problem(surface, "non-manifold-vertex")
    assert problem.ids == (0,)
    assert problem.message == "1 non-manifold vertex joins parts that share no edge there"


def test_non_manifold_edges_are_listed():
    fins = added(shapes.grid(3, 3), [0, 1, 15], [0, 5, 12])
    report = check(fins)
    assert report.problems[0].kind == "non-manifold-edge"
    assert set(report.problems[0].ids) == {0, 5}
    assert "0-5" in report.problems[0].message


def test_smaller_part_is_to_be_flipped_in_each_component():
    one, two = shapes.icosphere(1), shapes.disk(3)
    both = shapes.join(one, two)
    wrong = [3, 4, 50, *range(len(one.faces) + 10, len(both.faces))]
    report = check(flipped(both, wrong))
    problem = next(p for p in report.problems if p.kind == "inconsistent-orientation")
    assert problem.ids == (3, 4, 50, *range(len(one.faces), len(one.faces) + 10))
    assert not report.oriented
    assert report.orientable
    mended = check(flipped(flipped(both, wrong), list(problem.ids)))
    assert mended.oriented


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_flipping_the_named_faces_mends_any_wrong_orientation(seed):
    surface = shapes.icosphere(1)
    wrong = np.flatnonzero(np.random.default_rng(seed).random(len(surface.faces)) < 0.5)
    broken = flipped(surface, wrong)
    problems = check(broken).problems
    if problems:
        assert [p.kind for p in problems] == ["inconsistent-orientation"]
        assert len(problems[0].ids) <= len(surface.faces) / 2
        broken = flipped(broken, list(problems[0].ids))
    assert check(broken).ok


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(["moebius", "klein_bottle"]))
def test_one_sided_surfaces_stay_one_sided_however_faces_turn(seed, name):
    surface = getattr(shapes, name)()
    rng = np.random.default_rng(seed)
    broken = flipped(surface, np.flatnonzero(rng.random(len(surface.faces)) < 0.5))
    report = check(broken)
    assert report.problems[0].kind == "non-orientable"
    assert not report.orientable
    assert report.genus is None
    strip = broken.with_faces(broken.faces[list(report.problems[0].ids)])
    assert not check(strip).orientable  # the faces named are one-sided by themselves


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_numbering_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    surface = shapes.join(shapes.holed_torus(), shapes.annulus(), flipped(shapes.octahedron(), [1]))
    place = rng.permutation(len(surface.vertices))
    faces = place[surface.faces][rng.permutation(len(surface.faces))]
    faces = np.stack([np.roll(face, rng.integers(3)) for face in faces])
    vertices = np.empty_like(surface.vertices)
    vertices[place] = surface.vertices
    before, after = check(surface).to_dict(), check(Surface(vertices, faces)).to_dict()
    for key in ("edges", "components", "euler", "genus", "boundary_loops", "boundary_edges", "oriented", "manifold"):
        assert before[key] == after[key]
    assert [p["message"] for p in before["problems"]] == [p["message"] for p in after["problems"]]


# ---------------------------------------------------------------------------------------------------------------------
# geometry, more closely


def needle(degrees):
    """A triangle whose smallest angle is given."""
    return Surface(
        [[0, 0, 0], [1, 0, 0], [math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0]], [[0, 1, 2]]
    )


def blade(degrees):
    """A triangle with two angles as given and one near 180 degrees."""
    return Surface([[0, 0, 0], [1, 0, 0], [0.5, 0.5 * math.tan(math.radians(degrees)), 0]], [[0, 1, 2]])


@pytest.mark.parametrize("shape", [needle, blade])
@pytest.mark.parametrize("degrees", [0.0005, 1e-6, 3.0, 29.0])
@pytest.mark.parametrize("scale", [1e-48, 1.0, 1e48])
def test_thin_triangles_pass_and_their_angle_is_told(shape, degrees, scale):
    surface = shape(degrees)
    report = check(surface.with_vertices(scale * surface.vertices))
    assert report.ok
    assert report.smallest_angle == pytest.approx(degrees, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-48, 1.0, 1e48])
@pytest.mark.parametrize("direction", [[1, 0, 0], [1, 2, 3], [0.1, 0.7, -0.3]])
def test_flat_triangles_fail_at_any_scale(scale, direction):
    along = scale * np.outer([0, 1, 1 / 3, 1 / 7], direction)
    report = check(Surface(along, [[0, 1, 2], [0, 2, 3], [0, 0, 1], [3, 3, 3]]))
    (problem,) = report.problems
    assert (problem.kind, problem.ids) == ("zero-area-face", (0, 1, 2, 3))
    assert f"{FLAT:g} of the longest side" in problem.message
    assert report.smallest_angle < 1e-6


def test_coincident_corners_are_flat():
    surface = shapes.disk(2)
    vertices = surface.vertices.copy()
    vertices[1] = vertices[0]
    report = check(surface.with_vertices(vertices))
    assert report.problems[0].ids == tuple(np.flatnonzero((surface.faces < 2).sum(axis=1) == 2).tolist())


def test_collapsed_faces_do_not_hide_that_the_rest_is_a_disk():
    report = check(added(shapes.disk(3), [0, 0, 1], [5, 5, 5]))
    assert [p.kind for p in report.problems] == ["zero-area-face"]
    assert (report.euler, report.boundary_loops, report.genus) == (1, 1, 0)
    assert report.faces == 56


def test_a_mesh_of_collapsed_faces_alone():
    report = check(Surface(np.eye(3), [[0, 0, 1], [2, 2, 2]]))
    assert [p.kind for p in report.problems] == ["zero-area-face"]
    assert report.components == 0


def test_non_finite_coordinates():
    surface = shapes.disk(2)
    vertices = surface.vertices.copy()
    vertices[[3, 7]] = [[0, np.nan, 0], [np.inf, 0, 0]]
    problem = only_problem(surface.with_vertices(vertices), "non-finite-coordinates")
    assert problem.ids == (3, 7)
    assert "2 vertices have NaN or infinite coordinates" in problem.message


@pytest.mark.parametrize("scale", [1e-160, 1e-51, 1e51, 1e160])
def test_coordinates_too_large_or_small_to_compute_with(scale):
    surface = shapes.disk(2)
    report = check(surface.with_vertices(scale * surface.vertices))
    assert [p.kind for p in report.problems] == ["coordinate-range"]
    with pytest.raises(GeometryError, match="rescale the mesh"):
        require_genus_zero(surface.with_vertices(scale * surface.vertices))


def test_duplicates_in_any_order_and_orientation():
    report = check(added(shapes.octahedron(), [2, 4, 0], [4, 2, 0], [0, 2, 4]))
    (problem,) = report.problems
    assert (problem.kind, problem.ids) == ("duplicate-face", (8, 9, 10))
    assert (report.euler, report.genus, report.faces) == (2, 0, 11)


# ---------------------------------------------------------------------------------------------------------------------
# the report


def test_first_problem_is_raised_and_the_others_named():
    surface = added(shapes.join(shapes.torus(), shapes.annulus()), [0, 0, 1])
    with pytest.raises(TopologyError, match="2 components") as caught:
        require_genus_zero(surface)
    assert str(caught.value).endswith("; also: genus, several boundary loops, zero area face")
    assert caught.value.ids == check(surface).problems[0].ids


def test_report_prints_as_a_table():
    text = str(check(shapes.disk(2)))
    assert text.splitlines()[:6] == [
        "vertices              19",
        "edges                 42",
        "faces                 24",
        "components            1",
        "boundary loops        1 (12 edges)",
        "Euler characteristic  1",
    ]
    assert text.endswith("no problem: a map to the disk can be made")
    closed = str(check(added(shapes.tetrahedron(), [0, 0, 1])))
    assert "boundary loops        0 (closed)" in closed
    assert closed.splitlines()[-1].startswith("problem: 1 face has no area")
    assert closed.endswith("(faces 4)")


def test_report_as_dictionary_is_json():
    surface = shapes.annulus()
    broken = np.where(np.arange(48)[:, None] == 5, np.nan, surface.vertices)
    surface = Surface(np.concatenate([broken, [[0, 0, 1]]]), surface.faces)
    report = check(surface)
    data = json.loads(to_json(report.to_dict()))
    assert data["ok"] is False
    assert data["vertices"] == 49
    assert data["boundary_edges"] == [12, 12]
    assert [(p["kind"], p["of"], p["ids"]) for p in data["notes"]] == [("unreferenced-vertex", "vertices", [48])]
    assert {p["kind"] for p in data["problems"]} == {"several-boundary-loops", "non-finite-coordinates"}


def test_unwelded_mesh_is_told_that_vertices_coincide():
    surface = shapes.octahedron()
    soup = Surface(surface.corners.reshape(-1, 3), np.arange(24).reshape(-1, 3))
    report = check(soup)
    assert report.components == 8
    (note,) = report.notes
    assert note.kind == "coincident-vertex"
    assert len(note.ids) == 24 - 6


def test_inside_out_sphere_passes_with_a_note():
    surface = shapes.icosphere(1).with_vertices(shapes.icosphere(1).vertices + 5)
    assert check(surface).notes == ()
    report = check(flipped(surface, slice(None)))
    assert report.ok
    assert [note.kind for note in report.notes] == ["inside-out"]


def test_checking_changes_nothing():
    surface = shapes.join(flipped(shapes.torus(), [1]), shapes.moebius())
    vertices, faces = surface.vertices.copy(), surface.faces.copy()
    check(surface)
    np.testing.assert_array_equal(surface.vertices, vertices)
    np.testing.assert_array_equal(surface.faces, faces)


def test_other_libraries_meshes_are_accepted():
    trimesh = pytest.importorskip("trimesh")
    report = check(trimesh.creation.icosphere(1))
    assert report.ok
    assert report.faces == 80


def test_spheres_that_touch_twice_are_no_sphere():
    """V - E + F is that of one sphere, and all hangs together by vertices, but not by edges."""
    ball = shapes.icosphere(1)
    count, poles = len(ball.vertices), [0, int(np.argmin(ball.vertices @ ball.vertices[0]))]
    other = np.arange(count) + count
    other[poles] = poles
    both = Surface(np.concatenate([ball.vertices, 2 * ball.vertices]), np.concatenate([ball.faces, other[ball.faces]]))
    assert both.euler_characteristic == 2
    report = check(both)
    assert [problem.kind for problem in report.problems] == ["non-manifold-vertex"]
    assert report.problems[0].ids == tuple(sorted(poles))


@pytest.mark.parametrize("surface", [shapes.icosphere(2), shapes.disk(5), shapes.triangle(), shapes.octahedron()])
def test_what_is_plainly_simple_is_so_on_closer_look(surface, monkeypatch):
    quick = Topology(surface.faces, len(surface.vertices))
    assert quick.is_simple
    whole = Topology(surface.faces, len(surface.vertices))
    monkeypatch.setitem(vars(whole), "is_simple", False)
    assert len(whole.non_manifold_vertices) == 0
    np.testing.assert_array_equal(quick.face_components, whole.face_components)
    np.testing.assert_array_equal(quick.boundary_labels, whole.boundary_labels)
    assert quick.boundary_loops == whole.boundary_loops
