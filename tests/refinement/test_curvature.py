"""Descent with the areas' curvature: lower errors where linear steps stall, without a fold."""

import numpy as np
import pytest
from shapes import disk, relief
from torture import finger, maze

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.base.errors import ConvergenceError
from meshot.meshes.surface import Surface
from meshot.refinement.curvature import AreaDescent
from meshot.refinement.disk_system import DiskSystem
from meshot.refinement.starts import even_map
from meshot.refinement.surface import refine_areas
from meshot.refinement.surface_step import SurfaceStepper


def descent(surface: Surface, uv: np.ndarray) -> AreaDescent:
    system = DiskSystem(surface.faces, surface.face_areas)
    return AreaDescent(system, uv, np.ones(len(surface.faces)), BlockCholesky(uv, system.edges))


def spread(made: AreaDescent | SurfaceStepper) -> float:
    return float(np.sqrt(np.mean((made.ratio - 1) ** 2)))


def test_slope_is_the_derivative_of_the_error() -> None:
    surface = relief(3)
    made = descent(surface, disk(3).vertices[:, :2])
    counts = np.random.default_rng(0).uniform(1, 2, len(surface.faces))
    model = made._model(counts)
    step = np.random.default_rng(1).normal(size=made.image.shape)
    step[made.system.loop, 1] = 0
    ahead, behind = (
        0.5 * made._error(made.system.measures(made.system.move(made.image, part * step)), counts)
        for part in (1e-6, -1e-6)
    )
    assert np.sum(model.slope * step) == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)


def test_reaches_areas_that_can_be_had_to_rounding() -> None:
    made = descent(relief(4, seed=3), disk(4).vertices[:, :2])
    errors = []
    while len(errors) < 60 and (not errors or errors[-1] > 1e-12):
        made.step()
        errors.append(spread(made))
    assert errors[-1] < 1e-12
    assert (made.measures > 0).all()


def test_a_minimum_of_linear_steps_is_a_saddle() -> None:
    """A long tube with a round end: where linear steps stall, curvature leads on."""
    surface = finger()
    start = even_map(surface, surface.face_areas / surface.area)
    assert start is not None
    stepper = SurfaceStepper(DiskSystem(surface.faces, surface.face_areas), start)
    for _ in range(150):
        stepper.step()
    stalled = spread(stepper)
    made = descent(surface, stepper.image)
    for _ in range(60):
        made.step()
        assert (made.measures > 0).all()
    assert spread(made) < 0.99 * stalled
    assert np.abs(np.linalg.norm(made.image[made.system.loop], axis=1) - 1).max() < 1e-12


def test_folded_strip_gets_its_areas() -> None:
    """A long strip two cells wide, where linear steps stall at 1.2e-2."""
    surface = maze(150)
    start = even_map(surface, surface.face_areas / surface.area)
    assert start is not None
    assert refine_areas(surface.faces, start, surface.face_areas, tol_sd=1e-2, tol_max=0.2).converged


def test_faces_far_off_weigh_more_if_asked() -> None:
    surface = relief(6)
    start = disk(6).vertices[:, :2]
    worst = []
    for most in (np.inf, 1e-3):
        made = descent(surface, start)
        for _ in range(3):
            made.step(most)
        worst.append(np.abs(made.ratio - 1).max())
    assert worst[1] < worst[0]


def test_a_stirred_map_is_another_without_a_fold() -> None:
    """The seed decides where it goes."""
    surface = disk(8)
    start = surface.vertices[:, :2]
    moved = []
    for seed in (0, 0, 1):
        made = descent(relief(8), start)
        made.step()
        made.stir(start, np.random.default_rng(seed))
        assert (made.measures > 0).all()
        moved.append(made.image)
    np.testing.assert_array_equal(moved[0], moved[1])
    assert np.abs(moved[2] - moved[0]).max() > 1e-3


def test_a_map_is_kept_where_no_step_can_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No matrix is definite, as where faces are thin beyond double precision."""

    def refuse(*_: object) -> None:
        raise ConvergenceError("not positive definite")

    start = disk(4).vertices[:, :2]
    made = descent(relief(4), start)
    monkeypatch.setattr(made.solver, "factorize", refuse)
    made.step()
    made.stir(start, np.random.default_rng(0))
    np.testing.assert_array_equal(made.image, start)
