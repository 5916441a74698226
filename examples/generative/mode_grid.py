"""Modes of mixtures of Gaussians: none lost and none mixed by transport, beside two adversarial networks.

``python examples/generative/mode_grid.py`` takes 512 samples of 25 Gaussians on a grid, and of 8 on a ring, sends the
uniform density on the square to them, and maps new points of the square by the extended map. A mode is lost where no
generated point comes near it; modes are mixed where points fall between them. A GAN and a PacGAN, small ones, learn
from 100,000 samples. Every number is a mean over seeds of 2,500 generated points.
"""

from pathlib import Path
from typing import Any

from common import INK, REAL, Mixture, keep, parser, run, scatter, spread

import numpy as np
from adversarial import train_gan
from matplotlib.figure import Figure

import meshot

# Samples for transport, samples for the networks, generated points.
REALS, LEARNED, GENERATED = 512, 100_000, 2500
# Scaled so that the means of both fill the square [-1, 1]^2: the published grid has spacing 2 and deviation 0.05.
SQUARE = meshot.Box([-1, -1], [1, 1])
TURN = 2 * np.pi * np.arange(8) / 8
MIXTURES = {
    "grid of 25": Mixture(np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, 5)]), axis=-1).reshape(-1, 2), 0.05 / 4),
    "ring of 8": Mixture(np.column_stack([np.cos(TURN), np.sin(TURN)]), 0.01),
}
# Between neighbors of the grid the angle is at least 0.27, within one of its modes hardly above 0.1.
THETA = 0.2
NETWORKS = {"GAN": 1, "PacGAN4": 4}


def extended(real: np.ndarray, theta: float = THETA) -> meshot.ExtendedMap:
    """Return the extended map from the uniform density on the square to samples."""
    return meshot.ExtendedMap(meshot.solve_transport(real, domain=SQUARE), theta=theta, criterion="normal")


def transport_runs(mixture: Mixture, seed: int) -> dict[str, dict[str, float]]:
    """Return the metrics of the samples themselves and of what transport makes of them."""
    evenly = mixture.draw(REALS, np.random.default_rng(seed), evenly=True)[0]
    anyhow = mixture.draw(REALS, np.random.default_rng(seed))[0]
    made = extended(evenly).sample(GENERATED, rng=seed)
    return {
        "real samples": mixture.score(evenly),
        "transport": mixture.score(made.points) | {"near_a_tear_percent": 100 * float(made.record.singular.mean())},
        "transport, nothing dropped": mixture.score(extended(evenly, np.pi).sample(GENERATED, rng=seed).points),
        "independent real samples": mixture.score(anyhow),
        "transport to independent samples": mixture.score(extended(anyhow).sample(GENERATED, rng=seed).points),
    }


def by_networks(mixture: Mixture, seeds: range, steps: int) -> dict[str, list[np.ndarray]]:
    """Return what each network generates, trained once for each seed."""
    reals = [mixture.draw(LEARNED, np.random.default_rng(seed))[0] for seed in seeds]
    return {
        name: [train_gan(real, pack, steps, seed=seed)(GENERATED) for seed, real in zip(seeds, reals, strict=True)]
        for name, pack in NETWORKS.items()
    }


def measured(mixture: Mixture, seeds: range, made: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """Return means and standard deviations over seeds of all metrics; `made` is what the networks generate."""
    runs = [transport_runs(mixture, seed) for seed in seeds]
    rows = {name: [each[name] for each in runs] for name in runs[0]}
    rows |= {name: [mixture.score(points) for points in each] for name, each in made.items()}
    return {name: {"seeds": len(each), **spread(each)} for name, each in rows.items()}


def draw(made: dict[str, dict[str, list[np.ndarray]]], seed: int) -> Figure:
    """Draw for each mixture samples, the source with its tears, and what is made by transport and by the networks."""
    names = [f"{REALS} samples", "source, in its images' colors", "transport", *NETWORKS]
    figure = Figure(figsize=(3.1 * len(names), 3.3 * len(MIXTURES)), layout="constrained")
    for axes, (title, mixture) in zip(figure.subplots(len(MIXTURES), len(names)), MIXTURES.items(), strict=True):
        real, _ = mixture.draw(REALS, np.random.default_rng(seed), evenly=True)
        drawn = extended(real).sample(GENERATED, rng=seed)
        scatter(axes[0], real, INK)
        axes[0].set_ylabel(title, fontsize=13)
        _draw_source(axes[1], drawn, mixture)
        for axis, points in zip(axes[2:], [drawn.points, *(each[0] for each in made[title].values())], strict=True):
            axis.scatter(*mixture.means.T, s=90, facecolors="none", edgecolors=REAL, linewidths=0.8, zorder=0)
            scatter(axis, points)
        for axis in (axes[0], *axes[2:]):
            axis.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
    for axis, name in zip(figure.axes, names, strict=False):
        axis.set_title(name, fontsize=12)
    return figure


def _draw_source(axis, made, mixture: Mixture) -> None:
    """Draw points of the source in the colors of the modes they go to, and those near a tear in black."""
    mode = np.linalg.norm(made.points[:, None] - mixture.means, axis=2).argmin(axis=1)
    colors = np.random.default_rng(3).permutation(len(mixture.means))
    axis.scatter(*made.source.T, c=colors[mode], cmap="turbo", s=5, linewidths=0)
    scatter(axis, made.source[made.record.singular], "black", 7)


def main(out: str | Path = ".", seed: int = 0, seeds: int = 10, trained: int = 1, steps: int = 8000) -> dict[str, Any]:
    """Save picture and numbers in the folder `out`, and return the numbers.

    Parameters
    ----------
    out : path
    seed : int
        The first of the seeds.
    seeds, trained : int
        Seeds for transport, and for the networks.
    steps : int
        Of the networks' training.
    """
    runs, trainings = range(seed, seed + seeds), range(seed, seed + trained)
    made = {title: by_networks(mixture, trainings, steps) for title, mixture in MIXTURES.items()}
    numbers = {title: measured(mixture, runs, made[title]) for title, mixture in MIXTURES.items()}
    return keep(out, "mode_grid", draw(made, seed), numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=10, help="runs of transport")
    options.add_argument("--trained", type=int, default=1, help="runs of each network")
    options.add_argument("--steps", type=int, default=8000, help="of the networks' training")
    run(main, options)
