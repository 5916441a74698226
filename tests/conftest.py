"""Fixtures that all tests share; the mesh generators are plain functions in `shapes`."""

from collections.abc import Callable

import pytest
from shapes import read_brain

from meshot.meshes.mesh import Surface


@pytest.fixture(scope="session")
def brain() -> Callable[[str], Surface]:
    """``brain("pial_left")``: a surface of fsaverage5, which comes with nilearn; skips where that is not installed."""
    pytest.importorskip("nibabel")
    pytest.importorskip("nilearn")
    return read_brain
