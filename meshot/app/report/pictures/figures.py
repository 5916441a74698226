"""Pictures of maps: the surface, its images, patterns pulled back, distortion in color."""

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from meshot.app.report.pictures.colors import (
    DIVERGING,
    SEQUENTIAL,
    Pattern,
    checkerboard,
    circle_packing,
    cube_checkerboard,
    pattern_colors,
    scale_colors,
    sphere_circles,
)
from meshot.app.report.pictures.raster import Floats32
from meshot.app.report.pictures.views import (
    MARGIN,
    SAMPLING,
    View,
    ball_light,
    behind,
    camera,
    disk_view,
    sphere_view,
    surface_view,
)
from meshot.base.arrays import Floats
from meshot.maps.distortion import Distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface

Image = NDArray[np.uint8]

SIZE = 540  # width and height of a picture
PORCELAIN = np.array([[0.955], [0.945], [0.925]], dtype=np.float32)
BEHIND = "/behind"  # ends the names of pictures from behind
PATTERNS: dict[str, dict[str, Pattern]] = {
    "disk": {"checkerboard": checkerboard, "circles": circle_packing},
    "sphere": {"checkerboard": cube_checkerboard, "circles": sphere_circles},
}


@dataclass(frozen=True)
class Scales:
    """Ends of the color scales, the same for all pictures of a report: largest |log area ratio|, angle in degrees."""

    log_area: float
    angle: float


def scales(distortions: Sequence[Distortion]) -> Scales:
    """Choose color scales that hold 98 % of the faces of all maps, but no areas beyond twenty times too large."""
    area, angle = 0.1, 1.0
    for distortion in distortions:
        logs = distortion.log_area_ratio[np.isfinite(distortion.log_area_ratio)]
        area = max(area, float(np.abs(np.percentile(logs, [1, 99])).max()))
        angle = max(angle, float(np.percentile(distortion.angle_error, 98)))
    return Scales(min(area, np.log(20)), angle)


# ---------------------------------------------------------------------------------------------------------------------
# pictures


def draw_all(
    source: Surface,
    maps: Mapping[str, SurfaceMap],
    distortions: Mapping[str, Distortion],
    *,
    up: str = "y",
    size: int = SIZE,
    limits: Scales | None = None,
) -> dict[str, Image]:
    """Draw maps of one surface, all from the same place.

    Parameters
    ----------
    source : Surface
        The surface before any cut: its normals light both sides of a cut alike.
    maps, distortions : mapping
        Maps to the disk, or all to the sphere, that share their faces, and their distortion, under the same names.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures of the surface.
    size : int
        Width and height in pixels.
    limits : Scales, optional
        Color scales; by default those that suit these maps.

    Returns
    -------
    dict
        RGBA images, transparent around the shape: "surface", "pattern/checkerboard", "pattern/circles", and for each
        map "NAME/image" (the disk or sphere), "NAME/checkerboard", "NAME/circles", "NAME/area" and "NAME/angle". Images
        are turned to stand as the surface does. On the sphere, "surface/behind" and "NAME/image/behind" show the other
        side; if there is one map only, so do "NAME/checkerboard/behind" and the like.
    """
    first = next(iter(maps.values()))
    axes = {"": camera(source, up)}
    if first.target == "sphere":
        axes[BEHIND] = behind(axes[""], up)
    normals = source.vertex_normals[first.source_vertex]
    seen = {side: surface_view(first, normals, frame, size * SAMPLING) for side, frame in axes.items()}
    limits = scales(list(distortions.values())) if limits is None else limits
    in_detail = {side: seen[side] for side in axes if len(maps) == 1 or side != BEHIND}
    turn = upright(first, axes[""])

    def draw(name: str) -> dict[str, Image]:
        turned, bad = _turned(maps[name], turn), distortions[name]
        images = {}
        for side, frame in axes.items():
            look = disk_view if first.target == "disk" else sphere_view
            images[f"{name}/image{side}"] = paint(look(turned, normals, frame, size * SAMPLING), PORCELAIN)
        for side, view in in_detail.items():
            areas = colored(view, bad.log_area_ratio, DIVERGING, -limits.log_area, limits.log_area)
            images[f"{name}/area{side}"] = areas
            images[f"{name}/angle{side}"] = colored(view, bad.angle_error, SEQUENTIAL, 0.0, limits.angle)
            for pattern, image in patterned(view, turned, up).items():
                images[f"{name}/{pattern}{side}"] = image
        return images

    def draw_plain() -> dict[str, Image]:
        plain = plain_disk(size) if first.target == "disk" else plain_sphere(size, axes[""], up)
        return {**{f"surface{side}": paint(view, PORCELAIN) for side, view in seen.items()}, **plain}

    tasks: list[Callable[[], dict[str, Image]]] = [partial(draw, name) for name in maps]
    tasks.append(draw_plain)
    with ThreadPoolExecutor() as pool:
        return {key: image for part in pool.map(lambda task: task(), tasks) for key, image in part.items()}


def upright(surface_map: SurfaceMap, axes: Floats) -> Floats:
    """Rotation of the disk, (2, 2), that fits it best to what is seen of the surface, or of the sphere, (3, 3).

    Weighted by area; on the sphere for the whole surface.
    """
    surface, on_sphere = surface_map.surface, surface_map.target == "sphere"
    facing = 1.0 if on_sphere else np.maximum(surface.vertex_normals @ axes[2], 0)
    weight = surface.vertex_areas * facing
    used = weight > 0
    if not used.any():
        return np.eye(surface_map.image.shape[1])
    place = surface.vertices[used] if on_sphere else surface.vertices[used] @ axes[:2].T
    return best_rotation(place, surface_map.image[used], weight[used])


def best_rotation(place: Floats, image: Floats, weight: Floats) -> Floats:
    """Rotation of the image, (d, d), that fits it best to the places, a Procrustes problem (Kabsch 1976)."""
    place = place - np.average(place, axis=0, weights=weight)
    left, _, right = np.linalg.svd(place.T @ (weight[:, None] * image))
    left[:, -1] *= np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ right)


def _turned(surface_map: SurfaceMap, turn: Floats) -> SurfaceMap:
    return replace(surface_map, image=surface_map.image @ turn.T)


def patterned(view: View, surface_map: SurfaceMap, up: str = "y") -> dict[str, Image]:
    """Draw a view with each pattern of the disk or sphere, pulled back by the map; `up` as in `draw_all`."""
    image = surface_map.image if surface_map.points is None else up_last(surface_map.points, up)
    corners = image[surface_map.surface.faces]
    place, footprint = view.fragments.interpolate(corners), view.footprint(corners)
    return {
        name: paint(view, pattern_colors(pattern(place, footprint), place))
        for name, pattern in PATTERNS[surface_map.target].items()
    }


def up_last(points: Floats, up: str) -> Floats:
    """Turn points, (N, 3), so that the upward axis, about which the sphere is colored, becomes the last."""
    return np.roll(points, 2 - "xyz".index(up), axis=1)


def plain_disk(size: int) -> dict[str, Image]:
    """Draw each pattern on the disk itself."""
    place, pixel, inside = _unit_disk(size)
    return _plain("disk", place, np.full_like(place, pixel), np.float32(0.97), inside)


def plain_sphere(size: int, axes: Floats, up: str = "y") -> dict[str, Image]:
    """Draw each pattern on the sphere itself, seen along `axes`."""
    flat, pixel, inside = _unit_disk(size)
    flat /= np.maximum(np.hypot(*flat.T), 1)[:, None]
    seen = np.column_stack([flat, np.sqrt(np.maximum(1 - (flat**2).sum(axis=1), 0))])
    frame = up_last(axes, up).astype(np.float32)
    # A step to the right or up goes backward by as much as the ball is inclined there.
    slope = flat / np.maximum(seen[:, 2:], np.float32(0.05))
    steps = [frame[k] - slope[:, k : k + 1] * frame[2] for k in (0, 1)]
    return _plain("sphere", seen @ frame, pixel * np.hypot(*steps), ball_light(seen), inside)


def _unit_disk(size: int) -> tuple[Floats32, np.float32, Floats32]:
    """Pixels of a picture that the unit disk fills: their places, (N, 2), their width, and how far inside they lie."""
    pixel = np.float32(2 / (size * (1 - 2 * MARGIN)))
    axis = (np.arange(size, dtype=np.float32) + np.float32(0.5 - size / 2)) * pixel
    place = np.stack(np.meshgrid(axis, -axis), axis=-1).reshape(-1, 2)
    return place, pixel, np.clip(0.5 + (1 - np.hypot(*place.T)) / pixel, 0, 1)


def _plain(
    target: str, place: Floats32, footprint: Floats32, light: Floats32 | np.float32, inside: Floats32
) -> dict[str, Image]:
    size = int(np.sqrt(len(place)))
    images = {}
    for name, pattern in PATTERNS[target].items():
        rgb = np.clip(light * pattern_colors(pattern(place, footprint), place), 0, 1)
        rgba = (np.vstack([rgb, inside]).T * 255 + 0.5).astype(np.uint8)
        images[f"pattern/{name}"] = rgba.reshape(size, size, 4)
    return images


def colored(view: View, values: Floats, scale: tuple[str, ...], low: float, high: float) -> Image:
    """Draw a view with one value a face, (F,), in colors."""
    return paint(view, scale_colors(values.astype(np.float32)[view.fragments.faces], scale, low, high))


def paint(view: View, colors: Floats32) -> Image:
    """Light colors, (3, N) or (3, 1), and average the rays of each pixel: RGBA, transparent around the shape."""
    height, width = (side // SAMPLING for side in view.fragments.shape)
    pixel, rays = view.targets
    lit = [np.bincount(pixel, channel * view.shade, minlength=height * width) for channel in colors]
    image = np.stack([*(channel / np.maximum(rays, 1) for channel in lit), rays / SAMPLING**2], axis=1)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8).reshape(height, width, 4)


def webp(image: Image) -> bytes:
    """Encode an RGBA picture as WebP."""
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "WEBP", quality=88, method=2)
    return file.getvalue()


def encoded(images: Mapping[str, Image]) -> dict[str, bytes]:
    """Encode pictures as WebP, several at a time."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(images, pool.map(webp, images.values()), strict=True))
