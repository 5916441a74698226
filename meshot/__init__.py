"""Measure-preserving maps of shapes by optimal transport.

Names are loaded when first used, so that ``import meshot`` is quick and compiles nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# These two modules bear the name of their main function. Imported here, once, the function comes last and keeps the
# name; imported later, by anybody, the module would take it.
from meshot.check import check
from meshot.distortion import distortion

if TYPE_CHECKING:
    from meshot.area import area_preserving_map
    from meshot.check import MeshReport
    from meshot.composition import Composition, compose
    from meshot.conformal import conformal_map
    from meshot.density import GridDensity, TriangulationDensity, sample_density
    from meshot.distortion import Distortion
    from meshot.domains import Box, ConvexPolygon, Disk
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
    from meshot.io import read_surface
    from meshot.maps import SurfaceMap
    from meshot.mesh import Surface
    from meshot.power import PowerDiagram, power_diagram
    from meshot.sampling import Samples, sample
    from meshot.spherepower import SphereDiagram, sphere_diagram
    from meshot.spheretransport import SphereTransport, solve_sphere_transport
    from meshot.tradeoff import TradeoffPoint, tradeoff_curve
    from meshot.transport import TransportResult, solve_transport

__version__ = "0.1.0"

_HOME = {
    "Box": "domains",
    "Composition": "composition",
    "ConvergenceError": "errors",
    "ConvergenceWarning": "errors",
    "ConvexPolygon": "domains",
    "Disk": "domains",
    "Distortion": "distortion",
    "GeometryError": "errors",
    "GridDensity": "density",
    "MeshReadError": "errors",
    "MeshReport": "check",
    "MeshotError": "errors",
    "NotEnoughMemoryError": "errors",
    "OptionError": "errors",
    "PowerDiagram": "power",
    "Samples": "sampling",
    "SphereDiagram": "spherepower",
    "SphereTransport": "spheretransport",
    "Surface": "mesh",
    "SurfaceMap": "maps",
    "TopologyError": "errors",
    "TradeoffPoint": "tradeoff",
    "TransportResult": "transport",
    "TriangulationDensity": "density",
    "area_preserving_map": "area",
    "compose": "composition",
    "conformal_map": "conformal",
    "power_diagram": "power",
    "read_surface": "io",
    "sample": "sampling",
    "sample_density": "density",
    "solve_sphere_transport": "spheretransport",
    "solve_transport": "transport",
    "sphere_diagram": "spherepower",
    "tradeoff_curve": "tradeoff",
}

__all__ = [
    "Box",
    "Composition",
    "ConvergenceError",
    "ConvergenceWarning",
    "ConvexPolygon",
    "Disk",
    "Distortion",
    "GeometryError",
    "GridDensity",
    "MeshReadError",
    "MeshReport",
    "MeshotError",
    "NotEnoughMemoryError",
    "OptionError",
    "PowerDiagram",
    "Samples",
    "SphereDiagram",
    "SphereTransport",
    "Surface",
    "SurfaceMap",
    "TopologyError",
    "TradeoffPoint",
    "TransportResult",
    "TriangulationDensity",
    "__version__",
    "area_preserving_map",
    "check",
    "compose",
    "conformal_map",
    "distortion",
    "power_diagram",
    "read_surface",
    "sample",
    "sample_density",
    "solve_sphere_transport",
    "solve_transport",
    "sphere_diagram",
    "tradeoff_curve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'meshot' has no attribute {name!r}")
    value = getattr(import_module(f"meshot.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
