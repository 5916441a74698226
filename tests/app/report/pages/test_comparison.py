import pytest
from handmade import cap_run, sphere_run, write_run
from outcomes import Page

from meshot.app.files.reading import read_run
from meshot.app.report.pages.comparison import comparison_table, render_comparison
from meshot.app.words import percent


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = {"area": cap_run(), "conformal": cap_run(area=False), "<b>ball": sphere_run(area=True)}
    kept = []
    for k, (name, run) in enumerate(made.items()):
        folder = tmp_path_factory.mktemp(f"run{k}") / name
        write_run(folder, run, "page")
        kept.append(read_run(folder))
    return kept


def test_the_table_marks_the_best(runs):
    rows = dict(comparison_table(runs))
    errors = rows["Area ratio, standard deviation"]
    assert [entry.text for entry in errors] == [percent(run.metrics["area"]["ratio_sd"]) for run in runs]
    assert [entry.best for entry in errors] == [True, False, False]
    assert [entry.best for entry in rows["Angle difference, mean absolute value"]] == [False, True, False]
    assert not any(entry.best for entry in rows["Faces"])
    assert rows["Largest relative error of a cell"][1].text == "–"


def test_runs_that_agree_have_no_best(runs):
    assert not any(entry.best for _, entries in comparison_table([runs[0], runs[0]]) for entry in entries)


def test_the_page_shows_every_run(runs):
    page = Page(render_comparison(runs, size=40))
    assert len(page.all("img")) == 5 * len(runs)
    assert len({picture["alt"] for picture in page.all("img")}) == 5 * len(runs)
    assert not page.all("b") + page.all("script")
    assert "3 maps of different surfaces" in page.text
    for run in runs:
        assert run.metrics["command"] in page.text
    assert "2 maps of one surface" in Page(render_comparison(runs[:2], size=40)).text
