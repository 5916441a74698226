"""How far a map of a solid is from keeping volumes: per tetrahedron, and in a few numbers.

Volumes are taken as shares of their total on both sides, so that a similarity has no distortion at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, norms
from meshot.base.errors import GeometryError
from meshot.maps.solid_map import SolidMap
from meshot.meshes.solid import SIDES

# A tetrahedron is degenerate where its volume is below this fraction of its longest edge's cube.
FLAT = 1e-12


@dataclass(frozen=True, eq=False)
class SolidDistortion:
    """Distortion of a piecewise-linear map of a solid; every array is read-only.

    Attributes
    ----------
    volume_ratio : (T,) float
        Share of the image's volume over the wanted share, r = v'/v: that of the original's volume or, if the map has
        prescribed shares, of these; NaN where the original tetrahedron has no volume.
    log_volume_ratio : (T,) float
        log r; -inf where the image tetrahedron has no volume.
    flipped : (T,) bool
        Image turned against the image as a whole, unless the original was; a map that mirrors everything flips nothing.
    degenerate : (T,) bool
        Image that is flat to rounding; never counted as flipped.
    """

    volume_ratio: Floats
    log_volume_ratio: Floats
    flipped: NDArray[np.bool_]
    degenerate: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.flags.writeable = False

    def summary(self) -> dict[str, dict[str, float]]:
        """Return the figures of ``metrics.json`` as plain numbers, under "volume".

        Tetrahedra without volume (in the original, or for the logarithms in the image) are left out of the statistics;
        `log_left_out` counts them.

        Returns
        -------
        dict of str to dict of str to float
        """
        ratio = self.volume_ratio[np.isfinite(self.volume_ratio)]
        logs = self.log_volume_ratio[np.isfinite(self.log_volume_ratio)]
        deviation = np.abs(ratio - 1)
        low, high = np.percentile(logs, [1, 99])
        return {
            "volume": {
                "flipped": int(self.flipped.sum()),
                "degenerate": int(self.degenerate.sum()),
                "ratio_mean_abs_deviation": float(deviation.mean()),
                "ratio_abs_deviation_sd": float(deviation.std()),
                "ratio_sd": float(ratio.std()),
                "ratio_max_deviation": float(deviation.max()),
                "log_mean_abs": float(np.abs(logs).mean()),
                "log_p01": float(low),
                "log_p99": float(high),
                "log_left_out": len(self.log_volume_ratio) - len(logs),
            }
        }


def solid_distortion(solid_map: SolidMap) -> SolidDistortion:
    """Measure how a map of a solid changes volumes and orientation.

    Volumes are judged by the shares that were prescribed for the map, `SolidMap.shares`, if there are any.

    Parameters
    ----------
    solid_map : SolidMap

    Returns
    -------
    SolidDistortion
        Arrays per tetrahedron; `SolidDistortion.summary` gives the figures.

    Raises
    ------
    GeometryError
        A tetrahedron's image is not finite (its ids are named), or the solid or its image has no volume.

    Examples
    --------
    >>> from meshot.meshes.solid import Solid
    >>> two = Solid(np.vstack([np.zeros(3), np.eye(3), -np.eye(3)[:1]]), [[0, 1, 2, 3], [0, 4, 3, 2]])
    >>> stretched = SolidMap(two, np.where(two.vertices > 0, 3, 1) * two.vertices)
    >>> solid_distortion(stretched).volume_ratio
    array([1.5, 0.5])
    """
    solid, image = solid_map.solid, solid_map.points
    bad = np.flatnonzero(~np.isfinite(image[solid.tetrahedra]).all(axis=(1, 2)))
    if len(bad):
        raise GeometryError("tetrahedron whose image is not finite", ids=bad.tolist())
    signed, original = solid_map.signed_volumes, np.abs(solid.volumes)
    wanted = original if solid_map.shares is None else solid_map.shares
    mapped = np.abs(signed)
    if not (wanted.sum() > 0 and mapped.sum() > 0):
        raise GeometryError("the solid or its image has no volume")
    degenerate = ~(mapped > FLAT * _longest_edges(image, solid_map) ** 3)
    kept = np.sign(solid.volumes) * signed
    orientation = 1.0 if kept.sum() >= 0 else -1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(wanted > 0, (mapped / mapped.sum()) / (wanted / wanted.sum()), np.nan)
        logs = np.log(ratio)
    return SolidDistortion(ratio, logs, (orientation * kept < 0) & ~degenerate, degenerate)


def _longest_edges(points: Floats, solid_map: SolidMap) -> Floats:
    ends = solid_map.solid.tetrahedra[:, SIDES]
    return np.asarray(norms(points[ends[..., 1]] - points[ends[..., 0]]).max(axis=1))
