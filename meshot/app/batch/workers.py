"""The workers: a local cluster of Dask's, or an existing one; one mesh a worker at a time.

Dask starts the processes, watches over them, puts new ones in the places of those that are lost, and carries functions,
their values and their errors. What it lacks is done here and in `run`: a mesh is bound to one worker, chosen by the
memory that is left on its machine, so that its loss is heard of; and at the end workers are killed, as one that is
asked to leave ends its mesh first, and one that computes is deaf to a cancellation until it next reports its progress.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from dask import config
from distributed import Client, Future, LocalCluster
from distributed.comm.addressing import get_address_host
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.scheduler import KilledWorker

from meshot import __version__
from meshot.app.batch.memory import Seat
from meshot.app.batch.work import describe
from meshot.base.errors import MeshotError

PATIENCE = 30  # seconds that a cluster has to answer, and to show a worker
SPARE = 0.9  # part of the free memory that meshes may take
# Workers are processes with one thread each: as many run as there are cores. One heap: Dask's threads would each open
# one of glibc's, and what a mesh leaves in them adds up over thousands of meshes.
ALONE = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"
)


@dataclass(frozen=True)
class Ended:
    """The end of what a worker was given.

    Attributes
    ----------
    address : str
        The worker.
    answer : object
        What the function returned.
    lost : bool
        Whether the worker is gone, and the answer with it.
    error : str
        Why there is no answer, if the worker is still there.
    """

    address: str
    answer: Any = None
    lost: bool = False
    error: str = ""


class Crew:
    """Workers that each do one thing at a time.

    Parameters
    ----------
    client : distributed.Client
    memory : float, optional
        Bytes of each machine for all its workers; by default nine tenths of what is free when it is first seen.

    Attributes
    ----------
    address : str
        Of the scheduler.
    seats : dict
        The workers there are, by address.
    memory : dict
        Bytes of each machine.
    """

    def __init__(self, client: Client, memory: float | None = None) -> None:
        self.address: str = client.scheduler_info()["address"]
        self.seats: dict[str, Seat] = {}
        self.memory: dict[str, float] = {}
        self._client, self._wanted_memory = client, memory
        self._at_work: dict[str, Future[Any]] = {}
        self._heard: SimpleQueue[tuple[str, Future[Any]]] = SimpleQueue()
        self._keys = (f"meshot-{uuid4().hex}-{number}" for number in count())
        self.look()

    def look(self) -> None:
        """See which workers there are now.

        Raises
        ------
        MeshotError
            The cluster is gone, or a worker has no meshot of this version.
        """
        try:
            addresses = set(self._client.nthreads())
            new = sorted(addresses - self.seats.keys())
            reply = self._client.run(describe, workers=new, on_error="return") if new else {}
        except (OSError, TimeoutError) as error:
            raise MeshotError(f"the cluster does not answer any more: {error}") from None
        self.seats = {address: seat for address, seat in self.seats.items() if address in addresses}
        for address in new:
            self._seat(address, reply.get(address))

    def _seat(self, address: str, reply: Any) -> None:
        if isinstance(reply, ImportError | AttributeError) or getattr(reply, "version", __version__) != __version__:
            why = reply if isinstance(reply, Exception) else f"it has version {reply.version}"
            raise MeshotError(f"the worker at {address} cannot run meshot {__version__}: {why}")
        if reply is None or isinstance(reply, Exception):
            return  # it has just gone
        machine = get_address_host(address)
        self.seats[address] = Seat(address, machine, SPARE * reply.most)
        self.memory.setdefault(machine, self._wanted_memory or SPARE * reply.available)

    def start(self, seat: Seat, function: Callable[..., Any], *arguments: Any) -> None:
        """Give a worker that has nothing to do something to do."""
        future = self._client.submit(function, *arguments, key=next(self._keys), workers=[seat.address], pure=False)
        self._at_work[seat.address] = future
        future.add_done_callback(partial(_tell, self._heard, seat.address))

    def ended(self, seconds: float) -> list[Ended]:
        """Return what has come to an end, after some seconds at most; `look` before to hear of lost workers."""
        gone = [address for address in self._at_work if address not in self.seats]
        found = [Ended(address, lost=True) for address in gone]
        for address in gone:
            self._at_work.pop(address).cancel()
        with suppress(Empty):
            while True:
                address, future = self._heard.get(timeout=0 if found else seconds)
                if self._at_work.get(address) is future:
                    found.append(_end(address, self._at_work.pop(address)))
        return found

    def stop(self) -> None:
        """Take back what is at work."""
        for future in self._at_work.values():
            future.cancel()


def _tell(heard: "SimpleQueue[tuple[str, Future[Any]]]", address: str, future: Future[Any]) -> None:
    heard.put((address, future))


def _end(address: str, future: Future[Any]) -> Ended:
    try:
        return Ended(address, future.result(timeout=PATIENCE))
    except (KilledWorker, TimeoutError, OSError):
        return Ended(address, lost=True)
    except Exception as error:  # what the worker could not even begin
        return Ended(address, lost=future.cancelled(), error=f"{type(error).__name__}: {error}")


# ---------------------------------------------------------------------------------------------------------------------
# clusters


class Deaf(WorkerPlugin):  # unknown where Dask is not installed
    """Lets a worker live through the Ctrl-C that a terminal sends to all processes: the batch ends it itself."""

    name = "meshot-deaf"

    def setup(self, worker: Any) -> None:
        """Run at the start of a worker."""
        with suppress(ValueError):  # not in its main thread: nobody sends it signals
            signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def local_crew(workers: int, memory: float | None = None) -> Iterator[Crew]:
    """Start workers on this machine for the time of the block; at its end they are stopped at once."""
    # also after the cluster is closed, which takes back `silence_logs`: threads that notice late would print tracebacks
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # In place of Dask's own environment, which has glibc give memory back so eagerly that a third of the time is page
    # faults, and without its profiler, whose stacks add up to megabytes a mesh.
    with _environment_kept():
        with config.set({"distributed.nanny.pre-spawn-environ": ALONE, "distributed.worker.profile.enabled": False}):
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,  # a mesh may take more than its worker's share
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any port that is free
                silence_logs=logging.CRITICAL,
            )
        try:
            with Client(cluster) as client:
                client.register_plugin(Deaf())
                yield Crew(client, memory)
        finally:
            _kill(cluster)
            cluster.close()


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Take back what Dask, to give it to its workers, leaves in the environment of this process."""
    before = {name: os.environ.get(name) for name in ALONE}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _kill(cluster: LocalCluster) -> None:
    """Stop the workers' processes; a worker that is asked to leave ends its mesh first."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


@contextmanager
def crew_at(address: str, memory: float | None = None) -> Iterator[Crew]:
    """Take the workers of a cluster for the time of the block; at its end they are let go.

    Raises
    ------
    MeshotError
        There is no cluster, or it has no worker.
    """
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise MeshotError(f"there is no cluster at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise MeshotError(f"the cluster at {address} has no workers") from None
        crew = Crew(client, memory)
        try:
            yield crew
        finally:
            crew.stop()
