import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.meshes.check.solid import SolidReport
from meshot.meshes.check.surface import check
from meshot.meshes.solid import Solid

SMALL = shapes.box_solid(2, 2, 2)


def kinds(solid):
    return [problem.kind for problem in check(solid).problems]


def ids(solid, kind):
    return next(problem.ids for problem in check(solid).problems if problem.kind == kind)


# ---------------------------------------------------------------------------------------------------------------------
# what is well


@pytest.mark.parametrize("solid", [shapes.one_tetrahedron(), shapes.ball_solid(2), SMALL, shapes.dumbbell_solid(2)])
def test_balls_can_be_mapped(solid):
    report = check(solid)
    assert isinstance(report, SolidReport)
    assert report.ok
    assert report.notes == ()
    assert (report.components, report.boundary_components, report.cavities, report.genus) == (1, 1, 0, 0)
    assert report.euler == 1
    assert report.manifold
    assert report.inverted == 0
    assert report.boundary_faces == len(solid.boundary.faces)
    assert report.volume == solid.volume
    assert "no problem: a map to the ball can be made" in str(report)


def test_figures_in_closed_form():
    report = check(shapes.box_solid(3, 2, 1))
    assert (report.vertices, report.tetrahedra) == (4 * 3 * 2, 36)
    assert report.boundary_faces == 4 * (3 * 2 + 3 + 2)
    assert report.faces == (4 * 36 + report.boundary_faces) // 2
    assert check(SMALL).smallest_angle == pytest.approx(45)
    regular = Solid(shapes.tetrahedron().vertices, [[0, 1, 3, 2]])
    assert check(regular).smallest_angle == pytest.approx(np.degrees(np.arccos(1 / 3)))


def test_everything_can_be_written_as_json():
    figures = json.loads(json.dumps(check(shapes.solid_torus()).to_dict()))
    assert figures["ok"] is False
    assert figures["genus"] == 1
    assert figures["problems"][0]["kind"] == "genus"


def test_other_libraries_meshes_are_checked_too():
    mesh = SimpleNamespace(points=SMALL.vertices, cells_dict={"tetra": SMALL.tetrahedra})
    assert check(mesh) == check(SMALL)
    assert check(SimpleNamespace(vertices=SMALL.vertices, tetrahedra=SMALL.tetrahedra)) == check(SMALL)


# ---------------------------------------------------------------------------------------------------------------------
# topology


def test_a_tunnel_is_found_with_a_loop_around_it():
    torus = shapes.solid_torus()
    report = check(torus)
    assert kinds(torus) == ["genus"]
    assert report.genus == 1
    loop = ids(torus, "genus")
    assert set(loop) <= set(torus.boundary_vertices.tolist())
    edges = {frozenset(edge) for edge in torus.edges.tolist()}
    assert all(frozenset(pair) in edges for pair in zip(loop, (*loop[1:], loop[0]), strict=True))
    assert "genus 1, that is 1 handle or tunnel; the vertices of a loop around one" in str(report)


def test_a_cavity_is_found_with_a_vertex_of_its_surface():
    hollow = shapes.hollow_ball()
    report = check(hollow)
    assert kinds(hollow) == ["cavity"]
    assert (report.cavities, report.boundary_components, report.genus) == (1, 2, 0)
    assert "the solid has a cavity: its boundary is 2 surfaces, of 80, 80 faces" in str(report)
    (vertex,) = ids(hollow, "cavity")
    assert vertex in hollow.boundary_vertices


def test_several_components_are_counted_with_a_tetrahedron_of_each():
    three = shapes.join_solids(shapes.one_tetrahedron(), shapes.ball_solid(1), SMALL)
    assert kinds(three) == ["several-components"]
    assert check(three).components == 3
    assert ids(three, "several-components") == (161, 0)
    assert "3 components, of 160, 48, 1 tetrahedra" in str(check(three))


def test_parts_that_touch_are_not_manifold():
    box = shapes.one_tetrahedron()
    point = Solid(np.concatenate([box.vertices, -box.vertices[1:]]), [[0, 1, 2, 3], [0, 5, 4, 6]])
    assert kinds(point) == ["non-manifold-vertex", "several-components"]
    assert ids(point, "non-manifold-vertex") == (0,)
    corners = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0], [-1, 0, 0], [-1, -1, 0]], dtype=float)
    edge = Solid(corners, [[0, 2, 3, 1], [0, 4, 5, 1]])
    assert kinds(edge) == ["non-manifold-edge", "several-components"]
    assert ids(edge, "non-manifold-edge") == (0, 1)
    assert check(edge).genus is None
    assert check(edge).cavities is None


def test_a_face_of_three_tetrahedra_is_found():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [0.2, 0.2, 2]], dtype=float)
    solid = Solid(corners, [[0, 1, 2, 3], [0, 2, 1, 4], [0, 1, 2, 5]])
    assert "non-manifold-face" in kinds(solid)
    assert ids(solid, "non-manifold-face") == (0,)


# ---------------------------------------------------------------------------------------------------------------------
# geometry


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 47), max_size=10))
def test_inverted_tetrahedra_are_named(turned):
    tetrahedra = SMALL.tetrahedra.copy()
    tetrahedra[sorted(turned)] = tetrahedra[sorted(turned)][:, [1, 0, 2, 3]]
    solid = SMALL.with_tetrahedra(tetrahedra)
    assert check(solid).inverted == len(turned)
    assert kinds(solid) == (["inverted-tetrahedron"] if turned else [])
    if turned:
        assert ids(solid, "inverted-tetrahedron") == tuple(sorted(turned))


def test_a_mirrored_solid_is_a_note():
    mirrored = SMALL.with_vertices(SMALL.vertices * [1, 1, -1])
    assert check(mirrored).ok
    assert [note.kind for note in check(mirrored).notes] == ["mirrored"]
    assert check(mirrored).volume == pytest.approx(1)


def test_flat_duplicate_and_repeated_tetrahedra_are_named():
    tetrahedra = SMALL.tetrahedra.tolist()
    tetrahedra += [tetrahedra[5][::-1], [0, 0, 1, 2]]
    solid = SMALL.with_tetrahedra(tetrahedra)
    assert ids(solid, "duplicate-tetrahedron") == (48,)
    assert ids(solid, "repeated-vertex") == (49,)
    assert check(solid).genus == 0  # of what remains without them
    vertices = SMALL.vertices.copy()
    vertices[13] = vertices[12]  # the middle onto a neighbor
    assert set(ids(SMALL.with_vertices(vertices), "flat-tetrahedron")) == {
        t for t, row in enumerate(SMALL.tetrahedra.tolist()) if {12, 13} <= set(row)
    }


def test_what_is_degenerate_alone_is_reported():
    solid = Solid(np.eye(3), [[0, 0, 1, 2]])
    assert kinds(solid) == ["repeated-vertex"]
    assert check(Solid(np.zeros((4, 3)), [[0, 1, 2, 3]])).problems[0].kind == "flat-tetrahedron"


def test_degenerate_tetrahedra_and_copies_of_them_alone_are_reported():
    solid = Solid(SMALL.vertices, [[0, 1, 2, 2], [0, 1, 2, 2], [0, 1, 2, 2]])
    assert set(kinds(solid)) >= {"duplicate-tetrahedron", "repeated-vertex"}
    assert ids(solid, "repeated-vertex") == (0, 1, 2)


def test_bad_coordinates_are_named_and_nothing_else_fails():
    vertices = SMALL.vertices.copy()
    vertices[[3, 20]] = [np.nan, np.inf, 0]
    report = check(SMALL.with_vertices(vertices))
    assert ids(SMALL.with_vertices(vertices), "non-finite-coordinates") == (3, 20)
    assert np.isnan(report.smallest_angle)


@pytest.mark.parametrize("scale", [1e-51, 1e51])
def test_coordinates_too_large_or_small_to_compute_with(scale):
    assert kinds(SMALL.with_vertices(scale * SMALL.vertices)) == ["coordinate-range"]


def test_loose_and_coincident_vertices_are_notes():
    pieces = [Solid(SMALL.corners[k], [[0, 1, 2, 3]]) for k in (0, 1)]
    both = Solid(
        np.concatenate([pieces[0].vertices, [[7, 7, 7]], pieces[1].vertices]),
        np.concatenate([pieces[0].tetrahedra, pieces[1].tetrahedra + 5]),
    )
    notes = {note.kind: note for note in check(both).notes}
    assert notes["unreferenced-vertex"].ids == (4,)
    assert notes["coincident-vertex"].ids == (5, 8)  # the diagonal of the cell
    assert re.search("will have no image", str(check(both)))
    assert check(both).unreferenced == 1
