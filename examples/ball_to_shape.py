"""Where a ball tears on its way to a shape: the folds in the ball, and the part of the surface that lay on them.

``python examples/ball_to_shape.py [MESH ...]`` fills closed surfaces, by default the demo's dumbbell and long-eared
hare, with tetrahedra (solids, VTU, are taken as they are), sends a ball to each by optimal transport, and finds the
sheets along which the map tears. Each row of the picture shows the sheets in the ball, colored by how far apart their
two sides go; the shape, dark where its surface lay on a sheet: between the ends of the dumbbell, between the ears of
the hare, under its chin and between its legs; and the shape on its way, with the folds still closed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import meshot
from meshot.app.demo import demo_mesh
from meshot.app.files.singular import write_folds
from meshot.app.report.pages.morph import morph_axes
from meshot.app.report.pictures.colors import place_colors
from meshot.app.report.pictures.figures import Image, paint
from meshot.app.report.pictures.space_singular import laid_surface, torn_space
from meshot.app.report.pictures.views import SAMPLING, faceted_view
from meshot.morph import cell_sizes, fold_distances

SIZE, HALFWAY = 480, 0.3


def on_the_way(morph: meshot.Morph, axes: np.ndarray, t: float) -> Image:
    """Draw the shape at time t, its points in the colors of the places that they go to."""
    assert morph.solid is not None
    rows, surface = morph.solid.boundary_vertices, morph.solid.boundary
    points = morph.interpolate(t)[rows]
    tint = place_colors(surface.vertices, surface.vertices.min(axis=0), surface.vertices.max(axis=0)).T
    view = faceted_view(surface.with_vertices(points), axes, points, SIZE * SAMPLING)
    return paint(view, view.fragments.interpolate(tint[surface.faces]).T)


def tear(path: Path, edge_length: float | None, tol: float) -> tuple[meshot.Morph, meshot.SingularSet]:
    """Read a solid, or fill a surface, send the ball to it, and find where it tears."""
    if path.suffix == ".vtu":
        solid = meshot.read_solid(path)
    else:
        solid = meshot.tetrahedralize(meshot.read_surface(path), edge_length)
    morph = meshot.ball_to_shape(solid, tol=tol)
    return morph, meshot.singular_set(morph.transport, solid)


def main(
    folder: Path = Path("."),
    meshes: Sequence[str] = ("dumbbell", "hare"),
    edge_length: float | None = None,
    tol: float = 1e-4,
) -> dict[str, dict[str, float]]:
    """Write ball_to_shape.png and the folds of each shape into `folder` and return its figures."""
    figure = Figure(figsize=(9.0, 3.1 * len(meshes)))
    axes = figure.subplots(len(meshes), 3, squeeze=False)
    figures = {}
    for row, name in zip(axes, meshes, strict=True):
        path = Path(name) if Path(name).suffix else demo_mesh(name)
        morph, folds = tear(path, edge_length, tol)
        assert morph.solid is not None
        write_folds(folder / f"{path.stem}_folds.ply", folds)
        camera, rows = morph_axes(morph, "y"), morph.solid.boundary_vertices
        distances = fold_distances(morph, folds)[rows]
        images = (
            torn_space(folds, morph.transport.problem.domain, camera, SIZE),
            laid_surface(morph.solid.boundary, distances, camera, SIZE),
            on_the_way(morph, camera, HALFWAY),
        )
        titles = ("sheets in the ball", "dark: lay on a sheet", f"the way, t = {HALFWAY}")
        for place, image, title in zip(row, images, titles, strict=True):
            place.imshow(image)
            place.set_axis_off()
            place.set_title(title, fontsize=9)
        figures[path.stem] = {
            "sheets": len(folds.sheet_measures),
            "area": float(folds.measures.sum()),
            "largest jump": float(folds.jump.max(initial=0.0)),
            "surface on a sheet, share": float((distances <= cell_sizes(morph)[rows]).mean()),
        }
    figure.tight_layout()
    figure.savefig(folder / "ball_to_shape.png", dpi=150)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("meshes", nargs="*", default=["dumbbell", "hare"])
    parser.add_argument("--folder", type=Path, default=Path("."))
    parser.add_argument("--edge-length", type=float)
    options = parser.parse_args()
    print(main(options.folder, options.meshes, options.edge_length))  # noqa: T201
