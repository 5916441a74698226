"""A tree of boxes, each with the few sites whose cells can intersect it, for samples in the plane and in space.

Of two sites i and j the score s_i(x) = <x, y_i> + h_i is below s_j(x) on all of a box with center c and half sides e if

    s_i(c) - s_j(c) + sum_k e_k |y_ik - y_jk|  <  0.

With j the best site at the center, a box drops all sites for which this holds; its children start from the sites that
it keeps. Boxes are split until few sites are left or few samples fall into them. A sample then costs the descent of the
tree and a few scores, independently of the number of sites. Samples are processed in the order of the boxes, for the
sake of the cache. To find the two or three best sites, a site is dropped only if as many others are above it.

On a CPU the work is done by compiled kernels, on a CUDA device by the same steps with tensors; both in double
precision.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import kernel, run_in_chunks, subkernel
from meshot.transport.sampled.nearest.top_k import TopK, as_top_k, insert_site

# Sites up to which a box is not split (for each best site, by dimension), and samples in it below which a split costs
# more than it saves.
MAX_SITES_PER_BOX, MIN_SAMPLES = (6, 10, 20), 4.0
MAX_DEPTH = 40
# Bits of the grid cell by which samples are sorted, and bits of the sample's index packed below them.
GRID_BITS, INDEX_BITS = 20, 40


class BoxTree(NamedTuple):
    """The boxes, root first, level by level; the children of a box are consecutive.

    Attributes
    ----------
    low, high : (d,) float
        Corners of the root.
    child : (b,) int64
        First child of each box, -1 if it is not split.
    starts : (b + 1,) int64
        Where the sites of each box begin in `kept`; split boxes have none.
    kept : (k,) int32
        Sites, ascending for each box.
    """

    low: Floats
    high: Floats
    child: Ints
    starts: Ints
    kept: Ints


class _Level(NamedTuple):
    """Boxes of one size: their centers, and the sites of each."""

    centers: Floats
    starts: Ints
    sites: Ints


class _Children(NamedTuple):
    """The boxes of the next level, before their sites are selected.

    Attributes
    ----------
    owner : (b,) int
        Parent of each box.
    centers, half : (b, d) float, (d,) float
        Centers, and half of the sides.
    rivals, scores : (b, best) int, (b, best) float
        The best sites at each center, and their scores there.
    margin : float
        Bound of rounding errors of scores.
    """

    owner: Ints
    centers: Floats
    half: Floats
    rivals: NDArray[np.int32]
    scores: Floats
    margin: float


def build_boxes(sites: Floats, heights: Floats, low: Floats, high: Floats, samples: float, best: int) -> BoxTree:
    """Build the tree for samples between `low` and `high`.

    Parameters
    ----------
    sites : (n, d) float
        At most three coordinates; neighbors should be close in order.
    heights : (n,) float
    low, high : (d,) float
    samples : float
        Number of samples that will be searched, about evenly spread.
    best : int
        Number of best sites wanted for each sample.

    Returns
    -------
    BoxTree

    Examples
    --------
    >>> tree = build_boxes(np.array([[-1.0], [1.0]]), np.zeros(2), -np.ones(1), np.ones(1), 1e3, 1)
    >>> int(tree.child[0]), tree.kept.tolist()
    (-1, [0, 1])
    """
    n, d = sites.shape
    limit = MAX_SITES_PER_BOX[d - 1] * best
    level = _Level(((low + high) / 2)[None], np.array([0, n]), np.arange(n, dtype=np.int32))
    half, made = (high - low) / 2, 1
    # rounding must not drop a site that is as good as the best
    largest = np.abs(heights).max() + np.abs(np.stack([low, high])).max() * np.abs(sites).max()
    margin = 64 * np.finfo(float).eps * float(largest)
    children, counts, kept = [], [], []
    for depth in range(MAX_DEPTH):
        sizes = np.diff(level.starts)
        split = (sizes > limit) & (samples > MIN_SAMPLES * 2.0 ** (d * (depth + 1))) & (depth < MAX_DEPTH - 1)
        places = np.cumsum(split) - split
        children.append(np.where(split, made + 2**d * places, -1))
        counts.append(np.where(split, 0, sizes))
        kept.append(level.sites[np.repeat(~split, sizes)])
        if not split.any():
            break
        half = half / 2
        level = _split(level, np.flatnonzero(split), half, sites, heights, best, margin)
        made += len(level.centers)
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return BoxTree(low, high, np.concatenate(children), starts, np.concatenate(kept))


def _split(
    level: _Level, parents: Ints, half: Floats, sites: Floats, heights: Floats, best: int, margin: float
) -> _Level:
    """Return the children of some boxes, with the sites that can be among the `best` ones in each."""
    d = sites.shape[1]
    signs = np.array([[1 - 2 * ((corner >> k) & 1) for k in range(d)] for corner in range(2**d)], dtype=np.float64)
    centers = (level.centers[parents][:, None, :] - half * signs).reshape(-1, d)
    count = len(centers)
    owner = np.repeat(parents, 2**d)
    rivals, scores = np.zeros((count, best), dtype=np.int32), np.full((count, best), -np.inf)
    sizes = np.empty(count, dtype=np.int64)
    chunk = max(64, count // 64)
    given = level, _Children(owner, centers, half, rivals, scores, margin), sites, heights
    run_in_chunks(lambda first, last: _count_kept(first, last, *given, sizes), count, chunk)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    kept = np.empty(starts[-1], dtype=np.int32)
    run_in_chunks(lambda first, last: _fill_kept(first, last, *given, starts, kept), count, chunk)
    return _Level(centers, starts, kept)


@subkernel
def _score(points, p, sites, heights, i):
    score = heights[i]
    for a in range(sites.shape[1]):
        score += points[p, a] * sites[i, a]
    return score


@subkernel
def _stays(i, score, box, boxes, sites):
    """Return whether a site, with its score at the box's center, is somewhere in the box above one of the rivals."""
    for k in range(boxes.rivals.shape[1]):
        rival, reach = boxes.rivals[box, k], score - boxes.scores[box, k]
        for a in range(len(boxes.half)):
            reach += boxes.half[a] * abs(sites[i, a] - sites[rival, a])
        if reach >= -boxes.margin:
            return True
    return False


@kernel
def _count_kept(first, last, level, boxes, sites, heights, sizes):
    """Find the best sites at the center of each box, and count the sites that are kept."""
    for box in range(first, last):
        begin, end = level.starts[boxes.owner[box]], level.starts[boxes.owner[box] + 1]
        for k in range(begin, end):
            i = level.sites[k]
            insert_site(i, _score(boxes.centers, box, sites, heights, i), box, boxes.rivals, boxes.scores)
        kept = 0
        for k in range(begin, end):
            i = level.sites[k]
            kept += _stays(i, _score(boxes.centers, box, sites, heights, i), box, boxes, sites)
        sizes[box] = kept


@kernel
def _fill_kept(first, last, level, boxes, sites, heights, places, kept):
    """Write the sites that `_count_kept` has counted."""
    for box in range(first, last):
        m = places[box]
        for k in range(level.starts[boxes.owner[box]], level.starts[boxes.owner[box] + 1]):
            i = level.sites[k]
            if _stays(i, _score(boxes.centers, box, sites, heights, i), box, boxes, sites):
                kept[m] = i
                m += 1


@kernel
def _grid_order(points, low, high, levels, keys):
    """Compute a sort key of each point: the Morton code of its grid cell, followed by its index."""
    d, side = len(low), 1 << levels
    scale = side / (high - low)
    for p in range(len(points)):
        key = 0
        for a in range(d):
            cell = int(min(max((points[p, a] - low[a]) * scale[a], 0.0), side - 1.0))
            for level in range(levels):
                key |= ((cell >> level) & 1) << (level * d + a)
        keys[p] = (key << INDEX_BITS) | p


@kernel
def look_up(points, tree, sites, heights, best_sites, scores):
    """Find the best sites of each point: in its box of the tree, or among all sites for a point outside."""
    d, low, high, child, starts = sites.shape[1], tree.low, tree.high, tree.child, tree.starts
    middle, half = np.empty(d), np.empty(d)
    for p in range(len(points)):
        node, outside = 0, False
        for a in range(d):
            middle[a], half[a] = (low[a] + high[a]) / 2, (high[a] - low[a]) / 2
            outside |= not (low[a] <= points[p, a] <= high[a])
        while not outside and child[node] >= 0:
            corner = 0
            for a in range(d):
                half[a] /= 2
                if points[p, a] > middle[a]:
                    corner |= 1 << a
                    middle[a] += half[a]
                else:
                    middle[a] -= half[a]
            node = child[node] + corner
        begin, end = (0, len(sites)) if outside else (starts[node], starts[node + 1])
        for k in range(begin, end):
            i = k if outside else tree.kept[k]
            insert_site(i, _score(points, p, sites, heights, i), p, best_sites, scores)
        for k in range(end - begin, scores.shape[1]):
            best_sites[p, k], scores[p, k] = best_sites[p, 0], scores[p, 0]


class BoxSearch:
    """Finds the best sites of samples in at most three dimensions by a tree of boxes.

    Parameters
    ----------
    sites : (n, d) float
    heights : (n,) float
    bounds : pair of (d,) float
        Corners of a box around nearly all samples; others are compared with all sites.
    samples : float
        Number of samples that will be searched.
    best : int
        Number of best sites wanted for each sample.
    device : torch.device

    Examples
    --------
    >>> bounds, cpu = (-np.ones(1), np.ones(1)), torch.device("cpu")
    >>> search = BoxSearch(np.array([[-1.0], [1.0]]), np.array([0.0, 0.5]), bounds, 1e3, 2, cpu)
    >>> search(torch.tensor([[-0.3], [-0.2]], dtype=torch.float64)).first.tolist()
    [0, 1]
    """

    def __init__(
        self,
        sites: Floats,
        heights: Floats,
        bounds: tuple[Floats, Floats],
        samples: float,
        best: int,
        device: torch.device,
    ) -> None:
        self._center, self._mean = (bounds[0] + bounds[1]) / 2, sites.mean(axis=0)
        local = sites - self._mean
        shifted = heights + local @ self._center
        self._raised = float(shifted.mean())
        shifted -= self._raised
        tree = build_boxes(local, shifted, bounds[0] - self._center, bounds[1] - self._center, samples, best)
        self._search, self._device, self._best = (tree, local, shifted), device, best
        if device.type == "cuda":
            self._tensors = [torch.tensor(array, device=device) for array in (*tree, local, shifted)]

    def __call__(self, points: torch.Tensor) -> TopK:
        """Return the best sites of samples (m, d) float64 on the device."""
        local = points - torch.as_tensor(self._center, device=points.device)
        cuda = self._device.type == "cuda"
        best_sites = look_up_on_device(local, *self._tensors, best=self._best) if cuda else self._on_cpu(local)
        # back from the local scores: <x, y> + h = <x - c, y - m> + h' + <x, m> + raised
        potential = best_sites.score + points @ torch.as_tensor(self._mean, device=points.device) + self._raised
        return best_sites._replace(score=potential)

    def _on_cpu(self, local: torch.Tensor) -> TopK:
        points, shape = local.numpy(), (len(local), self._best)
        keys = np.empty(len(points), dtype=np.int64)
        _grid_order(points, *self._search[0][:2], GRID_BITS // points.shape[1], keys)
        keys.sort()
        order = keys & ((1 << INDEX_BITS) - 1)
        best_sites, values = np.zeros(shape, dtype=np.int64), np.full(shape, -np.inf)
        look_up(points[order], *self._search, best_sites, values)
        sites, scores = np.empty_like(best_sites), np.empty_like(values)
        sites[order], scores[order] = best_sites, values
        return as_top_k(torch.from_numpy(sites), torch.from_numpy(scores))


def look_up_on_device(
    points: torch.Tensor,
    low: torch.Tensor,
    high: torch.Tensor,
    child: torch.Tensor,
    starts: torch.Tensor,
    kept: torch.Tensor,
    sites: torch.Tensor,
    heights: torch.Tensor,
    *,
    best: int,
) -> TopK:
    """Find the best sites as `look_up` does, with tensor operations on any device.

    Parameters
    ----------
    points : (m, d) float64
    low, high, child, starts, kept
        As of `BoxTree`.
    sites, heights : (n, d) float64, (n,) float64
    best : int
        Number of best sites wanted for each sample.

    Returns
    -------
    TopK
    """
    d, m = sites.shape[1], len(points)
    bits = 2 ** torch.arange(d, device=points.device)
    inside = ((points >= low) & (points <= high)).all(dim=1)
    middle, half = ((low + high) / 2).expand(m, d).clone(), (high - low) / 2
    node = torch.zeros(m, dtype=torch.int64, device=points.device)
    while bool((deeper := (child[node] >= 0)).any()):
        half = half / 2
        above = points > middle
        node = torch.where(deeper, child[node] + (above * bits).sum(dim=1), node)
        middle += torch.where(above, half, -half)
    begin = torch.where(inside, starts[node], 0)
    count = torch.where(inside, starts[node + 1] - begin, len(sites))
    owner = torch.repeat_interleave(torch.arange(m, device=points.device), count)
    place = torch.arange(len(owner), device=points.device) - (count.cumsum(0) - count)[owner]
    candidate = torch.where(inside[owner], kept[(begin[owner] + place).clamp(max=len(kept) - 1)].long(), place)
    scores = (points[owner] * sites[candidate]).sum(dim=1) + heights[candidate]
    best_sites: list[torch.Tensor] = []
    values: list[torch.Tensor] = []
    for _ in range(best):
        site, value = _largest_of_each(scores, candidate, owner, m, len(sites))
        none = torch.isinf(value)
        best_sites.append(torch.where(none, best_sites[0], site) if best_sites else site)
        values.append(torch.where(none, values[0], value) if values else value)
        scores[candidate == site[owner]] = -torch.inf
    return as_top_k(torch.stack(best_sites, dim=1), torch.stack(values, dim=1))


def _largest_of_each(
    scores: torch.Tensor, candidate: torch.Tensor, owner: torch.Tensor, m: int, n: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first of the candidates with the largest score of each owner, and that score."""
    best = torch.full((m,), -torch.inf, dtype=scores.dtype, device=scores.device)
    best.scatter_reduce_(0, owner, scores, "amax")
    site = torch.where(scores == best[owner], candidate, n - 1)
    best_sites = torch.full((m,), n - 1, dtype=torch.int64, device=scores.device)
    return best_sites.scatter_reduce_(0, owner, site, "amin"), best
