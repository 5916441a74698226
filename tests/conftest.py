"""Fixtures that all tests share; the mesh generators are plain functions in `shapes`."""

from collections.abc import Callable

import pytest
from shapes import read_brain

from meshot import cli
from meshot.meshes.mesh import Surface


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
