"""A product: what one command makes, and the way of all of them from an input file to files of results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from meshot.app.files.folder import complete_folder
from meshot.app.files.run import Run
from meshot.app.files.seal import METRICS, SEAL, seal
from meshot.app.job import Job
from meshot.base.files import replacing, write_json, write_text

Files = dict[str, str | bytes]
"""Contents of files by their names."""


@dataclass(frozen=True)
class Column:
    """A figure of a batch's summary.

    Attributes
    ----------
    name, title : str
        In ``summary.csv`` and in ``index.html``.
    keys : tuple of str
        Where it stands in ``metrics.json``.
    unit : {"", "%", "°"}
        How it is shown; with "%", as a percentage.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    unit: Literal["", "%", "°"] = ""


@dataclass(frozen=True)
class Product:
    """What one command makes.

    Attributes
    ----------
    compute : callable
        Gets a job, the path of the input, and the options; returns a run.
    metrics : callable
        Returns the figures of a run: ``metrics.json``.
    words : callable
        Gets a run and where its results are; returns the few numbers that a person wants to know at the end.
    write : callable
        Writes a run's own files into a folder or, if it is not `in_folder`, its only file.
    draw : mapping
        By the name of the stage, what returns the files to look at, of a run and an upward axis.
    columns : tuple of Column
        Its figures in the summary of a batch.
    in_folder : bool
        Whether the results are a folder, with ``metrics.json``.
    takes_solids : bool
        Whether it takes tetrahedra, too.
    result : str
        The main file of a finished run; "{format}" stands for its kind.
    """

    compute: Callable[..., Run[Any]]
    metrics: Callable[[Run[Any]], dict[str, Any]]
    words: Callable[[Run[Any], Path], str]
    write: Callable[[Run[Any], Path], None]
    draw: Mapping[str, Callable[[Run[Any], str], Files]] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    in_folder: bool = True
    takes_solids: bool = False
    result: str = "report.html"

    def save(self, run: Run[Any], out: Path, files: Files) -> dict[str, Any]:
        """Write a run's files, those to look at, and ``metrics.json`` into a folder; return its figures.

        Among these are the hashes of the files, by which `meshot verify` finds what was changed afterwards.
        They appear when all of them are complete; other files in the folder stay.

        Raises
        ------
        OSError
            Something cannot be written; then nothing in the folder has changed.
        """
        figures = self.metrics(run)
        with complete_folder(out) as folder:
            self.write(run, folder)
            for name, content in files.items():
                if isinstance(content, str):
                    write_text(folder / name, content)
                else:
                    with replacing(folder / name) as file:
                        file.write(content)
            figures[SEAL] = seal(figures, folder)
            write_json(folder / METRICS, figures)
        return figures

    def in_columns(self, figures: Mapping[str, Any]) -> dict[str, float]:
        """Return the figures of its columns."""
        chosen = {}
        for column in self.columns:
            value: Any = figures
            for key in column.keys:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None:
                chosen[column.name] = value
        return chosen


def make(product: Product, source: Path, job: Job, *, up: str = "y", **options: Any) -> tuple[Run[Any], dict[str, Any]]:
    """Make a product and write it to the job's place; return the run and its figures.

    Parameters
    ----------
    product : Product
    source : path
        What to read.
    job : Job
    up : {"x", "y", "z"}
        Coordinate axis that points upward in pictures.
    **options
        All other options of the command.
    """
    run = product.compute(job, source, **options)
    files: Files = {}
    for stage, draw in product.draw.items():
        with job.stages(stage):
            files |= draw(replace(run, seconds=job.seconds()), up)
    run = replace(run, seconds=job.seconds(), warnings=job.warnings)
    with job.stages("write"):
        if product.in_folder:
            return run, product.save(run, job.out, files)
        product.write(run, job.out)
    run = replace(run, seconds=job.seconds())
    return run, product.metrics(run)
