"""A finished run, whatever it made: what the figures, the files and the report are taken from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from meshot import __version__
from meshot.app.words import number, percent, two_columns
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.join import Joined
from meshot.meshes.polygons import PolygonFaces
from meshot.meshes.tetrahedralization import Tetrahedralization
from meshot.refinement.tradeoff import TradeoffPoint
from meshot.singular.detect import SingularSet
from meshot.transport.newton import NewtonResult
from meshot.transport.sampled.result import SampledTransport

CONFORMAL, AREA_PRESERVING, INTERMEDIATE = "conformal", "area-preserving", "intermediate"
HARMONIC, VOLUME_PRESERVING, MEASURE_PRESERVING = "harmonic", "volume-preserving", "measure-preserving"

Result = TypeVar("Result")
MapType = TypeVar("MapType", SurfaceMap, SolidMap)


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    name, sha256 : str
        The input file's name, without its folder, and hash.
    command : str
        The command line.
    options : mapping
        The settings that shape the result.
    notes : tuple of str
        What reading the file had to change.
    version : str
        Version of meshot.
    """

    name: str
    sha256: str
    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    version: str = __version__

    def figures(self, **about_input: Any) -> dict[str, Any]:
        """Return its entries of ``metrics.json``, with more about the input."""
        return {
            "input": {"name": self.name, "sha256": self.sha256, "notes": self.notes, **about_input},
            "meshot": self.version,
            "command": self.command,
            "options": dict(self.options),
        }


@dataclass(frozen=True, eq=False)
class Run(Generic[Result]):
    """A finished run.

    Attributes
    ----------
    input : Surface, Solid or (n, 2) or (n, 3) float
        The mesh or the points as they were read.
    result : SurfaceMap, SolidMap, Morph, TransportResult or Samples
        What was made of it.
    provenance : Provenance
        Where it comes from.
    seconds : mapping
        Seconds of each stage.
    warnings : tuple of str
        Of a solver that did not converge.
    distortions : mapping
        Distortion of a map, and of the conformal or harmonic map below it, by the names in `maps`.
    folds : SingularSet, optional
        Where a transport tears.
    filling : Tetrahedralization, optional
        What became of a surface that was filled with tetrahedra.
    curve : tuple of TradeoffPoint
        Maps between the conformal and the area-preserving one; empty if they were not asked for.
    polygons : PolygonFaces, optional
        The faces to be written, if some have more than three corners.
    joined : Joined, optional
        What joining the boundary of the input did.
    """

    input: Any
    result: Result
    provenance: Provenance
    seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    distortions: Mapping[str, Any] = field(default_factory=dict)
    folds: SingularSet | None = None
    filling: Tetrahedralization | None = None
    curve: tuple[TradeoffPoint, ...] = ()
    polygons: PolygonFaces | None = None
    joined: Joined | None = None

    @property
    def maps(self) -> dict[str, Any]:
        """The result and the map below it, by name."""
        return named_maps(self.result)

    @property
    def last(self) -> str:
        """The name of the map that the run was made for."""
        return list(self.distortions)[-1]

    @property
    def distortion(self) -> Any:
        """Distortion of the result."""
        return self.distortions[self.last]


def named_maps(result: MapType) -> dict[str, MapType]:
    """Return the conformal or harmonic map and, if there is one, the measure-preserving map built on it, by name.

    The latter is called by what it preserves: area or volume, or a prescribed measure; intermediate where its area
    weight is below 1.
    """
    if isinstance(result, SolidMap):
        first, below, name, weight = HARMONIC, result.harmonic, VOLUME_PRESERVING, None
    else:
        first, below, name, weight = CONFORMAL, result.conformal, AREA_PRESERVING, result.area_weight
    if below is None:
        return {first: result}
    if weight is not None and weight < 1:
        name = INTERMEDIATE
    elif result.prescribed:
        name = MEASURE_PRESERVING
    return {first: below, name: result}


def solver_figures(transport: NewtonResult | None) -> dict[str, Any] | None:
    """Return the figures of a transport, or None if there was none.

    "certificate" is the largest relative difference, over all steps, between the sum of the cells and the domain. A
    sampled transport has none, but the estimated errors of its masses (RMS, relative).
    """
    if transport is None:
        return None
    figures = {
        "sites": len(transport.masses),
        "iterations": transport.iterations,
        "max_relative_error": transport.max_relative_error,
        "certificate": transport.certificate,
        "converged": transport.converged,
    }
    if not isinstance(transport, SampledTransport):
        return figures
    return {
        **figures,
        "method": "montecarlo",
        "device": transport.solution.device,
        "samples": transport.samples,
        "mass_error": transport.mass_error,
        "mass_error_se": transport.mass_error_se,
        "sampling_error": transport.sampling_error,
    }


def few_words(rows: list[tuple[str, str]], run: Run[Any], out: Path) -> str:
    """Return what a person wants to know at the end: rows of their own, notes, the time, and where to look."""
    notes = [("note", note) for note in run.provenance.notes]
    ending = [("seconds", f"{run.seconds['total']:.1f}"), ("report", str(out / "report.html"))]
    return two_columns([*rows, *notes, *ending])


def solver_words(figures: Mapping[str, Any]) -> tuple[str, str]:
    """Return the row of a transport."""
    if "mass_error" in figures:
        text = f"{percent(figures['mass_error'])} RMS error of masses, {number(figures['samples'])} samples"
        return "transport", f"{text} on {figures['device']}"
    error, certificate = number(figures["max_relative_error"], 2), number(figures["certificate"], 2)
    return "transport", f"{figures['iterations']} steps to {error}, certificate {certificate}"
