import csv
import io
import os

import pytest
from outcomes import Page

from meshot.app.batch.job import Record
from meshot.app.batch.summary import Summary, page, table

RECORDS = [
    Record("hare", "/in/hare.ply", "done", 0, sha256="ab", words=["--tol=0.1"], seconds=2.5, peak=512 << 20,
           figures={"faces": 25188, "flipped": 0, "area_ratio_sd": 0.0123, "angle_mean": 28.0}),
    Record("a b#<i>", '/in/a b#<i>.obj', "refused", 2, 'genus 1, "not" 0\n(ids 3)', attempts=2, seconds=0.5),
    Record("odd\udcff", "/in/odd\udcff.obj", "worker lost", None, "gone"),
]  # fmt: skip


def test_the_table_has_a_line_for_each_mesh_with_its_figures():
    lines = list(csv.DictReader(io.StringIO(table("area", RECORDS))))
    assert [line["status"] for line in lines] == ["done", "refused", "worker lost"]
    assert [line["exit_code"] for line in lines] == ["0", "2", ""]
    assert (lines[0]["faces"], lines[0]["area_ratio_sd"], lines[0]["peak_mib"]) == ("25188", "0.0123", "512")
    assert (lines[0]["result"], lines[0]["options"]) == ("meshes/hare/report.html", "--tol=0.1")
    assert lines[1]["cause"] == 'genus 1, "not" 0\n(ids 3)'
    assert (lines[1]["name"], lines[1]["attempts"], lines[1]["faces"], lines[1]["result"]) == ("a b#<i>", "2", "", "")
    assert lines[2]["mesh"] == "/in/odd\N{REPLACEMENT CHARACTER}.obj"


@pytest.mark.parametrize(
    ("command", "name"), [("volume", "tetrahedra"), ("sample", "points"), ("conformal", "flipped")]
)
def test_every_command_has_columns_of_its_own(command, name):
    (line,) = csv.DictReader(io.StringIO(table(command, [Record("x", "/x", "done", 0, figures={name: 7})])))
    assert line[name] == "7"


def test_the_page_leads_to_reports_and_logs(tmp_path):
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / "thumbnails" / "hare.webp").touch()
    (tmp_path / "thumbnails" / os.fsdecode(b"odd\xff.webp")).touch()
    shown = Page(page(tmp_path, "area", RECORDS))
    links = [link["href"] for link in shown.all("a")]
    assert links == [
        *("meshes/hare/report.html", "logs/hare.log"),
        "logs/a%20b%23%3Ci%3E.log",
        "logs/odd%FF.log",
        "summary.csv",
    ]
    assert [image["src"] for image in shown.all("img")] == ["thumbnails/hare.webp", "thumbnails/odd%FF.webp"]
    assert len(shown.all("tr")) == 4
    for words in ("1 of 3 meshes are done;", "a b#<i>", "refused", "1.23 %", "28°", "512", '"not" 0'):
        assert words in shown.text
    policy = shown.all("meta")[-1]["content"]
    assert policy.startswith("default-src 'none'; img-src 'self' file:; ")
    assert "script-src 'sha256-" in policy


def test_ten_thousand_meshes_make_a_page_of_a_few_megabytes(tmp_path):
    text = page(tmp_path, "area", [RECORDS[0]] * 1000)
    assert len(text) < 700_000


def test_files_are_replaced_now_and_then_and_at_the_end(tmp_path):
    records = {}
    summary = Summary(tmp_path, "area", records)
    summary.write_if_due(2)
    assert "2 are left" in (tmp_path / "index.html").read_text()
    records["hare"] = RECORDS[0]
    summary._next = float("inf")  # it was written a moment ago
    summary.write_if_due(1)
    assert "hare" not in (tmp_path / "summary.csv").read_text()
    summary.write()
    assert "hare" in (tmp_path / "summary.csv").read_text()
    assert "The mesh is done" in (tmp_path / "index.html").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"summary.csv", "index.html"}
