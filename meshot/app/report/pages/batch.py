"""The page of a batch: a table of all meshes that can be sorted and filtered, with pictures and links."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

from markupsafe import Markup

from meshot import __version__
from meshot.app.report.pages.page import TEMPLATES, number, render_page
from meshot.app.report.pictures.thumbnail import SIZE
from meshot.app.report.viewer.packing import allowed


@dataclass(frozen=True)
class Cell:
    """A number of the table: as it is written, and what it is sorted by."""

    text: str = "–"
    value: float = nan


@dataclass(frozen=True)
class Row:
    """A mesh.

    Attributes
    ----------
    name : str
    result, log, thumbnail : str
        Where to find them, from the page; empty if there is none.
    status, cause : str
        How it ended and, if not well, why.
    cells : list of Cell
        One for each column of figures, seconds, and MiB.
    """

    name: str
    result: str
    log: str
    thumbnail: str
    status: str
    cause: str = ""
    cells: list[Cell] = field(default_factory=list)


def render_batch(command: str, name: str, titles: Sequence[str], rows: Sequence[Row], *, left: int = 0) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    command : str
        What was run on each mesh.
    name : str
        Of the batch.
    titles : sequence of str
        Of the columns of figures.
    rows : sequence of Row
    left : int
        Meshes that are still to be run.
    """
    script = Markup((TEMPLATES / "batch.js").read_text("utf-8"))
    counts = Counter(row.status for row in rows)
    return render_page(
        "batch.html.j2",
        {
            "kicker": f"batch of {command}",
            "title": name,
            "verdict": verdict(counts, left),
            "tiles": [(number(count), status) for status, count in counts.most_common()],
            "provenance": {"version": __version__},
            "titles": [*titles, "Seconds", "MiB"],
            "statuses": list(counts),
            "rows": rows,
            "size": SIZE // 2,
            "script": script,
            "scripts_allowed": allowed([script]),
            "pictures_from": "'self' file:",
        },
    )


def verdict(counts: Counter[str], left: int = 0) -> str:
    """Say how far the batch is.

    Examples
    --------
    >>> verdict(Counter({"done": 195, "refused": 5}))
    '195 of 200 meshes are done; the table says why the others are not.'
    """
    total, done = counts.total(), counts["done"]
    failed = total - done
    if left:
        return f"{number(done)} meshes are done and {number(failed)} failed so far; {number(left)} are left."
    if not failed:
        return f"All {number(total)} meshes are done." if total > 1 else "The mesh is done."
    return f"{number(done)} of {number(total)} meshes are done; the table says why the others are not."
