"""Loops in every style that people write, compared with gcc."""

from __future__ import annotations

import pytest
from c_harness import check

from exalift.affine import Affine, Loop

SNIPPETS = {
    "ascending": "void f(int n, double *x) { for (int i = 0; i < n; i++) x[i] = 2 * x[i]; }",
    "inclusive": "void f(int n, double x[n + 1]) { int i; for (i = 0; i <= n; i += 1) x[i] = i; }",
    "descending": "void f(int n, double *x) { for (int i = n - 1; i >= 0; i--) x[i] = x[i] + (i > 0 ? x[i - 1] : 1); }",
    "descending greater": "void f(int n, int *x) { for (int i = n; i > 0; --i) x[i - 1] = i; }",
    "post-decrement in the test": "void f(int n, int *x) { for (int i = n; i-- > 0;) x[i] += i; }",
    "stride two": "void f(int n, int *x) { for (int i = 0; i < n; i += 2) x[i] = i; }",
    "stride three from one": "void f(int n, int x[n]) { for (int i = 1; i < n; i = i + 3) x[i] = 5; }",
    "descending stride": "void f(int n, int x[n]) { for (int i = n - 1; i >= 0; i -= 3) x[i] = i; }",
    "not equal": "void f(int n, int *x) { for (int i = 0; i != n; i++) x[i] = -i; }",
    "not equal, unsigned": "void f(unsigned n, int *x) { for (unsigned i = 0; i != n; ++i) x[i] = 3; }",
    "size_t": "#include <stddef.h>\nvoid f(size_t n, float *x) { for (size_t i = 0; i < n; i++) x[i] += 1.5f; }",
    "size_t backwards": "#include <stddef.h>\nvoid f(size_t n, int *x) { for (size_t i = n; i-- > 0;) x[i] = (int)i; }",
    "size_t backwards greater": "void f(unsigned long n, int *x) { for (unsigned long i = n; i > 0; i--) x[i - 1] = i; }",
    "triangle": "void f(int n, int a[n][n]) { for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) a[i][j] = i - j; }",
    "triangle backwards": """
        void f(int n, int a[n][n]) {
          for (int i = n - 1; i >= 0; i--) for (int j = i; j >= 0; j--) a[i][j] += a[i][n - 1 - j] + i;
        }""",
    "two bounds": "void f(int n, int m, int x[n]) { for (int i = 0; i < n && i < m; i++) x[i] = i; }",
    "minimum in the bound": """
        #define MIN(a, b) ((a) < (b) ? (a) : (b))
        void f(int n, int m, int x[n]) { for (int i = 0; i < MIN(n, m); i++) x[i] = i; }""",
    "maximum in the start": """
        #define MAX(a, b) ((a) > (b) ? (a) : (b))
        void f(int n, int x[n], int y[n]) {
          for (int i = 0; i < n; i++) for (int j = MAX(0, i - 2); j < n; j++) x[i] += y[j] * (j - i);
        }""",
    "band": """
        static inline int max(int a, int b) { return a > b ? a : b; }
        static inline int min(int a, int b) { if (a < b) return a; return b; }
        void f(int n, int k, double a[n][n], double x[n]) {
          for (int i = 0; i < n; i++)
            for (int j = max(0, i - k); j <= min(n - 1, i + k); j++) x[i] += a[i][j];
        }""",
    "tiles": """
        #define TILE 4
        void f(int n, double a[n], double b[n]) {
          for (int ii = 0; ii < n; ii += TILE)
            for (int i = ii; i < (ii + TILE < n ? ii + TILE : n); i++) b[i] = 3 * a[i];
        }""",
    "tiles, two bounds": """
        void f(int n, int a[n], int b[n]) {
          for (int ii = 0; ii < n; ii += 5) for (int i = ii; i < ii + 5 && i < n; i++) b[i] = a[i] - i;
        }""",
    "half": "void f(int n, int x[n]) { for (int i = 0; i < n / 2; i++) { int t = x[i]; x[i] = x[n - 1 - i]; x[n - 1 - i] = t; } }",
    "halves": "void f(int n, double x[n], double y[n]) { int mid = n / 2; for (int i = mid; i < n; i++) y[i] = x[i - mid]; }",
    "shifted bits": "void f(int n, int x[n]) { for (int i = 0; i < n >> 1; i++) x[i << 1] = i; }",
    "while": "void f(int n, int *x) { int i = 0; while (i < n) { x[i] = i * i; i++; } }",
    "while down": "void f(int n, int *x) { while (n > 0) { n--; x[n] = n; } }",
    "while post": "void f(int n, int *x) { while (n-- > 0) *x++ = n; }",
    "while truth": "void f(int n, int *x) { while (n) { x[n - 1] = 7; n--; } }",
    "while truth post": "void f(int n, float *x) { while (n--) x[n] *= 2; }",
    "do": "void f(int n, int *x) { int i = 0; do { x[i] = i + 1; } while (++i < n); }",
    "do down": "void f(int n, int *x) { int i = n; do { i--; x[i] += 2; } while (i > 0); }",
    "do fixed": "void f(int *x) { int i = 3; do x[i] = i; while (i-- > 1); }",
    "two counters": "void f(int n, int x[n], int y[n]) { int i, j; for (i = 0, j = n - 1; i < n; i++, j--) x[i] = y[j]; }",
    "counter beside": "void f(int n, int x[3 * n], int y[n]) { int k = 2; for (int i = 0; i < n; i++) { y[i] = x[k]; k += 3; } }",
    "counter across loops": """
        void f(int n, int m, int a[n][m], int b[n * m]) {
          int k = 0;
          for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) b[k++] = a[i][j];
        }""",
    "counter before and after": """
        void f(int n, int x[2 * n + 1]) {
          int k = 0;
          for (int i = 0; i < n; i++) x[k++] = i;
          x[k++] = -1;
          for (int i = 0; i < n; i++) x[k++] = 10 * i;
        }""",
    "value after": "void f(int n, int x[n + 1]) { int i; for (i = 0; i < n; i++) x[i] = 1; x[i] = i; }",
    "value after a stride": "void f(int n, int x[n + 3]) { int i; for (i = 0; i < n; i += 3) x[i] = 1; x[i] = 9; }",
    "trailing index": "void f(int n, int x[n], int y[n]) { int last = -1; for (int i = 0; i < n; i++) { y[i] = last + 1 + x[last + 1]; last = i; } }",
    "continue": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) { if (i % 3 == 1) continue; x[i] = i; } }",
    "continue twice": """
        void f(int n, int x[n]) {
          for (int i = 0; i < n; i++) { if (i < 2) continue; x[i] = 1; if (i == 4) { x[i] = 5; continue; } x[i] += i; }
        }""",
    "empty body": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) ; x[0] = 1; }",
    "fixed": "void f(int x[6]) { for (int i = 0; i < 6; i++) x[i] = i; }",
    "never": "void f(int x[6]) { for (int i = 0; i < 0; i++) x[i] = i; x[1] = 8; }",
    "macro loop": "#define FOR(i, n) for (int i = 0; i < (n); ++i)\nvoid f(int n, int a[n][n]) { FOR (i, n) FOR (j, n) a[i][j] = i + 2 * j; }",
    "same counter twice": "void f(int n, int x[n]) { int i; for (i = 0; i < n; i++) x[i] = i; for (i = 1; i < n; i++) x[i] += x[i - 1]; }",
    "shadowed": "void f(int n, int x[n]) { int i = 0; { int i; for (i = 0; i < n; i++) x[i] = i; } x[i] = 100; }",
    "short counter": "void f(int x[20]) { for (short i = 0; i < 20; i++) x[i] = i; }",
    "char counter": "void f(int x[20]) { for (unsigned char i = 5; i < 20; i++) x[i] = i * 3; }",
    "long and int": "void f(int n, long m, int a[n][m]) { for (int i = 0; i < n; i++) for (long j = 0; j < m; j++) a[i][j] = i * j; }",
    "half open head": "void f(int n, int x[n]) { int i = 0; for (; i < n; ) { x[i] = i; ++i; } }",
    "diagonals": """
        void f(int n, int m, int a[n][m], int d[n + m - 1]) {
          for (int s = 0; s < n + m - 1; s++)
            for (int i = s < m ? 0 : s - m + 1; i <= s && i < n; i++) d[s] += a[i][s - i];
        }""",
    "unrolled by hand": """
        void f(int n, const double *x, double *y) {
          int i;
          for (i = 0; i + 3 < n; i += 4) { y[i] = x[i]; y[i + 1] = 2 * x[i + 1]; y[i + 2] = 3 * x[i + 2]; y[i + 3] = 4 * x[i + 3]; }
          for (; i < n; i++) y[i] = -x[i];
        }""",
    "unrolled, masked bound": """
        double f(int n, const double *x, const double *y) {
          double s[4] = {0};
          int m = n & ~3;
          for (int i = 0; i < m; i += 4) for (int k = 0; k < 4; k++) s[k] += x[i + k] * y[i + k];
          double r = s[0] + s[1] + s[2] + s[3];
          for (int i = m; i < n; i++) r += x[i] * y[i];
          return r;
        }""",
    "whole blocks": "void f(int n, double *a) { enum { B = 3 }; for (int i = 0; i < n / B * B; i += B) for (int k = 0; k < B; k++) a[i + k] = k; }",
    "pragma": "void f(int n, double *a) {\n#pragma omp parallel for\n  for (int i = 0; i < n; i++) a[i] = i;\n}",
    "entry condition": "void f(int n, int m, int x[n]) { for (int i = 0; i < n && m > 3; i++) x[i] = m; }",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_like_gcc(name: str) -> None:
    check(SNIPPETS[name], rounds=5)


def test_unit_loops_keep_their_counter_and_bounds() -> None:
    program = check(SNIPPETS["triangle"])
    (outer,) = program.body
    assert isinstance(outer, Loop)
    (inner,) = outer.body
    assert isinstance(inner, Loop)
    assert (outer.iv, outer.lower, outer.upper) == ("i", (Affine(),), (Affine.symbol("n"),))
    assert (inner.iv, inner.lower, inner.upper) == ("j", (Affine.symbol("i") + 1,), (Affine.symbol("n"),))
    assert (inner.span.line, inner.span.column) == (1, 58)


def test_two_bounds_are_two_upper_bounds() -> None:
    program = check(SNIPPETS["two bounds"])
    (loop,) = program.body
    assert isinstance(loop, Loop)
    assert loop.upper == (Affine.symbol("n"), Affine.symbol("m"))
