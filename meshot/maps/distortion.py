"""How far a map is from keeping areas and angles, or volumes: per cell, per corner, and in a few numbers.

Areas and volumes are taken as shares of their total on both sides, so that a similarity has no distortion at all.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, norms
from meshot.base.errors import GeometryError
from meshot.maps.affine import laid_flat, wirtinger
from meshot.maps.map import Map
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.base import Mesh

Bools = NDArray[np.bool_]

# A cell is degenerate where its area or volume is below this fraction of its longest edge's square or cube: rounding
# decides its shape then.
FLAT = 1e-12


class Ratios(NamedTuple):
    """Areas or volumes of a map's cells against the wanted ones; the arrays are those of `Distortion`."""

    ratio: Floats
    logs: Floats
    flipped: Bools
    degenerate: Bools
    magnification: Floats


def measure_ratios(mapped: Map[Mesh]) -> Ratios:
    """Compare areas or volumes with the wanted ones, and find the cells that are flipped or flat.

    Raises
    ------
    GeometryError
        As `distortion`.
    """
    mesh, signed = mapped.mesh, mapped.signed_measures
    corners = mapped.image[mesh.cells]
    bad = np.flatnonzero(~np.isfinite(corners).all(axis=(1, 2)))
    if len(bad):
        raise GeometryError(f"{mesh.CELL} whose image is not finite", ids=bad.tolist())
    ratio = magnification = _share_ratio(mesh, mesh.cell_measures, np.abs(signed))
    if mapped.measure is not None and mapped.prescribed:
        ratio = _share_ratio(mesh, mapped.measure.cells, np.abs(signed))
    pairs = combinations(range(mesh.CORNERS), 2)
    longest = np.max([norms(corners[:, j] - corners[:, i]) for i, j in pairs], axis=0)
    degenerate = ~(np.abs(signed) > FLAT * longest ** (mesh.CORNERS - 1))
    kept = mesh.cell_signs * signed
    orientation = 1.0 if kept.sum() >= 0 else -1.0
    with np.errstate(divide="ignore"):
        logs = np.log(ratio)
    return Ratios(ratio, logs, (orientation * kept < 0) & ~degenerate, degenerate, magnification)


def _share_ratio(mesh: Mesh, wanted: Floats, mapped: Floats) -> Floats:
    if not (wanted.sum() > 0 and (mapped[wanted > 0] > 0).any()):
        raise GeometryError(f"the {mesh.KIND} or its image has no {mesh.QUANTITY}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = (mapped / mapped.sum()) / (wanted / wanted.sum())
    return np.where(wanted > 0, ratio, np.nan)


class RatioFigures(NamedTuple):
    """Deviations of the ratios (share over wanted share) from 1, for every record and summary.

    Attributes
    ----------
    ratio_mean_abs_deviation, ratio_abs_deviation_sd, ratio_max_deviation : float
        Mean, standard deviation and maximum of |ratio - 1|.
    ratio_sd : float
        Standard deviation of the ratio.
    """

    ratio_mean_abs_deviation: float
    ratio_abs_deviation_sd: float
    ratio_sd: float
    ratio_max_deviation: float


def ratio_figures(ratio: Floats) -> RatioFigures:
    """Return the figures of ratios, (n,), all finite.

    Examples
    --------
    >>> ratio_figures(np.array([0.5, 1.5])).ratio_sd
    0.5
    """
    off = np.abs(ratio - 1)
    return RatioFigures(float(off.mean()), float(off.std()), float(ratio.std()), float(off.max()))


def _ratio_summary(
    ratio: Floats, all_logs: Floats, flipped: Bools, degenerate: Bools, names: tuple[str, ...]
) -> dict[str, float]:
    """Return the named figures of areas or volumes; what is not finite is left out of the statistics."""
    logs = all_logs[np.isfinite(all_logs)]
    low, high = np.percentile(logs, [1, 99])
    figures = ratio_figures(ratio[np.isfinite(ratio)])
    return {
        "flipped": int(flipped.sum()),
        "degenerate": int(degenerate.sum()),
        **{name: getattr(figures, name) for name in names},
        "log_mean_abs": float(np.abs(logs).mean()),
        "log_p01": float(low),
        "log_p99": float(high),
        "log_left_out": len(all_logs) - len(logs),
    }


@dataclass(frozen=True, eq=False)
class Distortion:
    """Distortion of a piecewise-linear map; every array is read-only.

    Attributes
    ----------
    area_ratio : (F,) float
        Share of the image's area over the wanted share, r = a'/a: that of the original's area or, if the map has a
        prescribed measure, of this; NaN where the original face has no area.
    log_area_ratio : (F,) float
        log r; -inf where the image face has no area.
    angle_difference : (F, 3) float
        Image angle minus original angle at each corner, in degrees.
    log_angle_ratio : (F, 3) float
        log(image angle / original angle) at each corner; not finite where one of them is zero.
    quasi_conformal : (F,) float
        sigma_1 / sigma_2 of the face's Jacobian, at least 1; infinite where the image face is flat.
    beltrami : (F,) float
        |mu| = (sigma_1 - sigma_2) / (sigma_1 + sigma_2), 0 to 1.
    flipped : (F,) bool
        Image face turned against the image as a whole: a map that mirrors everything flips nothing.
    degenerate : (F,) bool
        Image face that is flat to rounding; never counted as flipped.
    magnification : (F,) float
        Share of the image's area over share of the original's area, whatever measure was prescribed.
    """

    area_ratio: Floats
    log_area_ratio: Floats
    angle_difference: Floats
    log_angle_ratio: Floats
    quasi_conformal: Floats
    beltrami: Floats
    flipped: Bools
    degenerate: Bools
    magnification: Floats

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.flags.writeable = False

    @property
    def angle_error(self) -> Floats:
        """Mean of |angle difference| over each face's corners, (F,), in degrees."""
        return np.asarray(np.abs(self.angle_difference).mean(axis=1))

    @property
    def log_angle_error(self) -> Floats:
        """Mean of |log angle ratio| over each face's corners, (F,).

        Absolute values, as the three angles have a fixed sum: the ratios' logarithms themselves nearly cancel.
        """
        return np.asarray(np.abs(self.log_angle_ratio).mean(axis=1))

    def summary(self) -> dict[str, dict[str, float]]:
        """Return the figures of ``metrics.json`` as plain numbers, under "area" and "angle".

        Faces without area (in the original, or for the logarithms in the image) are left out of the statistics of
        area; `log_left_out` counts them. Infinite ratios are left out of the angle statistics alike.

        Returns
        -------
        dict of str to dict of str to float
        """
        names = "ratio_sd", "ratio_max_deviation"
        area = _ratio_summary(self.area_ratio, self.log_area_ratio, self.flipped, self.degenerate, names)
        return {"area": area, "angle": self._angle_summary()}

    def _angle_summary(self) -> dict[str, float]:
        difference = self.angle_difference
        logs = self.log_angle_ratio[np.isfinite(self.log_angle_ratio)]
        stretch = self.quasi_conformal[np.isfinite(self.quasi_conformal)]
        beltrami = self.beltrami[np.isfinite(self.beltrami)]
        return {
            "mean_abs_degrees": float(np.abs(difference).mean()),
            "sd_degrees": float(difference.std()),
            "max_degrees": float(np.abs(difference).max()),
            "log_mean_abs": float(np.abs(logs).mean()),
            "log_sd": float(logs.std()),
            "log_p01": float(np.percentile(logs, 1)),
            "log_p99": float(np.percentile(logs, 99)),
            "log_left_out": self.log_angle_ratio.size - len(logs),
            "quasi_conformal_mean": float(stretch.mean()),
            "quasi_conformal_p99": float(np.percentile(stretch, 99)),
            "quasi_conformal_max": float(stretch.max()),
            "beltrami_mean": float(beltrami.mean()),
            "beltrami_p99": float(np.percentile(beltrami, 99)),
            "beltrami_max": float(beltrami.max()),
        }


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
        names = RatioFigures._fields
        volume = _ratio_summary(self.volume_ratio, self.log_volume_ratio, self.flipped, self.degenerate, names)
        return {"volume": volume}


@overload
def distortion(surface_map: SurfaceMap) -> Distortion: ...
@overload
def distortion(surface_map: SolidMap) -> SolidDistortion: ...
def distortion(surface_map: SurfaceMap | SolidMap) -> Distortion | SolidDistortion:
    """Measure how a map changes areas, angles and orientation; or, of a solid, volumes and orientation.

    Areas are judged by the measure that was prescribed for the map, `SurfaceMap.measure`, if one was.

    Angles are those of the flat triangles on both sides, also where the image lies on a sphere.

    Parameters
    ----------
    surface_map : SurfaceMap
        A map to the plane (``uv``, (V, 2)) or to the unit sphere (``points``, (V, 3), centered at the origin); or a
        `SolidMap`.

    Returns
    -------
    Distortion
        Arrays per face and per corner; `Distortion.summary` gives the figures. Of a solid, a `SolidDistortion` with
        arrays per tetrahedron.

    Raises
    ------
    GeometryError
        A face's image is not finite (its ids are named), or the image or the surface has no area.

    Notes
    -----
    Area ratios and log angle ratios as in Su et al., "Area-preserving mesh parameterization for poly-annulus
    surfaces based on optimal mass transportation" (2016); angle differences as in Choi and Lui, "A linear formulation
    for disk conformal parameterization" (2018); sigma_1/sigma_2 as in Sander et al., "Texture mapping progressive
    meshes" (2001). Every angle is an arctangent of cross and dot product, which keeps its digits in needles.

    Examples
    --------
    >>> from meshot.meshes.surface import Surface
    >>> surface = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> stretched = SurfaceMap(surface, surface.vertices[:, :2] * [2, 1], np.arange(4))
    >>> distortion(stretched).quasi_conformal
    array([2., 2.])
    """
    ratios = measure_ratios(surface_map)
    if isinstance(surface_map, SolidMap):
        return SolidDistortion(*ratios[:4])
    surface, image = surface_map.surface, np.zeros((len(surface_map.surface.faces), 3, 3))
    image[..., : surface_map.space.dimension] = surface_map.image[surface.faces]
    original_angles, mapped_angles = _angles(surface.corners), _angles(image)
    quasi_conformal, beltrami = _singular_values(surface.corners, image)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_angles = np.log(mapped_angles / original_angles)
    return Distortion(
        area_ratio=ratios.ratio,
        log_area_ratio=ratios.logs,
        angle_difference=np.degrees(mapped_angles - original_angles),
        log_angle_ratio=log_angles,
        quasi_conformal=quasi_conformal,
        beltrami=beltrami,
        flipped=ratios.flipped,
        degenerate=ratios.degenerate,
        magnification=ratios.magnification,
    )


def _edges_at(corners: Floats, k: int) -> tuple[Floats, Floats]:
    apex = corners[:, k]
    return corners[:, (k + 1) % 3] - apex, corners[:, (k + 2) % 3] - apex


def _angles(corners: Floats) -> Floats:
    """Angle at each corner, (F, 3), in radians; zero where an edge has no length."""
    angles = np.empty(corners.shape[:2])
    for k in range(3):
        a, b = _edges_at(corners, k)
        angles[:, k] = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(axis=1))
    return angles


def _singular_values(original: Floats, image: Floats) -> tuple[Floats, Floats]:
    """sigma_1/sigma_2 and |mu| of the Jacobian between two triangles laid flat, each (F,).

    sigma_1 = |f_z| + |f_zbar|, and sigma_1 sigma_2 is the determinant, which needs no difference of near-equals.
    """
    (length, apex), (image_length, image_apex) = laid_flat(original), laid_flat(image)
    corners = np.stack([np.zeros_like(image_apex), image_length.astype(np.complex128), image_apex], axis=1)
    holomorphic, antiholomorphic = (np.abs(part) for part in wirtinger(length, apex, corners))
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = image_length / length * (image_apex.imag / apex.imag)
        quasi_conformal = np.maximum((holomorphic + antiholomorphic) ** 2 / determinant, 1.0)
        return quasi_conformal, antiholomorphic / holomorphic
