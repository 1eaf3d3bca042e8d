"""Which instructions compute a contraction on a given CPU, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exalift.affine import Expression, Reduce, nodes
from exalift.base import DType

from ..contraction import Contraction
from ..instructions import INSTRUCTIONS, LHS, RHS, Instruction
from .arithmetic import Binding, Mismatch, match_arithmetic


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
        found = _fit(contraction, instruction)
        if isinstance(found, Mismatch):
            refusals.append(Refusal(instruction, found.reason))
        elif not instruction.requirements <= features:
            missing = ", ".join(sorted(instruction.requirements - features))
            refusals.append(Refusal(instruction, f"this CPU has no {missing}", True))
        else:
            matches.append(Match(instruction, found))
    return matches, refusals


def _fit(contraction: Contraction, instruction: Instruction) -> Contraction | Mismatch:
    """The contraction if the instruction computes its products, or why it does not.

    An integer added to the left operand is taken out of the sum, and so is the difference between signed
    and unsigned bytes there: sum k. (l + s) r = sum k. l r + s sum k. r, exact where integers wrap.
    """
    plain = replace(contraction, lhs_shift=0) if contraction.accumulator.is_integer else contraction
    found = match_arithmetic(plain.product, summand(instruction))
    if isinstance(found, Mismatch) and contraction.accumulator.is_integer:
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
    return replace(contraction, lhs=replace(lhs, dtype=other))
