"""Quantised products whose zero points are data: read from formulas, and on every kind of instruction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import MACHINE, assert_close, random_values

from exalift.affine import Affine, Apply, Axis, Cast, Constant, Expression, Formula, Load, Reduce, evaluate
from exalift.base import DType
from exalift.tensorize import (
    Plan,
    Schedule,
    check_reading,
    choices,
    compile_kernel,
    inspect_formula,
    read_contraction,
    usable_features,
)
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.inspector import Target
from exalift.tensorize.instructions import BY_NAME

M, N, K = 11, 21, 50
SHAPES = {"a": (M, K), "b": (K, N), "za": (), "zb": (), "rows": (M,), "columns": (N,)}
sym = Affine.symbol


def quantised(kinds: tuple[DType, DType], left: Expression | None, right: Expression | None) -> Formula:
    """`out[i,j] = sum k. (a[i,k] - left) * (b[k,j] - right)`, in i32."""

    def factor(name: str, axes: str, dtype: DType, zero: Expression | None) -> Expression:
        wide = Cast(Load(name, (sym(axes[0]), sym(axes[1])), dtype), DType.I32)
        return wide if zero is None else Apply("subtract", (wide, zero), DType.I32)

    product = Apply(
        "multiply", (factor("a", "ik", kinds[0], left), factor("b", "kj", kinds[1], right)), DType.I32
    )
    total = Reduce("add", (Axis("k", Affine.of(K)),), product, DType.I32)
    return Formula((Axis("i", Affine.of(M)), Axis("j", Affine.of(N))), total)


def scalar(name: str) -> Expression:
    return Load(name, (), DType.I32)


def byte(name: str, axis: str, dtype: DType) -> Expression:
    return Cast(Load(name, (sym(axis),), dtype), DType.I32)


U8S8, S8S8, U8U8 = (DType.UI8, DType.I8), (DType.I8, DType.I8), (DType.UI8, DType.UI8)
CASES = {
    "left": (U8S8, scalar("za"), None),
    "right": (U8S8, None, scalar("zb")),
    "both": (U8S8, scalar("za"), scalar("zb")),
    "both, recoded": (S8S8, scalar("za"), scalar("zb")),
    "a number and data": (U8S8, Constant(7, DType.I32), scalar("zb")),
    "two numbers": (S8S8, Constant(-3, DType.I32), Constant(5, DType.I32)),
    "one for each row and column": (U8U8, byte("rows", "i", DType.UI8), byte("columns", "j", DType.UI8)),
}


def arrays(formula: Formula) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    found: dict[str, np.ndarray] = {}
    pending: list[Expression] = [formula.body]
    while pending:
        node = pending.pop()
        if isinstance(node, Load):
            found[node.array] = random_values(generator, SHAPES[node.array], node.dtype)
        elif isinstance(node, Reduce):
            pending.append(node.body)
        elif isinstance(node, Apply):
            pending += node.operands
        elif isinstance(node, Cast):
            pending.append(node.operand)
    return found


@pytest.mark.parametrize("case", CASES)
def test_zero_points_are_taken_out_of_the_sum(case: str) -> None:
    formula = quantised(*CASES[case])
    inspection = inspect_formula(formula, SHAPES, {}, usable_features())
    assert not inspection.reason
    ways = choices(inspection)
    if not ways:
        pytest.skip("this CPU has no instruction for it")
    every = arrays(formula)
    wanted = evaluate(formula, every, {}, MACHINE)
    for choice in ways:
        reading = choice.way.reading
        assert check_reading(reading) is True
        out = np.zeros((M, N), np.int32)
        extra = [every[name] for name in reading.extra]
        compile_kernel(choice.plan)(every[reading.lhs], every[reading.rhs], out, extra, 2)
        assert_close(out, wanted, DType.I32)


@pytest.mark.parametrize(
    "name", ["vpdpbusd_zmm", "tdpbusd", "usdot", "usmmla", "usmmla_z256", "usmopa_za256"]
)
def test_zero_points_on_every_kind_of_instruction(name: str) -> None:
    """Broadcasts, tiles of memory, rows side by side, outer products: all in software; s8 recoded as u8."""
    instruction = emulated(BY_NAME[name])
    m, _, k = instruction.extents
    rows = 2 if instruction.moves else 3
    for case in ("both", "both, recoded", "one for each row and column"):
        formula = quantised(*CASES[case])
        readings = read_contraction(formula, Target("out", (M, N), (sym("i"), sym("j"))), SHAPES, {})
        assert not isinstance(readings, str)
        reading = readings[0]
        if reading.contraction.rhs.dtype is not instruction.rhs.dtype:
            continue
        schedule = Schedule(rows, 2, rows * m, -(-K // k) * k)
        every = arrays(formula)
        out = np.zeros((M, N), np.int32)
        extra = [every[array] for array in reading.extra]
        compile_kernel(Plan(reading.contraction, instruction, schedule))(every["a"], every["b"], out, extra)
        assert_close(out, evaluate(formula, every, {}, MACHINE), DType.I32)


def test_what_is_no_zero_point_is_refused() -> None:
    along_k = quantised(U8S8, Cast(Load("columns", (sym("k"),), DType.UI8), DType.I32), None)
    found = read_contraction(along_k, Target("out", (M, N), (sym("i"), sym("j"))), SHAPES, {})
    assert isinstance(found, str) and "computed" in found
    own = quantised(U8S8, Load("out", (sym("i"), sym("j")), DType.I32), None)
    found = read_contraction(own, Target("out", (N, M), (sym("j"), sym("i"))), {**SHAPES, "out": (N, M)}, {})
    assert isinstance(found, str) and "read elsewhere" in found


def test_a_wrong_correction_is_found_out() -> None:
    """What the check confirms is not given: without the sums of rows it says no."""
    formula = quantised(U8S8, scalar("za"), scalar("zb"))
    reading = read_contraction(formula, Target("out", (M, N), (sym("i"), sym("j"))), SHAPES, {})[0]
    wrong = replace(reading, after=Formula(reading.after.axes, reading.after.body.operands[0]))
    assert check_reading(reading) is True and check_reading(wrong) is False


def test_blocks_of_k_do_not_see_whole_sums() -> None:
    formula = quantised(U8S8, scalar("za"), None)
    reading = read_contraction(formula, Target("out", (M, N), (sym("i"), sym("j"))), SHAPES, {})[0]
    with pytest.raises(ValueError, match="sums beside those of rows and columns"):
        Plan(reading.contraction, BY_NAME["vpdpbusd_zmm"], Schedule(4, 2, 4, 16))
