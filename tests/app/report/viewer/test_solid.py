import json

import numpy as np
import pytest
from handmade import solid_run
from outcomes import unpacked
from shapes import ball_solid

from meshot.app.report.viewer import solid as solidviewer
from meshot.app.report.viewer.solid import solid_viewer


def shown(mapped, **settings):
    words = {"stops": "", "low": "", "middle": "", "high": ""}
    ratio = np.zeros(len(mapped.solid.tetrahedra))
    return solid_viewer(
        mapped.solid, mapped.points, ratio, np.eye(3), limit=1.0, scale=words, color="ratio", **settings
    )


def test_solid_and_ball_are_told_in_the_same_order():
    mapped = solid_run().result
    content = json.loads(shown(mapped)["scene"])
    np.testing.assert_array_equal(unpacked(content["tetrahedra"], "<u4", 4), mapped.solid.tetrahedra)
    np.testing.assert_allclose(unpacked(content["ball"], "<f4", 3), mapped.points, atol=1e-6)
    np.testing.assert_allclose(unpacked(content["shape"], "<f4", 3), mapped.solid.vertices / 2, atol=1e-6)


def test_the_skin_is_that_of_the_tetrahedra_named_with_it():
    mapped = solid_run().result
    content = json.loads(shown(mapped)["scene"])
    skin, owners = unpacked(content["skin"], "<u4", 3), unpacked(content["owners"], "<u4", 1)[:, 0]
    assert len(skin) == len(mapped.solid.boundary.faces)
    for face, owner in zip(skin, owners, strict=True):
        assert set(face) < set(mapped.solid.tetrahedra[owner])


def test_a_ball_anywhere_is_shown_as_the_unit_ball():
    ball = ball_solid()
    mapped = solid_run().result
    content = json.loads(
        solid_viewer(
            mapped.solid, 3 * ball.vertices + [1, 2, 3], np.zeros(len(ball.tetrahedra)), np.eye(3), limit=1.0,
            scale={}, color="place", center=[1, 2, 3], radius=3.0,
        )["scene"]
    )  # fmt: skip
    np.testing.assert_allclose(unpacked(content["ball"], "<f4", 3), ball.vertices, atol=1e-6)


def test_a_solid_too_large_for_a_page_has_no_viewer(monkeypatch):
    monkeypatch.setattr(solidviewer, "MOST_TETRAHEDRA", 10)
    assert shown(solid_run().result) is None


@pytest.mark.parametrize("color", ["ratio"])
def test_what_the_page_needs(color):
    told = shown(solid_run().result)
    assert told["color"] == color
    assert told["allowed"].count("sha256") == 3
    assert not told["sheets"]
