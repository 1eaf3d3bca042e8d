"""Kernels against the evaluation of what they stand for: layouts, edges, blocks, threads, epilogues."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array, random_values
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine, Apply, Cast, Constant, Load
from exalift.base import DType, UsageError
from exalift.llvm import compile_text, host_target
from exalift.tensorize import (
    SUM,
    Access,
    Contraction,
    Dimension,
    Epilogue,
    Plan,
    Role,
    Schedule,
    compile_kernel,
    emit_kernel,
    matrix_product,
    plan_for,
    usable_features,
)
from exalift.tensorize.calling import aligned
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.instructions import BY_NAME

KINDS = {
    "f32": (DType.F32, DType.F32, DType.F32),
    "f64": (DType.F64, DType.F64, DType.F64),
    "u8s8": (DType.UI8, DType.I8, DType.I32),
    "s8s8": (DType.I8, DType.I8, DType.I32),
    "bf16": (DType.BF16, DType.BF16, DType.F32),
}
sym = Affine.symbol


def instruction_for(name: str):
    """The instruction, in software where the CPU does not have it."""
    instruction = BY_NAME[name]
    return instruction if instruction.features <= usable_features() else emulated(instruction)


def check(plan: Plan, seed: int = 0, threads: int = 1, extra: tuple[str, ...] = ()) -> None:
    contraction = plan.contraction
    generator = np.random.default_rng(seed)
    lhs, rhs = (random_array(generator, access) for access in (contraction.lhs, contraction.rhs))
    out = random_values(generator, contraction.out.shape, contraction.out.dtype)
    operands = dict(contraction.epilogue.operands) if contraction.epilogue else {}
    values = {name: random_array(generator, access) for name, access in operands.items()}
    wanted = expected(contraction, lhs, rhs, out, values)
    compile_kernel(plan)(lhs, rhs, out, [values[name] for name in operands], threads)
    assert_close(out, wanted, contraction.out.dtype)


@pytest.mark.parametrize(
    "name", ["fma_f32_zmm", "fma_f64_ymm", "vpdpbusd_zmm", "vdpbf16ps_zmm", "tdpbusd", "tdpbf16ps"]
)
@settings(max_examples=8, deadline=None)
@given(
    m=st.integers(1, 70),
    n=st.integers(1, 70),
    k=st.integers(1, 300),
    blocks=st.integers(1, 3),
    transposed=st.sampled_from([(False, False), (True, False), (False, True), (True, True)]),
    splits=st.integers(1, 2),
    unroll=st.integers(1, 3),
    accumulate=st.booleans(),
)
def test_products_of_all_shapes(
    name: str,
    m: int,
    n: int,
    k: int,
    blocks: int,
    transposed: tuple[bool, bool],
    splits: int,
    unroll: int,
    accumulate: bool,
) -> None:
    instruction = instruction_for(name)
    rows, columns = (2, 2) if instruction.moves else (5, 2)
    contraction = replace(
        matrix_product(
            m,
            n,
            k,
            instruction.lhs.dtype,
            instruction.rhs.dtype,
            instruction.acc.dtype,
            transpose_lhs=transposed[0],
            transpose_rhs=transposed[1],
        ),
        accumulate=accumulate,
    )
    tile = rows * instruction.extents[0]
    check(
        Plan(contraction, instruction, Schedule(rows, columns, tile * blocks, 64 * blocks, splits, unroll)), k
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_chosen_plan_is_right(kind: str, threads: int) -> None:
    for shape in ((1, 1, 1), (65, 130, 257), (300, 16, 8)):
        contraction = matrix_product(*shape, *KINDS[kind])
        features = usable_features()
        try:
            plan = plan_for(contraction, features, threads)
        except UsageError:
            pytest.skip(f"this CPU has no instruction for {kind}")
        check(plan, 1, threads)


def test_batches_with_operands_of_their_own() -> None:
    contraction = matrix_product(9, 20, 33, DType.F32, DType.F32, DType.F32, batch=5)
    for threads in (1, 2):
        check(plan_for(contraction, usable_features(), threads), 2, threads)


def test_a_contraction_of_higher_rank() -> None:
    """out[i,b,j,l] = sum k,h. lhs[b,i,k,h] * rhs[h,j,k,l]: rows and columns that do not flatten."""
    sizes = {"i": 6, "b": 3, "j": 4, "l": 5, "k": 7, "h": 2}
    roles = {"i": Role.M, "b": Role.M, "j": Role.N, "l": Role.N, "k": Role.K, "h": Role.K}

    def access(axes: str) -> Access:
        return Access(DType.F32, tuple(sizes[a] for a in axes), tuple(map(sym, axes)))

    dimensions = tuple(Dimension(name, sizes[name], roles[name]) for name in sizes)
    contraction = Contraction(dimensions, access("bikh"), access("hjkl"), access("ibjl"), DType.F32)
    check(plan_for(contraction, usable_features()))


def test_an_output_with_columns_at_a_stride() -> None:
    contraction = matrix_product(20, 30, 40, DType.F32, DType.F32, DType.F32)
    out = Access(DType.F32, (30, 20), (sym("n"), sym("m")))
    check(plan_for(replace(contraction, out=out), usable_features()))


def convolution(
    lhs: DType, rhs: DType, acc: DType, *, stride: int, dilation: int, pad: int, fill: int = 0, shift: int = 0
) -> Contraction:
    """NHWC by HWIO, 2 images of 9 x 11 with 5 channels, 20 filters of 3 x 3."""
    reach = 2 * dilation
    height, width = (9 + 2 * pad - reach - 1) // stride + 1, (11 + 2 * pad - reach - 1) // stride + 1
    rows = sym("y") * stride + sym("r") * dilation - pad
    columns = sym("x") * stride + sym("s") * dilation - pad
    sizes = {"b": 2, "y": height, "x": width, "o": 20, "r": 3, "s": 3, "c": 5}
    roles = {"b": Role.M, "y": Role.M, "x": Role.M, "o": Role.N, "r": Role.K, "s": Role.K, "c": Role.K}
    return Contraction(
        tuple(Dimension(name, sizes[name], roles[name]) for name in sizes),
        Access(lhs, (2, 9, 11, 5), (sym("b"), rows, columns, sym("c")), fill=fill),
        Access(rhs, (3, 3, 5, 20), tuple(map(sym, "rsco"))),
        Access(acc, (2, height, width, 20), tuple(map(sym, "byxo"))),
        acc,
        lhs_shift=shift,
    )


@pytest.mark.parametrize("kind", ["f32", "u8s8", "s8s8"])
@pytest.mark.parametrize(
    ("stride", "dilation", "pad"), [(1, 1, 0), (1, 1, 1), (2, 1, 1), (1, 2, 2), (3, 2, 1)]
)
def test_convolutions(kind: str, stride: int, dilation: int, pad: int) -> None:
    contraction = convolution(*KINDS[kind], stride=stride, dilation=dilation, pad=pad)
    try:
        plan = plan_for(contraction, usable_features(), 2)
    except UsageError:
        pytest.skip(f"this CPU has no instruction for {kind}")
    check(plan, 3, 2)


@pytest.mark.parametrize("name", ["vpdpbusd_zmm", "tdpbusd"])
def test_zero_points_reach_the_margins(name: str) -> None:
    """A left operand with zero point 7: margins hold 7, and every element loses 7."""
    contraction = convolution(*KINDS["u8s8"], stride=1, dilation=1, pad=1, fill=7, shift=-7)
    instruction = instruction_for(name)
    rows = 2 if instruction.moves else 4
    m, _, k = instruction.extents
    block_k = -(-45 // k) * k
    check(Plan(contraction, instruction, Schedule(rows, 2, rows * m, block_k)), 4)


def requantised(m: int, n: int, k: int) -> Contraction:
    """u8 = clamp(round((sum + bias[n]) * scale[n]) + residual[m,n], 0, 255)"""
    column = Access(DType.I32, (n,), (sym("n"),))
    scale = Access(DType.F32, (n,), (sym("n"),))
    residual = Access(DType.UI8, (m, n), (sym("m"), sym("n")))
    biased = Apply("add", (Load(SUM, (), DType.I32), Load("bias", column.indices, DType.I32)), DType.I32)
    number = Cast(biased, DType.F32)
    scaled = Apply("multiply", (number, Load("scale", scale.indices, DType.F32)), DType.F32)
    added = Cast(Load("residual", residual.indices, DType.UI8), DType.F32)
    total = Apply("add", (Apply("round_nearest_even", (scaled,), DType.F32), added), DType.F32)
    low = Apply("maximum", (total, Constant(0, DType.F32)), DType.F32)
    clamped = Apply("minimum", (low, Constant(255, DType.F32)), DType.F32)
    operands = (("bias", column), ("scale", scale), ("residual", residual))
    epilogue = Epilogue(Cast(clamped, DType.UI8), operands)
    return matrix_product(m, n, k, DType.UI8, DType.I8, DType.I32, epilogue=epilogue, out=DType.UI8)


@pytest.mark.parametrize("name", ["vpdpbusd_zmm", "tdpbusd"])
def test_an_epilogue_is_computed_on_the_last_tile(name: str) -> None:
    contraction = requantised(23, 45, 67)
    instruction = instruction_for(name)
    rows = 2 if instruction.moves else 4
    m, _, k = instruction.extents
    check(Plan(contraction, instruction, Schedule(rows, 2, rows * m, -(-67 // k) * k)), 5)


def test_plans_that_cannot_be_are_refused() -> None:
    product = matrix_product(8, 8, 100, DType.F32, DType.F32, DType.F32)
    fma, dot = BY_NAME["fma_f32_zmm"], BY_NAME["vpdpbusd_zmm"]
    for contraction, instruction, schedule, reason in (
        (product, fma, Schedule(14, 3, 14, 100), "registers"),
        (product, fma, Schedule(4, 2, 6, 100), "whole register tiles"),
        (product, dot, Schedule(4, 2, 4, 100), "takes"),
        (matrix_product(8, 8, 100, DType.F64, DType.F32, DType.F64), fma, Schedule(4, 2, 4, 100), "takes"),
        (requantised(8, 8, 100), dot, Schedule(4, 2, 4, 64), "not split along k"),
        (product, fma, Schedule(4, 2, 4, 8), "whole cache lines"),
    ):
        with pytest.raises(ValueError, match=reason):
            Plan(contraction, instruction, schedule)


def test_arrays_that_do_not_fit_are_refused() -> None:
    kernel = compile_kernel(
        plan_for(matrix_product(8, 8, 8, DType.F32, DType.F32, DType.F32), usable_features())
    )
    good = np.zeros((8, 8), np.float32)
    with pytest.raises(UsageError, match="lhs"):
        kernel(np.zeros((8, 7), np.float32), good, good.copy())
    with pytest.raises(UsageError, match="rhs"):
        kernel(good, np.zeros((8, 8), np.float64), good.copy())
    with pytest.raises(UsageError, match="not contiguous"):
        kernel(np.zeros((8, 16), np.float32)[:, ::2], good, good.copy())


def test_without_a_fitting_instruction_every_reason_is_given() -> None:
    contraction = matrix_product(8, 8, 8, DType.I64, DType.I64, DType.I64)
    with pytest.raises(UsageError, match=r"no instruction computes(.|\n)*vpdpbusd_zmm: multiply in i64"):
        plan_for(contraction, usable_features())


def test_phases_can_be_called_one_by_one() -> None:
    """As other compiled code calls them: margins, packing, product; every part of a phase, then the next."""
    contraction = convolution(*KINDS["f32"], stride=1, dilation=1, pad=1)
    turned = replace(
        contraction,
        dimensions=tuple(
            replace(d, role={Role.M: Role.N, Role.N: Role.M}.get(d.role, d.role))
            for d in contraction.dimensions
        ),
        lhs=contraction.rhs,
        rhs=contraction.lhs,
    )
    for one in (contraction, turned):
        plan = plan_for(one, usable_features(), 2)
        emitted = emit_kernel(plan, "phases")
        names = [*filter(None, (emitted.pad, emitted.pack, emitted.run))]
        library = compile_text(emitted.text, names, host_target())
        generator = np.random.default_rng(1)
        lhs, rhs = (random_array(generator, access) for access in (one.lhs, one.rhs))
        out = random_values(generator, one.out.shape, one.out.dtype)
        wanted = expected(one, lhs, rhs, out)
        buffers = lhs, rhs, out, aligned(emitted.packed_bytes), aligned(emitted.workspace_bytes(2)), out
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6, ctypes.c_int64, ctypes.c_int64)
        for name in names:
            for part in range(2):
                kind(library.address(name))(*(array.ctypes.data for array in buffers), part, 2)
        assert_close(out, wanted, DType.F32)
