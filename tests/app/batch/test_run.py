"""The loop with workers that only pretend: what is lost, too large or in the way is known to the test."""

from collections import Counter

import pytest

from meshot.app.batch.job import Order, record_of
from meshot.app.batch.memory import Seat
from meshot.app.batch.run import Loop
from meshot.app.batch.work import Needs
from meshot.app.batch.workers import Ended

GIB = 2**30


class Pretended:
    """Workers that answer at once, and are lost when a mesh says so; each in whose place comes another."""

    def __init__(self, count, memory):
        self.seats = {f"w{k}": Seat(f"w{k}", "here") for k in range(count)}
        self.memory = {"here": memory}
        self.tasks, self.started, self.most_at_once = [], Counter(), 0

    def look(self):
        pass

    def start(self, seat, function, *arguments):
        assert seat.address not in {address for address, _ in self.tasks}
        self.tasks.append((seat.address, lambda: function(*arguments)))
        self.started[arguments[0].name] += 1
        self.most_at_once = max(self.most_at_once, len(self.tasks))

    def ended(self, seconds):
        address, task = self.tasks.pop(0)
        try:
            return [Ended(address, task())]
        except ChildProcessError:
            seat = self.seats.pop(address)
            self.seats[f"{address}'"] = Seat(f"{address}'", seat.machine)
            return [Ended(address, lost=True)]
        except ArithmeticError as error:
            return [Ended(address, error=str(error))]


@pytest.fixture
def run(tmp_path):
    def call(names, work, *, workers=2, memory=8.0):
        crew, records = Pretended(workers, memory * GIB), {}
        orders = [Order(name, tmp_path / f"{name}.obj", tmp_path / "out", "area") for name in names]
        loop = Loop(lambda record: records.setdefault(record.name, record), work)
        loop.run(crew, orders)
        assert not loop.at_work
        assert not loop.waiting
        assert not loop.granted
        return crew, records

    return call


def done(order, grant):
    return record_of(order, "done", 0)


def test_every_mesh_is_run_once_and_all_workers_work(run):
    crew, records = run("abcdefg", done)
    assert {record.status for record in records.values()} == {"done"}
    assert crew.started == Counter("abcdefg")
    assert crew.most_at_once == 2


def test_a_lost_worker_costs_its_mesh_one_retry_and_nothing_else(run, tmp_path):
    lost = set()

    def work(order, grant):
        if order.name in "bd" and order.name not in lost:
            lost.add(order.name)
            raise ChildProcessError
        return done(order, grant)

    _, records = run("abcde", work)
    assert {name: record.attempts for name, record in records.items()} == {"a": 1, "b": 2, "c": 1, "d": 2, "e": 1}
    assert {record.status for record in records.values()} == {"done"}
    assert "the worker was lost" in (tmp_path / "out" / "logs" / "b.log").read_text()


def test_a_mesh_that_loses_two_workers_is_given_up(run):
    def work(order, grant):
        if order.name == "b":
            raise ChildProcessError
        return done(order, grant)

    crew, records = run("abc", work)
    assert crew.started == {"a": 1, "b": 2, "c": 1}
    assert (records["b"].status, records["b"].code) == ("worker lost", None)
    assert "2 workers were lost" in records["b"].cause
    assert records["c"].status == "done"


def test_what_a_worker_cannot_even_begin_is_a_row(run):
    def work(order, grant):
        raise ArithmeticError("no such function")

    _, records = run("a", work)
    assert (records["a"].status, records["a"].cause) == ("failed", "no such function")


def test_large_meshes_wait_for_room_and_too_large_ones_are_told_so(run):
    needs = {"a": 1.0, "b": 6.0, "c": 1.0, "d": 9.0, "e": 8.0}
    grants = {}

    def work(order, grant):
        needed = needs[order.name] * GIB
        if needed > grant:
            return Needs(needed)
        grants[order.name] = grant
        return done(order, grant)

    crew, records = run("abcde", work)
    assert grants == {"a": 4 * GIB, "b": 6 * GIB, "c": pytest.approx(4 * GIB, rel=0.5), "e": 8 * GIB}
    assert {name for name, record in records.items() if record.status == "done"} == set("abce")
    assert records["d"].status == "out of memory"
    assert records["d"].cause == "it takes about 9 GiB of memory, and there are 8 GiB in all"
    assert records["d"].estimate == 9 * GIB
    assert crew.started["b"] == 2  # once to find out
    assert records["b"].attempts == 1
