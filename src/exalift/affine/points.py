"""The iteration points of one statement, reshaped until a region can range over them."""

from __future__ import annotations

from dataclasses import dataclass

import islpy as isl

from .affine_expression import Affine, FloorDiv
from .distribution import LeafPlan
from .domains import (
    affine_text,
    between,
    condition,
    condition_of_points,
    encode,
    equalities,
    exists,
    names_text,
    only_value,
    parameter_names,
    renamed,
)
from .expressions import Expression
from .guards import Constraint, Guard
from .traversal import loads, substitute


def occurs_in_division(affine: Affine, name: str) -> bool:
    return any(isinstance(atom, FloorDiv) and name in atom.numerator.names for atom, _ in affine.terms)


def solve(zero: Affine, name: str) -> Affine | None:
    """`name` such that `zero == 0`, where its coefficient is 1 or -1 and no division hides it."""
    coefficient = zero.coefficient(name)
    if abs(coefficient) != 1 or occurs_in_division(zero, name):
        return None
    return (zero - Affine.symbol(name) * coefficient) * -coefficient


@dataclass(slots=True)
class Points:
    """What a region is made of: for all values of `names` under `condition`, something happens to the
    element `indices`. `terms` are the value and, for an accumulation, its term."""

    names: list[str]
    condition: isl.Set
    indices: tuple[Affine, ...]
    terms: tuple[Expression, ...]

    @staticmethod
    def of(plan: LeafPlan) -> Points:
        """The instances of a statement; with `plan.last`, only the last writer of each element."""
        leaf = plan.leaf
        names = [iv for depth, iv in enumerate(leaf.ivs) if depth not in plan.sequential]
        held = leaf.condition
        if plan.last:
            held = _last_writers(held, names, leaf.assign.indices)
        terms = (leaf.assign.value,) + ((leaf.accumulation.term,) if leaf.accumulation else ())
        return Points(names, held, leaf.assign.indices, terms)

    def substitute(self, name: str, value: Affine) -> None:
        """Put an expression in the place of a name that the condition determines."""
        mapping = {name: value}
        self.indices = tuple(index.substitute(mapping) for index in self.indices)
        self.terms = tuple(substitute(term, mapping) for term in self.terms)
        self.condition = exists(self.condition, [name])
        self.names.remove(name)

    def eliminate_equalities(self) -> None:
        """Drop names that others determine, such as `j` where `j == i`; inner loops' names first."""
        progress = True
        while progress:
            progress = False
            for zero in equalities(self.condition):
                solved = [(name, solve(zero, name)) for name in reversed(self.names) if name in zero.names]
                found = next(((name, value) for name, value in solved if value is not None), None)
                if found is not None:
                    self.substitute(*found)
                    progress = True
                    break

    def eliminate_dependent(self) -> None:
        """Drop names that no subscript of the target uses and that the others determine by a division,
        such as the tile `ti == floor(i / 8)`; inner loops' names first."""
        for name in reversed(self.names):
            if any(name in index.names for index in self.indices) or len(self.names) < 2:
                continue
            value = only_value(self.condition, name)
            if value is not None:
                self.substitute(name, value)

    def flip(self, name: str) -> None:
        """Count a name downwards."""
        below = Affine.symbol(name) * -1
        negated = between(f"{name}.", [below], [below + 1])
        held = exists(self.condition.intersect(condition(negated)), [name])
        self.condition = renamed(held, f"{name}.", name)
        mapping = {name: below}
        self.indices = tuple(index.substitute(mapping) for index in self.indices)
        self.terms = tuple(substitute(term, mapping) for term in self.terms)

    def straighten(self) -> None:
        """Flip names that only run backwards through the arrays: first what the target's subscripts say,
        then what those of the loads do."""
        for name in list(self.names):
            targets = [index.coefficient(name) for index in self.indices]
            found = [index.coefficient(name) for load in loads(self.terms[-1]) for index in load.indices]
            signs = [c for c in targets if c] or [c for c in found if c]
            if signs and all(c < 0 for c in signs):
                self.flip(name)

    def determined_axes(self, axes: list[str]) -> list[str]:
        """The names that the subscripts determine one after the other, given `axes`."""
        found = list(axes)
        progress = True
        while progress:
            progress = False
            for index in self.indices:
                open_names = [n for n in self.names if n in index.names and n not in found]
                if len(open_names) == 1 and not occurs_in_division(index, open_names[0]):
                    found.append(open_names[0])
                    progress = True
        return found

    def gather(self) -> list[str]:
        """Names that range over the elements written; the others are to be reduced over.

        `T[i + j] += a[i] * b[j]` has an axis `e` for the element, `i == e - j`, and `j` to reduce over.
        """
        axes = self.determined_axes([])
        for position in range(len(self.indices)):
            index = self.indices[position]
            open_names = [n for n in self.names if n in index.names and n not in axes]
            if not open_names:
                continue
            element = self._fresh(position)
            self._split_quotient(index, open_names, axes, element)
            index = self.indices[position]
            zero = Affine.symbol(element) - index
            open_names = [n for n in self.names if n in index.names and n not in axes]
            if element in axes or not open_names:
                continue
            solved = [(name, solve(zero, name)) for name in open_names]
            pivot = next(((name, value) for name, value in solved if value is not None), None)
            self.condition = self.condition.intersect(condition(Guard.of(Constraint(zero, True))))
            self.names.append(element)
            axes.append(element)
            if pivot is not None:
                self.substitute(*pivot)
            indices = list(self.indices)
            indices[position] = Affine.symbol(element)
            self.indices = tuple(indices)
            axes = self.determined_axes(axes)
        return axes

    def _split_quotient(self, index: Affine, open_names: list[str], axes: list[str], element: str) -> None:
        """For `T[i / d]`, write `i` as `d * element + rest`, and reduce over the rest."""
        if len(open_names) != 1 or len(index.terms) != 1:
            return
        (atom, coefficient), *_ = index.terms
        name = open_names[0]
        if not isinstance(atom, FloorDiv) or coefficient != 1 or atom.numerator != Affine.symbol(name):
            return
        rest = self._fresh(len(self.indices))
        value = Affine.symbol(element) * atom.denominator + Affine.symbol(rest)
        within = Guard.of(
            Constraint(Affine.symbol(name) - value, True),
            Constraint(Affine.symbol(rest)),
            Constraint(-Affine.symbol(rest) + (atom.denominator - 1)),
        )
        self.condition = self.condition.intersect(condition(within))
        self.names += [element, rest]
        axes.append(element)
        self.substitute(name, value)
        # The rest divided by the denominator is 0, which the substitution does not know.
        zero = FloorDiv(Affine.symbol(rest), atom.denominator)
        self.indices = tuple(
            Affine(tuple(term for term in old.terms if term[0] != zero), old.constant) for old in self.indices
        )

    def _fresh(self, position: int) -> str:
        taken = {*self.names, *parameter_names(self.condition)}
        name = f"e{position}"
        while name in taken:
            name += "_"
        return name


def _last_writers(held: isl.Set, names: list[str], indices: tuple[Affine, ...]) -> isl.Set:
    """The condition narrowed to the lexicographically last point of those that write one element."""
    dimensions = ", ".join(f"d_{k}" for k in range(len(names)))
    elements = ", ".join(f"e_{k}" for k in range(len(indices)))
    rows = [f"d_{k} = {encode(name)}" for k, name in enumerate(names)]
    rows += [f"e_{k} = {affine_text(index)}" for k, index in enumerate(indices)]
    symbols = sorted({*names, *(name for index in indices for name in index.names)})
    writes = isl.Map(
        f"[{names_text(symbols)}] -> {{ [{elements}] -> [{dimensions}] : {' and '.join(rows) or '0 = 0'} }}"
    ).intersect_params(held)
    for name in names:
        position = writes.find_dim_by_name(isl.dim_type.param, encode(name))
        writes = writes.project_out(isl.dim_type.param, position, 1)
    return condition_of_points(writes.lexmax().range(), names)
