"""Two Gaussians far from each other: a Wasserstein GAN bridges the gap between them, transport does not.

``python examples/generative/gaussian_mixture.py`` takes the samples of ``examples/gaussian_mixture.py``, 64 each of
N((0, 0), 3^2) and N((40, 40), 3^2), and generates new ones twice: by a Wasserstein GAN with clipped weights, whose
generator is continuous and cannot but map a part of its connected source to the gap, and by the extended transport map,
which is torn along the ridge of the potential (Lei et al., "A geometric understanding of deep learning",
Engineering 2020).
"""

from pathlib import Path
from typing import Any

from common import INK, Mixture, example, keep, parser, run, scatter, spread

import numpy as np
from adversarial import train_wgan
from matplotlib.figure import Figure

import meshot

mixture = example("gaussian_mixture")

TWO = Mixture(mixture.MEANS, mixture.SPREAD)
GENERATED = 2000
# Both Gaussians end well within this part of the way from one mean to the other.
GAP = 0.25, 0.75
# Seen from between the two Gaussians, which are (20, 20) away, they lie in opposite directions.
THETA = np.pi / 2


def by_transport(real: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return new samples by the extended map from the disk; where the origin is, the transport does not mind."""
    middle = TWO.means.mean(axis=0)
    extended = meshot.ExtendedMap(meshot.solve_transport(real - middle), theta=THETA)
    return extended.sample(count, rng=seed).points + middle


def between(points: np.ndarray) -> float:
    """Return the percentage of points that lie between the clusters."""
    way = np.diff(TWO.means, axis=0)[0]
    along = (points - TWO.means[0]) @ way / (way @ way)
    return 100 * float(((along > GAP[0]) & (along < GAP[1])).mean())


def draw(real: np.ndarray, made: dict[str, np.ndarray]) -> Figure:
    """Draw the samples and what is made of them."""
    panels = {f"{len(real)} samples": real, **made}
    figure = Figure(figsize=(4 * len(panels), 4.3), layout="constrained")
    for axis, (title, points) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axis.scatter(*real.T, s=5, color=INK, alpha=0.4, linewidths=0)
        scatter(axis, points)
        axis.set(xlim=(-15, 55), ylim=(-15, 55))
        axis.set_title(f"{title}, {between(points):.1f} % between", fontsize=13)
    return figure


def main(out: str | Path = ".", seed: int = 0, seeds: int = 3, steps: int = 1500) -> dict[str, Any]:
    """Save picture and numbers in the folder `out`, and return the numbers, means over `seeds` seeds."""
    real, _ = mixture.samples()
    rows: dict[str, list[dict[str, float]]] = {"transport": [], "WGAN": []}
    shown = {}
    for k in range(seed, seed + seeds):
        made = {"WGAN": train_wgan(real, steps, seed=k)(GENERATED), "transport": by_transport(real, GENERATED, k)}
        shown = shown or made
        for name, points in made.items():
            rows[name].append(TWO.score(points) | {"between_percent": between(points)})
    numbers = {name: {"seeds": seeds, **spread(each)} for name, each in rows.items()}
    return keep(out, "gaussian_mixture", draw(real, shown), numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=3, help="runs of both")
    options.add_argument("--steps", type=int, default=1500, help="of the generator's training")
    run(main, options)
