"""The domain as the kernels see it that cut cells out of it, relative to its center."""

from typing import NamedTuple

from meshot.base.arrays import Floats
from meshot.diagrams.power_cells import CutDomain

# Share of the frame's size by which rounding may shift a corner.
ROUNDOFF = 5e-16


class PlaneRegion(NamedTuple):
    """A domain of the plane.

    Attributes
    ----------
    frame : (c, 2) float
        Corners of a polygon that holds it.
    walls : (k, 3) float
        Half-planes ``a x + b y <= c``.
    radius, inner_radius : float
        Radius of the circle that bounds it, or infinity, and of one within which there is no wall.
    """

    frame: Floats
    walls: Floats
    radius: float
    inner_radius: float


class SpaceRegion(NamedTuple):
    """A domain of space.

    Attributes
    ----------
    frame : (2, 3) float
        Lowest and highest corner of a box that holds it.
    walls : (k, 4) float
        Half-spaces ``a x + b y + c z <= h``.
    radius, inner_radius : float
        As of `PlaneRegion`, of spheres.
    tol : float
        How far beyond a plane a corner may stay.
    """

    frame: Floats
    walls: Floats
    radius: float
    inner_radius: float
    tol: float


def plane_region(domain: CutDomain) -> PlaneRegion:
    """Return the region of a domain of the plane."""
    return PlaneRegion(domain.frame, domain.walls, float(domain.circle_radius), float(domain.inner_radius))


def space_region(frame: Floats, walls: Floats, radius: float, inner_radius: float) -> SpaceRegion:
    """Return a region of space; what rounding makes of the frame's longest side is its `tol`."""
    return SpaceRegion(frame, walls, float(radius), float(inner_radius), ROUNDOFF * float((frame[1] - frame[0]).max()))
