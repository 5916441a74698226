"""Real workers of Dask's. They are started once for all tests here, as that takes a while."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

import cloudpickle
import files
import shapes

from meshot import __version__
from meshot.app import cli
from meshot.app.batch.job import Order, record_of
from meshot.app.batch.log import require_wanted
from meshot.app.batch.run import Loop
from meshot.app.batch.work import Worker
from meshot.app.batch.workers import ALONE, Crew, crew_at, local_crew
from meshot.base.errors import MeshotError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


@pytest.fixture(scope="module")
def crew():
    before = {name: os.environ.get(name) for name in ALONE}
    with local_crew(2) as workers:
        yield workers
    # what is for the workers does not stay here
    assert {name: os.environ.get(name) for name in ALONE} == before


def orders(folder, names):
    return [Order(name, folder / f"{name}.obj", folder / "out", "area") for name in names]


def run(crew, work, asked):
    records = {}
    Loop(lambda record: records.setdefault(record.name, record), work).run(crew, asked)
    return records


def noted(order, grant):
    """Note the process and its threads."""
    import numba

    figures = {
        "process": os.getpid(),
        "threads": numba.get_num_threads(),
        "trims": "MALLOC_TRIM_THRESHOLD_" in os.environ,
    }
    return record_of(order, "done", 0, figures=figures)


def killed_once(order, grant):
    """Kill the process, of one mesh for the first time, of another each time."""
    mark = Path(f"{order.mesh}.begun")
    if order.name == "always" or (order.name == "once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return noted(order, grant)


def endless(order, grant):
    """Go on until nobody wants the result, and say so."""
    mark = Path(f"{order.mesh}.begun")
    mark.touch()
    try:
        while True:
            require_wanted()
            time.sleep(0.01)
    finally:
        mark.unlink()


def broken(order, grant):
    raise ZeroDivisionError("by nothing")


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_workers_are_processes_with_one_thread_each(crew, tmp_path):
    records = run(crew, noted, orders(tmp_path, "abcd"))
    assert {(record.figures["threads"], record.figures["trims"]) for record in records.values()} == {(1, False)}
    processes = {record.figures["process"] for record in records.values()}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert all(memory > 0 for memory in crew.memory.values())


def test_a_killed_worker_costs_its_mesh_one_retry_and_nothing_else(crew, tmp_path):
    records = run(crew, killed_once, orders(tmp_path, ["a", "once", "b", "always", "c"]))
    attempts = {name: record.attempts for name, record in records.items()}
    assert attempts == {"a": 1, "once": 2, "b": 1, "always": 2, "c": 1}
    assert {name for name, record in records.items() if record.status != "done"} == {"always"}
    assert records["always"].status == "worker lost"
    wait_for(lambda: crew.look() or len(crew.seats) == 2)  # others are in their places


def test_an_error_of_the_work_itself_is_a_row(crew, tmp_path):
    (record,) = run(crew, broken, orders(tmp_path, "a")).values()
    assert (record.status, record.cause) == ("failed", "ZeroDivisionError: by nothing")


def test_a_cluster_that_is_there_goes_on_and_what_was_at_work_is_taken_back(crew, tmp_path):
    (order,) = orders(tmp_path, "a")
    mark = Path(f"{order.mesh}.begun")
    with crew_at(crew.address) as others:
        assert others.seats.keys() == crew.seats.keys()
        others.start(next(iter(others.seats.values())), endless, order, 0.0)
        wait_for(mark.exists)
    wait_for(lambda: not mark.exists())
    before = set(crew.seats)
    crew.look()
    assert set(crew.seats) == before  # the worker lives
    assert run(crew, noted, orders(tmp_path, "b"))["b"].status == "done"


def test_a_batch_on_a_cluster_that_is_there(crew, tmp_path, capsys):
    surface = shapes.cap(4)
    for name in "abc":
        files.write_obj(tmp_path / f"{name}.obj", surface)
    (tmp_path / "c.obj").write_bytes(b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    out = tmp_path / "out"
    options = ["-n", "9", "--method", "random", "--format", "csv", "--json"]
    code = cli.main(["batch", "sample", str(tmp_path), "-o", str(out), "--scheduler", crew.address, *options])
    assert code == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["attempts"], list(told["failed"])) == (2, 3, ["c"])
    assert sorted(file.name for file in out.glob("meshes/*/*")) == ["points.csv"] * 2
    assert {file.name for file in (out / "thumbnails").iterdir()} == {"a.webp", "b.webp"}


def test_memory_can_be_limited(crew):
    with crew_at(crew.address, memory=12345.0) as others:
        assert set(others.memory.values()) == {12345.0}


class Cluster:
    """What a crew asks of a client, with workers that tell what the test wants."""

    def __init__(self, **told):
        self.told = told

    def scheduler_info(self):
        return {"address": "tcp://s:1"}

    def nthreads(self):
        return dict.fromkeys(self.told, 4)

    def run(self, function, workers, on_error):
        return {address: self.told[address] for address in workers}


def test_machines_have_their_own_memory_and_workers_their_limits():
    told = [Worker(__version__, 100.0, 40.0), Worker(__version__, 90.0, float("inf")), Worker(__version__, 50.0, 60.0)]
    crew = Crew(Cluster(**dict(zip(["tcp://a:1", "tcp://a:2", "tcp://b:1"], told, strict=True))))
    assert crew.memory == {"a": 90.0, "b": 45.0}  # as the first worker saw it, less a tenth
    assert {seat.address: seat.most for seat in crew.seats.values()} == {
        **{"tcp://a:1": 36.0, "tcp://a:2": float("inf"), "tcp://b:1": 54.0}
    }


def test_a_worker_that_goes_while_it_is_asked_is_none():
    crew = Crew(Cluster(**{"tcp://a:1": Worker(__version__, 100.0, 40.0), "tcp://a:2": OSError("closed")}))
    assert list(crew.seats) == ["tcp://a:1"]


@pytest.mark.parametrize("told", [Worker("0.0", 1.0, 1.0), ModuleNotFoundError("No module named 'meshot'")])
def test_workers_need_this_version(told):
    with pytest.raises(
        MeshotError, match=r"the worker at tcp://a:1 cannot run meshot .*: (it has version 0\.0|No mod)"
    ):
        Crew(Cluster(**{"tcp://a:1": told}))


def test_where_there_is_no_cluster_that_is_said(monkeypatch):
    monkeypatch.setattr("meshot.app.batch.workers.PATIENCE", 0.2)
    with pytest.raises(MeshotError, match=r"there is no cluster at tcp://127\.0\.0\.1:1"), crew_at("tcp://127.0.0.1:1"):
        pass
