"""Random operands to measure on."""

from __future__ import annotations

import numpy as np

from exalift.base import DType

from .calling import Array


def storage(dtype: DType) -> str:
    """NumPy's name; bf16 is measured on its bits, which need no library."""
    return "uint16" if dtype is DType.BF16 else dtype.numpy_name


def random_operand(generator: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Array:
    """Floats that are normally distributed; integers from all that the type holds."""
    if dtype is DType.BF16:
        numbers = generator.standard_normal(shape, np.float32)
        return (numbers.view(np.uint32) >> 16).astype(np.uint16)
    if dtype.is_float:
        return generator.standard_normal(shape).astype(dtype.numpy_name)
    limits = np.iinfo(dtype.numpy_name)
    values = generator.integers(limits.min, limits.max, shape, np.int64, endpoint=True)
    return values.astype(dtype.numpy_name)
