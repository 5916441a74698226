"""What a worker does with a mesh: reads it, asks for memory, draws it small, runs the command, says how it went."""

import gc
import io
import json
import os
import shlex
import socket
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from meshot import __version__
from meshot.app.batch.commands import KINDS, chosen_figures, single_commands
from meshot.app.batch.job import Order, Record, Status, record_of
from meshot.app.batch.log import AbandonedError, Log
from meshot.app.batch.plan import sha256_or_nothing
from meshot.app.commands.job import DONE, NOT_CONVERGED, cause, perform, reporting_to
from meshot.app.files.folder import reserved_folder
from meshot.base.errors import ConvergenceError, MeshotError, MeshReadError
from meshot.base.files import replacing
from meshot.base.memory import available_memory, forget_peak, gib, give_back_memory, peak_memory
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.meshes.tetrahedralization import filling_size

if TYPE_CHECKING:
    from meshot.meshes.solid import Solid
    from meshot.meshes.surface import Surface

_one_at_a_time = threading.Lock()  # what a command prints goes where the whole process prints


@dataclass(frozen=True)
class Needs:
    """The answer of a mesh that takes more bytes than it was granted."""

    memory: float


@dataclass(frozen=True)
class Worker:
    """What a worker tells of itself: meshot's version, bytes free on its machine, bytes that it may take itself."""

    version: str
    available: float
    most: float


def describe(dask_worker: Any) -> Worker:
    """Tell of the worker that runs this; Dask hands it in by the name of the argument."""
    from distributed.system import MEMORY_LIMIT  # of the machine or of the container

    most = dask_worker.memory_manager.memory_limit
    return Worker(__version__, min(available_memory() or inf, MEMORY_LIMIT), most or inf)


def run_mesh(order: Order, grant: float) -> Record | Needs:
    """Run a command on one mesh, within the bytes granted.

    Returns
    -------
    Record or Needs
        How it ended, whatever happened but the loss of the process; or that it has not begun, as it takes more memory.
    """
    with _one_at_a_time, Log(order.log) as log:
        log.line(f"{order.mesh}, by process {os.getpid()} of {socket.gethostname()}")
        start = time.perf_counter()
        forget_peak()
        known: dict[str, Any] = {}
        try:
            needed = _look_at(order, grant, known, log)
            if needed > grant:
                log.line(f"takes about {gib(needed)} of memory and waits: {gib(grant)} were free for it")
                return Needs(needed)
            status, code, why, figures = _run(order, log)
        except AbandonedError:
            log.line("canceled")
            raise
        except Exception as error:  # whatever it is, the other meshes go on
            if not isinstance(error, MeshotError | OSError | CycloptsError):
                log.line(traceback.format_exc())
            status, code, why = outcome_of(error)
            figures = {}
        peak = peak_memory() or 0
        gc.collect()
        give_back_memory()
        seconds = time.perf_counter() - start
        log.line(f"{status}{': ' if why else ''}{why}, after {seconds:.2f} s, with {gib(peak)} of memory at most")
        return record_of(order, status, code, why, seconds=seconds, peak=peak, figures=figures, **known)


def _look_at(order: Order, grant: float, known: dict[str, Any], log: Log) -> float:
    """Return the bytes that a mesh takes; if they are granted, draw it. Notes what is known on the way."""
    from meshot.formats.registry import read_mesh

    known["sha256"] = sha256_or_nothing(order.mesh)
    if known["sha256"]:
        needed = reading_bytes(order.mesh.stat().st_size)
        if needed > grant:
            return needed
    mesh = read_mesh(order.mesh)
    needed = job_bytes(order.command, mesh, order.options)
    known["estimate"] = int(needed)
    if needed <= grant:
        _draw(order, mesh, log)
    return needed


def _draw(order: Order, mesh: "Surface | Solid", log: Log) -> None:
    """Keep a small picture of the mesh; one that cannot be drawn may be what the command refuses."""
    from meshot.app.report.pictures.thumbnail import thumbnail

    try:
        picture = thumbnail(mesh, up=order.options.get("up", "y"))
    except (ArithmeticError, LookupError, ValueError, MeshotError) as error:
        log.line(f"no picture: {error}")
        return
    order.thumbnail.parent.mkdir(parents=True, exist_ok=True)
    with replacing(order.thumbnail) as file:
        file.write(picture)


def _run(order: Order, log: Log) -> tuple[Status, int, str, dict[str, float]]:
    """Run the command as the command line does, with a log for a terminal."""
    kind = KINDS[order.command]
    target = order.folder if kind.out_is_folder else order.folder / order.result
    words = [order.command, str(order.mesh), f"--out={target}", *order.words, "--json"]
    log.line(shlex.join(["meshot", *words]))
    told, said = io.StringIO(), io.StringIO()
    try:
        with reporting_to(log), redirect_stdout(told), redirect_stderr(said):
            code = perform(single_commands(), words)
    finally:
        for line in said.getvalue().splitlines():
            log.line(line)
    status: Status = {DONE: "done", NOT_CONVERGED: "not converged"}.get(code, "failed")  # type: ignore[assignment]
    sentences = [line for line in said.getvalue().splitlines() if line.startswith("meshot: ")]
    why = sentences[-1].removeprefix("meshot: ").rstrip(".") if sentences and code != DONE else ""
    return status, code, why, chosen_figures(order.command, json.loads(told.getvalue()))


def outcome_of(error: Exception) -> tuple[Status, int, str]:
    """Return status, exit code and sentence for what a command raised.

    Examples
    --------
    >>> outcome_of(MeshReadError("scan.obj is empty"))
    ('cannot read', 2, 'scan.obj is empty')
    >>> outcome_of(ZeroDivisionError("division by zero"))
    ('failed', 1, 'an error that nobody foresaw, ZeroDivisionError: division by zero; the log says where')
    """
    if isinstance(error, MemoryError):
        return "out of memory", 2, str(error) or "the system gave no more memory"
    if isinstance(error, MeshReadError):
        return "cannot read", *cause(error)
    if isinstance(error, OSError):
        return "no access", *cause(error)
    if isinstance(error, ConvergenceError):
        return "not converged", *cause(error)
    if isinstance(error, MeshotError | CycloptsError):
        return "refused", *cause(error)
    return "failed", 1, f"an error that nobody foresaw, {type(error).__name__}: {error}; the log says where"


def clear_away(order: Order) -> None:
    """Remove what a lost worker has left unfinished beside the mesh's folder."""
    with suppress(OSError), reserved_folder(order.folder):
        pass


MIB = 2**20
BASE = 640 * MIB  # the interpreter, libraries, kernels, and the pictures of a report
READING = 16  # times the size of a file: its bytes and what is parsed of them
FACE = {"area": 4000, "conformal": 1600, "sample": 4200}
POINT = 500
TETRAHEDRON = 6000


def reading_bytes(size: int) -> float:
    """Return the bytes of memory that reading a file of so many bytes takes."""
    return BASE + READING * size


def job_bytes(command: str, mesh: Surface | Solid, options: Mapping[str, Any]) -> float:
    """Return the bytes of memory that a command takes for a mesh.

    Parameters
    ----------
    command : {"area", "conformal", "volume", "sample"}
    mesh : Surface or Solid
    options : mapping
        The command's, where they differ from their defaults.

    Examples
    --------
    >>> cube = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    >>> job_bytes("area", cube, {}) < job_bytes("volume", cube, {"edge_length": 0.01})
    True
    """
    if isinstance(mesh, Solid):
        return BASE + TETRAHEDRON * len(mesh.tetrahedra)
    if command == "volume":
        count, filling = filling_size(mesh, options.get("edge_length"))
        return BASE + max(filling, TETRAHEDRON * count)
    return BASE + FACE[command] * len(mesh.faces) + POINT * options.get("count", 0)
