"""The singular set of transports that are known to tear, and of those that do not."""

import numpy as np
import pytest
from tears import (
    chord,
    cut_along_chord,
    fitted_rate,
    hausdorff,
    in_peanut,
    lattice_in,
    pulled_in_sectors,
    scattered_in_ball,
    spiral,
    three_radii,
    to_annulus,
)

from meshot.base.errors import OptionError
from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.diagrams.power_diagram import power_diagram
from meshot.singular.detect import singular_set
from meshot.singular.facets import Facets, sampled
from meshot.transport.solve import solve_transport

COUNTS = (500, 2000, 8000)
H = np.sqrt(np.pi / np.array(COUNTS))


def on_facets(folds):
    return sampled(Facets(folds.points, folds.facets, folds.measures), 1e-3)[1]


# ---------------------------------------------------------------------------------------------------------------------
# known answers


def test_a_disk_cut_along_a_chord():
    """One sheet from boundary to boundary, twice d apart, at the chord with the rate of the cells' size."""
    errors = []
    for n in COUNTS:
        folds = singular_set(solve_transport(cut_along_chord(spiral(n))))
        assert len(folds.sheet_measures) == 1
        assert len(folds.branch) == len(folds.border) == 0
        errors.append(hausdorff(on_facets(folds), chord()))
    assert fitted_rate(H, errors) > 0.9
    assert errors[-1] < 0.2 * H[-1]
    assert folds.sheet_jumps == pytest.approx(0.5, abs=H[-1])
    assert folds.sheet_measures == pytest.approx(2 * np.sqrt(1 - 0.2**2), abs=2 * H[-1])


@pytest.mark.parametrize("c", [-0.5, 0.0])
def test_independent_sites_are_torn_in_the_same_place(c):
    for n in COUNTS[1:]:
        folds = singular_set(solve_transport(cut_along_chord(scattered_in_ball(n), c)))
        assert len(folds.sheet_measures) == 1
        assert len(folds.border) == 0
        assert hausdorff(on_facets(folds), chord(c)) < np.sqrt(np.pi / n)


def test_three_sectors_meet_in_one_branch_point():
    errors = []
    for n in COUNTS:
        folds = singular_set(solve_transport(pulled_in_sectors(spiral(n))))
        assert len(folds.sheet_measures) == 3
        assert len(folds.branch) == 1
        assert len(folds.border) == 0
        assert np.linalg.norm(folds.points[folds.branch]) < H[COUNTS.index(n)]
        errors.append(hausdorff(on_facets(folds), three_radii()))
    assert fitted_rate(H, errors) > 0.9
    assert folds.sheet_measures == pytest.approx(1, abs=H[-1])
    assert folds.sheet_jumps == pytest.approx(np.sqrt(3) * 0.3, abs=H[-1])


def test_an_annulus_tears_the_center():
    """A point, not a curve: all that is found shrinks into it, and it joins opposite sides of the hole.

    The map turns by h / |x| across a cell near the center, so that within sqrt(h) of it cells cannot tell a turn from
    a jump: that is the rate of the whole set. Its constant is small, and the widest jump is much nearer.
    """
    errors, peaks = [], []
    for n in COUNTS:
        folds = singular_set(solve_transport(to_annulus(spiral(n))))
        errors.append(np.linalg.norm(folds.points, axis=1).max())
        peaks.append(np.linalg.norm(folds.peak))
    assert fitted_rate(H, errors) > 0.4
    assert fitted_rate(H, peaks) > 0.9
    assert (np.array(errors) < 0.3 * H).all()
    assert (np.array(peaks) < 0.1 * H).all()
    assert folds.jump.max() > 0.8
    assert folds.measures.sum() < 0.05


def test_a_rectangle_becomes_a_peanut():
    """Two curves from the long sides inward, the mirror images of each other, the same at each resolution."""
    found = []
    for spacing in (0.06, 0.03):
        sites = lattice_in(in_peanut, [-1.5, -0.6], [1.5, 0.6], spacing)
        sites = np.concatenate([s * sites[sites[:, 0] > 0] for s in ([1, 1], [-1, 1])])  # mirror images themselves
        folds = singular_set(solve_transport(sites, domain=Box([-1, -0.5], [1, 0.5])), in_peanut)
        assert len(folds.sheet_measures) == len(folds.border) == 2
        found.append(on_facets(folds))
        assert np.abs(found[-1][:, 0]).max() < spacing  # the axis of symmetry is where it tears
        for s in (1, -1):
            assert (s * found[-1][:, 1]).max() == pytest.approx(0.5, abs=1e-6)
    assert folds.sheet_measures[0] == pytest.approx(folds.sheet_measures[1], abs=0.1)
    assert hausdorff(*found) < 0.06


# ---------------------------------------------------------------------------------------------------------------------
# convex targets


@pytest.mark.parametrize("n", [4, 50, 600, 5000])
@pytest.mark.parametrize(
    "shape", ["disk", "ellipse", "even ellipse", "square", "triangle", "graded", "two densities", "lattice"]
)
def test_convex_targets_do_not_tear(n, shape):
    rng = np.random.default_rng(n)
    side = int(np.sqrt(n))
    sites = {
        "disk": lambda: spiral(n),
        "ellipse": lambda: scattered_in_ball(n) * [3, 0.3],
        "even ellipse": lambda: spiral(n) * [2.5, 0.4],
        "square": lambda: rng.random((n, 2)),
        "triangle": lambda: rng.dirichlet([1, 1, 1], n)[:, :2],
        "graded": lambda: spiral(n) * np.linalg.norm(spiral(n), axis=1, keepdims=True) ** 2,
        "two densities": lambda: np.concatenate([rng.random((n, 2)) - [1, 0], rng.random((n // 10 + 1, 2))]),
        "lattice": lambda: np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) / side,
    }[shape]()
    for masses in (None, rng.uniform(0.2, 2, len(sites))):
        folds = singular_set(solve_transport(sites, masses, tol=1e-3))
        assert len(folds) == 0
        assert folds.summary()["sheets"] == []
        assert np.isinf(folds.distances(np.zeros((1, 2)))).all()


def test_a_single_site():
    assert len(singular_set(solve_transport([[0.3, 0.2]]))) == 0


# ---------------------------------------------------------------------------------------------------------------------
# sites of all kinds, domains, densities


def test_graded_sites_and_unequal_masses():
    """The chord stays where it is if sites are twenty times denser at one end and masses follow their cells."""
    source = spiral(6000) * np.linalg.norm(spiral(6000), axis=1, keepdims=True)
    source = source / np.linalg.norm(source, axis=1).max()
    masses = power_diagram(source).masses
    folds = singular_set(solve_transport(cut_along_chord(source, 0.1), masses))
    assert len(folds.sheet_measures) == 1
    assert hausdorff(on_facets(folds), chord(0.1)) < 0.03


def test_a_polygon_far_from_the_origin():
    """Moving source and target moves the set along."""
    shift = np.array([300.0, -200.0])
    polygon = ConvexPolygon(np.array([[-1, -1], [1, -1], [1.5, 0], [1, 1], [-1, 1]]) + shift)
    rng = np.random.default_rng(3)
    sites = rng.uniform(-1, 1, (3000, 2))
    sites[:, 0] += np.sign(sites[:, 0])
    folds = singular_set(solve_transport(sites + 7 * shift, domain=polygon, tol=1e-4))
    assert len(folds.sheet_measures) == 1
    assert len(folds.border) == 0
    assert np.ptp(folds.points[:, 1]) == pytest.approx(2, abs=0.01)


def test_nothing_is_found_where_a_density_vanishes():
    """There the map is not determined, so that a jump means nothing."""
    from meshot.diagrams.density.densities import GridDensity

    halves = GridDensity([[1.0, 0.0, 0.0, 1.0]], [-1, -1], [1, 1])
    sites = np.random.default_rng(0).uniform(-1, 1, (1500, 2))
    sites[:, 0] += np.sign(sites[:, 0])
    right = sites[:, 0] > 0
    masses = np.where(right, 1 / right.sum(), 1 / (~right).sum())
    folds = singular_set(solve_transport(sites, masses, density=halves, tol=1e-4))
    assert len(folds) == 0


# ---------------------------------------------------------------------------------------------------------------------
# options


def test_noise_is_removed_and_counted():
    result = solve_transport(scattered_in_ball(2000), tol=1e-4)
    kept = singular_set(result, threshold=1.0, noise=True)
    clean = singular_set(result, threshold=1.0)
    assert kept.removed == 0
    assert clean.removed == len(kept) - len(clean) > 0
    degrees = np.bincount(clean.facets.ravel(), minlength=len(clean.points))
    assert (degrees[clean.facets].max(axis=1) > 1).all()


def test_criteria_agree_on_a_wide_tear():
    """Where all is regular and the tear is wide, every criterion finds the same facets."""
    result = solve_transport(cut_along_chord(spiral(2000), 0.0, 0.5))
    inside = lambda p: (np.abs(p[:, 0]) > 0.5) & (np.hypot(np.abs(p[:, 0]) - 0.5, p[:, 1]) < 1.0)  # noqa: E731
    expected = singular_set(result)
    for criterion in ("adjacency", "normal"):
        found = singular_set(result, inside, criterion)
        assert found.pairs.tolist() == expected.pairs.tolist()
        assert found.criterion == criterion
    assert singular_set(result, inside).pairs.tolist() == expected.pairs.tolist()


def test_angles_are_seen_from_the_origin():
    """Two sites in line with the origin have no angle between them, however far apart."""
    sites = np.array([[1.0, 0.0], [3.0, 0.0], [1.0, 0.1], [3.0, 0.3]])
    folds = singular_set(solve_transport(sites), criterion="angle", threshold=0.04, noise=True)
    found = {tuple(pair) for pair in folds.pairs.tolist()}
    assert {(0, 2), (1, 3)} <= found
    assert not found & {(0, 1), (2, 3)}
    assert folds.threshold == 0.04


def test_figures():
    folds = singular_set(solve_transport(pulled_in_sectors(spiral(1000))))
    told = folds.summary()
    assert told["facets"] == len(folds) == sum(np.bincount(folds.sheets))
    assert told["measure"] == pytest.approx(sum(sheet["measure"] for sheet in told["sheets"]))
    assert [s["measure"] for s in told["sheets"]] == sorted((s["measure"] for s in told["sheets"]), reverse=True)
    assert told["criterion"] == "jump"
    assert told["threshold"] == 1.2
    assert told["branch_points"] == 1
    assert told["target_spacing"] == pytest.approx(np.sqrt(np.pi / 1000), rel=0.1)
    assert (folds.pairs[:, 0] < folds.pairs[:, 1]).all()
    assert (folds.jump > 0.3).all()


def test_distances_are_those_to_the_set():
    folds = singular_set(solve_transport(cut_along_chord(spiral(2000), 0.2)))
    points = scattered_in_ball(200) * 0.9
    near = np.abs(points[:, 1]) < 0.9
    assert folds.distances(points[near]) == pytest.approx(np.abs(points[near, 0] - 0.2), abs=0.02)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"criterion": "curvature"}, "curvature"),
        ({"criterion": "adjacency"}, "target"),
        ({"criterion": "adjacency", "target": in_peanut, "threshold": 1.5}, "whole number"),
        ({"threshold": -1.0}, "positive"),
        ({"threshold": np.nan}, "positive"),
        ({"target": "a mesh"}, "target"),
    ],
)
def test_options_that_make_no_sense(options, word):
    with pytest.raises(OptionError, match=word):
        singular_set(solve_transport(spiral(10)), **options)


def test_nothing_given_is_changed():
    sites = cut_along_chord(spiral(300))
    before = sites.copy()
    result = solve_transport(sites, domain=Disk())
    weights = result.weights.copy()
    singular_set(result)
    assert (sites == before).all()
    assert (result.weights == weights).all()
