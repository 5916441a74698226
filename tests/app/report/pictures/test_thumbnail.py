import io

import numpy as np
import pytest
import shapes
from PIL import Image

from meshot.app.report.pictures.thumbnail import SIZE, thumbnail
from meshot.base.errors import GeometryError
from meshot.meshes.surface import Surface


def alpha(mesh, **more):
    picture = Image.open(io.BytesIO(thumbnail(mesh, **more)))
    return np.asarray(picture.convert("RGBA"))[..., 3] / 255


@pytest.mark.parametrize("mesh", [shapes.icosphere(3), shapes.ball_solid(2)])
def test_a_ball_is_round(mesh):
    drawn = alpha(mesh)
    assert drawn.shape == (SIZE, SIZE)
    across = (drawn.sum(axis=0) > 0.5).sum()
    assert 0.85 * SIZE < across < SIZE
    assert drawn.sum() == pytest.approx(np.pi / 4 * across**2, rel=0.1)


def test_what_cannot_be_mapped_can_be_seen():
    for mesh in (shapes.torus(), shapes.book(), shapes.join(shapes.disk(2), shapes.disk(2)), shapes.klein_bottle()):
        assert alpha(mesh, size=32).sum() > 50


def test_a_thumbnail_is_small():
    assert len(thumbnail(shapes.bumpy_sphere())) < 6000


def test_what_has_no_area_cannot_be_seen():
    line = Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]])
    with pytest.raises(GeometryError, match="without area"):
        thumbnail(line)
