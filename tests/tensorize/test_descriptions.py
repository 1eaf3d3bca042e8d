"""Descriptions of instructions: they refuse what makes no sense, and do what their formulas say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array, random_values

from exalift.affine import Affine
from exalift.base import DType
from exalift.tensorize import (
    INSTRUCTIONS,
    Instruction,
    Plan,
    Schedule,
    compile_kernel,
    matrix_product,
    usable_features,
)
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.instructions import BY_NAME, LANE

LANES = Affine.symbol(LANE)
# What groups of threads run is tested by itself.
OF_ONE_THREAD = [instruction for instruction in INSTRUCTIONS if instruction.fragments is None]
HERE = [instruction for instruction in OF_ONE_THREAD if not instruction.family.startswith("aarch64")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda i: {"emission": "{result} = add {acc}, {lhs}"}, "emission"),
        (lambda i: {"emission": i.emission + " {else}"}, "emission"),
        (lambda i: {"acc": replace(i.acc, lanes=8)}, "lanes of acc"),
        (lambda i: {"rhs": replace(i.rhs, layout=(LANES, LANES))}, "lanes of rhs"),
        (lambda i: {"lhs": replace(i.lhs, dtype=DType.F64)}, "loaded as"),
        (lambda i: {"formula": replace(i.formula, axes=i.formula.axes[:1])}, "axes"),
        (lambda i: {"formula": replace(i.formula, body=i.formula.body.operands[0])}, "sums over k"),
    ],
)
def test_a_wrong_description_is_refused(change, reason: str) -> None:
    instruction = BY_NAME["fma_f32_zmm"]
    with pytest.raises(ValueError, match=reason):
        replace(instruction, **change(instruction))


def _one_instruction(instruction: Instruction, seed: int) -> None:
    """`out += lhs * rhs` on a single tile, against the formula's evaluation."""
    m, n, k = instruction.extents
    contraction = replace(
        matrix_product(m, n, k, instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype),
        accumulate=True,
    )
    kernel = compile_kernel(Plan(contraction, instruction, Schedule(1, 1, m, k)))
    generator = np.random.default_rng(seed)
    lhs, rhs = (random_array(generator, access) for access in (contraction.lhs, contraction.rhs))
    out = random_values(generator, (m, n), instruction.acc.dtype)
    wanted = expected(contraction, lhs, rhs, out)
    kernel(lhs, rhs, out)
    assert_close(out, wanted, instruction.acc.dtype)


@pytest.mark.parametrize("instruction", HERE, ids=lambda i: i.name)
def test_an_instruction_computes_its_formula(instruction: Instruction) -> None:
    if not instruction.features <= usable_features():
        pytest.skip(f"needs a CPU with {', '.join(sorted(instruction.features - usable_features()))}")
    for seed in range(5):
        _one_instruction(instruction, seed)


@pytest.mark.parametrize("instruction", OF_ONE_THREAD, ids=lambda i: i.name)
def test_an_emulated_instruction_computes_its_formula(instruction: Instruction) -> None:
    _one_instruction(emulated(instruction), 1)


def test_byte_products_wrap_at_the_extremes() -> None:
    """255 * -128 in every place: no saturation in pairs, as the older `vpmaddubsw` has it; sums wrap."""
    instruction = BY_NAME["vpdpbusd_zmm"]
    if not instruction.features <= usable_features():
        instruction = emulated(instruction)
    k = 1 << 17
    contraction = matrix_product(1, 16, k, DType.UI8, DType.I8, DType.I32)
    kernel = compile_kernel(Plan(contraction, instruction, Schedule(1, 1, 1, k)))
    lhs, rhs = np.full((1, k), 255, np.uint8), np.full((k, 16), -128, np.int8)
    out = np.zeros((1, 16), np.int32)
    kernel(lhs, rhs, out)
    exact = 255 * -128 * k
    assert exact < -(2**31)
    assert (out == (exact + 2**31) % 2**32 - 2**31).all()
