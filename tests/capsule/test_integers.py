"""What a plan tells of the integers that it gives: all of its calls are within it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalift.base import DType, TensorShape, UsageError
from exalift.capsule import (
    Array,
    Bounds,
    Call,
    Capsule,
    Index,
    Integer,
    Loop,
    Result,
    Role,
    Routine,
    Signature,
    StateArray,
    Step,
    Sweep,
    Walk,
    check_capsule,
    check_integers,
    integers_of,
)
from sample_capsules import mixing

I64 = TensorShape((), DType.I64)
X = TensorShape((4,), DType.I32)
R, S = Index(0, (("r", 1),)), Index(0, (("s", 1),))


def capsule_of(*plan: Step, integers: int) -> Capsule:
    routine = Routine(Signature("f", (*[I64] * integers, X), (X,)), b"not looked at")
    found = Capsule("c", (), (StateArray("x", X, Role.ARGUMENT),), (routine,), plan, (Result("x", "x"),))
    check_capsule(found)
    return found


def calls(capsule: Capsule) -> list[list[int | None]]:
    """The operands of every call that the plan makes, sweeps one iteration a piece."""
    walk, found = Walk(capsule), list[list[int | None]]()
    while not walk.finished:
        leaf = walk.settle()
        if leaf is None:
            continue
        given = [None if isinstance(o, Array) else o.at(leaf.counters) for o in leaf.step.operands]
        if isinstance(leaf.step, Sweep):
            found.append([leaf.first, leaf.first + 1, *given])
            walk.past(leaf.first + 1)
        else:
            found.append(given)
            walk.past()
    return found


indices = st.builds(
    lambda constant, r, s: Index(constant, (("r", r), ("s", s))),
    *(st.integers(-3, 3) for _ in range(3)),
)
bounds_of_r = st.builds(
    lambda low, more: Bounds((Index(low),), (Index(low + more),)), *[st.integers(0, 4)] * 2
)
bounds_of_s = st.builds(
    lambda low, factor, more: Bounds(
        (Index(low, (("r", factor),)), Index(-2)), (Index(low + more), Index(5))
    ),
    st.integers(-2, 4),
    st.integers(-1, 2),
    st.integers(0, 6),
)


@given(
    bounds_of_r,
    bounds_of_s,
    st.lists(st.sampled_from([R, S]) | indices, min_size=2, max_size=2),
    st.booleans(),
)
def test_every_call_is_within_what_is_told(
    outer: Bounds, inner: Bounds, operands: list[Index], sweep: bool
) -> None:
    given = (*operands, Array("x"))
    step = Sweep(inner, "f", given, ("x",)) if sweep else Call("f", given, ("x",))
    if sweep:
        # Its own counter is no operand.
        step = dataclasses.replace(step, operands=(R, Index(1, (("r", 2),)), Array("x")))
        plan = Loop("r", outer, (step,))
    else:
        plan = Loop("r", outer, (Loop("s", inner, (step,)),))
    capsule = capsule_of(plan, integers=4 if sweep else 2)
    integers = integers_of(capsule, "f")
    assert sorted(i.position for i in integers) == list(range(4 if sweep else 2))
    for values in calls(capsule):
        check_integers(integers, values)


def test_bounds_follow_the_loops_around() -> None:
    """`first` is at least the counter that it begins at, which is the third argument."""
    counter, first, limit = integers_of(mixing(rows=3, trips=10), "mix")
    assert counter == Integer(2, (Index(0),), (Index(3),))
    assert first == Integer(0, (Index(0, (("arg2", 1),)),), (Index(11),))
    assert limit == Integer(1, (Index(0, (("arg0", 1),)),), (Index(11),))


def test_steps_that_differ_have_bounds_for_both() -> None:
    first, second = (Call("f", (Index(value), Array("x")), ("x",)) for value in (3, -4))
    assert integers_of(capsule_of(first, second, integers=1), "f") == (Integer(0, (Index(-4),), (Index(4),)),)
    assert integers_of(capsule_of(first, integers=1), "g") == ()


def test_what_is_outside_is_refused() -> None:
    integers = integers_of(mixing(rows=3, trips=10), "mix")
    check_integers(integers, [2, 10, 2])
    for values in ([1, 5, 2], [3, 2, 2], [3, 11, 2], [3, 5, 3], [3, 5, None]):
        with pytest.raises(UsageError, match="argument"):
            check_integers(integers, values)
