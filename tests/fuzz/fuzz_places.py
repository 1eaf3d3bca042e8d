"""What a generated program names: arrays, counters with affine bounds, and C for affine expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exalift.affine import Affine

FLOATS = ("double", "float")
INTEGERS = ("int", "unsigned", "int8_t", "uint8_t", "int64_t", "uint16_t")


@dataclass(frozen=True)
class Storage:
    """An array or scalar. `flat`: a pointer with computed subscripts. `scalar`: no subscript at all."""

    name: str
    ctype: str
    extents: tuple[Affine, ...]
    flat: bool = False
    pointer: bool = False
    readonly: bool = False

    @property
    def is_float(self) -> bool:
        return self.ctype in FLOATS


@dataclass(frozen=True)
class Counter:
    """An induction variable with inclusive affine bounds in sizes and outer variables."""

    name: str
    lower: Affine
    upper: Affine


@dataclass
class Scope:
    """What is visible at a place: counters from the outside in, storages, and how deep the nest is."""

    counters: list[Counter] = field(default_factory=list)
    storages: list[Storage] = field(default_factory=list)
    depth: int = 0

    def inside(self, *counters: Counter) -> Scope:
        return Scope([*self.counters, *counters], list(self.storages), self.depth + len(counters))


def extreme(value: Affine, counters: Sequence[Counter], largest: bool) -> Affine:
    """A bound on `value` in sizes alone: counters replaced by their bounds, from the inside out."""
    for counter in reversed(counters):
        coefficient = value.coefficient(counter.name)
        if coefficient:
            bound = counter.upper if (coefficient > 0) == largest else counter.lower
            value = value.substitute({counter.name: bound})
    return value


def never_negative(value: Affine, minima: dict[str, int]) -> bool:
    """Whether the value is at least 0 for all sizes from their minima up (sufficient, not needed)."""
    return all(c >= 0 for _, c in value.terms) and value.at(minima) >= 0


def affine_text(value: Affine) -> str:
    """C for an affine expression, positive terms first."""
    terms = sorted(value.terms, key=lambda term: term[1] < 0)
    pieces: list[str] = []
    for atom, coefficient in terms:
        size = str(atom) if abs(coefficient) == 1 else f"{abs(coefficient)} * {atom}"
        if pieces:
            pieces.append(f"{'-' if coefficient < 0 else '+'} {size}")
        else:
            pieces.append(f"-{size}" if coefficient < 0 else size)
    if value.constant or not pieces:
        sign = "-" if value.constant < 0 else "+"
        pieces.append(f"{sign} {abs(value.constant)}" if pieces else str(value.constant))
    return " ".join(pieces)


def in_parentheses(value: Affine) -> str:
    text = affine_text(value)
    return f"({text})" if " " in text else text
