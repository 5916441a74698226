"""What the viewer of a solid shows: its tetrahedra in place and in the ball as numbers, packed for the page."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from meshot.app.files.singular import fold_simplices
from meshot.app.report.pictures.colors import DIVERGING, SEQUENTIAL
from meshot.app.report.viewer.packing import allowed, as_json, packed, rgb, scripts
from meshot.base.arrays import Floats
from meshot.meshes.solid import Solid
from meshot.singular.detect import SingularSet

MOST_TETRAHEDRA = 250_000  # about 12 MB of the page; beyond, the pictures must do


def solid_viewer(
    solid: Solid,
    inverse: Floats,
    ratio: Floats,
    axes: Floats,
    *,
    limit: float,
    scale: dict[str, str],
    color: str,
    center: Sequence[float] | Floats = (0.0, 0.0, 0.0),
    radius: float = 1.0,
    folds: SingularSet | None = None,
) -> dict[str, Any] | None:
    """Return what a page's template needs for a viewer of a solid and a ball; None if the solid is too large for one.

    Parameters
    ----------
    solid : Solid
    inverse : (V, 3) float
        Place of each vertex in the ball.
    ratio : (T,) float
        Log ratio of each tetrahedron's share of the volume, in the ball against the solid.
    axes : (3, 3) float
        The camera: rows right, up and backward.
    limit : float
        End of the scale of `ratio`.
    scale : dict
        The color bar's words and stops.
    color : {"plain", "ratio", "place", "shells"}
        What is shown at first.
    center, radius
        The ball.
    folds : SingularSet, optional
        Sheets of the ball where the map to the solid tears.
    """
    if len(solid.tetrahedra) > MOST_TETRAHEDRA:
        return None
    used = solid.vertices[solid.referenced]
    middle = (used.min(axis=0) + used.max(axis=0)) / 2
    reach = float(np.linalg.norm(used - middle, axis=1).max())
    outer = solid.boundary_halffaces

    def in_ball(points: Floats) -> str:
        return packed((points - np.asarray(center)) @ axes.T / radius, "<f4")

    content: dict[str, Any] = {
        "shape": packed((solid.vertices - middle) @ axes.T / reach, "<f4"),
        "ball": in_ball(inverse),
        "tetrahedra": packed(solid.tetrahedra, "<u4"),
        "skin": packed(solid.halffaces[outer], "<u4"),
        "owners": packed(outer // 4, "<u4"),
        "ratio": packed(ratio, "<f4"),
        "limit": limit,
        "scale": rgb(DIVERGING),
        "sheets": None,
    }
    if folds is not None and len(folds):
        points, triangles, facet = fold_simplices(folds)
        jump = folds.jump[facet]
        content["sheets"] = {
            "places": in_ball(points[triangles].reshape(-1, 3)),
            "jump": packed(jump, "<f4"),
            "least": float(jump.min()),
            "most": float(jump.max()),
            "scale": rgb(SEQUENTIAL),
        }
    code = scripts("solidviewer")
    return {
        "scene": as_json(content),
        "scripts": code,
        "allowed": allowed(code),
        "color": color,
        "scale": scale,
        "sheets": content["sheets"] is not None,
    }
