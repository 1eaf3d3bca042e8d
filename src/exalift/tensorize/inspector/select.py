"""Which instructions compute a contraction on a given CPU, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from exalift.affine import Expression, Reduce, nodes
from exalift.base import DType

from ..contraction import Access, Contraction
from ..instructions import INSTRUCTIONS, LHS, RHS, Instruction
from .arithmetic import Binding, Mismatch, match_arithmetic

_UNPACKED = (DType.I8, DType.UI8, DType.I16)


@dataclass(frozen=True, slots=True)
class Match:
    """An instruction that computes a contraction, which may have been rewritten for it."""

    instruction: Instruction
    contraction: Contraction


@dataclass(frozen=True, slots=True)
class Refusal:
    """An instruction that does not fit, and why. `lacking`: it would, on another CPU."""

    instruction: Instruction
    reason: str
    lacking: bool = False


def summand(instruction: Instruction) -> Expression:
    """What an instruction sums."""
    (reduction,) = [node for node in nodes(instruction.formula.body) if isinstance(node, Reduce)]
    return reduction.body


def select(
    contraction: Contraction, features: frozenset[str], instructions: tuple[Instruction, ...] = INSTRUCTIONS
) -> tuple[list[Match], list[Refusal]]:
    """Every instruction, as a match or as a refusal with its reason; `features` is what the CPU has."""
    matches: list[Match] = []
    refusals: list[Refusal] = []
    for instruction in instructions:
        found = fit(contraction, instruction)
        if isinstance(found, Mismatch):
            refusals.append(Refusal(instruction, found.reason))
        elif not instruction.requirements <= features:
            missing = ", ".join(sorted(instruction.requirements - features))
            refusals.append(Refusal(instruction, f"this CPU has no {missing}", True))
        else:
            matches.append(Match(instruction, found))
    return matches, refusals


def fit(contraction: Contraction, instruction: Instruction) -> Contraction | Mismatch:
    """The contraction if the instruction computes its products, or why it does not.

    An integer added to the left operand is taken out of the sum, and so is the difference between signed
    and unsigned bytes there: sum k. (l + s) r = sum k. l r + s sum k. r, exact where integers wrap.
    Elements of four bits are unpacked to the integer type that the instruction takes.
    """
    reasons: list[Mismatch] = []
    for recode in (False, True):
        for lhs, rhs in product(_views(contraction.lhs), _views(contraction.rhs)):
            viewed = contraction if contraction.lhs is lhs else replace(contraction, lhs=lhs)
            viewed = viewed if contraction.rhs is rhs else replace(viewed, rhs=rhs)
            found = _fit_types(viewed, instruction, recode)
            if isinstance(found, Contraction):
                return found
            reasons.append(found)
    return reasons[0]


def _views(access: Access) -> list[Access]:
    """An access in every type that its elements may be unpacked to, its own first."""
    if access.nibbles is None or access.dtype.is_float:
        return [access]
    others = [t for t in _UNPACKED if t is not access.dtype and access.nibbles.fit(t)]
    return [replace(access, dtype=dtype) for dtype in (access.dtype, *others)]


def _fit_types(contraction: Contraction, instruction: Instruction, recode: bool) -> Contraction | Mismatch:
    plain = replace(contraction, lhs_shift=0) if contraction.accumulator.is_integer else contraction
    found = match_arithmetic(plain.product, summand(instruction))
    if isinstance(found, Mismatch) and recode and contraction.accumulator.is_integer:
        recoded = match_arithmetic(_with_other_sign(plain).product, summand(instruction))
        found = recoded if isinstance(recoded, Binding) else found
    if isinstance(found, Mismatch):
        return found
    if found[LHS].array != "lhs" or found[RHS].array != "rhs":
        return Mismatch("its factors are the other way around")
    return contraction


def _with_other_sign(contraction: Contraction) -> Contraction:
    lhs = contraction.lhs
    other = {DType.I8: DType.UI8, DType.UI8: DType.I8}.get(lhs.dtype, lhs.dtype)
    return replace(contraction, lhs=replace(lhs, dtype=other, nibbles=None))
