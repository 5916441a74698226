"""A face whose eyes and nose take more room on the disk than they have on the surface, exactly as much as was asked.

``python examples/magnify.py`` paints the eyes and the nose of the demo face and maps it to the disk twice: preserving
areas, and preserving a density that is four times as high on the painted parts. Each part then has the share of the
disk that the density prescribes. Below, a checkerboard of the disk is pulled back to the surface: where squares are
small, the map magnifies.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import meshot
from meshot.app.demo import demo_mesh
from meshot.app.report.pictures.colors import SEQUENTIAL
from meshot.app.report.pictures.figures import PORCELAIN, colored, paint, patterned, upright
from meshot.app.report.pictures.views import SAMPLING, camera, disk_view, surface_view
from meshot.maps.distortion import distortion

STRENGTH = 3.0
# Places on the face in x and y, radii of the marks, and their colors.
MARKS = {
    "left eye": ((-0.29, 0.1), 0.17, (0.10, 0.42, 0.60)),
    "right eye": ((0.29, 0.1), 0.17, (0.10, 0.42, 0.60)),
    "nose": ((0.0, -0.19), 0.16, (0.80, 0.30, 0.20)),
}
SIZE = 480


def marks(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return how strongly each point, (n, 3), belongs to each mark: 1 within its radius, falling to 0 around it."""
    strengths = {}
    for name, (center, radius, _) in MARKS.items():
        distance = np.hypot(*(points[:, :2] - center).T)
        strengths[name] = np.exp(-(np.maximum(distance / radius - 0.6, 0) ** 2) * 4) * (points[:, 2] > 0.3)
    return strengths


def draw(maps: dict[str, meshot.SurfaceMap], density: np.ndarray) -> Figure:
    """Draw the surface and its images on the disk; below, the density, and a checkerboard pulled back by each map."""
    surface = next(iter(maps.values())).surface
    axes = camera(surface)
    colors = np.repeat(PORCELAIN.T, len(surface.vertices), axis=0)
    for (_, _, color), strength in zip(MARKS.values(), marks(surface.vertices).values(), strict=True):
        colors += strength[:, None] * (np.array(color) - colors)
    panels = []
    for name, amap in maps.items():
        turned = meshot.SurfaceMap(surface, amap.uv @ upright(amap, axes).T, amap.source_vertex)
        disk = disk_view(turned, surface.vertex_normals, axes, SIZE * SAMPLING)
        seen = surface_view(turned, surface.vertex_normals, axes, SIZE * SAMPLING)
        painted = seen.fragments.interpolate(colors[surface.faces]).T.astype(np.float32)
        image = paint(disk, disk.fragments.interpolate(colors[surface.faces]).T.astype(np.float32))
        panels.append((name, image, patterned(seen, turned)["checkerboard"]))
    wanted = colored(seen, density[surface.faces].mean(axis=1), SEQUENTIAL, 1.0, 1 + STRENGTH)
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    for column, (title, upper, lower) in enumerate([("surface", paint(seen, painted), wanted), *panels]):
        below = "checkerboard pulled back" if column else f"density, 1 to {1 + STRENGTH:g}"
        for row, (image, words) in enumerate(((upper, title), (lower, below))):
            axis = figure.add_subplot(2, 3, 3 * row + column + 1)
            axis.imshow(image)
            axis.axis("off")
            axis.set_title(words)
    return figure


def main(out: Path) -> dict[str, float]:
    """Save the figure in the folder `out`, and return the shares of the marked parts."""
    surface = meshot.read_surface(demo_mesh("face"))
    strength = sum(marks(surface.vertices).values())
    plain = meshot.area_preserving_map(surface)
    density = 1 + STRENGTH * np.clip(strength, 0, 1)
    magnified = meshot.area_preserving_map(surface, density=density)
    out.mkdir(parents=True, exist_ok=True)
    draw({"area-preserving": plain, "magnified": magnified}, density).savefig(out / "magnify.png", dpi=150)
    marked = strength[surface.faces].mean(axis=1) > 0.5
    figures = {
        "share on the surface": surface.face_areas[marked].sum() / surface.area,
        "share prescribed": magnified.measure.faces[marked].sum(),
    }
    for name, amap in (("area-preserving", plain), ("magnified", magnified)):
        figures[f"share, {name}"] = amap.signed_areas[marked].sum() / amap.signed_areas.sum()
    area = distortion(magnified).summary()["area"]
    return {**figures, "SD against the measure": area["ratio_sd"], "flipped faces": area["flipped"]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"))
    for key, value in main(parser.parse_args().out).items():
        print(f"{key:<28}{value:.4g}")  # noqa: T201
