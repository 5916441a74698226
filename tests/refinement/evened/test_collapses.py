"""Triangulations taken apart: what is left, and that undoing leads back."""

import numpy as np
import pytest
import torture
from shapes import bumpy_sphere, glove, relief

from meshot.meshes.surface import Surface
from meshot.refinement.evened.collapses import collapse
from meshot.refinement.evened.insertion import undo


@pytest.mark.parametrize(
    "surface",
    [relief(8), bumpy_sphere(3), glove(3.0), torture.hub(300), torture.stacked(), torture.polygon_fan()],
    ids=["relief", "bumps", "glove", "hub", "stacked", "fan"],
)
def test_all_merges_undone_give_the_mesh_again(surface: Surface) -> None:
    loop = surface.boundary_loops[0] if surface.boundary_loops else np.zeros(0, dtype=np.int64)
    masses = surface.vertex_areas.copy()
    collapses = collapse(surface.faces, surface.vertices, masses, loop)
    assert collapses.alive.sum() == (1 if len(loop) else 4)
    left = np.unique(collapses.corners[collapses.alive])
    assert collapses.masses[left].sum() == pytest.approx(masses.sum())
    np.testing.assert_array_equal(np.sort(np.concatenate([collapses.vertex, left])), np.flatnonzero(surface.referenced))
    handed = collapses.masses.copy()
    undo(0, len(collapses.vertex), collapses, handed)
    np.testing.assert_array_equal(collapses.corners, surface.faces)
    assert collapses.alive.all()
    np.testing.assert_allclose(handed, masses, rtol=1e-9, atol=1e-12 * masses.sum())


@pytest.mark.fast
@pytest.mark.uncompiled
def test_after_each_round_it_is_a_disk() -> None:
    surface = relief(5)
    collapses = collapse(surface.faces, surface.vertices, surface.vertex_areas.copy(), surface.boundary_loops[0])
    end, handed = len(collapses.vertex), collapses.masses.copy()
    for begin in [*collapses.rounds[-2::-1].tolist(), 0]:
        undo(begin, end, collapses, handed)
        part = Surface(surface.vertices, collapses.corners[collapses.alive])
        assert part.euler_characteristic == 1
        assert len(part.boundary_loops) == 1
        end = begin
