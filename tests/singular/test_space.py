"""Singular sets in space: sheets and their branch curves, points and curves that tear, and targets that do not."""

import numpy as np
import pytest
from tears import (
    THIRD,
    around_axis,
    cut_along_chord,
    fitted_rate,
    hausdorff,
    lattice_in_ball,
    pulled_in_sectors,
    scattered_in_ball,
    to_annulus,
)

from meshot.diagrams.domains import Ball
from meshot.singular.detect import singular_set
from meshot.transport.solve import solve_transport

COUNTS = (800, 2000, 5000)
SIZES = [len(lattice_in_ball(n)) for n in COUNTS]
H = (4 * np.pi / 3 / np.array(SIZES)) ** (1 / 3)


def folds_of(sites, **options):
    return singular_set(solve_transport(sites, domain=Ball(), tol=1e-3), **options)


def distance(folds, own, true):
    """Hausdorff distance: `own` is that of the corners to the true set, of which `true` are points."""
    return max(own.max(), folds.distances(true).max())


def plane_disk(c):
    """Points of the disk that the plane x = c cuts out of the ball."""
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 101), np.linspace(-1, 1, 101)), axis=-1).reshape(-1, 2)
    grid = grid[(grid**2).sum(axis=1) < 1 - c**2]
    return np.column_stack([np.full(len(grid), c), grid])


def half_disks():
    """Points of three half-disks between the z axis and the sphere."""
    disk = plane_disk(0.0)[:, 1:]
    half = disk[disk[:, 0] >= 0]
    turns = [(np.cos(k * THIRD), np.sin(k * THIRD)) for k in range(3)]
    return np.concatenate([np.column_stack([half[:, :1] * [turn], half[:, 1]]) for turn in turns])


def test_a_ball_cut_by_a_plane():
    """One sheet, up to the sphere, at the plane with the rate of the cells' size."""
    errors = []
    for n in COUNTS:
        folds = folds_of(cut_along_chord(lattice_in_ball(n), 0.2, 0.4))
        assert len(folds.sheet_measures) == 1
        assert len(folds.branch) == 0
        errors.append(distance(folds, np.abs(folds.points[:, 0] - 0.2), plane_disk(0.2)))
    assert fitted_rate(H, errors) > 0.8
    assert errors[-1] < 0.5 * H[-1]
    assert len(folds.border) == 0
    assert folds.sheet_measures[0] == pytest.approx(np.pi * (1 - 0.2**2), rel=0.05)
    assert folds.sheet_jumps[0] == pytest.approx(0.8, abs=H[-1])


def test_three_half_disks_and_their_diameter():
    errors, ends = [], []
    for n in COUNTS[1:]:
        folds = folds_of(pulled_in_sectors(lattice_in_ball(n), 0.4))
        assert len(folds.sheet_measures) == 3
        angle = np.arctan2(folds.points[:, 1], folds.points[:, 0])
        aside = (angle + THIRD / 2) % THIRD - THIRD / 2
        radius = np.linalg.norm(folds.points[:, :2], axis=1)
        errors.append(distance(folds, radius * np.abs(np.sin(aside)), half_disks()))
        curve = folds.points[folds.branch]
        diameter = np.column_stack([np.zeros((201, 2)), np.linspace(-1, 1, 201)])
        ends.append(hausdorff(curve.reshape(-1, 3), diameter))
        assert np.linalg.norm(curve[:, 0] - curve[:, 1], axis=1).sum() == pytest.approx(2, rel=0.3)
    told = folds.summary()
    assert told["branch_length"] == pytest.approx(2, rel=0.3)
    assert told["free_border"] == pytest.approx(0, abs=0.05)
    assert (np.array(errors) < H[1:]).all()
    assert (np.array(ends) < H[1:]).all()
    assert errors[1] < 0.85 * errors[0]  # the cells are smaller by 0.7
    assert folds.sheet_measures == pytest.approx(np.pi / 2, rel=0.06)
    assert folds.sheet_jumps == pytest.approx(np.sqrt(3) * 0.4, abs=H[-1])


@pytest.mark.parametrize(("target", "axes"), [(to_annulus, 3), (around_axis, 2)])
def test_a_point_and_a_curve(target, axes):
    """The center for a shell, the z axis within the ball for a ring: all that is found is near it, all of it found."""
    errors = []
    for n in COUNTS[1:]:
        folds = folds_of(target(lattice_in_ball(n)))
        errors.append(np.linalg.norm(folds.points[:, :axes], axis=1).max())
        if axes == 2:
            assert folds.points[:, 2].min() < -0.9
            assert folds.points[:, 2].max() > 0.9
    assert (np.array(errors) < H[1:]).all()
    assert np.linalg.norm(folds.peak[:axes]) < 0.1 * H[-1]
    assert folds.jump.max() > 0.85


@pytest.mark.parametrize("n", [30, 1500])
@pytest.mark.parametrize("kind", ["ball", "even ellipsoid", "ellipsoid", "cube", "masses", "graded"])
def test_convex_targets_do_not_tear(n, kind):
    rng = np.random.default_rng(n)
    scattered = scattered_in_ball(n, 3)
    sites = {
        "ball": lattice_in_ball(n),
        "even ellipsoid": lattice_in_ball(n) * [2, 1, 0.5],
        "ellipsoid": scattered * [2, 1, 0.5],
        "cube": rng.random((n, 3)),
        "masses": scattered,
        "graded": scattered * np.linalg.norm(scattered, axis=1, keepdims=True) ** 2,
    }[kind]
    masses = rng.uniform(0.2, 2, len(sites)) if kind == "masses" else None
    folds = singular_set(solve_transport(sites, masses, domain=Ball(), tol=1e-3))
    assert len(folds) == 0


def test_independent_sites():
    folds = folds_of(cut_along_chord(scattered_in_ball(2500, 3), 0.1, 0.4))
    assert distance(folds, np.abs(folds.points[:, 0] - 0.1), plane_disk(0.1)) < (4 * np.pi / 3 / 2500) ** (1 / 3)
    assert folds.sheet_measures[0] > 0.99 * folds.measures.sum()


def test_a_target_finds_narrow_tears():
    """Two halves 1.4 spacings apart: too near for the sites alone to tell, but not for who knows the target."""
    sites = cut_along_chord(lattice_in_ball(2400), 0.0, 0.07)
    inside = lambda p: (np.abs(p[:, 0]) > 0.07) & (((np.abs(p) - [0.07, 0, 0]) ** 2).sum(axis=1) < 1)  # noqa: E731
    assert len(folds_of(sites)) == 0
    folds = folds_of(sites, target=inside, threshold=0.3)
    assert distance(folds, np.abs(folds.points[:, 0]), plane_disk(0.0)) < H[1]
