"""``meshot batch``: the commands for one mesh, on many."""

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from meshot.app.commands.arguments import Json, Out
from meshot.app.commands.products import BATCHED
from meshot.app.job import DONE, NOT_CONVERGED, complain, show
from meshot.app.words import two_columns
from meshot.base.errors import MeshotError, MeshReadError, OptionError

if TYPE_CHECKING:
    from meshot.app.batch.job import Order, Record
    from meshot.app.batch.ledger import Ledger

Paths = Annotated[
    tuple[Path, ...], Parameter(help="Files of meshes, folders of them (without their subfolders), or quoted patterns.")
]
FILLED = ("mesh", "out", "json", "checkpoint")
"""Parameters of the commands for one mesh that a batch fills itself, or that mean nothing to several meshes."""

batch_app = App(name="batch", help="Run a command on many meshes: on all cores, or on a cluster of Dask's.")


def batch_command(
    command: str,
    paths: Paths,
    /,
    *,
    out: Out,
    workers: Annotated[
        int | None, Parameter(help="How many meshes at a time, a core each; all cores.", validator=Number(gte=1))
    ] = None,
    scheduler: Annotated[
        str | None, Parameter(help="Address of a Dask cluster that sees the same files, as tcp://host:8786.")
    ] = None,
    memory: Annotated[
        float | None,
        Parameter(help="GiB of a machine for all its meshes; nine tenths of what is free.", validator=Number(gt=0)),
    ] = None,
    retry_failed: Annotated[bool, Parameter(negative="", help="Run again what failed before.")] = False,
    format: Annotated[Literal["ply", "xyz", "npy", "csv", "obj"], Parameter(help="Kind of the files.")] = "ply",
    json: Json = False,
    **options: Any,
) -> int:
    """Run one of `BATCHED` on many meshes; `options` are its own."""
    if find_spec("distributed") is None:
        raise MeshotError("a batch runs on Dask, which is not installed: pip install 'meshot[batch]'")
    if workers is not None and scheduler is not None:
        raise OptionError("--workers and --scheduler do not go together: a cluster has workers of its own")
    from meshot.app.batch.ledger import Ledger
    from meshot.app.batch.run import run_batch
    from meshot.app.batch.workers import crew_at, local_crew
    from meshot.app.files.folder import reserved_folder

    start, place = time.perf_counter(), out.resolve()
    most = None if memory is None else memory * 2**30
    crew = local_crew(workers or cpu_count() or 1, most) if scheduler is None else crew_at(scheduler, most)
    with reserved_folder(place):
        ledger = Ledger(place, command)
        orders = list(_orders(command, paths, ledger, options, format))
        ran = run_batch(orders, ledger, crew, retry_failed=retry_failed)
    records = [ledger.records[order.name] for order in orders]
    figures = _figures(out, records, ran, time.perf_counter() - start)
    show(figures if json else None, _few_words(out, figures))
    if figures["failed"]:
        complain(f"{len(figures['failed'])} of {len(records)} meshes failed; {out / 'summary.csv'} says why")
    return NOT_CONVERGED if figures["failed"] else DONE


def _orders(
    command: str, paths: tuple[Path, ...], ledger: "Ledger", options: Mapping[str, Any], format: str
) -> "Iterator[Order]":
    from meshot.app.batch.job import Order
    from meshot.app.batch.plan import find_meshes, name_meshes
    from meshot.app.products import PRODUCTS
    from meshot.formats.registry import FORMATS, USUAL_SURFACE_SUFFIXES

    product = PRODUCTS[command]
    usual = FORMATS if product.takes_solids else USUAL_SURFACE_SUFFIXES
    meshes = find_meshes(paths, usual, FORMATS, ledger.folder)
    if not meshes:
        raise OptionError("there is no mesh to run")
    asked = _asked(BATCHED[command], options)
    known = {record.name: record.mesh for record in ledger.records.values()}
    for name, mesh in name_meshes(meshes, known).items():
        yield Order(name, mesh, ledger.folder, command, asked, _hashes(asked), product.result.format(format=format))


def _asked(single: Callable[..., int], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from their defaults; files by their absolute paths, as workers stand elsewhere."""
    defaults = inspect.signature(single).parameters
    return {name: _absolute(value) for name, value in options.items() if value != defaults[name].default}


def _absolute(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(_absolute(one) for one in value)
    return value.resolve() if isinstance(value, Path) else value


def _hashes(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of the files among the options."""
    from meshot.app.batch.plan import sha256_or_nothing

    values = [one for value in options.values() for one in (value if type(value) is tuple else (value,))]
    hashes = {str(file): sha256_or_nothing(file) for file in values if isinstance(file, Path)}
    for file, sha256 in hashes.items():
        if not sha256:
            raise MeshReadError(f"{file} cannot be read")
    return hashes


def _figures(out: Path, records: "list[Record]", ran: int, seconds: float) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    counts = Counter(record.status for record in records)
    return {
        "folder": str(out),
        "meshes": len(records),
        "done": counts["done"],
        "skipped": len(records) - ran,
        "failed": {one.name: {"status": one.status, "cause": one.cause} for one in records if one.status != "done"},
        "attempts": sum(record.attempts for record in records),
        "seconds": seconds,
    }


def _few_words(out: Path, figures: dict[str, Any]) -> str:
    """Return what a person wants to know at the end."""
    rows = [
        ("meshes", f"{figures['done']:,} of {figures['meshes']:,} done, {figures['skipped']:,} of them before"),
        ("seconds", f"{figures['seconds']:.1f}"),
        ("table", str(out / "index.html")),
    ]
    return two_columns(rows)


# ---------------------------------------------------------------------------------------------------------------------
# a command for each kind, with the options of both


def _with_options(name: str) -> Callable[..., int]:
    """Return ``batch_command`` for one kind, whose signature has the options of the command for one mesh, too."""
    single, own = inspect.signature(BATCHED[name]), inspect.signature(batch_command)
    left_out = {"command", "options", *(() if name == "sample" else ("format",))}
    mine = [parameter for parameter in own.parameters.values() if parameter.name not in left_out]
    its = [parameter for parameter in single.parameters.values() if parameter.name not in FILLED]

    def command(*paths, **given) -> int:  # type: ignore[no-untyped-def]  # annotations here would hide those below
        return batch_command(name, *paths, **given)

    command.__doc__ = f"Run ``meshot {name}`` on many meshes. Writes summary.csv, index.html and a folder a mesh."
    command.__signature__ = inspect.Signature(mine + its, return_annotation=int)  # type: ignore[attr-defined]
    return command


for _name in BATCHED:
    batch_app.command(_with_options(_name), name=_name)
