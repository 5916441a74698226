"""A copy of a mapped surface with fewer faces, to look at: vertices of the mesh, triangulated anew in the image.

What a map is good for: the image has no overlaps, so a Delaunay triangulation of some vertices there is a coarser mesh
of the surface, whatever its shape.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, Delaunay

from meshot.diagrams.sitetree import hilbert_order
from meshot.mapping.distortion import Distortion
from meshot.mapping.maps import SurfaceMap
from meshot.meshes.mesh import Floats, Ints, cross2


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
