"""The trade-off between areas and angles along the path from a conformal to an area-preserving map."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from meshot.base.arrays import Floats
from meshot.base.errors import OptionError
from meshot.base.progress import SILENT, Progress
from meshot.base.settings import TOL_AREA
from meshot.maps.distortion import distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.maps.target import DISK
from meshot.refinement.driver import blended_shares, displaced, settle
from meshot.refinement.placement import place_vertices

WEIGHTS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)


class TradeoffPoint(NamedTuple):
    """A map between the conformal and the area-preserving one.

    Attributes
    ----------
    area_weight : float
        From 0 (angles are preserved) to 1 (areas are).
    surface_map : SurfaceMap
    summary : dict
        The map's `Distortion.summary`, with "area" and "angle".
    """

    area_weight: float
    surface_map: SurfaceMap
    summary: dict[str, dict[str, float]]

    @property
    def figures(self) -> dict[str, Any]:
        """The point without its map."""
        return {"area_weight": self.area_weight, **self.summary}


def tradeoff_curve(
    amap: SurfaceMap,
    weights: Sequence[float] = WEIGHTS,
    *,
    tol_area: float = TOL_AREA,
    angle_sweeps: int = 0,
    progress: Progress | None = None,
) -> tuple[TradeoffPoint, ...]:
    """Follow the path between the conformal and the area-preserving map, each map from its neighbor.

    Parameters
    ----------
    amap : SurfaceMap
        A map to the disk by `area_preserving_map`, of an area weight above 0.
    weights : sequence of float
        Area weights, from 0 to 1.
    tol_area, angle_sweeps
        As for `area_preserving_map`.
    progress : Progress, optional
        Called with the points.

    Returns
    -------
    tuple of TradeoffPoint
        By increasing weight.

    Raises
    ------
    OptionError
        The map goes to the sphere or has no transport, or a weight is outside [0, 1].

    Warns
    -----
    ConvergenceWarning
        A refinement did not reach its tolerance.

    Examples
    --------
    >>> from meshot.area import area_preserving_map
    >>> from meshot.meshes.surface import Surface
    >>> corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.4, 0.3, 0.5]]
    >>> roof = Surface(corners, [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    >>> [point.area_weight for point in tradeoff_curve(area_preserving_map(roof), (0, 0.5, 1))]
    [0, 0.5, 1]
    """
    if amap.conformal is None or amap.transport is None or amap.space is not DISK:
        raise OptionError("a trade-off needs an area-preserving map to the disk, of an area weight above 0")
    if not all(0 <= weight <= 1 for weight in weights):
        raise OptionError(f"area weights must be between 0 and 1, got {tuple(weights)}")
    walker, points = _Walker(amap, tol_area, angle_sweeps), []
    client = progress or SILENT
    for done, weight in enumerate(sorted(weights, reverse=True)):
        client.update(done / len(weights), f"area weight {weight:g}")
        made = walker.go(weight)
        points.append(TradeoffPoint(weight, made, distortion(made).summary()))
    return tuple(points[::-1])


class _Walker:
    """Goes down the path from the area-preserving end."""

    def __init__(self, amap: SurfaceMap, tol_area: float, angle_sweeps: int) -> None:
        assert amap.conformal is not None
        assert amap.transport is not None
        self.amap, self.conformal, self.options = amap, amap.conformal, (tol_area, angle_sweeps)
        self.conformal_shares = self.conformal.signed_areas / self.conformal.signed_areas.sum()
        self.weight = 1.0
        at_end = amap.area_weight == 1
        self.uv: Floats = amap.uv if at_end else place_vertices(amap.surface, amap.transport)

    def go(self, weight: float) -> SurfaceMap:
        """Return the map of a weight, at most that of the last one."""
        if weight == self.amap.area_weight:
            return self.amap
        if weight == 0:
            return replace(self.conformal, conformal=self.conformal, area_weight=0.0)
        surface, measure = self.amap.surface, self.amap.measure
        wanted = surface.face_areas / surface.area if measure is None else measure.cells
        (loop,) = surface.boundary_loops
        start = displaced(self.conformal.uv, self.uv, weight / self.weight, loop)
        tol_area, sweeps = self.options
        shares = blended_shares(self.conformal_shares, wanted, weight)
        uv, note = settle(self.conformal, start, shares, tol_area=tol_area, angle_sweeps=sweeps)
        self.uv, self.weight = uv, weight
        return replace(self.amap, image=uv, area_weight=weight, notes={**self.amap.notes, "refinement": note})
