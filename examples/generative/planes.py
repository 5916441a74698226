"""Pairs of distributions in the plane between which maps are learned."""

from collections.abc import Callable

from common import Mixture

import numpy as np

# Returns that many samples, (count, 2).
Sampler = Callable[[int, np.random.Generator], np.ndarray]

# Turns of a spiral in degrees, and what it is scaled by.
TURN, SPIRAL_SCALE = 570.0, 0.15


def gaussians(scale: float) -> Sampler:
    """Return samples of four Gaussians of standard deviation 0.1 on the diagonals, at the distance `scale`."""
    mixture = Mixture(scale / np.sqrt(2) * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]), 0.1)
    return lambda count, rng: mixture.draw(count, rng, evenly=True)[0]


def squares(centers: np.ndarray) -> Sampler:
    """Return samples of squares of side 0.5, as many of each as of any other."""

    def draw(count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(np.resize(centers, (count, 2))) + 0.5 * (rng.random((count, 2)) - 0.5)

    return draw


def spiral(sign: float) -> Sampler:
    """Return samples around a spiral, or with the sign -1 around the same one turned by half a turn."""

    def draw(count: int, rng: np.random.Generator) -> np.ndarray:
        angle = np.deg2rad(TURN) * np.sqrt(rng.random(count))
        ray = np.column_stack([np.cos(angle), -np.sin(angle)])
        return SPIRAL_SCALE * sign * angle[:, None] * ray + 0.1 * rng.random((count, 2))

    return draw


_SIDE = 1.5 / np.sqrt(2)
_DARK = _SIDE * np.array([[1, 1], [-1, -1], [1, -1], [-1, 1], [0, 0]])
_LIGHT = _SIDE * np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])

# Source and target of each pair, as the authors of W2GAN have them.
PAIRS: dict[str, tuple[Sampler, Sampler]] = {
    "4 Gaussians": (gaussians(1.0), gaussians(2.0)),
    "checkerboard": (squares(_DARK), squares(_LIGHT)),
    "two spirals": (spiral(1.0), spiral(-1.0)),
}
