"""What each kernel of `benchmarks/kernels` computes, written once more with NumPy from the mathematics.

A formula takes the inputs and sizes by their C names as attributes (floating point in double precision)
and gives the arrays that the kernel writes. NumPy's own linear algebra is used where it has it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

Formula = Callable[[SimpleNamespace], dict[str, np.ndarray]]
FORMULAS: dict[str, Formula] = {}


def kernel(name: str) -> Callable[[Formula], Formula]:
    def register(formula: Formula) -> Formula:
        FORMULAS[name] = formula
        return formula

    return register


# Linear algebra: products

FORMULAS["gemm"] = lambda x: {"C": x.alpha * x.A @ x.B + x.beta * x.C}
FORMULAS["2mm"] = lambda x: {"d": x.alpha * x.a @ x.b @ x.c + x.beta * x.d}
FORMULAS["3mm"] = lambda x: {"e": x.a @ x.b, "f": x.c @ x.d, "g": (x.a @ x.b) @ (x.c @ x.d)}
FORMULAS["atax"] = lambda x: {"y": x.A.T @ (x.A @ x.x)}
FORMULAS["bicg"] = lambda x: {"s": x.A.T @ x.r, "q": x.A @ x.p}
FORMULAS["mvt"] = lambda x: {"x1": x.x1 + x.A @ x.y1, "x2": x.x2 + x.A.T @ x.y2}
FORMULAS["gesummv"] = lambda x: {"y": x.alpha * x.A @ x.x + x.beta * x.B @ x.x}
FORMULAS["doitgen"] = lambda x: {"A": x.A @ x.C4}
FORMULAS["syrk"] = lambda x: {"C": lower(x.alpha * x.A @ x.A.T + x.beta * x.C, x.C)}
FORMULAS["trmm"] = lambda x: {"B": x.alpha * (np.tril(x.A, -1) + np.eye(x.m)).T @ x.B}


def lower(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """The lower triangle of `new`, the rest of `old`."""
    return np.tril(new) + np.triu(old, 1)


@kernel("gemver")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    a = x.A + np.outer(x.u1, x.v1) + np.outer(x.u2, x.v2)
    moved = x.x + x.beta * a.T @ x.y + x.z
    return {"A": a, "x": moved, "w": x.alpha * a @ moved}


@kernel("symm")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    symmetric = np.tril(x.A) + np.tril(x.A, -1).T
    return {"C": x.alpha * symmetric @ x.B + x.beta * x.C}


@kernel("syr2k")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    result = np.array(x.C)
    square = x.alpha * (x.A @ x.B.T + x.B @ x.A.T) + x.beta * x.C[:, : x.n]
    result[:, : x.n] = lower(square, x.C[:, : x.n])
    return {"C": result}


@kernel("covariance")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    mean = x.data.mean(axis=0)
    return {"mean": mean, "data": x.data - mean, "cov": np.cov(x.data, rowvar=False)}


@kernel("correlation")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    mean, deviation = x.data.mean(axis=0), x.data.std(axis=0)
    normal = (x.data - mean) / (np.sqrt(x.n) * deviation)
    assert deviation.min() > 0.1
    return {"mean": mean, "stddev": deviation, "data": normal, "corr": np.corrcoef(x.data, rowvar=False)}


# Linear algebra: factors and solvers


@kernel("cholesky")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    return {"a": lower(np.linalg.cholesky(x.a), x.a)}


def lu_factors(matrix: np.ndarray) -> np.ndarray:
    """Doolittle's factors in one matrix, by Schur complements."""
    a = np.array(matrix)
    for k in range(len(a)):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a


FORMULAS["lu"] = lambda x: {"A": lu_factors(x.A)}
FORMULAS["trisolv"] = lambda x: {"x": np.linalg.solve(np.tril(x.L), x.b)}


@kernel("ludcmp")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    factors = lu_factors(x.A)
    below = np.tril(factors, -1) + np.eye(len(factors))
    return {"A": factors, "y": np.linalg.solve(below, x.b), "x": np.linalg.solve(x.A, x.b)}


@kernel("durbin")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    column = np.concatenate([[1.0], x.r[:-1]])
    distance = np.abs(np.subtract.outer(np.arange(x.n), np.arange(x.n)))
    return {"y": np.linalg.solve(column[distance], -x.r)}


@kernel("gramschmidt")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    q, r = np.linalg.qr(x.A)
    signs = np.sign(np.diag(r))
    # What is left of a column of A, once all earlier directions are gone, is its own direction.
    return {
        "Q": q * signs,
        "R": np.triu(r * signs[:, None]) + np.tril(x.R, -1),
        "A": q * np.diag(r),
    }


# Dynamic programming


@kernel("floyd-warshall")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    d = np.array(x.d)
    for k in range(x.n):
        d = np.minimum(d, d[:, k, None] + d[k])
    return {"d": d}


@kernel("nussinov")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    t = np.zeros((x.n, x.n), int)
    for width in range(1, x.n):
        for i in range(x.n - width):
            j = i + width
            pair = int(width > 1 and int(x.strand[i]) + int(x.strand[j]) == 3)
            splits = [t[i, k] + t[k + 1, j] for k in range(i, j)]
            t[i, j] = max(t[i + 1, j - 1] + pair, *splits)
    return {"t": t}


# Stencils


@kernel("jacobi-1d")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    a, b = np.array(x.a), np.array(x.b)
    for _ in range(x.steps):
        b[1:-1] = np.convolve(a, np.full(3, 1 / 3), "valid")
        a[1:-1] = np.convolve(b, np.full(3, 1 / 3), "valid")
    return {"a": a, "b": b}


@kernel("jacobi-2d")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    a, b = np.array(x.A), np.array(x.B)
    for _ in range(x.steps):
        for source, target in ((a, b), (b, a)):
            around = source[:-2, 1:-1] + source[2:, 1:-1] + source[1:-1, :-2] + source[1:-1, 2:]
            target[1:-1, 1:-1] = (source[1:-1, 1:-1] + around) / 5
    return {"A": a, "B": b}


@kernel("seidel-2d")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    a = np.array(x.a).reshape(x.n, x.n)
    for _ in range(x.steps):
        for i in range(1, x.n - 1):
            for j in range(1, x.n - 1):
                a[i, j] = a[i - 1 : i + 2, j - 1 : j + 2].mean()
    return {"a": a.reshape(x.a.shape)}


@kernel("heat-3d")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    a, b = np.array(x.A), np.array(x.B)
    inside = (slice(1, -1),) * 3
    for _ in range(x.steps):
        for source, target in ((a, b), (b, a)):
            change = sum(np.diff(source, 2, axis)[_inside_but(axis)] for axis in range(3))
            target[inside] = source[inside] + 0.125 * change
    return {"A": a, "B": b}


def _inside_but(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None) if a == axis else slice(1, -1) for a in range(3))


@kernel("fdtd-2d")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    ex, ey, hz = np.array(x.ex), np.array(x.ey), np.array(x.hz)
    for t in range(x.steps):
        ey[0] = x.source[t]
        ey[1:] -= 0.5 * np.diff(hz, axis=0)
        ex[:, 1:] -= 0.5 * np.diff(hz, axis=1)
        hz[:-1, :-1] -= 0.7 * (np.diff(ex, axis=1)[:-1] + np.diff(ey, axis=0)[:, :-1])
    return {"ex": ex, "ey": ey, "hz": hz}


@kernel("adi")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    n, u, v = x.n, np.array(x.u), np.array(x.v)

    def half_step(old: np.ndarray, implicit: float, explicit: float) -> np.ndarray:
        """Solve (1 - implicit D) new = (1 + explicit D') old, D along rows, 1 at both ends of a column."""
        system = np.eye(n)
        for k in range(1, n - 1):
            system[k, k - 1 : k + 2] = (-implicit, 1 + 2 * implicit, -implicit)
        right = np.ones((n, n - 2))
        inner = old[1:-1]
        right[1:-1] = inner[:, 1:-1] + explicit * (inner[:, 2:] - 2 * inner[:, 1:-1] + inner[:, :-2])
        return np.linalg.solve(system, right)

    for _ in range(x.steps):
        v[:, 1:-1] = half_step(u, x.r, x.s)
        u[1:-1] = half_step(v.T, x.s, x.r).T
    return {"u": u, "v": v}


@kernel("deriche")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    e = np.exp(-x.alpha)
    k = (1 - e) ** 2 / (1 + 2 * x.alpha * e - e**2)

    def causal(line: np.ndarray, taps: tuple[float, ...]) -> np.ndarray:
        """y[j] = sum_i taps[i] x[j-i] + 2 e y[j-1] - e^2 y[j-2] along the first axis."""
        result = np.zeros_like(line)
        for j in range(len(line)):
            for back, tap in enumerate(taps):
                if j >= back:
                    result[j] += tap * line[j - back]
            for back, pole in ((1, 2 * e), (2, -(e**2))):
                if j >= back:
                    result[j] += pole * result[j - back]
        return result

    def smooth(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        forwards = causal(image, (k, k * e * (x.alpha - 1)))
        backwards = causal(image[::-1], (0.0, k * e * (x.alpha + 1), -k * e**2))[::-1]
        return forwards, backwards

    rows = sum(smooth(x.image.T)).T
    f, g = smooth(rows)
    return {"f": f, "g": g, "out": f + g}


# Neural networks

FORMULAS["dense-relu"] = lambda x: {"y": np.maximum(x.x @ x.w.T + x.bias, 0)}
FORMULAS["residual-add"] = lambda x: {"x": np.clip(x.x + x.scale * x.branch, -x.limit, x.limit)}
FORMULAS["matmul-int8"] = lambda x: {"c": (x.a.astype(int) - x.za) @ (x.b.astype(int) - x.zb)}
FORMULAS["transpose"] = lambda x: {"out": getattr(x, "in").T}
FORMULAS["distances"] = lambda x: {"d": ((x.x[:, None] - x.y[None]) ** 2).sum(axis=2)}
FORMULAS["rmsnorm"] = lambda x: {"y": x.w * x.x / np.sqrt((x.x**2).mean() + 1e-5)}


def windows(image: np.ndarray, *shape: int) -> np.ndarray:
    """All windows of the last two axes; their own axes come last."""
    return np.lib.stride_tricks.sliding_window_view(image, shape, axis=(-2, -1))


@kernel("conv2d")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    patches = windows(getattr(x, "in"), x.kh, x.kw)
    out = np.einsum("ncyxij,fcij->nfyx", patches, x.weight)
    return {"out": out + x.bias[:, None, None]}


@kernel("conv2d-strided")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    padded = np.pad(getattr(x, "in"), ((1, 1), (1, 1), (0, 0))).transpose(2, 0, 1)
    return {"out": np.einsum("cyxij,ijcf->yxf", windows(padded, 3, 3)[:, ::2, ::2], x.weight)}


@kernel("conv-depthwise")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    image = getattr(x, "in").reshape(x.channels, x.h, x.w)
    taps = x.weight.reshape(x.channels, 3, 3)
    return {"out": np.einsum("cyxij,cij->cyx", windows(image, 3, 3), taps).reshape(x.out.shape)}


FORMULAS["maxpool"] = lambda x: {"out": windows(getattr(x, "in"), 2, 2)[:, ::2, ::2].max(axis=(3, 4))}
FORMULAS["avgpool"] = lambda x: {"out": windows(getattr(x, "in"), 3, 3)[:, ::2, ::2].mean(axis=(3, 4))}


@kernel("batchnorm")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    gamma, beta, mean, var = (v[:, None] for v in (x.gamma, x.beta, x.mean, x.var))
    return {"x": gamma * (x.x - mean) / np.sqrt(var + x.eps) + beta}


@kernel("layernorm")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    rows = x.x.reshape(x.rows, x.n)
    mean, var = rows.mean(axis=1, keepdims=True), rows.var(axis=1, keepdims=True)
    return {"y": ((rows - mean) / np.sqrt(var + x.eps) * x.gamma + x.beta).reshape(x.y.shape)}


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


FORMULAS["softmax"] = lambda x: {"x": softmax(x.x)}


@kernel("attention")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    p = softmax(np.einsum("aic,ajc->aij", x.q, x.k) / np.sqrt(x.d))
    return {"p": p, "o": p @ x.v}


@kernel("attention-causal")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    q, k, v = (array.reshape(x.n, x.d) for array in (x.q, x.k, x.v))
    hidden = np.triu(np.full((x.n, x.n), -np.inf), 1)
    return {"o": (softmax(q @ k.T / np.sqrt(x.d) + hidden) @ v).reshape(x.o.shape)}


@kernel("gelu")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    return {"x": 0.5 * x.x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x.x + 0.044715 * x.x**3)))}


@kernel("sgd-momentum")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    v = x.momentum * x.v + x.g + x.decay * x.w
    return {"v": v, "w": x.w - x.rate * v}


# Images


@kernel("rgb-to-gray")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    return {"gray": (x.rgb.reshape(-1, 3).astype(int) @ [77, 150, 29] + 128) // 256}


@kernel("sobel")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    mask = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    patches = windows(getattr(x, "in").astype(int), 3, 3)
    strength = sum(np.abs(np.einsum("yxij,ij->yx", patches, m)) for m in (mask, mask.T))
    return {"out": np.pad(np.minimum(strength, 255), 1)}


@kernel("box-blur")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    image = np.pad(getattr(x, "in").reshape(x.h, x.w), 2)
    return {"out": windows(image, 5, 5).mean(axis=(2, 3)).reshape(x.out.shape)}


@kernel("gaussian-blur")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    line = np.array([1, 4, 6, 4, 1]) / 16
    image = np.pad(getattr(x, "in"), 2, mode="edge")
    return {"out": np.einsum("yxij,i,j->yx", windows(image, 5, 5), line, line)}


@kernel("gradient")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    inside = (slice(1, -1), slice(1, -1))
    down, across = (g[inside] for g in np.gradient(getattr(x, "in").reshape(x.h, x.stride)))
    results: dict[str, np.ndarray] = {}
    for name, value in (("gx", across), ("gy", down), ("length", np.hypot(across, down))):
        array = np.array(getattr(x, name)).reshape(-1, x.stride)  # the last row is never reached
        array[1 : x.h - 1, 1:-1] = value
        results[name] = array
    return results


@kernel("upsample-bilinear")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    image = getattr(x, "in")
    across = np.array([np.interp(np.arange(2 * x.w - 1) / 2, np.arange(x.w), row) for row in image])
    down = [np.interp(np.arange(2 * x.h - 1) / 2, np.arange(x.h), column) for column in across.T]
    return {"out": np.array(down).T}


@kernel("alpha-blend")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    alpha, top, bottom = (a.astype(int) for a in (x.alpha[:, None], x.top, x.bottom))
    return {"out": (alpha * top + (255 - alpha) * bottom + 127) // 255}


@kernel("rotate")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    return {"out": np.rot90(getattr(x, "in").reshape(x.h, x.w), -1).reshape(x.out.shape)}


@kernel("threshold")
def _(x: SimpleNamespace) -> dict[str, np.ndarray]:
    low, high = int(x.low), int(x.high)
    ramp = (getattr(x, "in").astype(int) - low) * 255 // (high - low)
    return {"out": np.clip(ramp, 0, 255)}
