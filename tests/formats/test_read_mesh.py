import files
import pytest
import shapes
import solidfiles

from meshot.base.errors import MeshReadError
from meshot.formats.registry import read_mesh
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface


def test_the_suffix_tells_surfaces_from_solids(tmp_path):
    ball = shapes.ball_solid(1)
    surface = read_mesh(files.write_surface(tmp_path, "obj", shapes.icosphere(1)))
    solid = read_mesh(solidfiles.write(tmp_path, "mesh", ball.vertices, solidfiles.of_solid(ball)))
    assert isinstance(surface, Surface)
    assert isinstance(solid, Solid)
    assert len(solid.tetrahedra) == 160


def test_other_suffixes_are_refused(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"PK")
    with pytest.raises(MeshReadError, match=r"'.docx', but surfaces .* from .obj, .* and solids .* from .vtk"):
        read_mesh(tmp_path / "a.docx")
