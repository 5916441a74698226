import numpy as np
import pytest

from meshot.app.files.cells import write_vtk_polygons
from meshot.diagrams.domains import Box
from meshot.diagrams.power_diagram import power_diagram


def test_another_program_reads_the_cells(tmp_path):
    pyvista = pytest.importorskip("pyvista")
    rng = np.random.default_rng(0)
    sites = rng.random((50, 2))
    weights = np.zeros(50)
    weights[7] = -1.0  # hidden
    diagram = power_diagram(sites, weights, Box([0, 0], [1, 1]))
    write_vtk_polygons(tmp_path / "cells.vtk", diagram.polygons(), {"site": np.arange(50), "mass": diagram.masses})
    mesh = pyvista.read(tmp_path / "cells.vtk")
    assert mesh["site"].tolist() == [i for i in range(50) if i != 7]
    assert mesh["mass"].tolist() == diagram.masses[diagram.masses > 0].tolist()
    assert mesh.compute_cell_sizes()["Area"] == pytest.approx(mesh["mass"], abs=1e-12)


def test_values_that_do_not_fit_are_refused(tmp_path):
    polygons = power_diagram([[0.0, 0.0]]).polygons()
    with pytest.raises(ValueError, match="one value for each polygon"):
        write_vtk_polygons(tmp_path / "a.vtk", polygons, {"mass": [1.0, 2.0]})
    with pytest.raises(ValueError, match="cannot name"):
        write_vtk_polygons(tmp_path / "a.vtk", polygons, {"the mass": [1.0]})
    assert list(tmp_path.iterdir()) == []
