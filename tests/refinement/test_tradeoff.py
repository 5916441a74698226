import json
from dataclasses import replace

import numpy as np
import pytest
from shapes import relief

from meshot.app.cli import main
from meshot.area import area_preserving_map
from meshot.base.errors import OptionError
from meshot.formats.write.obj import write_obj
from meshot.maps.distortion import distortion
from meshot.refinement.tradeoff import tradeoff_curve

RELIEF = relief(9, 0.9)


def test_the_curve_runs_from_one_map_to_the_other_without_a_fold():
    amap = area_preserving_map(RELIEF)
    points = tradeoff_curve(amap)
    assert points[0].surface_map.uv is amap.conformal.uv
    assert points[-1].surface_map is amap
    weights = [point.area_weight for point in points]
    assert weights == sorted(weights)
    for measured in ([p.summary["area"]["log_mean_abs"] for p in points[::-1]],
                     [p.summary["angle"]["mean_abs_degrees"] for p in points]):  # fmt: skip
        assert measured == sorted(measured)
    assert all(point.summary["area"]["flipped"] == 0 for point in points)


def test_a_point_of_the_curve_has_the_areas_of_the_map_of_its_weight():
    (point,) = tradeoff_curve(area_preserving_map(RELIEF, area_weight=0.8), [0.4])
    other = distortion(area_preserving_map(RELIEF, area_weight=0.4))
    assert np.std(distortion(point.surface_map).log_area_ratio - other.log_area_ratio) < 2e-2


def test_what_has_no_curve_is_refused():
    with pytest.raises(OptionError, match="needs an area-preserving map"):
        tradeoff_curve(area_preserving_map(RELIEF).conformal)
    with pytest.raises(OptionError, match="needs an area-preserving map"):
        tradeoff_curve(area_preserving_map(RELIEF, area_weight=0))
    with pytest.raises(OptionError, match="between 0 and 1"):
        tradeoff_curve(area_preserving_map(RELIEF), [0.5, 1.5])


# ---------------------------------------------------------------------------------------------------------------------
# the command


@pytest.fixture
def mesh(tmp_path):
    write_obj(tmp_path / "relief.obj", RELIEF)
    return tmp_path / "relief.obj"


def figures(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_a_density_and_the_curve_are_in_files_and_report(mesh, tmp_path):
    density = np.where(RELIEF.corners[:, :, 0].mean(axis=1) > 0, 3.0, 1.0)
    np.save(tmp_path / "density.npy", density)
    out = tmp_path / "out"
    assert main(["area", str(mesh), "-o", str(out), "--density", str(tmp_path / "density.npy"), "--curve"]) == 0
    told = figures(out)
    assert told["area"]["ratio_sd"] <= 1e-2
    assert told["measure"]["kind"] == "density"
    assert told["measure"]["density_greatest"] == pytest.approx(3 * told["measure"]["density_least"])
    assert told["options"]["density"] == "density.npy"
    assert [point["area_weight"] for point in told["tradeoff"]] == [0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1]
    page = (out / "report.html").read_text()
    assert "Areas against angles" in page
    assert "gets its prescribed share" in page
    assert "property double magnification" in (out / "map.ply").read_bytes()[:2000].decode(errors="replace")


def test_an_area_weight_is_told(mesh, tmp_path):
    out = tmp_path / "out"
    assert main(["area", str(mesh), "-o", str(out), "--area-weight", "0.5", "--angle-sweeps", "4"]) == 0
    told = figures(out)
    assert told["area_weight"] == 0.5
    assert told["measure"] is None
    assert told["tradeoff"] is None
    assert told["area"]["flipped"] == 0
    assert told["area"]["log_mean_abs"] == pytest.approx(told["conformal"]["area"]["log_mean_abs"] / 2, rel=0.1)
    assert "At area weight 0.5" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "numbers", "message"),
    [
        (["--density"], "1\n0\n1\n", "one number a face"),
        (["--density"], "1\n" * len(RELIEF.faces) + "x", "no table of numbers"),
        (["--masses"], "1\n" * (len(RELIEF.vertices) - 1) + "0\n", "positive and finite at every vertex"),
        (["--area-weight", "0", "--curve", "--masses"], "1\n", "--curve is for maps to the disk"),
        (["--area-weight", "2", "--density"], "1\n" * len(RELIEF.faces), "between 0 and 1"),
    ],
)
def test_a_refused_request_leaves_nothing_behind(mesh, tmp_path, capsys, options, numbers, message):
    (tmp_path / "numbers.txt").write_text(numbers)
    assert main(["area", str(mesh), "-o", str(tmp_path / "out"), *options, str(tmp_path / "numbers.txt")]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["numbers.txt", "relief.obj"]


def test_no_curve_on_the_sphere():
    amap = area_preserving_map(RELIEF)
    with pytest.raises(OptionError, match="to the disk"):
        tradeoff_curve(replace(amap, image=np.zeros_like(amap.surface.vertices)))
