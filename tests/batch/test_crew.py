"""Real workers of Dask's. They are started once for all tests here, as that takes a while."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

import cloudpickle

from meshot.batch.crew import crew_at, local_crew
from meshot.batch.log import require_wanted
from meshot.batch.loop import Loop
from meshot.batch.order import Order, record_of
from meshot.errors import MeshotError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


@pytest.fixture(scope="module")
def crew():
    with local_crew(2) as workers:
        yield workers


def orders(folder, names):
    return [Order(name, folder / f"{name}.obj", folder / "out", "area") for name in names]


def run(crew, work, asked):
    records = {}
    Loop(crew, lambda record: records.setdefault(record.name, record), work).run(asked)
    return records


def noted(order, grant):
    """Note the process and its threads."""
    import numba

    return record_of(order, "done", 0, figures={"process": os.getpid(), "threads": numba.get_num_threads()})


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
    assert {record.figures["threads"] for record in records.values()} == {1}
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


def test_memory_can_be_limited(crew):
    with crew_at(crew.address, memory=12345.0) as others:
        assert set(others.memory.values()) == {12345.0}


def test_where_there_is_no_cluster_that_is_said(monkeypatch):
    monkeypatch.setattr("meshot.batch.crew.PATIENCE", 0.2)
    with pytest.raises(MeshotError, match=r"there is no cluster at tcp://127\.0\.0\.1:1"), crew_at("tcp://127.0.0.1:1"):
        pass
