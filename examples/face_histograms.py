"""What a conformal and an area-preserving map of a face each keep, and what they each pay for it.

``python examples/face_histograms.py`` maps the demo face to the disk both ways and draws the histograms that the
literature shows of such maps: areas of faces and angles of corners, as logarithms of image over original, and the
change of angles in degrees. The conformal map keeps the angles, the area-preserving one the areas.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import meshot
from meshot.app.demo import demo_mesh
from meshot.maps.distortion import Distortion, distortion

PANELS = {
    "log_area_ratio": ("log(area / original area)", 2.0),
    "log_angle_ratio": ("log(angle / original angle)", 1.0),
    "angle_difference": ("angle - original angle, degrees", 45.0),
}
COLORS = {"conformal": "#d1495b", "area-preserving": "#1f7a8c"}


def draw(distortions: dict[str, Distortion]) -> Figure:
    """Draw one panel a quantity, with both maps in each."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    for axis, (quantity, (label, limit)) in zip(figure.subplots(1, 3), PANELS.items(), strict=True):
        for name, each in distortions.items():
            values = getattr(each, quantity)
            values = values[np.isfinite(values)]
            axis.hist(
                values, bins=np.linspace(-limit, limit, 121), density=True, histtype="stepfilled", alpha=0.55,
                color=COLORS[name], label=f"{name}, SD {values.std():.3f}",
            )  # fmt: skip
        axis.set(xlabel=label, yscale="log", xlim=(-limit, limit))
        axis.set_ylabel("density")
        axis.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def main(out: Path) -> dict[str, float]:
    """Save the figure in the folder `out`, and return the standard deviations that it shows."""
    amap = meshot.area_preserving_map(meshot.read_surface(demo_mesh("face")))
    distortions = {"conformal": distortion(amap.conformal), "area-preserving": distortion(amap)}
    out.mkdir(parents=True, exist_ok=True)
    draw(distortions).savefig(out / "face_histograms.png", dpi=150)
    figures = {}
    for name, each in distortions.items():
        summary = each.summary()
        figures[f"{name} area"] = summary["area"]["ratio_sd"]
        figures[f"{name} angle"] = summary["angle"]["sd_degrees"]
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("out"))
    for key, value in main(parser.parse_args().out).items():
        print(f"{key:<24}{value:.4f}")  # noqa: T201
