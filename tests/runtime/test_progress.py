"""How far a job is: counted iteration by iteration against what the cursor tells."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalift.base import Fields, UsageError
from exalift.capsule import START, Bounds, Call, Capsule, Index, Loop, Step, Sweep, Walk
from exalift.runtime.overview import ENDED_JOBS, MIGRATIONS, DaemonView, JobView, overview_of
from exalift.runtime.policy import Quota, Room
from exalift.runtime.progress import Meter, locate, total_work
from exalift.runtime.record import Migration, Record, Status
from exalift.runtime.tenants import Tenant


def constant(value: int) -> tuple[Index, ...]:
    return (Index(value),)


def capsule_of(*plan: Step) -> Capsule:
    return Capsule("c", (), (), (), plan, ())


CALL = Call("call", (), ())


def square(n: int, start: Index) -> Capsule:
    """A loop of n around a sweep from `start` to n, and a call."""
    inner = Sweep(Bounds((start,), constant(n)), "sweep", (), ())
    return capsule_of(CALL, Loop("i", Bounds(constant(0), constant(n)), (inner, CALL)), CALL)


def shares(capsule: Capsule, piece: int) -> list[tuple[float, float]]:
    """What is said to be done, and what is, at every yield point of a run in pieces."""
    walk, done, rows = Walk(capsule), 0, []
    total = total_work(capsule)
    while (leaf := walk.settle()) is not None:
        rows.append((locate(capsule, walk.cursor, total).done, done))
        if isinstance(leaf.step, Sweep):
            reached = min(leaf.end, leaf.first + piece)
            done += reached - leaf.first
            walk.past(reached)
        else:
            done += 1
            walk.past()
    rows.append((locate(capsule, walk.cursor, total).done, done))
    return rows


@given(st.integers(1, 12), st.integers(1, 5))
def test_rectangular_plans_are_counted_exactly(n: int, piece: int) -> None:
    for said, true in shares(square(n, Index(0)), piece):
        assert said == pytest.approx(true)


@given(st.integers(2, 40), st.integers(1, 9))
def test_triangular_plans_are_counted_exactly_too(n: int, piece: int) -> None:
    """Simpson's rule leaves nothing out of a sum that is linear in the counter."""
    rows = shares(square(n, Index(0, (("i", 1),))), piece)
    for said, true in rows:
        assert said == pytest.approx(true, abs=1.0)
    assert rows[-1][0] == total_work(square(n, Index(0, (("i", 1),))))


def test_deep_and_long_plans_are_summed_in_little_time() -> None:
    step: Step = CALL
    for depth in range(16):
        step = Loop(f"i{depth}", Bounds(constant(0), constant(1 << 3)), (step,))
    assert total_work(capsule_of(step)) == 8.0**16
    assert total_work(capsule_of(*[step] * 1000)) == 1000 * 8.0**16


def test_a_cursor_tells_its_loops() -> None:
    capsule = square(9, Index(0))
    walk = Walk(capsule)
    walk.settle()
    walk.past()
    walk.settle()
    walk.past(4)
    place = locate(capsule, walk.cursor, total_work(capsule))
    assert [(level.name, level.value, level.first, level.end) for level in place.levels] == [
        ("i", 0, 0, 9),
        ("sweep", 4, 0, 9),
    ]
    assert (place.step, place.steps, place.done) == (1, 3, 5.0)


def test_a_rate_is_of_lately() -> None:
    capsule = capsule_of(Sweep(Bounds(constant(0), constant(1000)), "sweep", (), ()))
    meter = Meter.of(capsule)
    for second in range(10):
        meter.note(replace(START, counters=(10 * second,)), float(second))
    assert meter.progress(moving=True).rate == pytest.approx(10.0)
    assert meter.progress(moving=False).rate == 0.0
    for second in range(10, 40):
        meter.note(replace(START, counters=(100 + 20 * (second - 10),)), float(second))
    assert meter.progress(moving=True).rate == pytest.approx(20.0, rel=0.01)
    assert meter.at_end().share == 1.0


def record(number: int, tenant: str, status: Status, priority: str = "normal") -> Record:
    return Record(f"job{number}", tenant, "p", priority, "any", 100, number, status, submitted=5.0)


TENANTS = (Tenant("ada", "", Quota()), Tenant("bob", "", Quota(jobs=2)), Tenant("eve", "", Quota(), True))


def view(*records: Record) -> DaemonView:
    jobs = [JobView(r, ("a", "b"), "", Meter.of(square(3, Index(0))).progress(moving=True)) for r in records]
    return DaemonView(7.5, Room(), [("a", "xla", True), ("b", "iree", False)], TENANTS, jobs)


def test_tenants_see_their_own_jobs_alone() -> None:
    running = replace(record(1, "ada", Status.RUNNING), device="a")
    whole = view(running, record(2, "bob", Status.WAITING), record(3, "ada", Status.WAITING, "high"))
    ada, bob, eve, nobody = (whole.seen_by(tenant) for tenant in (*TENANTS, None))
    assert [(job.record.name, job.queue) for job in ada.jobs] == [("job1", 0), ("job3", 1)]
    assert [(job.record.name, job.queue) for job in bob.jobs] == [("job2", 2)]
    assert len(eve.jobs) == 3 and [t.name for t in eve.tenants] == ["ada", "bob", "eve"]
    assert not nobody.jobs and not nobody.tenants
    assert [t.name for t in bob.tenants] == ["bob"]
    assert all((seen.unfinished, seen.waiting) == (3, 2) for seen in (ada, bob, eve, nobody))
    assert [(d.jobs, d.weight) for d in bob.devices] == [(1, 4), (0, 0)]
    assert "job1" not in json.dumps(bob.as_fields()) and "ada" not in json.dumps(bob.as_fields())


def test_an_overview_is_bounded_and_comes_back_from_plain_data() -> None:
    ended = [record(i, "ada", Status.DONE) for i in range(3 * ENDED_JOBS)]
    ended[-1].migrations += [Migration("a", "b", 0.001, 0.1 * (i % 2), 9.0) for i in range(3 * MIGRATIONS)]
    seen = view(*ended, record(999, "ada", Status.RUNNING)).seen_by(TENANTS[0])
    assert len(seen.jobs) == ENDED_JOBS + 1
    last = seen.jobs[-2]
    assert last.moves == 3 * MIGRATIONS and len(last.record.migrations) == MIGRATIONS
    assert {move.warm for move in last.record.migrations} == {True, False}
    assert len(ended[-1].migrations) == 3 * MIGRATIONS
    assert overview_of(Fields(json.loads(json.dumps(seen.as_fields())), "an overview")) == seen
    with pytest.raises(UsageError, match="another version"):
        overview_of(Fields({**seen.as_fields(), "schema": 2}, "an overview"))
