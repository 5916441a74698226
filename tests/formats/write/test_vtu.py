import numpy as np
import pytest
import shapes

from meshot.formats.write import vtu
from meshot.formats.write.vtu import write_unstructured, write_vtu


@pytest.fixture
def pyvista():
    return pytest.importorskip("pyvista")


def test_solids_come_back_bit_by_bit(tmp_path, pyvista):
    ball = shapes.ball_solid(2)
    rng = np.random.default_rng(0)
    values = {"a": rng.normal(size=len(ball.tetrahedra)), "flip ped <&>": ball.volumes > 0.003, "id": np.arange(1280)}
    vectors = rng.normal(size=ball.vertices.shape)
    write_vtu(
        tmp_path / "ball.vtu", ball.vertices, ball.tetrahedra, cell_values=values, point_values={"image": vectors}
    )
    grid = pyvista.read(tmp_path / "ball.vtu")
    np.testing.assert_array_equal(grid.points, ball.vertices)
    np.testing.assert_array_equal(grid.cells_dict[10], ball.tetrahedra)
    for name, array in values.items():
        np.testing.assert_array_equal(grid.cell_data[name], array)
    np.testing.assert_array_equal(grid.point_data["image"], vectors)
    assert grid.volume == pytest.approx(ball.volume)


def test_large_arrays_are_written_in_blocks(tmp_path, pyvista, monkeypatch):
    monkeypatch.setattr(vtu, "BLOCK_BYTES", 1 << 10)
    ball = shapes.ball_solid(2)
    exact = np.arange(1280)  # ten whole blocks
    write_vtu(tmp_path / "ball.vtu", ball.vertices, ball.tetrahedra, cell_values={"n": exact})
    grid = pyvista.read(tmp_path / "ball.vtu")
    np.testing.assert_array_equal(grid.points, ball.vertices)
    np.testing.assert_array_equal(grid.cell_data["n"], exact)


@pytest.mark.parametrize("corners", [1, 2, 3])
def test_other_simplices(tmp_path, pyvista, corners):
    cells = np.arange(12).reshape(-1, corners)
    points = np.random.default_rng(0).normal(size=(12, 3))
    points[3] = np.nan
    write_vtu(tmp_path / "cells.vtu", points, cells)
    grid = pyvista.read(tmp_path / "cells.vtu")
    np.testing.assert_array_equal(grid.cells_dict[vtu.SIMPLICES[corners]].reshape(cells.shape), cells)
    np.testing.assert_array_equal(grid.points, np.where(np.isfinite(points), points, 0))


def test_cells_of_any_kind(tmp_path, pyvista):
    box = shapes.box_solid(1, 1, 1)
    arrays = {
        "connectivity": np.array([0, 1, 3, 2, 4, 5, 7, 6]),
        "offsets": np.array([8]),
        "types": np.array([12], dtype=np.uint8),
    }
    write_unstructured(tmp_path / "cube.vtu", box.vertices, arrays, cell_values={"half": np.float16([0.5])})
    cube = pyvista.read(tmp_path / "cube.vtu")
    assert cube.volume == pytest.approx(1)
    assert cube.cell_data["half"].tolist() == [0.5]


def test_the_same_solid_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        ball = shapes.ball_solid(1)
        write_vtu(tmp_path / name, ball.vertices, ball.tetrahedra, cell_values={"v": ball.volumes})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_shapes_that_do_not_fit_are_refused(tmp_path):
    ball = shapes.ball_solid(1)
    with pytest.raises(ValueError, match=r"cells must have shape \(n, 1 to 4\)"):
        write_vtu(tmp_path / "a.vtu", ball.vertices, np.zeros((2, 5), dtype=int))
    with pytest.raises(ValueError, match=r"points must have shape \(V, 3\)"):
        write_vtu(tmp_path / "a.vtu", ball.vertices[:, :2], ball.tetrahedra)
    with pytest.raises(ValueError, match="'v' must hold one row for each cell: 160"):
        write_vtu(tmp_path / "a.vtu", ball.vertices, ball.tetrahedra, cell_values={"v": [1.0]})
    assert list(tmp_path.iterdir()) == []
