"""Tuned matrix products as points of a roofline."""

from __future__ import annotations

from exalift.base import DType, UsageError
from exalift.tensorize import matrix_product
from exalift.tensorize.tuner import tune

from .roofline import Point

_KINDS = {
    "u8 x s8": (DType.UI8, DType.I8, DType.I32),
    "bf16": (DType.BF16, DType.BF16, DType.F32),
    "f32": (DType.F32, DType.F32, DType.F32),
    "f64": (DType.F64, DType.F64, DType.F64),
}


def measured_points(size: int, threads: int, budget_s: float = 1.0) -> list[Point]:
    """Products of square matrices and of tall thin ones, tuned within `budget_s` seconds each; kinds that
    this CPU has no instruction for are left out."""
    points: list[Point] = []
    for name, kinds in _KINDS.items():
        for m, n, k in ((size, size, size), (size, size, 16)):
            contraction = matrix_product(m, n, k, *kinds)
            try:
                tuned = tune(contraction, threads, budget_s=budget_s)
            except UsageError:
                continue
            lhs, rhs, acc = kinds
            moved = m * k * lhs.bytes + k * n * rhs.bytes + m * n * acc.bytes
            operations = contraction.operations
            label = f"{name} {m}x{n}x{k}"
            instruction = tuned.plan.instruction.name
            points.append(Point(label, operations / moved, operations / tuned.seconds, instruction))
    return points
