"""Area-preserving maps: a first image, transport of the disk to it, vertices to their cells, triangles refined.

The first image is the conformal map, or the evened image (see `refinement.evened.image`) where that loses limbs. It
puts a mass, a third of the areas of the faces around it, at the image of each vertex. The optimal transport from the
disk to these masses assigns each vertex a cell with its share of the disk; the vertex goes there, an inner one to the
centroid, a boundary one to the middle of the cell's arc on the circle (Su et al., "Area-preserving mesh
parameterization for poly-annulus surfaces based on optimal mass transportation", 2016; Zhao et al. 2013). The cells are
then exact, but the triangles are not: their areas are off by 10 to 20 %, and a few are folded. The refinement moves the
vertices on until the triangles have their shares too, and none is folded.

A closed surface goes to the sphere in the same way: a first image on it, transport on it (see `spheretransport`), each
vertex to the centroid of its cell, and refinement of the spherical triangles.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats
from meshot.base.errors import GeometryError, OptionError, held_back, tell
from meshot.base.files import PathLike
from meshot.base.progress import Progress, Stages
from meshot.base.settings import TOL, TOL_AREA, Device, Method, require_positive
from meshot.conformal.disk import conformal_map, opened
from meshot.maps.measure import Measure, as_measure, carried
from meshot.maps.surface_map import SurfaceMap
from meshot.maps.target import DISK, SURFACE_TARGETS
from meshot.meshes.surface import Surface, as_surface
from meshot.refinement.driver import EVENED, approached, blended_shares, displaced, evened_start, settle
from meshot.refinement.ears import widen_ears
from meshot.refinement.evened.image import evened_image
from meshot.refinement.placement import place_vertices
from meshot.refinement.refiner import RefinementStep
from meshot.transport.result import TransportResult
from meshot.transport.solve import check_method, solve_transport
from meshot.transport.sphere import SphereTransport, solve_sphere_transport

# A measure whose density varies by more than this factor is approached in steps.
CONTRAST = 10.0


def area_preserving_map(
    surface: Any,
    *,
    to: str = "disk",
    masses: ArrayLike | None = None,
    density: ArrayLike | None = None,
    area_weight: float = 1.0,
    angle_sweeps: int = 0,
    tol: float = TOL,
    tol_area: float | None = TOL_AREA,
    max_iter: int = 200,
    method: Method = "newton",
    device: Device = "auto",
    samples: int | None = None,
    rng: int | np.random.Generator | None = 0,
    checkpoint: PathLike | None = None,
    max_refine_iter: int | None = None,
    callback: Callable[[Any], None] | None = None,
    refine_callback: Callable[[RefinementStep], None] | None = None,
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
    masses, density : (V,) or (F,) float, optional
        A measure that the map preserves instead of the area: masses of the vertices, or a density, the wanted area of
        the image per area of the surface, of the faces or the vertices. Only ratios count. See `meshot.measure`.
    area_weight : float
        From 0, the conformal map, to 1, the area-preserving one: the logarithms of the faces' area ratios are
        ``1 - area_weight`` times those of the conformal map, up to one constant. In the disk only.
    angle_sweeps : int
        After the refinement, at most so many steps to less angle distortion at the same areas, and a refinement again;
        a dozen is plenty. In the disk only.
    tol : float
        Largest relative error of a cell of the transport.
    tol_area : float or None
        Standard deviation of the faces' area ratios at which their refinement stops; the worst face may be off by
        `meshot.refinement.driver.worst_allowed`, 5 % for 1e-3. None leaves each vertex at the centroid of its cell.
    max_iter : int
        Most Newton steps of the transport.
    method, device, samples, rng, checkpoint
        As of `solve_transport`: with "montecarlo" the cells are sampled, in the disk only; vertices then go to
        estimated centroids, and the refinement does the rest.
    max_refine_iter : int, optional
        Most steps of the refinement from each of its starts; by default 400 for large meshes and up to 1200 for small
        ones.
    callback : callable, optional
        Gets each `TransportState` of the transport; raising StopIteration halts it.
    refine_callback : callable, optional
        Gets each `RefinementStep` of the refinement; raising StopIteration ends it.
    progress : Progress, optional
        Told of the stages "conformal map", "transport", "placement" and "refinement".

    Returns
    -------
    SurfaceMap
        With `conformal`, the conformal map it was built on, and `transport`, whose site k is the k-th vertex that
        belongs to a face. ``notes["start"]`` says where the sites are: "conformal map", or "evened image" where the
        conformal map loses limbs, see `SurfaceMap.start`. ``notes["refinement"]`` records the refinement, see
        `Refinement.record`: steps, and faces that are still off.

    Raises
    ------
    TopologyError, GeometryError
        The surface cannot be mapped, see `meshot.check`; or masses or a density are not positive.
    OptionError
        Options that do not go together.

    Warns
    -----
    ConvergenceWarning
        The areas are not within `tol_area`, and the transport or the refinement did not reach its tolerance. A
        transport's miss alone is left to ``transport.converged`` and ``transport.reason``.

    Examples
    --------
    >>> from meshot.meshes.surface import Surface
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> area_preserving_map(square).transport.converged
    True
    """
    require_positive("tol", tol)
    require_positive("tol_area", TOL_AREA if tol_area is None else tol_area)
    _check_options(to, area_weight, angle_sweeps, tol_area)
    if to == "sphere" and method != "newton":
        raise OptionError('sampled cells are for the disk: a map to the sphere needs method="newton"')
    check_method(method, tol != TOL or max_iter != 200, samples, checkpoint)
    stages = Stages(progress)
    original = as_surface(surface)
    measure = as_measure(original, masses, density)
    conformal = _first_map(original, to, measure, progress)
    if area_weight == 0:
        return replace(conformal, conformal=conformal, area_weight=0.0)
    shares = _wanted(conformal, area_weight)
    with stages("evened image"):
        evened = evened_start(conformal, shares)
    with stages("transport") as client:
        options: dict[str, Any] = {"tol": tol, "max_iter": max_iter, "callback": callback, "progress": client}
        if method != "newton":
            options |= {"method": method, "device": device, "samples": samples, "rng": rng, "checkpoint": checkpoint}
        start = conformal if evened is None else replace(conformal, image=evened)
        with held_back() as missed:
            transport = vertex_transport(start, **options)
    with stages("placement"):
        image = _placed(conformal, transport, area_weight, shares)
    started = "conformal map" if evened is None and "conformal" not in conformal.notes else EVENED
    notes = {**conformal.notes, "start": started}
    if tol_area is not None:
        with stages("refinement") as client:
            image, notes["refinement"] = settle(
                conformal, image, shares, evened=evened, tol_area=tol_area, angle_sweeps=angle_sweeps,
                max_iter=max_refine_iter, progress=client, callback=refine_callback,
            )  # fmt: skip
    if not notes.get("refinement", {"reached": False})["reached"]:  # else the map is what was asked for all the same
        tell(missed)
    return replace(
        conformal, image=image, conformal=conformal, transport=transport, area_weight=area_weight, notes=notes
    )


def _check_options(to: str, area_weight: float, angle_sweeps: int, tol_area: float | None) -> None:
    if not 0 <= area_weight <= 1:
        raise OptionError(f"area_weight must be between 0 and 1, got {area_weight}")
    if angle_sweeps < 0:
        raise OptionError(f"angle_sweeps must not be negative, got {angle_sweeps}")
    if to == "sphere" and (area_weight != 1 or angle_sweeps):
        raise OptionError("a map to the sphere takes no area_weight and no angle_sweeps: these are for the disk")
    if tol_area is None and angle_sweeps:
        raise OptionError("angle_sweeps follow a refinement, and tol_area=None asks for none")


def _first_map(original: Surface, to: str, measure: Measure, progress: Progress | None) -> SurfaceMap:
    """Return the conformal map, or where it folds in double precision the evened image in its place."""
    try:
        conformal = conformal_map(original, to=to, progress=progress)
    except GeometryError:
        surface, source, notes = opened(original, to, Stages(progress))
        image = evened_image(surface, surface.face_areas / surface.area, SURFACE_TARGETS[to])
        if image is None:
            raise
        conformal = SurfaceMap(surface, image, source, notes=notes | {"conformal": "folds in double precision"})
    return replace(conformal, measure=carried(measure, original, conformal.surface, conformal.source_vertex))


def _wanted(conformal: SurfaceMap, area_weight: float) -> Floats:
    """Return the shares, (F,), that the image's faces are to have."""
    measure = conformal.measure or as_measure(conformal.surface)
    if area_weight == 1:
        return measure.cells
    first = conformal.signed_areas / conformal.signed_areas.sum()
    return blended_shares(first, measure.cells, area_weight)


def _placed(
    conformal: SurfaceMap, transport: TransportResult | SphereTransport, area_weight: float, shares: Floats
) -> Floats:
    """Return where a refinement can start from the transport, (V, 2 or 3)."""
    measure = conformal.measure or as_measure(conformal.surface)
    image = place_vertices(conformal.surface, transport)
    if area_weight < 1:
        (loop,) = conformal.surface.boundary_loops
        image = displaced(conformal.uv, image, area_weight, loop)
    if conformal.space is DISK:
        image = widen_ears(conformal.surface.faces, image, shares)
    if measure.contrast(conformal.surface) ** area_weight > CONTRAST:
        areas = replace(conformal, image=image).signed_areas
        image = approached(conformal.surface, image, areas, shares)
    return image


def vertex_transport(conformal: SurfaceMap, **options: Any) -> TransportResult | SphereTransport:
    """Transport the uniform unit disk or sphere to the vertices' masses at their conformal images.

    The masses are those of the map's measure, or else of the area; vertices that belong to no face take no part.
    """
    used = conformal.surface.referenced
    measure = conformal.measure or as_measure(conformal.surface)
    solve: Any = {"disk": solve_transport, "sphere": solve_sphere_transport}[conformal.target]
    return solve(conformal.image[used], conformal.space.measure * measure.vertices[used], **options)
