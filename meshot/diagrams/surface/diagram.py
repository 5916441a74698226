"""Power diagrams of sites on a triangulated surface, for distances along it.

Each face is cut exactly into the parts where one of the sites around it has the least power ``d(x, y_i)^2 - psi_i``, as
Mérigot, Meyron and Thibert do with distances in space ("An algorithm for optimal transport between a simplex soup and a
point cloud", 2018). Here a site is carried to the faces around it by unfolding them in the order of their distance, so
d is the distance in this local chart: that of space in a plane, and on whatever rolls out flat. A cell never leaps
across a gap, and bends around the rim of a thin sheet. The parts tile every face, whatever sites reach it; they are
complete where no cell comes to the end of its site's reach, which is checked, and mended by a longer reach.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from meshot.base.arrays import Floats, Ints, norms, stable_order
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import run_in_chunks
from meshot.diagrams.edges import facet_laplacian
from meshot.diagrams.engine import relative_gap
from meshot.diagrams.surface.cells import Parts, Reached, Unfolding, flood, partition, walk
from meshot.meshes.surface import Surface

# A cell is taken to be whole if it ends before this share of its site's reach.
WITHIN = 0.999
# What a reach is lengthened by, and how often, before the surface is given up.
LONGER, ROUNDS = 1.6, 40
# Sides for each part that there is room for at first: rounding alone makes more.
USUAL_SIDES = 4
SITES, FACES = 512, 4096
"""Sites and faces in one chunk of work."""


class SurfaceSites(NamedTuple):
    """Sites on a surface: the face of each, (n,), and barycentric coordinates there, (n, 3)."""

    faces: Ints
    barycentric: Floats


@dataclass(frozen=True, eq=False)
class SurfaceDiagram:
    """Cells of sites on a surface.

    Attributes
    ----------
    weights : (n,) float
        The power weights psi.
    masses : (n,) float
        Mass of each cell.
    offsets : (n, 2) float
        Its center of mass from the site, in the plane of the site's face; NaN if it is empty. `SurfaceEngine.moved`
        goes there.
    radii : (n,) float
        Largest distance of a point of the cell from its site.
    facets : (m, 2) int
        Pairs i < j of sites whose cells share a curve.
    conductances : (m,) float
        Derivative of the mass of cell i by -psi_j / 2, and of j by -psi_i / 2.
    certificate : float
        ``|sum of masses - mass| / mass`` of the surface.
    starts, part_faces : (n + 1,) int, (p,) int
        The faces that each cell has parts of.
    """

    weights: Floats
    masses: Floats
    offsets: Floats
    radii: Floats
    facets: Ints
    conductances: Floats
    certificate: float
    starts: Ints
    part_faces: Ints

    def laplacian(self, scale: float, rows: int) -> tuple[Ints, csr_array]:
        """Return the sites in their order, and the first `rows` rows and columns of their Hessian, times `scale`."""
        order = np.arange(len(self.masses))
        return order, facet_laplacian(order, self.facets, scale * self.conductances, rows)


@dataclass
class SurfaceEngine:
    """Diagrams of sites on one surface.

    Parameters
    ----------
    surface : Surface
        All faces must be joined, across edges, to a site.
    density : (F,) float, optional
        Mass per area of each face; 1 by default.

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> engine = SurfaceEngine(square)
    >>> engine.place(SurfaceSites(np.array([0, 0]), np.array([[0.75, 0.15, 0.1], [0.25, 0.65, 0.1]])))
    >>> engine.diagram(np.zeros(2)).masses
    array([0.5, 0.5])
    """

    surface: Surface
    density: Floats | None = None
    sites: SurfaceSites = field(init=False, repr=False)
    reach: Floats = field(init=False, repr=False)
    mass: float = field(init=False)
    _net: Unfolding = field(init=False, repr=False)
    _places: Floats = field(init=False, repr=False)
    _listed: Reached | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.density is None:
            self.density = np.ones(len(self.surface.faces))
        self.mass = float((self.surface.face_areas * self.density).sum())
        shapes, twins = _flattened(self.surface), self.surface.twins
        self._net = Unfolding(shapes, twins, _hinges(shapes, twins))

    def place(self, sites: SurfaceSites, reach: ArrayLike | None = None) -> None:
        """Take other sites; `reach` (n,) guesses how far their cells go at most."""
        self.sites = sites
        shapes, (_, b, c) = self._net.shapes[sites.faces], sites.barycentric.T
        self._places = np.stack([b * shapes[:, 0] + c * shapes[:, 1], c * shapes[:, 2]], axis=1)
        guess = 1.5 * np.sqrt(self.surface.area / len(sites.faces)) if reach is None else reach
        self.reach = np.array(np.broadcast_to(guess, len(sites.faces)), dtype=np.float64)
        self._listed = None

    def diagram(self, weights: ArrayLike) -> SurfaceDiagram:
        """Compute the diagram for `weights` (n,).

        Raises
        ------
        ConvergenceError
            Faces that no site reaches.
        """
        psi = np.ascontiguousarray(weights, dtype=np.float64)
        for _ in range(ROUNDS):
            diagram = self._measure(psi)
            short = diagram.radii > WITHIN * self.reach
            if diagram.certificate > 1e-9:
                short[:] = True  # some faces are reached by no site
            if not short.any():
                return diagram
            self.reach[short] *= LONGER
            self._listed = None
        raise ConvergenceError("parts of the surface are joined to no site")

    def diagram_above(self, least: float, weights: ArrayLike) -> SurfaceDiagram | None:
        """Compute the diagram, or give up, with None, if a cell's mass is below `least`."""
        diagram = self.diagram(weights)
        return None if diagram.masses.min() < least else diagram

    def moved(self, offsets: Floats) -> tuple[Ints, Floats]:
        """Walk straight from each site by an offset in the plane of its face, (n, 2), or to the boundary.

        Returns
        -------
        (n,) int, (n, 3) float
            The faces where the walks end, and the barycentric coordinates there.
        """
        homes, places, weights = self.sites.faces.copy(), self._places.copy(), np.empty((len(offsets), 3))
        run_in_chunks(
            lambda first, last: walk(first, last, self._net, homes, places, offsets, weights),
            len(offsets),
            SITES,
        )
        return homes, weights

    def _reached(self) -> Reached:
        """Return the sites around each face."""
        if self._listed is not None:
            return self._listed
        faces, homes = len(self.surface.faces), self.sites.faces

        def work(first: int, last: int) -> tuple[Ints, Ints, Floats]:
            counts, room = np.empty(last - first, dtype=np.int64), 32 * (last - first)
            while True:
                found, images, seen = np.empty(room, dtype=np.int64), np.empty((room, 4)), np.full(faces, -1)
                total = flood(first, last, self._net, homes, self._places, self.reach, seen, counts, found, images)
                if total <= room:
                    return counts, found[:total], images[:total]
                room = total

        parts = run_in_chunks(work, len(homes), max(SITES, len(homes) // 16), aside=True)
        counts, found, images = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        site = np.repeat(np.arange(len(homes)), counts)
        starts = np.append(0, np.cumsum(np.bincount(found, minlength=faces)))
        by_face = stable_order(found)
        self._listed = Reached(starts, site[by_face], images[by_face])
        return self._listed

    def _measure(self, psi: Floats) -> SurfaceDiagram:
        reached, density = self._reached(), self.density

        def work(first: int, last: int) -> Parts:
            count = np.diff(reached.starts[first : last + 1])
            room, most = int(count.sum()), int(count.max(initial=0))
            owner, faces, values = np.empty(room, np.int64), np.empty(room, np.int64), np.empty((room, 4))
            sides = USUAL_SIDES * room
            while True:
                parts = Parts(owner, faces, values, np.empty((sides, 2), np.int64), np.empty(sides))
                made, sides = partition(first, last, self._net.shapes, density, reached, psi, most, parts)
                if sides <= len(parts.links):
                    break
            return Parts(owner[:made], faces[:made], values[:made], parts.pairs[:sides], parts.links[:sides])

        faces = len(reached.starts) - 1  # few faces may have many sites each
        columns = zip(*run_in_chunks(work, faces, min(FACES, max(faces // 16, 1)), aside=True), strict=True)
        return self._assemble(psi, *(np.concatenate(column) for column in columns))

    def _assemble(
        self, psi: Floats, owner: Ints, face_of: Ints, values: Floats, pairs: Ints, links: Floats
    ) -> SurfaceDiagram:
        n = len(psi)
        order = stable_order(owner)
        owner, values = owner[order], values[order]
        starts = np.append(0, np.cumsum(np.bincount(owner, minlength=n)))
        sums = np.stack([np.bincount(owner, values[:, k], minlength=n).astype(np.float64) for k in range(3)], axis=1)
        radii = np.zeros(n)
        held = np.flatnonzero(np.diff(starts))
        radii[held] = np.sqrt(np.maximum.reduceat(values[:, 3], starts[held])) if len(held) else 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            offsets = sums[:, 1:] / sums[:, :1]
        key = pairs[:, 0] * n + pairs[:, 1]
        by_pair = stable_order(key)
        first = np.flatnonzero(np.diff(key[by_pair], prepend=-1))
        facets = pairs[by_pair[first]]
        conductances = np.add.reduceat(links[by_pair], first) if len(first) else np.empty(0)
        certificate = relative_gap(sums[:, 0], self.mass)
        return SurfaceDiagram(
            psi, sums[:, 0], offsets, radii, facets, conductances, certificate, starts, face_of[order]
        )


def _flattened(surface: Surface) -> Floats:
    """Return the length of each face's first side, and x and y of its third corner, seen from there, (F, 3)."""
    a, b, c = surface.corners.transpose(1, 0, 2)
    length = norms(b - a)
    along = np.einsum("fd,fd->f", c - a, b - a) / np.where(length > 0, length, 1.0)
    height = 2 * surface.face_areas / np.where(length > 0, length, 1.0)
    return np.stack([length, along, height], axis=1)


def _hinges(shapes: Floats, twins: Ints) -> Floats:
    """Return how a face's plane goes over into the next one's, for each halfedge: cosine, sine and shift, (3F, 4)."""
    length, x, y = shapes.T
    corners = np.zeros((len(shapes), 3, 2))
    corners[:, 1, 0], corners[:, 2, 0], corners[:, 2, 1] = length, x, y
    sides = (np.roll(corners, -1, axis=1) - corners).reshape(-1, 2)
    tails, heads = corners.reshape(-1, 2), np.roll(corners, -1, axis=1).reshape(-1, 2)
    angle = np.arctan2(sides[:, 1], sides[:, 0])
    turn = angle[twins] + np.pi - angle
    cosine, sine = np.cos(turn), np.sin(turn)
    turned = np.stack([cosine * heads[:, 0] - sine * heads[:, 1], sine * heads[:, 0] + cosine * heads[:, 1]], axis=1)
    return np.ascontiguousarray(np.column_stack([cosine, sine, tails[twins] - turned]))


def positions(surface: Surface, faces: Ints, barycentric: Floats) -> Floats:
    """Return the points of faces with given barycentric coordinates, (n, 3)."""
    return np.asarray(np.einsum("nk,nkd->nd", barycentric, surface.corners[faces]))


def spacing(surface: Surface, n: int) -> float:
    """Return the distance of neighbors in the hexagonal packing of n points in a plane of the surface's area."""
    return float(np.sqrt(2 * surface.area / (np.sqrt(3) * n)))
