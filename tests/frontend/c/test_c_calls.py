"""Library functions, helpers that are inlined, file-scope variables, side effects; compared with gcc."""

from __future__ import annotations

import pytest
from c_harness import check

from exalift.affine import Constant, Role
from exalift.frontend.c import parse_c, parse_c_all

SNIPPETS = {
    "scalar helper": "static double sq(double x) { return x * x; }\nvoid f(int n, double x[n]) { for (int i = 0; i < n; i++) x[i] = sq(x[i]) + sq(x[i] - 1); }",
    "helper of a helper": """
        static inline float add(float a, float b) { return a + b; }
        static inline float twice(float a) { return add(a, a); }
        void f(int n, float x[n]) { for (int i = 0; i < n; i++) x[i] = twice(add(x[i], 1)); }""",
    "helper with locals": """
        static double norm(double a, double b) { double s = a * a; s += b * b; return s; }
        void f(int n, double x[n], double y[n]) { for (int i = 0; i < n; i++) y[i] = norm(x[i], y[i]) - norm(y[i], 1); }""",
    "helper with branches": """
        static double clip(double v, double lo, double hi) { if (v < lo) return lo; if (v > hi) return hi; return v; }
        void f(int n, double x[n]) { for (int i = 0; i < n; i++) x[i] = clip(x[i], -0.5, 0.5); }""",
    "helper in a branch": """
        static double lerp(double a, double b) { const double t = 0.25; double s = 1 - t; return s * a + t * b; }
        void f(int n, double x[n]) { for (int i = 0; i < n; i++) x[i] = x[i] > 0 ? lerp(x[i], 2) : x[i]; }""",
    "helper on rows": """
        static void scale(int n, double *row, double by) { for (int i = 0; i < n; i++) row[i] *= by; }
        void f(int n, int m, double a[n][m]) { for (int i = 0; i < n; i++) scale(m, a[i], i); }""",
    "helper on matrices": """
        static void transpose(int n, int m, const int a[n][m], int b[m][n]) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) b[j][i] = a[i][j]; }
        void f(int p, int q, int x[p][q], int y[q][p]) { transpose(p, q, x, y); }""",
    "helper on flat parts": """
        static double dot(int n, const double *x, const double *y) { double s = 0; for (int i = 0; i < n; i++) s += *x++ * *y++; return s; }
        void f(int n, int m, const double *a, const double *x, double *y) { for (int i = 0; i < n; i++) y[i] = dot(m, a + i * m, x); }""",
    "helper on indices": """
        static int at(int i, int j, int m) { return i * m + j; }
        void f(int n, int m, int *a) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[at(i, j, m)] = i - j; }""",
    "helper that writes through a pointer": """
        static void split(double v, double *whole, double *part) { *whole = floor(v); *part = v - *whole; }
        void f(int n, double x[n], double y[n]) { for (int i = 0; i < n; i++) { double w, p; split(x[i], &w, &p); x[i] = w; y[i] = p; } }""",
    "helper changes its parameter": "static int down(int k) { k -= 2; return k * k; }\nvoid f(int n, int x[n]) { for (int i = 0; i < n; i++) x[i] = down(i) + down(x[i]); }",
    "two calls at one place of a macro": """
        static double norm(double a) { double t = a * a; t = t + 1; return t; }
        #define TWO(a, b) (norm(a) + 10 * norm(b))
        void f(int n, double *x) { for (int i = 0; i < n; i++) x[i] = TWO(x[i], x[i] + 1); }""",
    "helper that swaps": """
        static int gap(int a, int b) { if (a > b) { int t = a; a = b; b = t; } return b - a; }
        void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = gap(x[i], 3) + 100 * gap(i, 2); }""",
    "helper with an effect": """
        static double bump(double *p) { *p += 1; return *p; }
        double f(double *x, double *y) { double s = bump(x); *y = bump(x); return bump(x); }""",
    "report and exit": """
        #include <stdio.h>
        #include <stdlib.h>
        void f(int n, double *x) {
          if (n < 1) { fprintf(stderr, "bad n %d\\n", n); exit(1); }
          double *t = (double *)malloc(n * sizeof(double));
          if (t == NULL) { perror("malloc"); exit(EXIT_FAILURE); }
          for (int i = 0; i < n; i++) t[i] = x[i];
          for (int i = 0; i < n; i++) x[i] = t[i] + t[n - 1 - i];
          free(t);
        }""",
    "integers through float": "double f(int d, double *x) { x[d] = (double)(float)(d * 16777217); return x[d]; }",
    "side effect in an argument": "static int sum(int a, int b) { return a + b; }\nvoid f(int n, int x[n]) { for (int i = 0; i < n; i++) { int k = x[i]; x[i] = sum(k++, 2) + 0; x[i] += k; } }",
    "element-wise": """
        #include <math.h>
        void f(int n, double x[n]) {
          for (int i = 0; i < n; i++) {
            double v = fabs(x[i]);
            x[i] = sqrt(v) + cbrt(x[i]) + exp(-v) + expm1(x[i]) + log(v) + log1p(v) + log2(v) + log10(v) + exp2(x[i]) + pow(v, 1.5)
                 + sin(x[i]) + cos(x[i]) + tan(v) + tanh(x[i]) + sinh(x[i]) + cosh(x[i]) + atan(x[i]) + atan2(x[i], v) + erf(x[i])
                 + asin(x[i] / 4) + acos(x[i] / 4) + atanh(x[i] / 4) + hypot(v, 2) + fma(v, v, x[i]);
          }
        }""",
    "rounding": """
        #include <math.h>
        void f(int n, double x[n], long y[n]) {
          for (int i = 0; i < n; i++) { x[i] = floor(5 * x[i]) + ceil(x[i] * 3) * 10 + round(x[i] * 2) * 100 + rint(x[i] * 7) * 1000 + trunc(x[i] * 9) * 1e5;
            y[i] = lround(x[i] / 3) + lrint(x[i]); }
        }""",
    "ties": """
        #include <math.h>
        void f(double x[8]) { for (int i = 0; i < 8; i++) { double h = i - 3.5; x[i] = round(h) * 100 + rint(h) * 10 + nearbyint(h); } }""",
    "floats": """
        #include <math.h>
        void f(int n, float x[n], float y[n]) {
          for (int i = 0; i < n; i++) y[i] = sqrtf(fabsf(x[i])) + fmaxf(x[i], y[i]) - fminf(x[i], 0.5f) + expf(x[i]) * tanhf(x[i]) + fmodf(x[i], 0.3f);
        }""",
    "mixed float and double": "#include <math.h>\nvoid f(int n, float x[n]) { for (int i = 0; i < n; i++) x[i] = sqrt(fabs(x[i])) * 2 + 0.1; }",
    "absolute integers": "#include <stdlib.h>\nvoid f(int n, int x[n], long y[n]) { for (int i = 0; i < n; i++) { x[i] = abs(x[i]); y[i] = labs(y[i]); } }",
    "fdim": "#include <math.h>\nvoid f(int n, double x[n], double y[n]) { for (int i = 0; i < n; i++) x[i] = fdim(x[i], y[i]); }",
    "constants": """
        #include <float.h>
        #include <limits.h>
        #include <math.h>
        #include <stdint.h>
        enum { A = 3, B };
        void f(double x[8], long y[4]) { x[0] = DBL_MAX; x[1] = M_PI; x[2] = FLT_EPSILON; x[3] = -INFINITY; x[4] = A + B; x[5] = 'a'; x[6] = 1e-310; x[7] = sizeof(double);
          y[0] = INT_MIN; y[1] = UINT32_MAX; y[2] = LONG_MIN; y[3] = INT64_MAX; }""",
    "braced macro": """
        #define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
        void f(int n, double x[n], double y[n]) { for (int i = 0; i < n; i++) x[i] = MAX(x[i] + 1, y[i]); }""",
    "chained": "void f(int n, double x[n], int y[n]) { for (int i = 0; i < n; i++) x[i] = y[i] = 2.75; }",
    "chained scalars": "void f(int n, double x[n]) { double a, b; a = b = x[0]; for (int i = 0; i < n; i++) x[i] = a + b; }",
    "steps of data": "void f(int n, int x[n], double y[n]) { for (int i = 0; i < n; i++) { x[i]++; --x[i]; ++x[i]; y[i]--; } }",
    "old value": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) { int k = x[i]; y[i] = k++; y[i] += 10 * k; y[i] += 100 * --k; } }",
    "old element": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = x[i]++; }",
    "both step": "void f(int n, int *x, const int *y) { int i = 0, j = n; while (i < n) x[i++] = y[--j]; }",
    "comma": "void f(int n, int x[n]) { int t; for (int i = 0; i < n; i++) t = x[i], x[i] = t * t, t++; }",
    "running sum": "void f(int n, double x[n]) { double s = 0; for (int i = 0; i < n; i++) { s += x[i]; x[i] = s; } }",
    "counts data": "int f(int n, const int x[n]) { int count = 0; for (int i = 0; i < n; i++) if (x[i] > 0) count++; return count; }",
    "sums counters": "int f(int n) { int s = 0; for (int i = 0; i < n; i++) s += i * i; return s; }",
    "returns a float": "double f(int n, const double *x) { double s = 0; for (int i = 0; i < n; i++) s += x[i]; return s / n; }",
    "returns a converted value": "float f(double a, int b) { return a * b + 0.1; }",
    "returns and changes": "int f(int *p) { return (*p)++; }",
    "parameters change": "double f(int n, double a, int k) { for (int i = 0; i < n; i++) { a *= 1.5; k += 2; } return a + k; }",
    "assignment operators": """
        void f(int n, int x[n], unsigned y[n], double z[n]) {
          for (int i = 0; i < n; i++) { x[i] += 3; x[i] -= i; x[i] *= 2; x[i] /= 3; x[i] %= 7; x[i] <<= 2; x[i] >>= 1; x[i] &= 0x3f; x[i] |= 8; x[i] ^= 5;
            y[i] <<= 3; y[i] >>= 2; y[i] /= 3; z[i] /= 2; z[i] += x[i]; x[i] += z[i]; }
        }""",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_like_gcc(name: str) -> None:
    text = SNIPPETS[name]
    if "floor(" in text and "math.h" not in text:
        text = f"#include <math.h>\n{text}"
    check(text, rounds=4)


def test_file_scope_variables_become_parameters() -> None:
    text = """
        int count; double scale; double table[5]; const int shift = 3; static int size;
        void f(int n, double x[n]) {
          for (int i = 0; i < n; i++) { x[i] = scale * x[i] + shift; table[i % 5] += x[i]; }
          count += n;
          for (int i = 0; i < size; i++) x[i] += i;
        }"""
    program = check(text.replace("static int", "int"))
    assert program.parameters == ("n", "x", "scale", "table", "count", "size")
    assert program.array("count").shape == () and program.by_value == frozenset()
    assert [size.name for size in program.sizes] == ["n", "size"]
    assert program.globals == {"scale", "table", "count", "size"}
    assert program.array("table").role is Role.PARAMETER


def test_literals_are_exact() -> None:
    (program,) = parse_c("double f(void) { return 0.1; }", "t.c")
    assert program.returns == Constant(__import__("fractions").Fraction(0.1), program.returns.dtype)  # type: ignore[union-attr]


def test_every_function_that_can_be_taken() -> None:
    text = """
        #include <stdio.h>
        double sq(double x) { return x * x; }
        void twice(int n, double *x) { for (int i = 0; i < n; i++) x[i] *= 2; }
        int main(void) { printf("hello"); return 0; }
        """
    assert [program.name for program in parse_c(text, "t.c")] == ["sq", "twice"]
    programs, diagnostics = parse_c_all(text, "t.c")
    assert len(programs) == 2
    (diagnostic,) = diagnostics
    assert "printf" in diagnostic.message and diagnostic.span.line == 5


def test_static_helpers_are_no_functions_of_their_own() -> None:
    text = """
        #include <stdio.h>
        static double sq(double x) { return x * x; }
        static double pick(double *p, int i) { return sq(p[i]); }
        void f(int n, double *x) { for (int i = 0; i < n; i++) x[i] = pick(x, i); }
        static void only_main(int n, double *x) { for (int i = 0; i < n; i++) x[i] *= 2; }
        static void nobody(int n, double *x) { for (int i = 0; i < n; i++) x[i] += 2; }
        int main(void) { double x[2]; only_main(2, x); printf("%f", x[0]); return 0; }
        """
    programs, diagnostics = parse_c_all(text, "t.c")
    assert [program.name for program in programs] == ["f", "only_main", "nobody"]
    assert [d.span.line for d in diagnostics] == [8]
    assert [program.name for program in parse_c(text, "t.c", function="sq")] == ["sq"]


def test_assumptions_name_what_is_relied_on() -> None:
    aliasing = "arrays that are passed through different pointers do not overlap"
    (program,) = parse_c(
        "void f(int n, double *x, const double *y) { for (int i = 0; i < n; i++) x[i] = y[i]; }", "t.c"
    )
    assert aliasing in program.assumptions
    text = "void f(int n, double *restrict x, const double *y) { for (int i = 0; i < n; i++) x[i] = y[i]; }"
    (program,) = parse_c(text, "t.c")
    assert program.assumptions == ()
    (program,) = parse_c("int f(int a, int b) { return a + b; }", "t.c")
    assert any("overflow" in sentence for sentence in program.assumptions)
