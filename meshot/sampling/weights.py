"""Densities of samples: numbers per face or vertex, or a picture on the surface (texture)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats
from meshot.base.errors import GeometryError
from meshot.sampling.pieces import Pieces, split_faces
from meshot.sampling.samples import Sampled

# Texels along the longest side of a piece on which a texture is taken for constant; pieces along a face's side at most.
TEXELS, FINEST = 2.0, 64


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture on a surface, by texture coordinates, as a density.

    Attributes
    ----------
    image : (h, w) or (h, w, c) float
        Pixel values, not negative; the mean of the first three channels of a color picture counts. Row 0 is on top.
    uv : (V, 2) or (F, 3, 2) float
        Texture coordinates of each vertex of the input, or of each corner of its faces: (0, 0) is the lower left corner
        of the picture, (1, 1) the upper right one; what lies beyond gets the nearest pixel.

    Raises
    ------
    GeometryError
        Wrong shapes; pixels that are negative or not finite.

    Examples
    --------
    >>> Texture([[0.0, 1.0]], [[0, 0], [1, 0], [1, 1]]).at(np.array([[0.5, 0.5], [1.0, 0.0]]))
    array([0.5, 1. ])
    """

    image: Floats
    uv: Floats

    def __post_init__(self) -> None:
        image, uv = np.array(self.image, dtype=np.float64), np.array(self.uv, dtype=np.float64)
        if image.ndim == 3:
            image = image[..., :3].mean(axis=2) if image.shape[2] >= 3 else image[..., 0]
        if image.ndim != 2 or image.size == 0 or not (np.isfinite(image) & (image >= 0)).all():
            raise GeometryError(f"a texture's pixels must be (h, w) or (h, w, c) numbers >= 0, got {image.shape}")
        if uv.shape[-1:] != (2,) or uv.ndim not in (2, 3) or (uv.ndim == 3 and uv.shape[1] != 3):
            raise GeometryError(f"texture coordinates must have shape (V, 2) or (F, 3, 2), got {uv.shape}")
        if not np.isfinite(uv).all():
            raise GeometryError("texture coordinates must be finite")
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "uv", uv)

    def at(self, uv: Floats) -> Floats:
        """Return the picture at texture coordinates (..., 2), interpolated between the middles of the pixels.

        Parameters
        ----------
        uv : (..., 2) float

        Returns
        -------
        (...) float
        """
        height, width = self.image.shape
        x = np.clip(uv[..., 0] * width - 0.5, 0, width - 1)
        y = np.clip((1 - uv[..., 1]) * height - 0.5, 0, height - 1)
        i, j = np.minimum(y.astype(np.int64), max(height - 2, 0)), np.minimum(x.astype(np.int64), max(width - 2, 0))
        s, t = y - i, x - j
        below, right = np.minimum(i + 1, height - 1), np.minimum(j + 1, width - 1)
        upper = (1 - t) * self.image[i, j] + t * self.image[i, right]
        return np.asarray((1 - s) * upper + s * ((1 - t) * self.image[below, j] + t * self.image[below, right]))

    def of_corners(self, surface_map: Sampled) -> Floats:
        """Return the texture coordinates of the corners of the faces, (F, 3, 2).

        Parameters
        ----------
        surface_map : SurfaceMap or BareSurface

        Returns
        -------
        (F, 3, 2) float
        """
        faces = surface_map.surface.faces
        if self.uv.ndim == 3:
            if len(self.uv) != len(faces):
                raise GeometryError(f"texture coordinates of {len(faces)} faces are needed, got {len(self.uv)}")
            return self.uv
        rows = int(surface_map.source_vertex.max()) + 1
        if len(self.uv) < rows:
            raise GeometryError(f"texture coordinates of {rows} vertices are needed, got {len(self.uv)}")
        return np.asarray(self.uv[surface_map.source_vertex[faces]])


Weights = Texture | ArrayLike


def mean_density(surface_map: Sampled, density: Weights | None, pieces: Pieces) -> Floats:
    """Return the density on each piece, (P,), up to a factor: its mean over the piece.

    Raises
    ------
    GeometryError
        A wrong number of numbers, or one that is negative or not finite.
    """
    if density is None:
        return np.ones(len(pieces.parent))
    if isinstance(density, Texture):
        corners = pieces.at_corners(density.of_corners(surface_map))
        # Exact for quadratic polynomials.
        return np.asarray(density.at((corners + np.roll(corners, 1, axis=1)) / 2).mean(axis=1))
    values = _checked(surface_map, density)
    if len(values) == len(surface_map.surface.faces):
        return np.asarray(values[pieces.parent])
    corners = pieces.at_corners(values[surface_map.source_vertex[surface_map.surface.faces]])
    return np.asarray(corners.mean(axis=1))


def _checked(surface_map: Sampled, density: ArrayLike) -> Floats:
    values = np.asarray(density, dtype=np.float64)
    vertices, faces = int(surface_map.source_vertex.max()) + 1, len(surface_map.surface.faces)
    if values.ndim != 1 or len(values) not in (vertices, faces):
        raise GeometryError(
            f"density must have one number a vertex ({vertices}) or a face ({faces}), got shape {values.shape}"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        what = "face" if len(values) == faces else "vertex"
        raise GeometryError(f"density must be finite and not negative at every {what}", ids=bad.tolist())
    return values


def pieces_for(surface_map: Sampled, density: Weights | None) -> Pieces:
    """Cut the faces so that the density may be taken for constant on each piece: to some texels, or not at all."""
    if not isinstance(density, Texture):
        return Pieces(np.arange(len(surface_map.surface.faces)))
    corners = density.of_corners(surface_map) * np.array(density.image.shape[::-1])
    sides = np.sqrt(((corners - np.roll(corners, 1, axis=1)) ** 2).sum(axis=2))
    return split_faces(np.clip(np.ceil(sides.max(axis=1) / TEXELS), 1, FINEST).astype(np.int64))


def piece_masses(surface_map: Sampled, density: Weights | None, pieces: Pieces) -> Floats:
    """Return the mass of each piece, (P,), of total 1.

    Raises
    ------
    GeometryError
        As `mean_density`; or there is no mass.
    """
    areas = surface_map.surface.face_areas
    share = areas[pieces.parent] / np.bincount(pieces.parent, minlength=len(areas))[pieces.parent]
    if not share.any():
        raise GeometryError("the surface has no area")
    masses = share * mean_density(surface_map, density, pieces)
    if not masses.any():
        raise GeometryError("the density vanishes on the whole surface")
    return np.asarray(masses / masses.sum())
