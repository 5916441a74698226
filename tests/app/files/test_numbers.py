"""What every output has: numbers, whatever the shape of the triangles, and the same ones for any number of threads."""

import warnings

import numba
import numpy as np
import pytest
import torture
from shapes import ball_solid, bumpy_sphere, dumbbell_solid, relief

from meshot import area_preserving_map, conformal_map, distortion, sample, volume_preserving_map
from meshot.base.errors import ConvergenceWarning
from meshot.meshes.solid import Solid

ILL_SHAPED = ["needles 1e-3", "caps 5e-4", "boundary caps", "squeezed", "sheared", "valence 200", "closed needles"]


def assert_numbers(tree, where=""):
    """Every number in nested dictionaries and arrays is finite."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            assert_numbers(value, f"{where}/{name}")
    else:
        assert np.isfinite(np.asarray(tree, dtype=float)).all(), where


def told(mapped):
    """All that is written of a map."""
    found = distortion(mapped)
    arrays = {name: value for name, value in vars(found).items() if isinstance(value, np.ndarray)}
    return {"image": mapped.points if mapped.uv is None else mapped.uv, **arrays, **found.summary()}


@pytest.mark.parametrize("name", ILL_SHAPED)
def test_ill_shaped_triangles_give_numbers(name):
    surface = torture.CASES[name]()
    mapped = conformal_map(surface)
    assert_numbers(told(mapped))
    for method in ("sobol", "fibonacci", "random"):
        samples = sample(mapped, 50, method, rng=0)
        assert_numbers({"points": samples.points, "normals": samples.normals, "barycentric": samples.barycentric})


@pytest.mark.parametrize("name", ["caps 5e-4", "squeezed"])
def test_ill_shaped_triangles_give_numbers_with_areas_kept(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_numbers(told(area_preserving_map(torture.CASES[name]())))


def test_ill_shaped_triangles_give_numbers_on_the_sphere():
    surface = torture.insert(bumpy_sphere(2), np.arange(5), np.tile([0.5, 0.5 - 1e-5, 1e-5], (5, 1)))
    assert_numbers(told(conformal_map(surface, to="sphere")))


def with_slivers() -> Solid:
    """A ball with a vertex almost on a face of some of its tetrahedra: slivers of a millionth of the volume."""
    ball = ball_solid(1)
    inside = np.arange(0, len(ball.tetrahedra), 20)
    weights = np.array([1e-6, (1 - 1e-6) / 3, (1 - 1e-6) / 3, (1 - 1e-6) / 3])
    added = np.einsum("k,tkd->td", weights, ball.corners[inside])
    new = len(ball.vertices) + np.arange(len(inside))
    split = []
    for k in range(4):
        part = ball.tetrahedra[inside].copy()
        part[:, k] = new
        split.append(part)
    return Solid(
        np.concatenate([ball.vertices, added]), np.concatenate([np.delete(ball.tetrahedra, inside, axis=0), *split])
    )


def test_slivers_give_numbers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_numbers(told_of_solid(volume_preserving_map(with_slivers())))


def told_of_solid(mapped):
    """All that is written of a map of a solid."""
    found = distortion(mapped)
    return {"points": mapped.points, "logs": found.log_volume_ratio, **found.summary()}


MAKERS = {
    "disk": lambda: area_preserving_map(relief(20)).uv,
    "closed": lambda: area_preserving_map(bumpy_sphere(3)).uv,
    "sphere": lambda: area_preserving_map(bumpy_sphere(3), to="sphere").points,
    "ball": lambda: volume_preserving_map(dumbbell_solid(2)).points,
    "blue": lambda: sample(relief(6), 30, "blue", rng=0).points,
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_number_of_threads_changes_no_bit(name):
    wanted, threads = MAKERS[name](), numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(MAKERS[name](), wanted)
    finally:
        numba.set_num_threads(threads)
