"""Sweeps on the native device: loops whose ends are arguments, in place, in pieces, inside their bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exalift.base import DeviceError, DType
from exalift.capsule import Capsule, Loop, integers_of
from exalift.capsule.stablehlo_artifact import check_artifact
from exalift.devices import Array, Compilation, find_device
from exalift.dialects.stablehlo import LoopRange
from exalift.native import NativeDevice
from exalift.native.executable import NativeExecutable
from exalift.native.program import Sequential
from exalift.native.session import NativeFunction, bounds_as_range
from exalift.pipeline import lift, pack
from exalift.runtime import Execution, compile_routines, random_state, results_of, run_to_end
from sample_capsules import mixed, mixing

ROOT = Path(__file__).parents[2]
NATIVE = NativeDevice()
SESSION = NATIVE.open()
START = np.arange(8, dtype=np.int32)

# The second loop's places are inside their rows only where j is beyond i.
TRIANGLE = """
void triangle(int n, int A[4][n]) {
    for (int i = 0; i < 4; i++)
        for (int j = i + 1; j < n; j++)
            A[i][j] = 3 * A[i][j - 1] + 5 * A[3][j - i - 1] + i + j;
}
"""


def capsule_of(source: str | Path, name: str, work: int = 0, **sizes: int) -> Capsule:
    return pack(lift(source, name, sizes=sizes, level="tested", budget_s=30), least_work=work)


def job(name: str, **sizes: int) -> Capsule:
    return capsule_of(ROOT / "benchmarks" / "runtime" / "jobs" / f"{name}.c", name, **sizes)


def kernel(name: str) -> Capsule:
    return pack(lift(ROOT / "benchmarks" / "kernels" / f"{name}.c", budget_s=30), least_work=0)


MIXES = {
    capsule: compile_routines(capsule, NATIVE, SESSION) for capsule in (mixing(), mixing(dtype=DType.F32))
}


def in_pieces(capsule: Capsule, lengths: list[int]) -> dict[str, Array]:
    """Run some pieces of one iteration, take the state out, go on from it, and so on."""
    compiled = MIXES.get(capsule) or compile_routines(capsule, NATIVE, SESSION)
    execution = Execution.begin(capsule, SESSION, compiled, random_state(capsule, 1), slice_seconds=0)
    for length in lengths:
        for _, _ in zip(range(length), execution.pieces(), strict=False):
            pass
        execution = Execution.begin(capsule, SESSION, compiled, execution.state(), execution.cursor, 0)
    for _ in execution.pieces():
        pass
    return results_of(capsule, execution.state())


def whole(capsule: Capsule, device: str = "native") -> dict[str, Array]:
    return results_of(capsule, run_to_end(capsule, find_device(device), random_state(capsule, 1)))


def executable(capsule: Capsule) -> NativeExecutable:
    (routine,) = capsule.routines
    assert routine.function is not None
    ranges = [bounds_as_range(integer) for integer in integers_of(capsule, routine.name)]
    return NATIVE.compile_module(check_artifact(routine.function, routine.signature), "main", ranges)


def compiled(capsule: Capsule) -> NativeFunction:
    """The one routine of a capsule."""
    (routine,) = capsule.routines
    return SESSION.compile_function(routine, Compilation(integers=integers_of(capsule, routine.name)))


def test_a_job_of_sweeps_gives_what_numpy_gives() -> None:
    got = results_of(mixing(), run_to_end(mixing(), NATIVE, {"x": START}))
    for name, value in mixed(START).items():
        np.testing.assert_array_equal(got[name], value)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(MIXES)), st.lists(st.integers(0, 6), max_size=6))
def test_pieces_change_no_bit(capsule: Capsule, lengths: list[int]) -> None:
    expected = whole(capsule)
    for name, value in in_pieces(capsule, lengths).items():
        np.testing.assert_array_equal(value, expected[name])


JOBS = {
    "stencil": job("stencil", steps=30, n=18),
    "factor": job("factor", rounds=12, n=9),
    "training": job("training", steps=20, m=9, d=5, h=7, o=3),
}


@pytest.mark.parametrize("name", JOBS)
def test_long_jobs_give_the_same_as_elsewhere_and_in_pieces(name: str) -> None:
    capsule = JOBS[name]
    expected, ours, cut = whole(capsule, "xla"), whole(capsule), in_pieces(capsule, [3, 1, 4])
    for result, value in expected.items():
        np.testing.assert_array_equal(cut[result], ours[result])
        if value.dtype.kind == "f":
            np.testing.assert_allclose(ours[result], value, rtol=1e-6, atol=1e-6 * np.max(np.abs(value)))
        else:
            np.testing.assert_array_equal(ours[result], value)


# Loops that the device turns inside out or about, where it sees them whole.
@pytest.mark.parametrize("name", ["durbin", "trisolv", "lu", "adi", "seidel-2d", "jacobi-1d", "nussinov"])
def test_kernels_that_are_loops_give_the_same_bits_in_pieces(name: str) -> None:
    capsule = kernel(name)
    expected, cut = whole(capsule), in_pieces(capsule, [2, 3])
    for result, value in whole(capsule, "xla").items():
        assert cut[result].tobytes() == expected[result].tobytes()
        tolerance = 1e-12 if value.dtype == np.float64 else 1e-6
        np.testing.assert_allclose(
            expected[result], value, rtol=tolerance, atol=tolerance * float(np.max(np.abs(value)))
        )


def test_places_that_follow_the_loops_around_are_read() -> None:
    capsule = capsule_of(TRIANGLE, "triangle", n=33)
    assert isinstance(capsule.plan[0], Loop)
    expected, cut = whole(capsule, "xla"), in_pieces(capsule, [1, 5])
    np.testing.assert_array_equal(whole(capsule)["A"], expected["A"])
    np.testing.assert_array_equal(cut["A"], expected["A"])


@pytest.mark.parametrize("name", ["stencil", "factor"])
def test_iterations_are_in_place(name: str) -> None:
    """One loop and nothing beside it: what it updates is what it was given, and what it gives."""
    procedure = executable(JOBS[name]).procedure
    (loop,) = procedure.body
    assert isinstance(loop, Sequential)
    assert {array for _, array in procedure.results} <= set(procedure.arguments)


def test_operands_keep_their_contents() -> None:
    capsule = JOBS["stencil"]
    function = compiled(capsule)
    state = random_state(capsule, 1)
    given = [SESSION.put(state[name]) for name in ("A", "B")]
    results = function.run([0, 3, *given])
    assert not np.array_equal(SESSION.get(results[0]), state["A"])
    for buffer, name in zip(given, ("A", "B"), strict=True):
        np.testing.assert_array_equal(SESSION.get(buffer), state[name])
    for same in (function.run([5, 5, *given]), function.run([30, 30, *given])):
        np.testing.assert_array_equal(SESSION.get(same[0]), state["A"])


@pytest.mark.parametrize("ends", [(-1, 3), (0, 31), (4, 3), (31, 31)])
def test_iterations_outside_the_plan_s_are_refused(ends: tuple[int, int]) -> None:
    capsule = JOBS["stencil"]
    function = compiled(capsule)
    given = [SESSION.put(value) for value in random_state(capsule, 1).values()]
    with pytest.raises(DeviceError, match="outside"):
        function.run([*ends, *given])


def test_a_loop_to_a_number_that_nobody_told_of_is_refused() -> None:
    routine = JOBS["stencil"].routines[0]
    with pytest.raises(DeviceError, match="native cannot run"):
        SESSION.compile_function(routine)
    assert bounds_as_range(integers_of(JOBS["stencil"], routine.name)[0]).iv == "arg0"
    assert isinstance(bounds_as_range(integers_of(JOBS["stencil"], routine.name)[1]), LoopRange)
