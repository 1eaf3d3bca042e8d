"""Which initial contents results depend on, by exact dataflow."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.affine import Program, initial_contents_needed, interpret
from exalift.affine.algebra import PrimeField
from exalift.frontend.c import parse_c

GRAMSCHMIDT = """
#include <math.h>
void f(int m, int n, double A[m][n], double R[n][n], double Q[m][n]) {
  for (int k = 0; k < n; k++) {
    double nrm = 0;
    for (int i = 0; i < m; i++) nrm += A[i][k] * A[i][k];
    R[k][k] = sqrt(nrm);
    for (int i = 0; i < m; i++) Q[i][k] = A[i][k] / R[k][k];
    for (int j = k + 1; j < n; j++) {
      R[k][j] = 0;
      for (int i = 0; i < m; i++) R[k][j] += Q[i][k] * A[i][j];
      for (int i = 0; i < m; i++) A[i][j] -= Q[i][k] * R[k][j];
    }
  }
}
"""

CASES = [
    (GRAMSCHMIDT, {"A", "R"}),
    ("void f(int n, double A[n]) { for (int i = 0; i < n; i++) A[i] = 0; }", set[str]()),
    ("void f(int n, double A[n]) { for (int i = 0; i < n - 1; i++) A[i] = 0; }", {"A"}),
    ("void f(int n, double A[n]) { for (int i = n - 1; i >= 0; i--) A[i] = i; }", set[str]()),
    ("void f(int n, double A[2 * n]) { for (int i = 0; i < n; i++) A[2 * i] = 0; }", {"A"}),
    (
        "void f(int n, double A[2 * n]) { for (int i = 0; i < n; i++) { A[2 * i] = 0; A[2 * i + 1] = 1; } }",
        set[str](),
    ),
    (
        "void f(int n, double y[n], const double x[n]) {"
        " y[0] = x[0]; for (int i = 1; i < n; i++) y[i] = y[i - 1] + x[i]; }",
        {"x"},
    ),
    ("void f(int n, double y[n]) { for (int i = 1; i < n; i++) y[i] = y[i - 1]; }", {"y"}),
    ("double f(int n, const double x[n], double a) { a = 2; return a + x[0]; }", {"x"}),
    ("double f(int n, const double x[n], double a) { double s = a; s += x[0]; return s; }", {"x", "a"}),
    ("void f(int n, double *s, double x[n]) { *s = 0; for (int i = 0; i < n; i++) *s += x[i]; }", {"x"}),
    ("void f(int n, double A[n]) { for (int i = 0; i < n; i++) if (i != 3) A[i] = 0; }", {"A"}),
    (
        "void f(int n, double A[n]) { for (int i = 0; i < n; i++) if (i < 3) A[i] = 0; else A[i] = 1; }",
        set[str](),
    ),
    ("void f(int n, double A[n]) { for (int i = 0; i < n; i++) if (A[i] > 0) A[i] = 0; }", {"A"}),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_what_is_needed(text: str, expected: set[str]) -> None:
    (program,) = parse_c(text, "f.c")
    assert initial_contents_needed(program) == expected


@pytest.mark.parametrize("text", [text for text, _ in CASES])
def test_what_is_not_needed_changes_nothing(text: str) -> None:
    (program,) = parse_c(text, "f.c")
    idle = [a.name for a in program.arrays if a.name in program.parameters]
    idle = [name for name in idle if name not in initial_contents_needed(program)]
    assert _outcomes(program, 0, idle) == _outcomes(program, 1, idle)


def _outcomes(program: Program, seed: int, changed: list[str]) -> list[list[int]]:
    """Results on inputs of which those in `changed` depend on the seed."""
    sizes = {size.name: 5 + number for number, size in enumerate(program.sizes)}
    field = PrimeField()
    inputs = {
        array.name: field.random(
            np.random.default_rng((seed if array.name in changed else 7, position)),
            tuple(extent.at(sizes) for extent in array.shape),
            array.dtype,
        )
        for position, array in enumerate(program.arrays)
        if array.name in program.parameters
    }
    results = interpret(program, inputs, sizes, field)
    kept = [name for name in results if name == "return" or name in program.parameters]
    return [np.asarray(results[name]).ravel().tolist() for name in kept if name not in program.by_value]
