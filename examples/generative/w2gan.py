"""Maps in the plane learned by W2GAN and WGAN-GP, and by transport, beside the exact assignment of samples.

``python examples/generative/w2gan.py`` takes the pairs of distributions of Leygonie et al. ("Adversarial computation of
optimal transport maps", 2019). Every map is judged on samples that it has not seen: source and target samples are
assigned to each other exactly, at the least cost, and a map is as good as its images are near the partners. The
assignment depends on the samples drawn; an assignment of the same points to other target samples tells how much.
meshot's is the semi-discrete map from the density of the source, a histogram, to target samples, extended to new points
between its sites.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from common import INK, MADE, REAL, keep, parser, run

import numpy as np
import torch
from learnedmaps import Draw, Game, w2gan, wgan_gp
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from planes import PAIRS, Sampler
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import meshot
from meshot.generative.aeot import apply

# From points of the source (n, 2) to their images.
Map = Callable[[np.ndarray], np.ndarray]

# Samples to judge by, sites of the semi-discrete map, and samples and pixels of the histogram.
JUDGED, SITES, COUNTED, PIXELS = 1024, 1024, 1_000_000, 128
# The map is slower than the potentials by far, as the authors have it: its image must tear before it has moved.
GAME = Game(
    steps=600, critic_steps=10, first_steps=500, batch=256, widths=(64, 64), map_widths=(128, 128, 128),
    normalized=True, critic_rate=1e-3, map_rate=3e-5, penalty=50.0,
)  # fmt: skip
W2GAN = GAME._replace(equality=50.0)
WGAN_GP = GAME._replace(penalty=10.0)
DRAWN = 160


class Judged(NamedTuple):
    """Points of the source, (n, 2), and the target samples that the exact assignment gives them, (n, 2)."""

    points: np.ndarray
    partners: np.ndarray

    @property
    def cost(self) -> float:
        """Mean of |x - y|^2."""
        return mean_square(self.partners - self.points)


def mean_square(vectors: np.ndarray) -> float:
    """Return the mean squared length of the rows."""
    return float((vectors**2).sum(axis=1).mean())


def assign(points: np.ndarray, samples: np.ndarray) -> Judged:
    """Return the assignment of as many samples to points at the least sum of squared distances."""
    _, partner = linear_sum_assignment(cdist(points, samples, "sqeuclidean"))
    return Judged(points, samples[partner])


def transport_map(source: Sampler, target: Sampler, rng: np.random.Generator) -> meshot.ExtendedMap:
    """Return the extended semi-discrete map from a histogram of the source to samples of the target."""
    counted = source(COUNTED, rng)
    lower, upper = counted.min(axis=0), counted.max(axis=0)
    values, *_ = np.histogram2d(*counted.T[::-1], PIXELS, np.stack([lower, upper], axis=1)[::-1])
    density = meshot.GridDensity(values, lower, upper)
    return meshot.ExtendedMap(meshot.solve_transport(target(SITES, rng), density=density), criterion="normal")


def learned(learn: Any, source: Sampler, target: Sampler, game: Game, seed: int) -> Map:
    """Return the map that a game of networks learns."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)

    def tensors(sampler: Sampler) -> Draw:
        return lambda count: torch.from_numpy(sampler(count, rng).astype(np.float32))

    network = learn(tensors(source), tensors(target), game)
    return lambda points: apply(network, points, JUDGED)


def maps_of(source: Sampler, target: Sampler, seed: int, steps: int) -> dict[str, Map]:
    """Return the maps that are compared."""
    extended = transport_map(source, target, np.random.default_rng(seed))
    return {
        "WGAN-GP": learned(wgan_gp, source, target, WGAN_GP._replace(steps=steps), seed),
        "W2GAN": learned(w2gan, source, target, W2GAN._replace(steps=steps), seed),
        "meshot": lambda points: extended(points).points,
    }


def judge(images: np.ndarray, judged: Judged, samples: np.ndarray) -> dict[str, float]:
    """Return how far images are from the partners, what moving there costs, and how far their cloud is from samples."""
    return {
        "map_error": mean_square(images - judged.partners),
        "cost_over_optimum": mean_square(images - judged.points) / judged.cost,
        "distance_to_target": assign(images, samples).cost,
    }


def draw(results: dict[str, tuple[Judged, dict[str, np.ndarray]]]) -> Figure:
    """Draw each map by segments from some points to their images; a row for each pair of distributions."""
    columns = len(next(iter(results.values()))[1])
    figure = Figure(figsize=(3.2 * columns, 3.3 * len(results)), layout="constrained")
    grid = figure.subplots(len(results), columns, squeeze=False, sharex="row", sharey="row")
    for axis, method in zip(grid[0], next(iter(results.values()))[1], strict=True):
        axis.set_title(method, color=INK)
    for row, (name, (judged, images)) in zip(grid, results.items(), strict=True):
        for axis, image in zip(row, images.values(), strict=True):
            segments = np.stack([judged.points, image], axis=1)[:DRAWN]
            axis.scatter(*judged.partners.T, s=3, color=REAL, linewidths=0)
            axis.add_collection(LineCollection(segments, colors=MADE, linewidths=0.5))
            axis.scatter(*segments[:, 1].T, s=7, color=INK, linewidths=0, zorder=3)
            axis.set(aspect="equal", xticks=[], yticks=[])
        row[0].set_ylabel(name, color=INK)
    return figure


def main(out: Path, seed: int = 0, steps: int = GAME.steps) -> dict[str, Any]:
    """Learn the maps, save the figure in the folder `out`, and return how good they are."""
    numbers: dict[str, Any] = {}
    results = {}
    for name, (source, target) in PAIRS.items():
        rng = np.random.default_rng([seed, 1])
        judged = assign(source(JUDGED, rng), target(JUDGED, rng))
        samples = target(JUDGED, rng)
        images = {"exact assignment": judged.partners, "other samples": assign(judged.points, samples).partners}
        images |= {method: each(judged.points) for method, each in maps_of(source, target, seed, steps).items()}
        numbers[name] = {"optimal_cost": judged.cost}
        numbers[name] |= {method: judge(image, judged, samples) for method, image in images.items()}
        results[name] = judged, {method: image for method, image in images.items() if method != "other samples"}
    return keep(out, "w2gan", draw(results), numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--steps", type=int, default=GAME.steps, help="steps of each learned map")
    run(main, options)
