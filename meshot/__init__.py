"""Measure-preserving maps of shapes by optimal transport.

Names are loaded when first used, so that ``import meshot`` is quick and compiles nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshot.area import area_preserving_map
    from meshot.base.errors import (
        ConvergenceError,
        ConvergenceWarning,
        GeometryError,
        MeshotError,
        MeshReadError,
        NotEnoughMemoryError,
        OptionError,
        TopologyError,
    )
    from meshot.conformal.disk import conformal_map
    from meshot.diagrams.density.densities import GridDensity, TriangulationDensity, sample_density
    from meshot.diagrams.domains import Ball, Box, ConvexPolygon, ConvexPolyhedron, Disk
    from meshot.diagrams.plane.diagram import PowerDiagram, power_diagram
    from meshot.diagrams.space.diagram import SpaceDiagram
    from meshot.diagrams.sphere.diagram import SphereDiagram, sphere_diagram
    from meshot.formats.registry import read_solid, read_surface
    from meshot.generative.aeot import AEOT
    from meshot.generative.extension import ExtendedMap
    from meshot.maps.composition import Composition, compose
    from meshot.maps.distortion import Distortion, distortion
    from meshot.maps.solid_distortion import SolidDistortion
    from meshot.maps.solid_map import SolidMap
    from meshot.maps.surface_map import SurfaceMap
    from meshot.meshes.check.solid import SolidReport
    from meshot.meshes.check.surface import MeshReport, check
    from meshot.meshes.solid import Solid
    from meshot.meshes.surface import Surface
    from meshot.meshes.tetrahedralization import tetrahedralize
    from meshot.morph import Morph, ball_to_shape
    from meshot.refinement.tradeoff import TradeoffPoint, tradeoff_curve
    from meshot.sampling.quality import SampleQuality, sample_quality
    from meshot.sampling.sample import sample
    from meshot.sampling.samples import Samples
    from meshot.sampling.weights import Texture
    from meshot.singular.detect import SingularSet, singular_set
    from meshot.transport.result import TransportResult
    from meshot.transport.sampled.result import SampledTransport
    from meshot.transport.sampled.sources import StandardNormal, UniformBall, UniformBox
    from meshot.transport.solve import solve_transport
    from meshot.transport.sphere import SphereTransport, solve_sphere_transport
    from meshot.volume import volume_preserving_map

__version__ = "0.1.0"

_HOME = {
    "AEOT": "generative.aeot",
    "Ball": "diagrams.domains",
    "Box": "diagrams.domains",
    "Composition": "maps.composition",
    "ConvergenceError": "base.errors",
    "ConvergenceWarning": "base.errors",
    "ConvexPolygon": "diagrams.domains",
    "ConvexPolyhedron": "diagrams.domains",
    "Disk": "diagrams.domains",
    "Distortion": "maps.distortion",
    "ExtendedMap": "generative.extension",
    "GeometryError": "base.errors",
    "GridDensity": "diagrams.density.densities",
    "MeshReadError": "base.errors",
    "MeshReport": "meshes.check.surface",
    "MeshotError": "base.errors",
    "Morph": "morph",
    "NotEnoughMemoryError": "base.errors",
    "OptionError": "base.errors",
    "PowerDiagram": "diagrams.plane.diagram",
    "SampleQuality": "sampling.quality",
    "SampledTransport": "transport.sampled.result",
    "Samples": "sampling.samples",
    "SingularSet": "singular.detect",
    "Solid": "meshes.solid",
    "SolidDistortion": "maps.solid_distortion",
    "SolidMap": "maps.solid_map",
    "SolidReport": "meshes.check.solid",
    "SpaceDiagram": "diagrams.space.diagram",
    "SphereDiagram": "diagrams.sphere.diagram",
    "SphereTransport": "transport.sphere",
    "StandardNormal": "transport.sampled.sources",
    "Surface": "meshes.surface",
    "SurfaceMap": "maps.surface_map",
    "Texture": "sampling.weights",
    "TopologyError": "base.errors",
    "TradeoffPoint": "refinement.tradeoff",
    "TransportResult": "transport.result",
    "TriangulationDensity": "diagrams.density.densities",
    "UniformBall": "transport.sampled.sources",
    "UniformBox": "transport.sampled.sources",
    "area_preserving_map": "area",
    "ball_to_shape": "morph",
    "check": "meshes.check.surface",
    "compose": "maps.composition",
    "conformal_map": "conformal.disk",
    "distortion": "maps.distortion",
    "power_diagram": "diagrams.plane.diagram",
    "read_solid": "formats.registry",
    "read_surface": "formats.registry",
    "sample": "sampling.sample",
    "sample_density": "diagrams.density.densities",
    "sample_quality": "sampling.quality",
    "singular_set": "singular.detect",
    "solve_sphere_transport": "transport.sphere",
    "solve_transport": "transport.solve",
    "sphere_diagram": "diagrams.sphere.diagram",
    "tetrahedralize": "meshes.tetrahedralization",
    "tradeoff_curve": "refinement.tradeoff",
    "volume_preserving_map": "volume",
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
