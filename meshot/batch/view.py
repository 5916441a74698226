"""How far a batch is, on a terminal: a bar, counts, what is at work, and when it may end."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

NAMES = 6  # of the meshes at work, at the most

Tell = Callable[[Counter[str], Sequence[str], int], None]
"""Gets how many meshes have ended with each status, which are at work, and how many are left."""


@contextmanager
def progress_view(total: int) -> Iterator[Tell]:
    """Show the progress of so many meshes for the time of the block, if there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda ended, running, left: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bar = (BarColumn(32), TimeElapsedColumn(), TextColumn("[dim]to go[/]"), TimeRemainingColumn())
    told = TextColumn("{task.fields[told]}", markup=False)
    console = Console(stderr=True, highlight=False)
    with Progress(*bar, told, console=console, transient=True, speed_estimate_period=600) as display:
        task = display.add_task("", total=total, told="starting workers")

        def tell(ended: Counter[str], running: Sequence[str], left: int) -> None:
            display.update(task, completed=ended.total(), told=in_words(ended, running, left))

        yield tell


def in_words(ended: Counter[str], running: Sequence[str], left: int) -> str:
    """Return the counts and the first names at work.

    Examples
    --------
    >>> in_words(Counter({"done": 12, "refused": 1}), ["face", "hare"], 5)
    '12 done, 1 failed, 2 running, 5 left: face, hare'
    """
    names = [*running[:NAMES], *(["..."] if len(running) > NAMES else [])]
    done = ended["done"]
    failed = ended.total() - done
    return f"{done} done, {failed} failed, {len(running)} running, {left} left: {', '.join(names) or 'no worker'}"
