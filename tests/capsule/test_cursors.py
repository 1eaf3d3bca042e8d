"""Walking over plans: every yield point can be left and come back to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.base import UsageError
from exalift.capsule import START, Call, Cursor, Sweep, Walk, live_at
from sample_capsules import mixing

Event = tuple[str, int, int, int]


def walked(cuts: list[int], again: bool) -> list[Event]:
    """The events of a walk whose sweeps are cut as told; with `again`, from its own cursor after each."""
    capsule = mixing(rows=3, trips=4)
    walk = Walk(capsule)
    events: list[Event] = []
    remaining = list(cuts)
    while (leaf := walk.settle()) is not None:
        r = leaf.counters["r"]
        if isinstance(leaf.step, Sweep):
            limit = min(leaf.end, leaf.first + (remaining.pop() if remaining else 1))
            events += [("mix", r, k, 0) for k in range(leaf.first, limit)]
            walk.past(limit)
        else:
            events.append(("add", r, 0, 0))
            walk.past()
        if again:
            walk = Walk(capsule, walk.cursor)
    assert walk.finished
    return events


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), max_size=12), st.booleans())
def test_every_cut_and_return_gives_the_same_events(cuts: list[int], again: bool) -> None:
    expected: list[Event] = []
    for r in range(3):
        expected += [("mix", r, k, 0) for k in range(r, 4)] + [("add", r, 0, 0)]
    assert walked(cuts, again) == expected


def test_a_sweep_with_nothing_to_do_is_passed_over() -> None:
    walk = Walk(mixing(rows=2, trips=0))
    leaf = walk.settle()
    assert leaf is not None and isinstance(leaf.step, Call)
    assert walk.cursor == Cursor((0, 1), (0,))


def test_plans_without_work_are_walked_through_in_portions() -> None:
    walk = Walk(mixing(rows=1 << 40, trips=0))
    for _ in range(3):
        leaf = walk.settle()
        assert leaf is not None
        walk.past()


NOWHERE = [
    Cursor(()),
    Cursor((2,)),
    Cursor((-1,)),
    Cursor((0, 0)),
    Cursor((0, 0), (3,)),
    Cursor((0, 0), (-1,)),
    Cursor((0, 3), (0,)),
    Cursor((0, 0, 0), (0, 0)),
    Cursor((0, 0), (1, 0)),
    Cursor((0, 0), (0, 4)),
    Cursor((0, 1), (0, 1)),
    Cursor((0, 0), (0, 1, 2)),
    Cursor((0, 0), (0,), limit=3),
    Cursor((0, 0), (0,), limit=3, kernel=(1,)),
    Cursor((0, 0), (0, 1), limit=9, kernel=(1,)),
    Cursor((1,), kernel=(1,)),
    Cursor((0, 1), (0,), kernel=(1,) * 100),
]


@pytest.mark.parametrize("cursor", NOWHERE, ids=str)
def test_cursors_that_are_nowhere_are_refused(cursor: Cursor) -> None:
    with pytest.raises(UsageError):
        Walk(mixing(rows=3, trips=4), cursor)


def test_cursors_inside_kernels_come_back() -> None:
    capsule = mixing(rows=3, trips=4)
    for cursor in (Cursor((0, 0), (0, 1), 3, (5, 6)), Cursor((0, 1), (2,), 0, (1,))):
        walk = Walk(capsule, cursor)
        assert walk.cursor == cursor
        assert walk.settle() is not None
        walk.past()
        assert not walk.cursor.kernel


def test_only_what_is_wanted_is_handed_over() -> None:
    capsule = mixing()
    assert live_at(capsule, START.positions) == {"x", "y"}
    assert live_at(capsule, (1,)) == {"x", "y"}
    assert live_at(capsule, (0, 1)) == {"x", "y"}
