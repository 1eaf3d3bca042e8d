"""The functions of kernels are those of affine programs: the same table, and the same values."""

from __future__ import annotations

import numpy as np
import pytest

from exalift import affine
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.capsule.kernels import DTYPES, FUNCTIONS, apply, convert, native

MACHINE = Machine()


def test_every_function_of_affine_programs_is_here() -> None:
    assert set(FUNCTIONS) == set(affine.FUNCTIONS)
    assert all(FUNCTIONS[name].arity == known.arity for name, known in affine.FUNCTIONS.items())


def numbers(dtype: DType, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.asarray(MACHINE.random(generator, (200,), dtype)).astype(native(dtype))


@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str), ids=str)
def test_values_are_those_of_affine_programs(dtype: DType) -> None:
    for name, function in FUNCTIONS.items():
        if not function.accepts(dtype):
            continue
        operands = [numbers(dtype, seed) for seed in range(function.arity)]
        if name == "select":
            operands[0] = numbers(DType.I1, 5)
        result = DType.I1 if function.compares else dtype
        wanted = MACHINE.apply(name, operands, dtype, result)
        got = apply(name, operands)
        assert got.dtype == native(result)
        assert np.array_equal(got, wanted, equal_nan=dtype.is_float), name


@pytest.mark.parametrize("target", sorted(DTYPES, key=str), ids=str)
@pytest.mark.parametrize("source", sorted(DTYPES, key=str), ids=str)
def test_conversions_are_those_of_affine_programs(source: DType, target: DType) -> None:
    value = numbers(source, 0)
    if source.is_float and not target.is_float:
        value = np.abs(value) % 100
    assert np.array_equal(convert(value, target), MACHINE.cast(value, source, target))
