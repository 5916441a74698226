"""What the viewer of a map shows: the surface and its images as numbers, packed for the page.

The page's own frame is that of the pictures: x to the right, y upward, z to the eye.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from markupsafe import Markup
from scipy.spatial import ConvexHull, Delaunay

from meshot.app.files.run import Run
from meshot.app.report.pictures import figures
from meshot.app.report.pictures.colors import DIVERGING, SEQUENTIAL, pattern_colors
from meshot.app.report.pictures.views import camera
from meshot.app.report.viewer.packing import allowed, as_json, data_uri, packed, rgb, scripts
from meshot.app.words import number
from meshot.base.arrays import Floats, Ints, cross2
from meshot.diagrams.site_tree import hilbert_order
from meshot.maps.distortion import Distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.sampling.sample import sample

MOST_FACES = 100_000  # of the viewer's copy: about 10 MB of the page
SAMPLES = 2048
TEXTURE = 1024  # pixels across the disk; the sphere's map is twice as wide


def surface_viewer(run: Run[SurfaceMap], *, up: str = "y") -> dict[str, Any]:
    """Return what a page's template needs for a viewer of a map."""
    code, faces = scripts("viewer"), len(run.input.faces)
    return {
        "scene": scene(run, up=up),
        "scripts": code,
        "allowed": allowed(code),
        "samples": int(np.log2(SAMPLES)) if run.result.conformal is not None else 0,
        "thinned": number(faces) if faces > MOST_FACES else "",
    }


def scene(run: Run[SurfaceMap], *, up: str = "y", most_faces: int = MOST_FACES) -> Markup:
    """Return everything that the viewer shows as JSON, with nothing in it that could end a script element.

    Parameters
    ----------
    run : Run
        The finished map.
    up : {"x", "y", "z"}
        Coordinate axis that points upward, as in the pictures.
    most_faces : int
        A surface with more faces is shown by a thinned copy of about as many.
    """
    axes, limits = camera(run.input, up), figures.scales(list(run.distortions.values()))
    turn = figures.upright(next(iter(run.maps.values())), axes)
    surface = run.result.surface
    shown = thinned(run.result, most_faces)
    used = surface.vertices[surface.referenced]
    middle = (used.min(axis=0) + used.max(axis=0)) / 2
    reach = float(np.linalg.norm(used - middle, axis=1).max())

    def seen(points: Floats) -> Floats:
        return np.asarray((points - middle) @ axes.T / reach)

    normals = run.input.vertex_normals[run.result.source_vertex] @ axes.T
    errors = [shown.figures(run.distortions[name]) for name in run.maps]
    images = [_image(one, turn, axes)[shown.vertices] for one in run.maps.values()]
    content = {
        "target": run.result.target,
        "names": list(run.maps),
        "faces": packed(shown.faces, "<u4"),
        "positions": packed(seen(surface.vertices[shown.vertices]), "<f4"),
        "normals": packed(np.rint(127 * normals[shown.vertices]), "i1"),
        "images": [packed(image, "<f4") for image in images],
        "area": [packed(area, "<f4") for area, _ in errors],
        "angle": [packed(angle, "<f4") for _, angle in errors],
        "limits": {"area": limits.log_area, "angle": limits.angle},
        "scales": {"area": rgb(DIVERGING), "angle": rgb(SEQUENTIAL)},
        "patterns": _patterns(run.result.target),
        "upward": figures.up_last(axes, up).T.ravel().tolist(),
        "faces_of_mesh": len(surface.faces),
        "samples": _samples(run, axes, turn, seen),
    }
    return as_json(content)


def _samples(
    run: Run[SurfaceMap], axes: Floats, turn: Floats, place: Callable[[Floats], Floats]
) -> dict[str, Any] | None:
    """Evenly spread points of the surface and their images; None for a map that does not keep areas."""
    if run.result.conformal is None:
        return None
    samples = sample(run.result, SAMPLES, "sobol", rng=0)
    corners = run.result.surface.faces[samples.faces]
    images = [
        np.einsum("nk,nkd->nd", samples.barycentric, _image(one, turn, axes)[corners]) for one in run.maps.values()
    ]
    return {"positions": packed(place(samples.points), "<f4"), "images": [packed(image, "<f4") for image in images]}


def _image(surface_map: SurfaceMap, turn: Floats, axes: Floats) -> Floats:
    """Return the image in the page's frame, (V, 3), turned to stand as the surface does."""
    turned = surface_map.image @ turn.T
    if surface_map.target == "sphere":
        return np.asarray(turned @ axes.T)
    return np.column_stack([turned, np.zeros(len(turned))])


@cache
def _patterns(target: str) -> dict[str, str]:
    """Draw each pattern on the square around the disk, or on the sphere's map by longitude and height."""
    across = TEXTURE if target == "disk" else 2 * TEXTURE
    x, y = np.meshgrid(_middles(across), _middles(TEXTURE))
    if target == "disk":
        place = np.column_stack([x.ravel(), y.ravel()])
        footprint = np.full_like(place, 2 / TEXTURE)
    else:
        longitude, latitude = np.pi * x.ravel(), np.pi / 2 * y.ravel()
        level = np.cos(latitude)
        place = np.column_stack([level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude)])
        footprint = np.full_like(place, np.pi / TEXTURE)
    drawn = {}
    for name, pattern in figures.PATTERNS[target].items():
        at, width = place.astype(np.float32), footprint.astype(np.float32)
        colors = pattern_colors(pattern(at, width), at).reshape(3, TEXTURE, across)
        image = np.rint(255 * np.clip(colors, 0, 1)).astype(np.uint8).transpose(1, 2, 0)
        drawn[name] = data_uri(figures.webp(image))
    return drawn


def _middles(count: int) -> Floats:
    """Return the middles of equal pieces of [-1, 1]."""
    return np.asarray((np.arange(count) + 0.5) * 2 / count - 1)


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown of a surface.

    Attributes
    ----------
    vertices : (v,) int
        Vertices of the mapped surface.
    faces : (f, 3) int
        Triangles of these, numbered from 0 as they stand in `vertices`.
    sources : (f,) int
        The face of the mapped surface whose figures each triangle shows.
    """

    vertices: Ints
    faces: Ints
    sources: Ints

    def figures(self, distortion: Distortion) -> tuple[Floats, Floats]:
        """Return log area ratio and angle error of each triangle shown."""
        return distortion.log_area_ratio[self.sources], distortion.angle_error[self.sources]


def thinned(surface_map: SurfaceMap, most: int) -> Shown:
    """Choose what to show of a surface in at most about `most` triangles.

    All of it, where that is enough; else vertices at equal steps along a Hilbert curve through the image, on the
    boundary at equal steps along it, so that parts are as dense as in the mesh.
    """
    surface = surface_map.surface
    if len(surface.faces) <= most:
        return Shown(np.arange(len(surface.vertices)), surface.faces, np.arange(len(surface.faces)))
    step = -(-len(surface.faces) // most)
    if surface_map.target == "sphere":
        vertices = _every(surface_map.image, np.flatnonzero(surface.referenced), step)
        chosen = surface_map.image[vertices]
        faces = _outward(chosen, ConvexHull(chosen).simplices.astype(np.int64))
        middles = chosen[faces].mean(axis=1)
    else:
        loop = surface.boundary_loops[0]
        inner = np.setdiff1d(np.flatnonzero(surface.referenced), loop)
        along = max(int(np.sqrt(step)), 1)
        vertices = np.concatenate([loop[::along], _every(surface_map.uv, inner, step)])
        chosen = surface_map.uv[vertices]
        faces = _counterclockwise(chosen, Delaunay(chosen).simplices.astype(np.int64))
        middles = chosen[faces].mean(axis=1)
    return Shown(vertices, faces, surface_map.locate(middles, snap=surface_map.target == "disk").faces)


def _every(image: Floats, candidates: Ints, step: int) -> Ints:
    """Return every so manieth of the candidates along a Hilbert curve through their image."""
    return np.sort(candidates[hilbert_order(np.ascontiguousarray(image[candidates]))][::step])


def _counterclockwise(points: Floats, faces: Ints) -> Ints:
    a, b, c = points[faces].transpose(1, 0, 2)
    turned = np.where((cross2(b - a, c - a) < 0)[:, None], faces[:, ::-1], faces)
    return np.ascontiguousarray(turned)


def _outward(points: Floats, faces: Ints) -> Ints:
    a, b, c = points[faces].transpose(1, 0, 2)
    inward = np.einsum("nk,nk->n", np.cross(b - a, c - a), a + b + c) < 0
    return np.ascontiguousarray(np.where(inward[:, None], faces[:, ::-1], faces))
