"""Convolutions that leave out products with their margins, and those that must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine
from exalift.base import DType
from exalift.tensorize import (
    Access,
    Contraction,
    Dimension,
    Plan,
    Role,
    Schedule,
    compile_kernel,
    plan_for,
    usable_features,
)
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.emission.margins import margins_of
from exalift.tensorize.instructions import BY_NAME

sym = Affine.symbol


def images(
    lhs: DType, rhs: DType, acc: DType, size: int, channels: int, window: int, stride: int, batch: int
) -> Contraction:
    """NHWC by HWIO, images of size x size, 20 filters of window x window, "same" margins."""
    pad = (window - 1) // 2
    across = (size + 2 * pad - window) // stride + 1
    index = {"y": sym("y") * stride + sym("r") - pad, "x": sym("x") * stride + sym("s") - pad}
    sizes = {"b": batch, "y": across, "x": across, "o": 20, "r": window, "s": window, "c": channels}
    roles = dict(zip(sizes, (Role.M, Role.M, Role.M, Role.N, Role.K, Role.K, Role.K), strict=True))
    return Contraction(
        tuple(Dimension(name, sizes[name], roles[name]) for name in sizes),
        Access(lhs, (batch, size, size, channels), (sym("b"), index["y"], index["x"], sym("c"))),
        Access(rhs, (window, window, channels, 20), tuple(map(sym, "rsco"))),
        Access(acc, (batch, across, across, 20), tuple(map(sym, "byxo"))),
        acc,
    )


def agrees(plan: Plan, threads: int = 1) -> None:
    contraction, generator = plan.contraction, np.random.default_rng(5)
    lhs, rhs = (random_array(generator, access) for access in (contraction.lhs, contraction.rhs))
    out = np.zeros(contraction.out.shape, contraction.out.dtype.numpy_name)
    compile_kernel(plan)(lhs, rhs, out, (), threads)
    assert_close(out, expected(contraction, lhs, rhs, np.zeros_like(out)), contraction.accumulator)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(3, 9),
    channels=st.integers(1, 9),
    window=st.sampled_from([3, 5, 7]),
    stride=st.integers(1, 3),
    batch=st.integers(1, 3),
    rows=st.integers(1, 7),
)
def test_windows_over_edges_are_right(
    size: int, channels: int, window: int, stride: int, batch: int, rows: int
) -> None:
    contraction = images(DType.F64, DType.F64, DType.F64, size, channels, window, stride, batch)
    plan = plan_for(contraction, usable_features())
    agrees(replace(plan, schedule=Schedule(rows, 2, 2 * rows, plan.padded_k)))


@pytest.mark.parametrize("name", ["vpdpbusd_zmm", "tdpbusd"])
@pytest.mark.parametrize(("size", "stride", "batch"), [(7, 1, 2), (14, 1, 1), (9, 2, 3)])
def test_bytes_leave_margins_out(name: str, size: int, stride: int, batch: int) -> None:
    instruction = BY_NAME[name]
    if not instruction.features <= usable_features():
        instruction = emulated(instruction)
    contraction = images(DType.UI8, DType.I8, DType.I32, size, 64, 3, stride, batch)
    m = instruction.extents[0]
    rows = 2 if instruction.moves else 6
    plan = Plan(contraction, instruction, Schedule(rows, 2, rows * m * 2, 576))
    assert margins_of(plan) is not None
    # Numbered registers in software are shared by all threads.
    in_software = instruction.moves and not BY_NAME[name].features <= usable_features()
    agrees(plan, 1 if in_software else 2)


def test_margins_that_count_stay() -> None:
    """Where an element of the margin is no zero after what is added to it, no product may be left out."""
    signed = images(DType.I8, DType.I8, DType.I32, 7, 64, 3, 1, 1)
    unsigned = images(DType.UI8, DType.I8, DType.I32, 7, 64, 3, 1, 1)
    instruction = BY_NAME["vpdpbusd_zmm"]
    schedule = Schedule(6, 2, 12, 576)
    assert margins_of(Plan(unsigned, instruction, schedule)) is not None
    assert margins_of(Plan(signed, instruction, schedule)) is None
    assert margins_of(Plan(replace(unsigned, lhs_shift=-3), instruction, schedule)) is None
    filled = replace(unsigned, lhs=replace(unsigned.lhs, fill=3))
    assert margins_of(Plan(filled, instruction, schedule)) is None
