import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshot.base.kernels import kernel
from meshot.diagrams.space.polytope import MISSED, OUT_OF_ROOM, cut, make_polytope, start_box

pytestmark = pytest.mark.uncompiled

ROOM = 256


@kernel
def cut_cube(cuts, tol, room):
    """Cut the cube of side 2 by one plane after another; returns the polytope, its counts of corners and facets."""
    cell = make_polytope(room)
    count, used = start_box(cell, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0), 6
    for k in range(len(cuts)):
        after = cut(cell, count, used, cuts[k, 0], cuts[k, 1], cuts[k, 2], cuts[k, 3], tol)
        if after != MISSED:
            count, used = after, used + 1
        if count <= 0:
            break
    return cell, count, used


def polytope(cuts, tol=1e-15, room=ROOM):
    """Corners, the facets and corners next to each, and planes of the cube cut by planes (m, 4)."""
    cell, count, used = cut_cube(np.asarray(cuts, dtype=np.float64).reshape(-1, 4), tol, room)
    if count < 0:
        return count, None, None
    return cell.pos[:3, :count].T.copy(), cell.top[:count].copy(), cell.planes[:used].copy()


def volume(corners, top, planes):
    """By the divergence theorem, from directed edges: edge k runs counter-clockwise around facet k + 1."""
    total = 0.0
    for v, row in enumerate(top):
        for k in range(3):
            normal, offset = planes[row[(k + 1) % 3], :3], planes[row[(k + 1) % 3], 3]
            total += offset * (np.cross(corners[v], corners[row[3 + k]]) @ normal) / 6
    return total


def assert_sound(top):
    """Links are mutual and carry the same two facets, no corner has one twice, and Euler's formula holds."""
    for v, row in enumerate(top):
        assert len(set(row[:3])) == 3
        assert len(set(row[3:])) == 3
        for k in range(3):
            there = top[row[3 + k]]
            back = [m for m in range(3) if there[3 + m] == v]
            assert len(back) == 1
            assert (row[k], row[(k + 1) % 3]) == (there[(back[0] + 1) % 3], there[back[0]])
    assert len(top) - 3 * len(top) // 2 + len(np.unique(top[:, :3])) == 2


def random_planes(count, seed, offset=0.7):
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    return np.column_stack([normals, np.full(count, offset)])


def test_a_cut_takes_a_corner_off_the_cube():
    corners, top, planes = polytope([[*np.ones(3) / np.sqrt(3), 2 / np.sqrt(3)]])
    assert_sound(top)
    assert len(corners) == 10
    assert volume(corners, top, planes) == pytest.approx(8 - 1 / 6)


def test_a_plane_that_misses_or_touches_changes_nothing_and_one_that_takes_all_leaves_nothing():
    for plane in ([1.0, 0, 0, 2], [1.0, 0, 0, 1], [*np.ones(3) / np.sqrt(3), np.sqrt(3)]):
        assert len(polytope([plane])[0]) == 8
    assert len(polytope([[1.0, 0, 0, -1.5]])[0]) == 0


def test_too_little_room_is_told():
    assert polytope(random_planes(40, 0), room=32)[0] == OUT_OF_ROOM


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 12), st.floats(-0.5, 0.9))
def test_both_sides_of_a_plane_make_the_whole(seed, count, offset):
    cuts = random_planes(count, seed)
    plane = random_planes(1, seed + 1, offset)
    whole, one, two = polytope(cuts), polytope([*cuts, *plane]), polytope([*cuts, *-plane])
    for part in (one, two):
        assert_sound(part[1]) if len(part[0]) else None
    assert volume(*one) + volume(*two) == pytest.approx(volume(*whole), abs=1e-13)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 40), st.sampled_from([0.0, 1e-16, 1e-15]), st.sampled_from([0, 1, 2]))
@example(70704, 25, 0.0, 1)
def test_planes_through_a_point_or_a_line_leave_a_sound_polytope(seed, count, tol, kind):
    # rounding scatters the signs of the corners at the common point, or along the common line
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(count, 3))
    normals[:, 2] = np.abs(normals[:, 2]) if kind == 0 else 0.0
    normals = np.concatenate([normals, normals[: count // 2]]) if kind == 2 else normals
    point = np.array([0.1, 0.2, 0.3])
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    normals[normals @ [0.3, 0.4, 1.0] < 0] *= -1
    corners, top, planes = polytope(np.column_stack([normals, normals @ point]), tol)
    assert_sound(top) if len(corners) else None
    assert (corners @ planes[:, :3].T <= planes[:, 3] + 1e-14).all()
