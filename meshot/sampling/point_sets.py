"""Point sets that fill the unit square evenly, and the equal-area maps from the square to disk and sphere and back."""

from collections.abc import Callable

import numpy as np

from meshot.base.arrays import Floats, Ints

Seed = int | np.random.Generator | None

# Real root of x^3 = x + 1: its powers fill the square as the golden ratio fills the line.
PLASTIC = 1.32471795724474602596
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


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


def fibonacci(target: str, n: int, rng: Seed) -> Floats:
    """Return a spiral of equal areas, in the disk from the middle out, on the sphere from pole to pole."""
    turn = 0.0 if rng is None else 2 * np.pi * np.random.default_rng(rng).random()
    index = np.arange(n)
    share: Floats = (index + 0.5) / n
    angle = turn + GOLDEN_ANGLE * index
    height = 1 - 2 * share
    radius = np.sqrt(share) if target == "disk" else np.sqrt(1 - height**2)
    spiral = [radius * np.cos(angle), radius * np.sin(angle)]
    return np.stack(spiral if target == "disk" else [*spiral, height], axis=1)


def _ranges(counts: Ints) -> tuple[Ints, Ints]:
    """Spell out ranges of given lengths: for each entry, the range it is in and its place there."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


# ---------------------------------------------------------------------------------------------------------------------
# equal-area maps


def to_square(target: str, points: Floats) -> Floats:
    """Map points of the unit disk, (n, 2), or the unit sphere, (n, 3), to the unit square: `disk_to_square` or so."""
    return disk_to_square(points) if target == "disk" else sphere_to_square(points)


def square_to_sphere(points: Floats) -> Floats:
    """Map the unit square to the unit sphere with constant area ratio: x around, y along the axis (Archimedes).

    Examples
    --------
    >>> square_to_sphere(np.array([[0.0, 0.5], [0.3, 1.0]])).round(12)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    angle, height = 2 * np.pi * points[:, 0], 2 * points[:, 1] - 1
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1) + 0.0


def sphere_to_square(points: Floats) -> Floats:
    """Map directions, (n, 3), to the unit square: the inverse of `square_to_sphere`.

    Examples
    --------
    >>> sphere_to_square(np.array([[0.0, 2.0, 0.0]]))
    array([[0.25, 0.5 ]])
    """
    height = points[:, 2] / np.linalg.norm(points, axis=1)
    around = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1
    return np.stack([around, (1 + height) / 2], axis=1)


def square_to_disk(points: Floats) -> Floats:
    """Map the unit square to the unit disk, squares to circles, with constant area ratio (Shirley and Chiu 1997).

    Examples
    --------
    >>> square_to_disk(np.array([[0.5, 0.5], [1.0, 0.5], [0.75, 0.5]]))
    array([[0. , 0. ],
           [1. , 0. ],
           [0.5, 0. ]])
    """
    x, y = 2 * points.T - 1
    along_x = np.abs(x) > np.abs(y)
    radius = np.where(along_x, x, y)
    ratio = np.where(along_x, y, x) / np.where(radius == 0, 1, radius)
    angle = np.where(along_x, np.pi / 4 * ratio, np.pi / 2 - np.pi / 4 * ratio)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def disk_to_square(points: Floats) -> Floats:
    """Map the unit disk to the unit square, circles to squares: the inverse of `square_to_disk`.

    Examples
    --------
    >>> disk_to_square(np.array([[0.5, 0.0], [0.0, -1.0]]))
    array([[0.75, 0.5 ],
           [0.5 , 0.  ]])
    """
    x, y = points.T
    along_x = np.abs(x) > np.abs(y)
    long, short = np.where(along_x, x, y), np.where(along_x, y, x)
    radius = np.copysign(np.hypot(x, y), long)
    # The angle from the nearer axis, at most pi / 4.
    other = radius * np.arctan2(short * np.sign(long), np.abs(long)) * (4 / np.pi)
    square = np.where(along_x, [radius, other], [other, radius])
    return np.asarray((1 + square.T) / 2)
