"""What a lift gives where nothing that the search finds is confirmed."""

from __future__ import annotations

import numpy as np
import pytest

import exalift
from exalift.base import VerificationError
from exalift.pipeline import check, lifting
from exalift.proof import Counterexample, Status, Verdict

GEMV = """
void gemv(int n, int m, const double A[n][m], const double x[m], double y[n]) {
  for (int i = 0; i < n; i++) {
    y[i] = 1;
    for (int j = 0; j < m; j++)
      if (j <= i) y[i] += A[i][j] * x[j];
  }
}
"""


def refuting(times: int):
    """A prover that refutes so many programs before it answers."""
    asked: list[dict[str, int]] = []

    def prove(source, lifted, dialect, **options):
        if len(asked) < times:
            sizes = {"n": 3, "m": 2 + len(asked)}
            asked.append(sizes)
            counterexample = Counterexample(sizes, {}, "y", (0,), 1, 2, "rational")
            return Verdict(Status.REFUTED, None, (), (), counterexample, "made up", 0.0)
        return _PROVE(source, lifted, dialect, **options)

    return prove


_PROVE = lifting.prove


def test_a_refuted_program_is_searched_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifting, "prove", refuting(2))
    lifted = exalift.lift(GEMV, sizes={"n": 5, "m": 4})
    assert lifted.status == "lifted"
    assert check(lifted).agrees


def test_in_the_end_the_loops_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifting, "prove", refuting(3))
    lifted = exalift.lift(GEMV, sizes={"n": 5, "m": 4})
    assert lifted.status == "partial"
    assert [loop.iv for loop in lifted.residual_loops] == ["i", "j"]
    assert any("no tensor program was confirmed" in note.message for note in lifted.notes)
    assert check(lifted).agrees
    A, x = np.ones((5, 4)), np.arange(4.0)
    np.testing.assert_array_equal(lifted(A, x), [1, 2, 4, 7, 7])


def test_what_is_refuted_even_then_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifting, "prove", refuting(99))
    with pytest.raises(VerificationError, match="every program found was refuted"):
        exalift.lift(GEMV)


def test_without_time_a_lift_still_answers() -> None:
    lifted = exalift.lift(GEMV, sizes={"n": 5, "m": 4}, budget_s=0.0)
    assert check(lifted).agrees
