"""``meshot transport``, from files to folder, and the parts of its report."""

import json
import warnings

import numpy as np
import pytest
from outcomes import Page, assert_one_sentence
from PIL import Image
from tears import cut_along_chord, spiral

from meshot.app import products
from meshot.app.files.run import Provenance, Run
from meshot.app.report.pages.transport import render_transport
from meshot.app.report.pictures import cells as cellfigures
from meshot.app.report.pictures.cells import cells_picture, png, sites_picture
from meshot.base import memory
from meshot.base.errors import ConvergenceWarning
from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.transport import solve as transport
from meshot.transport.solve import solve_transport

FILES = {"cells.png", "cells.vtk", "folds.ply", "metrics.json", "report.html", "transport.npz"}


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(products, "CELLS_SIZE", 80)


@pytest.fixture
def sites(tmp_path):
    path = tmp_path / "sites.csv"
    np.savetxt(path, np.random.default_rng(0).random((40, 2)), delimiter=",", fmt="%.17g")
    return path


def handmade(count=30, domain=None, **settings):
    rng = np.random.default_rng(0)
    sites = rng.random((count, 2))
    result = solve_transport(sites, rng.uniform(0.5, 2, count), domain or Disk(), **settings)
    return Run(sites, result, Provenance("sites.csv", "0" * 64, "meshot transport", {"tol": 1e-6}))


# ---------------------------------------------------------------------------------------------------------------------
# the command


def test_everything_is_written_and_told(tmp_path, run, sites):
    code, out, err = run("transport", sites, "-o", tmp_path / "out", "--json")
    assert (code, err) == (0, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert json.loads(out).keys() == figures.keys()
    assert figures["transport"]["max_relative_error"] <= 1e-6
    assert figures["transport"]["certificate"] <= 1e-12
    assert figures["wasserstein"] == np.sqrt(figures["cost"])
    assert figures["dual_cost"] == pytest.approx(figures["cost"], rel=1e-6)
    assert figures["domain"]["kind"] == "disk"
    with np.load(tmp_path / "out" / "transport.npz") as arrays:
        again = solve_transport(arrays["sites"], arrays["masses"], heights=arrays["heights"])
        assert again.iterations == 0
        assert arrays["cell_masses"] == pytest.approx(arrays["masses"], rel=1e-6)
        assert arrays["polygon_starts"][-1] == len(arrays["polygon_points"])
        assert len(arrays["triangulation"]) > 40
    with Image.open(tmp_path / "out" / "cells.png") as picture:
        assert picture.size == (80, 80)


def test_where_the_map_tears_is_told(tmp_path, run):
    np.savetxt(tmp_path / "sites.txt", cut_along_chord(spiral(600)))
    code, out, _ = run("transport", tmp_path / "sites.txt", "-o", tmp_path / "out", "--json")
    told = json.loads(out)["folds"]
    assert code == 0
    assert told["criterion"] == "jump"
    assert told["measure"] == pytest.approx(2 * np.sqrt(1 - 0.2**2), abs=0.02)
    assert len(told["sheets"]) == 1
    assert told["sheets"][0]["mean_jump"] == pytest.approx(0.5, abs=0.1)
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert "1 curve of length 1.96" in page.text
    assert len(page.all("img")) == 5


def test_a_map_that_does_not_tear(tmp_path, run, sites):
    assert run("transport", sites, "-o", tmp_path / "out")[0] == 0
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())["folds"]
    assert told["facets"] == 0
    assert told["sheets"] == []
    assert told["largest_jump_at"] == [None, None]
    assert b"element edge 0" in (tmp_path / "out" / "folds.ply").read_bytes()


def test_a_box_with_masses_from_a_file(tmp_path, run, sites):
    masses = np.random.default_rng(1).uniform(1, 2, 40)
    np.save(tmp_path / "masses.npy", masses)
    out = tmp_path / "out"
    box = ("--domain", "box", "--box", "-1", "0", "1", "3", "--masses", tmp_path / "masses.npy")
    assert run("transport", sites, "-o", out, *box)[0] == 0
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["domain"] == {"kind": "box", "corners": [[-1, 0], [1, 0], [1, 3], [-1, 3]], "area": 6.0}
    assert figures["total_mass"] == pytest.approx(masses.sum())


def test_a_polygon_and_a_third_column(tmp_path, run):
    (tmp_path / "sites.txt").write_text("0.1 0.2 1\n0.5 0.1 2\n0.3 0.3 3\n")
    (tmp_path / "corners.csv").write_text("x,y\n0,0\n1,0\n0,1\n")
    out = tmp_path / "out"
    polygon = ("--domain", "polygon", "--polygon", tmp_path / "corners.csv")
    assert run("transport", tmp_path / "sites.txt", "-o", out, *polygon)[0] == 0
    with np.load(out / "transport.npz") as arrays:
        assert arrays["cell_masses"] == pytest.approx([1, 2, 3], rel=1e-6)


@pytest.mark.parametrize(
    ("options", "kind", "volume"),
    [
        (("--domain", "ball"), "ball", 4 / 3 * np.pi),
        (("--domain", "ball", "--ball", "1", "0", "0", "2"), "ball", 32 / 3 * np.pi),
        (("--domain", "box", "--dimension", "3"), "box", 1.0),
        (("--domain", "box", "--box", "-1", "0", "0", "1", "1", "3"), "box", 6.0),
    ],
)
def test_sites_of_space(tmp_path, run, options, kind, volume):
    np.savetxt(tmp_path / "sites.csv", np.random.default_rng(0).random((40, 3)), delimiter=",")
    out = tmp_path / "out"
    code, told, err = run("transport", tmp_path / "sites.csv", "-o", out, *options, "--json")
    assert (code, err) == (0, "")
    assert {path.name for path in out.iterdir()} == {*FILES - {"cells.vtk"}, "cells.vtu"}
    figures = json.loads(told)
    assert figures["domain"]["kind"] == kind
    assert figures["domain"]["volume"] == pytest.approx(volume)
    assert figures["transport"]["certificate"] <= 1e-12
    with np.load(out / "transport.npz") as arrays:
        assert arrays["cell_masses"] == pytest.approx(volume / 40, rel=1e-6)
        assert len(arrays["facets"]) == len(arrays["facet_areas"])
    page = Page((out / "report.html").read_text())
    assert f"the {kind} up to" in page.text
    assert "volume" in page.text
    with Image.open(out / "cells.png") as picture:
        assert picture.size == (80, 80)


def test_masses_of_sites_of_space(tmp_path, run):
    (tmp_path / "sites.txt").write_text("0.1 0.2 0 1\n0.5 0.1 0.2 2\n0.3 0.3 0.9 3\n")
    out = tmp_path / "out"
    assert run("transport", tmp_path / "sites.txt", "-o", out, "--domain", "box", "--dimension", "3")[0] == 0
    with np.load(out / "transport.npz") as arrays:
        assert arrays["cell_masses"] == pytest.approx([1, 2, 3], rel=1e-6)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("--domain", "ball"), "three, x, y and z"),
        (("--domain", "box", "--box", "0", "0", "1", "1", "1"), "four numbers in the plane and six in space"),
        (("--domain", "box", "--box", "0", "0", "1", "1", "--dimension", "3"), "four numbers in the plane"),
        (("--domain", "disk", "--dimension", "3"), "no domain of dimension 3"),
    ],
)
def test_domains_that_do_not_fit_are_refused(tmp_path, run, sites, options, cause):
    code, out, err = run("transport", sites, "-o", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert cause in err


def test_duplicates_are_refused_or_merged(tmp_path, run):
    path = tmp_path / "sites.csv"
    path.write_text("0,0\n0.5,0\n0,0\n")
    code, out, err = run("transport", path, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert "sites coincide (ids 0, 2)" in err
    assert not (tmp_path / "out").exists()
    code, out, _ = run("transport", path, "-o", tmp_path / "out", "--duplicates", "merge", "--json")
    assert code == 0
    assert json.loads(out)["merged_sites"] == [0, 2]
    assert "Sites that share a cell" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "options", "cause"),
    [
        ("", (), "empty"),
        ("x y\n", (), "no rows"),
        ("0 0 1\n1 1 -2\n", (), "not positive and finite (ids 1)"),
        ("0 0\n1 nan\n", (), "not finite (ids 1)"),
        ("0 0 1\n", ("--masses", "sites.csv"), "column of masses"),
        ("0 0\n", ("--domain", "polygon"), "go together"),
        ("0 0\n", ("--polygon", "sites.csv"), "go together"),
        ("0 0\n1 1\n", ("--domain", "polygon", "--polygon", "sites.csv"), "polygon needs"),
        ("0 0\n", ("--domain", "box", "--box", "0", "0", "0", "1"), "above lower"),
        ("0 0\n", ("--disk", "0", "0", "-1"), "radius must be positive"),
        ("0 0\n", ("--tol", "-1"), "positive"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(tmp_path, run, monkeypatch, text, options, cause):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sites.csv").write_text(text)
    code, out, err = run("transport", "sites.csv", "-o", "out", *options)
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert cause in err
    assert [path.name for path in tmp_path.iterdir()] == ["sites.csv"]


def test_too_little_memory_is_told(tmp_path, run, sites, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    code, _, err = run("transport", sites, "-o", tmp_path / "out")
    assert code == 2
    assert_one_sentence(err)
    assert "GiB" in err


def test_what_did_not_converge_is_written_and_told(tmp_path, run, sites, monkeypatch):
    plain = transport.solve_transport

    def hasty(*arguments, **settings):
        return plain(*arguments, **settings, max_iter=1)

    monkeypatch.setattr(products, "solve_transport", hasty)
    code, _, err = run("transport", sites, "-o", tmp_path / "out")
    assert code == 3
    assert_one_sentence(err)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["transport"]["converged"] is False


# ---------------------------------------------------------------------------------------------------------------------
# pictures and page


@pytest.mark.parametrize("domain", [Disk(), Box([0, 0], [2, 1]), ConvexPolygon([[0, 0], [1, 0], [0, 1]])])
def test_the_cells_cover_the_domain(domain):
    """Opaque pixels, against the domain's share of the square that the picture shows."""
    picture = cells_picture(handmade(domain=domain).result, 200)
    corners = domain.frame + domain.center if isinstance(domain, Box) else getattr(domain, "vertices", None)
    reach = 2 * domain.circle_radius if corners is None else np.ptp(corners, axis=0).max()
    share = domain.area / (reach * (1 + 2 * cellfigures.MARGIN)) ** 2
    assert (picture[:, :, 3] / 255).mean() == pytest.approx(share, abs=0.02)


def test_many_cells_are_painted_pixel_by_pixel(monkeypatch):
    run = handmade(300).result
    drawn = cells_picture(run, 120).astype(int)
    monkeypatch.setattr(cellfigures, "DRAWN", 100)
    painted = cells_picture(run, 120).astype(int)
    monkeypatch.setattr(cellfigures, "DRAWN", 1000)
    monkeypatch.setattr(cellfigures, "OUTLINED", 100)
    filled = cells_picture(run, 120).astype(int)
    inner = (slice(30, 90), slice(30, 90))
    assert np.abs(painted - filled)[inner].mean() < 8
    assert filled[inner][..., 3].min() > 250
    assert filled[inner][..., :3].mean() > drawn[inner][..., :3].mean()  # no dark outlines


def test_sites_are_drawn_with_their_triangulation():
    run = handmade(30).result
    picture = sites_picture(run, 150)
    assert 0.02 < (picture[:, :, 3] > 0).mean() < 0.6
    alone = sites_picture(handmade(1).result, 60)
    assert alone[30, 30, 3] == 255
    assert png(picture).startswith(b"\x89PNG")


def test_the_page_says_what_was_done():
    page = Page(render_transport(handmade(), size=60))
    assert "sites.csv" in page.text
    assert "30 sites" in page.text
    assert "Newton steps" in page.text
    assert len(page.all("img")) == 2
    assert all(image["alt"] for image in page.all("img"))
    assert all(image["src"].startswith("data:image/webp") for image in page.all("img"))
    assert not page.all("script") + page.all("link")


def test_a_domain_is_told_in_numbers():
    assert Disk([1.0, 2.0], 3.0).figures() == {
        "kind": "disk",
        "center": [1.0, 2.0],
        "radius": 3.0,
        "area": 9 * np.pi,
    }
    assert ConvexPolygon([[0, 0], [1, 0], [0, 1]]).figures()["kind"] == "convexpolygon"


def test_a_halted_run_says_so():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        run = handmade(max_iter=1)
    assert not run.result.converged
    assert "up to" in Page(render_transport(run, size=60)).text
