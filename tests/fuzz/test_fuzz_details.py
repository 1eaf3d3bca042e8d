"""Small functions about what is easily got wrong: empty ranges, least sizes, strides, wrap, mixed types.

Each is lifted once and compared with gcc at all its sizes; none may end without an answer.
"""

from __future__ import annotations

import pytest
from fuzz_harness import Outcome, check

DETAILS: dict[str, tuple[str, list[dict[str, int]]]] = {
    "a loop that never runs": (
        "void kernel(int n, double A[n]) { for (int i = 5; i < n; i++) A[i] = 2 * A[i - 5]; }",
        [{"n": 1}, {"n": 5}, {"n": 6}, {"n": 13}],
    ),
    "a stencil without an inside": (
        "void kernel(int n, const double A[n], double B[n]) {"
        " for (int i = 1; i < n - 1; i++) B[i] = (A[i - 1] + A[i] + A[i + 1]) / 3; }",
        [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 11}],
    ),
    "an element for all of an inside": (
        "void kernel(int n, double A[n]) { for (int i = 1; i < n - 1; i++) A[i] = A[3]; }",
        [{"n": 4}, {"n": 5}, {"n": 9}],
    ),
    "a guard that is empty at small sizes": (
        "void kernel(int n, double A[n][n]) { for (int i = 0; i < n; i++) for (int j = 0; j < n; j++)"
        " if (i + j > n + 2) A[i][j] = i - j; }",
        [{"n": 1}, {"n": 3}, {"n": 5}, {"n": 8}],
    ),
    "a guard on a size alone": (
        "void kernel(int n, int m, double A[n]) { for (int i = 0; i < n; i++) if (m > 3) A[i] += m; }",
        [{"n": 3, "m": 1}, {"n": 4, "m": 3}, {"n": 4, "m": 4}, {"n": 1, "m": 9}],
    ),
    "negative offsets": (
        "void kernel(int n, const float A[n], float B[n]) {"
        " for (int i = -3; i < n - 3; i++) B[i + 3] = A[n - 4 - i] - A[i + 3]; }",
        [{"n": 1}, {"n": 2}, {"n": 7}],
    ),
    "strides of three": (
        "void kernel(int n, const double A[n], double B[n]) {"
        " for (int i = n - 1; i >= 0; i -= 3) B[i] = A[n - 1 - i];"
        " for (int i = 1; i < n; i += 3) B[i] += 1; }",
        [{"n": 1}, {"n": 3}, {"n": 7}, {"n": 8}, {"n": 12}],
    ),
    "unsigned wrap": (
        "unsigned kernel(int n, const unsigned A[n], const unsigned B[n]) { unsigned s = 0xfffffff0u;"
        " for (int i = 0; i < n; i++) s += 4000000000u * A[i] - B[i] * B[i]; return s; }",
        [{"n": 1}, {"n": 17}],
    ),
    "bytes that accumulate": (
        "#include <stdint.h>\n"
        "void kernel(int n, int m, const uint8_t A[n][m], uint8_t s[n], int8_t t[n]) {"
        " for (int i = 0; i < n; i++) { s[i] = 250; for (int j = 0; j < m; j++) { s[i] += A[i][j] * 3;"
        " t[i] ^= A[i][j]; } } }",
        [{"n": 1, "m": 1}, {"n": 3, "m": 40}, {"n": 5, "m": 2}],
    ),
    "bytes that multiply as ints": (
        "#include <stdint.h>\n"
        "void kernel(int n, const int8_t A[n][n], const uint8_t B[n], int C[n], uint8_t D[n]) {"
        " for (int i = 0; i < n; i++) { int s = 0; for (int j = 0; j < n; j++) s += A[i][j] * B[j];"
        " C[i] = s; D[i] = s / 7 - s % 5; } }",
        [{"n": 1}, {"n": 6}, {"n": 33}],
    ),
    "integers and floats": (
        "double kernel(int n, const int A[n], const float x[n], double y[n]) { double s = 0;"
        " for (int i = 0; i < n; i++) { y[i] = A[i] / 2 + x[i] * i; s += A[i] * (double)x[i] + 7 / 2; }"
        " return s; }",
        [{"n": 1}, {"n": 10}],
    ),
    "truncation of floats": (
        "void kernel(int n, const double x[n], int A[n]) {"
        " for (int i = 0; i < n; i++) A[i] = (int)(10 * x[i]) + (x[i] >= 0.5); }",
        [{"n": 1}, {"n": 23}],
    ),
    "constants of single precision": (
        "void kernel(int n, float x[n]) { for (int i = 0; i < n; i++) x[i] = 0.1f * x[i] + 1e-3f; }",
        [{"n": 1}, {"n": 9}],
    ),
    "double constants in single precision": (
        "void kernel(int n, float x[n]) { for (int i = 0; i < n; i++) x[i] = x[i] / 3.0 + 0.1; }",
        [{"n": 1}, {"n": 9}],
    ),
    "truth values": (
        "int kernel(int n, const double x[n], const double y[n], int less[n]) { int any = 0, all = 1;"
        " for (int i = 0; i < n; i++) { less[i] = x[i] < y[i]; any |= x[i] > 1.0; all = all && y[i] < 1.25; }"
        " return 2 * any + all; }",
        [{"n": 1}, {"n": 2}, {"n": 12}],
    ),
    "sums of empty ranges": (
        "void kernel(int n, const double A[n][n], double s[n], double p[n]) { for (int i = 0; i < n; i++) {"
        " s[i] = 0; p[i] = 1; for (int j = i + 2; j < n; j++) { s[i] += A[i][j]; p[i] *= A[j][i]; } } }",
        [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 9}],
    ),
    "extremes with a first value": (
        "#include <math.h>\n"
        "void kernel(int n, int m, const double A[n][m], double top[n], double low[n]) {"
        " for (int i = 0; i < n; i++) { double t = -1.25, l = A[i][0];"
        " for (int j = 1; j < m; j++) { if (A[i][j] > t) t = A[i][j]; l = fmin(l, A[i][j]); }"
        " top[i] = t; low[i] = l; } }",
        [{"n": 1, "m": 1}, {"n": 4, "m": 2}, {"n": 3, "m": 11}],
    ),
    "extremes of empty ranges": (
        "int kernel(int n, const int A[n]) { int best = 3; for (int i = 4; i < n; i++)"
        " best = best > A[i] ? best : A[i]; return best; }",
        [{"n": 1}, {"n": 4}, {"n": 5}, {"n": 20}],
    ),
    "fractions that indices are compared with": (
        "double kernel(int n, const double D[6], double a) { for (int i = 0; i < n; i++) {"
        " double c = (double)i >= 0.75 ? D[5] : a; if (c > a) a = 0.5 * c; } return a; }",
        [{"n": 1}, {"n": 2}, {"n": 7}],
    ),
    "a diagonal and what is beside it": (
        "void kernel(int n, double A[n][n]) { for (int i = 0; i < n; i++) A[i][i] = 1;"
        " for (int i = 1; i < n; i++) A[i][i - 1] = A[i - 1][i] - 1; }",
        [{"n": 1}, {"n": 2}, {"n": 6}],
    ),
    "a subscript of two counters": (
        "void kernel(int n, int m, const double x[n + m], double A[n][m]) {"
        " for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) A[i][j] = x[i + j] * x[i]; }",
        [{"n": 1, "m": 1}, {"n": 4, "m": 3}, {"n": 3, "m": 7}],
    ),
    "an element past a small array, under a condition on data": (
        "void kernel(float D[7], float B[12]) { for (int i = 6; i >= 0; i--) {"
        " if (D[i] < 0) B[i] = 1; else D[i] = B[i + 1]; } }",
        [{}],
    ),
    "a large array of which little is read": (
        "void kernel(double A[500], double B[7]) {"
        " for (int i = 0; i < 7; i++) B[i] = A[61 * i + 130] - A[495 + i / 2]; }",
        [{}],
    ),
}


@pytest.mark.parametrize("name", DETAILS)
def test_details(name: str) -> None:
    text, sizes = DETAILS[name]
    report = check(text, sizes, 1, ("lift",))
    assert report.outcome is Outcome.PASSED, f"{report.outcome}: {report.stage}: {report.detail}"
