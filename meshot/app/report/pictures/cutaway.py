"""Pictures of what is in space, cut open: domains without a corner, solids behind a plane.

Of a domain no facet is drawn: along each ray the point that is seen is known in closed form, and the cell it lies in is
looked up. Of a solid the slice's triangles are drawn, colored by values of each tetrahedron or point inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshot.app.report.pictures.colors import DIVERGING, pattern_colors, scale_colors, shells
from meshot.app.report.pictures.figures import PORCELAIN, Image, best_rotation, paint, up_last
from meshot.app.report.pictures.raster import Floats32, Fragments
from meshot.app.report.pictures.views import MARGIN, SAMPLING, View, ball_light, camera, fit, view_of_faces
from meshot.base.arrays import Floats, Ints, norms
from meshot.diagrams.space.faces import SpaceDomain
from meshot.maps.distortion import SolidDistortion
from meshot.maps.solid_map import SolidMap
from meshot.meshes.slice import SolidSlice, slice_solid
from meshot.meshes.solid import Solid, signed_volumes

# Seen from a little above and from the right, so that all three cuts face the eye.
EYE = np.array([0.55, 0.42, 0.72])
# Brightness of the line between two cells.
LINE = np.float32(0.45)
# Normals of planes to cut along, in the camera's frame; what lies before the plane, toward the eye, is taken away.
CUTS = np.array([[0.5, 0.12, 0.86], [-0.5, 0.12, 0.86], [0.0, 0.5, 0.86], [0.0, 0.1, 0.99]])
# By how much the section must be larger for a later one of them to be taken.
LARGER = 1.15
# Triangles in a section from which lines between tetrahedra would cover it.
OUTLINED = 6_000


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


# ---------------------------------------------------------------------------------------------------------------------
# solids


@dataclass(frozen=True, eq=False)
class SolidCut:
    """What is seen of a solid cut open.

    Attributes
    ----------
    view : View
        The visible points and how light they are; its faces are the triangles of the slice.
    slice : SolidSlice
    """

    view: View
    slice: SolidSlice


def cut_open(solid: Solid, points: Floats, axes: Floats, normal: Floats | None, size: int) -> SolidCut:
    """Look at the part of a solid behind a plane through its centroid.

    Parameters
    ----------
    solid : Solid
    points : (V, 3) float
        Where its vertices are: its own, or their images.
    axes : (3, 3) float
        Rows right, up and backward, as of `views.camera`.
    normal : (3,) float or None
        Of the plane, in the camera's frame; None cuts nothing away.
    size : int
        Width and height of the finished picture in pixels.
    """
    frame = points @ axes.T
    part = slice_solid(solid, np.full(len(frame), -1.0) if normal is None else _heights(solid, frame, normal))
    corners = part.at_corners(frame)
    normals = np.zeros((len(solid.vertices), 3))
    skin = solid.boundary.with_vertices(frame[solid.boundary_vertices])
    mirrored = np.sign(signed_volumes(frame, solid.tetrahedra).sum()) * solid.orientation
    normals[solid.boundary_vertices] = mirrored * skin.vertex_normals
    toward = part.at_corners(normals)
    toward[part.section] = 0.0 if normal is None else normal
    # the window is the whole solid's, so that pictures of it fit one another
    count = 3 * len(corners)
    everything = np.concatenate([corners.reshape(-1, 3), frame[solid.referenced]])
    pixels = fit(everything, np.arange(len(everything)) >= count, size * SAMPLING)
    faces = np.arange(count).reshape(-1, 3)
    return SolidCut(view_of_faces(pixels[:count], faces, toward, size * SAMPLING, crease=True), part)


def best_cut(solid: Solid, axes: Floats) -> Floats:
    """Return the normal of a plane that shows much of the inside, (3,), in the camera's frame."""
    frame = solid.vertices @ axes.T
    areas = []
    for normal in CUTS:
        part = slice_solid(solid, _heights(solid, frame, normal))
        a, b, c = part.at_corners(frame)[part.section].transpose(1, 0, 2)
        areas.append(norms(np.cross(b - a, c - a)).sum())
    areas[0] *= LARGER
    return CUTS[int(np.argmax(areas))]


def _heights(solid: Solid, frame: Floats, normal: Floats) -> Floats:
    """Heights of the vertices above the plane through the centroid, (V,)."""
    weights = np.abs(signed_volumes(frame, solid.tetrahedra))
    middles = frame[solid.tetrahedra].mean(axis=1)
    center = np.average(middles, axis=0, weights=weights if weights.sum() > 0 else None)
    heights = (frame - center) @ normal
    return heights if (heights[solid.referenced] <= 0).any() else np.full(len(frame), -1.0)


def volume_pictures(
    maps: Mapping[str, SolidMap],
    distortions: Mapping[str, SolidDistortion],
    *,
    limit: float,
    up: str = "y",
    size: int,
) -> dict[str, Image]:
    """Draw maps of one solid, all from the same place.

    Parameters
    ----------
    maps, distortions : mapping
        Maps that share their solid, and their distortion, under the same names.
    limit : float
        End of the color scale: the largest log volume ratio.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures of the solid.
    size : int
        Width and height in pixels.

    Returns
    -------
    dict
        RGBA pictures: "solid", and for each map "NAME/solid" and "NAME/ball", colored by volume ratio, "NAME/shells"
        and "NAME/pulled", with shells of the ball on the ball and pulled back. Balls are turned to stand as the solid.
    """
    solid = next(iter(maps.values())).solid
    axes = camera(solid.boundary, up)
    normal = best_cut(solid, axes)
    seen = cut_open(solid, solid.vertices, axes, normal, size)
    images = {"solid": paint(cut_open(solid, solid.vertices, axes, None, size).view, PORCELAIN)}
    for name, mapped in maps.items():
        turned = mapped.points @ upright_solid(mapped).T
        logs = distortions[name].log_volume_ratio
        place = up_last(turned, up)
        for key, cut in (("solid", seen), ("ball", cut_open(solid, turned, axes, normal, size))):
            images[f"{name}/{key}"] = _colored(cut, logs, limit)
            images[f"{name}/{'pulled' if key == 'solid' else 'shells'}"] = _patterned(cut, place)
    return images


def _colored(cut: SolidCut, logs: Floats, limit: float) -> Image:
    """Color each tetrahedron, with lines between those in the section unless they are too many."""
    tetrahedron = cut.slice.tetrahedra[cut.view.fragments.faces]
    rgb = scale_colors(logs.astype(np.float32)[tetrahedron], DIVERGING, -limit, limit)
    if 0 < cut.slice.section.sum() <= OUTLINED:
        line = borders(cut.view.fragments, tetrahedron) * cut.slice.section[cut.view.fragments.faces]
        rgb = rgb * np.where(line > 0, LINE, np.float32(1))
    return paint(cut.view, rgb)


def _patterned(cut: SolidCut, place: Floats) -> Image:
    """Draw shells of the ball where the vertices have these places in it."""
    corners = cut.slice.at_corners(place)
    inside, footprint = cut.view.fragments.interpolate(corners), cut.view.footprint(corners)
    radius = np.sqrt((inside**2).sum(axis=1))
    direction: Floats32 = inside / np.maximum(radius, np.float32(1e-6))[:, None]
    return paint(cut.view, pattern_colors(shells(inside, footprint), direction))


def upright_solid(mapped: SolidMap) -> Floats:
    """Rotation of the ball, (3, 3), that fits it best to the solid, weighted by volume."""
    used = mapped.solid.referenced
    return best_rotation(mapped.solid.vertices[used], mapped.points[used], mapped.solid.vertex_volumes[used])
