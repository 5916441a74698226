"""The power diagram of weighted sites, on any domain."""

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.errors import GeometryError
from meshot.base.memory import require_memory
from meshot.diagrams.density.densities import Density
from meshot.diagrams.density.source import DensitySource
from meshot.diagrams.domains import Ball, Disk
from meshot.diagrams.plane.polygons import PlaneDomain
from meshot.diagrams.power_cells import Domain, PowerCells, Source
from meshot.diagrams.sites import Duplicates, check_duplicates, check_sites, check_weights, heaviest


def power_diagram(
    sites: ArrayLike,
    weights: ArrayLike | None = None,
    domain: Domain | None = None,
    density: Density | None = None,
    *,
    duplicates: Duplicates = "error",
) -> PowerCells:
    """Compute the power diagram of weighted sites of plane or space, clipped to a domain.

    Parameters
    ----------
    sites : (n, 2) or (n, 3) float
        Distinct sites; they may lie outside the domain.
    weights : (n,) float, optional
        Power weights psi; none is the Voronoi diagram.
    domain : Disk, Box, ConvexPolygon, Ball or ConvexPolyhedron, optional
        By default the unit disk or ball, or all that the density covers.
    density : GridDensity or TriangulationDensity, optional
        What the cells are measured with, instead of area; in the plane only.
    duplicates : {"error", "merge"}
        What to do with sites in the same place: refuse them, or let the first of the heaviest have the cell; the others
        are then empty.

    Returns
    -------
    PowerDiagram or SpaceDiagram
        Of sites in the plane or in space.

    Raises
    ------
    GeometryError
        No sites, wrong shapes, numbers that are not finite, sites that coincide (with their ids), or a density that
        does not cover the domain.
    NotEnoughMemoryError
        There are too many sites for the memory that is available.

    Examples
    --------
    >>> diagram = power_diagram([[-0.5, 0.0], [0.5, 0.0]])
    >>> bool(np.allclose(diagram.masses, np.pi / 2))
    True
    >>> power_diagram([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]]).facet_areas
    array([3.14159265])
    """
    check_duplicates(duplicates)
    domain, source = domain_and_source(sites, domain, density)
    positions = check_sites(sites, distinct=duplicates == "error", dimension=domain.dimension)
    n = len(positions)
    require_memory(n * domain.site_bytes.diagram, f"a power diagram of {n:,} sites")
    psi = check_weights(np.zeros(n) if weights is None else weights, n)
    if duplicates == "error":
        return domain.engine(positions, source).diagram(psi, facet_ends=True)
    kept = heaviest(positions, psi)
    return (
        domain.engine(positions[kept], source)
        .diagram(psi[kept], facet_ends=True)
        .with_empty_cells(kept, positions, psi)
    )


def domain_and_source(sites: ArrayLike, domain: Domain | None, density: Density | None) -> tuple[Domain, Source | None]:
    """Return the domain, and the density there.

    If none is given, it is what the density covers, or else the unit disk or ball, by the dimension of the sites.
    """
    if density is not None:
        given: Domain = density.domain if domain is None else domain
        if not isinstance(given, PlaneDomain):
            raise GeometryError("densities are for domains of the plane: in space the source is uniform")
        return given, DensitySource(density, given)
    if domain is not None:
        return domain, None
    return (Ball() if np.shape(sites)[1:] == (3,) else Disk()), None
