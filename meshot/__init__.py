"""Measure-preserving maps of shapes by optimal transport.

Names are loaded when first used, so that ``import meshot`` is quick and compiles nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshot.area.area import area_preserving_map
    from meshot.area.tradeoff import TradeoffPoint, tradeoff_curve
    from meshot.conformal.conformal import conformal_map
    from meshot.diagrams.density import GridDensity, TriangulationDensity, sample_density
    from meshot.diagrams.domains import Box, ConvexPolygon, Disk
    from meshot.diagrams.power import PowerDiagram, power_diagram
    from meshot.diagrams.spacedomains import Ball, ConvexPolyhedron
    from meshot.diagrams.spacepower import SpaceDiagram
    from meshot.diagrams.spherepower import SphereDiagram, sphere_diagram
    from meshot.errors import (
        ConvergenceError,
        ConvergenceWarning,
        GeometryError,
        MeshotError,
        MeshReadError,
        NotEnoughMemoryError,
        OptionError,
        TopologyError,
    )
    from meshot.folds.singular import SingularSet, singular_set
    from meshot.formats.io import read_surface
    from meshot.formats.solidfile import read_solid
    from meshot.generative.aeot import AEOT
    from meshot.generative.extension import ExtendedMap
    from meshot.mapping.composition import Composition, compose
    from meshot.mapping.distortion import Distortion, distortion
    from meshot.mapping.maps import SurfaceMap
    from meshot.mapping.soliddistortion import SolidDistortion
    from meshot.mapping.solidmap import SolidMap
    from meshot.meshes.check import MeshReport, check
    from meshot.meshes.checksolid import SolidReport
    from meshot.meshes.mesh import Surface
    from meshot.meshes.solid import Solid
    from meshot.meshes.tetrahedra import tetrahedralize
    from meshot.montecarlo.sources import StandardNormal, UniformBall, UniformBox
    from meshot.morph.morph import Morph, ball_to_shape
    from meshot.sampling.quality import SampleQuality, sample_quality
    from meshot.sampling.samples import Samples
    from meshot.sampling.sampling import sample
    from meshot.sampling.weighting import Texture
    from meshot.transport.sampledtransport import SampledTransport
    from meshot.transport.spheretransport import SphereTransport, solve_sphere_transport
    from meshot.transport.transport import TransportResult, solve_transport
    from meshot.volume.volume import volume_preserving_map

__version__ = "0.1.0"

_HOME = {
    "AEOT": "generative.aeot",
    "Ball": "diagrams.spacedomains",
    "Box": "diagrams.domains",
    "Composition": "mapping.composition",
    "ConvergenceError": "errors",
    "ConvergenceWarning": "errors",
    "ConvexPolygon": "diagrams.domains",
    "ConvexPolyhedron": "diagrams.spacedomains",
    "Disk": "diagrams.domains",
    "Distortion": "mapping.distortion",
    "ExtendedMap": "generative.extension",
    "GeometryError": "errors",
    "GridDensity": "diagrams.density",
    "MeshReadError": "errors",
    "MeshReport": "meshes.check",
    "MeshotError": "errors",
    "Morph": "morph.morph",
    "NotEnoughMemoryError": "errors",
    "OptionError": "errors",
    "PowerDiagram": "diagrams.power",
    "SampleQuality": "sampling.quality",
    "SampledTransport": "transport.sampledtransport",
    "Samples": "sampling.samples",
    "SingularSet": "folds.singular",
    "Solid": "meshes.solid",
    "SolidDistortion": "mapping.soliddistortion",
    "SolidMap": "mapping.solidmap",
    "SolidReport": "meshes.checksolid",
    "SpaceDiagram": "diagrams.spacepower",
    "SphereDiagram": "diagrams.spherepower",
    "SphereTransport": "transport.spheretransport",
    "StandardNormal": "montecarlo.sources",
    "Surface": "meshes.mesh",
    "SurfaceMap": "mapping.maps",
    "Texture": "sampling.weighting",
    "TopologyError": "errors",
    "TradeoffPoint": "area.tradeoff",
    "TransportResult": "transport.transport",
    "TriangulationDensity": "diagrams.density",
    "UniformBall": "montecarlo.sources",
    "UniformBox": "montecarlo.sources",
    "area_preserving_map": "area.area",
    "ball_to_shape": "morph.morph",
    "check": "meshes.check",
    "compose": "mapping.composition",
    "conformal_map": "conformal.conformal",
    "distortion": "mapping.distortion",
    "power_diagram": "diagrams.power",
    "read_solid": "formats.solidfile",
    "read_surface": "formats.io",
    "sample": "sampling.sampling",
    "sample_density": "diagrams.density",
    "sample_quality": "sampling.quality",
    "singular_set": "folds.singular",
    "solve_sphere_transport": "transport.spheretransport",
    "solve_transport": "transport.transport",
    "sphere_diagram": "diagrams.spherepower",
    "tetrahedralize": "meshes.tetrahedra",
    "tradeoff_curve": "area.tradeoff",
    "volume_preserving_map": "volume.volume",
}

__all__ = [
    "AEOT",
    "Ball",
    "Box",
    "Composition",
    "ConvergenceError",
    "ConvergenceWarning",
    "ConvexPolygon",
    "ConvexPolyhedron",
    "Disk",
    "Distortion",
    "ExtendedMap",
    "GeometryError",
    "GridDensity",
    "MeshReadError",
    "MeshReport",
    "MeshotError",
    "Morph",
    "NotEnoughMemoryError",
    "OptionError",
    "PowerDiagram",
    "SampleQuality",
    "SampledTransport",
    "Samples",
    "SingularSet",
    "Solid",
    "SolidDistortion",
    "SolidMap",
    "SolidReport",
    "SpaceDiagram",
    "SphereDiagram",
    "SphereTransport",
    "StandardNormal",
    "Surface",
    "SurfaceMap",
    "Texture",
    "TopologyError",
    "TradeoffPoint",
    "TransportResult",
    "TriangulationDensity",
    "UniformBall",
    "UniformBox",
    "__version__",
    "area_preserving_map",
    "ball_to_shape",
    "check",
    "compose",
    "conformal_map",
    "distortion",
    "power_diagram",
    "read_solid",
    "read_surface",
    "sample",
    "sample_density",
    "sample_quality",
    "singular_set",
    "solve_sphere_transport",
    "solve_transport",
    "sphere_diagram",
    "tetrahedralize",
    "tradeoff_curve",
    "volume_preserving_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'meshot' has no attribute {name!r}")
    value = getattr(import_module(f"meshot.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
