"""A small picture of a mesh."""

from meshot.app.report.pictures.figures import PORCELAIN, paint, webp
from meshot.app.report.pictures.views import SAMPLING, camera, fit, view_of_faces
from meshot.base.errors import GeometryError
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface

SIZE = 128  # pixels; a picture takes about 2 KB


def thumbnail(mesh: Surface | Solid, *, up: str = "y", size: int = SIZE) -> bytes:
    """Draw a surface, or the boundary of a solid, whatever may be wrong with it.

    Parameters
    ----------
    mesh : Surface or Solid
        What is to be drawn.
    up : {"x", "y", "z"}
        Coordinate axis that points upward.
    size : int
        Width and height in pixels.

    Returns
    -------
    bytes
        A WebP file.

    Raises
    ------
    GeometryError
        The surface has no area.
    """
    surface = mesh.boundary if isinstance(mesh, Solid) else mesh
    if not surface.area > 0:
        raise GeometryError("a surface without area cannot be drawn")
    axes = camera(surface, up)
    pixels = fit(surface.vertices @ axes.T, surface.referenced, size * SAMPLING)
    normals = (surface.vertex_normals @ axes.T)[surface.faces]
    return webp(paint(view_of_faces(pixels, surface.faces, normals, size * SAMPLING, crease=True), PORCELAIN))
