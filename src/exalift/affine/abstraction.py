"""Sizes that the source fixes by constants, made symbolic.

    double A[1000][1200];                      double A[n1000][n1200];
    for (i = 0; i < 999; i++)           =>     for (i = 0; i < n1000 - 1; i++)
      A[i + 1][0] = A[i][0];                     A[i + 1][0] = A[i][0];

What belongs together is read from the accesses, see `size_classes`; two extents of 1000 that never
meet become two sizes. An extent that is reached exactly by a sum, such as `2*y + dy` with `y < 56` and
`dy < 2`, is expressed by the sizes of its terms. Constants that are data are never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from exalift.base import DType, VerificationError

from .affine_expression import Affine, FloorDiv
from .domains import condition, least_value, size_context
from .guards import ALWAYS, Constraint, Guard
from .in_bounds import in_bounds
from .ir import Array, Program, Size
from .naming import all_names, fresh_name
from .size_classes import (
    NEAR,
    SMALLEST_ABSTRACTED,
    Classes,
    Facts,
    SizeClass,
    Slot,
    Sum,
    dimension,
    is_near,
    loop,
)
from .statement_maps import Scope, StatementMap, Substitution

_LARGEST_I32 = 2**31 - 1

_LARGEST_LEAST = 16
"""A size made symbolic may always have to be as large as this: search and proof are quick there."""


def abstract_sizes(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with fixed sizes symbolic; `sizes` gives values of size parameters.

    A new size has its value in `Size.value` and is no parameter. Where a parameter in `sizes` bounds
    the loops that run over a fixed extent of the same value, the extent becomes the parameter;
    otherwise it becomes a size of its own. `constraints` say for which sizes subscripts are in bounds.
    With every new size at its value, and the parameters as given, the result is the program that came
    in, to the letter; VerificationError otherwise.

    Left alone: constants below `SMALLEST_ABSTRACTED`, those that are also coefficients of subscripts
    (an extent of a flattened array), those that cannot be small, since other constants stand beside
    them (an array of 500 of which the element 495 is read), and whatever is data.
    """
    facts = Facts(program)
    classes = Classes(program, facts, sizes)
    fixed: frozenset[tuple[Slot, int]] = frozenset()
    while True:
        solution = _Solution.of(program, facts, classes, sizes, fixed)
        if not solution.bases:
            return program
        made = _abstracted(program, solution, sizes)
        large = _large(made)
        if not large:
            return made
        fixed |= {solution.origins[name] for name in large}


def _large(program: Program) -> list[str]:
    """The sizes made symbolic that are never small."""
    known = size_context(program)
    found: list[str] = []
    for size in program.sizes:
        if size.value is not None and not size.is_parameter:
            least = least_value(known, size.name)
            if least is None or least > max(_LARGEST_LEAST, size.value // 2):
                found.append(size.name)
    return found


def _abstracted(program: Program, solution: _Solution, sizes: Mapping[str, int]) -> Program:
    values = {**sizes, **{size.name: size.value for size in solution.sizes if size.value is not None}}
    arrays = tuple(solution.array(array) for array in program.arrays)
    body = _Abstraction(solution).body(program.body)
    made = replace(program, sizes=(*program.sizes, *solution.sizes), arrays=arrays, body=body)
    if _instance(made, values) != _instance(program, values):
        raise VerificationError(f"{program.name}: abstracting its sizes changed the program")
    return replace(made, constraints=_constraints(program, made, values))


def _instance(program: Program, values: Mapping[str, int]) -> tuple[object, object]:
    """Extents and statements at given sizes."""
    mapping = {name: Affine.of(value) for name, value in values.items()}
    shapes = [tuple(extent.substitute(mapping) for extent in array.shape) for array in program.arrays]
    return tuple(shapes), Substitution(mapping).body(program.body)


def _constraints(program: Program, made: Program, values: Mapping[str, int]) -> Guard:
    """The program's constraints, with those that only say that fixed extents suffice said anew."""
    old = program.constraints
    if len(old.disjuncts) == 1:
        rows = old.disjuncts[0]
        fixed = [row for row in rows if abs(row.expression.constant) >= SMALLEST_ABSTRACTED]
        others = Guard.of(*(row for row in rows if row not in fixed))
        bare = replace(program, constraints=others)
        needed = size_context(bare).intersect(condition(in_bounds(bare, values)))
        stay = [row for row in fixed if not needed.is_subset(condition(Guard.of(row)))]
        old = others & Guard.of(*stay)
    composed = [
        extent
        for after, before in zip(made.arrays, program.arrays, strict=True)
        for extent, was in zip(after.shape, before.shape, strict=True)
        if extent != was and (len(extent.terms) > 1 or extent.constant)
    ]
    minima = size_context(replace(made, constraints=ALWAYS))
    rows = [Constraint(extent - 1) for extent in dict.fromkeys(composed)]
    known = old & Guard.of(*(row for row in rows if not minima.is_subset(condition(Guard.of(row)))))
    return known & in_bounds(replace(made, constraints=known), values)


@dataclass(frozen=True, slots=True)
class _Base:
    """What stands for `value`, and so for what is near to it."""

    expression: Affine
    value: int

    def near(self, constant: int) -> Affine | None:
        return self.expression + (constant - self.value) if is_near(constant, self.value) else None


@dataclass(slots=True)
class _Solution:
    """What becomes of the constants of each class."""

    classes: Classes
    facts: Facts
    bases: dict[Slot, list[_Base]] = field(default_factory=dict[Slot, list[_Base]])
    sizes: list[Size] = field(default_factory=list[Size])
    origins: dict[str, tuple[Slot, int]] = field(default_factory=dict[str, tuple[Slot, int]])

    @staticmethod
    def of(
        program: Program,
        facts: Facts,
        classes: Classes,
        given: Mapping[str, int],
        fixed: frozenset[tuple[Slot, int]],
    ) -> _Solution:
        """What to express each constant by; those in `fixed`, by class and value, stay what they are."""
        made = _Solution(classes, facts)
        taken = all_names(program)
        found = classes.all()
        open_classes: list[tuple[int, Slot]] = []
        for root, members in found.items():
            parameter = _parameter(members, given)
            if parameter is not None:
                made.bases[root] = [parameter]
            for value in _constants(members):
                known = made.bases.get(root, [])
                # However few tiles there are, their number says how large what they make up is.
                small = value < SMALLEST_ABSTRACTED and facts.tiled.isdisjoint(members.slots)
                if small or value in facts.coefficients or (root, value) in fixed:
                    continue
                if all(not is_near(value, base.value) for base in known):
                    made.bases[root] = [*known, _Base(Affine(), value)]
                    open_classes.append((value, root))
        for value, root in sorted(open_classes, key=lambda item: item[0]):
            members = found[root]
            expression = None if members.parameters else made.reached(root, value)
            if expression is None:
                name = fresh_name(f"n{value}", taken)
                dtype = DType.I32 if value <= _LARGEST_I32 else DType.I64
                made.sizes.append(Size(name, dtype, value=value, is_parameter=False))
                made.origins[name] = (root, value)
                expression = Affine.symbol(name)
            made.bases[root] = [
                _Base(expression, value) if base.value == value and base.expression == Affine() else base
                for base in made.bases[root]
            ]
        return made

    def reached(self, root: Slot, value: int) -> Affine | None:
        """`value` by the sizes of other classes, where a subscript with several terms or a stride runs
        up to an extent of this class, or a little short of it or beyond."""
        for subscript in self.facts.sums:
            target = subscript.target
            # The loop over a tile has no bound of its own that is a constant.
            extent = self.classes.constants.get(target, value if target[0] == "loop" else None)
            if self.classes.root(target) != root or extent is None or not is_near(extent, value):
                continue
            found = self._sum(subscript, root, extent)
            if found is not None:
                return found + (value - extent)
        return None

    def _sum(self, subscript: Sum, root: Slot, extent: int) -> Affine | None:
        if len(subscript.terms) < 2 and all(abs(coefficient) < 2 for _, coefficient in subscript.terms):
            return None
        reach, symbolic = Affine((), subscript.constant + 1), Affine((), subscript.constant + 1)
        for slot, coefficient in subscript.terms:
            bound = self.classes.value(slot)
            if bound is None or coefficient < 0 or self.classes.root(slot) == root or bound >= extent:
                return None
            reach = reach + (bound - 1) * coefficient
            symbolic = symbolic + (self.express(slot, bound) - 1) * coefficient
        # The extent falls short of the sum where a condition cuts it off, as at the edge of an image.
        left = extent - reach.constant
        if symbolic.is_constant or abs(left) > NEAR:
            return None
        return symbolic + left

    def express(self, slot: Slot, constant: int) -> Affine:
        """A constant of a slot by the sizes of its class; as it is where none is near."""
        for base in self.bases.get(self.classes.root(slot), []):
            found = base.near(constant)
            if found is not None:
                return found
        return Affine.of(constant)

    def relate(self, affine: Affine, slots: Iterable[Slot]) -> Affine:
        """The constant part by the size of one of the slots, or by the only size of that very value."""
        made = Affine()
        for atom, coefficient in affine.terms:
            if isinstance(atom, FloorDiv):
                inner = self.relate(atom.numerator, slots) // atom.denominator
                made = made + inner * coefficient
            else:
                made = made + Affine(((atom, coefficient),))
        return made + self._constant(affine.constant, slots)

    def _constant(self, constant: int, slots: Iterable[Slot]) -> Affine:
        size, sign = abs(constant), -1 if constant < 0 else 1
        for slot in slots:
            found = self.express(slot, size)
            if not found.is_constant:
                return found * sign
        if size < SMALLEST_ABSTRACTED:
            return Affine.of(constant)
        same = {base.expression for bases in self.bases.values() for base in bases if base.value == size}
        return same.pop() * sign if len(same) == 1 else Affine.of(constant)

    def array(self, array: Array) -> Array:
        shape = tuple(
            self.express(dimension(array.name, k), extent.constant) if extent.is_constant else extent
            for k, extent in enumerate(array.shape)
        )
        return replace(array, shape=shape)


def _constants(members: SizeClass) -> list[int]:
    """The constants of a class, those first that may stand for the others: extents, the most frequent."""
    found = [value for value, _ in members.extents.most_common()]
    return list(dict.fromkeys(found + sorted(members.bounds, reverse=True)))


def _parameter(members: SizeClass, given: Mapping[str, int]) -> _Base | None:
    """The size parameter that a class's extents are, by the values given."""
    for name, offset in members.parameters:
        value = given.get(name)
        if value is None:
            continue
        if value in members.extents or value + offset in members.extents:
            return _Base(Affine.symbol(name), value)
    return None


class _Abstraction(StatementMap):
    """Statements with their constants expressed by sizes."""

    def __init__(self, solution: _Solution) -> None:
        super().__init__()
        self.solution = solution

    def _slots(self, affine: Affine, scope: Scope) -> list[Slot]:
        return [loop(scope[name]) for name in sorted(affine.names) if name in scope]

    def lower(self, number: int, bound: Affine, scope: Scope) -> Affine:
        return self.solution.relate(bound, [loop(number), *self._slots(bound, scope)])

    def upper(self, number: int, bound: Affine, scope: Scope) -> Affine:
        if bound.is_constant:
            return self.solution.express(loop(number), bound.constant)
        return self.solution.relate(bound, [loop(number), *self._slots(bound, scope)])

    def subscript(self, array: str, position: int, index: Affine, scope: Scope) -> Affine:
        return self.solution.relate(index, [dimension(array, position), *self._slots(index, scope)])

    def constraint(self, row: Constraint, scope: Scope) -> Constraint:
        return Constraint(
            self.solution.relate(row.expression, self._slots(row.expression, scope)), row.equality
        )
