import files
import pytest
import shapes
import solidfiles

from meshot.base.errors import MeshReadError
from meshot.formats.registry import SolidFile, SurfaceFile, read_mesh_file


def test_the_suffix_tells_surfaces_from_solids(tmp_path):
    ball = shapes.ball_solid(1)
    surface = read_mesh_file(files.write_surface(tmp_path, "obj", shapes.icosphere(1)))
    solid = read_mesh_file(solidfiles.write(tmp_path, "mesh", ball.vertices, solidfiles.of_solid(ball)))
    assert isinstance(surface, SurfaceFile)
    assert isinstance(solid, SolidFile)
    assert len(solid.solid.tetrahedra) == 160


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(MeshReadError, match=r"'.docx', but surfaces are read from .obj, .* and solids from .vtu"):
        read_mesh_file(tmp_path / "a.docx")
