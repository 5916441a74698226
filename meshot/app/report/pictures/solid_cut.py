"""Pictures of solids cut open by a plane, colored by what is told of each tetrahedron or point inside."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshot.app.report.pictures.colors import DIVERGING, pattern_colors, scale_colors, shells
from meshot.app.report.pictures.cutaway import LINE, borders
from meshot.app.report.pictures.figures import PORCELAIN, Image, best_rotation, paint, up_last
from meshot.app.report.pictures.raster import Floats32
from meshot.app.report.pictures.views import SAMPLING, View, camera, fit, view_of_faces
from meshot.base.arrays import Floats, norms
from meshot.maps.distortion import SolidDistortion
from meshot.maps.solid_map import SolidMap
from meshot.meshes.slice import SolidSlice, slice_solid
from meshot.meshes.solid import Solid, signed_volumes

# Normals of planes to cut along, in the camera's frame; what lies before the plane, toward the eye, is taken away.
CUTS = np.array([[0.5, 0.12, 0.86], [-0.5, 0.12, 0.86], [0.0, 0.5, 0.86], [0.0, 0.1, 0.99]])
# By how much the section must be larger for a later one of them to be taken.
LARGER = 1.15
# Triangles in a section from which lines between tetrahedra would cover it.
OUTLINED = 6_000


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
