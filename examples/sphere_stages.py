"""The stages of an area-preserving map to the sphere, in one picture.

``python examples/sphere_stages.py`` maps a closed mesh to the sphere: conformally, by transport (each vertex at the
centroid of its cell), and with its triangles refined. The upper row carries the squares of the last sphere back to
every stage; the lower row shows how far the area of each face is from its share: red is too large, blue too small.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import meshot
from meshot.app.demo import demo_mesh
from meshot.app.report.pictures.colors import DIVERGING
from meshot.app.report.pictures.figures import colored, patterned, upright
from meshot.app.report.pictures.views import View, camera, sphere_view, surface_view
from meshot.app.words import percent
from meshot.maps.distortion import distortion
from meshot.refinement.placement import place_vertices

SIZE = 640
LIMIT = 1.5  # of the logarithm of the area ratio


def stages(name: str, tol_area: float) -> dict[str, meshot.SurfaceMap]:
    """Return the maps of the three stages, turned as the surface stands."""
    surface = meshot.read_surface(demo_mesh(name))
    refined = meshot.area_preserving_map(surface, to="sphere", tol_area=tol_area)
    placed = replace(refined, image=place_vertices(surface, refined.transport))
    turn = upright(refined, camera(surface))
    maps = {"conformal": refined.conformal, "transport": placed, "refined": refined}
    return {stage: replace(each, image=each.points @ turn.T) for stage, each in maps.items()}


def look(maps: dict[str, meshot.SurfaceMap]) -> dict[str, View]:
    """Return what is seen of the surface and of each sphere."""
    surface = maps["refined"].surface
    normals, axes = surface.vertex_normals, camera(surface)
    seen = {"surface": surface_view(maps["refined"], normals, axes, 2 * SIZE)}
    return seen | {stage: sphere_view(each, normals, axes, 2 * SIZE) for stage, each in maps.items()}


def draw(maps: dict[str, meshot.SurfaceMap], ratios: dict[str, np.ndarray]) -> Figure:
    """Draw the surface and the spheres, with squares above and with their area ratios below."""
    figure = Figure(figsize=(14, 7.6), layout="constrained")
    views = look(maps)
    for column, (stage, axes) in enumerate(zip(views, figure.subplots(2, len(views)).T, strict=True)):
        upper, lower = axes
        upper.imshow(patterned(views[stage], maps["refined"])["checkerboard"])
        if column == 0:
            upper.set_title("surface", fontsize=15)
            # Where the conformal sphere shrinks the surface, and where it enlarges it.
            lower.imshow(colored(views[stage], np.log(ratios["conformal"]), DIVERGING, -LIMIT, LIMIT))
            lower.set_title("colored as the conformal sphere", fontsize=11)
        else:
            upper.set_title(stage, fontsize=15)
            lower.imshow(colored(views[stage], np.log(ratios[stage]), DIVERGING, -LIMIT, LIMIT))
            lower.set_title(f"area ratio: {percent(ratios[stage].std())} standard deviation", fontsize=11)
        for axis in axes:
            axis.axis("off")
    return figure


def main(out: Path, name: str = "brain", tol_area: float = 1e-3) -> dict[str, float]:
    """Save the picture in the folder `out`, and return the standard deviations of the area ratios."""
    maps = stages(name, tol_area)
    ratios = {stage: distortion(each).area_ratio for stage, each in maps.items()}
    out.mkdir(parents=True, exist_ok=True)
    draw(maps, ratios).savefig(out / "sphere_stages.png", dpi=120)
    return {stage: float(ratio.std()) for stage, ratio in ratios.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"))
    parser.add_argument("--mesh", default="brain", help="brain, dumbbell or hare")
    arguments = parser.parse_args()
    for key, value in main(arguments.out, arguments.mesh).items():
        print(f"{key:<12}{value:.2g}")  # noqa: T201
