"""Which extents and loop bounds of a program are one size.

A dimension and the loops whose variables subscript it by themselves share their size; so do a loop
and those in whose bounds its variable stands. Everything else is apart, whatever its value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .affine_expression import Affine
from .ir import Program
from .statement_maps import Scope, StatementMap

SMALLEST_ABSTRACTED = 8
"""Constants below stay: they are extents of stencils, of filters and of vectors of few components."""
NEAR = 4
"""How far a constant may be from a size to be expressed relative to it, as `n - 1`."""

Slot = tuple[str, str, int]
"""A dimension `("dimension", array, k)`, or a loop `("loop", "", number)`."""


def dimension(array: str, k: int) -> Slot:
    return ("dimension", array, k)


def loop(number: int) -> Slot:
    return ("loop", "", number)


def is_near(constant: int, size: int) -> bool:
    """Whether a constant may be `size` and a small difference; small constants hardly are."""
    if constant == size:
        return True
    if constant < SMALLEST_ABSTRACTED:
        return 0 <= size - constant <= SMALLEST_ABSTRACTED - constant <= 2
    return abs(constant - size) <= NEAR


@dataclass(frozen=True, slots=True)
class LoopFacts:
    """The bounds of a loop, and the loops around it."""

    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    scope: Scope


@dataclass(frozen=True, slots=True)
class Sum:
    """The subscript of a dimension, or the last value of a tile's loop:
    `sum(coefficient * variable of loop) + constant`."""

    target: Slot
    terms: tuple[tuple[Slot, int], ...]
    constant: int


class Facts(StatementMap):
    """Reads what statements say of bounds, subscripts and coefficients; rebuilds them as they are."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.loops: dict[int, LoopFacts] = {}
        self.sums: list[Sum] = []
        self.coefficients: set[int] = set()
        self.tiled: set[Slot] = set()
        self.body(program.body)

    def lower(self, number: int, bound: Affine, scope: Scope) -> Affine:
        self._bound(number, scope, (bound,), ())
        return bound

    def upper(self, number: int, bound: Affine, scope: Scope) -> Affine:
        self._bound(number, scope, (), (bound,))
        self._tile(number, bound, scope)
        return bound

    def _tile(self, number: int, bound: Affine, scope: Scope) -> None:
        """Note that a loop up to `16*t + 16` runs through a tile of another loop's."""
        terms = [(loop(scope[a]), c) for a, c in bound.terms if isinstance(a, str) and a in scope]
        if len(terms) == len(bound.terms) == 1 and terms[0][1] >= SMALLEST_ABSTRACTED:
            self.sums.append(Sum(loop(number), tuple(terms), bound.constant - 1))
            self.coefficients.add(terms[0][1])
            self.tiled.add(terms[0][0])

    def _bound(self, number: int, scope: Scope, lower: tuple[Affine, ...], upper: tuple[Affine, ...]) -> None:
        old = self.loops.get(number, LoopFacts((), (), scope))
        self.loops[number] = LoopFacts(old.lower + lower, old.upper + upper, scope)

    def subscript(self, array: str, position: int, index: Affine, scope: Scope) -> Affine:
        terms: list[tuple[Slot, int]] = []
        for atom, coefficient in index.terms:
            self.coefficients.add(abs(coefficient))
            if not isinstance(atom, str) or atom not in scope:
                return index
            terms.append((loop(scope[atom]), coefficient))
        self.sums.append(Sum(dimension(array, position), tuple(terms), index.constant))
        return index


@dataclass(slots=True)
class SizeClass:
    """Slots of one size: how often each constant occurs as an extent or a bound, and the size
    parameters, with offsets, that occur in their place."""

    slots: list[Slot] = field(default_factory=list[Slot])
    extents: Counter[int] = field(default_factory=Counter[int])
    bounds: Counter[int] = field(default_factory=Counter[int])
    parameters: dict[tuple[str, int], None] = field(default_factory=dict[tuple[str, int], None])


class Classes:
    """The classes of all slots; `given` are values of size parameters."""

    def __init__(self, program: Program, facts: Facts, given: Mapping[str, int]) -> None:
        self._parents: dict[Slot, Slot] = {}
        self._given = given
        self._sizes = {size.name for size in program.sizes}
        self.constants: dict[Slot, int] = {}
        self._parameters: dict[Slot, tuple[str, int]] = {}
        for array in program.arrays:
            for k, extent in enumerate(array.shape):
                self._known(dimension(array.name, k), [extent])
        for number, about in facts.loops.items():
            self._known(loop(number), [b for b in about.upper if not b.names & about.scope.keys()])
        for number, about in facts.loops.items():
            for bound in about.upper:
                self._unite_with_names(loop(number), bound, about.scope)
            for bound in about.lower:
                self._unite_with_names(loop(number), bound, about.scope)
        for subscript in facts.sums:
            for slot, coefficient in subscript.terms:
                if abs(coefficient) == 1:
                    self._unite(subscript.target, slot)

    def _known(self, slot: Slot, bounds: Iterable[Affine]) -> None:
        self.root(slot)
        for bound in bounds:
            if bound.is_constant:
                self.constants[slot] = min(bound.constant, self.constants.get(slot, bound.constant))
            elif len(bound.terms) == 1 and bound.terms[0][1] == 1 and bound.terms[0][0] in self._sizes:
                self._parameters.setdefault(slot, (str(bound.terms[0][0]), bound.constant))

    def value(self, slot: Slot) -> int | None:
        """What is known of a slot: its constant, or the value given for its parameter."""
        if slot in self.constants:
            return self.constants[slot]
        name, offset = self._parameters.get(slot, ("", 0))
        return self._given[name] + offset if name in self._given else None

    def _are_one(self, left: Slot, right: Slot) -> bool:
        """Whether two slots that meet are of one size, as far as they are known."""
        for slot, other in ((left, right), (right, left)):
            if slot not in self.constants and slot not in self._parameters:
                return True
            if slot in self.constants and other in self._parameters:
                name, offset = self._parameters[other]
                value = self._given.get(name)
                return value is not None and self.constants[slot] in (value, value + offset)
        if left in self.constants:
            low, high = sorted((self.constants[left], self.constants[right]))
            return is_near(low, high)
        return self._parameters[left][0] == self._parameters[right][0]

    def _unite_with_names(self, slot: Slot, bound: Affine, scope: Scope) -> None:
        for atom, coefficient in bound.terms:
            if isinstance(atom, str) and atom in scope and abs(coefficient) == 1:
                self._unite(slot, loop(scope[atom]))

    def root(self, slot: Slot) -> Slot:
        self._parents.setdefault(slot, slot)
        while self._parents[slot] != slot:
            self._parents[slot] = self._parents[self._parents[slot]]
            slot = self._parents[slot]
        return slot

    def _unite(self, left: Slot, right: Slot) -> None:
        if self._are_one(left, right):
            self._parents[self.root(left)] = self.root(right)

    def all(self) -> dict[Slot, SizeClass]:
        """Every class by its root, in the order of the program."""
        found: dict[Slot, SizeClass] = {}
        for slot in list(self._parents):
            made = found.setdefault(self.root(slot), SizeClass())
            made.slots.append(slot)
            if slot in self.constants:
                counter = made.extents if slot[0] == "dimension" else made.bounds
                counter[self.constants[slot]] += 1
            if slot in self._parameters:
                made.parameters[self._parameters[slot]] = None
        return found
