"""A batch from its orders to its summary: what is settled is skipped, the rest goes to the workers.

Meshes wait here, not with Dask, which would queue them by free workers alone: it knows the memory of a worker, not that
of the machine that several of them share. What is lost is tried again here, too: Dask would do so unseen, while here
the memory is given back, what the lost worker left unfinished is cleared away, and log and record tell of it.
"""

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshot.app.batch.job import Order, Record, Status, record_of
from meshot.app.batch.ledger import Ledger
from meshot.app.batch.log import Log
from meshot.app.batch.memory import Room
from meshot.app.batch.plan import sha256_or_nothing
from meshot.app.batch.summary import Summary
from meshot.app.batch.work import Needs, clear_away, run_mesh
from meshot.base.memory import gib

if TYPE_CHECKING:
    from meshot.app.batch.workers import Crew, Ended

RETRIES = 1  # after the loss of a worker
TICK = 0.5  # seconds between looks at the workers


@dataclass(frozen=True)
class Turn:
    """A mesh on its way: which attempt it is, and the bytes it takes, once that is known."""

    order: Order
    attempt: int = 1
    needed: float | None = None


@dataclass
class Loop:
    """Meshes that wait and meshes at work.

    Attributes
    ----------
    keep : callable
        Gets each record.
    work : callable
        What is done with an order and the bytes granted; returns a record or `Needs`.
    waiting : deque of Turn
        In their order. Who waits for memory holds back those behind, so that small ones do not overtake forever.
    at_work : dict
        Turns by their workers' addresses, and `granted` their bytes.
    """

    keep: Callable[[Record], None]
    work: Callable[[Order, float], Record | Needs] = run_mesh
    waiting: deque[Turn] = field(default_factory=deque)
    at_work: dict[str, Turn] = field(default_factory=dict)
    granted: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The meshes at work."""
        return [turn.order.name for turn in self.at_work.values()]

    def run(self, crew: "Crew", orders: Sequence[Order], watch: Callable[[], None] = lambda: None) -> None:
        """Run the meshes; `watch` is called at every change, and twice a second."""
        self.waiting.extend(Turn(order) for order in orders)
        while self.waiting or self.at_work:
            crew.look()
            self._start(crew)
            watch()
            for ended in crew.ended(TICK):
                turn = self.at_work.pop(ended.address)
                del self.granted[ended.address]
                self._settle(turn, ended)

    def clear_away(self) -> None:
        """Remove what meshes at work have left unfinished, when their workers have been stopped."""
        for turn in self.at_work.values():
            clear_away(turn.order)

    def _start(self, crew: "Crew") -> None:
        room = Room(crew.seats, crew.memory, self.granted)
        while self.waiting:
            turn = self.waiting[0]
            if turn.needed is not None and turn.needed > room.largest():
                self.keep(_too_large(self.waiting.popleft(), room.largest()))
                continue
            place = room.place(turn.needed)
            if place is None:
                return
            seat, grant = place
            self.at_work[seat.address] = self.waiting.popleft()
            self.granted[seat.address] = grant
            crew.start(seat, self.work, turn.order, grant)

    def _settle(self, turn: Turn, ended: "Ended") -> None:
        if isinstance(ended.answer, Record):
            self.keep(replace(ended.answer, attempts=turn.attempt))
        elif isinstance(ended.answer, Needs):
            self.waiting.appendleft(replace(turn, needed=ended.answer.memory))
        elif not ended.lost:
            self.keep(record_of(turn.order, "failed", 1, ended.error, attempts=turn.attempt))
        else:
            self._lose(turn)

    def _lose(self, turn: Turn) -> None:
        clear_away(turn.order)
        with Log(turn.order.log) as log:
            log.line("the worker was lost")
        if turn.attempt <= RETRIES:
            self.waiting.appendleft(replace(turn, attempt=turn.attempt + 1))
            return
        why = f"{turn.attempt} workers were lost while they were at it: killed, or out of memory"
        self.keep(_given_up(turn, "worker lost", why))


def _too_large(turn: Turn, most: float) -> Record:
    why = f"it takes about {gib(turn.needed or 0)} of memory, and there are {gib(most)} in all"
    return _given_up(turn, "out of memory", why)


def _given_up(turn: Turn, status: Status, why: str) -> Record:
    """Return the record of a mesh whose worker is lost."""
    known = {"attempts": turn.attempt, "estimate": int(turn.needed or 0), "sha256": sha256_or_nothing(turn.order.mesh)}
    return record_of(turn.order, status, None, why, **known)


NAMES = 6  # of the meshes at work, at the most

Tell = Callable[[Counter[str], Sequence[str], int], None]
"""Gets how many meshes have ended with each status, which are at work, and how many are left."""


@contextmanager
def progress_view(total: int) -> Iterator[Tell]:
    """Show the progress of so many meshes for the time of the block, if there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda ended, running, left: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bar = (BarColumn(32), TimeElapsedColumn(), TextColumn("[dim]to go[/]"), TimeRemainingColumn())
    detail = TextColumn("{task.fields[detail]}", markup=False)
    console = Console(stderr=True, highlight=False)
    with Progress(*bar, detail, console=console, transient=True, speed_estimate_period=600) as display:
        task = display.add_task("", total=total, detail="starting workers")

        def show(ended: Counter[str], running: Sequence[str], left: int) -> None:
            display.update(task, completed=ended.total(), detail=in_words(ended, running, left))

        yield show


def in_words(ended: Counter[str], running: Sequence[str], left: int) -> str:
    """Return the counts and the first names at work.

    Examples
    --------
    >>> in_words(Counter({"done": 12, "refused": 1}), ["face", "hare"], 5)
    '12 done, 1 failed, 2 running, 5 left: face, hare'
    """
    names = [*running[:NAMES], *(["..."] if len(running) > NAMES else [])]
    done = ended["done"]
    failed = ended.total() - done
    return f"{done} done, {failed} failed, {len(running)} running, {left} left: {', '.join(names) or 'no worker'}"


def run_batch(
    orders: Sequence[Order], ledger: Ledger, crew: "AbstractContextManager[Crew]", *, retry_failed: bool = False
) -> int:
    """Run what is not settled, and write the summary of all that the ledger knows.

    Parameters
    ----------
    orders : sequence of Order
    ledger : Ledger
    crew : context manager of a crew
        Entered if there is anything to do.
    retry_failed : bool
        Run what has failed before, too.

    Returns
    -------
    int
        How many meshes were run.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted; the message says what is kept.
    """
    todo = [order for order in orders if not ledger.settles(order, retry_failed=retry_failed)]
    summary = Summary(ledger.folder, ledger.command, ledger.records)
    ended: Counter[str] = Counter()

    def keep(record: Record) -> None:
        ledger.add(record)
        ended[record.status] += 1
        summary.write_if_due(len(todo) - ended.total())

    loop = Loop(keep)
    with ledger.open():
        try:
            if todo:
                with progress_view(len(todo)) as tell, crew as workers:
                    loop.run(workers, todo, lambda: tell(ended, loop.names, len(loop.waiting)))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_kept(orders, ledger)) from None
        finally:
            loop.clear_away()
            summary.write(len(todo) - ended.total())
    return len(todo)


def _kept(orders: Sequence[Order], ledger: Ledger) -> str:
    done = sum(ledger.records[order.name].status == "done" for order in orders if order.name in ledger.records)
    return f"interrupted; {done} of {len(orders)} meshes are done and kept, and the same command goes on"
