"""Operands of four bits: how they lie in memory, and products with them on every instruction."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array, random_operand
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine, Apply, Cast, Load
from exalift.base import DType, UsageError
from exalift.tensorize import (
    INSTRUCTIONS,
    OUT,
    SUM,
    Access,
    Contraction,
    Dimension,
    Epilogue,
    Instruction,
    Nibbles,
    Plan,
    Role,
    Schedule,
    compile_kernel,
    matrix_product,
    plan_for,
    usable_features,
)
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.inspector import fit
from exalift.tensorize.tuner.measure import cache_key

INTEGERS = frozenset({DType.I8, DType.UI8, DType.I16})
layouts = st.builds(Nibbles, st.booleans(), st.booleans(), st.sampled_from([0, -8, 3]))
sym = Affine.symbol


def check(plan: Plan, seed: int, threads: int = 1) -> None:
    contraction = plan.contraction
    generator = np.random.default_rng(seed)
    (lhs, left), (rhs, right) = (random_operand(generator, a) for a in (contraction.lhs, contraction.rhs))
    out = np.zeros(contraction.out.shape, contraction.out.dtype.numpy_name)
    wanted = expected(contraction, left, right, out)
    compile_kernel(plan)(lhs, rhs, out, (), threads)
    assert_close(out, wanted, contraction.out.dtype)


@settings(max_examples=50, deadline=None)
@given(nibbles=layouts, codes=st.lists(st.integers(0, 15), min_size=1, max_size=9))
def test_packing_and_unpacking_are_inverse(nibbles: Nibbles, codes: list[int]) -> None:
    values = np.array(codes) + nibbles.range[0]
    packed = nibbles.packed(values)
    assert packed.size == nibbles.bytes(len(codes))
    np.testing.assert_array_equal(nibbles.unpacked(packed, len(codes)), values)


def test_the_first_of_a_pair_is_in_the_low_half() -> None:
    assert Nibbles().packed(np.array([1, -2, 3])).tolist() == [0xE1, 0x03]
    assert Nibbles(added=-8, signed=False).packed(np.array([-8, 7])).tolist() == [0xF0]


@pytest.mark.parametrize("signed", [True, False])
def test_one_a_byte_is_what_ml_dtypes_has(signed: bool) -> None:
    dtype = ml_dtypes.int4 if signed else ml_dtypes.uint4
    nibbles = Nibbles(signed, pairs=False)
    values = np.arange(*nibbles.range).astype(dtype)
    np.testing.assert_array_equal(nibbles.unpacked(values, values.size), values.astype(int))
    np.testing.assert_array_equal(nibbles.packed(values.astype(int)).view(dtype), values)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="-8 to 7"):
        Nibbles().packed(np.array([8]))
    with pytest.raises(ValueError, match="ui8 does not hold -8 to 7"):
        Access(DType.UI8, (4,), (sym("k"),), nibbles=Nibbles())
    with pytest.raises(ValueError, match="those of an array"):
        Access(DType.I8, (), (), nibbles=Nibbles())
    kernel = compile_kernel(plan_for(_product(4, 16, 32, Nibbles()), usable_features()))
    with pytest.raises(UsageError, match="256 of int8 or uint8"):
        kernel.pack(np.zeros(255, np.uint8))


def _product(m: int, n: int, k: int, right: Nibbles, left: Nibbles | None = None) -> Contraction:
    plain = matrix_product(m, n, k, DType.I8, DType.I8, DType.I32)
    lhs = plain.lhs if left is None else replace(plain.lhs, nibbles=left)
    return replace(plain, lhs=lhs, rhs=replace(plain.rhs, nibbles=right))


def _takes_them(instruction: Instruction) -> bool:
    kinds = {instruction.lhs.dtype, instruction.rhs.dtype}
    return (
        instruction.fragments is None
        and instruction.length in ("", "sve=256", "sme=256")
        and (kinds <= INTEGERS or instruction.acc.dtype is DType.F32)
    )


@pytest.mark.parametrize("instruction", [i for i in INSTRUCTIONS if _takes_them(i)], ids=lambda i: i.name)
def test_every_instruction_takes_weights_of_four_bits(instruction: Instruction) -> None:
    """In software, and on the CPU where that has it; there with a plain left operand, too."""
    kinds = instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype
    plain = matrix_product(5, 21, 19, *kinds)
    weights = replace(plain.rhs, nibbles=Nibbles(instruction.rhs.dtype is not DType.UI8))
    codes = replace(plain.lhs, nibbles=Nibbles(False, added=2 if instruction.lhs.dtype is DType.UI8 else -8))
    rows, columns = (2, 2) if instruction.moves else (3, 2)
    m, _, k = instruction.extents
    schedule = Schedule(rows, columns, rows * m, -(-19 // k) * k)
    native = instruction.requirements <= usable_features()
    contraction = replace(plain, lhs=codes, rhs=weights)
    check(Plan(contraction, emulated(instruction), schedule), 1)
    if native:
        check(Plan(contraction, instruction, schedule), 1)
        check(Plan(replace(plain, rhs=weights), instruction, schedule), 1)


@settings(max_examples=10, deadline=None)
@given(
    sizes=st.tuples(*(st.integers(1, 70) for _ in "mnk")),
    right=layouts,
    left=st.none() | layouts,
    transposed=st.booleans(),
    threads=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_the_chosen_plan_is_right(
    sizes: tuple[int, int, int],
    right: Nibbles,
    left: Nibbles | None,
    transposed: bool,
    threads: int,
    seed: int,
) -> None:
    plain = matrix_product(*sizes, DType.I8, DType.I8, DType.I32, transpose_rhs=transposed)
    lhs = plain.lhs if left is None else replace(plain.lhs, nibbles=left)
    contraction = replace(plain, lhs=lhs, rhs=replace(plain.rhs, nibbles=right))
    features = usable_features()
    try:
        plan = plan_for(contraction, features, threads)
    except UsageError:
        pytest.skip("this CPU has no instruction for bytes")
    check(plan, seed, threads)


def test_sums_at_the_extremes_wrap_and_never_saturate() -> None:
    """-8 times -128, 2^21 times, is 2^31: one more than 32 bits hold."""
    for k in (2**21 - 1, 2**21, 2**21 + 1):
        product = _product(1, 1, k, Nibbles())
        fitting = [i for i in INSTRUCTIONS if i.requirements <= usable_features() and i.fragments is None]
        plan = plan_for(product, usable_features(), instructions=tuple(fitting))
        out = np.zeros((1, 1), np.int32)
        compile_kernel(plan)(np.full((1, k), -128, np.int8), np.full(-(-k // 2), 0x88, np.uint8), out)
        assert out[0, 0] == (1024 * k + 2**31) % 2**32 - 2**31


def test_packed_weights_are_packed_once() -> None:
    generator = np.random.default_rng(3)
    contraction = _product(9, 33, 50, Nibbles())
    kernel = compile_kernel(plan_for(contraction, usable_features()))
    held, weights = random_operand(generator, contraction.rhs)
    packed = kernel.pack(held)
    held[:] = 0
    for _ in range(2):
        lhs, out = random_array(generator, contraction.lhs), np.zeros((9, 33), np.int32)
        kernel.run(lhs, packed, out)
        np.testing.assert_array_equal(out, lhs.astype(np.int32) @ weights.astype(np.int32))


def test_convolutions_of_codes_with_margins() -> None:
    """Rows of an odd length, so that they begin within bytes; what is outside is zero, whatever its code."""
    codes = Nibbles(signed=False, added=-8)
    y, x, c, f, r, s = map(sym, "yxcfrs")
    roles = {"y": (6, Role.M), "x": (7, Role.M), "f": (5, Role.N)}
    roles |= {"r": (3, Role.K), "s": (3, Role.K), "c": (3, Role.K)}
    contraction = Contraction(
        tuple(Dimension(name, *one) for name, one in roles.items()),
        Access(DType.I8, (6, 7, 3), (y + r - 1, x + s - 1, c), nibbles=codes),
        Access(DType.I8, (3, 3, 3, 5), (r, s, c, f), nibbles=Nibbles()),
        Access(DType.I32, (6, 7, 5), (y, x, f)),
        DType.I32,
    )
    check(plan_for(contraction, usable_features()), 4)


def test_scales_of_groups_are_products_one_after_the_other() -> None:
    """A scale for each 32 of k: a product a group, whose epilogue scales and adds to what is there."""
    m, n, groups, size = 5, 24, 3, 32
    plain = _product(m, n, size, Nibbles())
    total, scale = Load(SUM, (), DType.I32), Load("scale", (sym("n"),), DType.F32)
    before = Load(OUT, (sym("m"), sym("n")), DType.F32)
    scaled = Apply("multiply", (Cast(total, DType.F32), scale), DType.F32)
    out = Access(DType.F32, (m, n), (sym("m"), sym("n")))
    operands = (("scale", Access(DType.F32, (n,), (sym("n"),))), (OUT, out))
    epilogue = Epilogue(Apply("add", (before, scaled), DType.F32), operands)
    lhs = replace(plain.lhs, shape=(m, size), strides=(groups * size, 1))
    kernel = compile_kernel(plan_for(replace(plain, lhs=lhs, out=out, epilogue=epilogue), usable_features()))
    generator = np.random.default_rng(5)
    values = generator.integers(-128, 128, (m, groups * size), np.int8)
    codes = generator.integers(0, 256, (groups, size * n // 2), np.uint8)
    scales = generator.standard_normal((groups, n)).astype(np.float32)
    result = np.zeros((m, n), np.float32)
    for group in range(groups):
        left = values.reshape(-1)[group * size :]
        kernel(left, codes[group], result, [scales[group], result])
    weights = Nibbles().unpacked(codes, codes.size * 2).reshape(groups, size, n)
    parts = values.reshape(m, groups, size).astype(int)
    wanted = np.einsum("mgk,gkn,gn->mn", parts, weights, scales.astype(np.float64))
    assert_close(result, wanted.astype(np.float32), DType.F32)


def test_a_measurement_holds_for_one_way_to_store_operands() -> None:
    keys = {cache_key(_product(8, 8, 8, Nibbles(pairs=pairs)), 1) for pairs in (True, False)}
    assert len(keys | {cache_key(matrix_product(8, 8, 8, DType.I8, DType.I8, DType.I32), 1)}) == 3


def test_views_need_no_correction_where_none_is_wanted() -> None:
    """Codes from 0 on are unsigned bytes as well as signed ones."""
    contraction = _product(4, 16, 8, Nibbles(), Nibbles(signed=False))
    found = fit(contraction, next(i for i in INSTRUCTIONS if i.name == "vpdpbusd_zmm"))
    assert isinstance(found, Contraction) and found.lhs.dtype is DType.UI8
