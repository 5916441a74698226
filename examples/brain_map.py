"""A flat map of the cerebral cortex in which equal areas are equal areas.

``python examples/brain_map.py`` maps the left hemisphere of fsaverage5, which the package nilearn ships, to the disk,
conformally and preserving areas, and colors both maps by the depth of the furrows. Without nilearn it takes the brain
of the demo meshes, colored by the distance from the middle. The surface is closed, so it is cut first.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import meshot
from meshot.app.demo import demo_mesh
from meshot.maps.distortion import distortion


def load_brain() -> tuple[meshot.Surface, np.ndarray, str]:
    """Return a brain, one number for each of its vertices, and what the number is."""
    try:
        from nilearn import datasets, surface  # noqa: PLC0415  (the example also runs without nilearn)
    except ImportError:
        brain = meshot.read_surface(demo_mesh("brain"))
        return brain, np.linalg.norm(brain.vertices - brain.vertices.mean(axis=0), axis=1), "distance from the middle"
    files = datasets.fetch_surf_fsaverage("fsaverage5")  # in nilearn's wheel: nothing is downloaded
    mesh = surface.load_surf_mesh(files["pial_left"])
    return meshot.Surface(mesh.coordinates, mesh.faces), surface.load_surf_data(files["sulc_left"]), "sulcal depth"


def draw(amap: meshot.SurfaceMap, values: np.ndarray, label: str) -> Figure:
    """Draw the conformal and the area-preserving disk side by side."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    low, high = np.percentile(values, [2, 98])
    for axis, (name, each) in zip(
        figure.subplots(1, 2), {"conformal": amap.conformal, "area-preserving": amap}.items(), strict=True
    ):
        picture = axis.tripcolor(
            *each.uv.T,
            each.surface.faces,
            values[each.source_vertex],
            shading="gouraud",
            cmap="RdGy",
            vmin=low,
            vmax=high,
        )
        axis.set(title=f"{name}: {100 * np.std(distortion(each).area_ratio):.0f} % SD of area", aspect="equal")
        axis.axis("off")
    figure.colorbar(picture, ax=figure.axes, shrink=0.6, label=label)
    return figure


def main(out: Path) -> dict[str, float]:
    """Save the figure in the folder `out`, and return figures of both maps."""
    brain, values, label = load_brain()
    amap = meshot.area_preserving_map(brain)
    out.mkdir(parents=True, exist_ok=True)
    draw(amap, values, label).savefig(out / "brain_map.png", dpi=150)
    area, angle = distortion(amap).summary().values()
    return {
        "conformal area ratio SD": distortion(amap.conformal).summary()["area"]["ratio_sd"],
        "area ratio SD": area["ratio_sd"],
        "mean angle change, degrees": angle["mean_abs_degrees"],
        "largest cell error": amap.transport.max_relative_error,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"))
    for key, value in main(parser.parse_args().out).items():
        print(f"{key:<28}{value:.3g}")  # noqa: T201
