"""Conditions on indices and on data, branches and choices; compared with gcc."""

from __future__ import annotations

import pytest
from c_harness import check

from exalift.affine import Apply, Assign, If, Load, Loop, Statement

SNIPPETS = {
    "on indices": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) if (i < 3) x[i] = 1; else x[i] = 2; }",
    "equal indices": "void f(int n, int a[n][n]) { for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) if (i == j) a[i][j] = 1; else a[i][j] = 0; }",
    "unequal indices": "void f(int n, int a[n][n]) { for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) if (i != j) a[i][j] = 7; }",
    "border": """
        void f(int h, int w, int a[h][w]) {
          for (int y = 0; y < h; y++) for (int x = 0; x < w; x++)
            if (y == 0 || y == h - 1 || x == 0 || x == w - 1) a[y][x] = 0; else a[y][x] += a[y - 1][x] + a[y][x + 1];
        }""",
    "on data": "void f(int n, double x[n]) { for (int i = 0; i < n; i++) if (x[i] > 0) x[i] = x[i] * 2; }",
    "on data, both ways": "void f(int n, double x[n], double y[n]) { for (int i = 0; i < n; i++) if (x[i] > 0.5) y[i] = x[i]; else y[i] = -1; }",
    "on data, different targets": """
        void f(int n, double x[n], double y[n], double z[n]) {
          for (int i = 0; i < n; i++) if (x[i] > 0) { y[i] = x[i]; z[i] = 1; } else { z[i] = x[i]; y[i] += 2; }
        }""",
    "maximum and its place": """
        void f(int n, const double x[n], double *m, int *at) {
          *m = x[0]; *at = 0;
          for (int i = 1; i < n; i++) if (x[i] > *m) { *m = x[i]; *at = i; }
        }""",
    "changes what it tests": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (x[i] > 0) { x[i] = -x[i]; y[i] = 1; x[i] += 3; } }",
    "swap when larger": """
        void f(int n, int x[n]) {
          for (int i = 0; i < n; i++) for (int j = 0; j + 1 < n - i; j++)
            if (x[j] > x[j + 1]) { int t = x[j]; x[j] = x[j + 1]; x[j + 1] = t; }
        }""",
    "chain": """
        void f(int n, double x[n], double lo, double hi) {
          for (int i = 0; i < n; i++) { if (x[i] < lo) x[i] = lo; else if (x[i] > hi) x[i] = hi; else x[i] += 0.5; }
        }""",
    "nested": """
        void f(int n, int x[n], int y[n]) {
          for (int i = 0; i < n; i++) if (x[i] > 0) { if (y[i] > 0) x[i] = 5; else { x[i] = 6; y[i] = 7; } }
        }""",
    "loop under a condition on data": "void f(int n, int k, int x[n], int a[n][4]) { for (int i = 0; i < n; i++) if (x[i] > k) for (int j = 0; j < 4; j++) a[i][j] += x[i]; }",
    "loop that changes what is tested": "void f(int n, int x[n]) { if (x[0] > 0) for (int i = 0; i < n; i++) x[i] -= 100; }",
    "flag": "void f(int n, int flag, int x[n]) { for (int i = 0; i < n; i++) { if (flag) x[i] = 1; else x[i] -= 1; } }",
    "mode": "void f(int n, int mode, int x[n]) { for (int i = 0; i < n; i++) { if (mode == 1) x[i] = 1; else if (mode == 2) x[i] = i; } }",
    "mixed and": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (i > 0 && x[i - 1] > 0) y[i] = x[i - 1]; }",
    "mixed and, otherwise": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (i > 0 && x[i - 1] > 0) y[i - 1] = 1; else y[i] = 2; }",
    "mixed or": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (i == 0 || x[i] != x[i - 1]) y[i] = 1; }",
    "mixed or, otherwise": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (i == 0 || x[i] > x[i - 1]) y[i] = 1; else y[i - 1] = 2; }",
    "data first": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (x[i] > 0 && i > 1) y[i - 2] = x[i]; }",
    "not": "void f(int n, double x[n]) { for (int i = 0; i < n; i++) if (!(x[i] > 0) && !(i == 2)) x[i] = 9; }",
    "deep mix": """
        void f(int n, int x[n], int y[n]) {
          for (int i = 0; i < n; i++) if ((i > 1 && x[i] > 0) || (i < n - 1 && !(x[i + 1] < 3 || i == 2))) y[i] = 4; else y[i] -= 1;
        }""",
    "as values": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = (x[i] > 0) + (i > 2) * 10 + (x[i] > 0 && i > 1) * 100 + !x[i] * 1000; }",
    "bitwise": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = ((x[i] > 0) & (i > 2)) | (x[i] < -5); }",
    "ternary on data": "void f(int n, double x[n]) { for (int i = 0; i < n; i++) x[i] = x[i] < 0.5 ? x[i] + 1 : x[i] * x[i]; }",
    "ternary on indices": "void f(int n, double x[n], double y[n]) { for (int i = 0; i < n; i++) y[i] = i > 0 ? x[i - 1] : 0.25; }",
    "ternary in a subscript": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = x[i < 2 ? 0 : i - 2]; }",
    "ternary in a target": "void f(int n, int x[2 * n]) { for (int i = 0; i < n; i++) x[i % 2 ? i : i + n] = i; }",
    "chained ternary": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) x[i] = i == 0 ? 5 : i == n - 1 ? 6 : x[i] > 0 ? 7 : 8; }",
    "index variable set by if": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) { int j; if (i + 2 < n) j = i + 2; else j = n - 1; y[i] = x[j]; } }",
    "truth kept": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) { int inside = i > 0 && i < n - 1; if (inside) x[i] = 1; } }",
    "bool kept": "#include <stdbool.h>\nvoid f(int n, int x[n]) { for (int i = 0; i < n; i++) { bool b = x[i] > 0; bool c = i > 1; if (b && c) x[i] = 1; } }",
    "remainder": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) if (i % 3 == 0) x[i] = 1; else if (i % 3 == 1) x[i] = 2; }",
    "remainder of what may be negative": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) { if ((i - 3) % 2 == 0) x[i] = 1; if ((i - 3) % 2 == -1) x[i] = 2; } }",
    "odd by mask": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) if (i & 1) x[i] = i; else x[i] = -i; }",
    "product of counters": "void f(int n, int a[n][n]) { for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) if (i * j < n) a[i][j] = 1; else a[i][j] = i * j; }",
    "unsigned comparison": "void f(unsigned n, int x[n]) { for (unsigned i = 0; i < n; i++) if (i - 2 < 3) x[i] = 1; }",
    "mixed signs": "void f(int n, unsigned m, int x[n]) { for (int i = 0; i < n; i++) if (i - 1 < m) x[i] = 1; }",
    "early return": "void f(int n, int m, int x[n]) { if (m > n) return; for (int i = 0; i < m; i++) x[i] = 3; }",
    "early return on data": "void f(int n, double a, double x[n]) { if (a == 0.0) return; for (int i = 0; i < n; i++) x[i] *= a; }",
    "returns in a row": "int f(int a, int b) { if (a > b) return a - b; if (a < 0) return -a; return b; }",
    "returns with work": "int f(int n, int x[n]) { if (x[0] > 0) { x[0] = 5; return x[0] + 1; } else { x[n - 1] = 6; return x[n - 1] + x[0]; } }",
    "and as a statement": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) x[i] > 3 && (x[i] = 3); }",
    "ternary as a statement": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) i < 2 ? (x[i] = 1) : (x[i] = 2); }",
    "assert": "#include <assert.h>\nvoid f(int n, int m, int x[n]) { assert(n >= m && m > 2); for (int i = 0; i < m; i++) x[i] = m; }",
    "assignment in a condition": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) { int t; if ((t = x[i]) > 0) y[i] = t; } }",
    "post-increment in a condition": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) if (x[i]++ > 0) x[i] *= 2; }",
    "division under a condition": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) if (y[i] != 0) x[i] = x[i] / y[i]; }",
    "select of unevaluated": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) x[i] = y[i] ? 100 / y[i] : 0; }",
}

EXTREMA = {
    "a < b ? a : b": "minimum",
    "a <= b ? a : b": "minimum",
    "a > b ? b : a": "minimum",
    "b >= a ? a : b": "minimum",
    "a > b ? a : b": "maximum",
    "a >= b ? a : b": "maximum",
    "a < b ? b : a": "maximum",
    "b < a ? a : b": "maximum",
    "a < 0 ? -a : a": "abs",
    "a >= 0 ? a : -a": "abs",
    "a > 0 ? a : 0": "maximum",
    "a < 0 ? 0 : a": "maximum",
    "a > 255 ? 255 : a": "minimum",
    "a < b ? a + 1 : b": "select",
    "a < b ? b : 0": "select",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_like_gcc(name: str) -> None:
    check(SNIPPETS[name], rounds=5)


def _only_assign(body: tuple[Statement, ...]) -> Assign:
    while isinstance(body[0], Loop):
        body = body[0].body
    (statement,) = body
    assert isinstance(statement, Assign)
    return statement


@pytest.mark.parametrize("expression", EXTREMA)
@pytest.mark.parametrize("element", ["double", "float", "int", "signed char"])
def test_extrema(expression: str, element: str) -> None:
    source = f"void f(int n, {element} *x, const {element} *p, const {element} *q) {{ for (int i = 0; i < n; i++) {{ "
    source += f"x[i] = {expression.replace('a', 'p[i]').replace('b', 'q[i]')}; }} }}"
    program = check(source)
    value = _only_assign(program.body).value
    while not isinstance(value, Apply):
        value = getattr(value, "operand")  # noqa: B009
    assert value.function == EXTREMA[expression]
    assumed = any("NaN" in sentence for sentence in program.assumptions)
    assert assumed == (element in ("double", "float") and value.function != "select")


def test_conditional_assignment_is_a_maximum() -> None:
    program = check(
        "void f(int n, float *m, const float *x) { *m = x[0]; for (int i = 1; i < n; i++) if (x[i] > *m) *m = x[i]; }"
    )
    loop = program.body[1]
    assert isinstance(loop, Loop)
    value = _only_assign(loop.body).value
    assert isinstance(value, Apply) and value.function == "maximum"


def test_conditions_on_indices_stay_ifs_and_those_on_data_become_selects() -> None:
    program = check(SNIPPETS["mixed and"])
    (loop,) = program.body
    assert isinstance(loop, Loop)
    (branch,) = loop.body
    assert isinstance(branch, If) and str(branch.guard) == "i - 1 >= 0"
    (assign,) = branch.then
    assert isinstance(assign, Assign)
    assert isinstance(assign.value, Apply) and assign.value.function == "select"
    assert isinstance(assign.value.operands[2], Load) and assign.value.operands[2].array == "y"


def test_a_guard_has_no_impossible_cases() -> None:
    program = check(SNIPPETS["border"])
    loop = program.body[0]
    assert isinstance(loop, Loop) and isinstance(loop.body[0], Loop)
    branch = loop.body[0].body[0]
    assert isinstance(branch, If) and len(branch.guard.disjuncts) == 4
