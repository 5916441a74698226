"""A picture drawn with dots of equal weight.

``python examples/density.py`` takes a picture of a shaded torus as a density, dark being dense, and spreads dots over
it so that each stands for the same share of ink: optimal transport with equal masses, whose dots then move to the
centers of mass of their cells, a few times over (de Goes, Breeden, Ostromoukhov and Desbrun, "Blue noise through
optimal transport", SIGGRAPH Asia 2012; Lloyd's method under a capacity constraint).
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import meshot

DOTS, ROUNDS, PIXELS = 6000, 6, 300
INK, PAPER = "#1b1b3a", "#fbf8f1"


def picture() -> np.ndarray:
    """Return the darkness of a torus that is lit from the upper left, its shadow and a faint sky, row 0 at the top."""
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, PIXELS), np.linspace(1.5, -1.5, PIXELS))
    tilt, ring, tube = 0.95, 0.88, 0.38
    height, normal = np.full(x.shape, -np.inf), np.zeros((3, *x.shape))
    for angle in np.linspace(0, 2 * np.pi, 2400):  # a string of spheres of which the nearest point is seen
        cx, cy = ring * np.cos(angle), ring * np.sin(angle) * np.cos(tilt)
        depth = ring * np.sin(angle) * np.sin(tilt)
        left = tube**2 - (x - cx) ** 2 - (y - cy) ** 2
        top = depth + np.sqrt(np.maximum(left, 0))
        nearer = (left > 0) & (top > height)
        height = np.where(nearer, top, height)
        normal = np.where(nearer, np.stack([x - cx, y - cy, top - depth]) / tube, normal)
    light = np.array([-0.52, 0.62, 0.59])
    lit = np.clip(np.einsum("i,iyx->yx", light, normal), 0, 1)
    halfway = light + np.array([0, 0, 1])
    halfway /= np.linalg.norm(halfway)
    glint = np.clip(np.einsum("i,iyx->yx", halfway, normal), 0, 1) ** 40
    darkness = np.clip(1.02 - 0.95 * lit**0.8 - 0.5 * glint, 0.02, 1)
    hole = np.hypot((x - 0.25) / 1.35, (y + 0.62) / 0.75)
    ground = 0.03 + 0.42 * np.exp(-(hole**4))
    return np.where(np.isfinite(height), darkness, ground)


def spread(density: meshot.GridDensity) -> meshot.TransportResult:
    """Spread the dots: transport to equal masses, from which each dot goes to its cell's center of mass."""
    rng = np.random.default_rng(0)
    candidates = rng.uniform(density.lower, density.upper, (40 * DOTS, 2))
    kept = rng.random(len(candidates)) * density.largest < density(candidates)
    dots = candidates[kept][:DOTS]
    for _ in range(ROUNDS):
        result = meshot.solve_transport(dots, density=density, tol=1e-3)
        dots = result.centroids
    return meshot.solve_transport(dots, density=density)


def draw(image: np.ndarray, result: meshot.TransportResult) -> Figure:
    """Draw the density, the cells and the dots."""
    figure = Figure(figsize=(15, 5.2), layout="constrained", facecolor=PAPER)
    axes = figure.subplots(1, 3)
    extent = (-1.5, 1.5, -1.5, 1.5)
    axes[0].imshow(-image, cmap="gray", extent=extent, interpolation="bilinear")
    starts, points = result.diagram.polygons()
    cells = PolyCollection(np.split(points, starts[1:-1]), linewidths=0.25, edgecolors=INK, cmap="RdPu")
    cells.set_array(-np.log(result.diagram.areas))
    axes[1].add_collection(cells)
    axes[2].scatter(*result.centroids.T, s=2.6, color=INK, linewidths=0)
    titles = ("the density", f"{DOTS:,} cells of equal mass", f"{DOTS:,} dots, each in the center of its cell")
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xlim=extent[:2], ylim=extent[2:], aspect="equal", title=title, facecolor=PAPER)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def main(out: Path) -> dict[str, float]:
    """Save the figure in the folder `out`, and return figures of the last transport."""
    image = picture()
    density = meshot.GridDensity(image[::-1], [-1.5, -1.5], [1.5, 1.5])
    result = spread(density)
    out.mkdir(parents=True, exist_ok=True)
    draw(image, result).savefig(out / "density.png", dpi=150)
    return {
        "largest cell error": result.max_relative_error,
        "mass certificate": result.mass_certificate,
        "largest area of a cell over the least": float(result.diagram.areas.max() / result.diagram.areas.min()),
        "distance moved over the cells' size": float(
            np.sqrt(((result.centroids - result.problem.sites) ** 2).sum(axis=1).mean() / result.diagram.areas.mean())
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"))
    for key, value in main(parser.parse_args().out).items():
        print(f"{key:<40}{value:.3g}")  # noqa: T201
