"""Depthwise convolutions and their kin along the lanes, against the evaluation of what they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import assert_close, depthwise, expected, random_operand, random_values
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine, Apply, Cast, Constant, Load
from exalift.base import DType
from exalift.tensorize import (
    INSTRUCTIONS,
    SUM,
    Access,
    Contraction,
    Dimension,
    Epilogue,
    Instruction,
    LanePlan,
    LaneSchedule,
    Nibbles,
    Role,
    best_plan_for,
    compile_kernel,
    matrix_product,
    plan_for,
    planned_cycles,
    usable_features,
)
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.instructions import BY_NAME

sym = Affine.symbol
LANEWISE = [i for i in INSTRUCTIONS if i.lanewise]


def check(plan: LanePlan, seed: int = 0, threads: int = 1) -> None:
    contraction = plan.contraction
    generator = np.random.default_rng(seed)
    (lhs, left), (rhs, right) = (random_operand(generator, a) for a in (contraction.lhs, contraction.rhs))
    out = random_values(generator, contraction.out.shape, contraction.out.dtype)
    operands = contraction.epilogue.operands if contraction.epilogue else ()
    extra = {name: random_operand(generator, access)[0] for name, access in operands}
    wanted = expected(replace(contraction, lhs_shift=contraction.lhs_shift), left, right, out, extra)
    compile_kernel(plan)(lhs, rhs, out, list(extra.values()), threads)
    assert_close(out, wanted, contraction.out.dtype)


@pytest.mark.parametrize("instruction", LANEWISE, ids=lambda i: i.name)
def test_every_lanewise_instruction(instruction: Instruction) -> None:
    """In software, and on the CPU where that has it: whole tiles, and edges of rows and of channels."""
    channels = 2 * instruction.extents[1] + 3
    plan = LanePlan(depthwise(instruction, (4, 6, channels)), instruction, "c", LaneSchedule(4, 2))
    check(replace(plan, instruction=emulated(instruction)))
    if instruction.requirements <= usable_features():
        check(plan)


@pytest.mark.parametrize(
    "name", ["fma_f32_zmm", "fma_f64_ymm", "vpdpbusd_zmm", "vdpbf16ps_zmm", "pmaddwd_ymm"]
)
@settings(max_examples=6, deadline=None)
@given(
    image=st.tuples(st.integers(3, 9), st.integers(3, 12), st.integers(1, 40)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 2),
    margin=st.integers(0, 2),
    tile=st.tuples(st.integers(1, 5), st.integers(1, 2)),
    channels_first=st.booleans(),
    threads=st.integers(1, 2),
    accumulate=st.booleans(),
)
def test_windows_of_all_shapes(
    name: str,
    image: tuple[int, int, int],
    window: tuple[int, int],
    stride: int,
    margin: int,
    tile: tuple[int, int],
    channels_first: bool,
    threads: int,
    accumulate: bool,
) -> None:
    instruction = BY_NAME[name]
    instruction = instruction if instruction.features <= usable_features() else emulated(instruction)
    stride = 1 if channels_first else stride
    contraction = depthwise(instruction, image, window, stride, margin, channels_first)
    contraction = replace(contraction, accumulate=accumulate)
    axis = "x" if channels_first else "c"
    check(LanePlan(contraction, instruction, axis, LaneSchedule(*tile)), 1, threads)


def test_signs_and_zero_points_are_made_up_for() -> None:
    """Signed bytes on an instruction that takes unsigned ones, less a zero point; margins are elements."""
    instruction = BY_NAME["vpdpbusd_zmm"]
    plain = depthwise(instruction, (5, 6, 21))
    lhs = replace(plain.lhs, dtype=DType.I8, fill=7)
    one = instruction if instruction.features <= usable_features() else emulated(instruction)
    for shift in (0, -7):
        check(LanePlan(replace(plain, lhs=lhs, lhs_shift=shift), one, "c", LaneSchedule(3, 1)))


def test_sums_at_the_extremes() -> None:
    """Nine times 255 * -128 in every lane: the instruction wraps and does not saturate in between."""
    instruction = BY_NAME["vpdpbusd_zmm"]
    one = instruction if instruction.features <= usable_features() else emulated(instruction)
    contraction = depthwise(one, (3, 3, 16), margin=0)
    out = np.zeros((1, 1, 16), np.int32)
    kernel = compile_kernel(LanePlan(contraction, one, "c", LaneSchedule(1, 1)))
    kernel(np.full((3, 3, 16), 255, np.uint8), np.full((3, 3, 16), -128, np.int8), out)
    assert (out == -9 * 255 * 128).all()


def test_weights_of_other_batches_and_what_follows() -> None:
    """`out[b,x,c] = clamp(sum + bias[c])`, each image with weights of its own, four bits a pixel."""
    instruction = BY_NAME["fma_f32_ymm"]
    one = instruction if instruction.features <= usable_features() else emulated(instruction)
    b, x, c, s = map(sym, "bxcs")
    bias = Load("bias", (c,), DType.F32)
    value = Apply("add", (Load(SUM, (), DType.F32), bias), DType.F32)
    value = Apply("maximum", (value, Constant(0, DType.F32)), DType.F32)
    roles = {"b": (3, Role.BATCH), "x": (7, Role.M), "c": (11, Role.BATCH), "s": (3, Role.K)}
    contraction = Contraction(
        tuple(Dimension(name, *one) for name, one in roles.items()),
        Access(DType.F32, (3, 7, 11), (b, x + s - 1, c), nibbles=Nibbles()),
        Access(DType.F32, (3, 3, 11), (b, s, c)),
        Access(DType.I32, (3, 7, 11), (b, x, c)),
        DType.F32,
        Epilogue(Cast(value, DType.I32), (("bias", Access(DType.F32, (11,), (c,))),)),
    )
    plan = LanePlan(contraction, one, "c", LaneSchedule(2, 1))
    generator = np.random.default_rng(2)
    codes, image = random_operand(generator, contraction.lhs)
    weights = generator.integers(-9, 9, (3, 3, 11)).astype(np.float32)
    given_bias = generator.integers(-9, 9, 11).astype(np.float32)
    out = np.zeros((3, 7, 11), np.int32)
    wanted = expected(contraction, image, weights, out, {"bias": given_bias})
    compile_kernel(plan)(codes, weights, out, [given_bias], 2)
    np.testing.assert_array_equal(out, wanted)


def test_what_does_not_go_along_lanes_is_refused() -> None:
    fma, smmla = BY_NAME["fma_f32_zmm"], BY_NAME["smmla"]
    tile = LaneSchedule(2, 1)
    with pytest.raises(ValueError, match="mixes its lanes"):
        LanePlan(depthwise(smmla, (5, 5, 16)), smmla, "c", tile)
    with pytest.raises(ValueError, match="not contiguous along c"):
        LanePlan(depthwise(fma, (5, 5, 16), channels_first=True), fma, "c", tile)
    with pytest.raises(ValueError, match="moves the right operand and not the left"):
        LanePlan(matrix_product(4, 16, 8, DType.F32, DType.F32, DType.F32), fma, "m", tile)
    with pytest.raises(ValueError, match="no loop over the result"):
        LanePlan(depthwise(fma, (5, 5, 16)), fma, "r", tile)
    with pytest.raises(ValueError, match="more than 64 steps"):
        LanePlan(depthwise(fma, (20, 20, 16), (9, 9)), fma, "c", tile)
    with pytest.raises(ValueError, match="takes f32, not f64"):
        LanePlan(depthwise(BY_NAME["fma_f64_zmm"], (5, 5, 16)), fma, "c", tile)


def test_instructions_whose_lanes_are_by_themselves() -> None:
    names = {instruction.name for instruction in LANEWISE}
    assert {"vpdpbusd_zmm", "fma_f32_zmm", "vdpbf16ps_zmm", "sdot"} <= names
    assert not names & {"smmla", "tdpbusd", "mma_m16n8k32_s8_s8"}


@pytest.mark.parametrize(("channels_first", "axis"), [(False, "c"), (True, "x")])
def test_the_model_prefers_the_lanes(channels_first: bool, axis: str) -> None:
    features = frozenset({"sse2", "avx2", "fma", "avx512f", "avx512bw", "avx512vnni"})
    for name in ("fma_f32_zmm", "vpdpbusd_zmm"):
        contraction = depthwise(BY_NAME[name], (28, 28, 64), channels_first=channels_first)
        plan = best_plan_for(contraction, features)
        assert isinstance(plan, LanePlan) and plan.axis == axis
        assert planned_cycles(plan) < planned_cycles(plan_for(contraction, features))
    product = matrix_product(64, 64, 64, DType.F32, DType.F32, DType.F32)
    assert best_plan_for(product, features) == plan_for(product, features)
