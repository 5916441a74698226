"""Less angle distortion at the same areas: descent on the manifold of disk maps with prescribed areas.

Where a face's image has the area T_f and the face itself A_f, its conformal distortion (s1/s2 + s2/s1)/2 of singular
values is |Df|^2 A_f / (2 T_f): quadratic in the vertices' positions, the Dirichlet energy with weights. So a map of
least mean distortion at given areas has least weighted Dirichlet energy on the manifold of these areas. The manifold
is thin, but smooth displacements without divergence hardly leave it. Steps are Gauss-Newton on

    mean over the surface of (ratio_f - 1)^2 / 2  +  pull * (weighted Dirichlet energy) / pi.

The pull lets areas go in proportion to itself; it is lowered until they are within their tolerance.
"""

from functools import cached_property

import numpy as np

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.algebra.operators import edge_lengths, edge_weights
from meshot.base.arrays import Floats
from meshot.base.progress import SILENT, Progress
from meshot.meshes.surface import Surface
from meshot.refinement.disk_system import DiskSystem

# Pull at the start, in units of the areas' tolerance, and the least part of itself to which it is lowered at once.
PULL, LOWERED = 1.0, 0.1
# Damping at the start; it is halved after a whole step, doubled after a part of one.
DAMPING = 1e-3
CORRECTIONS = 2
# Relative model error of the areas beyond which a step is not corrected but shortened.
TRUST = 1.0
# Least part of its area that a face keeps in a step; shortest part of a step.
KEEP, SHORTEST = 0.2, 1e-3
# A pull has done its work when a sweep lowers the energy by less than this part.
SETTLED = 2e-3


def lessen_angles(
    surface: Surface,
    uv: Floats,
    shares: Floats,
    *,
    tol_sd: float = 1e-2,
    sweeps: int = 12,
    progress: Progress | None = None,
) -> tuple[Floats, int]:
    """Lower the angle distortion of a disk map that has the wanted areas, nearly keeping them, without a fold.

    Parameters
    ----------
    surface : Surface
        A disk.
    uv : (V, 2) float
        Its map, boundary on the circle.
    shares : (F,) float
        Wanted shares of the image's area.
    tol_sd : float
        Standard deviation of share over wanted share that is allowed.
    sweeps : int
        Most steps.
    progress : Progress, optional
        Called with the steps.

    Returns
    -------
    (V, 2) float, int
        The map, and the steps taken. Its areas are within the tolerance if the sweeps sufficed. A face that was not
        folded is not.
    """
    used, compact = np.unique(surface.faces, return_inverse=True)
    slider = Slider(surface, DiskSystem(compact.reshape(-1, 3), shares), uv[used], PULL * tol_sd)
    client = progress or SILENT
    done, before = 0, slider.energy(slider.uv)
    while done < sweeps and slider.step():
        done += 1
        client.update(done / sweeps)
        energy = slider.energy(slider.uv)
        if abs(before - energy) < SETTLED * before:
            if slider.spread <= tol_sd:
                break
            slider.pull *= max(0.5 * tol_sd / slider.spread, LOWERED)
        before = energy
    slid = uv.copy()
    slid[used] = slider.uv
    return slid, done


def conformal_energy(surface: Surface, uv: Floats, shares: Floats) -> float:
    """Return the mean of (s1/s2 + s2/s1)/2 over the surface, for a map whose faces have these shares.

    It is 1 for a conformal map.
    """
    used, compact = np.unique(surface.faces, return_inverse=True)
    slider = Slider(surface, DiskSystem(compact.reshape(-1, 3), shares), uv[used])
    return slider.energy(slider.uv) * np.pi / float(slider.areas.sum())


class Slider:
    """A disk map on its way to less distortion.

    Parameters
    ----------
    surface : Surface
        Gives the shapes of the faces.
    system : DiskSystem
        The same faces, without vertices that none of them uses, and the wanted areas.
    uv : (V, 2) float
        Start.
    pull : float
        How much the energy counts against the areas.
    """

    def __init__(self, surface: Surface, system: DiskSystem, uv: Floats, pull: float = 0.0) -> None:
        self.pull = pull
        self.system, self.uv, self.areas = system, uv, system.measures(uv)
        stretch = surface.face_areas / surface.area / system.shares
        # Each face's half of an edge's weight; `face_edges` stand opposite to the corners where halfedges begin.
        weights = np.roll(edge_weights(edge_lengths(surface)) * stretch[:, None], -1, axis=1)
        self.weights = np.bincount(system.face_edges.ravel(), weights.ravel(), minlength=len(system.edges))
        tail, head = system.edges.T
        self.star = np.bincount(tail, self.weights, system.count) + np.bincount(head, self.weights, system.count)
        self.damping = DAMPING

    @cached_property
    def solver(self) -> BlockCholesky:
        """Of the steps' matrices."""
        return BlockCholesky(self.uv, self.system.edges, thin=True)

    @property
    def spread(self) -> float:
        """Standard deviation of share over wanted share."""
        return float(np.std(self.areas / (self.system.shares * self.areas.sum())))

    def energy(self, uv: Floats) -> float:
        """Weighted Dirichlet energy over pi."""
        tail, head = self.system.edges.T
        return float(0.5 / np.pi * np.sum(self.weights * np.sum((uv[tail] - uv[head]) ** 2, axis=1)))

    def force(self, uv: Floats) -> Floats:
        """Gradient of pi times the energy, (V, 2)."""
        tail, head = self.system.edges.T
        pulls = self.weights[:, None] * (uv[tail] - uv[head])
        columns = [
            np.bincount(tail, pull, minlength=len(uv)) - np.bincount(head, pull, minlength=len(uv)) for pull in pulls.T
        ]
        return np.stack(columns, axis=1)

    def merit(self, uv: Floats, areas: Floats) -> float:
        """Return what the steps lower."""
        shares = self.system.shares
        off = areas / areas.sum() / shares - 1
        return float(0.5 * np.sum(shares * off**2)) + self.pull * self.energy(uv)

    def step(self) -> bool:
        """Take a step, or none if there is none; return whether one was taken."""
        direction = self._direction()
        before, part = self.merit(self.uv, self.areas), 1.0
        gaps = self.system.gaps(self.uv)
        while part > SHORTEST:
            moved = self.system.move(self.uv, part * direction)
            areas = self.system.measures(moved)
            folded = ((areas <= KEEP * self.areas) & (self.areas > 0)).any()
            crossed = (self.system.gaps(moved) <= KEEP * gaps).any()
            if not folded and not crossed and self.merit(moved, areas) < before:
                self.uv, self.areas = moved, areas
                self.damping *= 0.5 if part == 1.0 else 2.0
                return True
            part /= 2
        return False

    def _direction(self) -> Floats:
        """Return the Gauss-Newton step, corrected for the curvature of the areas."""
        system, total = self.system, self.areas.sum()
        targets = system.shares * total
        frames = system.frames(self.uv)
        gradients = system.gradients(self.uv, frames)
        weights = system.shares / targets**2
        self.solver.factorize(*self._matrix(frames, gradients, weights))
        pull = self.pull / np.pi * np.einsum("vxa,vx->va", frames, self.force(self.uv))
        goal = targets - self.areas
        step = self.solver.solve(system.pull(gradients, weights * goal) - pull)
        for _ in range(CORRECTIONS):
            areas = system.measures(system.move(self.uv, step))
            curved = areas - self.areas - system.change(gradients, step) - system.shares * (areas.sum() - total)
            if np.std(curved / targets) > TRUST:
                break
            step = self.solver.solve(system.pull(gradients, weights * (goal - curved)) - pull)
        return step

    def _matrix(self, frames: Floats, gradients: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Blocks of the squared areas, the damping and the energy."""
        system = self.system
        floor = 0.01 * system.shares * self.areas.sum()
        diagonal, across = system.matrix(self.uv, frames, gradients, weights, system.shares * self.damping, floor)
        tail, head = system.edges.T
        scale = self.pull / np.pi
        diagonal += scale * self.star[:, None, None] * np.einsum("vxa,vxb->vab", frames, frames)
        across -= scale * self.weights[:, None, None] * np.einsum("exa,exb->eab", frames[tail], frames[head])
        return diagonal, across
