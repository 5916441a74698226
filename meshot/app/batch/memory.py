"""Where there is room for a mesh: workers that do nothing, on machines with memory to spare.

A mesh whose need is not known yet is given a worker's fair share of the memory. If that is too little, which it finds
out when it has read its file, it comes back with its need and waits until that much is free.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True)
class Seat:
    """A worker.

    Attributes
    ----------
    address : str
        Where it is reached.
    machine : str
        Where it runs.
    most : float
        Bytes that it may take itself.
    """

    address: str
    machine: str
    most: float = inf


@dataclass
class Room:
    """Who may start where.

    Attributes
    ----------
    seats : dict
        The workers there are, by address.
    memory : dict
        Bytes that each machine has for all its workers.
    granted : dict
        Bytes promised to the meshes at work, by their workers' addresses.
    """

    seats: Mapping[str, Seat] = field(default_factory=dict)
    memory: Mapping[str, float] = field(default_factory=dict)
    granted: dict[str, float] = field(default_factory=dict)

    def place(self, needed: float | None) -> tuple[Seat, float] | None:
        """Find a worker for a mesh and the bytes to grant it; None if it has to wait.

        Of several, the one on the machine with the most memory left.
        """
        best: tuple[Seat, float] | None = None
        for seat in self.seats.values():
            if seat.address in self.granted:
                continue
            grant = min(self._left(seat.machine), seat.most)
            if grant >= (1 if needed is None else needed) and (best is None or grant > best[1]):
                best = seat, grant
        if best is None:
            return None
        seat, most = best
        return seat, min(self._share(seat.machine), most) if needed is None else needed

    def largest(self) -> float:
        """Return the bytes that a mesh could be given if it had a machine to itself."""
        return max((min(self.memory[seat.machine], seat.most) for seat in self.seats.values()), default=inf)

    def _left(self, machine: str) -> float:
        taken = (grant for address, grant in self.granted.items() if self._machine(address) == machine)
        return self.memory[machine] - sum(taken)

    def _share(self, machine: str) -> float:
        return self.memory[machine] / sum(seat.machine == machine for seat in self.seats.values())

    def _machine(self, address: str) -> str | None:
        seat = self.seats.get(address)
        return None if seat is None else seat.machine
