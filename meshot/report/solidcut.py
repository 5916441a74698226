"""Pictures of solids cut open: the tetrahedra behind a plane, drawn whole, colored by what is told of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.mapping.soliddistortion import SolidDistortion
from meshot.mapping.solidmap import SolidMap
from meshot.meshes.mesh import Floats, Ints, Surface, norms
from meshot.meshes.solid import Solid, signed_volumes
from meshot.report.colors import DIVERGING, pattern_colors, shells
from meshot.report.figures import PORCELAIN, Image, colored, paint, up_last
from meshot.report.views import SAMPLING, View, camera, fit, view_of_faces

# The plane of the cut, in the camera's frame: what lies before it, towards the eye and to the right, is taken away.
CUT = np.array([0.5, 0.12, 0.86])


@dataclass(frozen=True, eq=False)
class Cut:
    """What is seen of a solid cut open.

    Attributes
    ----------
    view : View
        The visible points and how light they are; its faces are those that are drawn.
    faces : (F, 3) int
        Vertices of each drawn face.
    tetrahedra : (F,) int
        The tetrahedron that each drawn face belongs to.
    """

    view: View
    faces: Ints
    tetrahedra: Ints


def cut_open(solid: Solid, points: Floats, axes: Floats, size: int, *, whole: bool = False) -> Cut:
    """Look at the part of a solid behind a plane through its centroid.

    Parameters
    ----------
    solid : Solid
    points : (V, 3) float
        Where its vertices are: its own, or their images.
    axes : (3, 3) float
        Rows right, up and backward, as of `views.camera`.
    size : int
        Width and height of the finished picture in pixels.
    whole : bool
        Cut nothing away.
    """
    frame = points @ axes.T
    middles = frame[solid.tetrahedra].mean(axis=1)
    weights = np.abs(signed_volumes(points, solid.tetrahedra))
    center = np.average(middles, axis=0, weights=weights if weights.sum() > 0 else None)
    kept = (middles - center) @ CUT <= 0
    if whole or not kept.any():
        kept[:] = True
    behind = solid.neighbors
    shown = kept[:, None] & ((behind < 0) | ~kept[behind])
    halffaces = np.flatnonzero(shown.ravel())
    faces = solid.halffaces[halffaces] if solid.orientation > 0 else solid.halffaces[halffaces][:, ::-1]
    skin = behind.ravel()[halffaces] < 0
    pixels = fit(frame, solid.referenced, size * SAMPLING)
    view = view_of_faces(pixels, faces, _normals(frame, faces, skin), size * SAMPLING, crease=True)
    return Cut(view, faces, halffaces // 4)


def _normals(points: Floats, faces: Ints, skin: NDArray[np.bool_]) -> Floats:
    """Return normals at the corners of faces, (F, 3, 3): smooth on the skin, the faces' own where it is cut."""
    a, b, c = points[faces].transpose(1, 0, 2)
    own = np.cross(b - a, c - a)
    length = norms(own)[:, None]
    flat = np.divide(own, length, out=np.zeros_like(own), where=length > 0)
    normals = np.repeat(flat[:, None], 3, axis=1)
    if skin.any():
        normals[skin] = Surface(np.nan_to_num(points), faces[skin]).vertex_normals[faces[skin]]
    return normals


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
    seen = cut_open(solid, solid.vertices, axes, size)
    images = {"solid": paint(cut_open(solid, solid.vertices, axes, size, whole=True).view, PORCELAIN)}
    for name, mapped in maps.items():
        turned = mapped.points @ _upright(mapped).T
        logs = distortions[name].log_volume_ratio
        place = up_last(turned, up)
        for key, cut in (("solid", seen), ("ball", cut_open(solid, turned, axes, size))):
            images[f"{name}/{key}"] = colored(cut.view, logs[cut.tetrahedra], DIVERGING, -limit, limit)
            images[f"{name}/{'pulled' if key == 'solid' else 'shells'}"] = _patterned(cut, place)
    return images


def _patterned(cut: Cut, place: Floats) -> Image:
    """Draw shells of the ball where the vertices have these places in it."""
    corners = place[cut.faces]
    inside, footprint = cut.view.fragments.interpolate(corners), cut.view.footprint(corners)
    radius = np.sqrt((inside**2).sum(axis=1))
    direction = inside / np.maximum(radius, np.float32(1e-6))[:, None]
    return paint(cut.view, pattern_colors(shells(inside, footprint), direction))


def _upright(mapped: SolidMap) -> Floats:
    """Rotation of the ball, (3, 3), that fits it best to the solid, weighted by volume (Kabsch 1976)."""
    solid = mapped.solid
    weight = solid.vertex_volumes[solid.referenced]
    place, image = solid.vertices[solid.referenced], mapped.points[solid.referenced]
    place = place - np.average(place, axis=0, weights=weight)
    left, _, right = np.linalg.svd(place.T @ (weight[:, None] * image))
    left[:, -1] *= np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ right)
