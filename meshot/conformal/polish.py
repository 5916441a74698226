"""Make a disk map more conformal by moving the boundary along the circle.

The conformal energy of a harmonic map to the disk, its Dirichlet energy minus its area, is zero for a conformal map
only. As a function of the boundary angles it is smooth; one Newton step by a few conjugate gradients evens out what the
boundary values got wrong from vertex to vertex on a jagged boundary. More of them would only wander along the Moebius
maps, which hardly change the energy. As the energy counts faces by their area in the image, which may be tiny for most
of them, the step is taken only if it lowers the mean Beltrami coefficient of all faces.
"""

import numpy as np

from meshot.conformal.harmonic import DirichletProblem, on_circle
from meshot.conformal.repair import LEAST_SHARES
from meshot.mapping.affine import Complexes, beltrami
from meshot.meshes.mesh import Floats, Surface

ITERATIONS = 3
# With fewer boundary edges per face the step takes longer than its effect on the mean is worth.
LEAST_BOUNDARY = 1 / 400
# No gap between neighbors falls below this part of itself.
LEAST_SHRINKAGE = 0.25


def polish(problem: DirichletProblem, surface: Surface, gaps: Floats) -> Floats:
    """Return gaps that make the harmonic map more conformal, (B,), or the same ones.

    Parameters
    ----------
    problem : DirichletProblem
        Of `surface`.
    surface : Surface
    gaps : (B,) float
        Angle of each boundary edge; they sum to 2 pi.
    """
    if len(problem.interior) == 0 or len(gaps) < LEAST_BOUNDARY * len(surface.faces):
        return gaps
    # Where no interior vertex is near, the flux may be zero.
    gaps = np.maximum(gaps, LEAST_SHARES[0] * 2 * np.pi / len(gaps))
    values = on_circle(gaps)
    inside = problem.extend(values)
    step = _newton_step(problem, values, inside, gaps)
    moved = np.maximum(gaps + np.roll(step, -1) - step, LEAST_SHRINKAGE * gaps)
    moved *= 2 * np.pi / moved.sum()
    before = np.mean(np.abs(beltrami(surface, problem.joined(values, inside))))
    better = on_circle(moved)
    after = np.mean(np.abs(beltrami(surface, problem.joined(better, problem.extend(better)))))
    return np.asarray(moved) if after < before else gaps


def _pull(problem: DirichletProblem, values: Complexes, inside: Complexes) -> Complexes:
    """Return the derivative of the Dirichlet energy by the boundary values, (B,)."""
    return np.asarray(problem.rim @ values + problem.coupling.T @ inside)


def _newton_step(problem: DirichletProblem, values: Complexes, inside: Complexes, gaps: Floats) -> Floats:
    """Few preconditioned conjugate gradients on the Newton system for the boundary angles."""
    pull, tangent = _pull(problem, values, inside), 1j * values
    slope, bend = 0.5 * np.cos(gaps), 0.5 * np.sin(gaps)
    radial = (np.conj(values) * pull).real
    residual = np.roll(slope, 1) - slope - (np.conj(tangent) * pull).real
    diagonal = np.maximum(problem.rim.diagonal(), 1.0)
    direction = residual / diagonal
    step, size = np.zeros_like(residual), residual @ direction
    for _ in range(ITERATIONS):
        moved = tangent * direction
        stretch = bend * (np.roll(direction, -1) - direction)
        image = (np.conj(tangent) * _pull(problem, moved, problem.extend(moved))).real
        image += np.roll(stretch, 1) - stretch - radial * direction
        curvature = direction @ image
        if not curvature > 0.0:
            break
        step = step + size / curvature * direction
        residual = residual - size / curvature * image
        scaled = residual / diagonal
        size, before = residual @ scaled, size
        direction = scaled + size / before * direction
    return step
