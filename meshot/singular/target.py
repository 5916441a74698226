"""The target of a transport: which points lie in it, which sites are neighbors in it, and which segments leave it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.spatial import Delaunay, QhullError, cKDTree

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import GeometryError, OptionError
from meshot.diagrams.density.densities import GridDensity, TriangulationDensity
from meshot.meshes.location import Locator
from meshot.meshes.solid import as_solid
from meshot.meshes.surface import as_surface

# Parameters of the points at which a Delaunay edge is tested for leaving the target: it may cross slits narrower than a
# tenth of its length.
EDGE_TESTS = np.linspace(0, 1, 13)[1:-1]
# Pairs of sites whose neighborhoods are compared at once.
BATCH = 4096
# Distance between test points of a segment, in local spacings, and test points that are searched at once.
TEST_STEP, MAX_TEST_POINTS = 0.25, 1 << 18
# Nearest sites whose balls are tested: where the spacing varies, the nearest may have a smaller ball than another.
NEAREST_BALLS = 12

Inside = Callable[[Floats], NDArray[np.bool_]]


class TargetShape:
    """A target of a transport: a mesh, a solid, a density, or an indicator function.

    Parameters
    ----------
    shape : Surface, Solid, GridDensity, TriangulationDensity or callable
        A surface must lie in a plane z = const. A callable takes points (p, d) and returns (p,) bool.
    dimension : int
        Dimension d of the sites.

    Raises
    ------
    OptionError
        The target is of another kind or dimension.
    """

    def __init__(self, shape: Any, dimension: int) -> None:
        self.vertices: Floats | None = None
        self.simplices: Ints | None = None
        if isinstance(shape, GridDensity | TriangulationDensity):
            _require_dimension(2, dimension)
            self.inside: Inside = lambda points: np.nan_to_num(shape(points)) > 0
        elif hasattr(shape, "faces"):
            _require_dimension(2, dimension)
            surface = as_surface(shape)
            if np.ptp(surface.vertices[:, 2]) > 0:
                raise OptionError("a surface that is the target of a plane transport must lie in a plane z = const")
            self.vertices, self.simplices = surface.vertices[:, :2], surface.faces
            locator = Locator(surface.faces, self.vertices)
            self.inside = lambda points: np.asarray(locator.locate(points).faces >= 0)
        elif hasattr(shape, "tetrahedra"):
            _require_dimension(3, dimension)
            solid = as_solid(shape)
            self.vertices, self.simplices = solid.vertices, solid.tetrahedra
            within = Locator(solid.tetrahedra, solid.vertices)
            self.inside = lambda points: np.asarray(within.locate(points).tetrahedra >= 0)
        elif callable(shape):
            self.inside = lambda points: _indicated(shape, points)
        else:
            raise OptionError(f"a target is a mesh, a solid, a density or a function of points, not {type(shape)}")

    def adjacency(self, sites: Floats) -> csr_array:
        """Return which sites are neighbors in the target, as a symmetric (n, n) pattern with a full diagonal.

        Neighbors are the ends of the mesh's edges if the sites are its vertices, else of the Delaunay edges that stay
        in the target.
        """
        if self.simplices is not None and self.vertices is not None and np.array_equal(self.vertices, sites):
            return _pattern(_edges(self.simplices), len(sites))
        edges = _delaunay_edges(sites)
        stays = np.ones(len(edges), dtype=bool)
        for t in EDGE_TESTS:
            stays[stays] = self.inside((1 - t) * sites[edges[stays, 0]] + t * sites[edges[stays, 1]])
        return _pattern(edges[stays], len(sites))


def farther_apart(adjacency: csr_array, pairs: Ints, steps: int) -> NDArray[np.bool_]:
    """Return which pairs of sites (m, 2) have no path of at most `steps` edges between them, (m,).

    Examples
    --------
    >>> chain = _pattern(np.array([[0, 1], [1, 2], [2, 3]]), 4)
    >>> farther_apart(chain, np.array([[0, 1], [0, 2], [0, 3]]), 2)
    array([False, False,  True])
    """
    apart = np.ones(len(pairs), dtype=bool)
    near, far = (steps + 1) // 2, steps // 2
    for first in range(0, len(pairs), BATCH):
        part = slice(first, first + BATCH)
        ends = [_surroundings(adjacency, pairs[part, end], reach) for end, reach in ((0, near), (1, far))]
        apart[part] = ends[0].multiply(ends[1]).sum(axis=1) == 0
    return apart


def _surroundings(adjacency: csr_array, sites: Ints, steps: int) -> csr_array:
    """Return which sites are within `steps` edges of each of `sites`, (m, n)."""
    reached = eye_array(adjacency.shape[0], format="csr", dtype=np.float64)[sites]
    for _ in range(steps):
        reached = reached @ adjacency
        reached.data[:] = 1.0
    return reached


def _indicated(function: Any, points: Floats) -> NDArray[np.bool_]:
    inside = np.asarray(function(points))
    if inside.shape != (len(points),):
        raise GeometryError(f"the target must return one value for each of {len(points)} points, got {inside.shape}")
    return inside.astype(bool)


def _require_dimension(own: int, dimension: int) -> None:
    if own != dimension:
        raise OptionError(f"a target of dimension {own} does not belong to sites of dimension {dimension}")


def _edges(simplices: Ints) -> Ints:
    corners = simplices.shape[1]
    pairs = [simplices[:, [a, b]] for a in range(corners) for b in range(a)]
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _delaunay_edges(sites: Floats) -> Ints:
    try:
        return _edges(Delaunay(sites).simplices.astype(np.int64))
    except (QhullError, ValueError):  # too few sites, or all on a line or plane: order them along it
        along = sites - sites.mean(axis=0)
        direction = np.linalg.svd(along, full_matrices=False)[2][0]
        order = np.argsort(along @ direction, kind="stable")
        return np.sort(np.column_stack([order[:-1], order[1:]]), axis=1)


def _pattern(edges: Ints, count: int) -> csr_array:
    rows = np.concatenate([edges[:, 0], edges[:, 1], np.arange(count)])
    columns = np.concatenate([edges[:, 1], edges[:, 0], np.arange(count)])
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))


def leaves_support(
    sites: Floats, spacing: Floats, pairs: Ints, radius: float, inside: Inside | None = None
) -> NDArray[np.bool_]:
    """Return which segments between sites leave the union of balls about all sites.

    Parameters
    ----------
    sites : (n, d) float
    spacing : (n,) float
        Local spacing of each site.
    pairs : (m, 2) int
        The sites at the ends of each segment.
    radius : float
        Of the balls, in local spacings.
    inside : callable, optional
        Whether points (p, d) lie in the target: these do not count as outside, however sparse the sites are.

    Returns
    -------
    (m,) bool

    Examples
    --------
    >>> sites = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    >>> leaves_support(sites, np.ones(3), np.array([[0, 1], [1, 2]]), 1.5)
    array([False,  True])
    """
    leaves = np.zeros(len(pairs), dtype=bool)
    length = norms(sites[pairs[:, 0]] - sites[pairs[:, 1]])
    # shorter ones are covered by the balls at their ends
    open_ones = np.flatnonzero(length > radius * spacing[pairs].sum(axis=1))
    if not len(open_ones):
        return leaves
    tree = cKDTree(sites)
    count = np.ceil(length[open_ones] / (TEST_STEP * spacing[pairs[open_ones]].min(axis=1))).astype(np.int64) + 1
    ends = np.cumsum(count)
    first = 0
    while first < len(open_ones):
        last = max(int(np.searchsorted(ends, (ends[first] - count[first]) + MAX_TEST_POINTS, side="right")), first + 1)
        part, steps = open_ones[first:last], count[first:last]
        owner = np.repeat(np.arange(len(part)), steps)
        place = (np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps)) / (steps[owner] - 1)
        start, stop = sites[pairs[part[owner], 0]], sites[pairs[part[owner], 1]]
        points = (1 - place)[:, None] * start + place[:, None] * stop
        distance, near = tree.query(points, k=min(NEAREST_BALLS, len(sites)))
        outside = np.flatnonzero((distance > radius * spacing[near]).all(axis=1))
        if inside is not None:
            outside = outside[~inside(points[outside])]
        leaves[part[owner[outside]]] = True
        first = last
    return leaves
