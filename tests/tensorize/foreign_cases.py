"""What kernels for a processor that may not be at hand are tried on, for `foreign_cpu.py`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from exalift.affine import Affine, Apply, Axis, Cast, Constant, Expression, Formula, Load, Reduce
from exalift.base import DType
from exalift.tensorize import (
    SUM,
    Access,
    Contraction,
    Dimension,
    Epilogue,
    Instruction,
    Plan,
    Role,
    Schedule,
    matrix_product,
    plan_for,
    read_contraction,
)
from exalift.tensorize.inspector import Target
from exalift.tensorize.instructions import BY_NAME

AMX = ("tdpbusd", "tdpbssd", "tdpbsud", "tdpbuud", "tdpbf16ps")
VECTORS = (
    "fma_f16_zmm",
    "vpdpbusd_zmm",
    "vpdpbsud_zmm",
    "vpdpwssd_zmm",
    "vdpbf16ps_zmm",
    "pmaddwd_zmm",
    "fma_f32_zmm",
    "fma_f64_zmm",
)
EVERY = AMX + VECTORS
sym = Affine.symbol


@dataclass(frozen=True, slots=True)
class Case:
    """A kernel and the seed of its data. exact: floats are small integers, whose sums have no rounding; else
    they are normally distributed, and integers of the whole range, the extremes often."""

    name: str
    plan: Plan
    seed: int = 0
    exact: bool = False

    @property
    def operands(self) -> tuple[tuple[str, Access], ...]:
        epilogue = self.plan.contraction.epilogue
        return epilogue.operands if epilogue else ()


def planned(
    contraction: Contraction,
    instruction: Instruction,
    tile: tuple[int, int] = (0, 0),
    blocks: tuple[int, int] = (1, 0),
    splits: int = 1,
) -> Plan:
    """A plan by hand. `blocks`: register tiles in a block of rows; cache lines in a block of k (0: all)."""
    m, _, k = instruction.extents
    line = 64 // instruction.lhs.dtype.bytes
    rows, columns = tile if tile[0] else (2, 2) if instruction.moves else (5, 2)
    whole = -(-contraction.extent(Role.K) // k)
    schedule = Schedule(rows, columns, rows * m * blocks[0], line * blocks[1] or k * whole, splits, 2)
    return Plan(contraction, instruction, schedule)


def product(instruction: Instruction, m: int, n: int, k: int, turn: str = "", **options: int) -> Contraction:
    """A matrix product of the instruction's types; `turn` names the operands that are stored transposed."""
    kinds = instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype
    turned = {"transpose_lhs": "l" in turn, "transpose_rhs": "r" in turn}
    return matrix_product(m, n, k, *kinds, **turned, **options)


def every_case(names: Sequence[str], features: frozenset[str]) -> list[Case]:
    """All cases of these instructions, and what the model chooses for a processor of these features."""
    cases: list[Case] = []
    for name in names:
        instruction = BY_NAME[name]
        for group in (_tiles, _shapes, _layouts, _whole_kernels):
            cases += group(instruction)
    return [*cases, *_recoded(names), *_chosen(features)]


def _tiles(instruction: Instruction) -> Iterator[Case]:
    """The instruction alone: one tile, added to what is there."""
    m, n, k = instruction.extents
    contraction = replace(product(instruction, m, n, k), accumulate=True)
    for seed in range(3):
        plan = planned(contraction, instruction, (1, 1))
        yield Case(f"{instruction.name} alone {seed}", plan, seed, exact=seed == 2)


def _shapes(instruction: Instruction) -> Iterator[Case]:
    """Odd sizes and schedules, edges of every kind."""
    tiles = ((2, 2), (1, 2), (2, 1), (1, 1)) if instruction.moves else ((6, 4), (5, 2), (1, 1))
    for at, ((m, n, k), tile) in enumerate(
        itertools.product(((1, 1, 1), (37, 45, 150), (65, 33, 128)), tiles)
    ):
        contraction = product(instruction, m, n, k)
        plan = planned(contraction, instruction, tile, (1 + at % 2, 0))
        yield Case(f"{instruction.name} {m}x{n}x{k} tile {tile[0]}x{tile[1]}", plan, at, exact=at % 2 == 0)
    # Of the second shape all tiles are whole: left operands are read, and sums stored, where they lie.
    for (m, n, k), blocks in itertools.product(((50, 70, 200), (48, 70, 192)), ((1, 0), (1, 1), (2, 2))):
        contraction = replace(product(instruction, m, n, k), accumulate=blocks[0] == 2)
        plan = planned(contraction, instruction, (0, 0), blocks, splits=2)
        name = f"{instruction.name} {m}x{n}x{k} blocks {blocks[0]} {blocks[1]}"
        yield Case(name, plan, 7, exact=instruction.acc.dtype is DType.F16)


def _layouts(instruction: Instruction) -> Iterator[Case]:
    """All transpositions; batches; columns of the output at a stride."""
    for turn in ("l", "r", "lr"):
        plan = planned(product(instruction, 35, 50, 131, turn), instruction)
        yield Case(f"{instruction.name} transposed {turn}", plan, 8)
    yield Case(
        f"{instruction.name} batched", planned(product(instruction, 18, 20, 70, batch=3), instruction), 9
    )
    contraction = product(instruction, 20, 35, 66)
    out = Access(contraction.accumulator, (35, 20), (sym("n"), sym("m")))
    yield Case(f"{instruction.name} columns apart", planned(replace(contraction, out=out), instruction), 10)


def _whole_kernels(instruction: Instruction) -> Iterator[Case]:
    """Convolutions with margins, epilogues, zero points."""
    kinds = instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype
    zero_points = (0,) if instruction.acc.dtype.is_float else (0, 7)
    for (stride, dilation, pad), zero in itertools.product(((1, 1, 1), (2, 1, 1), (1, 2, 2)), zero_points):
        contraction = convolution(kinds, stride, dilation, pad, zero)
        name = f"{instruction.name} window, stride {stride}, dilation {dilation}, zero point {zero}"
        yield Case(name, planned(contraction, instruction), 11)
    if kinds[:2] == (DType.UI8, DType.I8):
        yield Case(f"{instruction.name} requantised", planned(requantised(23, 45, 67), instruction), 12)
    elif instruction.acc.dtype is DType.F32:
        yield Case(f"{instruction.name} bias and clamp", planned(clamped(instruction), instruction), 12)


def convolution(
    kinds: tuple[DType, DType, DType], stride: int, dilation: int, pad: int, zero: int
) -> Contraction:
    """NHWC by HWIO, 2 images of 9 x 11 with 8 channels, 20 filters of 3 x 3. `zero`: the left zero point."""
    reach = 2 * dilation
    height, width = (9 + 2 * pad - reach - 1) // stride + 1, (11 + 2 * pad - reach - 1) // stride + 1
    rows = sym("y") * stride + sym("r") * dilation - pad
    columns = sym("x") * stride + sym("s") * dilation - pad
    sizes = {"b": 2, "y": height, "x": width, "o": 20, "r": 3, "s": 3, "c": 8}
    roles = dict(zip(sizes, (Role.M, Role.M, Role.M, Role.N, Role.K, Role.K, Role.K), strict=True))
    return Contraction(
        tuple(Dimension(name, sizes[name], roles[name]) for name in sizes),
        Access(kinds[0], (2, 9, 11, 8), (sym("b"), rows, columns, sym("c")), fill=zero),
        Access(kinds[1], (3, 3, 8, 20), tuple(map(sym, "rsco"))),
        Access(kinds[2], (2, height, width, 20), tuple(map(sym, "byxo"))),
        kinds[2],
        lhs_shift=-zero,
    )


def requantised(m: int, n: int, k: int) -> Contraction:
    """u8 = clamp(round((sum + bias[n]) * scale[n]) + residual[m,n], 0, 255)"""
    column = Access(DType.I32, (n,), (sym("n"),))
    scale = Access(DType.F32, (n,), (sym("n"),))
    residual = Access(DType.UI8, (m, n), (sym("m"), sym("n")))
    biased = Apply("add", (Load(SUM, (), DType.I32), Load("bias", column.indices, DType.I32)), DType.I32)
    factor = Load("scale", scale.indices, DType.F32)
    scaled = Apply("multiply", (Cast(biased, DType.F32), factor), DType.F32)
    added = Cast(Load("residual", residual.indices, DType.UI8), DType.F32)
    total = Apply("add", (Apply("round_nearest_even", (scaled,), DType.F32), added), DType.F32)
    low = Apply("maximum", (total, Constant(0, DType.F32)), DType.F32)
    value = Apply("minimum", (low, Constant(255, DType.F32)), DType.F32)
    operands = (("bias", column), ("scale", scale), ("residual", residual))
    epilogue = Epilogue(Cast(value, DType.UI8), operands)
    return matrix_product(m, n, k, DType.UI8, DType.I8, DType.I32, epilogue=epilogue, out=DType.UI8)


def clamped(instruction: Instruction) -> Contraction:
    """max(sum + bias[n], 0), in f32."""
    bias = Access(DType.F32, (45,), (sym("n"),))
    total = Apply("add", (Load(SUM, (), DType.F32), Load("bias", bias.indices, DType.F32)), DType.F32)
    value = Apply("maximum", (total, Constant(0, DType.F32)), DType.F32)
    contraction = product(instruction, 23, 45, 67)
    return replace(contraction, epilogue=Epilogue(value, (("bias", bias),)))


def _recoded(names: Sequence[str]) -> Iterator[Case]:
    """A left operand of the other sign, and zero points that are data, from `(a - za[i]) (b - zb[j])`."""
    for name in names:
        instruction = BY_NAME[name]
        right = instruction.rhs.dtype
        if right.bits != 8:
            continue
        for left in (DType.I8, DType.UI8):
            plain = matrix_product(33, 47, 100, left, right, DType.I32)
            yield Case(f"{name} of {left} and {right}", planned(plain, instruction), 13)
            yield Case(
                f"{name} zero points of {left} and {right}", planned(centred(left, right), instruction), 14
            )


def centred(left: DType, right: DType) -> Contraction:
    """`out[i,j] = sum k. (a[i,k] - za[i]) * (b[k,j] - zb[j])`, as it is read from its formula."""
    m, n, k = 33, 47, 100
    shapes = {"a": (m, k), "b": (k, n), "za": (m,), "zb": (n,)}

    def less(name: str, axes: str, dtype: DType, zero: str, axis: str) -> Expression:
        wide = Cast(Load(name, (sym(axes[0]), sym(axes[1])), dtype), DType.I32)
        return Apply("subtract", (wide, Cast(Load(zero, (sym(axis),), dtype), DType.I32)), DType.I32)

    factors = less("a", "ik", left, "za", "i"), less("b", "kj", right, "zb", "j")
    total = Reduce("add", (Axis("k", Affine.of(k)),), Apply("multiply", factors, DType.I32), DType.I32)
    formula = Formula((Axis("i", Affine.of(m)), Axis("j", Affine.of(n))), total)
    found = read_contraction(formula, Target("out", (m, n), (sym("i"), sym("j"))), shapes, {})
    assert not isinstance(found, str), found
    return found[0].contraction


def _chosen(features: frozenset[str]) -> Iterator[Case]:
    """What the model itself chooses."""
    kinds = {
        "u8s8": (DType.UI8, DType.I8, DType.I32),
        "s8s8": (DType.I8, DType.I8, DType.I32),
        "bf16": (DType.BF16, DType.BF16, DType.F32),
        "f16": (DType.F16, DType.F16, DType.F16),
        "f32": (DType.F32, DType.F32, DType.F32),
    }
    for (kind, dtypes), shape in itertools.product(
        kinds.items(), ((1, 1, 1), (3, 100, 64), (65, 130, 257), (256, 256, 256))
    ):
        plan = plan_for(matrix_product(*shape, *dtypes), features, 2)
        size = "x".join(map(str, shape))
        exact = kind == "f16"
        yield Case(f"chosen for {kind} {size}: {plan.instruction.name}", plan, 15, exact)
