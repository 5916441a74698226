"""Measure-preserving maps of shapes by optimal transport.

Names are loaded when first used, so that ``import meshot`` is quick and compiles nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "MeshotError": "errors",
    "MeshReadError": "errors",
    "TopologyError": "errors",
    "GeometryError": "errors",
    "ConvergenceError": "errors",
    "ConvergenceWarning": "errors",
    "Surface": "mesh",
    "SurfaceMap": "maps",
    "read_surface": "io",
    "check": "check",
    "MeshReport": "check",
    "Disk": "domains",
    "Box": "domains",
    "ConvexPolygon": "domains",
    "power_diagram": "power",
    "PowerDiagram": "power",
    "solve_transport": "transport",
    "TransportResult": "transport",
    "conformal_map": "conformal",
    "area_preserving_map": "area",
    "distortion": "distortion",
    "Distortion": "distortion",
    "sample": "sampling",
    "Samples": "sampling",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'meshot' has no attribute {name!r}")
    value = getattr(import_module(f"meshot.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
