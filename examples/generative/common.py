"""What the generative examples share: their command line, their files, and the metrics of mixtures."""

import argparse
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from meshot.base.errors import MeshotError
from meshot.base.files import to_json, write_json
from meshot.base.settings import require_torch

# Every example imports this module before torch: without it, the error says which extra brings it.
require_torch("this example")

REAL, MADE, INK = "#c9c4bb", "#2f6f8f", "#2b2d33"


def parser(doc: str) -> argparse.ArgumentParser:
    """Return the options that every example has; `doc` is its docstring."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--seed", type=int, default=0, help="the same seed gives the same figures")
    options.add_argument("-o", "--out", type=Path, default=Path("out"), help="folder for the picture and the numbers")
    return options


def run(main: Callable[..., dict[str, Any]], options: argparse.ArgumentParser) -> None:
    """Call `main` with the command line's options, and show the numbers that it returns; exit with 2 if it refuses."""
    try:
        numbers = main(**vars(options.parse_args()))
    except MeshotError as error:
        options.error(str(error))
    print(to_json(numbers))  # noqa: T201


def keep(out: Path, name: str, figure: Figure, numbers: dict[str, Any], dpi: int = 130) -> dict[str, Any]:
    """Write ``name.png`` and ``name.json`` in the folder `out`, and return the numbers."""
    Path(out).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(out) / f"{name}.png", dpi=dpi)
    write_json(Path(out) / f"{name}.json", numbers)
    return numbers


def spread(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation over runs of each of their numbers."""
    values = {key: np.array([row[key] for row in rows], dtype=float) for key in rows[0]}
    return {key: {"mean": each.mean(), "sd": each.std(ddof=min(1, len(each) - 1))} for key, each in values.items()}


def scatter(axis: Any, points: np.ndarray, color: str = MADE, size: float = 3.0) -> None:
    """Draw points of the plane, (n, 2), on an axis without ticks."""
    axis.scatter(*points.T, s=size, color=color, linewidths=0)
    axis.set(aspect="equal", xticks=[], yticks=[])


class Mixture(NamedTuple):
    """Gaussians of equal weight and spread: their means, (k, d), and standard deviation in each coordinate."""

    means: np.ndarray
    sd: float

    def draw(self, count: int, rng: np.random.Generator, *, evenly: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return `count` samples, (count, d), and the mode of each; `evenly`, as many of each mode as of any other."""
        k = len(self.means)
        mode = rng.permutation(np.arange(count) % k) if evenly else rng.integers(k, size=count)
        return self.means[mode] + self.sd * rng.standard_normal((count, self.means.shape[1])), mode

    def score(self, points: np.ndarray) -> dict[str, float]:
        """Return the literature's metrics of generated points, (n, d).

        A sample is of high quality if it lies within three standard deviations of the nearest mean, and a mode is
        captured if such a sample is nearest to it. The reverse divergence is that of the shares of the modes, each
        sample counted for its nearest mean, from equal ones: sum_i p_i log(k p_i).

        References
        ----------
        Lin, Khetan, Fanti, Oh, "PacGAN: the power of two samples in generative adversarial networks", NeurIPS 2018.
        """
        distances = np.linalg.norm(points[:, None] - self.means, axis=2)
        nearest, k = distances.argmin(axis=1), len(self.means)
        good = distances.min(axis=1) <= 3 * self.sd
        shares = np.bincount(nearest, minlength=k) / len(points)
        full = shares[shares > 0]
        return {
            "modes": float(len(np.unique(nearest[good]))),
            "high_quality_percent": 100 * float(good.mean()),
            "reverse_kl": float((full * np.log(k * full)).sum()),
        }


def example(name: str) -> ModuleType:
    """Return an example of the folder above as a module, to use what it has."""
    spec = spec_from_file_location(f"example_{name}", Path(__file__).parent.parent / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
