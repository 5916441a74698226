"""Maps known in closed form, for the tests of what is made of maps: ``from handmade import cap_run``."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from shapes import ball_solid, bumpy_sphere, cap, icosphere

from meshot.app.files.run import Provenance, Run
from meshot.app.products import PRODUCTS
from meshot.maps.distortion import distortion
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.refinement.ball_system import BallSystem


def flat_map(surface, uv=None):
    """A map to these places in the plane; without them, that of a flat surface to where it lies."""
    uv = surface.vertices[:, :2] if uv is None else np.asarray(uv, dtype=float)
    return SurfaceMap(surface, uv, np.arange(len(surface.vertices)))


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


def sphere_maps(subdivisions=3):
    """Central projection of a star-shaped surface to the sphere, turned, and a map a little off from it."""
    surface, round_one = bumpy_sphere(subdivisions), icosphere(subdivisions).vertices
    turned = round_one @ np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]]).T
    source = np.arange(len(round_one))
    first = SurfaceMap(surface, turned, source, notes={"repaired_faces": 0})
    other = turned + 0.1 * turned[:, [1, 2, 0]] ** 2
    return first, replace(first, image=other / np.linalg.norm(other, axis=1)[:, None], conformal=first)


def sphere_run(*, area=False):
    """A finished run on a closed surface."""
    first, other = sphere_maps()
    maps = {"conformal": first, **({"area-preserving": other} if area else {})}
    provenance = Provenance("ball.obj", "0" * 64, "meshot conformal ball.obj --to sphere -o out")
    distortions = {key: distortion(value) for key, value in maps.items()}
    seconds = {"read": 0.25, "total": 2.0}
    return Run(first.surface, list(maps.values())[-1], provenance, seconds, distortions=distortions)


def cap_run(*, area=True, name="cap.obj", notes=(), **settings):
    """A finished run on a cap."""
    conformal, lambert = cap_maps(**settings)
    maps = {"conformal": conformal, **({"area-preserving": lambert} if area else {})}
    distortions = {key: distortion(value) for key, value in maps.items()}
    provenance = Provenance(name, "0123456789abcdef" * 4, f"meshot area {name} -o out", {"tol": 1e-6}, notes)
    seconds = {"read": 0.25, "transport": 1.5, "total": 2.0}
    return Run(conformal.surface, lambert if area else conformal, provenance, seconds, distortions=distortions)


def write_run(out, run, page):
    """Write the map of a surface as ``meshot area`` does."""
    PRODUCTS["area"].save(run, out, {"report.html": page})


def ball_system(levels=1):
    """The unknowns of a ball's volumes, and where its vertices and the center are."""
    solid = ball_solid(levels)
    points = np.vstack([solid.vertices, np.zeros(3)])
    rim, shares = solid.boundary_vertices[solid.boundary.faces], solid.volumes / solid.volume
    return BallSystem(solid.tetrahedra, rim, shares), points


def solid_run():
    """A finished run on an ellipsoid, which an affine map sends to the ball."""
    ball = ball_solid()
    mapped = SolidMap(ball.with_vertices(ball.vertices * [2.0, 1.0, 0.5]), ball.vertices)
    provenance = Provenance("ellipsoid.vtu", "ab" * 32, "meshot volume ellipsoid.vtu -o out")
    return Run(mapped.solid, mapped, provenance, {"total": 1.0}, distortions={"harmonic": distortion(mapped)})
