"""Ports that are subtly wrong: KERNEL__MISTAKE. Each differs from its kernel for some inputs and sizes."""

import jax
import jax.numpy as jnp
from jax import lax


def gemm__missing_beta(alpha, beta, C, A, B):
    return alpha * (A @ B) + C


def mvt__transposed_operand(x1, x2, y1, y2, A):
    return x1 + A.T @ y1, x2 + A.T @ y2


def gesummv__swapped_factors(alpha, beta, A, B, x):
    return beta * (A @ x) + alpha * (B @ x)


def gemver__old_vector(alpha, beta, A, u1, v1, u2, v2, x, y, z):
    A = A + jnp.outer(u1, v1) + jnp.outer(u2, v2)
    return A, alpha * (A @ x), x + beta * (A.T @ y) + z


def gemver__old_matrix(alpha, beta, A, u1, v1, u2, v2, x, y, z):
    new = A + jnp.outer(u1, v1) + jnp.outer(u2, v2)
    x = x + beta * (A.T @ y) + z
    return new, alpha * (new @ x), x


def symm__wrong_triangle(alpha, beta, C, A, B):
    full = jnp.triu(A) + jnp.triu(A, 1).T
    return alpha * (full @ B) + beta * C


def symm__diagonal_twice(alpha, beta, C, A, B):
    lower = jnp.tril(A)
    return alpha * ((lower + lower.T) @ B) + beta * C


def syrk__exclusive_bound(alpha, beta, C, A):
    mask = jnp.tril(jnp.ones_like(C, dtype=bool), -1)
    return jnp.where(mask, beta * C + alpha * (A @ A.T), C)


def syrk__whole_square(alpha, beta, C, A):
    return beta * C + alpha * (A @ A.T)


def trmm__with_diagonal(alpha, A, B):
    return alpha * (B + jnp.tril(A).T @ B)


def trmm__upper(alpha, A, B):
    return alpha * (B + jnp.triu(A, 1) @ B)


def doitgen__transposed_operand(A, C4):
    return jnp.einsum("rqs,ps->rqp", A, C4)


def covariance__over_n(data):
    mean = data.mean(axis=0)
    centred = data - mean
    return centred, centred.T @ centred / data.shape[0], mean


def covariance__not_centred(data):
    mean = data.mean(axis=0)
    centred = data - mean
    return data, centred.T @ centred / (data.shape[0] - 1), mean


def correlation__no_ones(data):
    n = data.shape[0]
    mean = jnp.mean(data, axis=0)
    centred = data - mean
    stddev = jnp.sqrt(jnp.mean(centred**2, axis=0))
    stddev = jnp.where(stddev <= 0.1, 1.0, stddev)
    scaled = centred / (jnp.sqrt(float(n)) * stddev)
    return scaled, scaled.T @ scaled, mean, stddev


def jacobi_1d__exclusive_bound(steps, a, b):
    third = 1.0 / 3.0

    def step(_, state):
        a, b = state
        b = b.at[1:-1].set(third * (a[:-2] + a[1:-1] + a[2:]))
        a = a.at[1:-2].set(third * (b[:-3] + b[1:-2] + b[2:-1]))
        return a, b

    return lax.fori_loop(0, steps, step, (a, b))


def jacobi_2d__both_from_old(steps, A, B):
    def star(u):
        return 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])

    def step(_, state):
        A, B = state
        return A.at[1:-1, 1:-1].set(star(B)), B.at[1:-1, 1:-1].set(star(A))

    return lax.fori_loop(0, steps, step, (A, B))


def heat_3d__one_step_less(steps, A, B):
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

    return lax.fori_loop(1, steps, step, (A, B))


def fdtd_2d__update_order(steps, ex, ey, hz, source):
    def step(t, state):
        ex, ey, hz = state
        ey = ey.at[1:].add(-0.5 * (hz[1:] - hz[:-1]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        hz = hz.at[:-1, :-1].add(-0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]))
        return ex, ey.at[0].set(source[t]), hz

    return lax.fori_loop(0, steps, step, (ex, ey, hz))


def floyd_warshall__row_at_once(d):
    """With a negative d[k][k] the C code reads what it has just written, which this does not."""
    return lax.fori_loop(0, d.shape[0], lambda k, d: jnp.minimum(d, d[:, k][:, None] + d[k, :][None, :]), d)


def lu__unscaled_column(A):
    rows = jnp.arange(A.shape[0])

    def eliminate(k, A):
        below = rows > k
        inner = below[:, None] & below[None, :]
        new = jnp.where(inner, A - jnp.outer(A[:, k], A[k, :]), A)
        return new.at[:, k].set(jnp.where(below, A[:, k] / A[k, k], A[:, k]))

    return lax.fori_loop(0, A.shape[0], eliminate, A)


def trisolv__inclusive_bound(L, b):
    def row(i, x):
        solved = jnp.where(jnp.arange(L.shape[0]) <= i, L[i] * x, 0.0)
        return x.at[i].set((b[i] - solved.sum()) / L[i, i])

    return lax.fori_loop(0, L.shape[0], row, b)


def layernorm__sample_variance(eps, x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).sum(axis=-1, keepdims=True) / (x.shape[-1] - 1)
    return (x - mean) / jnp.sqrt(var + eps) * gamma + beta


def layernorm__eps_outside(eps, x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / (jnp.sqrt(var) + eps) * gamma + beta


def rmsnorm__sum_for_mean(x, w):
    return w * x * lax.rsqrt(jnp.sum(x * x) + 1e-5)


def softmax__wrong_axis(x):
    e = jnp.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def dense_relu__bias_after(x, w, bias):
    return jax.nn.relu(x @ w.T) + bias


def conv2d__flipped(in_, weight, bias):
    flipped = weight[:, :, ::-1, ::-1]
    return lax.conv_general_dilated(in_, flipped, (1, 1), "VALID") + bias[None, :, None, None]


def maxpool__from_zero(in_):
    return lax.reduce_window(in_, jnp.zeros((), in_.dtype), lax.max, (1, 2, 2), (1, 2, 2), "VALID")


def residual_add__clip(scale, limit, x, branch):
    """For a negative limit `clip` and the C code's chain of comparisons differ."""
    return jnp.clip(x + scale * branch, -limit, limit)


def sgd_momentum__old_velocity(rate, momentum, decay, w, v, g):
    return w - rate * v, momentum * v + g + decay * w


def matmul_int8__zero_points_after(a, za, b, zb):
    return jnp.dot(a.astype(jnp.int32), b.astype(jnp.int32)) - za * zb


def attention__scaled_by_d(q, k, v):
    p = jax.nn.softmax(jnp.einsum("hic,hjc->hij", q, k) / q.shape[-1], axis=-1)
    return p, p @ v


def distances__root(x, y):
    return jnp.sqrt(((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=-1))


def gradient__last_write(in_, gx, gy, length):
    dx = (in_[1:-1, 2:] - in_[1:-1, :-2]) / 2
    dy = (in_[2:, 1:-1] - in_[:-2, 1:-1]) / 2
    at = (slice(1, None), slice(1, -1))
    gx = gx.at[at].set(dx).at[1:, 0].set(0.0)
    return gx, gy.at[at].set(dy), length.at[at].set(jnp.sqrt(dx**2 + dy**2))


def count_at_most__lt_for_le(limit, x):
    return jnp.sum(x < limit, dtype=jnp.int32)


def overlay__first_write_wins(a, b):
    return jnp.stack([b, a[1::2]], axis=1).reshape(-1).at[::2].set(a[::2])


def running_sum__old_neighbour(x):
    return x.at[1:].add(x[:-1])
