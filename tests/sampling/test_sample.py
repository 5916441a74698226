import numpy as np
import pytest
from handmade import flat_map
from scipy.stats import chi2
from shapes import cap, disk, grid, icosphere, relief, triangle
from similar import assert_unit_and_place_do_not_matter

from meshot.base.errors import GeometryError
from meshot.conformal.disk import conformal_map
from meshot.maps.surface_map import SurfaceMap
from meshot.maps.target import square_to_disk
from meshot.meshes.surface import Surface
from meshot.sampling.sample import METHODS, SQUARE_POINTS, sample
from meshot.sampling.weights import Texture


def flat(rings=40):
    """A flat disk onto itself: exactly area-preserving."""
    surface = disk(rings)
    return flat_map(surface)


def hemisphere(rings=30):
    """Lambert's map, which preserves areas up to the size of the triangles."""
    half = cap(rings)
    x, y, z = half.vertices.T
    return flat_map(half, np.stack([x, y], axis=1) / np.sqrt(1 + z)[:, None])


def weighted(samples, values):
    return np.einsum("nk,nk...->n...", samples.barycentric, values)


def patches_of(surface, side=8):
    """About equal, compact patches: strips by x, each cut by y."""
    middles = surface.corners.mean(axis=1)
    patch = np.empty(len(middles), dtype=int)
    for k, strip in enumerate(np.array_split(np.argsort(middles[:, 0], kind="stable"), side)):
        for j, part in enumerate(np.array_split(strip[np.argsort(middles[strip, 1], kind="stable")], side)):
            patch[part] = side * k + j
    return patch


def chi_square(surface_map, samples, side=8):
    """Pearson's statistic of the counts in side^2 patches, against their shares of the area."""
    surface = surface_map.surface
    patch = patches_of(surface, side)
    expected = len(samples) * np.bincount(patch, surface.face_areas) / surface.area
    return ((np.bincount(patch[samples.faces], minlength=side**2) - expected) ** 2 / expected).sum()


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
    low, high = chi2.ppf([1e-4, 1 - 1e-4], 10 * 63)
    assert low < sum(statistics) < high


@pytest.mark.parametrize("method", ["sobol", "r2", "fibonacci", "stratified"])
def test_even_counts_vary_far_less_than_random_ones(method):
    surface_map = flat()
    assert chi_square(surface_map, sample(surface_map, 6000, method, rng=0)) < 0.35 * 63


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


def test_the_spiral_is_found_in_its_triangles():
    """The identity of the disk: points come back where the spiral has them, but for the slivers at the circle."""
    samples = sample(flat(20), 2000, "fibonacci", rng=0)
    np.testing.assert_allclose(samples.points[:, :2], samples.uv, atol=1e-15)
    same = sample(flat(21), 2000, "fibonacci", rng=0)
    moved = np.linalg.norm(samples.uv - same.uv, axis=1)
    assert (moved < 1e-12).mean() > 0.995
    assert moved.max() < 2 * (1 - np.cos(np.pi / 120)) + 1e-12


@pytest.mark.parametrize("method", ["sobol", "r2", "stratified"])
def test_points_stay_within_the_size_of_a_triangle(method):
    """The identity of the disk: the warp moves points by some triangles' sizes, and half as far on half the size."""
    square = SQUARE_POINTS[method](3000, 0)
    moved = [
        np.linalg.norm(sample(flat(rings), 3000, method, rng=0).uv - square_to_disk(square), axis=1)
        for rings in (10, 40)
    ]
    assert np.median(moved[0]) < 0.1
    assert np.median(moved[1]) < 0.35 * np.median(moved[0])
    assert moved[1].max() < 0.2


@pytest.mark.parametrize("method", ["sobol", "r2"])
@pytest.mark.parametrize("image", ["areas kept", "areas lost", "sphere"])
def test_every_face_gets_its_share_whatever_the_map(method, image):
    """The number of points in a face differs from its share by little, and by as little for many more points."""
    surface_map = {"areas kept": hemisphere(8), "areas lost": conformal_map(relief(8)), "sphere": sphere(2)}[image]
    surface = surface_map.surface
    for n in (2**12, 2**17):
        counts = np.bincount(sample(surface_map, n, method, rng=0).faces, minlength=len(surface.faces))
        assert np.abs(counts - n * surface.face_areas / surface.area).max() < 14


@pytest.mark.parametrize("method", ["sobol", "stratified", "random", "fibonacci"])
@pytest.mark.parametrize("kind", ["face", "vertex"])
def test_a_density_is_followed(method, kind):
    """Twice the points where it is twice as high, none where it vanishes."""
    surface_map = hemisphere(10)
    surface = surface_map.surface
    x, y, _ = surface.corners.mean(axis=1).T
    density = np.where(x > 0, 2.0, 1.0) * (y > -0.5)
    if kind == "vertex":
        density = np.maximum(surface.vertices[:, 0] + 0.5, 0)
    of_faces = density if kind == "face" else density[surface.faces].mean(axis=1)
    samples = sample(surface_map, 20_000, method, density=density, rng=0)
    assert (of_faces[samples.faces] > 0).all()
    patch = patches_of(surface, 4)
    wanted = np.bincount(patch, of_faces * surface.face_areas)
    found = np.bincount(patch[samples.faces], minlength=16) / 20_000
    np.testing.assert_allclose(found, wanted / wanted.sum(), atol=0.012 if method == "random" else 0.0025)


@pytest.mark.fast
def test_a_picture_as_density():
    """A step within large faces: the picture is followed much finer than the faces are."""
    surface = grid(2, 2)
    square = flat_map(surface)
    image = np.ones((64, 64, 3))
    image[:, :24] = 0.0  # u < 3/8
    texture = Texture(image, surface.vertices[:, :2])
    x, y, _ = sample(square, 4096, "sobol", density=texture, rng=0).points.T
    assert x.min() > 0.35
    assert np.mean(x > 11 / 16) == pytest.approx(0.5, abs=0.02)
    assert np.mean(y > 0.5) == pytest.approx(0.5, abs=0.01)
    corners = Texture(image, surface.vertices[surface.faces][..., :2])
    same = sample(square, 4096, "sobol", density=corners, rng=0).points
    np.testing.assert_array_equal(same[:, 0], x)


def test_the_integral_error_falls_faster_than_that_of_random_points():
    """Fitted rates of the root mean square error for a quadratic polynomial, whose integral over faces is known."""
    surface_map = conformal_map(relief(16))
    surface = surface_map.surface
    middles = (surface.corners + np.roll(surface.corners, 1, axis=1)) / 2

    def f(points):
        x, y, z = np.moveaxis(points, -1, 0)
        return x * y + 2 * z * z - x + 0.5 * y * y

    exact = (surface.face_areas * f(middles).mean(axis=1)).sum() / surface.area
    sizes = 2 ** np.arange(7, 16, 2)
    rates = {}
    for method in ("sobol", "random"):
        errors = [
            np.sqrt(
                np.mean(
                    [(f(sample(surface_map, n, method, rng=seed).points).mean() - exact) ** 2 for seed in range(12)]
                )
            )
            for n in sizes.tolist()
        ]
        rates[method] = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert rates["random"] == pytest.approx(0.5, abs=0.12)
    assert rates["sobol"] > 0.75


@pytest.mark.parametrize(
    ("density", "cause"),
    [
        (np.ones(5), "one number a vertex"),
        (-np.ones(150), "not negative"),
        (np.zeros(150), "vanishes"),
        (np.full(150, np.nan), "finite"),
        (Texture(np.ones((2, 2)), np.zeros((3, 2))), "texture coordinates of"),
        (Texture(np.ones((2, 2)), np.zeros((4, 3, 2))), "texture coordinates of"),
    ],
)
def test_densities_that_say_nothing(density, cause):
    with pytest.raises(GeometryError, match=cause):
        sample(flat(5), 5, density=density)


def test_points_in_the_sliver_go_to_the_nearest_boundary_edge():
    triangle_map = flat_map(triangle(), np.array([[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]]))
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


def test_attributes_on_request():
    surface_map = hemisphere(6)
    z, pairs = surface_map.surface.vertices[:, 2], surface_map.surface.vertices[:, :2]
    samples = sample(surface_map, 40, "sobol", attributes={"height": z, "pair": pairs}, rng=0)
    np.testing.assert_allclose(samples.attributes["height"], samples.points[:, 2], atol=1e-15)
    np.testing.assert_allclose(samples.attributes["pair"], samples.points[:, :2], atol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        samples.attributes["height"][0] = 1
    with pytest.raises(GeometryError, match="'short' must have a row for each"):
        sample(surface_map, 4, attributes={"short": z[:5]})


def test_a_folded_map_still_gives_every_point():
    surface = disk(4)
    uv = surface.vertices[:, :2].copy()
    uv[0] = [0.5, 0.1]
    samples = sample(flat_map(surface, uv), 500, "sobol", rng=0)
    assert (samples.barycentric >= 0).all()


@pytest.mark.parametrize("n", [0, -3])
def test_too_few_points_are_refused(n):
    with pytest.raises(ValueError, match=f"at least 1, got {n}"):
        sample(flat(2), n)


def test_an_unknown_method_names_the_choices():
    with pytest.raises(ValueError, match="sobol, r2, fibonacci, stratified, blue, random"):
        sample(flat(2), 5, method="even")


def test_nothing_to_sample():
    with pytest.raises(GeometryError, match="no area"):
        sample(Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), 5, "random")
    with pytest.raises(GeometryError, match="no area"):
        sample(flat_map(triangle(), np.zeros((3, 2))), 5)


def test_results_are_frozen():
    samples = sample(flat(2), 5)
    with pytest.raises(ValueError, match="read-only"):
        samples.points[0] = 0


def sphere(subdivisions=3):
    """The identity of a sphere."""
    ball = icosphere(subdivisions)
    return SurfaceMap(ball, ball.vertices, np.arange(len(ball.vertices)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, pytest.param(7, marks=pytest.mark.uncompiled), 1025])
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
    """Far more even than random ones: Pearson's statistic stays below its least percent."""
    assert chi_square(sphere(), sample(sphere(), 6000, method=method, rng=0)) < chi2.ppf(0.01, 63)


def test_a_bare_closed_surface_is_sampled_through_the_sphere():
    samples = sample(icosphere(2), 500, to="sphere", rng=0)
    assert samples.uv.shape == (500, 3)
    assert np.abs(samples.points.mean(axis=0)).max() < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_unit_and_place_do_not_matter(method):
    def places(surface):
        found = sample(surface, 60, method, rng=0)
        return np.column_stack([found.faces, found.barycentric])

    assert_unit_and_place_do_not_matter(relief(8), places)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_units_beyond_what_can_be_computed_with_are_refused(method, scale):
    surface = relief(4)
    with pytest.raises(GeometryError, match="rescale the mesh"):
        sample(surface.with_vertices(scale * surface.vertices), 5, method, rng=0)
