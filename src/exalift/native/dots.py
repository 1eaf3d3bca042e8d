"""Sums of products of narrow integers along lanes: an instruction multiplies and adds several at once.

    sum k. i32(w[i,k]) * i32(x[k])    =>    lanes l: acc[l] += sum k < 4. w[i,4l+k] * x[4l+k]

The descriptions of `exalift.tensorize` have one factor in every lane. What they state of one lane holds for
all, so that the same instruction serves with two vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exalift.affine import Apply, Load, Reduce
from exalift.base import DType
from exalift.tensorize import INSTRUCTIONS, Instruction

from .factors import Factor, factor_of
from .program import Buffer

_OTHER_SIGN = {DType.I8: DType.UI8, DType.UI8: DType.I8}


@dataclass(frozen=True, eq=False, slots=True)
class Dot:
    """How an instruction computes a sum: of `lhs` and `rhs`, widened to its types. `recoded`: the left factor
    gets the other sign by flipping its highest bit, which adds half of the range to every element."""

    instruction: Instruction
    lhs: Load
    rhs: Load
    recoded: bool

    @property
    def width(self) -> int:
        """Elements of each factor that one instruction takes."""
        return self.instruction.lhs.lanes


def dot_of(term: Reduce, axis: str, buffers: Mapping[str, Buffer], features: frozenset[str]) -> Dot | None:
    """The instruction for a sum whose factors lie side by side along an axis; None where none fits."""
    wraps = term.dtype in (DType.I32, DType.UI32)
    if term.function != "add" or not wraps or not term.guard.is_always:
        return None
    if not isinstance(term.body, Apply) or term.body.function != "multiply":
        return None
    first, second = (factor_of(operand, ()) for operand in term.body.operands)
    found = [
        dot
        for instruction in INSTRUCTIONS
        if _is_lanewise(instruction) and instruction.features <= features
        for lhs, rhs in ((first, second), (second, first))
        for dot in _fitting(instruction, lhs, rhs)
        if all(_is_beside(load, axis, buffers) for load in (dot.lhs, dot.rhs))
    ]
    # The most at once; then one that needs no other sign.
    return max(found, key=lambda dot: (dot.width, not dot.recoded), default=None)


def _is_lanewise(instruction: Instruction) -> bool:
    """Whether lane l of the sum takes lanes [k*l, k*l + k) of both factors."""
    if instruction.family != "dot" or instruction.moves is not None:
        return False
    _, n, k = instruction.extents
    order = [(lane % k, lane // k) for lane in range(n * k)]
    same = [(0, lane % k) for lane in range(n * k)]
    rhs, lhs = instruction.rhs, instruction.lhs
    return [rhs.element(lane) for lane in range(rhs.lanes)] == order and [
        lhs.element(lane) for lane in range(lhs.lanes)
    ] == same


def _fitting(instruction: Instruction, lhs: Factor, rhs: Factor) -> Iterator[Dot]:
    if instruction.acc.dtype is not DType.I32 or instruction.rhs.dtype not in rhs.storages:
        return
    left, right = lhs.value, rhs.value
    if not isinstance(left, Load) or not isinstance(right, Load):
        return
    if instruction.lhs.dtype in lhs.storages:
        yield Dot(instruction, left, right, False)
    elif _OTHER_SIGN.get(left.dtype) is instruction.lhs.dtype:
        yield Dot(instruction, left, right, True)


def _is_beside(load: Load, axis: str, buffers: Mapping[str, Buffer]) -> bool:
    position = buffers[load.array].linear(load.indices)
    return position.is_linear and position.coefficient(axis) == 1
