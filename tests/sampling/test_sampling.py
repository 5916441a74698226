import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from shapes import cap, disk, icosphere, relief, triangle

from meshot.conformal.conformal import conformal_map
from meshot.errors import GeometryError
from meshot.mapping.maps import SurfaceMap
from meshot.meshes.mesh import Surface
from meshot.sampling.sampling import METHODS, sample, square_to_disk, square_to_sphere


def as_map(surface, uv):
    return SurfaceMap(surface, np.asarray(uv, dtype=float), np.arange(len(surface.vertices)))


def flat(rings=40):
    """A flat disk onto itself: exactly area-preserving."""
    surface = disk(rings)
    return as_map(surface, surface.vertices[:, :2])


def hemisphere(rings=30):
    """Lambert's map, which preserves areas up to the size of the triangles."""
    half = cap(rings)
    x, y, z = half.vertices.T
    return as_map(half, np.stack([x, y], axis=1) / np.sqrt(1 + z)[:, None])


def weighted(samples, values):
    return np.einsum("nk,nk...->n...", samples.barycentric, values)


def chi_square(surface_map, samples, patches=60):
    """Pearson's statistic of the counts in patches of consecutive faces, against their shares of the area."""
    surface = surface_map.surface
    patch = np.arange(len(surface.faces)) * patches // len(surface.faces)
    expected = len(samples) * np.bincount(patch, surface.face_areas) / surface.area
    return ((np.bincount(patch[samples.faces], minlength=patches) - expected) ** 2 / expected).sum()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 7, 1000, 1025])
def test_exactly_n_points_that_lie_where_they_say(method, n):
    surface_map = hemisphere(8)
    surface = surface_map.surface
    samples = sample(surface_map, n, method=method, rng=3)
    assert len(samples) == len(samples.points) == len(samples.uv) == n
    assert (samples.barycentric >= 0).all()
    np.testing.assert_allclose(samples.barycentric.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(samples.points, weighted(samples, surface.corners[samples.faces]), atol=1e-15)
    np.testing.assert_allclose(samples.uv, weighted(samples, surface_map.uv[surface.faces[samples.faces]]), atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(samples.normals, axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides(method):
    surface_map = hemisphere(6)
    one, two = (sample(surface_map, 100, method=method, rng=5) for _ in range(2))
    other = sample(surface_map, 100, method=method, rng=6)
    generator = sample(surface_map, 100, method=method, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(one.points, generator.points)
    assert not np.allclose(one.points, other.points)


@pytest.mark.parametrize("method", ["r2", "fibonacci"])
def test_sequences_without_chance_need_no_seed(method):
    one, two = (sample(hemisphere(6), 50, method=method) for _ in range(2))
    np.testing.assert_array_equal(one.points, two.points)


@pytest.mark.parametrize("method", ["sobol", "r2"])
def test_the_first_points_are_a_sample_themselves(method):
    surface_map = hemisphere(6)
    few, many = (sample(surface_map, n, method=method, rng=1) for n in (100, 900))
    np.testing.assert_array_equal(few.points, many.points[:100])


def test_random_counts_pass_a_chi_square_test():
    surface_map = hemisphere(10)
    statistics = [chi_square(surface_map, sample(surface_map, 6000, "random", rng=seed)) for seed in range(10)]
    low, high = chi2.ppf([1e-4, 1 - 1e-4], 10 * 59)
    assert low < sum(statistics) < high


@pytest.mark.parametrize("method", ["sobol", "r2", "fibonacci", "stratified"])
def test_even_counts_vary_far_less_than_random_ones(method):
    surface_map = flat()
    assert chi_square(surface_map, sample(surface_map, 6000, method, rng=0)) < 0.35 * 59


@pytest.mark.parametrize("method", ["sobol", "r2", "fibonacci"])
def test_integrals_are_much_better_than_random_ones(method):
    """A smooth function on the hemisphere: root mean square error over seeds, against its mean over many points."""
    surface_map = hemisphere()

    def mean(n, method, seed):
        x, y, z = sample(surface_map, n, method, rng=seed).points.T
        return np.mean(np.exp(x) * np.cos(2 * y) + z)

    exact = np.mean([mean(100_000, "fibonacci", seed) for seed in range(3)])
    even, random = (
        np.sqrt(np.mean([(mean(4000, m, seed) - exact) ** 2 for seed in range(10)])) for m in (method, "random")
    )
    assert even < 0.1 * random


@pytest.mark.parametrize("method", ["sobol", "r2", "fibonacci"])
def test_points_of_the_disk_are_found_in_their_triangles(method):
    """The identity of the disk: points come back where the point set has them, but for the slivers at the circle."""
    samples = sample(flat(20), 2000, method, rng=0)
    np.testing.assert_allclose(samples.points[:, :2], samples.uv, atol=1e-15)
    same = sample(flat(21), 2000, method, rng=0)
    moved = np.linalg.norm(samples.uv - same.uv, axis=1)
    assert (moved < 1e-12).mean() > 0.995
    assert moved.max() < 2 * (1 - np.cos(np.pi / 120)) + 1e-12


def test_points_in_the_sliver_go_to_the_nearest_boundary_edge():
    triangle_map = as_map(triangle(), np.array([[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]]))
    samples = sample(triangle_map, 500, "fibonacci")
    index = np.arange(500)
    spiral = np.sqrt((index + 0.5) / 500) * np.exp(1j * np.pi * (3 - 5**0.5) * index)
    moved = np.abs(samples.uv @ [1, 1j] - spiral) > 1e-9
    assert moved.mean() == pytest.approx(1 - 3 * 0.75**0.5 / (2 * np.pi), abs=0.02)
    turns = np.exp(-1j * (np.pi / 3 + 2 * np.pi / 3 * np.arange(3)))  # each edge, turned to x = 1/2
    beyond = (spiral[:, None] * turns).real.max(axis=1) > 0.5
    np.testing.assert_array_equal(moved, beyond)
    assert (samples.barycentric[moved].min(axis=1) == 0).all()
    landed = (samples.uv @ [1, 1j])[moved, None] * turns
    np.testing.assert_allclose(landed.real.max(axis=1), 0.5, rtol=1e-12)


def test_a_bare_surface_is_mapped_first():
    samples = sample(relief(8), 200, "sobol", rng=0)
    assert len(samples) == 200
    assert np.linalg.norm(samples.uv, axis=1).max() <= 1 + 1e-9


def test_random_needs_no_map():
    """Two components cannot be mapped, but they can be sampled."""
    pair = Surface(np.concatenate([triangle().vertices, 5 + triangle().vertices]), [[0, 1, 2], [3, 4, 5]])
    samples = sample(pair, 1000, "random", rng=0)
    assert np.isnan(samples.uv).all()
    assert 400 < (samples.faces == 0).sum() < 600


def test_faces_without_area_get_no_points():
    surface = Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]], [[0, 1, 2], [0, 1, 3], [0, 2, 1]])
    assert set(sample(surface, 200, "random", rng=0).faces) == {1}


def test_normals_and_attributes_do_not_see_the_cut():
    """On a cut sphere normals stay radial across the seam, and positions are interpolated as positions."""
    ball = icosphere(3)
    cut = conformal_map(ball)
    assert len(cut.surface.vertices) > len(ball.vertices)
    samples = sample(cut, 3000, "random", rng=0)
    radial = samples.points / np.linalg.norm(samples.points, axis=1, keepdims=True)
    assert (samples.normals * radial).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(samples.interpolate(ball.vertices), samples.points, atol=1e-15)
    assert samples.corners.max() < len(ball.vertices)


def test_attributes_of_any_shape():
    samples = sample(hemisphere(6), 40, "r2")
    vertices = hemisphere(6).surface.vertices
    np.testing.assert_allclose(samples.interpolate(vertices[:, 2]), samples.points[:, 2], atol=1e-15)
    tensors = vertices[:, :, None] * vertices[:, None, :]
    assert samples.interpolate(tensors).shape == (40, 3, 3)


def test_a_folded_map_still_gives_every_point():
    surface = disk(4)
    uv = surface.vertices[:, :2].copy()
    uv[0] = [0.5, 0.1]
    samples = sample(as_map(surface, uv), 500, "sobol", rng=0)
    assert (samples.barycentric >= 0).all()


@pytest.mark.parametrize("n", [0, -3])
def test_too_few_points_are_refused(n):
    with pytest.raises(ValueError, match=f"at least 1, got {n}"):
        sample(flat(2), n)


def test_an_unknown_method_names_the_choices():
    with pytest.raises(ValueError, match="sobol, r2, fibonacci, stratified, random"):
        sample(flat(2), 5, method="even")


def test_nothing_to_sample():
    with pytest.raises(GeometryError, match="no area"):
        sample(Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), 5, "random")
    with pytest.raises(GeometryError, match="no area"):
        sample(as_map(triangle(), np.zeros((3, 2))), 5)


def test_results_are_frozen():
    samples = sample(flat(2), 5)
    with pytest.raises(ValueError, match="read-only"):
        samples.points[0] = 0


unit = st.floats(0, 1)


@given(unit, unit, unit, unit)
@settings(max_examples=60, deadline=None)
def test_the_square_goes_to_the_disk_ring_by_ring(x, y, u, v):
    one, two = square_to_disk(np.array([[x, y], [u, v]]))
    square = np.abs(2 * np.array([x, y]) - 1).max()
    assert np.linalg.norm(one) == pytest.approx(square, abs=1e-12)
    apart = np.linalg.norm([x - u, y - v])
    if apart > 1e-9:
        # Bounded stretch both ways: nothing is torn, nothing is glued.
        assert 0.3 * apart < np.linalg.norm(one - two) < 3.5 * apart


def test_the_square_to_disk_map_keeps_areas():
    rng = np.random.default_rng(0)
    corner = rng.random((500, 2)) * 0.98
    step = 1e-5
    a, b, c = (square_to_disk(corner + shift) for shift in ([0, 0], [step, 0], [0, step]))
    jacobian = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / step**2
    close = np.abs(np.abs(2 * corner[:, 0] - 1) - np.abs(2 * corner[:, 1] - 1)) < 1e-3  # across the diagonals it bends
    np.testing.assert_allclose(jacobian[~close], np.pi, rtol=1e-2)


def sphere(subdivisions=3):
    """The identity of a sphere."""
    ball = icosphere(subdivisions)
    return SurfaceMap(ball, ball.vertices[:, :2], np.arange(len(ball.vertices)), points=ball.vertices)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 7, 1025])
def test_samples_through_the_sphere(method, n):
    surface_map = sphere(2)
    samples = sample(surface_map, n, method=method, rng=3)
    assert len(samples) == n
    assert (samples.barycentric >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(samples.uv, axis=1), 1, rtol=1e-14)
    # A sphere's own points are hit by the rays through them.
    np.testing.assert_allclose(np.cross(samples.points, samples.uv), 0, atol=1e-12)


@pytest.mark.parametrize("method", ["sobol", "r2", "fibonacci", "stratified"])
def test_samples_through_the_sphere_are_even(method):
    """Far more even than random ones: Pearson's statistic stays below its least per cent."""
    assert chi_square(sphere(), sample(sphere(), 6000, method=method, rng=0)) < chi2.ppf(0.01, 59)


def test_a_square_goes_to_the_sphere_without_change_of_area():
    """The heights and the angles are uniform (Archimedes)."""
    points = square_to_sphere(np.random.default_rng(0).random((1000, 2)))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-14)
    x, y = np.meshgrid((np.arange(40) + 0.5) / 40, (np.arange(40) + 0.5) / 40)
    grid = square_to_sphere(np.stack([x.ravel(), y.ravel()], axis=1))
    np.testing.assert_allclose(grid.T @ grid / 1600, np.eye(3) / 3, atol=1e-3)


def test_a_bare_closed_surface_is_sampled_through_the_sphere():
    samples = sample(icosphere(2), 500, to="sphere", rng=0)
    assert samples.uv.shape == (500, 3)
    assert np.abs(samples.points.mean(axis=0)).max() < 0.01
