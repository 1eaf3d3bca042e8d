"""Our kernels and their peers on the same arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import measuring
import ml_dtypes
import numpy as np
import onednn

from exalift.affine import Affine, Apply, Cast, Constant, Load
from exalift.base import DType
from exalift.tensorize import (
    SUM,
    Contraction,
    Epilogue,
    Kernel,
    compile_kernel,
    matrix_product,
    plan_for,
    usable_features,
)

KINDS = {
    "u8s8": (DType.UI8, DType.I8, DType.I32),
    "s8s8": (DType.I8, DType.I8, DType.I32),
    "bf16": (DType.BF16, DType.BF16, DType.F32),
    "f32": (DType.F32, DType.F32, DType.F32),
    "f64": (DType.F64, DType.F64, DType.F64),
}
sym = Affine.symbol


def random(generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    if dtype.is_integer:
        limits = np.iinfo(dtype.numpy_name)
        return generator.integers(limits.min, limits.max, shape, dtype.numpy_name, endpoint=True)
    values = generator.standard_normal(shape, np.float32)
    return values.astype(ml_dtypes.bfloat16 if dtype is DType.BF16 else dtype.numpy_name)


def requantise(scale: float) -> Epilogue:
    """u8 = saturate(round(sum * scale)), which is also what oneDNN computes for an unsigned output."""
    number = Cast(Load(SUM, (), DType.I32), DType.F32)
    scaled = Apply("multiply", (number, Constant(scale, DType.F32)), DType.F32)
    rounded = Apply("round_nearest_even", (scaled,), DType.F32)
    low = Apply("maximum", (Cast(rounded, DType.I32), Constant(0, DType.I32)), DType.I32)
    return Epilogue(Cast(Apply("minimum", (low, Constant(255, DType.I32)), DType.I32), DType.UI8))


def kernel_for(contraction: Contraction, threads: int, tune: bool) -> Kernel:
    del tune
    return compile_kernel(plan_for(contraction, usable_features(), threads))


def gemm(
    kind: str, shape: tuple[int, int, int], threads: int, seconds: float, clock: str, tune: bool
) -> Iterator[dict[str, object]]:
    """One comparison for each peer. Sums of bytes are requantised to u8 beside oneDNN, not beside XLA."""
    m, n, k = shape
    generator = np.random.default_rng(m)
    contraction = matrix_product(m, n, k, *KINDS[kind])
    lhs, rhs = random(generator, (m, k), KINDS[kind][0]), random(generator, (k, n), KINDS[kind][1])
    peers: list[tuple[str, Contraction]] = []
    if not onednn.available() and kind != "f64":
        scale = 1.0 / (64.0 * k**0.5)
        quantised = replace(
            contraction, out=replace(contraction.out, dtype=DType.UI8), epilogue=requantise(scale)
        )
        peers.append(("oneDNN", quantised if contraction.accumulator.is_integer else contraction))
    peers.append(("NumPy" if kind in ("f32", "f64") else "XLA", contraction))
    for peer, ours in peers:
        kernel = kernel_for(ours, threads, tune)
        packed = kernel.pack(rhs, threads)
        out = np.zeros((m, n), ours.out.dtype.numpy_name)
        theirs = np.zeros_like(out)
        runs = {"ours": kernel.bind(lhs, packed, out, threads=threads)}
        if peer == "oneDNN":
            runs[peer] = onednn.OneDnn(threads).matmul(
                lhs, rhs, theirs, scale if contraction.accumulator.is_integer else None
            )
        elif peer == "NumPy":
            runs[peer] = lambda o=theirs: np.matmul(lhs, rhs, out=o)
        else:
            runs[peer] = _xla(lhs, rhs, contraction.accumulator, theirs)
        times = measuring.medians(runs, seconds, clock, threads)
        _agree(out, theirs, contraction.accumulator)
        operations = 2 * m * n * k
        size = f"{m}x{n}x{k}"
        yield measuring.row("gemm", kind, size, threads, operations, times["ours"], peer, times[peer], 0)


def _xla(lhs: np.ndarray, rhs: np.ndarray, accumulator: DType, out: np.ndarray):
    import jax

    function = jax.jit(
        lambda a, b: (
            jax.lax.dot(a.astype("int32"), b.astype("int32"))
            if a.dtype != b.dtype
            else jax.lax.dot(a, b, preferred_element_type=accumulator.numpy_name)
        )
    )
    left, right = jax.device_put(lhs), jax.device_put(rhs)
    out[...] = function(left, right)
    return lambda: function(left, right).block_until_ready()


def _agree(ours: np.ndarray, theirs: np.ndarray, accumulator: DType) -> None:
    """Peers compute the same: integers to one unit of rounding, floats closely."""
    difference = np.max(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)))
    allowed = 1.0 if accumulator.is_integer else 1e-3 * float(np.max(np.abs(theirs)))
    if difference > allowed:
        raise SystemExit(f"results differ by {difference}")
