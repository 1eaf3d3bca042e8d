"""Jobs on one device: sliced anywhere, and left and taken up again anywhere, they give the same bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exalift.base import DeviceError, DType, UsageError
from exalift.capsule import Capsule
from exalift.devices import Array, find_device
from exalift.runtime import (
    Execution,
    compile_routines,
    initial_state,
    random_state,
    results_of,
    run_to_end,
)
from sample_capsules import mixed, mixing

XLA = find_device("xla")
SESSION = XLA.open()
START = np.arange(8, dtype=np.int32)


def test_a_job_gives_what_numpy_gives() -> None:
    capsule = mixing()
    got = results_of(capsule, run_to_end(capsule, XLA, initial_state(capsule, {"x": START})))
    expected = mixed(START)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


FLOATS = mixing(rows=3, trips=10, dtype=DType.F32)
COMPILED = {c: compile_routines(c, XLA, SESSION) for c in (mixing(), FLOATS)}


def run_with_moves(capsule: Capsule, lengths: list[int]) -> dict[str, Array]:
    """Run some pieces, take the state out, go on from it, and so on; one iteration a piece."""
    compiled = COMPILED[capsule]
    state = random_state(capsule, 1)
    execution = Execution.begin(capsule, SESSION, compiled, state, slice_seconds=0)
    for length in lengths:
        for _, _ in zip(range(length), execution.pieces(), strict=False):
            pass
        execution = Execution.begin(capsule, SESSION, compiled, execution.state(), execution.cursor, 0)
    for _ in execution.pieces():
        pass
    return results_of(capsule, execution.state())


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([mixing(), FLOATS]), st.lists(st.integers(0, 6), max_size=6))
def test_moves_change_no_bit(capsule: Capsule, lengths: list[int]) -> None:
    whole = results_of(capsule, run_to_end(capsule, XLA, random_state(capsule, 1)))
    moved = run_with_moves(capsule, lengths)
    for name, value in whole.items():
        np.testing.assert_array_equal(moved[name], value)


def test_random_inputs_depend_on_seed_and_parameter_alone() -> None:
    capsule = mixing()
    np.testing.assert_array_equal(random_state(capsule, 4)["x"], random_state(capsule, 4)["x"])
    assert not np.array_equal(random_state(capsule, 4)["x"], random_state(capsule, 5)["x"])


def test_wrong_inputs_are_refused() -> None:
    capsule = mixing()
    with pytest.raises(UsageError, match="argument x of mixing is missing"):
        initial_state(capsule, {})
    with pytest.raises(UsageError, match="no argument 'z'"):
        initial_state(capsule, {"x": START, "z": START})
    with pytest.raises(UsageError, match="x must be tensor<8xi32>"):
        initial_state(capsule, {"x": START.astype(np.int64)})


def test_a_device_without_the_form_says_so() -> None:
    capsule = mixing()
    first, second = capsule.routines
    kernels = dataclasses.replace(
        capsule, routines=(dataclasses.replace(first, function=None, kernel="k"), second)
    )
    with pytest.raises(DeviceError, match="xla-cpu cannot run mix: the capsule has it as a kernel only"):
        compile_routines(kernels, XLA, SESSION)


def test_artifacts_that_are_not_what_they_say_run_nothing() -> None:
    capsule = mixing()
    first, second = capsule.routines
    swapped = (dataclasses.replace(first, function=second.function), second)
    with pytest.raises(UsageError, match="types of its routine"):
        compile_routines(dataclasses.replace(capsule, routines=swapped), XLA, SESSION)
