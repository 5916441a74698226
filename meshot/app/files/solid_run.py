"""What ``meshot volume`` leaves behind: the figures of ``metrics.json`` and the folder with all files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshot.app.files.folder import complete_folder
from meshot.app.files.surface_run import Provenance, solver_figures
from meshot.base.files import PathLike, write_json, write_text
from meshot.formats.write.vtu import write_vtu
from meshot.maps.distortion import SolidDistortion
from meshot.maps.solid_map import SolidMap
from meshot.meshes.tetrahedralization import Tetrahedralization

HARMONIC, VOLUME_PRESERVING, MEASURE_PRESERVING = "harmonic", "volume-preserving", "measure-preserving"


@dataclass(frozen=True, eq=False)
class VolumeRun:
    """A finished map of a solid with all that its files and its report tell.

    Attributes
    ----------
    solid_map : SolidMap
        The result.
    distortions : mapping
        Distortion of the result, and of the harmonic map below it, by the names in `maps`.
    provenance : Provenance
        Where it comes from.
    filling : Tetrahedralization or None
        What became of the surface, if the input was one.
    seconds : mapping
        Seconds of each stage.
    """

    solid_map: SolidMap
    distortions: Mapping[str, SolidDistortion]
    provenance: Provenance
    filling: Tetrahedralization | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def maps(self) -> dict[str, SolidMap]:
        """The harmonic map and, if there is one, the volume-preserving map built on it."""
        return named_solid_maps(self.solid_map)

    @property
    def distortion(self) -> SolidDistortion:
        """Distortion of the result."""
        return self.distortions[list(self.maps)[-1]]

    @property
    def prescribed(self) -> bool:
        """Whether another measure than the volume is preserved."""
        return MEASURE_PRESERVING in self.maps


def named_solid_maps(solid_map: SolidMap) -> dict[str, SolidMap]:
    """Return the harmonic map and, if there is one, the volume-preserving map built on it, by name.

    The latter is called measure-preserving for prescribed shares.
    """
    if solid_map.harmonic is None:
        return {HARMONIC: solid_map}
    name = VOLUME_PRESERVING if solid_map.notes.get("measure", "volume") == "volume" else MEASURE_PRESERVING
    return {HARMONIC: solid_map.harmonic, name: solid_map}


def volume_metrics(run: VolumeRun) -> dict[str, Any]:
    """Return the contents of ``metrics.json``.

    "volume" measures the result, and "harmonic" holds the same of the harmonic map below it. "transport", "refinement"
    and "tetrahedralization" are null where there was none.
    """
    solid, filling = run.solid_map.solid, run.filling
    transport = run.solid_map.transport
    return {
        "vertices": len(solid.vertices),
        "tetrahedra": len(solid.tetrahedra),
        "boundary_faces": len(solid.boundary_halffaces),
        "total_volume": solid.volume,
        "seconds": dict(run.seconds),
        **run.distortion.summary(),
        HARMONIC: run.distortions[HARMONIC].summary() if HARMONIC in run.distortions else None,
        "transport": None if transport is None else solver_figures(transport),
        "refinement": refinement_figures(run.solid_map),
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


def write_volume(out: PathLike, run: VolumeRun, page: str) -> None:
    """Write solid.vtu, ball.vtu, report.html and metrics.json into the folder `out`.

    Both VTU files hold the same tetrahedra in the same order, with the same values: "volume_ratio" and
    "log_volume_ratio" of the result, "flipped", and of each vertex its place in the other file ("ball" or "solid").
    The files appear when all of them are complete; other files in the folder stay.

    Parameters
    ----------
    out : str or path
        The folder; it is made if it is not there.
    run : VolumeRun
    page : str
        The report.

    Raises
    ------
    OSError
        Something cannot be written; then nothing in the folder has changed.
    """
    mapped, distortion = run.solid_map, run.distortion
    solid = mapped.solid
    values = {
        "log_volume_ratio": distortion.log_volume_ratio,
        "volume_ratio": distortion.volume_ratio,
        "flipped": distortion.flipped,
    }
    for name, other in run.distortions.items():
        if other is not distortion:
            values[f"{name}_log_volume_ratio"] = other.log_volume_ratio
    with complete_folder(out) as folder:
        write_vtu(
            folder / "solid.vtu", solid.vertices, solid.tetrahedra,
            cell_values=values, point_values={"ball": mapped.points},
        )  # fmt: skip
        write_vtu(
            folder / "ball.vtu", mapped.points, solid.tetrahedra,
            cell_values=values, point_values={"solid": solid.vertices},
        )  # fmt: skip
        write_text(folder / "report.html", page)
        write_json(folder / "metrics.json", volume_metrics(run))
