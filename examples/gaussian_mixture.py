"""Transport to a mixture of two Gaussians: no mode is lost, and the potential has a ridge between them.

``python examples/gaussian_mixture.py`` sends the uniform density on the disk to 128 samples of N((0, 0), 3^2) and
N((40, 40), 3^2). Every sample gets a cell of the same area. The Brenier potential is a convex polyhedral surface over
the disk, a face over each cell; along the facets between cells of different Gaussians it bends by the whole distance
between them: the transport map is torn there, and the potential shows a ridge (Lei et al., "A geometric understanding
of deep learning", Engineering 2020, on mode collapse).
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LightSource, to_rgb
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

import meshot

MEANS, SPREAD, EACH = np.array([[0.0, 0.0], [40.0, 40.0]]), 3.0, 64
COLORS, RIDGE, INK = ("#d8925f", "#5b8fa8"), "#8f1d2c", "#2b2d33"


def samples() -> tuple[np.ndarray, np.ndarray]:
    """Return 128 samples, (128, 2), and the Gaussian that each is of, (128,)."""
    mode = np.repeat([0, 1], EACH)
    return MEANS[mode] + SPREAD * np.random.default_rng(0).standard_normal((2 * EACH, 2)), mode


def ridge(result: meshot.TransportResult, mode: np.ndarray) -> np.ndarray:
    """Return the ends of the facets between cells of different Gaussians, (m, 2, 2)."""
    diagram = meshot.power_diagram(result.problem.sites, result.diagram.weights, result.problem.domain)
    return diagram.facet_ends[mode[diagram.facets[:, 0]] != mode[diagram.facets[:, 1]]]


def draw(result: meshot.TransportResult, mode: np.ndarray) -> Figure:
    """Draw the cells, the samples and the graph of the potential."""
    figure = Figure(figsize=(13, 4.6))
    starts, points = result.diagram.polygons()
    cells, torn = np.split(points, starts[1:-1]), ridge(result, mode)
    shades = np.random.default_rng(1).uniform(0.75, 1.1, len(mode))  # so that neighbors are told apart
    colors = np.clip(np.array([to_rgb(COLORS[k]) for k in mode]) * shades[:, None], 0, 1)

    axis = figure.add_axes((0.01, 0.04, 0.29, 0.84))
    axis.add_collection(PolyCollection(cells, facecolors=colors, edgecolors="white", linewidths=0.7))
    axis.add_collection(LineCollection(torn, colors=RIDGE, linewidths=2.2))
    axis.set(xlim=(-1.03, 1.03), ylim=(-1.03, 1.03), aspect="equal")
    axis.set_axis_off()

    axis = figure.add_axes((0.36, 0.12, 0.25, 0.70))
    axis.scatter(*result.problem.sites.T, c=colors, edgecolors=INK, linewidths=0.4, s=26)
    axis.set(aspect="equal")
    axis.spines[["top", "right"]].set_visible(False)

    _draw_graph(figure.add_axes((0.64, -0.02, 0.36, 0.94), projection="3d"), result, cells, colors, torn)
    titles = ("128 cells of equal area", "the samples that they go to", "the potential over the disk, with its ridge")
    for place, title in zip((0.155, 0.485, 0.82), titles, strict=True):
        figure.text(place, 0.93, title, ha="center", fontsize=12, color=INK)
    return figure


def _draw_graph(axis, result, cells, colors, torn) -> None:
    """Draw u(x) - <x, mean of the samples>: a linear function less, so that the ridge stands upright."""
    mean = result.problem.sites.mean(axis=0)

    def lift(points):
        points = np.asarray(points)
        return np.column_stack([points, result.potential(points) - points @ mean])

    # a face over cell i has the slope y_i, the image of the cell
    slope = result.problem.sites - mean
    normals = np.column_stack([-slope / 28, np.ones(len(slope))])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = LightSource(azdeg=125, altdeg=60).direction
    lit = np.clip(colors * (0.5 + 0.62 * (normals @ light))[:, None], 0, 1)
    faces = Poly3DCollection([lift(cell) for cell in cells], facecolors=lit, edgecolors=(1, 1, 1, 0.55), linewidths=0.4)
    axis.add_collection3d(faces)
    axis.add_collection3d(Line3DCollection([lift(ends) for ends in torn], colors=RIDGE, linewidths=2.2, zorder=5))
    height = np.concatenate([lift(cell) for cell in cells])[:, 2]
    axis.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(height.min(), height.max()))
    axis.set_box_aspect((1, 1, 0.5), zoom=1.25)
    axis.computed_zorder = False
    axis.view_init(elev=30, azim=-33)
    axis.set_axis_off()


def main(out: Path) -> dict[str, float]:
    """Save the figure in the folder `out`, and return what it shows."""
    sites, mode = samples()
    result = meshot.solve_transport(sites, tol=1e-9)
    reached = np.unique(result.map(result.centroids), axis=0)
    assert len(reached) == len(sites), "a sample that no point of the disk is sent to"
    out.mkdir(parents=True, exist_ok=True)
    draw(result, mode).savefig(out / "gaussian_mixture.png", dpi=150)
    areas = result.diagram.masses
    torn = ridge(result, mode)
    return {
        "samples reached": len(reached),
        "area of the first mode, share": areas[mode == 0].sum() / np.pi,
        "largest deviation of an area": float(np.abs(areas * len(areas) / np.pi - 1).max()),
        "length of the ridge": float(np.hypot(*(torn[:, 1] - torn[:, 0]).T).sum()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"))
    for key, value in main(parser.parse_args().out).items():
        print(f"{key:<32}{value:.6g}")  # noqa: T201
