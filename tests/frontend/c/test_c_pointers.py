"""Arrays and pointers in every style: fixed, variable, flat, walking; compared with gcc."""

from __future__ import annotations

import pytest
from c_harness import check

from exalift.affine import Affine, Program

N, M, LDA = (Affine.symbol(name) for name in ("n", "m", "lda"))

SNIPPETS = {
    "variable": "void f(int n, int m, double a[n][m]) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] *= 2; }",
    "fixed": "void f(int a[7][5]) { for (int i = 0; i < 7; i++) for (int j = 0; j < 5; j++) a[i][j] = 10 * i + j; }",
    "fixed, parametric loops": "void f(int n, int m, int a[9][8]) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] = i + j; }",
    "pointer to rows": "void f(int n, int m, int (*a)[m]) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] = i * j; }",
    "missing outer extent": "void f(int n, int a[][6]) { for (int i = 0; i < n; i++) for (int j = 0; j < 6; j++) a[i][j] = i; }",
    "three dimensions": """
        void f(int p, int q, int r, int a[p][q][r], int b[r][q]) {
          for (int i = 0; i < p; i++) for (int j = 0; j < q; j++) for (int k = 0; k < r; k++) b[k][j] += a[i][j][k];
        }""",
    "flat": "void f(int n, int m, double *a) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i * m + j] += i; }",
    "flat with a stride": """
        void f(int n, int m, int lda, double *a, const double *x) {
          for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i * lda + j] += x[j];
        }""",
    "flat, columns first": "void f(int n, int m, int lda, int *a) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i + j * lda] = i - j; }",
    "dereferenced": "void f(int n, int m, int *a) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) *(a + i * m + j) = j; }",
    "three flat": """
        void f(int p, int q, int r, int *a) {
          for (int i = 0; i < p; i++) for (int j = 0; j < q; j++) for (int k = 0; k < r; k++) a[(i * q + j) * r + k] = i + j + k;
        }""",
    "three flat, written out": """
        void f(int p, int q, int r, int *a) {
          for (int i = 0; i < p; i++) for (int j = 0; j < q; j++) for (int k = 0; k < r; k++) a[i * q * r + j * r + k] = i - k;
        }""",
    "image": """
        void f(int h, int w, const unsigned char *in, unsigned char *out) {
          for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int c = 0; c < 3; c++)
            out[(y * w + x) * 3 + c] = 255 - in[(y * w + x) * 3 + c];
        }""",
    "image, channels written out": """
        void f(int h, int w, const int *in, int *out) {
          for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) {
            const int *p = in + 3 * (y * w + x);
            out[y * w + x] = p[0] + 2 * p[1] + 3 * p[2];
          }
        }""",
    "mirrored": "void f(int n, int m, int *a, int *b) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i * m + j] = b[(n - 1 - i) * m + m - 1 - j]; }",
    "mirrored as a whole": "void f(int n, int m, int *a, int *b) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i * m + j] = b[n * m - 1 - (i * m + j)]; }",
    "stencil": """
        void f(int n, int m, const double *a, double *b) {
          for (int i = 1; i < n - 1; i++) for (int j = 1; j < m - 1; j++)
            b[i * m + j] = a[(i - 1) * m + j] + a[(i + 1) * m + j] + a[i * m + j - 1] + a[i * m + j + 1];
        }""",
    "diagonal": "void f(int n, double *a) { for (int i = 0; i < n; i++) a[i * n + i] = 1; }",
    "diagonal by a stride": "void f(int n, double *a) { for (int i = 0; i < n; i++) a[i * (n + 1)] = 1; }",
    "inner convolution": """
        void f(int h, int w, int *in, int *out) {
          int oh = h - 2, ow = w - 2;
          for (int y = 0; y < oh; y++) for (int x = 0; x < ow; x++) {
            out[y * ow + x] = 0;
            for (int d = 0; d < 3; d++) out[y * ow + x] += in[(y + d) * w + x + d];
          }
        }""",
    "fixed flat": "void f(int *a) { for (int i = 0; i < 6; i++) for (int j = 0; j < 50; j++) a[i * 50 + j] = i - j; }",
    "fixed flat, declared": "void f(int a[300]) { for (int i = 0; i < 6; i++) for (int j = 0; j < 50; j++) a[i * 50 + j] = i - j; }",
    "interleaved": "void f(int n, float *x) { for (int i = 0; i < n; i++) { float r = x[2 * i]; x[2 * i] = x[2 * i + 1]; x[2 * i + 1] = -r; } }",
    "strided vector": "void f(int n, int incx, double *x) { for (int i = 0; i < n; i++) x[i * incx] *= 3; }",
    "walking": "void f(int n, double *x) { for (int i = 0; i < n; i++) *x++ = i; }",
    "walking both": "void f(int n, const double *x, double *y) { while (n--) *y++ = *x++ * 2; }",
    "walking rows": """
        void f(int n, int m, const double *a, double *y) {
          for (int i = 0; i < n; i++) { double s = 0; for (int j = 0; j < m; j++) s += *a++; *y++ = s; }
        }""",
    "walking to an end": "void f(int n, int *x) { for (int *p = x; p < x + n; p++) *p = 5; }",
    "walking to an end, not equal": "void f(int n, int *x) { int *end = x + n; for (int *p = x; p != end; ++p) *p += 1; }",
    "walking backwards": "void f(int n, int *x, int *y) { int *p = x + n; for (int i = 0; i < n; i++) y[i] = *--p; }",
    "rows": "void f(int n, int m, const int *a, int *s) { for (int i = 0; i < n; i++) { const int *row = a + i * m; s[i] = 0; for (int j = 0; j < m; j++) s[i] += row[j]; } }",
    "rows of an array": "void f(int n, int m, int a[n][m], int *s) { for (int i = 0; i < n; i++) { const int *row = a[i]; for (int j = 0; j < m; j++) s[i] += row[j]; } }",
    "address of an element": "void f(int n, int m, int a[n][m], int *s) { for (int i = 0; i < n; i++) { int *p = &a[i][0]; for (int j = 0; j < m; j++) s[j] += *(p + j); } }",
    "row pointers advance": "void f(int n, int m, const int *a, int *s) { const int *row = a; for (int i = 0; i < n; i++, row += m) for (int j = 0; j < m; j++) s[i] += row[j]; }",
    "pointer to rows advances": "void f(int n, int m, int (*a)[m]) { for (int i = 0; i < n; i++, a++) for (int j = 0; j < m; j++) (*a)[j] = i; }",
    "seen as a matrix": "void f(int n, int m, int *x) { int (*a)[m] = (int (*)[m])x; for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] = i + 3 * j; }",
    "matrix seen flat": "void f(int n, int m, int a[n][m]) { int *p = &a[0][0]; for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) p[i * m + j] = i; }",
    "fixed matrix seen flat": "void f(int a[6][7]) { int *p = (int *)a; for (int k = 0; k < 42; k++) p[k] = k; }",
    "fixed matrix walked": "void f(int a[6][7]) { int *p = a[0]; for (int i = 0; i < 6; i++) for (int j = 0; j < 7; j++) *p++ = i - j; }",
    "two views of one array": "void f(int n, int *x) { int *lo = x, *hi = x + n; for (int i = 0; i < n; i++) hi[i] = lo[i]; }",
    "offset": "void f(int n, int k, int *x) { for (int i = 0; i < n; i++) x[i + k] = i; }",
    "scalar result": "void f(int n, const double *x, double *sum) { *sum = 0; for (int i = 0; i < n; i++) *sum += x[i]; }",
    "scalar result, subscripted": "void f(int n, const double *x, double *sum) { sum[0] = 0; for (int i = 0; i < n; i++) sum[0] += x[i]; }",
    "several numbers": "void f(int n, const double *x, double *out) { out[0] = x[0]; out[1] = x[n - 1]; out[2] = 7; }",
    "local array": "void f(int n, int x[n]) { int t[n]; for (int i = 0; i < n; i++) t[i] = x[n - 1 - i]; for (int i = 0; i < n; i++) x[i] = t[i]; }",
    "local matrix, zeroed": "void f(int x[3][4]) { int t[3][4] = {0}; t[1][2] = 5; for (int i = 0; i < 3; i++) for (int j = 0; j < 4; j++) x[i][j] += t[i][j]; }",
    "initialised": "void f(int n, double *x) { double w[2][3] = {{1, 2}, {3, 4.5, 6}}; for (int i = 0; i < 2; i++) for (int j = 0; j < 3; j++) x[i * 3 + j] = w[i][j]; }",
    "initialised flat": "void f(int *x) { int w[2][2] = {1, 2, 3}; for (int i = 0; i < 4; i++) x[i] = w[i / 2][i % 2]; }",
    "designated": "void f(int *x) { int w[6] = {[1] = 3, 4, [5] = 9}; for (int i = 0; i < 6; i++) x[i] = w[i]; }",
    "array in a loop": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) { int t[3] = {i, 2}; t[2] += t[0]; x[i] = t[0] + t[1] * 10 + t[2] * 100; } }",
    "table": "static const int table[4] = {3, 1, 4, 1};\nvoid f(int n, int x[n]) { for (int i = 0; i < n; i++) for (int k = 0; k < 4; k++) x[i] += table[k]; }",
    "static table": "void f(int n, float x[n]) { static const float w[3] = {0.25f, 0.5f, 0.25f}; for (int i = 1; i < n - 1; i++) x[i] = w[0] * x[i - 1] + w[1] * x[i] + w[2] * x[i + 1]; }",
    "allocated": "#include <stdlib.h>\nvoid f(int n, int *x) { int *t = malloc(n * sizeof(int)); for (int i = 0; i < n; i++) t[i] = x[i]; for (int i = 0; i < n; i++) x[i] = t[n - 1 - i]; free(t); }",
    "allocated matrix": """
        #include <stdlib.h>
        void f(int n, int m, double *x) {
          double *t = (double *)calloc((size_t)n * m, sizeof *t);
          if (!t) return;
          for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) t[i * m + j] += x[i * m + j] * 2;
          for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) x[i * m + j] = t[i * m + j];
          free(t);
        }""",
    "memset": "#include <string.h>\nvoid f(int n, double x[n]) { memset(x, 0, n * sizeof(double)); x[0] = 1; }",
    "memset of a fixed matrix": "#include <string.h>\nvoid f(double x[4][5]) { memset(x, 0, sizeof(double) * 20); x[1][2] = 1; }",
    "memcpy": "#include <string.h>\nvoid f(int n, double *x, const double *y) { memcpy(x, y, sizeof(double) * n); x[0] += 1; }",
    "clamped": """
        #define CLAMP(i, n) ((i) < 0 ? 0 : (i) >= (n) ? (n) - 1 : (i))
        void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = x[CLAMP(i - 2, n)] + x[CLAMP(i + 3, n)]; }""",
    "wrapped round": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = x[(i + 1) % n]; }",
    "every other": "void f(int n, int x[n], int y[n]) { for (int i = 0; i < n; i++) y[i] = x[i / 2 * 2]; }",
    "reversed subscript": "void f(int n, int x[n]) { for (int i = 0; i < n; i++) i[x] = i; }",
    "unsigned subscript": "void f(unsigned n, int x[n]) { for (unsigned i = 1; i < n; i++) x[i - 1u] = (int)i; }",
    "chosen pointer": "void f(int n, int x[2 * n]) { for (int i = 0; i < n; i++) { int *p = i % 2 == 0 ? x : x + n; p[i] = i; } }",
    "flat loop": "void f(int n, int m, float *x) { for (int i = 0; i < n * m; i++) x[i] = x[i] > 0 ? x[i] : 0; }",
    "flat loop, other order": """
        void f(int n, int m, double *a, const double *b) {
          int total = n * m;
          for (int k = 0; k < total; k++) a[k] = 2;
          for (int j = 0; j < m; j++) for (int i = 0; i < n; i++) a[j * n + i] += b[j];
        }""",
    "flat loop, taken apart": """
        #include <stddef.h>
        void f(int h, int w, const float *in, float *out) {
          for (size_t k = 0; k < (size_t)h * w; k++) { int y = k / w, x = k % w; out[x * h + y] = in[k]; }
        }""",
    "flat loop, walking": "void f(int n, int m, float *x) { int t = n * m; while (t--) *x++ = 1; }",
    "flat loop, three factors": """
        void f(int h, int w, unsigned char *p) {
          for (int i = 0; i < h * w * 3; i++) p[i] = 255 - p[i];
          for (int i = 0; i < h * w; ++i) p[3 * i] = 0;
        }""",
    "array as large as its iteration": """
        void f(int n, double x[n]) {
          for (int i = 0; i < n; i++) { double t[i + 1]; for (int j = 0; j <= i; j++) t[j] = x[j] * j; x[i] += t[i] + t[0]; }
        }""",
    "products of size_t": """
        #include <stddef.h>
        void f(int h, int w, const float *a, float *b) {
          for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) b[(size_t)y * w + x] = a[(size_t)y * (size_t)w + (size_t)x];
        }""",
    "products of unsigned": """
        void f(unsigned h, unsigned w, const float *a, float *b) {
          for (unsigned y = 0; y < h; y++) for (unsigned x = 0; x < w; x++) b[(unsigned long)y * w + x] = a[y * w + x];
        }""",
    "before the pointer": "void f(int n, float *x, float *y) { for (int i = 1; i < n; i++) { const float *p = x + i; y[i] = p[0] - p[-1]; } }",
    "flat by a variable": "void f(int n, int m, double *a, const double *b) { for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) { int k = i * m + j; a[k] = b[k] + 1; } }",
    "swapped buffers": """
        void f(int steps, int n, double *a, double *b) {
          for (int t = 0; t < steps; t++) {
            for (int i = 1; i < n - 1; i++) b[i] = 0.5 * (a[i - 1] + a[i + 1]) + t;
            double *tmp = a; a = b; b = tmp;
          }
        }""",
    "swapped rows": """
        void f(int steps, int n, int m, double u[n][m], double v[n][m]) {
          double (*p)[m] = u, (*q)[m] = v, (*t)[m];
          int s = 0;
          while (s < steps) {
            for (int i = 1; i < n - 1; i++) for (int j = 1; j < m - 1; j++) q[i][j] = p[i - 1][j] + p[i][j + 1] + s;
            t = p; p = q; q = t; s++;
          }
        }""",
    "swapped a known number of times": """
        void f(double *a, double *b, int n) {
          for (int k = 0; k < 3; k++) { for (int i = 0; i < n; i++) b[i] = a[i] + k; double *t = a; a = b; b = t; }
          a[0] = 100;
        }""",
    "pointer difference": "void f(int n, int *x) { for (int *p = x; p < x + n; p++) *p = (int)(p - x); }",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_like_gcc(name: str) -> None:
    check(SNIPPETS[name], rounds=4)


def _shape(program: Program, name: str) -> tuple[Affine, ...]:
    return program.array(name).shape


def test_flat_pointers_get_rows_and_columns() -> None:
    assert _shape(check(SNIPPETS["flat"]), "a") == (N, M)
    program = check(SNIPPETS["flat with a stride"])
    assert _shape(program, "a") == (N, LDA) and _shape(program, "x") == (M,)
    assert [str(c) for c in program.constraints.disjuncts[0]] == ["lda - m >= 0"]
    p, q, r = (Affine.symbol(s) for s in "pqr")
    assert _shape(check(SNIPPETS["three flat"]), "a") == (p, q, r)
    h, w = (Affine.symbol(s) for s in "hw")
    assert _shape(check(SNIPPETS["image"]), "in") == (h, w, Affine.of(3))
    assert _shape(check(SNIPPETS["inner convolution"]), "out") == (h - 2, w - 2)
    assert _shape(check(SNIPPETS["fixed flat"]), "a") == (Affine.of(6), Affine.of(50))
    assert _shape(check(SNIPPETS["diagonal by a stride"]), "a") == (N, N)
    assert _shape(check(SNIPPETS["walking rows"]), "a") == (N, M)


def test_a_pointer_to_one_number_is_an_array_of_rank_0() -> None:
    for name in ("scalar result", "scalar result, subscripted"):
        program = check(SNIPPETS[name])
        assert _shape(program, "sum") == () and not program.by_value


def test_fixed_extents_bound_the_sizes() -> None:
    program = check(SNIPPETS["fixed, parametric loops"])
    texts = {str(c) for c in program.constraints.disjuncts[0]}
    assert texts == {"-n + 9 >= 0", "-m + 8 >= 0"}


def test_a_size_that_only_shifts_may_be_zero() -> None:
    program = check(SNIPPETS["offset"])
    assert {size.name: size.minimum for size in program.sizes} == {"n": 1, "k": 0}
