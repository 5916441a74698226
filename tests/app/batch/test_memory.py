from hypothesis import given
from hypothesis import strategies as st

from meshot.app.batch.memory import Room, Seat


def room(*seats, granted=None, **memory):
    return Room({seat.address: seat for seat in seats}, memory, granted or {})


A, B, C = Seat("a", "here"), Seat("b", "here"), Seat("c", "there", most=3.0)


def test_a_mesh_of_unknown_size_gets_a_fair_share():
    assert room(A, B, here=8.0).place(None) == (A, 4.0)
    assert room(A, B, here=8.0, granted={"a": 4.0}).place(None) == (B, 4.0)
    assert room(A, B, here=8.0, granted={"a": 5.0}).place(None) == (B, 3.0)


def test_a_large_mesh_waits_until_there_is_room():
    assert room(A, B, here=8.0, granted={"a": 4.0}).place(5.0) is None
    assert room(A, B, here=8.0).place(5.0) == (A, 5.0)
    assert room(A, B, here=8.0, granted={"a": 8.0}).place(None) is None


def test_no_worker_gets_a_second_mesh():
    assert room(A, B, here=8.0, granted={"a": 1.0, "b": 1.0}).place(1.0) is None


def test_the_machine_with_the_most_memory_left_is_taken():
    assert room(A, C, here=8.0, there=64.0).place(2.0) == (A, 2.0)
    assert room(A, B, C, here=8.0, there=64.0, granted={"a": 7.0}).place(2.0) == (C, 2.0)


def test_the_largest_is_what_one_worker_may_take_on_an_empty_machine():
    assert room(A, B, C, here=8.0, there=64.0).largest() == 8.0
    assert room(C, there=64.0).largest() == 3.0
    assert room().largest() == float("inf")  # no worker yet: nothing is too large


@given(st.lists(st.one_of(st.none(), st.floats(0.1, 12)), max_size=12), st.floats(1, 10), st.integers(1, 4))
def test_grants_never_exceed_the_memory(needs, memory, workers):
    here = room(*(Seat(str(k), "here") for k in range(workers)), here=memory)
    for needed in needs:
        place = here.place(needed)
        if place is not None:
            seat, grant = place
            assert seat.address not in here.granted
            assert grant >= (needed or 0)
            here.granted[seat.address] = grant
        assert sum(here.granted.values()) <= memory * (1 + 1e-12)
