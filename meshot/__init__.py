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
    from meshot.diagrams.plane.diagram import PowerDiagram
    from meshot.diagrams.power_diagram import power_diagram
    from meshot.diagrams.space.diagram import SpaceDiagram
    from meshot.diagrams.sphere.diagram import SphereDiagram, sphere_diagram
    from meshot.formats.registry import read_solid, read_surface
    from meshot.generative.aeot import AEOT
    from meshot.generative.extension import ExtendedMap
    from meshot.maps.composition import Composition, compose
    from meshot.maps.distortion import Distortion, SolidDistortion, distortion
    from meshot.maps.solid_map import SolidMap
    from meshot.maps.surface_map import SurfaceMap
    from meshot.maps.verification import Verification, verify
    from meshot.meshes.check.solid import SolidReport
    from meshot.meshes.check.surface import MeshReport, check
    from meshot.meshes.join import Joined, join_boundary
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

# The names of each module.
_NAMES = {
    "area": "area_preserving_map",
    "base.errors": "ConvergenceError ConvergenceWarning GeometryError MeshReadError MeshotError NotEnoughMemoryError "
    "OptionError TopologyError",
    "conformal.disk": "conformal_map",
    "diagrams.density.densities": "GridDensity TriangulationDensity sample_density",
    "diagrams.domains": "Ball Box ConvexPolygon ConvexPolyhedron Disk",
    "diagrams.plane.diagram": "PowerDiagram",
    "diagrams.power_diagram": "power_diagram",
    "diagrams.space.diagram": "SpaceDiagram",
    "diagrams.sphere.diagram": "SphereDiagram sphere_diagram",
    "formats.registry": "read_solid read_surface",
    "generative.aeot": "AEOT",
    "generative.extension": "ExtendedMap",
    "maps.composition": "Composition compose",
    "maps.distortion": "Distortion SolidDistortion distortion",
    "maps.solid_map": "SolidMap",
    "maps.surface_map": "SurfaceMap",
    "maps.verification": "Verification verify",
    "meshes.check.solid": "SolidReport",
    "meshes.check.surface": "MeshReport check",
    "meshes.join": "Joined join_boundary",
    "meshes.solid": "Solid",
    "meshes.surface": "Surface",
    "meshes.tetrahedralization": "tetrahedralize",
    "morph": "Morph ball_to_shape",
    "refinement.tradeoff": "TradeoffPoint tradeoff_curve",
    "sampling.quality": "SampleQuality sample_quality",
    "sampling.sample": "sample",
    "sampling.samples": "Samples",
    "sampling.weights": "Texture",
    "singular.detect": "SingularSet singular_set",
    "transport.result": "TransportResult",
    "transport.sampled.result": "SampledTransport",
    "transport.sampled.sources": "StandardNormal UniformBall UniformBox",
    "transport.solve": "solve_transport",
    "transport.sphere": "SphereTransport solve_sphere_transport",
    "volume": "volume_preserving_map",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "AEOT", "Ball", "Box", "Composition", "ConvergenceError", "ConvergenceWarning", "ConvexPolygon",
    "ConvexPolyhedron", "Disk", "Distortion", "ExtendedMap", "GeometryError", "GridDensity", "Joined",
    "MeshReadError", "MeshReport", "MeshotError", "Morph", "NotEnoughMemoryError", "OptionError", "PowerDiagram",
    "SampleQuality", "SampledTransport", "Samples", "SingularSet", "Solid", "SolidDistortion", "SolidMap",
    "SolidReport", "SpaceDiagram", "SphereDiagram", "SphereTransport", "StandardNormal", "Surface", "SurfaceMap",
    "Texture", "TopologyError", "TradeoffPoint", "TransportResult", "TriangulationDensity", "UniformBall",
    "UniformBox", "Verification", "__version__", "area_preserving_map", "ball_to_shape", "check", "compose",
    "conformal_map", "distortion", "join_boundary", "power_diagram", "read_solid", "read_surface", "sample",
    "sample_density", "sample_quality", "singular_set", "solve_sphere_transport", "solve_transport", "sphere_diagram",
    "tetrahedralize", "tradeoff_curve", "verify", "volume_preserving_map",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'meshot' has no attribute {name!r}")
    value = getattr(import_module(f"meshot.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
