"""The way of the meshes through the workers: started where there is room, tried again when a worker is lost."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from meshot.batch.log import Log
from meshot.batch.order import Order, Record, Status, record_of
from meshot.batch.plan import sha256_or_nothing
from meshot.batch.room import Room, Seat
from meshot.batch.work import Needs, clear_away, run_mesh
from meshot.memory import gib

RETRIES = 1  # after the loss of a worker
TICK = 0.5  # seconds between looks at the workers


class Workers(Protocol):
    """What the loop asks of a crew."""

    seats: dict[str, Seat]
    memory: dict[str, float]

    def look(self) -> None:
        """See which workers there are."""

    def start(self, seat: Seat, function: Callable[..., Any], *arguments: Any) -> None:
        """Give one something to do."""

    def ended(self, seconds: float) -> Sequence[Any]:
        """Return what has come to an end."""


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

    def run(self, crew: Workers, orders: Sequence[Order], watch: Callable[[], None] = lambda: None) -> None:
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

    def _start(self, crew: Workers) -> None:
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

    def _settle(self, turn: Turn, ended: Any) -> None:
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
    """Return the record of a mesh that no worker tells of."""
    known = {"attempts": turn.attempt, "estimate": int(turn.needed or 0), "sha256": sha256_or_nothing(turn.order.mesh)}
    return record_of(turn.order, status, None, why, **known)
