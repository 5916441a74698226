"""Fixtures that all tests share; the mesh generators are plain functions in `shapes`."""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial

# Workers of pytest-xdist share the cores: threads that wait for work by spinning would take them from one another. It
# has to be said before numpy and torch are loaded, and holds for the processes that tests start.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", str(share))

import pytest
from shapes import read_brain

from meshot.app import cli
from meshot.app.report.pages import surface as report
from meshot.meshes.surface import Surface


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is quick without the compiler is fast with it; and two workers begin with kernels of their own each.

    Files with fast tests, of all families of kernels, come first, half of them at the start and half in the middle,
    where the second worker of ``-n 2 --dist worksteal`` begins: neither compiles what the other is just compiling.
    """
    for item in items:
        if item.get_closest_marker("uncompiled"):
            item.add_marker("fast")
    if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
        files = list(dict.fromkeys(item.path for item in items if item.get_closest_marker("fast")))
        first, second = set(files[: len(files) // 2]), set(files[len(files) // 2 :])
        start, other = ([item for item in items if item.path in part] for part in (first, second))
        rest = [item for item in items if item.path not in first | second]
        half = len(items) // 2 - len(start)
        items[:] = [*start, *rest[:half], *other, *rest[half:]]


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt, here and in processes that tests start: what runs in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def brain() -> Callable[[str], Surface]:
    """``brain("pial_left")``: a surface of fsaverage5, which comes with nilearn; skips where that is not installed."""
    pytest.importorskip("nibabel")
    pytest.importorskip("nilearn")
    return read_brain


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the pictures of a surface's report small."""
    monkeypatch.setattr(report, "render_surface", partial(report.render_surface, size=40))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``run("area", path, "-o", out)``: the command's exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = cli.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call
