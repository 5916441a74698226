"""The table of a batch: ``summary.csv`` and ``index.html``, written anew while results arrive."""

import csv
import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from meshot.app.batch.commands import KINDS, Column
from meshot.app.batch.job import LOGS, MESHES, THUMBNAILS, Record
from meshot.app.report.pages.batch import Cell, Row, render_batch
from meshot.app.report.pages.page import number, percent
from meshot.base.files import write_text

MIB = 2**20
REST = 20  # times as long as writing took, nothing is written


class Summary:
    """Writes the table of the records to a folder, as often as costs little.

    Parameters
    ----------
    out : path
        The batch's folder.
    command : str
        What it runs.
    records : mapping
        All records by name; looked at each time.
    """

    def __init__(self, out: Path, command: str, records: Mapping[str, Record]) -> None:
        self._out, self._command, self._records = out, command, records
        self._next = 0.0

    def write_if_due(self, left: int) -> None:
        """Write, unless that was done a moment ago: of the time of a batch, a twentieth may go into its table."""
        if time.monotonic() >= self._next:
            self.write(left)

    def write(self, left: int = 0) -> None:
        """Write both files; so many meshes are left to be run."""
        start = time.monotonic()
        records = sorted(self._records.values(), key=lambda record: record.name)
        write_text(self._out / "summary.csv", table(self._command, records))
        write_text(self._out / "index.html", page(self._out, self._command, records, left))
        now = time.monotonic()
        self._next = now + REST * (now - start)


def _result(record: Record) -> str:
    """Return where the result is, from the batch's folder; nothing if there is none."""
    return f"{MESHES}/{record.name}/{record.result}" if record.figures else ""


def _log(record: Record) -> str:
    return f"{LOGS}/{record.name}.log"


def printable(text: str) -> str:
    """Return text with a mark for each byte of a file's name that is no UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


# ---------------------------------------------------------------------------------------------------------------------
# summary.csv


def table(command: str, records: list[Record]) -> str:
    """Return the records as CSV, a line each."""
    rows = [_line(command, record) for record in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, _line(command, Record("", "", "done", 0)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _line(command: str, record: Record) -> dict[str, Any]:
    return {
        "name": printable(record.name),
        "status": record.status,
        "exit_code": "" if record.code is None else record.code,
        "cause": printable(record.cause),
        "attempts": record.attempts,
        "seconds": round(record.seconds, 3),
        "estimate_mib": round(record.estimate / MIB) or "",
        "peak_mib": round(record.peak / MIB) or "",
        **{column.name: record.figures.get(column.name, "") for column in KINDS[command].columns},
        "result": printable(_result(record)),
        "log": printable(_log(record)),
        "mesh": printable(record.mesh),
        "sha256": record.sha256,
        "options": printable(" ".join(record.words)),
        "meshot": record.version,
    }


# ---------------------------------------------------------------------------------------------------------------------
# index.html


def page(out: Path, command: str, records: list[Record], left: int = 0) -> str:
    """Return the records as a page that shows their thumbnails and leads to their reports."""
    columns = KINDS[command].columns
    titles = [column.title for column in columns]
    rows = [_row(out, columns, record) for record in records]
    return render_batch(command, printable(out.name), titles, rows, left=left)


def _row(out: Path, columns: tuple[Column, ...], record: Record) -> Row:
    thumbnail = f"{THUMBNAILS}/{record.name}.webp"
    result = _result(record)
    return Row(
        name=printable(record.name),
        result=_address(result) if result else "",
        log=_address(_log(record)),
        thumbnail=_address(thumbnail) if (out / thumbnail).exists() else "",
        status=record.status,
        cause=printable(record.cause),
        cells=[
            *(_cell(record.figures.get(column.name), column.unit) for column in columns),
            Cell(f"{record.seconds:.1f}", record.seconds),
            Cell(number(round(record.peak / MIB)), record.peak) if record.peak else Cell(),
        ],
    )


def _address(path: str) -> str:
    """Return a path as a link writes it."""
    return quote(os.fsencode(path))


def _cell(value: float | None, unit: str) -> Cell:
    if value is None:
        return Cell()
    return Cell(percent(value) if unit == "%" else number(value) + unit, value)
