"""Uniform points of the disk, pulled back to a surface: clumped by the conformal map, even by the area-preserving one.

``python examples/uniform_sampling.py`` takes the same points of the disk back through both maps, as the literature on
area-preserving parameterization does, and sets blue noise beside them, which is made on the surface itself.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import meshot
from meshot.app.demo import demo_mesh
from meshot.app.report.pictures.views import camera
from meshot.maps.target import DISK
from meshot.sampling.samples import Samples, make_samples

COUNT = 4000


def pulled_back(surface_map: meshot.SurfaceMap, points: np.ndarray) -> Samples:
    """Return where on the surface points of the disk come from."""
    found = surface_map.locate(points, snap=True)
    return make_samples(surface_map, found.faces, found.barycentric, {})


def draw(samples: dict[str, Samples], axes: np.ndarray) -> Figure:
    """Draw the points that face the camera, whose right, up and backward directions are the rows of `axes`."""
    figure = Figure(figsize=(5 * len(samples), 6), layout="constrained")
    for plot, (title, each) in zip(figure.subplots(1, len(samples)), samples.items(), strict=True):
        ahead = each.normals @ axes[2] > 0
        x, y, _ = (each.points[ahead] @ axes.T).T
        plot.scatter(x, y, s=2.5, color="black", linewidths=0)
        plot.set_aspect("equal")
        plot.set_axis_off()
        plot.set_title(title, fontsize=13)
    return figure


def main(out: str | Path = ".", name: str = "face", count: int = COUNT) -> dict[str, float]:
    """Draw the picture and return the variance of the points' cell areas: 0 is even."""
    amap = meshot.area_preserving_map(meshot.read_surface(demo_mesh(name)))
    points = DISK.spiral(count)
    samples = {
        "conformal disk": pulled_back(amap.conformal, points),
        "area-preserving disk": pulled_back(amap, points),
        "blue noise on the surface": meshot.sample(amap, count, "blue", rng=0),
    }
    Path(out).mkdir(parents=True, exist_ok=True)
    draw(samples, camera(amap.surface)).savefig(Path(out) / "uniform_sampling.png", dpi=130)
    return {title: meshot.sample_quality(each).capacity_variance for title, each in samples.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mesh", default="face", help="brain, cap, dumbbell, face or hare")
    parser.add_argument("-n", "--count", type=int, default=COUNT)
    parser.add_argument("--out", default=".", help="folder for the picture")
    arguments = parser.parse_args()
    main(arguments.out, arguments.mesh, arguments.count)
