"""Where to look from: a direction that shows a surface from its good side, and the pixels seen from there."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from meshot.app.report.pictures.raster import Floats32, Fragments, barycentric_gradients, rasterize
from meshot.base.arrays import Floats, Ints
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface

SAMPLING = 2  # rays a pixel, along each side
MARGIN = 0.035  # of the picture, left free on each side
OPEN_ENOUGH = 0.5  # a surface with a longer mean unit normal than this has a front
LEANING = 0.1  # and with a longer one across the upward axis, at least a front side
COARSE = 2  # surroundings are averaged on every second pixel
ELEVATION = np.radians(12.0)  # from which everything else is looked at
KEY_LIGHT = np.array([-0.42, 0.55, 0.72], dtype=np.float32)
FILL_LIGHT = np.array([0.75, 0.05, 0.66], dtype=np.float32)
RELIEF = (0.45, 1.3)  # least and most light on the surface against that on a ball, where its image on one is shown
HALFWAY = np.array([-0.227, 0.297, 0.928], dtype=np.float32)  # between the key light and the eye


@dataclass(frozen=True, eq=False)
class View:
    """What is seen from one place: the fragments, and how light they are.

    Attributes
    ----------
    fragments : Fragments
        The visible points, one a pixel.
    shade : (N,) float32
        Brightness of white porcelain there.
    corners : (F, 3, 2) float
        Where the faces' corners lie in the picture, in pixels.
    """

    fragments: Fragments
    shade: Floats32
    corners: Floats

    @cached_property
    def targets(self) -> tuple[Ints, Ints]:
        """Pixel of the finished picture that each fragment is a ray of, (N,), and the number of rays of each pixel."""
        height, width = self.fragments.shape
        pixel = self.fragments.coarse_pixels(SAMPLING)
        return pixel, np.bincount(pixel, minlength=height * width // SAMPLING**2)

    def footprint(self, corner_values: Floats) -> Floats32:
        """How far values at the faces' corners, (F, 3, k), move within one pixel, for each fragment: (N, k)."""
        gradient = np.einsum("fxc,fck->fxk", barycentric_gradients(self.corners), corner_values)
        moved: Floats32 = np.sqrt((gradient**2).sum(axis=1)).astype(np.float32)
        return moved[self.fragments.faces]


def camera(surface: Surface, up: str = "y") -> Floats:
    """Choose a view that shows the surface well.

    An open surface that has a front is looked at along its area-weighted mean normal. Anything else stands upright and
    is seen from a little above: from where its mean normal leans, or from that of eight sides on which it bends most.

    Parameters
    ----------
    surface : Surface
        What to look at.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the picture.

    Returns
    -------
    (3, 3) float
        Rows right, up and backward (toward the eye).

    Examples
    --------
    >>> camera(Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]))
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    upward = np.eye(3)["xyz".index(up)]
    mean = (surface.face_normals * surface.face_areas[:, None]).sum(axis=0) / surface.area
    if np.linalg.norm(mean) > OPEN_ENOUGH:
        return _frame(mean, upward)
    side = mean - (mean @ upward) * upward
    if np.linalg.norm(side) < LEANING:
        side = _most_detailed_side(surface, upward)
    side = side / np.linalg.norm(side)
    return _frame(np.cos(ELEVATION) * side + np.sin(ELEVATION) * upward, upward)


def behind(axes: Floats, up: str = "y") -> Floats:
    """Return the view from the other side, as high above: `axes` turned by half a turn about the upward axis."""
    return axes * np.where(np.arange(3) == "xyz".index(up), 1.0, -1.0) + 0.0


def _frame(backward: Floats, upward: Floats) -> Floats:
    """Complete the direction to the eye to a frame; where one looks along `upward`, another axis points up."""
    backward = backward / np.linalg.norm(backward)
    if abs(backward @ upward) > 0.9:
        upward = -np.roll(upward, 1)
    right = np.cross(upward, backward)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(backward, right), backward]) + 0.0


def _most_detailed_side(surface: Surface, upward: Floats) -> Floats:
    """Return the direction, of eight across `upward`, from which one sees most of what bends."""
    smooth = surface.vertex_normals[surface.faces].mean(axis=1)
    detail = surface.face_areas * (1 - np.linalg.norm(smooth, axis=1))
    angle = np.arange(8) * np.pi / 4 + np.pi / 8
    sides = np.outer(np.sin(angle), np.roll(upward, -1)) + np.outer(np.cos(angle), np.roll(upward, 1))
    best: Floats = sides[np.argmax(np.maximum(surface.face_normals @ sides.T, 0).T @ detail)]
    return best


def surface_view(surface_map: SurfaceMap, normals: Floats, axes: Floats, size: int) -> View:
    """Look at the mapped surface; `normals` are the unit normals of its vertices, (V, 3)."""
    points = surface_map.surface.vertices @ axes.T
    surface = surface_map.surface
    return _view(surface, fit(points, surface.referenced, size), normals @ axes.T, size, crease=True)


def disk_view(surface_map: SurfaceMap, normals: Floats, axes: Floats, size: int) -> View:
    """Look at the disk, lit as the surface is: a relief that lies flat."""
    flat = np.column_stack([surface_map.uv, np.zeros(len(surface_map.uv))])
    half = size / 2
    points = flat * [half * (1 - 2 * MARGIN), -half * (1 - 2 * MARGIN), 1] + [half, half, 0]
    return _view(surface_map.surface, points, normals @ axes.T, size, crease=False)


def sphere_view(surface_map: SurfaceMap, normals: Floats, axes: Floats, size: int) -> View:
    """Look at the sphere, a ball in the surface's relief: where the surface's normal is another, so is the light."""
    points = surface_map.image @ axes.T
    radius = (0.5 - MARGIN) * size
    pixels = points * [radius, -radius, radius] + [size / 2, size / 2, 0]
    view = _view(surface_map.surface, pixels, normals @ axes.T, size, crease=False)
    place = view.fragments.interpolate(points[surface_map.surface.faces])
    relief = np.clip(view.shade / _soft_light(place), *RELIEF)
    return replace(view, shade=ball_light(place) * relief)


def faceted_view(surface: Surface, axes: Floats, window: Floats, size: int) -> View:
    """Look at a surface whose faces are lit as the flat triangles that they are.

    Parameters
    ----------
    surface : Surface
    axes : (3, 3) float
        Rows right, up and backward.
    window : (m, 3) float
        Points that the picture has room for.
    size : int
        Width and height in pixels, before rays are averaged.
    """
    count = len(surface.vertices)
    points = np.concatenate([surface.vertices, window]) @ axes.T
    pixels = fit(points, np.arange(len(points)) >= count, size)[:count]
    normals = np.repeat((surface.face_normals @ axes.T)[:, None], 3, axis=1)
    return view_of_faces(pixels, surface.faces, normals, size, crease=True)


def fit(points: Floats, used: NDArray[np.bool_], size: int) -> Floats:
    """Fit points in the camera's frame, (V, 3), of which these are used, into a square picture.

    y runs downward then, and depth is in pixels too.
    """
    low, high = points[used].min(axis=0), points[used].max(axis=0)
    extent = max(high[0] - low[0], high[1] - low[1])
    scale = size * (1 - 2 * MARGIN) / (extent if extent > 0 else 1.0)
    fitted: Floats = (points - (low + high) / 2) * [scale, -scale, scale] + [size / 2, size / 2, 0]
    return fitted


def _view(surface: Surface, pixels: Floats, normals: Floats, size: int, *, crease: bool) -> View:
    return view_of_faces(pixels, surface.faces, normals[surface.faces], size, crease=crease)


def view_of_faces(pixels: Floats, faces: Ints, normals: Floats, size: int, *, crease: bool) -> View:
    """Look at faces, (F, 3), of points in pixels, (V, 3), with normals at their corners, (F, 3, 3).

    Parameters
    ----------
    crease : bool
        Light them as porcelain with dark hollows; else by a light that reaches around.
    """
    fragments = rasterize(pixels, faces, (size, size))
    toward = fragments.interpolate(normals)
    shade = _light(toward) * _creases(fragments) if crease else _soft_light(toward)
    return View(fragments, shade, np.ascontiguousarray(pixels[faces][:, :, :2]))


def _light(normals: Floats32) -> Floats32:
    """Porcelain: sky light, a key and a fill light, and a soft highlight, for normals in the camera's frame."""
    inside = normals[:, 2] < 0
    unit = np.where(inside, np.float32(-1), np.float32(1)) / _length(normals)
    key, fill, half = (np.maximum(unit * (normals @ light), 0) for light in (KEY_LIGHT, FILL_LIGHT, HALFWAY))
    glint = half**32
    shade = 0.33 + 0.07 * unit * normals[:, 1] + 0.52 * key + 0.16 * fill + 0.07 * glint
    return (shade * np.where(inside, np.float32(0.7), np.float32(1))).astype(np.float32)


def ball_light(normals: Floats32) -> Floats32:
    """Light on a ball with these normals, (N, 3), in the camera's frame; weaker, as it has no detail to bring out."""
    return np.asarray(0.42 + 0.6 * _light(normals), dtype=np.float32)


def _soft_light(normals: Floats32) -> Floats32:
    """Light that reaches around, so that the far side of the surface has a relief in the disk too."""
    key, fill = (0.5 + 0.5 * (normals @ light) / _length(normals) for light in (KEY_LIGHT, FILL_LIGHT))
    return np.asarray(0.3 + 0.52 * key + 0.2 * fill**2, dtype=np.float32)


def _length(normals: Floats32) -> Floats32:
    length: Floats32 = np.maximum(np.sqrt(np.einsum("nk,nk->n", normals, normals)), np.float32(1e-12))
    return length


def _creases(fragments: Fragments, strength: float = 0.9) -> Floats32:
    """Darken what lies deeper than its surroundings.

    Luft, Colditz and Deussen, "Image enhancement by unsharp masking the depth buffer" (2006).
    """
    height, width = fragments.shape
    image = np.zeros((2, height, width), dtype=np.float32)
    image[0].ravel()[fragments.pixels] = fragments.depth
    image[1].ravel()[fragments.pixels] = 1
    coarse = np.ascontiguousarray(image[:, ::COARSE, ::COARSE])
    radius = max(height // (45 * COARSE), 3)
    for _ in range(2):
        coarse = uniform_filter(coarse, (0, radius, radius), mode="constant")
    surroundings = coarse[0] / np.maximum(coarse[1], 1e-6)
    row, column = fragments.pixels // width, fragments.pixels % width
    hollow = surroundings[row // COARSE, column // COARSE] - fragments.depth
    hollow = np.clip(hollow / (radius * COARSE), 0, 1)
    return np.asarray(1 - strength * hollow / (1 + hollow), dtype=np.float32)
