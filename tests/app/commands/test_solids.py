import json
import re
from functools import partial

import files
import numpy as np
import pytest
import shapes
import solidfiles
from outcomes import assert_one_sentence

from meshot.app import products
from meshot.app.files.run import Provenance, Run
from meshot.app.files.solid import solid_metrics
from meshot.app.report.pages import solid as volumereport
from meshot.formats.registry import read_solid
from meshot.maps.distortion import distortion
from meshot.maps.measure import as_measure
from meshot.maps.solid_map import SolidMap
from meshot.meshes import tetrahedralization as tetrahedra
from meshot.meshes.solid import Solid


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(volumereport, "render_solid", partial(volumereport.render_solid, size=40))


@pytest.fixture
def file(tmp_path):
    """A squeezed ball, every tetrahedron of which has its own shape, as a file with boundary triangles."""
    ball = shapes.ball_solid(1)
    x, y, z = ball.vertices.T
    solid = ball.with_vertices(np.stack([x * (1.6 + 0.4 * z), y, z], axis=1))
    blocks = solidfiles.of_solid(solid)
    return solidfiles.write(tmp_path, "msh-4-text", solid.vertices, blocks)


def refused(run, tmp_path, *arguments):
    code, out, err = run("volume", *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert out == ""
    assert_one_sentence(err)
    assert not (tmp_path / "out").exists()
    return err


# ---------------------------------------------------------------------------------------------------------------------
# files and figures


def test_files_and_figures_of_a_solid(run, tmp_path, file):
    code, out, err = run("volume", file, "-o", tmp_path / "out", "--tol-volume", "0.05", "--json")
    assert (code, err) == (0, "")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"solid.vtu", "ball.vtu", "metrics.json", "report.html"}
    told = json.loads(out)
    assert told == json.loads((tmp_path / "out" / "metrics.json").read_text())
    source = read_solid(file)
    solid, ball = (read_solid(tmp_path / "out" / f"{name}.vtu") for name in ("solid", "ball"))
    np.testing.assert_array_equal(solid.vertices, source.vertices)
    np.testing.assert_array_equal(solid.tetrahedra, source.tetrahedra)
    np.testing.assert_array_equal(ball.tetrahedra, source.tetrahedra)
    np.testing.assert_allclose(np.linalg.norm(ball.boundary.vertices, axis=1), 1, rtol=1e-12)
    measured = distortion(SolidMap(solid, ball.vertices)).summary()["volume"]
    for key, value in told["volume"].items():
        assert value == pytest.approx(measured[key], rel=1e-9, abs=1e-12)
    assert told["volume"]["flipped"] == 0
    assert told["volume"]["ratio_mean_abs_deviation"] < told["harmonic"]["volume"]["ratio_mean_abs_deviation"]
    assert told["tetrahedra"] == 160
    assert told["total_volume"] == pytest.approx(source.volume)
    assert told["tetrahedralization"] is None
    assert {"read", "sphere map", "refinement", "report", "total"} <= set(told["seconds"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "no tetrahedron is flipped" in page
    assert page.count("<img") == 7
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_values_of_the_cells_are_those_of_the_map(run, tmp_path, file):
    pyvista = pytest.importorskip("pyvista")
    assert run("volume", file, "-o", tmp_path / "out", "--tol-volume", "0.05")[0] == 0
    solid, ball = (pyvista.read(tmp_path / "out" / f"{name}.vtu") for name in ("solid", "ball"))
    for grid in (solid, ball):
        np.testing.assert_allclose(np.exp(grid.cell_data["log_volume_ratio"]), grid.cell_data["volume_ratio"])
        assert grid.cell_data["flipped"].tolist() == [0] * 160
    np.testing.assert_array_equal(solid.point_data["ball"], ball.points)
    np.testing.assert_array_equal(ball.point_data["solid"], solid.points)
    volumes = [np.abs(grid.compute_cell_sizes()["Volume"]) for grid in (solid, ball)]
    ratio = (volumes[1] / volumes[1].sum()) / (volumes[0] / volumes[0].sum())
    np.testing.assert_allclose(ratio, ball.cell_data["volume_ratio"], rtol=1e-6)


def test_a_surface_is_filled_and_told(run, tmp_path, monkeypatch):
    ball = shapes.ball_solid(1)
    monkeypatch.setattr(tetrahedra, "_run", lambda *_: ball)
    surface = ball.boundary.with_vertices(ball.boundary.vertices + 5)
    monkeypatch.setattr(tetrahedra, "hausdorff_distances", lambda *surfaces: (0.25, 0.5))
    path = files.write_surface(tmp_path, "obj", surface)
    code, out, _ = run("volume", path, "-o", tmp_path / "out", "--edge-length", "0.4", "--tol-volume", "0.05", "--json")
    assert code == 0
    told = json.loads(out)
    diagonal = np.linalg.norm(np.ptp(surface.vertices, axis=0))
    assert told["tetrahedralization"]["outward"] == pytest.approx(0.25 / diagonal)
    assert told["tetrahedralization"]["inward"] == pytest.approx(0.5 / diagonal)
    assert told["options"]["edge_length"] == 0.4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The surface was filled with 160 tetrahedra" in page


def test_a_prescribed_density_is_read(run, tmp_path, file):
    wanted = np.linspace(1, 2, 160)
    np.save(tmp_path / "density.npy", wanted)
    out = tmp_path / "out"
    code, text, _ = run("volume", file, "-o", out, "--density", tmp_path / "density.npy", "--tol-volume", "1", "--json")
    assert code == 0
    told = json.loads(text)
    assert told["options"]["density"] == "density.npy"
    solid, ball = (read_solid(out / f"{name}.vtu") for name in ("solid", "ball"))
    measured = distortion(SolidMap(solid, ball.vertices, measure=as_measure(solid, density=wanted))).summary()["volume"]
    assert told["volume"]["ratio_sd"] == pytest.approx(measured["ratio_sd"], rel=1e-9)
    assert "gets its prescribed share" in (out / "report.html").read_text()


# ---------------------------------------------------------------------------------------------------------------------
# what is refused


@pytest.mark.parametrize(
    ("solid", "cause"),
    [
        (shapes.solid_torus(), "genus"),
        (shapes.hollow_ball(), "component|cavit|surfaces"),
        (shapes.join_solids(shapes.ball_solid(1), shapes.ball_solid(1)), "parts|components"),
    ],
)
def test_solids_that_are_no_ball_are_refused(run, tmp_path, solid, cause):
    path = solidfiles.write(tmp_path, "vtu-raw", solid.vertices, solidfiles.of_solid(solid))
    assert re.search(cause, refused(run, tmp_path, path))


@pytest.mark.parametrize(
    ("surface", "cause"),
    [
        (shapes.disk(3), "the surface is open"),
        (shapes.torus(), "genus 1"),
        (shapes.join(shapes.icosphere(1), shapes.icosphere(1)), "2 components"),
    ],
)
def test_surfaces_around_no_ball_are_refused_at_once(run, tmp_path, surface, cause):
    assert cause in refused(run, tmp_path, files.write_surface(tmp_path, "obj", surface))


def test_damaged_files_are_one_sentence(run, tmp_path, file):
    file.write_bytes(file.read_bytes()[:900])
    assert "truncated" in refused(run, tmp_path, file)
    assert "does not exist" in refused(run, tmp_path, tmp_path / "none.vtu")
    (tmp_path / "a.docx").write_text("hello")
    assert "suffix" in refused(run, tmp_path, tmp_path / "a.docx")


def test_options_that_do_not_go_together(run, tmp_path, file):
    assert "holds tetrahedra already" in refused(run, tmp_path, file, "--edge-length", "1")
    np.save(tmp_path / "density.npy", np.ones(80))
    surface = files.write_surface(tmp_path, "obj", shapes.icosphere(1))
    assert "go with a solid" in refused(run, tmp_path, surface, "--density", tmp_path / "density.npy")
    for option in ("--edge-length", "--tol-volume"):
        assert re.search("positive|Must be|>", refused(run, tmp_path, surface, option, "-1"))


def test_without_the_package_the_command_that_installs_it_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setattr(tetrahedra, "find_spec", lambda name: None)
    surface = files.write_surface(tmp_path, "obj", shapes.icosphere(1))
    assert "pip install pytetwild" in refused(run, tmp_path, surface)


def test_an_interrupt_leaves_nothing(run, tmp_path, file, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(products, "volume_preserving_map", interrupted)
    code, _, err = run("volume", file, "-o", tmp_path / "out")
    assert code == 130
    assert_one_sentence(err)
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name]


# ---------------------------------------------------------------------------------------------------------------------
# words and pictures


def finished(mapped):
    names = ("harmonic", "volume-preserving") if mapped.harmonic is not None else ("harmonic",)
    maps = (mapped.harmonic, mapped) if mapped.harmonic is not None else (mapped,)
    distortions = {name: distortion(each) for name, each in zip(names, maps, strict=True)}
    provenance = Provenance("ball.vtu", "ab" * 32, "meshot volume ball.vtu")
    return Run(mapped.solid, mapped, provenance, distortions=distortions)


def test_a_map_with_flips_says_so():
    ball = shapes.ball_solid(1)
    image = ball.vertices.copy()
    image[0] = [0.0, 0.9, 0.2]
    run = finished(SolidMap(ball, image))
    count = solid_metrics(run)["volume"]["flipped"]
    assert count > 1
    assert f"{count} tetrahedra are flipped" in volumereport.solid_verdict(run)
    assert solid_metrics(run)["refinement"] is None
    assert solid_metrics(run)["transport"] is None
    page = volumereport.render_solid(run)
    assert page.count("<img") == 5


def test_everything_that_was_done_is_told():
    ball = shapes.ball_solid(1)
    refined = {"iterations": 7, "reached": False, "converged": True, "off": [4, 9], "history": ()}
    notes = {"refinement": refined, "flipped_at_first": 3, "measure": "volume"}
    run = finished(SolidMap(ball, ball.vertices, harmonic=SolidMap(ball, ball.vertices), notes=notes))
    words = " ".join(volumereport.solid_changes(run))
    assert "The harmonic map flipped 3 tetrahedra at first; it was unfolded." in words
    assert "evened out in 7 steps; 2 of them are named in metrics.json" in words
    assert solid_metrics(run)["refinement"]["tetrahedra_off"] == [4, 9]


def test_vertices_without_a_tetrahedron_are_told_and_written(tmp_path):
    ball = shapes.ball_solid(1)
    solid = Solid(np.vstack([ball.vertices, [[7, 7, 7]]]), ball.tetrahedra)
    run = finished(SolidMap(solid, np.vstack([ball.vertices, [[np.nan] * 3]])))
    assert "as no tetrahedron uses them: 1 vertices (ids 55)" in " ".join(volumereport.solid_changes(run))
    products.PRODUCTS["volume"].save(run, tmp_path / "out", {})
    written = read_solid(tmp_path / "out" / "ball.vtu")
    assert written.vertices[55].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(written.tetrahedra, ball.tetrahedra)
