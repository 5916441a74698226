from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from handmade import cap_run, sphere_run
from outcomes import Page

from meshot.app.report.pages import page as pages
from meshot.app.report.pages.surface import render_surface, surface_changes, surface_verdict
from meshot.app.words import number
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface


@pytest.fixture(scope="module")
def html():
    return render_surface(
        cap_run(notes=("2 faces with more than 3 corners were cut into 4 triangles (fans)",)), size=60
    )


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_is_loaded_from_elsewhere(page, html):
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "data", "srcset", "action", "poster"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert "@import" not in html
    assert "url(http" not in html
    assert not page.all("link") + page.all("iframe") + page.all("base")
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in policy


def test_everything_seen_can_be_heard(page):
    pictures = page.all("img")
    assert len(pictures) == 13
    assert len({picture["alt"] for picture in pictures}) == 13
    charts = [figure for figure in page.all("figure") if figure.get("class") == "chart"]
    assert len(charts) == 4
    assert all(chart["role"] == "img" and len(chart["aria-label"]) > 30 for chart in charts)
    assert page.all("html")[0]["lang"] == "en"


def test_it_fits_phones_and_dark_rooms(page, html):
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert "prefers-color-scheme: dark" in html


def test_it_tells_the_numbers(page):
    run = cap_run()
    for name in run.maps:
        area, angle = run.distortions[name].summary().values()
        for value in (area["ratio_sd"], area["log_mean_abs"], angle["mean_abs_degrees"], angle["quasi_conformal_mean"]):
            assert number(value) in page.text


@pytest.mark.parametrize(
    "words",
    [
        "cap.obj",
        "0123456789abcdef" * 4,
        "meshot area cap.obj -o out",
        "2 faces with more than 3 corners were cut into 4 triangles",
        "fill the disk up to 2 × 10⁻¹⁴ of its area",
        "no vertex or face was merged, moved, reordered or dropped",
        "transport 1.50",
    ],
)
def test_it_tells_where_the_map_comes_from(page, words):
    assert words in page.text


def test_names_are_escaped():
    wicked = '<script>alert("1")</script>&amp;.obj'
    page = Page(render_surface(cap_run(name=wicked, notes=("<b>note</b>",)), size=40))
    assert len(page.all("script")) == 4  # numbers, three.js, what viewers share, the viewer
    assert not page.all("b")
    assert wicked in page.text
    assert "<b>note</b>" in page.text


def test_report_of_a_conformal_map_has_no_transport():
    page = Page(render_surface(cap_run(area=False), size=40))
    assert len(page.all("img")) == 8
    assert "Transport" not in page.text
    assert "Area-preserving" not in page.text
    assert "Areas are not kept" in page.text


def test_same_run_same_page(html):
    notes = ("2 faces with more than 3 corners were cut into 4 triangles (fans)",)
    assert render_surface(cap_run(notes=notes), size=60) == html


def test_verdict_names_flips():
    run = cap_run()
    flipped = run.distortion.flipped.copy()
    flipped[:3] = True
    worse = replace(run, distortions={**run.distortions, "area-preserving": replace(run.distortion, flipped=flipped)})
    assert "no face is flipped" in surface_verdict(run)
    assert "3 faces are flipped" in surface_verdict(worse)


def test_changes_name_loose_vertices_and_the_cut():
    run = cap_run()
    surface = run.result.surface
    loose = Surface(np.concatenate([surface.vertices, [[0, 0, 9]]]), surface.faces)
    cut = SurfaceMap(surface, run.result.uv, run.result.source_vertex, notes={"cut_path": np.array([3, 1, 2])})
    told = " ".join(surface_changes(replace(run, input=loose, result=cut)))
    assert f"1 vertices (ids {len(surface.vertices)})" in told
    length = np.linalg.norm(np.diff(surface.vertices[[3, 1, 2]], axis=0), axis=1).sum()
    assert f"cut open along 2 edges from vertex 3 to 2, {number(length)} long in the mesh's unit" in told
    assert f"This added 0 vertices, which stand at the end, from {len(surface.vertices)} on" in told


def test_changes_name_repaired_faces():
    run = cap_run()
    repaired = replace(run, result=replace(run.result, notes={"repaired_faces": 12}))
    assert "The vertices of 12 faces were moved" in " ".join(surface_changes(repaired))


def test_changes_tell_the_start_and_what_the_transport_missed():
    run = cap_run()
    assert "evened image" not in " ".join(surface_changes(run))
    missed = SimpleNamespace(**vars(run.result.transport) | {"converged": False, "reason": "rounding"})
    record = {"start": "evened image", "iterations": 7, "reached": True, "reasons": {}}
    notes = {"start": "evened image", "refinement": record}
    told = " ".join(surface_changes(replace(run, result=replace(run.result, transport=missed, notes=notes))))
    assert "the transport started from an evened image" in told
    assert "before all cells had their shares (rounding). The refinement made up for it." in told
    assert "refined from the evened image, in 7 steps." in told


@pytest.mark.parametrize("area", [False, True])
def test_report_of_a_sphere_map_shows_it_from_both_sides_and_knows_no_disk(area):
    page = Page(render_surface(sphere_run(area=area), size=40))
    told = " ".join([page.text, *(picture["alt"] for picture in page.all("img"))])
    told += " ".join(value or "" for _, attributes in page.tags for value in attributes.values())
    assert " disk" not in told
    assert "Patterns pulled back from the sphere" in page.text
    assert "area on the sphere against area on the surface" in page.text
    assert "The surface from behind" in page.text
    assert "Conformal image from behind" in page.text
    assert ("Area-preserving image from behind" in page.text) == area
    # Both sides of surface and images, and patterns and distortion beside one another: of one map again from both.
    assert len(page.all("img")) == (2 + 4 + 2 * 3 + 2 * 2 if area else 2 + 2 + 2 * 3 + 2 * 2)
    assert len({picture["alt"] for picture in page.all("img")}) == len(page.all("img"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (-2.256, "−2.26"), (1234.5, "1,234"), (0.5, "0.500"), (1e-7, "1.0 × 10⁻⁷"), (np.inf, "∞")],
)
def test_numbers_for_people(value, text):
    assert number(value).replace("\u00a0", " ") == text


def test_template_and_styles_are_in_the_package():
    assert {path.name for path in pages.TEMPLATES.iterdir()} >= {"base.html.j2", "report.html.j2", "report.css"}
