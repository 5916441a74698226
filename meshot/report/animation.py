"""A moving picture of the way from the ball to a shape and back."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image as Pillow

from meshot.meshes.mesh import Floats
from meshot.morph.morph import Morph
from meshot.report.cellfigures import points_picture
from meshot.report.colors import place_colors
from meshot.report.figures import Image, paint
from meshot.report.morphreport import morph_axes
from meshot.report.views import SAMPLING, faceted_view

# Width and height in pixels, milliseconds a frame and at either end, colors of a frame.
SIZE, MOVING, RESTING, COLORS = 360, 70, 700, 128


def animation(morph: Morph, times: Floats, *, up: str = "y", size: int = SIZE) -> bytes:
    """Draw the target on its way and back as an animated GIF, its points in the colors of the places they go to.

    Parameters
    ----------
    morph : Morph
    times : (k,) float
        Time of each frame on the way there, ascending; the way back shows them again.
    up : {"x", "y", "z"}
        Coordinate axis that points upward.
    size : int
        Width and height in pixels.
    """
    frames = [_on_white(image) for image in _images(morph, times, up, size)]
    frames += frames[-2:0:-1]
    waits = [MOVING] * len(frames)
    waits[0] = waits[len(times) - 1] = RESTING
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=waits, loop=0)
    return file.getvalue()


def _images(morph: Morph, times: Floats, up: str, size: int) -> Iterator[Image]:
    used = morph.cell_of_vertex >= 0
    axes, center = morph_axes(morph, up), morph.transport.problem.domain.center
    reach = morph.transport.problem.domain.circle_radius * np.concatenate([axes, -axes])
    window = np.concatenate([morph.vertices[used], center + reach])
    low, high = morph.vertices[used].min(axis=0), morph.vertices[used].max(axis=0)
    tint = place_colors(morph.vertices, low, high, "xyz".index(up)).T
    for t in times:
        points = morph.interpolate(float(t))
        if morph.solid is None:
            yield points_picture(points @ axes.T, window @ axes.T, tint.astype(np.float64), size)
            continue
        rows, surface = morph.solid.boundary_vertices, morph.solid.boundary
        view = faceted_view(surface.with_vertices(points[rows]), axes, window, size * SAMPLING)
        yield paint(view, view.fragments.interpolate(tint[rows][surface.faces]).T)


def _on_white(image: Image) -> Pillow.Image:
    picture = Pillow.fromarray(image)
    paper = Pillow.new("RGBA", picture.size, "white")
    return Pillow.alpha_composite(paper, picture).convert("RGB").quantize(COLORS, dither=Pillow.Dither.NONE)
