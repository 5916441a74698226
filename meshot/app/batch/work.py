"""What a worker does with a mesh: makes its product within the memory granted, and says how it went."""

import gc
import os
import shlex
import socket
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any

from meshot import __version__
from meshot.app.batch.job import Order, Record, Status, record_of
from meshot.app.batch.log import AbandonedError, Log
from meshot.app.batch.plan import sha256_or_nothing
from meshot.app.commands.products import BATCHED, all_options
from meshot.app.files.folder import reserved_folder
from meshot.app.files.run import Run
from meshot.app.job import DONE, NOT_CONVERGED, cause, start_job, visible
from meshot.app.product import make
from meshot.app.products import PRODUCTS
from meshot.app.report.pictures.thumbnail import thumbnail
from meshot.base.errors import ConvergenceError, MeshotError, MeshReadError
from meshot.base.files import replacing
from meshot.base.memory import available_memory, forget_peak, gib, give_back_memory, peak_memory
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.meshes.tetrahedralization import filling_size

_one_at_a_time = threading.Lock()  # memory is measured and warnings are caught for the whole process


@dataclass(frozen=True)
class Needs:
    """The answer of a mesh that takes more bytes than it was granted."""

    memory: float


@dataclass(frozen=True)
class Worker:
    """A worker's report: meshot's version, bytes free on its machine, bytes that it may take itself."""

    version: str
    available: float
    most: float


def describe(dask_worker: Any) -> Worker:
    """Tell of the worker that runs this; Dask hands it in by the name of the argument."""
    from distributed.system import MEMORY_LIMIT  # of the machine or of the container

    most = dask_worker.memory_manager.memory_limit
    return Worker(__version__, min(available_memory() or inf, MEMORY_LIMIT), most or inf)


def run_mesh(order: Order, grant: float) -> Record | Needs:
    """Make the product of one mesh, within the bytes granted.

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
            run, known["figures"] = _make(order, grant, known, log)
            known["sha256"], ended = run.provenance.sha256, outcome(run.warnings)
        except _TooLittleError as need:
            log.line(f"takes about {gib(need.needed)} of memory and waits: {gib(grant)} were free for it")
            return Needs(need.needed)
        except AbandonedError:
            log.line("canceled")
            raise
        except Exception as error:  # whatever it is, the other meshes go on
            if not isinstance(error, MeshotError | OSError):
                log.line(traceback.format_exc())
            known["sha256"], ended = sha256_or_nothing(order.mesh), outcome_of(error)
        known["peak"] = peak_memory() or 0
        gc.collect()
        give_back_memory()
        known["seconds"] = time.perf_counter() - start
        status, code, why = ended
        spent = f"after {known['seconds']:.2f} s, with {gib(known['peak'])} of memory at most"
        log.line(f"{status}{': ' if why else ''}{why}, {spent}")
        return record_of(order, status, code, why, **known)


class _TooLittleError(Exception):
    """The mesh takes more memory than it was granted."""

    def __init__(self, needed: float) -> None:
        super().__init__(needed)
        self.needed = needed


def _require(needed: float, grant: float) -> None:
    if needed > grant:
        raise _TooLittleError(needed)


def _make(order: Order, grant: float, known: dict[str, Any], log: Log) -> tuple[Run[Any], dict[str, float]]:
    """Make the product with the log for a terminal; notes what is known of the mesh as soon as it has been read."""
    product, out = PRODUCTS[order.command], order.folder
    if not product.in_folder:
        out /= order.result
    if order.mesh.exists():
        _require(reading_bytes(order.mesh.stat().st_size), grant)

    def look(mesh: Surface | Solid) -> None:
        needed = job_bytes(order.command, mesh, order.options)
        known["estimate"] = int(needed)
        _require(needed, grant)
        _draw(order, mesh, log)

    command = shlex.join(["meshot", order.command, str(order.mesh), f"--out={out}", *order.words, "--json"])
    log.line(command)
    options = all_options(BATCHED[order.command], order.mesh, {**order.options, "out": out})
    del options["out"], options["json"]
    with start_job(out, hold=product.in_folder, progress=log, command=command, look=look) as job:
        run, figures = make(product, order.mesh, job, **options)
    for note in (*run.provenance.notes, *run.warnings):
        log.line(note)
    return run, product.in_columns(figures)


def _draw(order: Order, mesh: Surface | Solid, log: Log) -> None:
    """Keep a small picture of the mesh; one that cannot be drawn may be what the command refuses."""
    try:
        picture = thumbnail(mesh, up=order.options.get("up", "y"))
    except (ArithmeticError, LookupError, ValueError, MeshotError) as error:
        log.line(f"no picture: {error}")
        return
    order.thumbnail.parent.mkdir(parents=True, exist_ok=True)
    with replacing(order.thumbnail) as file:
        file.write(picture)


def outcome(unconverged: Sequence[str]) -> tuple[Status, int, str]:
    """Return status, exit code and sentence of a product that was made, with what was said of its convergence."""
    return ("not converged", NOT_CONVERGED, visible(unconverged[0])) if unconverged else ("done", DONE, "")


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
    if isinstance(error, MeshotError):
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
