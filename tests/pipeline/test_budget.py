"""A lift ends with its budget, whatever the search would still like to do."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

import exalift
from exalift.pipeline import lifting
from exalift.pipeline.budget import GRACE_SECONDS, Budget

BLUR = """
void blur(int n, int m, double a, double in[n][m], double out[n][m]) {
  for (int i = 1; i < n - 1; i++)
    for (int j = 1; j < m - 1; j++) {
      double s = 0;
      for (int y = -1; y <= 1; y++)
        for (int x = -1; x <= 1; x++)
          if (in[i + y][j + x] > a) s += in[i + y][j + x] * (y * 3 + x);
      out[i][j] = s / 9 + out[i][j];
    }
}
"""


def clock_at(seconds: list[float]) -> Callable[[], float]:
    return lambda: seconds[0]


def test_the_seconds_are_shared_out() -> None:
    now = [100.0]
    budget = Budget.start(40.0, clock_at(now))
    assert (budget.spent, budget.left, budget.for_search, budget.for_proof) == (0.0, 40.0, 30.0, 10.0)
    now[0] = 125.0
    assert (budget.left, budget.for_search, budget.for_proof) == (15.0, 5.0, 10.0)
    now[0] = 132.0
    assert (budget.for_search, budget.for_proof, budget.is_spent) == (0.0, 8.0, False)
    now[0] = 150.0
    assert (budget.left, budget.for_search, budget.is_spent) == (0.0, 0.0, True)
    assert 0 < budget.for_proof <= 2.0
    assert budget.for_tests(False) < budget.for_tests(True) == GRACE_SECONDS - 10.0
    now[0] = 140.0 + GRACE_SECONDS
    assert budget.for_tests(True) == 0.0


def test_without_a_budget_the_source_stays_as_loops_and_says_why() -> None:
    lifted = exalift.lift(BLUR, sizes={"n": 6, "m": 7}, budget_s=0.0)
    assert lifted.status == "partial" and lifted.counters.enumerated == 0
    assert {loop.reason for loop in lifted.residual_loops} == {
        "the budget was spent before a tensor op was found"
    }
    (note,) = [d for d in lifted.notes if "budget" in d.message]
    assert note.message == "the budget of 0 s was spent; loops stay that a longer search might lift"
    image = np.arange(42.0).reshape(6, 7)
    out = np.asarray(lifted(10.0, image, np.zeros((6, 7))))
    weights = np.arange(-4.0, 5.0).reshape(3, 3)
    window = image[1:4, 2:5]
    assert np.isclose(out[2, 3], (window * (window > 10.0) * weights).sum() / 9)


@pytest.mark.parametrize("budget", [0.1, 1.0, 4.0])
def test_a_lift_ends_within_its_budget_on_a_clock_that_counts_looks(
    budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look at the clock takes 2 ms of its time: what does not look does not end either."""
    looks = [0]

    def clock() -> float:
        looks[0] += 1
        return looks[0] * 0.002

    monkeypatch.setattr(time, "monotonic", clock)
    try:
        lifted = exalift.lift(BLUR, sizes={"n": 6, "m": 7}, budget_s=budget)
    finally:
        monkeypatch.undo()
    assert lifted.status in ("lifted", "partial")
    assert looks[0] * 0.002 <= budget + GRACE_SECONDS


def test_a_proof_that_is_never_done_is_given_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds that proofs and tests get add up to no more than budget and grace."""
    now = [0.0]
    given: list[float] = []

    def slow(*_: object, budget_s: float, **__: object) -> lifting.Verdict:
        given.append(budget_s)
        now[0] += budget_s
        return unknown

    unknown = lifting.Verdict(lifting.Status.UNKNOWN, None, (), (), None, "no run was finished", 0.0, {})
    monkeypatch.setattr(lifting, "prove", slow)
    monkeypatch.setattr(lifting, "Budget", _Frozen(now))
    with pytest.raises(exalift.UnconfirmedError, match="was not confirmed in 20 s and 30 s of grace"):
        exalift.lift(BLUR, budget_s=20.0)
    assert given and now[0] <= 20.0 + GRACE_SECONDS + 2.0


class _Frozen:
    """`Budget` on a clock that only the test moves."""

    def __init__(self, now: list[float]) -> None:
        self.now = now

    def start(self, seconds: float) -> Budget:
        return Budget.start(seconds, clock_at(self.now))
