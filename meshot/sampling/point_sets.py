"""Point sets that fill the unit square evenly."""

from collections.abc import Callable

import numpy as np

from meshot.base.arrays import Floats, Ints

Seed = int | np.random.Generator | None

# Real root of x^3 = x + 1: its powers fill the square as the golden ratio fills the line.
PLASTIC = 1.32471795724474602596


def _sobol(n: int, rng: Seed) -> Floats:
    from scipy.stats import qmc  # noqa: PLC0415  (takes a second to load, and only this method needs it)

    sequence = qmc.Sobol(2, scramble=True, seed=np.random.default_rng(rng))
    points: Floats = sequence.random_base2((n - 1).bit_length())
    return points[:n]


def _r2(n: int, rng: Seed) -> Floats:
    shift = 0.5 if rng is None else np.random.default_rng(rng).random(2)
    steps = np.array([1 / PLASTIC, 1 / PLASTIC**2])
    return np.asarray((shift + np.arange(n)[:, None] * steps) % 1)


def _stratified(n: int, rng: Seed) -> Floats:
    """Cut the square into about sqrt(n) strips, as wide as they have points, and each strip into its cells."""
    strips = round(n**0.5)
    size = np.diff(np.arange(strips + 1) * n // strips)
    strip, place = _ranges(size)
    left = np.cumsum(size) - size
    draws: Floats = np.random.default_rng(rng).random((n, 2))
    x = (left[strip] + size[strip] * draws[:, 0]) / n
    y = (place + draws[:, 1]) / size[strip]
    return np.stack([x, y], axis=1)


SQUARE_POINTS: dict[str, Callable[[int, Seed], Floats]] = {"sobol": _sobol, "r2": _r2, "stratified": _stratified}
"""Point sets of the unit square, (n, 2), by name."""


def _ranges(counts: Ints) -> tuple[Ints, Ints]:
    """Spell out ranges of given lengths: for each entry, the range it is in and its place there."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
