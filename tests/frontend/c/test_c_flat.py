"""Flat subscripts: the rows that they are taken apart into, and what that asks of the sizes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from c_harness import check

from exalift.frontend.c import parse_c


@dataclass(frozen=True)
class Case:
    """A function, the shapes of its arrays, and its condition on the sizes."""

    text: str
    shapes: dict[str, str]
    asks: tuple[str, ...] = ()


I = "for (int i = 0; i < n; i++)"  # noqa: E741
IJ = f"{I} for (int j = 0; j < m; j++)"

CASES = {
    "rows of an even length": Case(
        f"void f(int n, int *a) {{ {I} a[i * (2 * n) + n + i] = a[(n - 1) * (2 * n) + 2 * n - i - 1]; }}",
        {"a": "2*n x n"},
    ),
    "a diagonal and an anti-diagonal": Case(
        f"void f(int n, int *a) {{ {I} a[i * 2 * n + 2 * n - 1 - i] = a[i * 2 * n + i] + 1; }}",
        {"a": "2*n x n"},
    ),
    "a diagonal of a cube": Case(
        f"void f(int n, int *a) {{ {I} a[(i * n + i) * n + i] = a[(i * n + i) * n]; }}",
        {"a": "n x n x n"},
    ),
    "a diagonal of planes of their own": Case(
        f"void f(int n, int *a) {{ {I} a[(i * (n + 2) + i) * n + i] = a[((n - 1) * (n + 2) + i) * n + i]; }}",
        {"a": "n x n + 2 x n"},
    ),
    "planes without a counter for their rows": Case(
        "void f(int n, int *a) { for (int i = 0; i < 2 * n; i++) a[(i * n + 0) * n] = a[n - 1] + 1; }",
        {"a": "2*n x n x n"},
    ),
    "rows that a counter never leaves": Case(
        f"void f(int n, int m, int *a) {{ {I} a[(m - 1) * (m + n) + i] = a[i] + 1; }}",
        {"a": "m x m + n"},
    ),
    "corners": Case(
        "void f(int n, int m, int *a) { a[(n - 1) * m + m - 1] = a[0] + a[(n - 1) * m] + a[m - 1]; }",
        {"a": "n x m"},
    ),
    "corners of a box": Case(
        "void f(int n, int m, int *a) { a[(0 * (m + 2) + m + 1) * (n + 1)] = 1;"
        " a[((m + n - 1) * (m + 2) + m + 1) * (n + 1) + 0] = a[((m + n - 1) * (m + 2) + 0) * (n + 1)]; }",
        {"a": "m + n x m + 2 x n + 1"},
    ),
    "halves of sizes": Case(
        "void f(int c, int h, int w, const float *x, float *y) { int oh = h / 2, ow = w / 2;"
        " for (int k = 0; k < c; k++) for (int i = 0; i < oh; i++) for (int j = 0; j < ow; j++)"
        " y[(k * oh + i) * ow + j] = x[(k * h + 2 * i) * w + 2 * j + 1]; }",
        {"y": "c x floor((h)/2) x floor((w)/2)"},
        ("floor((h)/2) - 1 >= 0", "floor((w)/2) - 1 >= 0"),
    ),
    "pairs in a row": Case(
        "void f(int n, int m, float *q) { for (int h = 0; h < n; h++) for (int i = 0; i < m; i += 2) {"
        " float a = q[h * m + i]; q[h * m + i] = q[h * m + i + 1]; q[h * m + i + 1] = a; } }",
        {"q": "n x m"},
        ("m - 2*floor((m + 1)/2) >= 0",),
    ),
    "a leading dimension": Case(
        f"void f(int n, int m, int lda, int *a) {{ {IJ} a[i * lda + j] = 1; }}",
        {"a": "n x lda"},
        ("lda - m >= 0",),
    ),
    "a second row that must be there": Case(
        f"void f(int n, int m, int *a) {{ {IJ} a[i * m + j] += 1; a[m] = 3; }}",
        {"a": "n x m"},
        ("n - 2 >= 0",),
    ),
    "a constant subscript beside a loop": Case(
        f"void f(int n, int *a) {{ {I} a[i] = i; a[2] = 7; }}",
        {"a": "n"},
        ("n - 3 >= 0",),
    ),
}


def _shape(extents: tuple[object, ...]) -> str:
    return " x ".join(str(extent) for extent in extents)


@pytest.mark.parametrize("name", CASES)
def test_rows_and_what_they_ask(name: str) -> None:
    case = CASES[name]
    program = check(case.text, rounds=3)
    assert {n: _shape(program.array(n).shape) for n in case.shapes} == case.shapes
    (conjunction,) = program.constraints.disjuncts
    assert sorted(str(constraint) for constraint in conjunction) == sorted(case.asks)


TORUS = f"void f(int n, int m, const int g[n][m], int o[n][m]) {{ {IJ} {{ int s = 0;" + (
    " for (int p = -1; p <= 1; p++) for (int q = -1; q <= 1; q++) s += g[(i + p + n) % n][(j + q + m) % m];"
    " o[i][j] = s; } }"
)


def test_a_torus_may_be_left_on_either_side() -> None:
    check(TORUS, rounds=4)


def test_quotients_of_either_sign_round_towards_zero() -> None:
    check(f"void f(int n, int m, int *a) {{ {IJ} a[(i - j) / 2 + m] += 1; }}", rounds=4)


def test_the_mildest_condition_is_asked() -> None:
    """Rows of `n` would do as well, for `n == 1` alone."""
    text = f"void f(int n, int *a) {{ {I} a[(n - 1) * 2 * n + 2 * n - 1 - 2 * i] = a[i * 2 * n + i + 1]; }}"
    (program,) = parse_c(text, "t.c")
    assert _shape(program.array("a").shape) == "n x 2*n" and program.constraints.is_always
