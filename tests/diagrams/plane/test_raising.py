"""Raising of small cells: in calls short enough to be interrupted."""

import numpy as np

from meshot.diagrams.domains import Disk
from meshot.diagrams.plane import raising
from meshot.diagrams.power_cells import LEAST
from meshot.transport.initial_weights import mend


def test_many_small_cells_are_raised_in_several_calls(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    radius, angle = 0.9 * np.sqrt(rng.random(2000)), 2 * np.pi * rng.random(2000)
    engine = Disk().engine(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))
    near = engine.diagram(np.zeros(2000)).edges.neighbors
    weights = np.where(np.arange(2000) % 2 == 0, -1e-2, 0.0)
    calls = []
    kernel = raising.raise_small_cells

    def counted(*arguments):
        state, looks = kernel(*arguments)
        calls.append(state)
        return state, looks

    monkeypatch.setattr(raising, "LOOKS", 100_000)
    monkeypatch.setattr(raising, "raise_small_cells", counted)
    wanted = np.full(2000, np.pi / 2000)
    mended = mend(engine, weights, wanted, *near)
    assert mended is not None
    assert (mended.masses >= LEAST * wanted).all()
    assert raising.GOING_ON in calls
