"""Admission and placement: who waits, who is refused, and where jobs go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalift.base import UsageError
from exalift.runtime.policy import WEIGHTS, Demand, Placement, Quota, Room, admit, place

DEVICES = ("a", "b")
ROOM = Room(jobs=4, bytes=100)


def demand(
    name: str, *, tenant: str = "t", priority: str = "normal", size: int = 10, arrival: int = 0
) -> Demand:
    return Demand(name, tenant, priority, size, arrival, DEVICES)


@pytest.mark.parametrize(
    ("new", "others", "quota", "message"),
    [
        (demand("x", priority="urgent"), [], Quota(), "no priority 'urgent'"),
        (demand("x", priority="high"), [], Quota(highest="normal"), "priority normal at most"),
        (demand("x", size=101), [], Quota(), "takes 101 bytes"),
        (demand("x"), [demand(str(i), tenant="u") for i in range(4)], Quota(), "full: 4 jobs"),
        (demand("x"), [demand("y")], Quota(jobs=1), "has 1 jobs, of 1"),
        (demand("x"), [demand("y")], Quota(bytes=19), "20 bytes of state, of 19"),
        (Demand("x", "t", "low", 1, 0, ()), [], Quota(), "no device"),
    ],
)
def test_what_is_too_much_is_refused(new: Demand, others: list[Demand], quota: Quota, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        admit(new, others, quota, ROOM)


def test_other_tenants_do_not_count_for_a_quota() -> None:
    admit(demand("x"), [demand("y", tenant="u")], Quota(jobs=1, bytes=10), ROOM)


def test_higher_priorities_go_first_and_equals_in_order() -> None:
    room = Room(bytes=10)
    waiting = [
        demand("late", arrival=3),
        demand("early", arrival=1),
        demand("high", priority="high", arrival=9),
    ]
    assert place(waiting, {"a": [], "b": []}, room) == (Placement("high", "a"), Placement("early", "b"))


def test_a_job_without_room_does_not_hold_up_smaller_ones() -> None:
    waiting = [demand("large", size=95, arrival=1), demand("small", size=5, arrival=2)]
    running = {"a": [demand("p")], "b": [demand("q"), demand("r")]}
    assert place(waiting, running, ROOM) == (Placement("small", "a"),)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(WEIGHTS)), st.integers(1, 60), st.sampled_from([("a",), ("b",), DEVICES])
        ),
        max_size=12,
    )
)
def test_no_device_is_filled_beyond_its_room(rows: list[tuple[str, int, tuple[str, ...]]]) -> None:
    waiting = [Demand(str(i), "t", p, size, i, d) for i, (p, size, d) in enumerate(rows)]
    placements = place(waiting, {"a": [], "b": []}, ROOM)
    by_name = {job.name: job for job in waiting}
    for device in DEVICES:
        there = [by_name[p.name] for p in placements if p.device == device]
        assert sum(job.bytes for job in there) <= ROOM.bytes
        assert all(device in job.devices for job in there)
    assert len({p.name for p in placements}) == len(placements)
