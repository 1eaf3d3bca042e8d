"""What is outside is refused, with the place and the reason, and nothing is half taken."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from exalift.base import RefusedError
from exalift.frontend.c import parse_c
from exalift.frontend.c.parse import MAX_TEXT


@dataclass(frozen=True)
class Case:
    """`at` is the text that the caret points to; `says` is part of the message, `hints` of the hint."""

    text: str
    at: str
    says: str
    hints: str = ""


LOOP = "for (int i = 0; i < n; i++)"
CASES = {
    "output": Case(f'#include <stdio.h>\nvoid f(int n, double *x) {{\n  {LOOP}\n    printf("%f", x[i]);\n}}', 'printf("%f", x[i])', "`printf` reads or writes files", "out of the function"),
    "unknown function": Case("double g(double);\nvoid f(double *x) {\n  x[0] = 1 + g(x[0]);\n}", "g(x[0])", "`g` is not known", "same file"),
    "break": Case(f"void f(int n, double *x) {{\n  {LOOP} {{\n    if (x[i] > 0) break;\n    x[i] = 1;\n  }}\n}}", "break", "depend on data"),
    "goto": Case("void f(double *x) {\n  again: x[0] = 1;\n  goto again;\n}", "again: x[0] = 1", "labels"),
    "switch": Case("void f(int k, double *x) {\n  switch (k) { case 1: x[0] = 1; }\n}", "switch (k) { case 1: x[0] = 1; }", "`switch`", "if and else"),
    "recursion": Case("double f(int n) { return n ? n * f(n - 1) : 1; }", "f(n - 1)", "`f` calls itself", "loop"),
    "mutual recursion": Case("double g(int n);\ndouble f(int n) { return g(n); }\ndouble g(int n) { return f(n - 1); }", "f(n - 1)", "`f` calls itself"),
    "gather": Case(f"void f(int n, const int *p, double *x, double *y) {{\n  {LOOP}\n    y[i] = x[p[i]];\n}}", "p[i]", "depends on data, an element"),
    "gather by a variable": Case(f"void f(int n, const int *p, double *x, double *y) {{\n  {LOOP} {{\n    int k = p[i];\n    y[i] = x[k + 1];\n  }}\n}}", "k + 1", "`k`, because it is set from data at line 3"),
    "scatter": Case(f"void f(int n, const int *p, double *x) {{\n  {LOOP} x[p[i]] = 1;\n}}", "p[i]", "depends on data"),
    "bound from data": Case(f"void f(int n, const int *len, double a[n][8]) {{\n  {LOOP}\n    for (int j = 0; j < len[i]; j++) a[i][j] = 0;\n}}", "j < len[i]", "the condition of the loop depends on data"),
    "while on data": Case("double f(double x) { while (x > 1) x /= 2; return x; }", "x > 1", "depends on data: `x` is floating point"),
    "float counter": Case("void f(double *x) { for (double t = 0; t < 1; t += 0.1) x[0] += t; }", "t < 1", "`t` is floating point"),
    "volatile": Case("void f(volatile double *x) { x[0] = 1; }", "volatile double *x", "volatile"),
    "struct": Case("struct p { double x, y; };\nvoid f(int n, struct p *a) { a[0].x = a[0].y; }", "struct p *a", "`struct p *` is not supported"),
    "pointer to pointers": Case("void f(int n, double **a) { a[0][0] = 1; }", "double **a", "pointer to pointers", "two dimensions"),
    "long double": Case("void f(long double *x) { x[0] = 1; }", "long double *x", "`long double *`"),
    "complex": Case("void f(double _Complex *x) { x[0] = 1; }", "double _Complex *x", "is not supported"),
    "half": Case("void f(_Float16 *x) { x[0] = x[1]; }", "_Float16 *x", "is not supported"),
    "rotating pointers": Case("void f(int t, int n, double *a, double *b, double *c) {\n  for (int s = 0; s < t; s++) {\n    for (int i = 0; i < n; i++) c[i] = a[i] + b[i];\n    double *d = a; a = b; b = c; c = d;\n  }\n}", "for (int s", "does not move by the same distance", "two steps in one iteration"),
    "pointer at file scope": Case("double *p;\nvoid f(int n) {\n  for (int i = 0; i < n; i++) *p++ = 1;\n}", "p++", "at file scope is changed", "local pointer"),
    "always ends": Case("#include <stdlib.h>\nvoid f(int n) { exit(n); }", "void f(int n) { exit(n); }", "always ends"),
    "quadratic counter": Case("void f(int n, double *a) {\n  int k = 0;\n  for (int i = 0; i < n; i++)\n    for (int j = 0; j <= i; j++)\n      a[k++] = 1;\n}", "k++", "`k`, because it does not change by the same amount in every iteration of the loop at line 3"),
    "packed triangle": Case(f"void f(int n, double *a) {{\n  {LOOP} a[i * (i + 1) / 2] = 1;\n}}", "a[i * (i + 1) / 2]", "not affine"),
    "product of counters": Case(f"void f(int n, double *a) {{\n  {LOOP} a[i * i] = 1;\n}}", "a[i * i]", "multiplies counters: `i*i`"),
    "beyond the end": Case("void f(double a[10]) {\n  for (int i = 0; i <= 10; i++) a[i] = 0;\n}", "a[i]", "beyond its extent `10`"),
    "before the start": Case(f"void f(int n, double *a) {{\n  {LOOP} a[i - 1] = 0;\n}}", "a[i - 1]", "before its start"),
    "beyond a row": Case("void f(double a[4][5]) {\n  for (int i = 0; i < 4; i++) a[i][i + 2] = 0;\n}", "a[i][i + 2]", "beyond the end of a row"),
    "no largest extent": Case("void f(int n, int m, double *a) {\n  for (int i = 0; i < n; i++) a[i] = 0;\n  for (int i = 0; i < m; i++) a[i] = 1;\n}", "double *a", "none of these is the largest", "`a[n]`"),
    "unsequenced": Case("void f(int n, int *a) {\n  int i = 0;\n  while (i < n) a[i] = i++;\n}", "i++", "in no defined order"),
    "unsequenced scalar": Case("void f(int n, int *a) { int k = 0; k = k++ + 1; a[k] = 1; }", "k++", "in no defined order"),
    "call in the middle": Case("static double g(double *p) { *p += 1; return *p; }\ndouble f(double *x) { return x[0] + g(x); }", "g(x)", "not defined", "variable first"),
    "endless": Case("void f(int *a) { for (;;) a[0] = 1; }", "for (;;) a[0] = 1", "no condition"),
    "endless while": Case("void f(int *a) { while (1) a[0] = 1; }", "1) a", "may not end"),
    "away from its end": Case("void f(int n, int *a) { for (int i = 0; i < n; i--) a[0] = i; }", "i < n", "may not end"),
    "unsigned never below zero": Case("void f(unsigned n, int *a) {\n  for (unsigned i = n - 1; i >= 0; i--) a[i] = 1;\n}", "for (unsigned", "may wrap around", "`int`"),
    "symbolic step": Case("void f(int n, int s, int *a) {\n  for (int i = 0; i < n; i += s) a[i] = 1;\n}", "i < n", "not affine", "constant"),
    "doubling": Case("void f(int n, int *a) { for (int i = 1; i < n; i *= 2) a[i] = 1; }", "i] = 1", "does not change by the same amount"),
    "or in the condition": Case("void f(int n, int m, int *x) { for (int i = 0; i < n || i < m; i++) x[i] = 0; }", "i < n || i < m", "`||`"),
    "syntax": Case("void f(int n, int *a) {\n  a[0] = ;\n}", ";\n}", "expected expression"),
    "missing header": Case('#include "nowhere.h"\nvoid f(void) {}', '"nowhere.h"', "file not found", "-I"),
    "static": Case("int f(void) { static int calls = 0; return ++calls; }", "static int calls = 0", "keeps its value between calls"),
    "other type through a pointer": Case("int f(float x) { return *(int *)&x; }", "(int *)&x", "seen as i32 through a pointer"),
    "pointer from a number": Case("void f(long a) { *(double *)a = 1; }", "(double *)a", "made from a number"),
    "number from a pointer": Case("long f(double *x) { return (long)x; }", "(long)x", "turned into a number"),
    "return in a loop": Case("int f(int n, int *x) { for (int i = 0; i < n; i++) if (x[i]) return i; return -1; }", "return i", "`return` inside a loop"),
    "function pointer": Case("void f(double (*g)(double), double *x) { x[0] = g(x[0]); }", "double (*g)(double)", "not supported"),
    "variable arguments": Case("void f(int n, ...) { }", "void f(int n, ...) { }", "variable number"),
    "one of two arrays": Case("void f(double *a, double *b, int c) { double *p = c ? a : b; p[0] = 1; }", "c ? a : b", "one of two arrays"),
    "side effect in a branch": Case(f"void f(int n, int *a, int *b) {{ int k = 0; {LOOP} a[i] = b[i] > 0 ? k++ : 3; }}", "k++", "side effect inside a branch"),
    "no value": Case("int f(int n, int *x) { if (n > 3) return 1; }", "if (n > 3) return 1", "the other does not"),
    "distance from data": Case("void f(double *a, int *k) { double *p = a + k[0]; p[0] = 1; }", "k[0]", "depends on data"),
    "two shapes": Case("void f(int n, int m, double *a) {\n  for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i * m + j] = 0;\n  for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) a[i * n + j] += 1;\n}", "a[i * m + j]", "rows and columns"),
    "overlapping copy": Case("#include <string.h>\nvoid f(int *x) { memmove(x, x + 1, 12); }", "memmove(x, x + 1, 12)", "overlap"),
    "assembly": Case('void f(int *x) {\n  __asm__("nop");\n}', '__asm__("nop")', "assembly"),
}  # fmt: skip


def _place(text: str, at: str) -> tuple[int, int]:
    offset = text.index(at)
    line = text.count("\n", 0, offset) + 1
    return line, offset - text.rfind("\n", 0, offset)


@pytest.mark.parametrize("name", CASES)
def test_refused_at_the_place(name: str) -> None:
    case = CASES[name]
    with pytest.raises(RefusedError) as caught:
        parse_c(case.text, "case.c", function="f")
    diagnostic = caught.value.diagnostics[0]
    assert case.says in diagnostic.message
    assert case.hints in diagnostic.hint
    assert (diagnostic.span.line, diagnostic.span.column) == _place(case.text, case.at)
    assert diagnostic.span.file == "case.c"
    rendered = diagnostic.render(case.text).splitlines()
    assert rendered[1].strip() == case.text.splitlines()[diagnostic.span.line - 1].strip()
    assert rendered[2].index("^") == diagnostic.span.column + 1


def test_a_refusal_inside_a_helper_points_into_the_helper() -> None:
    text = "static int g(int *x) { return x[x[0]]; }\nvoid f(int *x) {\n  x[1] = g(x);\n}"
    with pytest.raises(RefusedError) as caught:
        parse_c(text, "t.c", function="f")
    assert caught.value.diagnostics[0].span.line == 1


def test_nothing_can_be_taken() -> None:
    with pytest.raises(RefusedError, match="defines no function"):
        parse_c("int x;", "t.c")
    with pytest.raises(RefusedError, match="not known"):
        parse_c("void g(void); void f(void) { g(); }", "t.c")


@pytest.mark.parametrize(
    "line",
    ['#include "/dev/zero"', "# include </dev/zero>", '#define X "/dev/zero"', "%:include\\\n</dev/zero>"],
)
def test_what_never_ends_is_not_included(line: str) -> None:
    with pytest.raises(RefusedError, match="`/dev/zero` is no ordinary file"):
        parse_c(f"{line}\nvoid f(int *x) {{ x[0] = 1; }}", "t.c")
    with pytest.raises(RefusedError):
        parse_c('#include "/"\nvoid f(int *x) { x[0] = 1; }', "t.c")


def test_what_clang_does_not_survive() -> None:
    with pytest.raises(RefusedError, match="clang gives up"):
        parse_c(f"double f(double x) {{ return {' + '.join(['x'] * 60_000)}; }}", "t.c")
    once = "\n".join(f"#define M{k} {' '.join([f'M{k - 1}'] * 2)}" for k in range(1, 40))
    with pytest.raises(RefusedError, match="clang gives up"):
        parse_c(f"#define M0 + 1\n{once}\nint f(int n) {{ return n M39; }}", "t.c")


def test_large_macros_and_long_lines_that_clang_survives_are_read() -> None:
    table = ", ".join(["1"] * 30_000)
    text = f"#define TWICE(x) (x + x)\nstatic const int t[3] = {{1, 2, 3}}; // {table}\n"
    text += "int f(int n) { return " + "TWICE(" * 5 + "n" + ")" * 5 + "; }" + "// TWICE" * 20
    (program,) = parse_c(text, "t.c")
    assert program.name == "f"


def test_too_many_assignments() -> None:
    body = "".join(f"a[{k}] = {k};\n" for k in range(700))
    with pytest.raises(RefusedError, match="700 assignments, more than 600"):
        parse_c(f"void f(int a[700]) {{ {body} }}", "t.c")


def test_bounded_work() -> None:
    deep = "(" * 230 + "x" + ")" * 230
    with pytest.raises(RefusedError, match="nested"):
        parse_c(f"double f(double x) {{ return {deep}; }}", "t.c")
    chain = " + ".join(["x"] * 1000)
    with pytest.raises(RefusedError, match="nested"):
        parse_c(f"double f(double x) {{ return {chain}; }}", "t.c")
    with pytest.raises(RefusedError, match="larger than"):
        parse_c("//" + "x" * MAX_TEXT, "t.c")
    with pytest.raises(RefusedError, match="null character"):
        parse_c("int f(void) { return 0; }\0", "t.c")
    doubled = "".join(
        f"static double g{k}(double x) {{ return g{k - 1}(x) + g{k - 1}(x + 1); }}\n" for k in range(1, 18)
    )
    text = f"static double g0(double x) {{ return x * x; }}\n{doubled}double f(double x) {{ return g17(x); }}"
    with pytest.raises(RefusedError, match="too large"):
        parse_c(text, "t.c", function="f")
    ifs = "".join(f"if (x[{k}] > 0) {{ if (x[{k}] > 1) return; x[{k}] = 2; }} " for k in range(40))
    with pytest.raises(RefusedError, match=r"jumps|paths"):
        parse_c(f"void f(double x[40]) {{ {ifs} }}", "t.c")
