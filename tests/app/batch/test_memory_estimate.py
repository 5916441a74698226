import numpy as np
import pytest
import shapes

from meshot.app.batch.work import job_bytes, reading_bytes

MIB = 2**20
FEW, MANY = shapes.cap(4), shapes.cap(40)


@pytest.mark.parametrize("command", ["area", "conformal", "sample"])
def test_memory_grows_with_the_faces(command):
    base = job_bytes(command, shapes.triangle(), {})
    per_face = (job_bytes(command, MANY, {}) - job_bytes(command, FEW, {})) / (len(MANY.faces) - len(FEW.faces))
    assert 200 * MIB < base < 1000 * MIB
    assert 1000 < per_face < 10_000


def test_solids_count_their_tetrahedra_and_surfaces_those_that_will_fill_them():
    solid = shapes.ball_solid(2)
    assert job_bytes("volume", solid, {}) > job_bytes("volume", shapes.one_tetrahedron(), {})
    ball = shapes.icosphere(3)
    coarse, fine = (job_bytes("volume", ball, {"edge_length": length}) for length in (0.1, 0.05))
    assert fine - coarse == pytest.approx(7 / 8 * (fine - job_bytes("volume", ball, {"edge_length": 1e6})), rel=1e-6)
    # the default is a twentieth of the diagonal, whatever the unit
    diagonal = np.linalg.norm(np.ptp(ball.vertices, axis=0))
    scaled = ball.with_vertices(1e3 * ball.vertices)
    expected = job_bytes("volume", ball, {"edge_length": 0.05 * diagonal})
    assert job_bytes("volume", scaled, {}) == pytest.approx(expected, rel=1e-9)


def test_many_points_count():
    assert job_bytes("sample", FEW, {"count": 10**7}) > job_bytes("sample", FEW, {"count": 10}) + 10**9


def test_reading_takes_a_multiple_of_the_file():
    assert reading_bytes(10**9) - reading_bytes(0) > 5e9
