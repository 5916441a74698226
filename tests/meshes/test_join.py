import numpy as np
import pytest
import shapes

import meshot
from meshot.base.errors import MeshReadError, OptionError
from meshot.conformal.cut import cut_to_disk
from meshot.meshes.join import join_boundary
from meshot.meshes.surface import Surface

BALL = shapes.icosphere(1)


def soup(surface: Surface, noise: float = 0.0) -> Surface:
    """Every face with corners of its own, which are a little off."""
    corners = surface.corners.reshape(-1, 3)
    shift = noise * np.random.default_rng(0).uniform(-1, 1, corners.shape)
    return Surface(corners + shift, np.arange(len(corners)).reshape(-1, 3))


def beside(surface: Surface, shift: list[float]) -> Surface:
    """A surface and its copy, moved by so much."""
    copy = surface.vertices + shift
    return Surface(
        np.concatenate([surface.vertices, copy]),
        np.concatenate([surface.faces, surface.faces + len(copy)]),
    )


def test_corners_that_nearly_agree_become_one_and_keep_their_numbers():
    cracked = soup(BALL, 1e-7)
    joined = join_boundary(cracked, 1e-6)
    np.testing.assert_array_equal(joined.surface.vertices, cracked.vertices)
    report = meshot.check(joined.surface)
    assert (report.ok, report.components, report.boundary_loops, report.faces) == (True, 1, 0, 80)
    assert len(joined.vertices) == 240 - 42
    assert (joined.first <= np.arange(240)).all()
    assert 1e-8 < joined.distance < 4e-7
    np.testing.assert_array_equal(joined.corners, cracked.faces)
    assert joined.notes[0].startswith("198 vertices of the boundary were joined to 42 others")


def test_only_what_is_near_enough_is_joined():
    cracked = soup(BALL, 1e-7)
    assert join_boundary(cracked, 0).notes == (
        "no vertices of the boundary are within 0 of one another: none was joined",
    )
    assert len(join_boundary(soup(BALL), 0).vertices) == 198


def test_vertices_inside_are_never_joined():
    sheet = shapes.grid(2, 2)
    joined = join_boundary(beside(sheet, [0, 0, 1e-9]), 1e-6)
    assert joined.vertices.tolist() == [9, 10, 11, 12, 14, 15, 16, 17]  # 13, over 4, is inside


def test_faces_that_would_be_lines_are_left_out_and_told():
    sliver = Surface(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1e-9], [0, 1, 1e-9], [-1, 0, 0]],
        [[0, 1, 2], [0, 2, 3], [3, 2, 4], [3, 4, 5]],
    )
    joined = join_boundary(sliver, 1e-6)
    assert joined.surface.faces.tolist() == [[0, 1, 2], [0, 2, 5]]
    assert joined.faces.tolist() == [0, 3]
    assert joined.collapsed.tolist() == [1, 2]
    assert joined.notes[1] == "2 faces, whose corners were joined, were left out (faces 1, 2)"


def test_values_go_along():
    quads = beside(shapes.grid(1, 1), [1, 0, 0])
    joined = join_boundary(quads, 0)
    own = np.arange(8.0)
    assert joined.vertices.tolist() == [4, 6]
    assert joined.filled(own)[[4, 6]].tolist() == [1.0, 3.0]
    assert joined.summed(own).tolist() == [0, 5, 2, 9, 0, 5, 0, 7]
    assert joined.at_corners(own)[2:].tolist() == own[quads.faces[2:]].tolist()  # those of its own side
    np.testing.assert_allclose(joined.of_faces(own), own[quads.faces].mean(axis=1))
    assert joined.of_faces(np.arange(4.0)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("tolerance", [-1.0, np.nan, np.inf])
def test_what_is_no_tolerance(tolerance):
    with pytest.raises(OptionError, match="must be a number from 0 on"):
        join_boundary(BALL, tolerance)


def test_a_tolerance_that_would_leave_nothing():
    with pytest.raises(MeshReadError, match="would leave no face"):
        join_boundary(shapes.triangle(), 10.0)
    with pytest.raises(OptionError, match="lie most vertices of the boundary"):
        join_boundary(soup(shapes.icosphere(4), 1e-7), 3.0)


def test_read_surface_joins_if_asked(tmp_path):
    import files

    slit = cut_to_disk(BALL).surface
    path = files.write_surface(tmp_path, "ply-little", slit)
    assert meshot.check(meshot.read_surface(path)).boundary_loops == 1
    joined = meshot.read_surface(path, join=0.0)
    assert len(joined.vertices) == len(slit.vertices)
    assert meshot.check(joined).boundary_loops == 0


def test_a_slit_is_told_and_what_joining_it_would_give():
    slit = cut_to_disk(BALL).surface
    report = meshot.check(slit)
    assert report.ok
    (note,) = report.notes
    assert note.kind == "coincident-vertex"
    assert "exactly where another does, as along a seam; --join 0 joins them, which gives a clos" in note.message
    assert all(slit.vertices[k].tolist() in np.delete(slit.vertices, k, 0).tolist() for k in note.ids)
    with pytest.raises(meshot.TopologyError, match=r"this one has a boundary; .* along a seam; --join 0 joins them"):
        meshot.area_preserving_map(slit, to="sphere")


def test_cracks_are_told_with_a_tolerance_that_closes_them():
    cracked = soup(BALL, 1e-7)
    (note,) = meshot.check(cracked).notes
    tolerance = float(note.message.split("--join ")[1].split()[0])
    assert 1e-7 < tolerance < 4e-7
    assert meshot.check(join_boundary(cracked, tolerance).surface).boundary_loops == 0
    with pytest.raises(meshot.TopologyError, match=r"80 components.*--join .* which gives a closed surface"):
        meshot.area_preserving_map(cracked)


def test_short_edges_and_distant_boundaries_are_no_cracks():
    fine = shapes.disk(3)
    thin = fine.vertices.copy()
    rim = fine.boundary_loops[0]
    thin[rim[1]] = thin[rim[0]] + 1e-9 * (thin[rim[1]] - thin[rim[0]])
    assert meshot.check(fine.with_vertices(thin)).notes == ()
    assert meshot.check(shapes.annulus()).notes == ()


def test_a_vertex_of_no_face_may_stand_nowhere():
    for surface in (shapes.cap(3), BALL):
        loose = Surface(np.concatenate([surface.vertices, [[np.nan, 0, np.inf]]]), surface.faces)
        report = meshot.check(loose)
        assert report.ok
        assert [note.kind for note in report.notes] == ["unreferenced-vertex"]
        expected = meshot.area_preserving_map(surface).uv
        found = meshot.area_preserving_map(loose)
        np.testing.assert_array_equal(found.uv[found.surface.referenced], expected)
