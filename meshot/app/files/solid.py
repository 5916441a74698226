"""What the map of a solid leaves behind: the figures of ``metrics.json`` and the files."""

from pathlib import Path
from typing import Any

from meshot.app.files.run import HARMONIC, Run, few_words, solver_figures
from meshot.app.words import number, percent
from meshot.formats.write.vtu import write_vtu
from meshot.maps.solid_map import SolidMap


def solid_metrics(run: Run[SolidMap]) -> dict[str, Any]:
    """Return the contents of ``metrics.json``.

    "volume" measures the result, and "harmonic" holds the same of the harmonic map below it. "transport", "refinement"
    and "tetrahedralization" are null where there was none.
    """
    solid, filling = run.result.solid, run.filling
    return {
        "vertices": len(solid.vertices),
        "tetrahedra": len(solid.tetrahedra),
        "boundary_faces": len(solid.boundary_halffaces),
        "total_volume": solid.volume,
        "seconds": dict(run.seconds),
        **run.distortion.summary(),
        HARMONIC: run.distortions[HARMONIC].summary() if HARMONIC in run.distortions else None,
        "transport": solver_figures(run.result.transport),
        "refinement": refinement_figures(run.result),
        "tetrahedralization": None
        if filling is None
        else {"outward": filling.outward, "inward": filling.inward, "notes": filling.notes},
        **run.provenance.figures(unreferenced_vertices=int((~solid.referenced).sum())),
    }


def refinement_figures(solid_map: SolidMap) -> dict[str, Any] | None:
    """Return the figures of the refinement below a map, or None if there was none."""
    refined = solid_map.notes.get("refinement")
    if refined is None:
        return None
    return {
        "iterations": refined["iterations"],
        "reached": refined["reached"],
        "converged": refined["converged"],
        "tetrahedra_off": refined["off"],
        "flipped_at_first": solid_map.notes.get("flipped_at_first"),
    }


def write_solid(run: Run[SolidMap], folder: Path) -> None:
    """Write ``solid.vtu`` and ``ball.vtu``.

    Both hold the same tetrahedra in the same order, with the same values: "volume_ratio" and "log_volume_ratio" of the
    result, "flipped", "share" of the ball if it was prescribed, and of each vertex its place in the other file ("ball"
    or "solid").
    """
    solid, image, distortion = run.result.solid, run.result.points, run.distortion
    values = {
        "log_volume_ratio": distortion.log_volume_ratio,
        "volume_ratio": distortion.volume_ratio,
        "flipped": distortion.flipped,
    }
    if run.result.prescribed:
        values["share"] = run.result.shares
    for name, other in run.distortions.items():
        if other is not distortion:
            values[f"{name}_log_volume_ratio"] = other.log_volume_ratio
    for file, points, other in (("solid", solid.vertices, {"ball": image}), ("ball", image, {"solid": solid.vertices})):
        write_vtu(folder / f"{file}.vtu", points, solid.tetrahedra, cell_values=values, point_values=other)


def solid_words(run: Run[SolidMap], out: Path) -> str:
    """Return what a person wants to know at the end."""
    statistics, solid, filling = run.distortion.summary()["volume"], run.result.solid, run.filling
    mean, spread = percent(statistics["ratio_mean_abs_deviation"]), percent(statistics["ratio_abs_deviation_sd"])
    rows = [
        ("solid", f"{number(len(solid.tetrahedra))} tetrahedra, {number(len(solid.vertices))} vertices"),
        ("volumes", f"off by {mean} on average, standard deviation {spread}"),
        ("flipped", f"{number(statistics['flipped'])} tetrahedra"),
    ]
    if filling is not None:
        rows.append(("boundary", f"moved by up to {number(max(filling.outward, filling.inward), 2)} diagonals"))
    return few_words(rows, run, out)
