"""Pictures of power cells and of the sites that they belong to, in the same colors."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image as Pillow

from meshot.app.files.transport import cell_distances, outlines
from meshot.app.report.pictures.colors import SEQUENTIAL
from meshot.app.report.pictures.cutaway import corner_view, cutaway, paint_cells
from meshot.app.report.pictures.figures import Image
from meshot.base.arrays import Floats
from meshot.transport.result import TransportResult

COLORS = LinearSegmentedColormap.from_list("distance", SEQUENTIAL)
# Cells from which their outlines would cover them, and from which a picture is made pixel by pixel.
OUTLINED, DRAWN = 5_000, 20_000
OUTLINE = "#2b2d33"
MARGIN = 0.03


def farthest(result: TransportResult) -> float:
    """Return the end of the color scale: the distance that 98 % of the cells do not pass."""
    return float(np.percentile(cell_distances(result), 98)) or 1.0


def cells_picture(result: TransportResult, size: int) -> Image:
    """Draw the cells, colored by how far their centroids are from their sites: RGBA, transparent around the domain.

    A domain of space is shown with a corner cut out.
    """
    if result.problem.domain.dimension == 3:
        space: Any = result.problem.domain
        seen = cutaway(space, size)
        tints = _colors(result)[:, :3].T.astype(np.float32)
        return paint_cells(seen, result.locate(seen.points), tints, outlined=len(result.masses) <= DRAWN)
    figure, axis = canvas(size)
    outline = domain_outline(result)
    low, high = outline.min(axis=0), outline.max(axis=0)
    count = len(result.masses)
    if count > DRAWN:
        side = (high - low).max()
        middle = (low + high) / 2
        steps = (np.arange(size) + 0.5) / size - 0.5
        pixels = middle + side * np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        colors = _colors(result)[result.locate(pixels)].reshape(size, size, 4)
        box = (middle[0] - side / 2, middle[0] + side / 2, middle[1] - side / 2, middle[1] + side / 2)
        shown = axis.imshow(colors, extent=box, origin="lower", interpolation="nearest")
        clip = axis.fill(*outline.T, facecolor="none", edgecolor=OUTLINE, lw=1)[0]
        shown.set_clip_path(clip)
    else:
        # without outlines, cells are drawn a little larger, lest the paper shows through between them
        outlined = count <= OUTLINED
        width = float(np.clip(18 / np.sqrt(count), 0.15, 0.8)) if outlined else 0.7
        edge = OUTLINE if outlined else "face"
        polygons = outlines(result)
        corners = np.split(polygons.points, polygons.starts[1:-1])
        axis.add_collection(PolyCollection(corners, facecolors=_colors(result), edgecolors=edge, linewidths=width))
        axis.fill(*outline.T, facecolor="none", edgecolor=OUTLINE, lw=1)
    frame(axis, low, high)
    return rgba(figure)


def sites_picture(result: TransportResult, size: int) -> Image:
    """Draw the sites, their areas as their masses, in the colors of their cells, on their Delaunay triangulation.

    Sites of space are drawn as points of one size, nearer ones above.
    """
    sites, count = result.problem.sites, len(result.masses)
    if sites.shape[1] == 3:
        points = sites @ corner_view().T
        return points_picture(points, points, _colors(result)[:, :3], size)
    figure, axis = canvas(size)
    triangles = result.diagram.triangulation
    if count <= OUTLINED and len(triangles):
        axis.triplot(*sites.T, triangles, color=OUTLINE, lw=0.35, alpha=0.5, zorder=1)
    area = np.clip(2e4 / count, 0.2, 60) * result.problem.masses / result.problem.masses.mean()
    edge = OUTLINE if count <= OUTLINED else "none"
    axis.scatter(sites[:, 0], sites[:, 1], s=area, c=_colors(result), edgecolors=edge, linewidths=0.3, zorder=2)
    frame(axis, sites.min(axis=0), sites.max(axis=0))
    return rgba(figure)


def points_picture(points: Floats, window: Floats, colors: Floats, size: int) -> Image:
    """Draw points, (n, 3) with depth last, in colors, (n, 3), nearer ones above; `window` must find room."""
    figure, axis = canvas(size)
    order = np.argsort(points[:, 2], kind="stable")
    x, y, _ = points[order].T
    area = float(np.clip(3e4 / len(points), 0.4, 60))
    axis.scatter(x, y, s=area, c=np.clip(colors[order], 0, 1), edgecolors="none")
    frame(axis, window[:, :2].min(axis=0), window[:, :2].max(axis=0))
    return rgba(figure)


def png(image: Image) -> bytes:
    """Encode an RGBA picture as PNG, on white."""
    file = io.BytesIO()
    picture = Pillow.fromarray(image)
    paper = Pillow.new("RGBA", picture.size, "white")
    Pillow.alpha_composite(paper, picture).convert("RGB").save(file, "PNG")
    return file.getvalue()


def _colors(result: TransportResult) -> Floats:
    return np.asarray(COLORS(np.clip(cell_distances(result) / farthest(result), 0, 1)))


def domain_outline(result: TransportResult) -> Floats:
    """Return the corners of the domain, or points on its circle, (k, 2)."""
    domain: Any = result.problem.domain
    return np.asarray(domain.outline())


def canvas(size: int) -> tuple[Figure, Axes]:
    """Return an empty square picture of `size` pixels without paper."""
    figure = Figure(figsize=(size / 100, size / 100), dpi=100)
    figure.patch.set_alpha(0)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set_aspect("equal")
    return figure, axis


def frame(axis: Axes, low: Floats, high: Floats) -> None:
    """Show what lies between two corners."""
    middle = (low + high) / 2
    reach = (0.5 + MARGIN) * ((high - low).max() or 1.0)
    axis.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))


def rgba(figure: Figure) -> Image:
    """Draw a figure."""
    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    return np.array(drawn.buffer_rgba())
