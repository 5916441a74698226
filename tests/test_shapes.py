"""The test shapes are what they say they are."""

import numpy as np
import pytest
import shapes


@pytest.mark.parametrize(
    ("surface", "euler", "loops"),
    [
        (shapes.triangle(), 1, 1),
        (shapes.disk(1), 1, 1),
        (shapes.disk(5), 1, 1),
        (shapes.cap(4), 1, 1),
        (shapes.relief(6), 1, 1),
        (shapes.grid(3, 5), 1, 1),
        (shapes.tetrahedron(), 2, 0),
        (shapes.octahedron(), 2, 0),
        (shapes.icosphere(0), 2, 0),
        (shapes.icosphere(2), 2, 0),
        (shapes.bumpy_sphere(2), 2, 0),
        (shapes.torus(), 0, 0),
        (shapes.holed_torus(), -1, 1),
        (shapes.cylinder(), 0, 2),
        (shapes.annulus(), 0, 2),
    ],
)
def test_topology(surface, euler, loops):
    assert surface.euler_characteristic == euler
    assert len(surface.boundary_loops) == loops
    assert len(np.unique(surface.halfedges, axis=0)) == 3 * len(surface.faces)
    assert surface.face_areas.min() > 0


def test_closed_surfaces_face_outwards():
    closed = (shapes.tetrahedron(), shapes.octahedron(), shapes.icosphere(1), shapes.bumpy_sphere(2), shapes.torus())
    for surface in closed:
        assert np.linalg.det(surface.corners).sum() / 6 > 0


@pytest.mark.parametrize("surface", [shapes.disk(4), shapes.relief(4), shapes.grid(), shapes.cap(4), shapes.annulus()])
def test_open_surfaces_face_upwards(surface):
    assert (surface.face_normals[:, 2] > 0).all()


def test_one_sided_surfaces_have_their_euler_characteristic_and_clashing_halfedges():
    for surface in (shapes.moebius(), shapes.klein_bottle()):
        assert surface.euler_characteristic == 0
        assert surface.face_areas.min() > 0
        assert len(np.unique(surface.halfedges, axis=0)) < 3 * len(surface.faces)


def test_disk_has_the_sizes_it_states():
    flat = shapes.disk(7)
    assert len(flat.vertices) == 1 + 3 * 7 * 8
    assert len(flat.faces) == 6 * 7**2
    assert flat.area == pytest.approx(21 * np.sin(2 * np.pi / 42), rel=1e-12)
    assert flat.boundary_loops[0].tolist() == list(range(1 + 3 * 6 * 7, 1 + 3 * 7 * 8))


def test_brain(brain):
    assert brain("pial_left").vertices.shape == (10242, 3)
