import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from handmade import cap_run, sphere_run, write_run
from shapes import octahedron

from meshot import area_preserving_map, distortion
from meshot.app.files.reading import read_run
from meshot.app.files.run import Provenance, Run, named_maps
from meshot.base.errors import MeshReadError


def same(kept, run):
    assert list(kept.maps) == list(run.maps)
    np.testing.assert_array_equal(kept.source.vertices, run.input.vertices)
    np.testing.assert_array_equal(kept.source.faces, run.input.faces)
    for name, each in run.maps.items():
        np.testing.assert_array_equal(kept.maps[name].image, each.image)
        np.testing.assert_array_equal(kept.maps[name].surface.faces, each.surface.faces)
        assert kept.distortions[name].summary() == run.distortions[name].summary()


@pytest.mark.parametrize(
    "run", [cap_run(), cap_run(area=False), sphere_run(area=True)], ids=["area", "conformal", "sphere"]
)
def test_what_was_written_is_read(tmp_path, run):
    write_run(tmp_path / "out", run, "page")
    kept = read_run(tmp_path / "out")
    same(kept, run)
    assert kept.name == "out"
    assert kept.metrics["command"] == run.provenance.command


def test_a_cut_surface_is_closed_again(tmp_path):
    surface = octahedron()
    surface_map = area_preserving_map(surface, density=np.r_[3.0, np.ones(7)])
    distortions = {name: distortion(each) for name, each in named_maps(surface_map).items()}
    run = Run(surface, surface_map, Provenance("o.obj", "0" * 64, "meshot area o.obj"), distortions=distortions)
    write_run(tmp_path, run, "page")
    kept = read_run(tmp_path)
    same(kept, run)
    assert kept.result == "measure-preserving"


def test_what_is_missing_or_damaged_is_told(tmp_path):
    with pytest.raises(MeshReadError, match=r"holds no map of a surface: metrics\.json is missing"):
        read_run(tmp_path)
    write_run(tmp_path / "out", cap_run(), "page")

    def damaged(name, content):
        copy = tmp_path / f"copy-{name}-{len(content)}"
        shutil.copytree(tmp_path / "out", copy)
        (copy / name).write_bytes(content)
        with pytest.raises(MeshReadError, match="holds a damaged map"):
            read_run(copy)

    whole = (tmp_path / "out" / "map.npz").read_bytes()
    damaged("map.npz", whole[: len(whole) // 2])
    damaged("map.npz", b"")
    damaged("metrics.json", b"{")
    damaged("metrics.json", b"[]")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, vertices=np.array([{}], dtype=object))
    damaged("map.npz", pickled.read_bytes())


def test_a_directory_of_the_archive_that_leads_astray_is_told(tmp_path):
    write_run(tmp_path, cap_run(), "page")
    whole = (tmp_path / "map.npz").read_bytes()
    for place in range(1, 80):  # from the end, where the directory stands
        content = bytearray(whole)
        content[-place] ^= 0xFF
        (tmp_path / "map.npz").write_bytes(content)
        try:
            read_run(tmp_path)
        except MeshReadError as error:
            assert "holds a damaged map" in str(error)  # noqa: PT017  (a comment of the archive does no harm)


def test_images_of_another_number_of_vertices_are_told(tmp_path):
    write_run(tmp_path, cap_run(), "page")
    with np.load(tmp_path / "map.npz") as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(tmp_path / "map.npz", **{**arrays, "uv": arrays["uv"][1:]})
    with pytest.raises(MeshReadError, match="its vertices and their images do not fit together"):
        read_run(tmp_path)


def test_figures_of_another_kind_of_run_are_refused(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"sites": 3}))
    with pytest.raises(MeshReadError, match=r"map\.npz is missing"):
        read_run(tmp_path)


def test_the_area_weight_is_kept(tmp_path):
    run = cap_run()
    half = replace(run, result=replace(run.result, area_weight=0.5))
    half = replace(half, distortions={"conformal": run.distortions["conformal"], "intermediate": run.distortion})
    write_run(tmp_path, half, "page")
    assert read_run(tmp_path).result == "intermediate"
