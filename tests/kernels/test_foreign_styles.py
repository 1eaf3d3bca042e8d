"""Loops as people in other fields write them: audio, images, finance, physics, networks, BLAS.

Each is lifted as it stands and compared with gcc. What is said of loops is what stays for a reason that
the text itself gives: a recurrence.
"""

from __future__ import annotations

import pytest

from exalift import RefusedError
from exalift.pipeline import check, lift

WHOLE = {
    "fixed-point mixing with saturation": """
#include <stdint.h>
void mix(int16_t *out, const int16_t *a, const int16_t *b, int frames, int gain_a, int gain_b)
{
    for (int i = 0; i < frames; i++)
        for (int channel = 0; channel < 2; channel++) {
            int s = (a[2 * i + channel] * gain_a + b[2 * i + channel] * gain_b) >> 8;
            s = s > 32767 ? 32767 : (s < -32768 ? -32768 : s);
            out[2 * i + channel] = s;
        }
}""",
    "an erosion by a helper on bytes": """
#include <stdint.h>
static uint8_t least(uint8_t a, uint8_t b) { return a < b ? a : b; }
void erode(const uint8_t *src, uint8_t *dst, int w, int h)
{
    for (int y = 1; y < h - 1; y++)
        for (int x = 1; x < w - 1; x++) {
            uint8_t v = 255;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    v = least(v, src[(y + dy) * w + (x + dx)]);
            dst[y * w + x] = v;
        }
}""",
    "column-major BLAS with a leading dimension": """
void dgemv_t(int m, int n, double alpha, const double *a, int lda, const double *x, double beta, double *y)
{
    for (int j = 0; j < n; j++) {
        double temp = 0.0;
        for (int i = 0; i < m; i++)
            temp += a[i + j * lda] * x[i];
        y[j] = beta * y[j] + alpha * temp;
    }
}""",
    "increments of 2 and 3": """
void daxpy(int n, double da, const double *dx, double *dy)
{
    int i, ix = 0, iy = 0;
    for (i = 0; i < n; i++) { dy[iy] += da * dx[ix]; ix += 2; iy += 3; }
}""",
    "unrolled by 4, the rest after": """
void daxpy(int n, double da, const double *dx, double *dy)
{
    int i;
    for (i = 0; i + 3 < n; i += 4) {
        dy[i] += da * dx[i];
        dy[i + 1] += da * dx[i + 1];
        dy[i + 2] += da * dx[i + 2];
        dy[i + 3] += da * dx[i + 3];
    }
    for (; i < n; i++) dy[i] += da * dx[i];
}""",
    "periodic ghost cells": """
#define NX 64
#define NY 48
static double u[NY + 2][NX + 2], un[NY + 2][NX + 2];
void heat_step(double nu, double dt, double dx)
{
    const double r = nu * dt / (dx * dx);
    for (int j = 1; j <= NY; j++) { u[j][0] = u[j][NX]; u[j][NX + 1] = u[j][1]; }
    for (int i = 0; i <= NX + 1; i++) { u[0][i] = u[NY][i]; u[NY + 1][i] = u[1][i]; }
    for (int j = 1; j <= NY; j++)
        for (int i = 1; i <= NX; i++)
            un[j][i] = u[j][i] + r * (u[j-1][i] + u[j+1][i] + u[j][i-1] + u[j][i+1] - 4.0 * u[j][i]);
    for (int j = 1; j <= NY; j++)
        for (int i = 1; i <= NX; i++)
            u[j][i] = un[j][i];
}""",
    "a dilated filter with a leaky rectifier": """
void dilated(int len, int cin, int cout, const float x[len + 8][cin], const float w[5][cin][cout],
             const float b[cout], float y[len][cout])
{
    for (int t = 0; t < len; t++)
        for (int o = 0; o < cout; o++) {
            float s = b[o];
            for (int k = 0; k < 5; k++)
                for (int i = 0; i < cin; i++)
                    s += x[t + 2 * k][i] * w[k][i][o];
            y[t][o] = s > 0 ? s : 0.01f * s;
        }
}""",
    "options on shares": """
#include <math.h>
void calls(int n, const double *S, const double *K, double r, double sigma, double T, double *call)
{
    for (int i = 0; i < n; i++) {
        double st = sigma * sqrt(T);
        double d1 = (log(S[i] / K[i]) + (r + 0.5 * sigma * sigma) * T) / st;
        double d2 = d1 - st;
        call[i] = S[i] * (0.5 + 0.5 * tanh(0.8 * d1)) - K[i] * exp(-r * T) * (0.5 + 0.5 * tanh(0.8 * d2));
    }
}""",
    "bodies that attract each other": """
#include <math.h>
void accelerations(int n, const double (*pos)[3], const double *mass, double (*acc)[3], double eps2)
{
    for (int i = 0; i < n; i++) {
        double a[3] = {0, 0, 0};
        for (int j = 0; j < n; j++) {
            double d[3];
            for (int k = 0; k < 3; k++) d[k] = pos[j][k] - pos[i][k];
            double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + eps2;
            double inv = 1.0 / (r2 * sqrt(r2));
            for (int k = 0; k < 3; k++) a[k] += mass[j] * inv * d[k];
        }
        for (int k = 0; k < 3; k++) acc[i][k] = a[k];
    }
}""",
    "rotary positions, in place": """
void rope(int t, int heads, int d, float *q, const float *cosines, const float *sines)
{
    for (int p = 0; p < t; p++)
        for (int h = 0; h < heads; h++)
            for (int i = 0; i < d; i++) {
                float *pair = q + ((p * heads + h) * d + i) * 2;
                float a = pair[0], b = pair[1];
                pair[0] = a * cosines[p * d + i] - b * sines[p * d + i];
                pair[1] = a * sines[p * d + i] + b * cosines[p * d + i];
            }
}""",
    "tiles of a fixed size": """
#define N 64
#define T 16
void tiled(const double a[N][N], const double b[N][N], double c[N][N])
{
    for (int ii = 0; ii < N; ii += T)
        for (int jj = 0; jj < N; jj += T)
            for (int kk = 0; kk < N; kk += T)
                for (int i = ii; i < ii + T; i++)
                    for (int j = jj; j < jj + T; j++)
                        for (int k = kk; k < kk + T; k++)
                            c[i][j] += a[i][k] * b[k][j];
}""",
}

STAY = {
    "a biquad": (
        1,
        """
void biquad(const float *in, float *out, int n, const float c[5], float state[2])
{
    float z1 = state[0], z2 = state[1];
    while (n--) {
        float x = *in++;
        float y = c[0] * x + z1;
        z1 = c[1] * x - c[3] * y + z2;
        z2 = c[2] * x - c[4] * y;
        *out++ = y;
    }
    state[0] = z1;
    state[1] = z2;
}""",
    ),
    "a hash of unsigned words": (
        1,
        """
#include <stdint.h>
uint32_t fnv1a(const uint8_t *p, int n)
{
    uint32_t h = 2166136261u;
    for (int i = 0; i < n; ++i) { h ^= p[i]; h *= 16777619u; }
    return h;
}""",
    ),
    "Horner at many places": (
        1,
        """
void horner(int n, int degree, const double *c, const double *x, double *y)
{
    for (int i = 0; i < n; i++) {
        double p = c[degree];
        for (int k = degree - 1; k >= 0; k--) p = p * x[i] + c[k];
        y[i] = p;
    }
}""",
    ),
    "a triangular solve": (
        1,
        """
void solve(int n, const double *a, int lda, double *x)
{
    for (int j = 0; j < n; j++) {
        x[j] /= a[j + j * lda];
        for (int i = j + 1; i < n; i++) x[i] -= x[j] * a[i + j * lda];
    }
}""",
    ),
}

REFUSED = {
    "a histogram": (
        """
void histogram(const unsigned char *pixels, int n, int counts[256])
{
    for (int i = 0; i < n; i++) counts[pixels[i]]++;
}""",
        "the subscript depends on data",
    ),
    "a search": (
        """
int find(int n, const int *x, int key)
{
    for (int i = 0; i < n; i++) if (x[i] == key) return i;
    return -1;
}""",
        "`return` inside a loop",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_lifts_whole(name: str) -> None:
    lifted = lift(WHOLE[name])
    assert not lifted.residual_loops
    assert lifted.proof in ("all-sizes", "bounded")
    assert check(lifted).agrees


@pytest.mark.parametrize("name", STAY)
def test_keeps_only_the_loop_that_is_a_recurrence(name: str) -> None:
    loops, text = STAY[name]
    lifted = lift(text)
    assert len(lifted.residual_loops) == loops
    assert all(loop.reason.startswith("flow of") for loop in lifted.residual_loops)
    assert check(lifted).agrees


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_the_reason(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(RefusedError, match=reason):
        lift(text)
