from dataclasses import replace

import pytest

from meshot.app.batch.job import Order, record_of
from meshot.app.batch.ledger import NAME, Ledger
from meshot.app.batch.plan import sha256_or_nothing
from meshot.base.errors import MeshReadError, OptionError


@pytest.fixture
def order(tmp_path):
    """A mesh whose result is there."""
    mesh = tmp_path / "scan.obj"
    mesh.write_text("v 0 0 0\n")
    made = Order("scan", mesh, tmp_path / "out", "area", {"tol": 1e-3})
    made.folder.mkdir(parents=True)
    (made.folder / made.result).write_text("<p>")
    return made


def add(order, status="done", **more):
    with Ledger(order.out, order.command).open() as ledger:
        ledger.add(record_of(order, status, 0, sha256=sha256_or_nothing(order.mesh), **more))


def settled(order, **more):
    return Ledger(order.out, order.command).settles(order, **more)


def test_records_come_back_as_they_were_and_the_newest_counts(order):
    add(order, "refused", cause='a "cause", of é and \udcff', figures={"faces": 8, "sd": float("nan")})
    add(order, figures={"faces": 8, "sd": 0.1 + 0.2}, seconds=1.5, attempts=2)
    (record,) = Ledger(order.out, "area").records.values()
    assert (record.status, record.figures, record.attempts) == ("done", {"faces": 8, "sd": 0.1 + 0.2}, 2)
    assert record.words == ["--tol=0.001"]


def test_a_finished_mesh_is_settled_until_something_changes(order):
    assert not settled(order)
    add(order)
    assert settled(order)
    assert settled(order, retry_failed=True)
    assert not settled(replace(order, options={"tol": 1e-4}))
    assert not settled(replace(order, files={"/density.npy": "12ab"}))
    assert not settled(replace(order, result="points.csv"))
    order.mesh.write_text("v 1 0 0\n")
    assert not settled(order)


def test_a_result_that_was_deleted_is_made_again(order):
    add(order)
    (order.folder / order.result).unlink()
    assert not settled(order)


def test_another_version_runs_everything_again(order, monkeypatch):
    add(order)
    monkeypatch.setattr("meshot.app.batch.job.__version__", "99")
    assert not settled(order)


@pytest.mark.parametrize("status", ["refused", "worker lost", "out of memory"])
def test_what_failed_is_settled_unless_it_is_to_be_tried_again(order, status):
    add(order, status)
    assert settled(order)
    assert not settled(order, retry_failed=True)
    order.mesh.unlink()  # it was there when it failed
    assert not settled(order)


def test_half_a_line_counts_for_nothing(order):
    add(order)
    file = order.out / NAME
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert Ledger(order.out, "area").records == {}
    add(order)
    assert file.read_bytes() == whole


def test_a_folder_belongs_to_one_command(order):
    add(order)
    with pytest.raises(OptionError, match="holds a batch of area, not of volume"):
        Ledger(order.out, "volume")


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"[]\n", b'{"name": "x"}\n', b"{}\n"])
def test_what_is_no_ledger_is_refused(order, line):
    (order.out / NAME).write_bytes(line)
    with pytest.raises(MeshReadError, match=r"ledger\.jsonl is damaged"):
        Ledger(order.out, "area")
