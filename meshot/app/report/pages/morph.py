"""The report of a ball-to-shape transport: the ball, the shape and the way between them on one HTML page."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image as Pillow

from meshot.app.files.morph import morph_metrics, surface_distances
from meshot.app.files.run import Run
from meshot.app.report.pages.page import certificate, color_scale, convergence_chart, fold_words, render_run
from meshot.app.report.pictures import figures
from meshot.app.report.pictures.cells import points_picture
from meshot.app.report.pictures.colors import DIVERGING, place_colors
from meshot.app.report.pictures.cutaway import cutaway, paint_cells
from meshot.app.report.pictures.figures import Image, paint
from meshot.app.report.pictures.plane_singular import JUMPS, widest
from meshot.app.report.pictures.space_singular import NEARNESS, farthest_off, laid_surface, torn_space
from meshot.app.report.pictures.views import SAMPLING, camera, faceted_view
from meshot.app.report.viewer.solid import solid_viewer
from meshot.app.words import number, percent
from meshot.base.arrays import Floats
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.morph import Morph

# Times of the pictures.
TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
# Cells up to which their borders are drawn.
OUTLINED = 20_000


def render_morph(run: Run[Morph], *, up: str = "y", size: int = figures.SIZE) -> str:
    """Return the report of a ball-to-shape transport as HTML.

    Parameters
    ----------
    run : Run
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures.
    size : int
        Width and height of the pictures in pixels.
    """
    morph, metrics, folds = run.result, morph_metrics(run), run.folds
    images = {**morph_pictures(morph, up=up, size=size), **_torn(run, up, size)}
    solver, volume = metrics["transport"], metrics["volume"]
    what = "shape" if morph.solid is not None else "points"
    tiles = [(number(metrics["vertices"]), "vertices" if volume else "points")]
    if volume:
        tiles.append((number(volume["flipped"]), "flipped tetrahedra of the inverse image"))
    tiles.append((str(solver["iterations"]), "Newton steps"))
    tiles.append((number(solver["max_relative_error"], 2), "largest relative error of a cell"))
    rows = {name: [f"{name} {t:g}" for t in TIMES if f"{name} {t:g}" in images] for name in ("whole", "open")}
    return render_run(
        "morph.html.j2",
        run,
        images,
        _words().__getitem__,
        kicker="ball-to-shape transport",
        verdict=_verdict(run, metrics, what),
        tiles=tiles,
        beside={
            "hero": [["ball", "whole 1"]],
            "whole": [rows["whole"][:2], rows["whole"][2:4]],
            "folds": [[key for key in ("folds", "laid") if key in images]],
            "open": [row for row in (rows["open"][:2], rows["open"][2:4], rows["open"][4:]) if row],
        },
        size=size,
        viewer=_viewer(run, up),
        what=what,
        folds="" if folds is None else fold_words(folds, what, known=morph.solid is not None),
        scales=_fold_scales(run),
        drawn={"convergence": convergence_chart(run, morph.transport)},
        certificate=certificate(solver["certificate"], "The cells", "ball", "volume"),
        rows=_rows(metrics),
    )


def _torn(run: Run[Morph], up: str, size: int) -> dict[str, Image]:
    """Draw where the map tears, and what of the surface lay there."""
    morph, folds = run.result, run.folds
    if folds is None:
        return {}
    axes = morph_axes(morph, up)
    drawn = {"folds": torn_space(folds, morph.transport.problem.domain, axes, size)}
    if morph.solid is not None and len(folds):
        drawn["laid"] = laid_surface(morph.solid.boundary, surface_distances(morph, folds), axes, size)
    return drawn


def _words() -> dict[str, tuple[str, str]]:
    """Return the alternative text and the caption of each picture."""
    words = {
        "ball": ("The ball with a corner cut out, in the colors of the places that its cells go to.", "The ball"),
        "folds": ("The ball, pale, with the sheets along which the map tears.", "Where the map tears"),
        "laid": ("The shape, dark where it comes from a sheet.", "The part of the surface that lay on them"),
    }
    captions = ("In the ball", "A quarter of the way", "Halfway", "Three quarters", "The shape")
    for t, caption in zip(TIMES, captions, strict=True):
        words[f"whole {t:g}"] = (f"The shape at time {t:g}.", caption)
        words[f"open {t:g}"] = (f"The shape, cut open, at time {t:g}.", caption)
    return words


def morph_pictures(morph: Morph, *, up: str = "y", size: int = figures.SIZE) -> dict[str, Image]:
    """Draw the ball cut open and the target on its way, all points in the color of the place that they go to.

    Returns
    -------
    dict
        "ball", and "whole 0" to "whole 1"; for solids also "open 0" to "open 1", cut in the middle.
    """
    used = morph.cell_of_vertex >= 0
    low, high = morph.vertices[used].min(axis=0), morph.vertices[used].max(axis=0)
    axis = "xyz".index(up)
    axes = morph_axes(morph, up)
    result = morph.transport
    ball: Any = result.problem.domain
    seen = cutaway(ball, size, axes)
    colors = place_colors(result.problem.sites, low, high, axis)
    cells = result.locate(seen.points)
    drawn = {"ball": paint_cells(seen, cells, colors, outlined=len(result.masses) <= OUTLINED)}
    reach = ball.inner_radius * np.concatenate([axes, -axes])
    window = np.concatenate([morph.vertices[used], ball.center + reach])
    if morph.solid is None:
        shown = colors.T[morph.cell_of_vertex].astype(np.float64)
        for t in TIMES:
            points = morph.interpolate(t)
            drawn[f"whole {t:g}"] = points_picture(points @ axes.T, window @ axes.T, shown, size)
        return drawn
    solid = morph.solid
    middle = solid.vertices[solid.tetrahedra].mean(axis=1)
    kept = (middle - result.problem.domain.center) @ _cut(axes) <= 0
    pieces = {"whole": solid, "open": solid.with_tetrahedra(solid.tetrahedra[kept])} if kept.any() else {"whole": solid}
    for name, piece in pieces.items():
        tint = place_colors(piece.vertices[piece.boundary_vertices], low, high, axis).T
        for t in TIMES:
            surface = _boundary_at(piece, morph.interpolate(t))
            view = faceted_view(surface, axes, window, size * SAMPLING)
            drawn[f"{name} {t:g}"] = paint(view, view.fragments.interpolate(tint[surface.faces]).T)
    return drawn


def morph_axes(morph: Morph, up: str) -> Floats:
    """Choose the camera by the shape's surface; points are seen as a ball is."""
    if morph.solid is not None:
        return camera(morph.solid.boundary, up)
    octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    faces = [[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]]
    return camera(Surface(octahedron, np.array(faces)), up)


def _cut(axes: Floats) -> Floats:
    """Return the normal of the plane that opens the solid: toward the eye, turned so that the cut is seen aslant."""
    return np.asarray(0.45 * axes[0] + 0.3 * axes[1] + 0.84 * axes[2])


def _boundary_at(piece: Solid, points: Floats) -> Surface:
    return piece.boundary.with_vertices(points[piece.boundary_vertices])


def _fold_scales(run: Run[Morph]) -> dict[str, dict[str, str]]:
    """Return the color scales of the pictures of folds."""
    scales = {}
    if run.folds is not None and len(run.folds):
        scales["jump"] = color_scale(JUMPS, "0", number(widest(run.folds), 2))
        if run.result.solid is not None:
            far = farthest_off(surface_distances(run.result, run.folds))
            scales["laid"] = color_scale(NEARNESS, "0", number(far, 2))
    return scales


def _viewer(run: Run[Morph], up: str) -> dict[str, Any] | None:
    """Return what the viewer shows of a solid; bare points have none."""
    morph = run.result
    if morph.solid is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(morph.volume_ratio > 0, np.log(morph.volume_ratio), -np.inf)
    limit = float(np.log(4))
    ball: Any = morph.transport.problem.domain
    return solid_viewer(
        morph.solid,
        morph.points,
        ratio,
        morph_axes(morph, up),
        limit=limit,
        scale=color_scale(DIVERGING, "÷ 4, or flipped", "× 4", "equal"),
        color="place",
        center=ball.center,
        radius=ball.radius,
        folds=run.folds,
    )


def _verdict(run: Run[Morph], metrics: dict[str, Any], what: str) -> str:
    """Say in two sentences what the map does."""
    count = number(len(run.result.transport.masses))
    first = (
        f"The ball is sent to the {what} at the least total squared distance: each of {count} vertices gets a cell of "
        f"its own mass up to {number(metrics['transport']['max_relative_error'], 2)}."
    )
    if not metrics["volume"]:
        return first
    flipped, share = metrics["volume"]["flipped"], metrics["volume"]["flipped_share_of_volume"]
    if flipped == 0:
        return f"{first} No tetrahedron of the inverse image is flipped."
    count = "one tetrahedron" if flipped == 1 else f"{number(flipped)} tetrahedra"
    return (
        f"{first} {count} of the inverse image, {percent(share)} of the volume, flipped where the map tears the ball."
    )


def _rows(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("Vertices", number(metrics["vertices"])), ("Cells", number(metrics["transport"]["sites"]))]
    volume = metrics["volume"]
    if volume:
        rows += [
            ("Tetrahedra", number(metrics["tetrahedra"])),
            ("Flipped in the inverse image", number(volume["flipped"])),
            ("Their share of the volume", percent(volume["flipped_share_of_volume"])),
            ("Volume ratio, median", number(volume["ratio_median"])),
            ("Volume ratio, mean |ratio − 1|", number(volume["ratio_mean_abs_deviation"])),
        ]
    rows += [
        ("Radius of the ball", number(metrics["ball"]["radius"], 5)),
        ("Cost W₂²", number(metrics["cost"])),
        ("Kantorovich's dual value", number(metrics["dual_cost"])),
        ("Mean way of a vertex", number(metrics["displacement_mean"])),
        ("Longest way", number(metrics["displacement_max"])),
    ]
    for key, label in (("merged_vertices", "Vertices that share a cell"), ("vertices_without_mass", "Without mass")):
        if metrics[key]:
            rows.append((label, number(len(metrics[key]))))
    return rows


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
    reach = morph.transport.problem.domain.inner_radius * np.concatenate([axes, -axes])
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
