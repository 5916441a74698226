import xml.etree.ElementTree as ET
from functools import partial

import numpy as np
import pytest
from handmade import cap_run, sphere_run, write_run
from PIL import Image

from meshot.app.files.reading import read_run
from meshot.app.report.pictures import paper
from meshot.app.report.pictures.paper import paper_figures, write_figures

NAMES = ["images", "checkerboard", "circles", "area", "angle", "histograms"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, cap_run(), "page")
    return read_run(folder)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(paper, "DOTS", 40)
    monkeypatch.setattr(paper, "paper_figures", partial(paper_figures, size=92))


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_every_figure_is_written(tmp_path, kept, kind):
    names = write_figures(tmp_path / "figures", kept, kind)
    assert names == [f"{name}.{kind}" for name in NAMES]
    for name in names:
        data = (tmp_path / "figures" / name).read_bytes()
        if kind == "png":
            shown = np.asarray(Image.open(tmp_path / "figures" / name).convert("RGB"))
            assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 20
        elif kind == "svg":
            root = ET.fromstring(data)
            assert {"images": "Area-preserving", "area": "log area ratio"}.get(name[:-4], "") in "".join(
                root.itertext()
            )
        else:
            assert data.startswith(b"%PDF")
    again = write_figures(tmp_path / "again", kept, kind)
    for name in again:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "figures" / name).read_bytes()


def test_panels_stand_side_by_side_under_their_names(kept):
    drawn = paper_figures(kept, size=60)
    assert list(drawn) == NAMES
    assert [text.get_text() for text in drawn["images"].texts] == ["Surface", "Conformal", "Area-preserving"]
    bar = drawn["angle"].axes[-1]
    assert bar.get_xlabel() == "angle error, degrees"
    assert bar.get_xlim()[0] == 0


def test_a_sphere_and_a_single_map_are_drawn_too(tmp_path):
    write_run(tmp_path, sphere_run(), "page")
    drawn = paper_figures(read_run(tmp_path), size=60)
    assert [text.get_text() for text in drawn["circles"].texts] == ["Circles", "Conformal"]
    assert len(drawn["histograms"].axes) == 2
