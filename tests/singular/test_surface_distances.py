"""Which part of a surface lay on a fold."""

import numpy as np
import pytest
from shapes import ball_solid
from tears import barbell

from meshot.morph import ball_to_shape, cell_sizes, fold_distances
from meshot.singular.detect import singular_set


@pytest.fixture(scope="module")
def dumbbell():
    morph = ball_to_shape(barbell(), tol=1e-3)
    return morph, singular_set(morph.transport, morph.solid)


def test_two_ends_meet_in_one_sheet(dumbbell):
    """The waist is a thread in the ball; around it the inner sides of the two ends lie on both sides of a ring."""
    morph, folds = dumbbell
    assert len(folds.sheet_measures) == 1
    assert np.abs(folds.points[:, 0]).max() < 0.1
    radius = np.linalg.norm(folds.points[:, 1:], axis=1)
    assert 0.1 < radius.min() < radius.max() == pytest.approx(morph.transport.problem.domain.radius, rel=0.01)
    sides = morph.transport.problem.sites[:, 0][folds.pairs]
    assert (sides.min(axis=1) < 0).all()
    assert (sides.max(axis=1) > 0).all()


def test_what_lies_between_the_ends_lay_on_the_fold(dumbbell):
    morph, folds = dumbbell
    distance, size = fold_distances(morph, folds), cell_sizes(morph)
    rows = morph.solid.boundary_vertices
    place = np.abs(morph.vertices[rows, 0])
    outermost, innermost = place > np.quantile(place, 0.9), place < np.quantile(place, 0.2)
    assert np.median(distance[rows][innermost]) < 0.5 * np.median(distance[rows][outermost])
    assert (distance[rows] < size[rows]).any()
    volumes = 4 / 3 * np.pi * size[morph.cell_of_vertex >= 0] ** 3
    assert volumes.sum() == pytest.approx(morph.transport.problem.domain.measure, rel=1e-9)


def test_a_ball_has_no_folds():
    morph = ball_to_shape(ball_solid())
    folds = singular_set(morph.transport, morph.solid)
    assert len(folds) == 0
    assert np.isinf(fold_distances(morph, folds)).all()
