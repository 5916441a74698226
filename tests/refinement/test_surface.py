"""Refinement of disk maps: exact triangle areas, no fold, boundary on the circle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import cap, disk, plane_areas, relief

from meshot.base.arrays import cross2
from meshot.base.errors import ConvergenceWarning, GeometryError
from meshot.meshes.surface import Surface
from meshot.refinement.disk_system import DiskSystem
from meshot.refinement.refiner import Refinement
from meshot.refinement.surface import refine_areas
from meshot.refinement.surface_step import SurfaceStepper


def assert_exact(
    result: Refinement, faces: np.ndarray, targets: np.ndarray, sd: float = 1e-3, worst: float = 5e-2
) -> None:
    signed = plane_areas(faces, result.image)
    longest = np.linalg.norm(result.image[faces] - result.image[np.roll(faces, 1, axis=1)], axis=2).max(axis=1)
    ratio = signed / signed.sum() * targets.sum() / targets
    assert (signed > 1e-12 * longest**2).all()
    assert ratio.std() <= sd
    assert np.abs(ratio - 1).max() <= worst
    np.testing.assert_allclose(result.ratio, ratio, rtol=1e-9)
    assert_rim(faces, result.image)


def assert_rim(faces: np.ndarray, uv: np.ndarray) -> None:
    loop = Surface(np.zeros((len(uv), 3)), faces).boundary_loops[0]
    assert np.abs(np.linalg.norm(uv[loop], axis=1) - 1).max() < 1e-12
    here, there = uv[loop], uv[np.roll(loop, -1)]
    steps = np.arctan2(cross2(here, there), (here * there).sum(axis=1))
    assert (steps > 0).all()
    assert steps.sum() == pytest.approx(2 * np.pi)


def jitter(surface: Surface, uv: np.ndarray, amount: float, seed: int = 0) -> np.ndarray:
    """Move the vertices at random by `amount` of the mean edge length, those on the circle along it and less."""
    rng = np.random.default_rng(seed)
    edge = np.linalg.norm(uv[surface.edges[:, 0]] - uv[surface.edges[:, 1]], axis=1).mean()
    moved = uv + amount * edge * rng.normal(size=uv.shape)
    loop = surface.boundary_loops[0]
    angle = np.arctan2(uv[loop, 1], uv[loop, 0]) + 0.2 * amount * edge * rng.normal(size=len(loop))
    moved[loop] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return moved


@pytest.mark.uncompiled
def test_exact_start_is_returned_unchanged() -> None:
    surface = disk(6)
    uv = surface.vertices[:, :2]
    result = refine_areas(surface.faces, uv, plane_areas(surface.faces, uv))
    assert result.converged
    assert result.iterations == 0
    np.testing.assert_allclose(result.image, uv, atol=1e-15)


@pytest.mark.parametrize("amount", [0.05, 0.15])
def test_jittered_known_map_is_recovered(amount: float) -> None:
    surface = disk(12)
    uv = surface.vertices[:, :2]
    targets = plane_areas(surface.faces, uv)
    result = refine_areas(surface.faces, jitter(surface, uv, amount), targets, tol_sd=1e-6, tol_max=1e-5)
    assert_exact(result, surface.faces, targets, 1e-6, 1e-5)


def test_folded_start_is_unfolded() -> None:
    surface = disk(12)
    uv = surface.vertices[:, :2]
    start = jitter(surface, uv, 0.2)
    assert (plane_areas(surface.faces, start) < 0).any()
    targets = plane_areas(surface.faces, uv)
    result = refine_areas(surface.faces, start, targets)
    assert_exact(result, surface.faces, targets)


def test_fold_free_map_stays_fold_free() -> None:
    surface = disk(12)
    start = jitter(surface, surface.vertices[:, :2], 0.2)
    targets = plane_areas(surface.faces, surface.vertices[:, :2])
    flipped = [step.flipped for step in refine_areas(surface.faces, start, targets).history]
    assert flipped[0] > 0
    assert flipped[flipped.index(0) :] == [0] * (len(flipped) - flipped.index(0))


@pytest.mark.uncompiled
def test_exact_to_rounding_where_the_equations_are_regular() -> None:
    """A coarse mesh without symmetry: areas of a known map are met to the last digits."""
    surface = relief(4, seed=3)
    uv = disk(4).vertices[:, :2]
    targets = plane_areas(surface.faces, jitter(surface, uv, 0.05, 1))
    result = refine_areas(surface.faces, jitter(surface, uv, 0.05), targets, tol_sd=1e-13)
    assert_exact(result, surface.faces, targets, 2e-13, 1e-11)


def test_radial_density_becomes_uniform() -> None:
    """Rings of equal width get areas that grow by the radius squared: radii at r = rho^2 in the exact map."""
    surface = disk(16)
    uv = surface.vertices[:, :2]
    wanted = uv * np.linalg.norm(uv, axis=1, keepdims=True)
    targets = plane_areas(surface.faces, wanted)
    result = refine_areas(surface.faces, uv, targets)
    assert_exact(result, surface.faces, targets)
    radius = np.linalg.norm(result.image, axis=1)
    assert np.abs(radius - np.linalg.norm(wanted, axis=1)).max() < 0.02


@pytest.mark.parametrize("surface", [cap(14), cap(14, angle=2.0), relief(14)], ids=["hemisphere", "deep cap", "relief"])
def test_curved_surface_from_its_projection(surface: Surface) -> None:
    uv = disk(14).vertices[:, :2]
    result = refine_areas(surface.faces, uv, surface.face_areas)
    assert_exact(result, surface.faces, surface.face_areas)


@given(st.floats(0, 6.28), st.floats(1e-6, 1e6))
@settings(max_examples=5, deadline=None)
def test_rotation_and_unit_of_area(angle: float, unit: float) -> None:
    surface = relief(8)
    uv = disk(8).vertices[:, :2]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    plain = refine_areas(surface.faces, uv, surface.face_areas, tol_sd=3e-3)
    turned = refine_areas(surface.faces, uv @ turn, unit * surface.face_areas, tol_sd=3e-3)
    np.testing.assert_allclose(turned.image, plain.image @ turn, atol=1e-6)


def test_obstructed_faces_are_named() -> None:
    """Ten ears around a decagon: ears in the circle are thin, and cannot have half of the area."""
    angle = 2 * np.pi * np.arange(20) / 20
    uv = np.vstack([np.stack([np.cos(angle), np.sin(angle)], axis=1), [[0.0, 0.0]]])
    even = 2 * np.arange(10)
    ears = np.stack([even, even + 1, (even + 2) % 20], axis=1)
    core = np.stack([even, (even + 2) % 20, np.full(10, 20)], axis=1)
    faces = np.vstack([ears, core])
    with pytest.warns(ConvergenceWarning, match="20 faces hold it"):
        result = refine_areas(faces, uv, np.ones(20), max_iter=30)
    assert not result.converged
    assert set(result.obstructed) == set(range(20))
    reasons = dict(zip(result.obstructed.tolist(), result.reasons, strict=True))
    assert reasons[3].startswith("it lies in one of these: 10 parts beyond edges between boundary vertices do not fit")
    assert result.flipped == 0
    assert_rim(faces, result.image)


@pytest.mark.uncompiled
def test_inputs_are_kept_and_loose_vertices_passed_through() -> None:
    surface = disk(5)
    faces = surface.faces + 1
    uv = np.vstack([[np.nan, np.nan], jitter(surface, surface.vertices[:, :2], 0.1)])
    targets = plane_areas(surface.faces, surface.vertices[:, :2])
    before = faces.copy(), uv.copy(), targets.copy()
    result = refine_areas(faces, uv, targets)
    for array, copy in zip((faces, uv, targets), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert np.isnan(result.image[0]).all()
    assert np.isfinite(result.image[1:]).all()


def test_callback_hears_of_every_step_and_halts() -> None:
    surface = relief(8)
    heard = []

    def listen(step: object) -> None:
        heard.append(step)
        if len(heard) == 3:
            raise StopIteration

    with pytest.warns(ConvergenceWarning):
        result = refine_areas(surface.faces, disk(8).vertices[:, :2], surface.face_areas, tol_sd=1e-14, callback=listen)
    assert result.iterations == 2
    assert list(result.history) == heard


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_target_that_is_not_positive_is_refused(bad: float) -> None:
    surface = disk(3)
    targets = np.ones(len(surface.faces))
    targets[7] = bad
    with pytest.raises(GeometryError, match="not positive") as caught:
        refine_areas(surface.faces, surface.vertices[:, :2], targets)
    assert caught.value.ids == (7,)


def test_boundary_out_of_order_is_refused() -> None:
    surface = disk(3)
    uv = surface.vertices[:, :2].copy()
    a, b = surface.boundary_loops[0][4:6]
    uv[[a, b]] = uv[[b, a]]
    with pytest.raises(GeometryError, match="once round the circle"):
        refine_areas(surface.faces, uv, np.ones(len(surface.faces)))


def test_a_stirred_map_sets_out_from_where_it_was() -> None:
    """The seed decides where it goes, without a fold."""
    surface = disk(8)
    start = jitter(surface, surface.vertices[:, :2], 0.05)
    moved = []
    for seed in (0, 0, 1):
        stepper = SurfaceStepper(DiskSystem(surface.faces, surface.face_areas), start)
        stepper.step()
        stepper.stir(start, np.random.default_rng(seed))
        np.testing.assert_array_equal(stepper.image, start)
        stepper.step()
        moved.append(stepper.image)
        assert (stepper.measures > 0).all()
        assert_rim(surface.faces, stepper.image)
    np.testing.assert_array_equal(moved[0], moved[1])
    assert np.abs(moved[2] - moved[0]).max() > 1e-3


def test_patience_ends_a_refinement_that_stalls() -> None:
    """Alternating areas on a regular mesh cannot be had."""
    surface = disk(6)
    targets = np.where(np.arange(len(surface.faces)) % 2, 1.0, 3.0)
    steps = []
    for patience in (5, 20):
        with pytest.warns(ConvergenceWarning):
            result = refine_areas(surface.faces, surface.vertices[:, :2], targets, patience=patience)
        steps.append(result.iterations)
    assert 5 <= steps[0] < steps[1] < 300


def test_curvature_of_the_areas_is_their_second_derivative() -> None:
    """Twice differentiated along random steps, boundary vertices along the circle, against differences."""
    surface = relief(3)
    system = DiskSystem(surface.faces, surface.face_areas)
    rng = np.random.default_rng(0)
    uv = jitter(surface, disk(3).vertices[:, :2], 0.1)
    forces, step, small = rng.normal(size=len(surface.faces)), rng.normal(size=uv.shape), 1e-4
    step[system.loop, 1] = 0
    none = np.zeros((len(uv), 2, 2)), np.zeros((len(system.edges), 2, 2))
    blocks = system.bend(none, uv, system.frames(uv), forces)
    ahead, here, behind = (forces @ system.measures(system.move(uv, k * small * step)) for k in (1, 0, -1))
    assert np.sum(step * system.multiply(blocks, step)) == pytest.approx(
        (ahead - 2 * here + behind) / small**2, rel=1e-5
    )
    assert not none[0].any()
