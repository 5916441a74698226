"""What joining the vertices of a boundary would do that stand in the same place, or nearly."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal

import numpy as np

from meshot.base.arrays import Ints, norms
from meshot.base.errors import MeshReadError, OptionError
from meshot.meshes.check.problems import SIZES, Finding, counted, make_problem
from meshot.meshes.surface import Surface

COINCIDENT = "coincident-vertex"

NEAR = 1e-6
"""Vertices of a boundary nearly agree within this part of the diagonal of the surface's box.

Coordinates of single precision, as most files hold, agree up to 1e-7.
"""


def join_notes(surface: Surface) -> Iterator[Finding]:
    """Yield how many vertices of the boundary nearly agree with others, and what joining them would give."""
    from meshot.meshes.join import join_boundary  # noqa: PLC0415  (SciPy's graphs)

    gap = _widest_gap(surface)
    if gap is None:
        return
    tolerance = _rounded_up(gap)
    try:
        joined = join_boundary(surface, tolerance)
    except (MeshReadError, OptionError):
        return
    again = joined.vertices
    if len(again) == 0:
        return
    share = counted(len(again), "vertex of the boundary stands", "vertices of the boundary stand")
    where = "exactly where" if tolerance == 0 else f"within {tolerance:g} of where"
    message = f"{share} {where} another does, as along a seam; --join {tolerance:g} joins them, which gives "
    message += _outcome(joined.surface)
    if len(joined.collapsed):
        message += f" and leaves out {counted(len(joined.collapsed), 'face', 'faces')} without extent"
    yield make_problem(COINCIDENT, message, again, "vertices")


def _widest_gap(surface: Surface) -> float | None:
    """Return the greatest distance, up to `NEAR`, of vertices of the boundary that no edge joins; None without any."""
    from meshot.meshes.join import boundary_vertices, near_pairs  # noqa: PLC0415  (SciPy's graphs)

    rim = boundary_vertices(surface)
    if len(rim) < 2:
        return None
    places = surface.vertices[rim]
    size = float(norms(np.ptp(places, axis=0)))
    if not SIZES[0] <= size <= SIZES[1]:
        return None
    try:
        pairs = rim[near_pairs(places, NEAR * size)]
    except OptionError:
        return None
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[~np.isin(_key(pairs, surface), _key(surface.edges, surface))]
    if len(pairs) == 0:
        return None
    return float(norms(surface.vertices[pairs[:, 0]] - surface.vertices[pairs[:, 1]]).max())


def _key(pairs: Ints, surface: Surface) -> Ints:
    return pairs[:, 0] * len(surface.vertices) + pairs[:, 1]


def _rounded_up(value: float) -> float:
    """Return a number of two digits that is not less.

    Examples
    --------
    >>> _rounded_up(1.234e-7), _rounded_up(0.0)
    (1.3e-07, 0.0)
    """
    exact = Decimal(value)
    return float(exact.quantize(Decimal((0, (1,), exact.adjusted() - 1)), ROUND_CEILING)) if value else 0.0


def _outcome(surface: Surface) -> str:
    """Return what a surface is, in a few words."""
    from meshot.meshes.topology import Topology  # noqa: PLC0415  (SciPy's graphs)

    topology = Topology(surface.faces, len(surface.vertices), surface.edge_order)
    pieces, loops = int(topology.face_components.max(initial=-1)) + 1, len(topology.boundary_loops)
    kind = "a closed surface" if not loops else f"a surface with {counted(loops, 'boundary loop', 'boundary loops')}"
    words = kind if pieces == 1 else f"{kind} of {pieces} components"
    bad = len(topology.non_manifold_edges) + len(topology.non_manifold_vertices)
    return f"{words}, non-manifold at {counted(bad, 'place', 'places')}" if bad else words
