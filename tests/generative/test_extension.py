import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import meshot
from meshot.base.errors import ConvergenceError, GeometryError, OptionError
from meshot.generative.extension import ExtendedMap

SQUARE = meshot.Box([-1, -1], [1, 1])


def lattice(count):
    """The middles of count^2 equal squares, to which the square's own cells are sent: the identity."""
    middles = (2 * np.arange(count) + 1) / count - 1
    return np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)


def two_clusters(size=40):
    """Mirror images of each other, so that the map is torn along the axis."""
    right = [3.0, 0.0] + 0.2 * np.random.default_rng(0).uniform(-1, 1, (size, 2))
    return np.concatenate([right, right * [-1, 1]])


@pytest.mark.parametrize("count", [4, 16])
def test_the_identity(count):
    sites = lattice(count)
    extended = ExtendedMap(meshot.solve_transport(sites, domain=SQUARE), theta=np.pi)
    points, record = extended(sites)
    assert np.allclose(points, sites, atol=1e-12)  # each center goes to its site
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    points, record = extended(x)
    assert np.linalg.norm(points - x, axis=1).max() < 2.3 / count
    assert not record.singular.any()
    assert np.array_equal(record.cells, np.linalg.norm(x[:, None] - sites, axis=2).argmin(axis=1))


def test_one_cell():
    extended = ExtendedMap(meshot.solve_transport([[5.0, 7.0]], domain=SQUARE))
    points, record = extended(np.random.default_rng(0).uniform(-1, 1, (9, 2)))
    assert np.array_equal(points, np.tile([5.0, 7.0], (9, 1)))
    assert not record.singular.any()
    assert len(extended.crossings([-1, -1], [1, 1]).times) == 0


@given(x=st.floats(-1, 1))
def test_weights_are_inverse_distances_to_the_centers(x):
    # two cells of the segment, with centers at -1/2 and 1/2
    extended = ExtendedMap(([[-1.0], [1.0]], [0.0, 0.0]), theta=4.0, centers=[[-0.5], [0.5]])
    left, right = abs(x + 0.5), abs(x - 0.5)
    assert extended([[x]]).points[0, 0] == pytest.approx((left - right) / (left + right), abs=1e-12)


@pytest.mark.parametrize(("criterion", "theta"), [("angle", 1.0), ("normal", 0.75)])
def test_no_sample_in_the_gap_between_two_clusters(criterion, theta):
    transport = meshot.solve_transport(two_clusters(), domain=SQUARE)
    extended = ExtendedMap(transport, theta=theta, criterion=criterion)
    drawn = extended.sample(4000, rng=1)
    assert (np.abs(drawn.points[:, 0]) > 2.75).all()
    assert np.array_equal(drawn.points[:, 0] > 0, drawn.source[:, 0] > 0)  # torn along the axis of symmetry
    assert (np.abs(drawn.source[drawn.record.singular, 0]) < 0.5).all()
    new = np.linalg.norm(drawn.points[:, None] - transport.problem.sites, axis=2).min(axis=1) > 1e-6
    assert new.mean() > 0.9  # these are no copies
    ridge = np.column_stack([np.full(50, 1e-4), np.linspace(-0.9, 0.9, 50)])
    assert (extended(ridge).points[:, 0] > 2.75).all()
    mixed = ExtendedMap(transport, theta=np.pi, criterion=criterion)(ridge)
    assert (np.abs(mixed.points[:, 0]) < 2.75).mean() > 0.9  # without the threshold


def test_dropped_planes_are_counted():
    # at the origin all planes are equally high: those of the other three corners are pi/2, pi/2 and pi away
    corners = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    for theta, dropped in ((1.0, 3), (2.0, 1), (3.2, 0)):
        extended = ExtendedMap((corners, np.zeros(4)), theta=theta, neighbors=4, centers=corners)
        assert extended([[1e-3, 0.0]]).record.dropped.tolist() == [dropped]
    assert ExtendedMap((corners, np.zeros(4)), neighbors=1, centers=corners)([[0.4, 0.3]]).record.dropped[0] == 0


def test_rejected_samples_are_drawn_again():
    extended = ExtendedMap(meshot.solve_transport(two_clusters(), domain=SQUARE), theta=1.0)
    plain, clean = extended.sample(2000, rng=3), extended.sample(2000, rng=3, reject=True)
    assert plain.record.singular.any()
    assert not clean.record.singular.any()
    assert len(clean.points) == 2000
    share = plain.record.singular.mean()
    assert clean.record.rejected == pytest.approx(2000 * share / (1 - share), rel=0.3)
    hopeless = ExtendedMap((two_clusters(), np.zeros(80)), domain=SQUARE, theta=1e-9, centers=np.zeros((80, 2)))
    with pytest.raises(ConvergenceError, match="raise theta"):
        hopeless.sample(100, reject=True)


def test_the_seed_settles_the_samples():
    extended = ExtendedMap(meshot.solve_transport(two_clusters(), domain=SQUARE))
    first, second, other = (extended.sample(50, rng=seed).points for seed in (4, 4, 5))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_million_pairs_of_samples_and_sites_go_in_chunks(monkeypatch):
    from meshot.generative import extension

    transport = meshot.solve_transport(two_clusters(), domain=SQUARE)
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    whole = ExtendedMap(transport)(x)
    monkeypatch.setattr(extension, "MAX_COORDINATES_HELD", 100)
    monkeypatch.setitem(extension.MAX_SCORES_HELD, "cpu", 200)
    parts = ExtendedMap(transport)(x)
    assert np.allclose(parts.points, whole.points, atol=1e-14)
    assert np.array_equal(parts.record.dropped, whole.record.dropped)
    assert ExtendedMap(transport)(np.empty((0, 2))).points.shape == (0, 2)


def test_estimated_centers_are_near_the_exact_ones():
    transport = meshot.solve_transport(two_clusters(size=10), domain=SQUARE)
    planes = transport.problem.sites, transport.heights
    estimated = ExtendedMap(planes, domain=SQUARE, samples=1 << 16, rng=2).centers
    assert np.abs(estimated - transport.centroids).max() < 0.01


def test_five_dimensions_by_sampling():
    rng = np.random.default_rng(0)
    sites = rng.normal(size=(60, 5)) + 6 * np.repeat([np.eye(5)[0], -np.eye(5)[0]], 30, axis=0)
    source = meshot.StandardNormal(5)
    transport = meshot.solve_transport(sites, domain=source, method="montecarlo", rng=0)
    points, record = ExtendedMap(transport, theta=1.2).sample(400)[1:]
    assert record.singular.any()
    assert (np.abs(points[:, 0]) > 2).all()
    same = ExtendedMap((sites, transport.heights), domain=source, theta=1.2, centers=transport.centroids)
    assert np.array_equal(same.sample(400).points, points)


def test_a_cell_without_center_is_its_own_image():
    extended = ExtendedMap(([[-1.0], [1.0]], [0.0, 0.0]), theta=4.0, centers=[[np.nan], [0.5]])
    assert extended([[-0.2], [0.2]]).points.tolist() == [[-1.0], [1.0]]


def test_crossings_of_two_clusters():
    extended = ExtendedMap(meshot.solve_transport(two_clusters(), domain=SQUARE), theta=1.0)
    crossings = extended.crossings([-0.9, 0.1], [0.9, 0.1])
    assert crossings.singular.sum() == 1
    torn = np.flatnonzero(crossings.singular)[0]
    assert crossings.times[torn] == pytest.approx(0.5, abs=1e-9)
    assert crossings.jumps[torn] > 5
    middles = np.concatenate([[0], (crossings.times[1:] + crossings.times[:-1]) / 2, [1]])
    inside = extended(np.outer(1 - middles, [-0.9, 0.1]) + np.outer(middles, [0.9, 0.1])).record.cells
    assert np.array_equal(inside[1:-1], crossings.cells[1:-1])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"theta": 0.0}, ValueError, "theta must be positive"),
        ({"criterion": "color"}, OptionError, "criterion must be"),
        ({"neighbors": 0}, OptionError, "neighbors must be a whole number"),
        ({"centers": [[0.0, 0.0]]}, GeometryError, r"centers must have shape \(2, 2\)"),
        ({"domain": meshot.UniformBox([0], [1])}, GeometryError, "the sites have 2 coordinates, the source has 1"),
    ],
)
def test_options_that_make_no_sense(options, error, words):
    with pytest.raises(error, match=words):
        ExtendedMap(([[0.0, 0.0], [1.0, 0.0]], [0.0, 0.0]), **options)


def test_wrong_input():
    with pytest.raises(OptionError, match="a pair of sites and heights, not a ndarray"):
        ExtendedMap(np.zeros((2, 2)))
    with pytest.raises(GeometryError, match="heights must be 2 finite numbers"):
        ExtendedMap(([[0.0], [1.0]], [0.0]))
    transport = meshot.solve_transport([[0.0, 0.0], [0.1, 0.0]])
    with pytest.raises(OptionError, match="its own domain"):
        ExtendedMap(transport, domain=meshot.Disk())
    extended = ExtendedMap(transport)
    with pytest.raises(GeometryError, match=r"points must have shape \(m, 2\), got \(3,\)"):
        extended([1.0, 2.0, 3.0])
    with pytest.raises(GeometryError, match=r"points must be finite \(ids 1\)"):
        extended([[0.0, 0.0], [np.nan, 0.0]])
    with pytest.raises(OptionError, match="n must be"):
        extended.sample(-1)


def test_a_density_maps_what_is_drawn_by_others():
    density = meshot.GridDensity(np.array([[1.0, 3.0]]), [0, 0], [2, 1])
    extended = ExtendedMap(meshot.solve_transport([[0.0, 0.0], [1.0, 0.0]], density=density))
    assert len(extended([[0.5, 0.5]]).points) == 1
    with pytest.raises(OptionError, match="no way to draw from a density"):
        extended.sample(3)


def test_without_torch(monkeypatch):
    monkeypatch.setattr("meshot.base.settings.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"an extended map needs torch: install meshot with its extra, meshot\[gpu\]"):
        ExtendedMap(([[0.0]], [0.0]))
