"""Our kernels and their peers on the same arrays."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace
from functools import cache

import measuring
import ml_dtypes
import numpy as np
import onednn

from exalift.affine import Affine, Apply, Cast, Constant, Load
from exalift.base import DType
from exalift.tensorize import (
    SUM,
    Access,
    Contraction,
    Dimension,
    Epilogue,
    Kernel,
    Role,
    compile_kernel,
    matrix_product,
    plan_for,
    usable_features,
)
from exalift.tensorize.peaks import measure_peaks
from exalift.tensorize.tuner import tune as tuned

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
    """The model's plan, or the best of a few that are measured (and remembered)."""
    if tune:
        return compile_kernel(tuned(contraction, threads).plan)
    return compile_kernel(plan_for(contraction, usable_features(), threads))


@cache
def _peaks(threads: int) -> dict[str, float]:
    """Peaks of this machine by instruction, in GOP/s."""
    return {peak.name: peak.rate / 1e9 for peak in measure_peaks(threads) if not peak.is_memory}


def peak_of(kernel: Kernel, threads: int) -> float:
    return _peaks(threads).get(kernel.emitted.plan.instruction.name, 0.0)


def gemm(
    kind: str,
    shape: tuple[int, int, int],
    threads: int,
    seconds: float,
    clock: str,
    tune: bool,
    chosen: Set[str],
) -> Iterator[dict[str, object]]:
    """One comparison for each peer of those chosen. Sums of bytes are requantised to u8 beside oneDNN, not
    beside XLA."""
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
        if peer not in chosen:
            continue
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
        yield measuring.row(
            "gemm",
            kind,
            size,
            threads,
            operations,
            times["ours"],
            peer,
            times[peer],
            peak_of(kernel, threads),
        )


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


def resnet_layer(batch: int, layer: tuple[int, int, int, int, int], scale: float) -> Contraction:
    """A convolution, NHWC by HWIO, "same" padding, u8 by s8, requantised to u8."""
    size, channels, filters, window, stride = layer
    pad = (window - 1) // 2
    across = (size + 2 * pad - window) // stride + 1
    rows = sym("y") * stride + sym("r") - pad
    columns = sym("x") * stride + sym("s") - pad
    extents = {"b": batch, "y": across, "x": across, "o": filters, "r": window, "s": window, "c": channels}
    roles = {"b": Role.M, "y": Role.M, "x": Role.M, "o": Role.N, "r": Role.K, "s": Role.K, "c": Role.K}
    dimensions = tuple(Dimension(name, extents[name], roles[name]) for name in extents)
    return Contraction(
        dimensions,
        Access(DType.UI8, (batch, size, size, channels), (sym("b"), rows, columns, sym("c"))),
        Access(DType.I8, (window, window, channels, filters), tuple(map(sym, "rsco"))),
        Access(DType.UI8, (batch, across, across, filters), tuple(map(sym, "byxo"))),
        DType.I32,
        requantise(scale),
    )


def convolution(
    batch: int, layer: tuple[int, int, int, int, int], threads: int, seconds: float, clock: str, tune: bool
) -> dict[str, object]:
    """One layer beside oneDNN."""
    size, channels, filters, window, stride = layer
    scale = 1.0 / (64.0 * (channels * window * window) ** 0.5)
    contraction = resnet_layer(batch, layer, scale)
    generator = np.random.default_rng(size)
    lhs = random(generator, contraction.lhs.shape, DType.UI8)
    rhs = random(generator, contraction.rhs.shape, DType.I8)
    kernel = kernel_for(contraction, threads, tune)
    packed = kernel.pack(rhs, threads)
    out = np.zeros(contraction.out.shape, np.uint8)
    theirs = np.zeros_like(out)
    peer = onednn.OneDnn(threads).convolution(lhs, rhs, theirs, stride, (window - 1) // 2, scale)
    runs = {"ours": kernel.bind(lhs, packed, out, threads=threads), "oneDNN": peer}
    times = measuring.medians(runs, seconds, clock, threads)
    _agree(out, theirs, DType.I32)
    shape = f"{batch}x{size}x{size}x{channels} {filters}@{window}x{window}/{stride}"
    return measuring.row(
        "conv",
        "u8s8",
        shape,
        threads,
        contraction.operations,
        times["ours"],
        "oneDNN",
        times["oneDNN"],
        peak_of(kernel, threads),
    )
