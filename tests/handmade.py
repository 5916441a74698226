"""Maps known in closed form, for the tests of what is made of maps: ``from handmade import cap_run``."""

from types import SimpleNamespace

import numpy as np
from shapes import cap

from meshot.distortion import distortion
from meshot.maps import SurfaceMap
from meshot.output import Provenance, Run


def cap_maps(rings=12, angle=2.0):
    """Stereographic (conformal) and Lambert's (area-preserving) map of a spherical cap to the unit disk."""
    surface = cap(rings, angle)
    x, y, z = surface.vertices.T
    theta, phi = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    source = np.arange(len(z))

    def radial(radius):
        return SurfaceMap(surface, np.stack([radius * np.cos(phi), radius * np.sin(phi)], axis=1), source)

    conformal, lambert = radial(np.tan(theta / 2) / np.tan(angle / 2)), radial(np.sin(theta / 2) / np.sin(angle / 2))
    steps = [SimpleNamespace(error=10.0**-k) for k in range(8)]
    transport = SimpleNamespace(
        masses=source, iterations=7, max_relative_error=1e-7, certificate=2e-14, converged=True, history=steps
    )
    return conformal, SurfaceMap(surface, lambert.uv, source, conformal, transport, {"repaired_faces": 0})


def cap_run(*, area=True, name="cap.obj", notes=(), **settings):
    """A finished run on a cap."""
    conformal, lambert = cap_maps(**settings)
    maps = {"conformal": conformal, **({"area-preserving": lambert} if area else {})}
    distortions = {key: distortion(value) for key, value in maps.items()}
    provenance = Provenance(name, "0123456789abcdef" * 4, f"meshot area {name} -o out", {"tol": 1e-6}, notes)
    seconds = {"read": 0.25, "transport": 1.5, "total": 2.0}
    return Run(conformal.surface, lambert if area else conformal, distortions, provenance, seconds)
