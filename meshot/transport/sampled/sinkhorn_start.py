"""Heights near the solution from a rough guess: entropic transport of samples to the members of near clusters.

A sample belongs here to site i in part, with the probability p_i(x) ~ exp((<x, y_i> + h_i) / eps), of the members of
the two clusters in whose cells it lies deepest. Sinkhorn's step h_i += eps log(nu_i / w_i) brings the masses
w_i = E p_i to the prescribed ones. A buried site has little mass and is raised, so that no cell stays empty; imbalances
over long distances have been settled on the level of the clusters. The width eps falls from the clusters' scale to that
of the sites; it is larger where gaps are larger.

Some sites' true cells lie outside the two clusters' cells: each further round adds the clusters whose sites are best at
the current heights.

References
----------
Genevay, Cuturi, Peyre, Bach, "Stochastic optimization for large-scale optimal transport", NeurIPS 2016 (the semi-dual);
Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport problems", SISC 2019 (the schedule).
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import kernel, run_in_chunks
from meshot.transport.sampled.estimates import LevelProblem
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.samples import Batch

SAMPLES_PER_SITE = 16
# The last eps, in typical gaps of the sites.
LAST_WIDTH = 0.25
# Sinkhorn steps of the first round and of the later ones.
STEPS, LATER_STEPS = 20, 10
# Clusters whose members a sample may belong to.
MAX_CLUSTERS = 6
# Chunks in which samples are summed, whatever the number of threads.
CHUNKS = 8
# Numbers in the memory of a CUDA device at once.
MAX_NUMBERS_HELD = 1 << 24
# Probabilities below exp(-MAX_EXPONENT) count as zero.
MAX_EXPONENT = 30.0


class SinkhornStart:
    """Samples at one level of the hierarchy, and the clusters whose members each may belong to.

    Parameters
    ----------
    problem : LevelProblem
        Of the members.
    starts : (k + 1,) int
        Where each cluster's members begin, and n.
    coarse : (LevelProblem, (k,) float) or None
        The clusters' problem and its heights; None if there is one cluster.
    widths : (k,) float
        Typical gap in each cluster's cell, where eps starts.
    seed : tuple of int
    group : ProcessGroup
    """

    def __init__(
        self,
        problem: LevelProblem,
        starts: Ints,
        coarse: tuple[LevelProblem, Floats] | None,
        widths: Floats,
        seed: tuple[int, ...],
        group: ProcessGroup,
    ) -> None:
        self.problem, self.group, self.starts, self.widths = problem, group, starts, widths
        self.size = max(4096, SAMPLES_PER_SITE * len(problem.sites))
        self._coarse, self._seed = coarse, int(np.random.SeedSequence(seed).generate_state(1)[0])

    @cached_property
    def points(self) -> torch.Tensor:
        """The samples of this process, (m, d)."""
        batch = Batch(self.problem.source, self._seed, self.size, self.problem.device)
        return batch.draw(self.group.own_blocks(batch.blocks))

    @cached_property
    def known(self) -> NDArray[np.int32]:
        """The clusters that each sample may belong to, (m, c), -1 for none."""
        if self._coarse is None:
            return np.zeros((len(self.points), 1), dtype=np.int32)
        problem, heights = self._coarse
        return _without_repeats(problem.search(heights, self.size, 2)(self.points).sites.cpu().numpy())

    def add_clusters(self, heights: Floats) -> None:
        """Add the clusters of each sample's two best sites at these heights."""
        if len(self.starts) == 2:
            return
        best = self.problem.search(heights, self.size, 2)(self.points)
        owners = np.searchsorted(self.starts, best.sites.cpu().numpy(), side="right") - 1
        self.known = _without_repeats(np.concatenate([owners, self.known], axis=1))[:, :MAX_CLUSTERS]

    def run(self, heights: Floats, factors: Floats) -> Floats:
        """Return the heights, (n,), after a Sinkhorn step for each factor of the `widths`."""
        h = np.array(heights)
        measure = self._on_device() if self.problem.device.type == "cuda" else self._on_cpu()
        own = np.repeat(self.widths, np.diff(self.starts))
        for factor in factors:
            masses = self.group.sum(measure(h, float(factor))).cpu().numpy() / self.size
            h += (
                factor
                * own
                * np.clip(np.log(self.problem.shares / np.maximum(masses, 1e-300)), -MAX_EXPONENT, MAX_EXPONENT)
            )
            h -= h.mean()
        return self.group.broadcast(h)

    def first_round(self, heights: Floats) -> Floats:
        """Return heights, (n,), from a rough guess: the width falls from the clusters' to the sites'."""
        return self.run(heights, np.geomspace(1.0, self.last, STEPS))

    def next_round(self, heights: Floats) -> Floats:
        """Add the clusters that are near at these heights, and run Sinkhorn steps again."""
        self.add_clusters(heights)
        return self.run(heights, np.geomspace(np.sqrt(self.last), self.last, LATER_STEPS))

    @cached_property
    def last(self) -> float:
        """The last factor: gaps shrink with the square of the cells' size."""
        members = (len(self.starts) - 1) / len(self.problem.sites)
        return float(LAST_WIDTH * members ** (2 / min(self.problem.sites.shape[1], 6)))

    def _on_cpu(self) -> Callable[[Floats, float], torch.Tensor]:
        points, known, sites = self.points.numpy(), self.known, self.problem.sites
        longest = int(np.diff(self.starts).max())
        m, n = len(points), len(sites)

        def measure(heights: Floats, factor: float) -> torch.Tensor:
            inverse = 1 / (factor * self.widths)

            def work(start: int, stop: int) -> Floats:
                masses = np.zeros(n)
                _add_shares(start, stop, points, sites, heights, self.starts, known, longest, inverse, masses)
                return masses

            parts = run_in_chunks(work, m, max(1, -(-m // CHUNKS)))
            return torch.from_numpy(np.sum([np.zeros(n), *parts], axis=0))  # a process may have no samples

        return measure

    def _on_device(self) -> Callable[[Floats, float], torch.Tensor]:
        device = self.problem.device
        arrays = (self.problem.sites, self.starts, self.known.astype(np.int64), self.widths)
        sites, begins, known, widths = (torch.tensor(values, device=device) for values in arrays)

        def measure(heights: Floats, factor: float) -> torch.Tensor:
            h = torch.tensor(heights, device=device)
            return soft_masses(self.points, sites, h, begins, known, factor * widths)

        return measure


def soft_masses(
    points: torch.Tensor,
    sites: torch.Tensor,
    heights: torch.Tensor,
    begins: torch.Tensor,
    known: torch.Tensor,
    widths: torch.Tensor,
) -> torch.Tensor:
    """Return the sum over the samples of the probability of each site, (n,), on any device.

    Parameters
    ----------
    points, sites : (m, d) float64, (n, d) float64
    heights : (n,) float64
    begins : (k + 1,) int64
        Where each cluster's members begin, and n.
    known : (m, c) int64
        Clusters that each sample may belong to; -1 stands for none.
    widths : (k,) float64
        The eps of a sample is that of its first cluster.

    Returns
    -------
    (n,) float64
    """
    members = torch.arange(int((begins[1:] - begins[:-1]).max()), device=points.device)
    rows = max(64, MAX_NUMBERS_HELD // (len(members) * known.shape[1] * points.shape[1]))
    total = torch.zeros_like(heights)
    for k in range(0, len(points), rows):
        clusters = known[k : k + rows]
        site = begins[clusters.clamp(min=0)][:, :, None] + members
        real = (site < begins[clusters.clamp(min=0) + 1][:, :, None]) & (clusters >= 0)[:, :, None]
        site, real = site.flatten(1).clamp(max=len(heights) - 1), real.flatten(1)
        scores = torch.einsum("md,mkd->mk", points[k : k + rows], sites[site]) + heights[site]
        eps = widths[clusters[:, 0]][:, None]
        shares = torch.softmax((scores / eps).masked_fill(~real, -torch.inf), dim=1)
        total += torch.bincount(site.flatten(), shares.flatten(), minlength=len(heights))
    return total


def _without_repeats(clusters: NDArray[Any]) -> NDArray[np.int32]:
    """Replace repeated clusters in each row by -1, and move these to the end; (m, c) int32."""
    repeated = np.zeros(clusters.shape, dtype=bool)
    for column in range(1, clusters.shape[1]):
        repeated[:, column] = (clusters[:, :column] == clusters[:, column : column + 1]).any(axis=1)
    order = np.argsort(repeated | (clusters < 0), axis=1, kind="stable")
    return np.take_along_axis(np.where(repeated, -1, clusters), order, axis=1).astype(np.int32)


@kernel
def _add_shares(start, stop, points, sites, heights, begins, known, longest, inverse, masses):
    """Add the probabilities of the sites in each sample's clusters."""
    scores, found = np.empty(longest * known.shape[1]), np.empty(longest * known.shape[1], np.int64)
    for p in range(start, stop):
        count, largest, total, sharp = 0, -np.inf, 0.0, inverse[known[p, 0]]
        for column in range(known.shape[1]):
            cluster = known[p, column]
            if cluster < 0:
                break
            for i in range(begins[cluster], begins[cluster + 1]):
                score = heights[i]
                for a in range(sites.shape[1]):
                    score += points[p, a] * sites[i, a]
                score *= sharp
                scores[count], found[count] = score, i
                largest, count = max(largest, score), count + 1
        for k in range(count):
            scores[k] = np.exp(scores[k] - largest) if scores[k] > largest - MAX_EXPONENT else 0.0
            total += scores[k]
        for k in range(count):
            masses[found[k]] += scores[k] / total
