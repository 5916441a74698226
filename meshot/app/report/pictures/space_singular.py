"""Pictures of where a transport in space tears: sheets in the source, and the surface that was laid on them."""

from typing import Any

import numpy as np

from meshot.app.files.singular import fold_simplices
from meshot.app.report.pictures.colors import SEQUENTIAL, scale_colors
from meshot.app.report.pictures.cutaway import cutaway, reach_of
from meshot.app.report.pictures.figures import PORCELAIN, Image, paint
from meshot.app.report.pictures.plane_singular import JUMPS, widest
from meshot.app.report.pictures.views import SAMPLING, faceted_view
from meshot.base.arrays import Floats
from meshot.meshes.surface import Surface
from meshot.singular.detect import SingularSet

# On a fold dark, away from it pale.
NEARNESS = SEQUENTIAL[::-1]
# How much of the white paper shows through the domain around the sheets.
FADED = 0.55


def torn_space(folds: SingularSet, domain: Any, axes: Floats, size: int) -> Image:
    """Draw the sheets, colored by how far the map jumps there, in a pale domain that hides none of them: RGBA.

    Parameters
    ----------
    folds : SingularSet
        In space.
    domain : Ball, Box or ConvexPolyhedron
    axes : (3, 3) float
        Rows right, up and backward, as of `views.camera`.
    size : int
        Width and height in pixels.
    """
    around = paint(cutaway(domain, size, axes, whole=True).view, PORCELAIN)
    around[..., :3] = (FADED * 255 + (1 - FADED) * around[..., :3]).astype(np.uint8)
    points, triangles, facet = fold_simplices(folds)
    if not len(triangles):
        return around
    window = domain.center + reach_of(domain) * np.concatenate([axes, -axes])
    view = faceted_view(Surface(points, triangles), axes, window, size * SAMPLING)
    jump = folds.jump[facet[view.fragments.faces]].astype(np.float32)
    return _over(paint(view, scale_colors(jump, JUMPS, 0.0, widest(folds))), around)


def laid_surface(surface: Surface, distances: Floats, axes: Floats, size: int) -> Image:
    """Draw a surface, dark where it comes from a fold: RGBA.

    Parameters
    ----------
    surface : Surface
    distances : (V,) float
        Of each vertex's inverse image to the folds.
    axes, size
        As for `torn_space`.
    """
    view = faceted_view(surface, axes, surface.vertices[surface.referenced], size * SAMPLING)
    shown = np.nan_to_num(distances, nan=0.0, posinf=0.0)
    values = view.fragments.interpolate(shown[surface.faces][:, :, None])[:, 0]
    return paint(view, scale_colors(values, NEARNESS, 0.0, farthest_off(distances)))


def farthest_off(distances: Floats) -> float:
    """Return the end of the color scale: the largest distance."""
    finite = distances[np.isfinite(distances)]
    return float(finite.max(initial=0.0)) or 1.0


def _over(image: Image, paper: Image) -> Image:
    """Lay one RGBA picture on another."""
    alpha, below = image[..., 3:] / 255.0, paper[..., 3:] / 255.0
    total = alpha + below * (1 - alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        rgb = (image[..., :3] * alpha + paper[..., :3] * below * (1 - alpha)) / total
    return np.concatenate([np.nan_to_num(rgb), 255 * total], axis=2).round().astype(np.uint8)
