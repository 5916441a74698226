import numba
import numpy as np
import pytest
import torch
from strips import CPU, needs_cuda

from meshot.base.errors import NotEnoughMemoryError, OptionError
from meshot.transport.sampled.device import find_device, with_smaller_chunks
from meshot.transport.sampled.nearest import brute_force as assignment
from meshot.transport.sampled.nearest.box_search import BoxSearch, build_boxes, look_up_on_device
from meshot.transport.sampled.nearest.brute_force import TILE, BruteForce, _merge_best
from meshot.transport.sampled.nearest.micro_kernel import GROUP, WIDTH, raise_lanes


def problem(n, d, rng=0):
    rng = np.random.default_rng(rng)
    sites = rng.normal(size=(n, d))
    heights = -0.5 * (sites**2).sum(axis=1) + 0.05 * rng.normal(size=n)
    return sites, heights, torch.from_numpy(rng.uniform(-1, 1, size=(700, d)))


def check(found, sites, heights, points):
    """Compare with the definition, in double precision."""
    scores = points.cpu().numpy() @ sites.T + heights
    ranks = found.sites.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :ranks]
    order = np.concatenate([order, np.repeat(order[:, :1], ranks - order.shape[1], axis=1)], axis=1)
    values = np.take_along_axis(scores, order, axis=1)
    assert np.array_equal(found.sites.cpu(), order)
    assert np.allclose(found.score.cpu(), values[:, 0], rtol=0, atol=1e-12)
    assert np.allclose(found.gaps.cpu(), values[:, :1] - values[:, 1:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("n", "d"), [(1, 2), (2, 1), pytest.param(33, 4, marks=pytest.mark.uncompiled), (500, 10), (300, 64)]
)
def test_brute_force_is_exact(n, d, whole, monkeypatch):
    sites, heights, points = problem(n, d)
    check(BruteForce(sites, heights, np.full(d, 0.1), CPU, whole)(points), sites, heights, points)
    monkeypatch.setattr(assignment, "MAX_SCORES_HELD", 1 << 12)  # many chunks of sites and of samples
    monkeypatch.setattr(assignment, "CHUNK_SAMPLES", 64)
    check(BruteForce(sites, heights, np.zeros(d), CPU, whole)(points), sites, heights, points)


def test_samples_do_not_depend_on_each_other():
    sites, heights, points = problem(2000, 6)
    search = BruteForce(sites, heights, np.zeros(6), CPU)
    found = search(points)
    for part in (slice(0, 1), slice(1, 60), slice(60, 700)):
        alone = search(points[part])
        assert all(torch.equal(one, other[part]) for one, other in zip(alone, found, strict=True))


def test_of_equal_sites_the_earlier_is_best():
    sites, heights, points = problem(70, 3)
    found = BruteForce(np.tile(sites, (5, 1)), np.tile(heights, 5), np.zeros(3), CPU)(points)
    assert torch.equal(found.sites[:, 1], found.first + 70)
    assert (found.first < 70).all()
    assert (found.gaps == 0).all()


@pytest.mark.parametrize("depth", [1, 3])
def test_the_emitted_code_does_what_it_stands_for(depth):
    rng = np.random.default_rng(3)
    points = rng.normal(size=(GROUP + 2, 5)).astype(np.float32)
    panels = rng.normal(size=(2, depth, 5, WIDTH)).astype(np.float32)
    highest = rng.normal(size=(len(points), WIDTH)).astype(np.float32)

    @numba.njit
    def compiled(points, p, panels, b, maxima, highest):
        raise_lanes(points, p, panels, b, maxima, highest)

    found = []
    for run in (raise_lanes, compiled):
        arrays = np.zeros((len(points), 2, WIDTH), np.float32), highest.copy()
        run(points, 1, panels, 1, *arrays)
        found.append(arrays)
    for one, other in zip(*found, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-5)
    assert (found[1][0][1:-1, 1] != 0).all()
    assert (found[1][0][[0, -1]] == 0).all()


def test_rankings_of_chunks_are_merged():
    rng = np.random.default_rng(2)
    scores = torch.from_numpy(rng.integers(0, 5000, size=(9, 4 * TILE)).astype(np.float32))
    values, sites = torch.full((9, 3), -torch.inf), torch.zeros(9, 3, dtype=torch.int64)
    for start in (0, 2 * TILE):  # two chunks, of two tiles each
        tiled = scores[:, start : start + 2 * TILE].reshape(9, TILE, 2)
        values, sites = _merge_best(tiled, tiled.amax(dim=1), start, values, sites)
    expected = scores.topk(3, dim=1)
    assert torch.equal(values, expected.values)
    assert torch.equal(scores.gather(1, sites), values)


@pytest.mark.parametrize("whole", [False, True])
def test_near_ties_are_told_apart_in_double_precision(whole):
    # scores that agree to ten digits, far below what single precision can tell apart
    sites, heights, points = problem(64, 5)
    twice, raised = np.concatenate([sites, sites]), np.concatenate([heights, heights + 1e-10])
    found = BruteForce(twice, raised, np.zeros(5), CPU, whole)(points)
    assert (found.first >= 64).all()
    check(found, twice, raised, points)


@pytest.mark.parametrize(("n", "d"), [(1, 2), pytest.param(40, 1, marks=pytest.mark.uncompiled), (400, 2), (400, 3)])
@pytest.mark.parametrize("best", [1, 2, 3])
def test_box_search_is_exact(n, d, best):
    sites, heights, points = problem(n, d)
    points = torch.cat([points, 30 * points[:20]])  # outside the box, too
    found = BoxSearch(sites, heights, (np.full(d, -1.0), np.full(d, 1.0)), 1e5, best, CPU)(points)
    assert found.sites.shape == (720, best)
    check(found, sites, heights, points)


def test_boxes_keep_few_sites():
    # cells of nearly equal size: whatever their number, a box holds a handful
    kept = []
    for n in (1000, 4000, 16000):
        sites = np.random.default_rng(1).uniform(-1, 1, size=(n, 2))
        tree = build_boxes(sites, -0.5 * (sites**2).sum(axis=1), -np.ones(2), np.ones(2), 100.0 * n, 1)
        kept.append(len(tree.kept) / (tree.child < 0).sum())
    assert max(kept) < 8
    assert kept[2] < 1.1 * kept[0]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_whole_tensors_find_what_the_kernel_finds(d):
    sites, heights, points = problem(200, d)
    points[:5] *= 10
    tree = build_boxes(sites, heights, np.full(d, -1.0), np.full(d, 1.0), 1e4, 2)
    found = look_up_on_device(points, *(torch.from_numpy(array) for array in (*tree, sites, heights)), best=2)
    check(found, sites, heights, points)


def test_chunks_shrink_until_they_fit():
    tried = []

    def work(chunk):
        tried.append(chunk)
        if chunk > 100:
            raise torch.cuda.OutOfMemoryError("too large")
        return chunk

    assert with_smaller_chunks(work, 700, 64) == (87, 87)
    assert tried == [700, 350, 175, 87]
    with pytest.raises(NotEnoughMemoryError, match="too small for chunks of even 175 samples"):
        with_smaller_chunks(work, 700, 100)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    assert find_device("auto").type == "cpu"
    with pytest.raises(OptionError, match="finds no CUDA device"):
        find_device("cuda")
    with pytest.raises(OptionError, match="must be"):
        find_device("tpu")


@needs_cuda
@pytest.mark.parametrize(("n", "d"), [(33, 4), (1000, 3), (5000, 10), (700, 64), (20_000, 100)])
def test_brute_force_on_a_gpu(n, d):
    sites, heights, points = problem(n, d)
    device = torch.device("cuda")
    check(BruteForce(sites, heights, np.zeros(d), device)(points.to(device)), sites, heights, points)


@needs_cuda
@pytest.mark.parametrize("d", [1, 2, 3])
def test_box_search_on_a_gpu(d):
    sites, heights, points = problem(2000, d)
    device = torch.device("cuda")
    search = BoxSearch(sites, heights, (np.full(d, -1.0), np.full(d, 1.0)), 1e5, 2, device)
    check(search(points.to(device)), sites, heights, points)
