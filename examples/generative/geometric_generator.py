"""A statue's surface as a distribution: generated through a conformal chart it clumps, with transport it is uniform.

``python examples/generative/geometric_generator.py`` takes the surface of a hare for the data, its conformal map to
the disk for an encoder, whose inverse is the decoder, and the disk for the latent space. Decoded uniform points of the
disk crowd where the chart magnifies: on the tips of the ears there is none. With the optimal transport from the uniform
density on the disk to the encoded areas before it, extended to all points of the disk, the generator is right, and
nothing had to be trained (Lei, Su, Cui, Yau, Gu, "A geometric view of optimal transportation and generative model",
CAGD 2019, where the statue is a Buddha). A chi-square test over patches of the surface tells the two apart.
"""

from pathlib import Path
from typing import Any

from common import example, keep, parser, run, spread

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import chi2

import meshot
from meshot.app.demo import demo_mesh
from meshot.app.report.pictures.views import camera
from meshot.sampling.samples import Samples

sampling = example("uniform_sampling")

# Samples, and how many of them a patch of the test has on average.
COUNT, PER_PATCH = 10_000, 40


def generated(amap: meshot.SurfaceMap, count: int, seed: int) -> dict[str, Samples]:
    """Return points of the surface, decoded from uniform points of the disk and from where transport sends these."""
    # no target is torn that fills the disk: no plane is dropped
    drawn = meshot.ExtendedMap(amap.transport, theta=np.pi).sample(count, rng=seed)
    return {
        "conformal": sampling.pulled_back(amap.start, drawn.source),
        "conformal and transport": sampling.pulled_back(amap.start, drawn.points),
    }


def patches(surface: meshot.Surface, count: int) -> np.ndarray:
    """Return the patch of each face, (F,): that of the nearest of `count` faces, each far from those before it."""
    middles = surface.vertices[surface.faces].mean(axis=1)
    centers, distance = [0], np.full(len(middles), np.inf)
    while len(centers) < count:
        distance = np.minimum(distance, np.linalg.norm(middles - middles[centers[-1]], axis=1))
        centers.append(int(distance.argmax()))
    return cKDTree(middles[centers]).query(middles)[1]


def uniformity(faces: np.ndarray, surface: meshot.Surface, patch: np.ndarray) -> dict[str, float]:
    """Return Pearson's test of the hypothesis that samples on `faces` fall into patches by their areas.

    The statistic over its degrees of freedom is about 1 for independent uniform samples.
    """
    expected = np.bincount(patch, surface.face_areas) / surface.area * len(faces)
    counts = np.bincount(patch[faces], minlength=len(expected))
    statistic, freedom = float(((counts - expected) ** 2 / expected).sum()), len(expected) - 1
    return {
        "chi_square": statistic,
        "chi_square_over_freedom": statistic / freedom,
        "p_value": float(chi2.sf(statistic, freedom)),
        "empty_patches": float((counts == 0).sum()),
    }


def main(
    out: str | Path = ".", seed: int = 0, seeds: int = 5, mesh: str = "hare", count: int = COUNT
) -> dict[str, Any]:
    """Save picture and numbers in the folder `out`, and return the numbers.

    Parameters
    ----------
    out : path
    seed, seeds : int
        The first seed, whose samples are drawn, and the number of seeds.
    mesh : str
        A demo mesh, or the path of a file.
    count : int
        Samples of each seed.
    """
    surface = meshot.read_surface(mesh if Path(mesh).exists() else demo_mesh(mesh))
    amap, patch = meshot.area_preserving_map(surface), patches(surface, count // PER_PATCH)
    runs = [generated(amap, count, k) for k in range(seed, seed + seeds)]
    rows = {title: [uniformity(each[title].faces, surface, patch) for each in runs] for title in runs[0]}
    numbers = {title: {"seeds": seeds, "samples": count, **spread(each)} for title, each in rows.items()}
    figure = sampling.draw(runs[0], camera(surface))
    for axis, (title, each) in zip(figure.axes, rows.items(), strict=True):
        axis.set_title(f"{title}\nchi-square / freedom: {each[0]['chi_square_over_freedom']:.3g}", fontsize=13)
    return keep(out, "geometric_generator", figure, numbers)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--mesh", default="hare", help="a demo mesh (brain, cap, dumbbell, face, hare) or a file")
    options.add_argument("-n", "--count", type=int, default=COUNT, help="samples of each seed")
    options.add_argument("--seeds", type=int, default=5, help="runs of the test")
    run(main, options)
