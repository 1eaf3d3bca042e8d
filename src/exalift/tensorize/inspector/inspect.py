"""All the ways in which instructions compute an operation, with their cost; and why others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exalift.affine import Affine, Formula, Region

from ..instructions import INSTRUCTIONS, Instruction
from .epilogues import Target
from .read import Reading, read_contraction
from .select import Refusal, select


@dataclass(frozen=True, slots=True)
class Way:
    """One way: the contraction as read, and the instruction."""

    reading: Reading
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found for one operation. `reason` is set where it is no sum of products at all."""

    ways: tuple[Way, ...]
    refusals: tuple[Refusal, ...]
    reason: str = ""


def inspect_formula(
    formula: Formula,
    shapes: Mapping[str, tuple[int, ...]],
    sizes: Mapping[str, int],
    features: frozenset[str],
    instructions: tuple[Instruction, ...] = INSTRUCTIONS,
) -> Inspection:
    """An op's formula, whose result is stored row-major; operands are named as the formula loads them."""
    target = Target(
        "out",
        tuple(extent.at(sizes) for extent in formula.shape),
        tuple(Affine.symbol(axis.name) for axis in formula.axes),
    )
    return _inspect(formula, target, shapes, sizes, features, instructions)


def inspect_region(
    region: Region,
    shapes: Mapping[str, tuple[int, ...]],
    sizes: Mapping[str, int],
    features: frozenset[str],
    instructions: tuple[Instruction, ...] = INSTRUCTIONS,
) -> Inspection:
    """A region of an affine program; `sizes` also has the loops around it."""
    if not region.guard.is_always:
        return Inspection((), (), f"only a part of the box is written: {region.guard}")
    target = Target(region.array, shapes[region.array], region.indices)
    formula = Formula(region.axes, region.value)
    return _inspect(formula, target, shapes, sizes, features, instructions)


def _inspect(
    formula: Formula,
    target: Target,
    shapes: Mapping[str, tuple[int, ...]],
    sizes: Mapping[str, int],
    features: frozenset[str],
    instructions: tuple[Instruction, ...],
) -> Inspection:
    readings = read_contraction(formula, target, shapes, sizes)
    if isinstance(readings, str):
        return Inspection((), (), readings)
    ways: list[Way] = []
    refused: dict[str, Refusal] = {}
    for reading in readings:
        matches, refusals = select(reading.contraction, features, instructions)
        ways += [Way(replace(reading, contraction=match.contraction), match.instruction) for match in matches]
        for refusal in refusals:
            # Of the reasons for both orders of the factors, that of the one which fits but for the CPU.
            before = refused.get(refusal.instruction.name)
            if before is None or (refusal.lacking and not before.lacking):
                refused[refusal.instruction.name] = refusal
    used = {way.instruction.name for way in ways}
    left = [refused[i.name] for i in instructions if i.name in refused and i.name not in used]
    return Inspection(tuple(ways), tuple(left))
