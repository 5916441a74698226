"""Functions on the weighted Delaunay triangulation, the dual of a power diagram.

Aurenhammer, "Power diagrams: properties, algorithms and applications", SIAM J. Comput. 1987; the part dual to the
clipped diagram is the restricted triangulation of Edelsbrunner and Shah, "Triangulating topological spaces", 1997.
"""

import numpy as np

from meshot.base.arrays import Floats, Ints, cross2
from meshot.meshes.location import Locator

# How far from their line, in units of their extent, points count as on it when all sites are on one.
ON_LINE = 1e-12


class PiecewiseLinear:
    """The function that is linear on each triangle, and infinite outside of all.

    With values -h_i at the sites and the weighted Delaunay triangulation it is the Legendre dual u* of the Brenier
    potential: the lower hull of the points (y_i, -h_i).

    Parameters
    ----------
    sites : (n, 2) float
    values : (n,) float
    triangles : (t, 3) int
        If there are none, the sites lie on a line, and the function lives on the segment between them.

    Examples
    --------
    >>> dual = PiecewiseLinear(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3.0), np.array([[0, 1, 2]]))
    >>> dual(np.array([[0.25, 0.5], [2.0, 0.0]]))
    array([1.25,  inf])
    """

    def __init__(self, sites: Floats, values: Floats, triangles: Ints) -> None:
        self.sites, self.values, self.triangles = sites, values, triangles
        self._locator = Locator(triangles, sites) if len(triangles) else None

    def __call__(self, points: Floats) -> Floats:
        """Return the values at points (m, 2)."""
        if self._locator is None:
            return self._on_line(points)
        faces, barycentric = self._locator.locate(points)
        values = (barycentric * self.values[self.triangles[faces]]).sum(axis=1)
        return np.where(faces < 0, np.inf, values)

    def _on_line(self, points: Floats) -> Floats:
        origin = self.sites[0]
        far = self.sites[np.hypot(*(self.sites - origin).T).argmax()] - origin
        length = float(np.hypot(*far))
        if length == 0:
            return np.where((points == origin).all(axis=1), self.values[0], np.inf)
        along, place = (points - origin) @ far / length, (self.sites - origin) @ far / length
        order = np.argsort(place)
        beside = np.abs(cross2(points - origin, far)) / length
        on = (beside <= ON_LINE * length) & (along >= place.min()) & (along <= place.max())
        return np.where(on, np.interp(along, place[order], self.values[order]), np.inf)


def power_vertices(sites: Floats, weights: Floats, triangles: Ints) -> Floats:
    """Return the point with equal power distance to the three sites of each triangle, (t, 2).

    Examples
    --------
    >>> power_vertices(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]), np.zeros(3), np.array([[0, 1, 2]]))
    array([[1., 1.]])
    """
    a, b, c = sites[triangles].transpose(1, 0, 2)
    p, q = b - a, c - a
    lift = weights[triangles[:, 0]]
    rise = ((p**2).sum(axis=1) - weights[triangles[:, 1]] + lift) / 2
    other = ((q**2).sum(axis=1) - weights[triangles[:, 2]] + lift) / 2
    offset = np.column_stack([rise * q[:, 1] - other * p[:, 1], other * p[:, 0] - rise * q[:, 0]])
    return np.asarray(a + offset / cross2(p, q)[:, None])
