"""Pictures of a domain in space with a corner cut out, colored by what is told of each visible point.

No facet is drawn: along each ray the point that is seen is known in closed form, and the cell it lies in is looked up.
"""

from dataclasses import dataclass

import numpy as np

from meshot.app.report.pictures.figures import Image, paint
from meshot.app.report.pictures.raster import Floats32, Fragments
from meshot.app.report.pictures.views import MARGIN, SAMPLING, View, ball_light
from meshot.base.arrays import Floats, Ints
from meshot.diagrams.space.faces import SpaceDomain

# Seen from a little above and from the right, so that all three cuts face the eye.
EYE = np.array([0.55, 0.42, 0.72])
# Brightness of the line between two cells.
LINE = np.float32(0.45)


@dataclass(frozen=True, eq=False)
class Cutaway:
    """What is seen of a convex domain from which a corner is cut out.

    Attributes
    ----------
    points : (N, 3) float
        The visible points, one a ray.
    view : View
        Their pixels and how light they are.
    """

    points: Floats
    view: View


def cutaway(domain: SpaceDomain, size: int, axes: Floats | None = None, *, whole: bool = False) -> Cutaway:
    """Look at a domain of space without the corner beyond three planes through its center.

    Parameters
    ----------
    domain : Ball, Box or ConvexPolyhedron
    size : int
        Width and height of the finished picture in pixels.
    axes : (3, 3) float, optional
        Rows right, up and backward, as of `views.camera`; by default the domain's own axes seen from a corner.
    whole : bool
        Cut nothing out.
    """
    frame = corner_view() if axes is None else axes
    center, reach = domain.center, reach_of(domain)
    steps = ((np.arange(size * SAMPLING) + 0.5) / (size * SAMPLING) - 0.5) * 2 * reach / (1 - 2 * MARGIN)
    across, down = np.meshgrid(steps, -steps)
    start = across.reshape(-1, 1) * frame[0] + down.reshape(-1, 1) * frame[1]
    low, high, normals = _span(domain, start, frame[2])
    if not whole:
        cuts = np.eye(3) if axes is None else _corner(frame)
        entry = -(start @ cuts.T) / (cuts @ frame[2])
        wall, depth = entry.argmax(axis=1), entry.max(axis=1)
        inside = depth < high
        high, normals = np.where(inside, depth, high), np.where(inside[:, None], cuts[wall], normals)
    pixels = np.flatnonzero(high > low)
    points = start[pixels] + high[pixels, None] * frame[2]
    shade = ball_light((normals[pixels] @ frame.T).astype(np.float32))
    fragments = Fragments(
        (size * SAMPLING, size * SAMPLING), pixels, np.zeros(len(pixels), dtype=np.int64),
        np.zeros((len(pixels), 3), dtype=np.float32), high[pixels].astype(np.float32),
    )  # fmt: skip
    return Cutaway(points + center, View(fragments, shade, np.zeros((1, 3, 2))))


def paint_cells(seen: Cutaway, cells: Ints, colors: Floats32, *, outlined: bool) -> Image:
    """Color each visible point by its cell, (N,), in the cells' `colors`, (3, n); `outlined` draws lines between."""
    rgb = colors[:, cells]
    if outlined:
        rgb = rgb * np.where(borders(seen.view.fragments, cells), LINE, np.float32(1))
    return paint(seen.view, rgb)


def borders(fragments: Fragments, cells: Ints) -> Floats32:
    """Whether the ray to the right or below sees another cell, (N,)."""
    image = np.full(fragments.shape, -1, dtype=np.int64)
    image.ravel()[fragments.pixels] = cells
    border = np.zeros(fragments.shape, dtype=bool)
    border[:, :-1] |= (image[:, :-1] != image[:, 1:]) & (image[:, 1:] >= 0)
    border[:-1] |= (image[:-1] != image[1:]) & (image[1:] >= 0)
    return np.asarray(border.ravel()[fragments.pixels], dtype=np.float32)


def corner_view() -> Floats:
    """Return the camera that looks at a corner of a box: rows right, up and backward, (3, 3)."""
    backward = EYE / np.linalg.norm(EYE)
    right = np.cross([0.0, 1.0, 0.0], backward)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(backward, right), backward])


def _corner(frame: Floats) -> Floats:
    """Return the normals of three planes at right angles, placed to the camera as the axes are to the usual one."""
    return np.asarray(np.eye(3) @ corner_view().T @ frame)


def reach_of(domain: SpaceDomain) -> float:
    """Return half the width of what is shown: a ball just fits, other domains do from wherever one looks."""
    radius = domain.circle_radius
    return radius if np.isfinite(radius) else float(np.linalg.norm(np.abs(domain.extent).max(axis=0)))


def _span(domain: SpaceDomain, start: Floats, ray: Floats) -> tuple[Floats, Floats, Floats]:
    """Where rays from points `start`, relative to the center, enter and leave the domain, and the normals there."""
    if np.isfinite(domain.circle_radius):
        along = start @ ray
        square = along**2 - (start**2).sum(axis=1) + domain.circle_radius**2
        half = np.sqrt(np.maximum(square, 0))
        leave = half - along
        normals = (start + leave[:, None] * ray) / domain.circle_radius
        return -half - along, np.where(square > 0, leave, -np.inf), normals
    planes = np.column_stack([np.vstack([-np.eye(3), np.eye(3)]), np.abs(domain.extent).ravel()])
    planes = np.vstack([planes, domain.walls])
    low, high, normals = np.full(len(start), -np.inf), np.full(len(start), np.inf), np.zeros(start.shape)
    for plane in planes:
        room, slope = plane[3] - start @ plane[:3], ray @ plane[:3]
        if abs(slope) < 1e-12:
            high = np.where(room < 0, -np.inf, high)
        elif slope < 0:
            low = np.maximum(low, room / slope)
        else:
            normals[room / slope < high] = plane[:3]
            high = np.minimum(high, room / slope)
    return low, high, normals
