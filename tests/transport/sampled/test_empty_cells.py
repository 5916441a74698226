import numpy as np
from strips import CPU, look, strips

from meshot.transport.sampled.estimates import LevelProblem
from meshot.transport.sampled.levels import nearly_empty_cells, raises_of_empty_cells
from meshot.transport.sampled.processes import ProcessGroup


def raise_thin(problem, heights, found):
    thin = nearly_empty_cells(found, problem)
    raises = raises_of_empty_cells(found, problem, heights, thin, (2,), ProcessGroup())
    assert not raises[~thin].any()
    raised = heights + raises
    return raised, look(problem, raised, 3)


def test_a_buried_site_takes_half_of_its_mass():
    def bury(heights):
        heights[4] -= 0.006

    problem, heights, found = strips(bury)
    assert nearly_empty_cells(found, problem).nonzero()[0].tolist() == [4]
    masses = raise_thin(problem, heights, found)[1].masses
    assert abs(masses[4] - 0.05) < 0.002
    assert abs(masses[[3, 5]] - 0.125).max() < 0.002


def test_a_site_far_below_others_comes_to_the_surface_first():
    def bury(heights):
        heights[4] -= 5.0

    problem, heights, found = strips(bury)
    assert not (found.neighbors.sites == 4).any()
    heights, found = raise_thin(problem, heights, found)
    assert (found.neighbors.sites == 4).any()
    assert found.masses[4] < 0.01
    assert abs(raise_thin(problem, heights, found)[1].masses[4] - 0.05) < 0.002


def test_thin_cells_of_few_expected_samples_are_not_told():
    problem, _, found = strips(lambda heights: None)
    assert not nearly_empty_cells(found, problem).any()
    few = LevelProblem(problem.sites, np.array([1e-5, *[1 / 9] * 9]), problem.source, CPU)
    assert not nearly_empty_cells(found, few)[0]
