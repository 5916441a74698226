import numpy as np
import pytest

from meshot.diagrams.domains import Ball, Box, ConvexPolyhedron
from meshot.diagrams.power_diagram import power_diagram

DOMAINS = {
    "box": Box([0, 0, 0], [1, 2, 1]),
    "ball": Ball([0.5, 0.5, 0.5], 0.8),
    "polyhedron": ConvexPolyhedron([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]]),
}


def corner_faces(faces):
    """The face of each entry of `corners`, and the entry that follows it around the face."""
    face = np.repeat(np.arange(len(faces.owner)), np.diff(faces.starts))
    following = np.arange(len(faces.corners)) + 1
    following[faces.starts[1:] - 1] = faces.starts[:-1]
    return face, following


def volumes(faces, count):
    """Volumes enclosed by outward polygons, by the divergence theorem."""
    face, following = corner_faces(faces)
    at = faces.points[faces.corners]
    first = at[faces.starts[:-1]][face]
    six = np.einsum("ij,ij->i", first, np.cross(at, at[following]))
    return np.bincount(faces.owner[face], six / 6, count)


@pytest.mark.parametrize("kind", DOMAINS)
@pytest.mark.parametrize("count", [1, 2, 60, 700])
def test_faces_enclose_the_cells(kind, count):
    domain, rng = DOMAINS[kind], np.random.default_rng(count)
    diagram = power_diagram(rng.random((count, 3)), 0.02 * rng.random(count), domain)
    faces = diagram.cell_faces()
    found = volumes(faces, count)
    # the sphere of a ball is drawn as planes that touch it
    loose = {"rel": 0.05, "abs": 5e-4} if kind == "ball" else {"rel": 1e-10, "abs": 1e-12}
    assert found == pytest.approx(diagram.masses, **loose)
    assert found.sum() == pytest.approx(domain.measure, rel=0.01 if kind == "ball" else 1e-12)
    full = int((diagram.masses > 0).sum())
    assert len(faces.points) - len(faces.corners) / 2 + len(faces.owner) == 2 * full  # Euler
    assert (np.diff(faces.cells)[diagram.masses == 0] == 0).all()
    corner_cell = np.searchsorted(faces.cells, faces.corners, side="right") - 1
    assert (corner_cell == faces.owner[corner_faces(faces)[0]]).all()


@pytest.mark.uncompiled
def test_two_cells_share_one_polygon():
    faces = power_diagram([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]], domain=Box([0, 0, 0], [1, 1, 1])).cell_faces()
    shared = np.flatnonzero(faces.other >= 0)
    assert faces.owner[shared].tolist() == [0, 1]
    assert faces.other[shared].tolist() == [1, 0]
    for k in shared:
        corners = faces.points[faces.corners[faces.starts[k] : faces.starts[k + 1]]]
        assert corners[:, 0] == pytest.approx(0.5)
        assert sorted(corners[:, 1:].tolist()) == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.uncompiled
def test_a_cell_without_volume_has_no_faces():
    diagram = power_diagram([[0.5, 0.5, 0.5], [0.6, 0.5, 0.5], [0.1, 0.1, 0.1]], [0.0, 3.0, 0.0], DOMAINS["box"])
    faces = diagram.cell_faces()
    assert diagram.empty.tolist() == [0, 2]
    assert np.diff(faces.cells).tolist() == [0, 8, 0]
    assert (faces.other == -1).all()
