"""What holds the areas of faces, and the proof that some do not fit into the circle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import disk, icosphere
from torture import star

from meshot.base.errors import ConvergenceWarning
from meshot.meshes.surface import Surface
from meshot.refinement.disk_system import DiskSystem
from meshot.refinement.obstruction import misfit, name_obstructed, segment_share
from meshot.refinement.sphere_system import SphereSystem
from meshot.refinement.surface import refine_areas


def eared(count: int, shares: list[float], center: float) -> DiskSystem:
    """An even polygon fanned from a center, with an ear of the given share at each side."""
    even = 2 * np.arange(count)
    ears = np.stack([even, even + 1, (even + 2) % (2 * count)], axis=1)
    core = np.stack([even, (even + 2) % (2 * count), np.full(count, 2 * count)], axis=1)
    return DiskSystem(np.vstack([ears, core]), np.array([*shares, *[center / count] * count]))


@pytest.mark.parametrize("count", [3, 8, 40])
def test_the_bound_is_met_by_even_segments(count: int) -> None:
    """The share of a segment of 2 pi / K, and that of ears with many boundary vertices each comes close to it."""
    angle = 2 * np.pi * np.arange(64 * count) / (64 * count)
    x, y = np.cos(angle[:65]), np.sin(angle[:65])
    area = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    assert float(segment_share(count)) == pytest.approx(area / np.pi, rel=1e-3)


@settings(max_examples=200, deadline=None)
@given(st.integers(3, 12), st.integers(0, 2**31))
def test_no_layout_on_the_circle_beats_the_bound(count: int, seed: int) -> None:
    """Ears with as much of their arcs as they could have, wherever their chords lie."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(10 ** rng.uniform(-1, 2), size=2 * count) * np.tile([1.0, rng.choice([0.0, 0.1, 1.0])], count)
    angles = 2 * np.pi * weights / weights.sum()
    segments = (angles - np.sin(angles))[::2]
    assert segments.min() / (segments.sum() + np.sin(angles).sum()) <= float(segment_share(count)) * (1 + 1e-9)


def test_ears_that_fit_are_no_misfit() -> None:
    fitting = 0.9 * float(segment_share(6))
    assert misfit(eared(6, [fitting] * 6, 1 - 6 * fitting)) is None
    assert misfit(DiskSystem(disk(4).faces, np.ones(96))) is None
    sphere = icosphere(1)
    assert misfit(SphereSystem(sphere.faces, sphere.face_areas, sphere.vertices)) is None


def test_as_many_parts_are_counted_as_make_the_worst() -> None:
    """Three large ears and three tiny ones: the three decide; six of the same size: all of them."""
    three = misfit(eared(6, [0.3, 1e-9, 0.3, 1e-9, 0.3, 1e-9], 0.1))
    assert three is not None
    assert three.parts == 3
    assert three.ratio == pytest.approx(float(segment_share(3)) / 0.3, rel=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(three.inside), [0, 2, 4])
    six = misfit(eared(6, [0.1] * 6, 0.4))
    assert six is not None
    assert six.parts == 6
    assert six.ratio == pytest.approx(float(segment_share(6)) / 0.1)


def test_spikes_of_a_star_are_proved_too_long() -> None:
    """Sixty strips without an inner vertex hold nearly all of the area: the refinement says that they cannot."""
    surface: Surface = star(60, 50.0, 3)
    angle = 2 * np.pi * np.arange(len(surface.boundary_loops[0])) / len(surface.boundary_loops[0])
    system = DiskSystem(surface.faces, surface.face_areas)
    found = misfit(system)
    assert found is not None
    assert found.parts == 60
    spikes = np.arange(len(surface.faces)) >= 600
    np.testing.assert_array_equal(found.inside, spikes)
    share = surface.face_areas[spikes].sum() / surface.area / 60
    assert found.ratio == pytest.approx(float(segment_share(60)) / share, rel=1e-6)
    uv = np.zeros((len(surface.vertices), 2))
    uv[surface.boundary_loops[0]] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    uv[:271] += 0.9 * disk(9).vertices[:271, :2]
    with pytest.warns(ConvergenceWarning):
        result = refine_areas(surface.faces, uv, surface.face_areas)
    assert result.iterations < 100  # and not the 1200 of so small a mesh: it is given up
    assert all("60 parts beyond edges between boundary vertices do not fit" in reason for reason in result.reasons)


def test_without_a_proof_the_faces_around_are_named() -> None:
    system = DiskSystem(disk(4).faces, np.ones(96))
    ratio = np.ones(96)
    ratio[0], ratio[-1], ratio[40] = 0.5, 1.2, 1.04
    obstructed, reasons = name_obstructed(system, ratio, 0.05)
    assert obstructed.tolist() == [0, 95]
    assert reasons[0].startswith("each of its vertices has six faces")
    assert reasons[1] == "it has a vertex of at most three faces"
    assert len(name_obstructed(system, np.ones(96), 0.05)[0]) == 0


def test_faces_that_hold_the_standard_deviation_are_named() -> None:
    """One face beyond the largest deviation allowed; three that have half of the squared error."""
    system = DiskSystem(disk(4).faces, np.ones(96))
    ratio = np.ones(96)
    ratio[:6] = 1.06, 0.96, 1.04, 0.96, 1.04, 0.96
    assert name_obstructed(system, ratio, 0.05)[0].tolist() == [0]
    obstructed, reasons = name_obstructed(system, ratio, 0.05, 5e-3)
    assert sorted(obstructed.tolist())[0] == 0
    assert len(obstructed) == len(reasons) == 3
    assert len(name_obstructed(system, ratio, 0.05, 0.1)[0]) == 1
