"""Runs in slices: the same bits whatever the budgets, and positions that are no positions are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import run_sliced, run_whole
from kernel_samples import SAMPLES

from exalift.base import UsageError
from exalift.capsule.kernels import Position, Schedule, placed_nests, points_of

PARAMETERS = {"framed": {"first": 1}}


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=8)
@given(budgets=st.lists(st.integers(0, 40), min_size=1, max_size=5), seed=st.integers(0, 5))
def test_slices_give_the_same_bits_as_whole_runs(name: str, budgets: list[int], seed: int) -> None:
    sample = SAMPLES[name]
    parameters = PARAMETERS.get(name, {})
    whole = run_whole(sample.kernel, parameters, sample.inputs(seed))
    sliced, slices = run_sliced(sample.kernel, parameters, sample.inputs(seed), budgets)
    assert slices >= 1
    for one, other in zip(whole, sliced, strict=True):
        assert one.tobytes() == other.tobytes()


def test_values_are_those_of_numpy() -> None:
    (matrix,) = SAMPLES["lu"].inputs()
    (factors,) = run_whole(SAMPLES["lu"].kernel, {}, [matrix])
    lower = np.tril(factors, -1).astype(np.float64) + np.eye(21)
    assert np.allclose(lower @ np.triu(factors), matrix, rtol=1e-4, atol=1e-4)


def test_training_lowers_the_loss() -> None:
    sample = SAMPLES["training"]
    values = run_whole(sample.kernel, {}, sample.inputs())
    x, y, w, v, _ = sample.inputs()
    first = float(np.sum((np.tanh(x @ w) @ v - y) ** 2))
    assert float(values[4]) < first


@pytest.mark.parametrize("name", SAMPLES)
def test_budgets_count_yield_points(name: str) -> None:
    """With budget 0 every slice ends at the next yield point, so that there is one more than points."""
    sample = SAMPLES[name]
    parameters = PARAMETERS.get(name, {})
    schedule = Schedule(sample.kernel, parameters)
    total = schedule.batch(schedule.start, None, most=1 << 30).passed
    _, slices = run_sliced(sample.kernel, parameters, sample.inputs(), [0])
    # The last yield of some kernels is their end, where nothing is left to do.
    assert slices in (total, total + 1)


def test_frames_hold_what_is_in_sight_at_yields() -> None:
    (placed,) = placed_nests(SAMPLES["framed"].kernel)
    assert placed.frame is not None and placed.frame.points == points_of(placed.nest.body) == 2
    assert placed.frame.extents == (13, 3)
    assert [saved.name for saved in placed.frame.saved] == ["total", "seen", "scale", "k", "part", "m"]


@pytest.mark.parametrize("value", [-1, 4, None])
def test_wrong_parameters_are_refused(value: int | None) -> None:
    with pytest.raises(UsageError, match="first must be 0 to 3"):
        Schedule(SAMPLES["framed"].kernel, {} if value is None else {"first": value})


@pytest.mark.parametrize(
    "position",
    [
        Position(-1, (0,), 0),
        Position(99, (0,), 0),
        Position(1, (), 0),
        Position(1, (9,), 0),
        Position(1, (0, 0), 0),
        Position(1, (0,), -1),
        Position(1, (0,), 7),
    ],
)
def test_wrong_positions_are_refused(position: Position) -> None:
    schedule = Schedule(SAMPLES["stencil"].kernel, {})
    with pytest.raises(UsageError, match="no position"):
        schedule.check(position)
