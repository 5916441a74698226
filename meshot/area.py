"""Area-preserving maps: conformal map, transport of the disk to it, vertices to their cells, triangles refined.

The conformal map puts a mass, a third of the areas of the faces around it, at the image of each vertex. The optimal
transport from the disk to these masses assigns each vertex a cell with its share of the disk; the vertex goes there,
an inner one to the centroid, a boundary one to the middle of the cell's arc on the circle (Su et al., "Area-preserving
mesh parameterization for poly-annulus surfaces based on optimal mass transportation", 2016; Zhao et al. 2013). The
cells are then exact, but the triangles are not: their areas are off by 10 to 20 %, and a few are folded. The refinement
moves the vertices on until the triangles have their shares too, and none is folded.

A closed surface goes to the sphere in the same way: conformal map to it, transport on it (see `spheretransport`), each
vertex to the centroid of its cell, and refinement of the spherical triangles.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from meshot.conformal import conformal_map
from meshot.errors import ConvergenceWarning, GeometryError
from meshot.maps import SurfaceMap
from meshot.mesh import Floats, Ints, Surface
from meshot.progress import Progress, Stages
from meshot.refine import Refinement, refine_areas
from meshot.settings import TOL, TOL_AREA, require_positive
from meshot.spheretransport import SphereTransport, solve_sphere_transport
from meshot.transport import TransportResult, TransportState, solve_transport

# How far the worst face may be off, in units of the standard deviation asked for.
WORST_FACE = 20.0
# Angle between boundary vertices that stand in order: room for those between them.
LEAST_TURN = 1e-9


def area_preserving_map(
    surface: Any,
    *,
    to: str = "disk",
    tol: float = TOL,
    tol_area: float | None = TOL_AREA,
    max_iter: int = 200,
    callback: Callable[[TransportState], None] | None = None,
    progress: Progress | None = None,
) -> SurfaceMap:
    """Map a genus-zero surface to the unit disk or sphere so that every face keeps its share of the area.

    On the sphere a face's image is the spherical triangle of its corners, and these tile the sphere.

    Parameters
    ----------
    surface : Surface, or a trimesh or PyVista mesh
        One connected, oriented manifold of genus zero; for the disk a closed one is cut open, for the sphere it must
        be closed.
    to : {"disk", "sphere"}
        The target.
    tol : float
        Largest relative error of a cell of the transport.
    tol_area : float or None
        Standard deviation of the faces' area ratios at which their refinement stops; the worst face may be off by
        `WORST_FACE` times as much. None leaves each vertex at the centroid of its cell.
    max_iter : int
        Most Newton steps of the transport.
    callback : callable, optional
        Gets each `TransportState`; raising StopIteration halts.
    progress : Progress, optional
        Told of the stages "conformal map", "transport", "placement" and "refinement".

    Returns
    -------
    SurfaceMap
        With `conformal`, the conformal map it was built on, and `transport`, whose site k is the k-th vertex that
        belongs to a face. ``notes["refinement"]`` tells of the refinement: steps, and faces that are still off.

    Raises
    ------
    TopologyError, GeometryError
        The surface cannot be mapped; see `meshot.check`.

    Warns
    -----
    ConvergenceWarning
        The transport or the refinement did not reach its tolerance.

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> area_preserving_map(square).transport.converged
    True
    """
    require_positive("tol", tol)
    require_positive("tol_area", TOL_AREA if tol_area is None else tol_area)
    stages = Stages(progress)
    conformal = conformal_map(surface, to=to, progress=progress)
    transport: TransportResult | SphereTransport
    with stages("transport") as client:
        options = {"tol": tol, "max_iter": max_iter, "callback": callback, "progress": client}
        if to == "sphere":
            transport = transport_from_sphere(conformal, **options)
        else:
            transport = transport_from_disk(conformal, **options)
    with stages("placement"):
        image = place_vertices(conformal.surface, transport)
    notes = dict(conformal.notes)
    if tol_area is not None:
        with stages("refinement") as client:
            image, notes["refinement"] = _refined(conformal, image, tol_area, client)
    made = replace(conformal, conformal=conformal, transport=transport, notes=notes)
    return replace(made, points=image) if to == "sphere" else replace(made, uv=image)


def _refined(
    conformal: SurfaceMap, image: Floats, tol_area: float, progress: Progress
) -> tuple[Floats, dict[str, Any]]:
    """Return the refined map, and what to note of the refinement.

    If folds are left, the refinement starts anew from the conformal map, which has none, and keeps that so.
    """
    surface = conformal.surface

    def refine(start: Floats) -> Refinement:
        return refine_areas(
            surface.faces, start, surface.face_areas, tol_sd=tol_area, tol_max=WORST_FACE * tol_area, progress=progress
        )

    refinement = refine(image)
    again = refinement.flipped > 0 and not (conformal.signed_areas <= 0).any()
    if again:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it has been given
            refinement = refine(conformal.image)
    note = {
        "from_conformal": again,
        "iterations": refinement.iterations,
        "converged": refinement.converged,
        "faces_off": refinement.obstructed.tolist(),
        "reasons": sorted(set(refinement.reasons)),
    }
    return refinement.uv, note


def transport_from_disk(conformal: SurfaceMap, **options: Any) -> TransportResult:
    """Transport the uniform unit disk to the vertices' shares of the area at their conformal images."""
    used = conformal.surface.referenced
    shares = conformal.surface.vertex_areas[used] / conformal.surface.area
    return solve_transport(conformal.uv[used], np.pi * shares, **options)


def transport_from_sphere(conformal: SurfaceMap, **options: Any) -> SphereTransport:
    """Transport the uniform unit sphere to the vertices' shares of the area at their conformal images."""
    assert conformal.points is not None
    used = conformal.surface.referenced
    shares = conformal.surface.vertex_areas[used] / conformal.surface.area
    return solve_sphere_transport(conformal.points[used], 4 * np.pi * shares, **options)


def place_vertices(surface: Surface, transport: TransportResult | SphereTransport) -> Floats:
    """Return the place of each vertex, (V, 2 or 3): the centroid of its cell, or on the circle; NaN without a face."""
    used, centroids = surface.referenced, transport.centroids
    uv = np.full((len(surface.vertices), centroids.shape[1]), np.nan)
    uv[used] = centroids
    if isinstance(transport, SphereTransport):
        return uv
    arcs = np.full_like(uv, np.nan)
    arcs[used] = transport.diagram.arc_midpoints
    (loop,) = surface.boundary_loops
    angles = circle_angles(np.arctan2(arcs[loop, 1], arcs[loop, 0]), loop)
    uv[loop] = np.column_stack([np.cos(angles), np.sin(angles)])
    return uv


def circle_angles(angles: Floats, loop: Ints) -> Floats:
    """Return strictly increasing angles along a boundary loop from those of the cells' arcs, NaN where there is none.

    A cell without an arc is put evenly between its neighbors on the loop; one that stands out of order is treated as
    if it had none.

    Examples
    --------
    >>> circle_angles(np.array([0.0, np.nan, 2.0, 4.0]), np.arange(4)).tolist()
    [0.0, 1.0, 2.0, 4.0]
    """
    known = np.flatnonzero(np.isfinite(angles))
    if len(known) == 0:
        raise GeometryError("no boundary vertex has a cell on the circle", ids=loop.tolist())
    steps = np.diff(angles[known], append=angles[known[:1]]) % (2 * np.pi)
    if len(known) > 1 and not np.isclose(steps.sum(), 2 * np.pi):  # some stand out of order: small steps back
        steps = (steps + np.pi) % (2 * np.pi) - np.pi
    unrolled = angles[known[0]] + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    highest = np.maximum.accumulate(unrolled)
    forward = np.concatenate([[True], unrolled[1:] > highest[:-1] + LEAST_TURN])
    ordered = forward & (unrolled < angles[known[0]] + 2 * np.pi - LEAST_TURN)
    known, unrolled = known[ordered], unrolled[ordered]
    around = np.append(known, known[0] + len(angles))
    turned = np.append(unrolled, unrolled[0] + 2 * np.pi)
    spread = np.interp(known[0] + np.arange(len(angles)), around, turned)
    return np.asarray(np.roll(spread, known[0]))
