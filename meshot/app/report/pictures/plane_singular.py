"""Pictures of where a plane transport tears: in the source, in the target, and on the graph of its potential."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from meshot.app.files.transport import outlines
from meshot.app.report.pictures.cells import MARGIN, OUTLINE, OUTLINED, canvas, domain_outline, frame, rgba
from meshot.app.report.pictures.colors import SEQUENTIAL, scale_colors
from meshot.app.report.pictures.figures import PORCELAIN, Image, paint
from meshot.app.report.pictures.raster import Floats32, rasterize
from meshot.app.report.pictures.views import SAMPLING, View, ball_light
from meshot.base.arrays import Floats, norms
from meshot.meshes.topology import fan_triangles
from meshot.singular.detect import SingularSet
from meshot.transport.result import TransportResult

# Paper is ivory too, so that the scale begins with its second color.
JUMPS = SEQUENTIAL[1:]
COLORS = LinearSegmentedColormap.from_list("jump", JUMPS)
# The graph: height against the domain's radius, elevation of the eye, half the width of a ridge against the radius.
HEIGHT, ELEVATION, RIDGE = 0.7, np.radians(52.0), 0.012
PAPER, FAINT = "#f4f1ea", "#b9b4a7"


def widest(folds: SingularSet) -> float:
    """Return the end of the color scale, the largest jump."""
    return float(folds.jump.max(initial=0.0)) or 1.0


def torn_source(result: TransportResult, folds: SingularSet, size: int) -> Image:
    """Draw the source with its folds, colored by how far the map jumps there: RGBA, transparent around it."""
    figure, axis = canvas(size)
    outline = domain_outline(result)
    axis.fill(*outline.T, facecolor=PAPER, edgecolor=OUTLINE, lw=1)
    if len(result.masses) <= OUTLINED:
        polygons = outlines(result)
        corners = np.split(polygons.points, polygons.starts[1:-1])
        closed = [np.concatenate([each, each[:1]]) for each in corners if len(each)]
        axis.add_collection(LineCollection(closed, colors=FAINT, linewidths=0.35))
    _add_lines(axis, folds.points[folds.facets], folds, 3.0)
    _add_points(axis, folds.points[folds.branch], s=28, color=OUTLINE, zorder=3)
    _add_points(axis, folds.points[folds.border], s=22, color=PAPER, edgecolors=OUTLINE, linewidths=1, zorder=3)
    frame(axis, outline.min(axis=0), outline.max(axis=0))
    return rgba(figure)


def torn_target(result: TransportResult, folds: SingularSet, size: int) -> Image:
    """Draw the sites, and a line between those of neighboring cells on both sides of each fold."""
    figure, axis = canvas(size)
    sites = result.problem.sites
    _add_points(axis, sites, s=np.clip(2e4 / len(sites), 0.2, 12), color=FAINT, linewidths=0, zorder=1)
    _add_lines(axis, sites[folds.pairs], folds, float(np.clip(120 / max(len(folds), 1), 0.4, 1.5)))
    frame(axis, sites.min(axis=0), sites.max(axis=0))
    return rgba(figure)


def torn_potential(result: TransportResult, folds: SingularSet, size: int) -> Image:
    """Draw the graph of the Brenier potential, seen from above, with its ridges in the colors of their jumps."""
    polygons = outlines(result)
    sizes = np.diff(polygons.starts)
    full = sizes > 2
    corners = np.flatnonzero(np.repeat(full, sizes))
    triangles = fan_triangles(corners, sizes[full])
    cell = np.repeat(np.flatnonzero(full), sizes[full] - 2)
    center, radius = _bounds(domain_outline(result))
    place = (polygons.points - center) / radius
    slopes = result.problem.sites - result.problem.sites.mean(axis=0)
    rise = (polygons.points * slopes[polygons.owner]).sum(axis=1) + result.heights[polygons.owner]
    low, high = rise.min(), rise.max()
    scale = HEIGHT / ((high - low) or 1.0)
    graph = np.column_stack([place, scale * (rise - (low + high) / 2)])
    axes = _eye()
    wide = size * SAMPLING
    seen = graph @ axes.T
    seen -= (seen.min(axis=0) + seen.max(axis=0)) / 2
    pixels = seen * (0.5 - MARGIN) * wide * [1, -1, 1] + [wide / 2, wide / 2, 0]
    fragments = rasterize(pixels, triangles, (wide, wide))
    normals = np.column_stack([-slopes * scale * radius, np.ones(len(slopes))]) @ axes.T
    shade = ball_light((normals / norms(normals)[:, None])[cell[fragments.faces]].astype(np.float32))
    view = View(fragments, shade, np.ascontiguousarray(pixels[triangles][:, :, :2]))
    return paint(view, _with_ridges(folds, fragments.interpolate(polygons.points[triangles]), RIDGE * radius))


def _with_ridges(folds: SingularSet, place: Floats32, width: float) -> Floats32:
    """Return the color of points of the domain, (3, N): that of the jump nearby, else porcelain."""
    colors = np.repeat(PORCELAIN, len(place), axis=1)
    if len(folds):
        distance, facet = folds.nearest(place.astype(np.float64))
        near = distance < width
        colors[:, near] = scale_colors(folds.jump[facet[near]].astype(np.float32), JUMPS, 0.0, widest(folds))
    return colors


def _add_lines(axis: Axes, segments: Floats, folds: SingularSet, width: float) -> None:
    order = np.argsort(folds.jump, kind="stable")  # the farthest jumps on top
    colors: Any = COLORS(folds.jump[order] / widest(folds))
    axis.add_collection(LineCollection(list(segments[order]), colors=colors, linewidths=width, capstyle="round"))


def _add_points(axis: Axes, points: Floats, **style: Any) -> None:
    axis.scatter(points[:, 0], points[:, 1], **style)


def _bounds(outline: Floats) -> tuple[Floats, float]:
    """Return the middle of the domain and the radius of a circle around it."""
    center = (outline.min(axis=0) + outline.max(axis=0)) / 2
    return center, float(norms(outline - center).max())


def _eye() -> Floats:
    """Return rows right, up and backward of a view from the south, from above."""
    sine, cosine = np.sin(ELEVATION), np.cos(ELEVATION)
    return np.array([[1, 0, 0], [0, sine, cosine], [0, -cosine, sine]])
