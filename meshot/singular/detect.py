"""The singular set of a transport map: the facets between cells that go to parts of the target far from each other.

Where the target is not convex, the optimal map tears. Its singular set (Figalli, "Regularity properties of optimal
maps between nonconvex domains in the plane", 2010) consists of curves in the plane and sheets in space, across which
the map jumps, and of the points and curves where three or more of them meet.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints, norms
from meshot.diagrams.power_cells import Domain
from meshot.singular.criteria import Criterion, Sites, judge
from meshot.singular.facets import (
    Facets,
    connected,
    facets_of,
    find_ridges,
    is_noise,
    largest_first,
    on_boundary,
    sampled,
)
from meshot.singular.spacing import site_spacing
from meshot.singular.target import TargetShape
from meshot.transport.result import TransportResult

# Points that represent a set across its extent, by dimension.
FINENESS = {2: 1000, 3: 200}


@dataclass(frozen=True, eq=False)
class SingularSet:
    """Facets across which a transport map jumps.

    Attributes
    ----------
    points : (p, d) float
        Corners of the facets, in the source.
    facets : (m, k) int
        The corners of each facet in order, -1 after the last; k = 2 in the plane.
    pairs : (m, 2) int
        The sites i < j of the two cells.
    jump : (m,) float
        ``|y_i - y_j|``, how far the map jumps.
    measures : (m,) float
        Length or area of each facet.
    sheets : (m,) int
        The sheet of each facet: they are numbered by size, 0 is the largest. Sheets end where three or more meet.
    branch : (b,) or (b, 2) int
        Where three or more sheets meet: points in the plane, edges between two points in space.
    border : (e,) or (e, 2) int
        Where sheets end within the domain, likewise.
    border_sheets : (e,) int
        The sheet that ends there.
    criterion : str
    threshold : float
        The criterion's threshold.
    spacing : float
        Median of the target's local spacing.
    removed : int
        Facets that were left out as noise.
    """

    points: Floats
    facets: Ints
    pairs: Ints
    jump: Floats
    measures: Floats
    sheets: Ints
    branch: Ints
    border: Ints
    border_sheets: Ints
    criterion: str
    threshold: float
    spacing: float
    removed: int

    def __len__(self) -> int:
        return len(self.facets)

    @property
    def dimension(self) -> int:
        """Dimension d of the source."""
        return int(self.points.shape[1])

    @property
    def peak(self) -> Floats:
        """Middle of the facet across which the map jumps farthest, (d,); NaN if there is none.

        If the map is torn at a single point, as by a hole in the target, this is it. The other facets there, within the
        square root of the cells' size, are those where the map turns faster than its cells resolve.
        """
        if not len(self):
            return np.full(self.dimension, np.nan)
        corners = self.facets[int(self.jump.argmax())]
        return np.asarray(self.points[corners[corners >= 0]].mean(axis=0))

    @cached_property
    def sheet_measures(self) -> Floats:
        """Length or area of each sheet."""
        return np.bincount(self.sheets, self.measures).astype(np.float64)

    @cached_property
    def sheet_jumps(self) -> Floats:
        """Mean jump of each sheet, weighted by the facets' measure."""
        total = np.bincount(self.sheets, self.measures * self.jump)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(total / self.sheet_measures)

    def nearest(self, points: Floats) -> tuple[Floats, Ints]:
        """Return the distance of points (q, d) to the set and the facet that is nearest; inf and -1 if it is empty.

        The facets are represented by points, a thousandth of the set's extent apart in the plane and a two-hundredth in
        space.

        Parameters
        ----------
        points : (q, d) float

        Returns
        -------
        distance : (q,) float
        facet : (q,) int
        """
        if not len(self):
            return np.full(len(points), np.inf), np.full(len(points), -1)
        owner, tree = self._on_facets
        distance, place = tree.query(points)
        return np.asarray(distance), owner[place]

    def distances(self, points: Floats) -> Floats:
        """Return the distance of points (q, d) to the set as `nearest` does.

        Parameters
        ----------
        points : (q, d) float

        Returns
        -------
        (q,) float
        """
        return self.nearest(points)[0]

    @cached_property
    def _on_facets(self) -> tuple[Ints, cKDTree]:
        extent = float(norms(np.ptp(self.points, axis=0)[None])[0]) or 1.0
        owner, on_facets = sampled(Facets(self.points, self.facets, self.measures), extent / FINENESS[self.dimension])
        return owner, cKDTree(on_facets)

    def summary(self) -> dict[str, Any]:
        """Return the figures of ``metrics.json``: how many facets and sheets, their measures, jumps, ends.

        They include numbers of branch points and free ends in the plane, lengths of branch curves and free borders in
        space.

        Returns
        -------
        dict
        """
        places = np.bincount(self.border_sheets, self._size_of(self.border), minlength=len(self.sheet_measures))
        branch, border = ("branch_points", "free_ends") if self.dimension == 2 else ("branch_length", "free_border")
        kind = int if self.dimension == 2 else float
        rows = zip(self.sheet_measures.tolist(), self.sheet_jumps.tolist(), places.tolist(), strict=True)
        return {
            "criterion": self.criterion,
            "threshold": self.threshold,
            "target_spacing": self.spacing,
            "facets": len(self),
            "noise_facets": self.removed,
            "measure": float(self.measures.sum()),
            "largest_jump": float(self.jump.max(initial=0.0)),
            "largest_jump_at": self.peak.tolist(),
            branch: kind(self._size_of(self.branch).sum()),
            border: kind(places.sum()),
            "sheets": [{"measure": size, "mean_jump": jump, border: kind(free)} for size, jump, free in rows],
        }

    def _size_of(self, ridges: Ints) -> Floats:
        """Return 1 for each point, and the length of each edge."""
        if self.dimension == 2:
            return np.ones(len(ridges))
        ends = self.points[ridges]
        return norms(ends[:, 0] - ends[:, 1])


def singular_set(
    result: TransportResult,
    target: Any = None,
    criterion: Criterion = "jump",
    threshold: float | None = None,
    *,
    noise: bool = False,
) -> SingularSet:
    """Compute the singular set of a transport map: the facets between cells whose sites are apart in the target.

    Parameters
    ----------
    result : TransportResult
    target : Surface, Solid, GridDensity, TriangulationDensity or callable, optional
        The shape that the sites sample: a mesh of the plane, a solid, a density, or a function that returns whether
        points (p, d) lie in it.
    criterion : {"jump", "adjacency", "angle", "normal"}
        When the facet between the cells of y_i and y_j is singular:

        "jump"
            The segment from y_i to y_j leaves the target. With `target`, some point of it is outside and farther than
            `threshold` local spacings from all sites (by default 0.5). Without, some point of it is farther than
            `threshold` local spacings from all sites; the default is the largest hole that the irregularity of the
            sites explains: 1.2 for a mesh, blue noise or a lattice, about 1.8 for independent sites of the plane.
        "adjacency"
            The sites are more than `threshold` edges apart (by default 3) in the mesh of `target`, or in their Delaunay
            triangulation as far as it lies in `target`; 1 is Levy's rule.
        "angle"
            The angle between y_i and y_j, seen from the origin, is more than `threshold` (in radians; by default six
            times its median over all facets): the rule of Lei et al. It depends on where the origin is.
        "normal"
            Likewise for the angle between (y_i, -1) and (y_j, -1), the normals of the potential's supporting planes.
    threshold : float, optional
    noise : bool
        Keep facets that touch no other singular one and, with the criterion "jump" without a target, components without
        a facet that is singular at a threshold larger by a fifth; by default they are removed, and counted.

    Returns
    -------
    SingularSet
        It includes the threshold.

    Notes
    -----
    Which criterion? On maps that are known to tear (``benchmarks/folds.md``), "jump" with the target detects every
    singular facet and no other. Without the target it has no false positives either, but detects only tears wider than
    about 2.5 spacings of regular sites and 4 of independent ones: give the target where there is one. "adjacency" with
    three edges is as good, except for one false facet in 50,000, and always needs the target; with one edge it takes
    every stretch of the map for a tear, with two some. "normal" can be as good with the right threshold, which is not
    known beforehand, and "angle" is not with any.

    A torn point, as by a hole in the target, is located within the square root of the cells' size; `SingularSet.peak`
    is more accurate. Near a free end the jump of the map cannot be distinguished from a stretch, so that sheets end
    early by an amount that decreases with the spacing.

    Raises
    ------
    OptionError
        The criterion is unknown, the threshold is not positive, adjacency is asked for without a target, or the target
        has another dimension.

    References
    ----------
    Levy, "A numerical algorithm for L2 semi-discrete optimal transport in 3D", ESAIM M2AN 2015; Lei, An, Guo, Su, Liu,
    Luo, Yau, Gu, "A geometric understanding of deep learning", Engineering 2020.

    Examples
    --------
    Two halves of a disk go to disks apart from each other: the map tears along a diameter.

    >>> from meshot.transport.solve import solve_transport
    >>> k = np.arange(100) + 0.5
    >>> turn = 2.399963 * k
    >>> one = np.sqrt(k / 200)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]) + [1.2, 0]
    >>> folds = singular_set(solve_transport(np.concatenate([one, one * [-1, 1]])))
    >>> len(folds.sheet_measures), bool(np.allclose(folds.points[:, 0], 0)), bool(np.isclose(folds.measures.sum(), 2))
    (1, True, True)
    """
    sites = result.problem.sites
    diagram = result.diagram.with_facet_ends()
    spacing = site_spacing(sites)
    known = None if target is None else TargetShape(target, sites.shape[1])
    real = np.flatnonzero(diagram.facet_masses > 0)
    verdict = judge(Sites(sites, spacing, known), diagram.facets[real], criterion, threshold)
    chosen = real[verdict.singular]
    ridges = find_ridges(facets_of(diagram, chosen).corners, sites.shape[1])
    kept = chosen if noise else chosen[~is_noise(ridges, verdict.sure[verdict.singular])]
    stated = (criterion, verdict.threshold, float(np.median(spacing.lengths)), len(chosen) - len(kept))
    pairs = diagram.facets[kept]
    jump = norms(sites[pairs[:, 0]] - sites[pairs[:, 1]])
    return _assembled(facets_of(diagram, kept), pairs, jump, result.problem.domain, stated)


def _assembled(
    facets: Facets, pairs: Ints, jump: Floats, domain: Domain, stated: tuple[str, float, float, int]
) -> SingularSet:
    """Return the set of `facets` with its sheets, branch set and border."""
    ridges = find_ridges(facets.corners, facets.points.shape[1])
    degree = ridges.degree
    sheets = largest_first(connected(ridges, len(pairs), degree == 2), facets.measures)
    outer = on_boundary(domain, facets.points)[ridges.nodes].all(axis=1)
    free = (degree == 1) & ~outer
    ends = free[ridges.ridge]
    order = np.argsort(ridges.ridge[ends], kind="stable")
    nodes = ridges.nodes[:, 0] if ridges.nodes.shape[1] == 1 else ridges.nodes
    return SingularSet(
        facets.points, facets.corners, pairs, jump, facets.measures, sheets,
        nodes[degree > 2], nodes[free], sheets[ridges.facet[ends][order]], *stated,
    )  # fmt: skip
