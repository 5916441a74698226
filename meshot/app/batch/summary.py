"""The table of a batch: ``summary.csv`` and ``index.html``, written anew while results arrive."""

import csv
import io
import os
import time
from collections import Counter
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from meshot import __version__
from meshot.app.batch.job import LOGS, MESHES, THUMBNAILS, Record
from meshot.app.products import PRODUCTS
from meshot.app.report.pages.page import TEMPLATES, render_page
from meshot.app.report.pictures.thumbnail import SIZE
from meshot.app.report.viewer.packing import allowed
from meshot.app.words import number, percent
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
        **{column.name: record.figures.get(column.name, "") for column in PRODUCTS[command].columns},
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
    """Return the records as a page that shows their thumbnails and leads to their reports.

    It is a table that can be sorted and filtered; so many meshes are left to be run.
    """
    script = Markup((TEMPLATES / "batch.js").read_text("utf-8"))
    counts = Counter(record.status for record in records)
    return render_page(
        "batch.html.j2",
        {
            "kicker": f"batch of {command}",
            "title": printable(out.name),
            "verdict": verdict(counts.total(), counts["done"], left),
            "tiles": [(number(count), status) for status, count in counts.most_common()],
            "provenance": {"version": __version__},
            "titles": [*(column.title for column in PRODUCTS[command].columns), "Seconds", "MiB"],
            "statuses": list(counts),
            "rows": [_row(out, command, record) for record in records],
            "size": SIZE // 2,
            "script": script,
            "scripts_allowed": allowed([script]),
            "pictures_from": "'self' file:",
        },
    )


def verdict(total: int, done: int, left: int = 0) -> str:
    """Say how far the batch is.

    Examples
    --------
    >>> verdict(200, 195)
    '195 of 200 meshes are done; the table says why the others are not.'
    """
    if left:
        return f"{number(done)} meshes are done and {number(total - done)} failed so far; {number(left)} are left."
    if done == total:
        return f"All {number(total)} meshes are done." if total > 1 else "The mesh is done."
    return f"{number(done)} of {number(total)} meshes are done; the table says why the others are not."


def _row(out: Path, command: str, record: Record) -> dict[str, Any]:
    """Return what the template shows of a mesh; addresses from the page, empty if there is nothing."""
    thumbnail = f"{THUMBNAILS}/{record.name}.webp"
    return {
        "name": printable(record.name),
        "result": _address(_result(record)),
        "log": _address(_log(record)),
        "thumbnail": _address(thumbnail) if (out / thumbnail).exists() else "",
        "status": record.status,
        "cause": printable(record.cause),
        "cells": [
            *(_cell(record.figures.get(column.name), column.unit) for column in PRODUCTS[command].columns),
            {"text": f"{record.seconds:.1f}", "value": record.seconds},
            {**_cell(round(record.peak / MIB)), "value": record.peak} if record.peak else _cell(None),
        ],
    }


def _address(path: str) -> str:
    """Return a path as a link writes it."""
    return quote(os.fsencode(path))


def _cell(value: float | None, unit: str = "") -> dict[str, Any]:
    """Return a number of the table: as it is written, and what it is sorted by."""
    if value is None:
        return {"text": "–", "value": nan}
    return {"text": percent(value) if unit == "%" else number(value) + unit, "value": value}
