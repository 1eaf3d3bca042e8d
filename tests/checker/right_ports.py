"""Kernels of benchmarks/kernels as one writes them in JAX. Each takes its parameters by the C names."""

import jax
import jax.numpy as jnp
from jax import lax


def two_matmul(alpha, beta, a, b, c, d):
    return alpha * (a @ b) @ c + beta * d


def three_matmul(a, b, c, d):
    e, f = a @ b, c @ d
    return e, f, e @ f


def atax(A, x):
    return A.T @ (A @ x)


def bicg(A, r, p):
    return A.T @ r, A @ p


def mvt(x1, x2, y1, y2, A):
    return x1 + A @ y1, x2 + A.T @ y2


def gemm(alpha, beta, C, A, B):
    return alpha * jnp.dot(A, B) + beta * C


def gemver(alpha, beta, A, u1, v1, u2, v2, x, y, z):
    A = A + jnp.outer(u1, v1) + jnp.outer(u2, v2)
    x = x + beta * (A.T @ y) + z
    return A, alpha * (A @ x), x


def gesummv(alpha, beta, A, B, x):
    return alpha * (A @ x) + beta * (B @ x)


def symm(alpha, beta, C, A, B):
    lower = jnp.tril(A)
    full = lower + jnp.tril(A, -1).T
    return alpha * (full @ B) + beta * C


def syrk(alpha, beta, C, A):
    return jnp.where(jnp.tril(jnp.ones_like(C, dtype=bool)), beta * C + alpha * (A @ A.T), C)


def syr2k(n, alpha, beta, C, A, B):
    square = C[:, :n]
    new = alpha * (A @ B.T + B @ A.T) + beta * square
    return C.at[:, :n].set(jnp.where(jnp.tri(n, dtype=bool), new, square))


def trmm(alpha, A, B):
    return alpha * (B + jnp.tril(A, -1).T @ B)


def doitgen(A, C4):
    return jnp.einsum("rqs,sp->rqp", A, C4)


def covariance(data):
    mean = data.mean(axis=0)
    centred = data - mean
    return centred, centred.T @ centred / (data.shape[0] - 1), mean


def correlation(data):
    n, m = data.shape
    mean = jnp.mean(data, axis=0)
    centred = data - mean
    stddev = jnp.sqrt(jnp.mean(centred**2, axis=0))
    stddev = jnp.where(stddev <= 0.1, 1.0, stddev)
    scaled = centred / (jnp.sqrt(float(n)) * stddev)
    corr = jnp.where(jnp.eye(m, dtype=bool), 1.0, scaled.T @ scaled)
    return scaled, corr, mean, stddev


def jacobi_1d(steps, a, b):
    third = 1.0 / 3.0

    def step(_, state):
        a, b = state
        b = b.at[1:-1].set(third * (a[:-2] + a[1:-1] + a[2:]))
        a = a.at[1:-1].set(third * (b[:-2] + b[1:-1] + b[2:]))
        return a, b

    return lax.fori_loop(0, steps, step, (a, b))


def jacobi_2d(steps, A, B):
    def star(u):
        return 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])

    def step(_, state):
        A, B = state
        B = B.at[1:-1, 1:-1].set(star(A))
        A = A.at[1:-1, 1:-1].set(star(B))
        return A, B

    return lax.fori_loop(0, steps, step, (A, B))


def heat_3d(steps, A, B):
    def inner(u):
        c = u[1:-1, 1:-1, 1:-1]
        d2x = u[2:, 1:-1, 1:-1] - 2 * c + u[:-2, 1:-1, 1:-1]
        d2y = u[1:-1, 2:, 1:-1] - 2 * c + u[1:-1, :-2, 1:-1]
        d2z = u[1:-1, 1:-1, 2:] - 2 * c + u[1:-1, 1:-1, :-2]
        return c + 0.125 * (d2x + d2y + d2z)

    def step(_, state):
        A, B = state
        B = B.at[1:-1, 1:-1, 1:-1].set(inner(A))
        A = A.at[1:-1, 1:-1, 1:-1].set(inner(B))
        return A, B

    return lax.fori_loop(1, steps + 1, step, (A, B))


def fdtd_2d(steps, ex, ey, hz, source):
    def step(t, state):
        ex, ey, hz = state
        ey = ey.at[0].set(source[t])
        ey = ey.at[1:].add(-0.5 * (hz[1:] - hz[:-1]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        hz = hz.at[:-1, :-1].add(-0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]))
        return ex, ey, hz

    return lax.fori_loop(0, steps, step, (ex, ey, hz))


def lu(A):
    n = A.shape[0]
    rows = jnp.arange(n)

    def eliminate(k, A):
        below = rows > k
        column = jnp.where(below, A[:, k] / A[k, k], A[:, k])
        A = A.at[:, k].set(column)
        inner = below[:, None] & below[None, :]
        return jnp.where(inner, A - jnp.outer(A[:, k], A[k, :]), A)

    return lax.fori_loop(0, n, eliminate, A)


def trisolv(L, b):
    def row(i, x):
        solved = jnp.where(jnp.arange(L.shape[0]) < i, L[i] * x, 0.0)
        return x.at[i].set((b[i] - solved.sum()) / L[i, i])

    return lax.fori_loop(0, L.shape[0], row, jnp.zeros_like(b))


def cholesky(a):
    n = a.shape[0]
    k = jnp.arange(n)

    def row(i, a):
        def entry(j, a):
            rest = a[i, j] - jnp.sum(jnp.where(k < j, a[i] * a[j], 0.0))
            return a.at[i, j].set(rest / a[j, j])

        a = lax.fori_loop(0, i, entry, a)
        return a.at[i, i].set(jnp.sqrt(a[i, i] - jnp.sum(jnp.where(k < i, a[i] ** 2, 0.0))))

    return lax.fori_loop(0, n, row, a)


def layernorm(eps, x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + eps) * gamma + beta


def rmsnorm(x, w):
    return w * x * lax.rsqrt(jnp.mean(x * x) + 1e-5)


def softmax(x):
    e = jnp.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def dense_relu(x, w, bias):
    return jax.nn.relu(x @ w.T + bias)


def batchnorm(eps, x, gamma, beta, mean, var):
    def channels(v):
        return v[None, :, None]

    return (x - channels(mean)) / jnp.sqrt(channels(var) + eps) * channels(gamma) + channels(beta)


def conv2d(in_, weight, bias):
    return lax.conv_general_dilated(in_, weight, (1, 1), "VALID") + bias[None, :, None, None]


def maxpool(in_):
    return lax.reduce_window(in_, -jnp.inf, lax.max, (1, 2, 2), (1, 2, 2), "VALID")


def avgpool(in_):
    return lax.reduce_window(in_, 0.0, lax.add, (1, 3, 3), (1, 2, 2), "VALID") / 9


def transpose(in_):
    return in_.T


def residual_add(scale, limit, x, branch):
    total = x + scale * branch
    return jnp.where(total > limit, limit, jnp.where(total < -limit, -limit, total))


def gelu(x):
    return jax.nn.gelu(x, approximate=True)


def sgd_momentum(rate, momentum, decay, w, v, g):
    v = momentum * v + g + decay * w
    return w - rate * v, v


def distances(x, y):
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=-1)


def matmul_int8(a, za, b, zb):
    return jnp.dot(a.astype(jnp.int32) - za, b.astype(jnp.int32) - zb)


def attention(q, k, v):
    d = q.shape[-1]
    p = jax.nn.softmax(jnp.einsum("hic,hjc->hij", q, k) / jnp.sqrt(float(d)), axis=-1)
    return p, p @ v


def gradient(in_, gx, gy, length):
    dx = (in_[1:-1, 2:] - in_[1:-1, :-2]) / 2
    dy = (in_[2:, 1:-1] - in_[:-2, 1:-1]) / 2
    # The C code never touches the last row, so its outputs have one row less.
    at = (slice(1, None), slice(1, -1))
    return gx.at[at].set(dx), gy.at[at].set(dy), length.at[at].set(jnp.sqrt(dx**2 + dy**2))


def count_at_most(limit, x):
    return jnp.sum(x <= limit, dtype=jnp.int32)


def overlay(a, b):
    return a.at[::2].set(b)


def running_sum(x):
    return lax.fori_loop(1, x.shape[0], lambda i, x: x.at[i].add(x[i - 1]), x)
