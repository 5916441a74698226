"""Fixtures that all tests share; the mesh generators are plain functions in `shapes`."""

import signal
from collections.abc import Callable, Iterator

import pytest
from shapes import read_brain

from meshot.app import cli
from meshot.meshes.surface import Surface


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
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``run("area", path, "-o", out)``: the command's exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = cli.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call
