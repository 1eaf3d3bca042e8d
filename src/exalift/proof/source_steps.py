"""The source's side of a comparison: what a region leaves behind, what a step writes, regions as loops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exalift.affine import (
    NEVER,
    Affine,
    Condition,
    Constraint,
    Guard,
    Reduce,
    Region,
    RegionStep,
    SequentialLoop,
    loads,
    nodes,
)
from exalift.dialects import Step, TensorLoop

from .formula_values import ELEMENT, Evaluator, Stored, axes_guard
from .sums import Sum, restricted

_NO_SHIFT = Affine()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a step stands: what is known of `symbols`, which are sizes and the variables of loops around.

    The variables have names of their own here; `source` and `target` say what the programs call them.
    """

    known: Condition
    symbols: frozenset[str]
    source: Mapping[str, Affine]
    target: Mapping[str, Affine]

    def variable(self) -> str:
        """The name that the variable of a loop in this scope has."""
        return f"%i{len(self.symbols)}"

    def inside(self, loop: SequentialLoop) -> Scope:
        """The scope of the body of a loop of the source."""
        return self.of_both(loop, None)

    def of_both(self, loop: SequentialLoop, target: TensorLoop | None) -> Scope:
        """The scope of the bodies of two loops that run alike."""
        iv = self.variable()
        symbol = Affine.symbol(iv)
        known = self.known & iterations(iv, loop.lower, loop.upper, self.source)
        there = self.target
        if target is not None:
            there = {**there, target.iv: symbol + self.shift(loop, target)}
        return Scope(known, self.symbols | {iv}, {**self.source, loop.iv: symbol}, there)

    def shift(self, loop: SequentialLoop, target: TensorLoop) -> Affine:
        """By how much the target's variable is ahead of the source's, where both have one first value."""
        if len(loop.lower) != 1 or len(target.lower) != 1:
            return Affine()
        return target.lower[0].substitute(self.target) - loop.lower[0].substitute(self.source)


def iterations(
    iv: str,
    lower: Sequence[Affine],
    upper: Sequence[Affine],
    renamed: Mapping[str, Affine],
    shift: Affine = _NO_SHIFT,
) -> Condition:
    """That a variable, and so much more, is in the range of a loop."""
    at = Affine.symbol(iv) + shift
    rows = [Constraint(at - bound.substitute(renamed)) for bound in lower]
    rows += [Constraint(bound.substitute(renamed) - at - 1) for bound in upper]
    return Condition.of(Guard.of(*rows))


def written(steps: Iterable[RegionStep], scope: Scope) -> dict[str, Condition]:
    """The elements of each array that steps write, as conditions on `ELEMENT` symbols and the scope's."""
    found: dict[str, Condition] = {}
    pending = [(step, scope) for step in steps]
    while pending:
        step, around = pending.pop()
        if isinstance(step, SequentialLoop):
            inner = around.inside(step)
            pending += [(inside, inner) for inside in step.body]
            continue
        axes = {axis.name: f"%w{k}" for k, axis in enumerate(step.axes)}
        names = {**around.source, **{axis: Affine.symbol(new) for axis, new in axes.items()}}
        rows = [
            Constraint(Affine.symbol(f"{ELEMENT}{k}") - index.substitute(names), True)
            for k, index in enumerate(step.indices)
        ]
        guard = axes_guard(step.axes, names) & step.guard.substitute(names) & Guard.of(*rows)
        elements = (around.known & Condition.of(guard)).exists(axes.values())
        elements = elements.exists(around.symbols - scope.symbols)
        found[step.array] = found.get(step.array, Condition.of(NEVER)) | elements
    return found


def after_region(
    region: Region, variables: Mapping[str, Affine], arrays: Mapping[str, Stored], evaluator: Evaluator
) -> Stored:
    """What the array of a region holds after it: the sum of the values written, and the old one elsewhere.

    No two iterations write one element, so the sum has at most one term. Axes that the subscripts
    tell are replaced, the others stay bound.
    """
    before = arrays[region.array]

    def contents(indices: tuple[Affine, ...], where: Condition) -> Sum:
        fresh = {axis.name: evaluator.work.fresh() for axis in region.axes}
        names = {**variables, **{name: Affine.symbol(new) for name, new in fresh.items()}}
        told = _told(region, variables, indices)
        names.update(told)
        bound = tuple(new for name, new in fresh.items() if name not in told)
        here = axes_guard(region.axes, names) & region.guard.substitute(names)
        rows = [
            Constraint(at - index.substitute(names), True)
            for at, index in zip(indices, region.indices, strict=True)
        ]
        writes = Condition.of(here & Guard.of(*(row for row in rows if row.expression != Affine())))
        there = where & writes
        value = evaluator.value(region.value, names, there, arrays) if not there.is_empty else ()
        result = tuple(replace(t, bound=t.bound + bound) for t in restricted(value, there))
        rest = where - there.exists(bound)
        return result if rest.is_empty else result + restricted(before.contents(indices, rest), rest)

    return Stored(before.shape, contents)


def _told(region: Region, variables: Mapping[str, Affine], indices: tuple[Affine, ...]) -> dict[str, Affine]:
    """Axes as functions of the element that is written, where a subscript tells."""
    names = {axis.name for axis in region.axes}
    outside = {name: value for name, value in variables.items() if name not in names}
    told: dict[str, Affine] = {}
    progress = True
    while progress:
        progress = False
        for at, index in zip(indices, region.indices, strict=True):
            open_axes = (index.names & names) - told.keys()
            if len(open_axes) != 1:
                continue
            axis = next(iter(open_axes))
            coefficient = index.coefficient(axis)
            rest = index - Affine.symbol(axis) * coefficient
            if abs(coefficient) == 1 and axis not in rest.names:
                told[axis] = (at - rest.substitute({**outside, **told})) * coefficient
                progress = True
    return told


def with_loops(
    source: Sequence[RegionStep], loops: Sequence[TensorLoop], called: Mapping[str, str], scope: Scope
) -> list[RegionStep]:
    """The steps with regions turned into loops where the other side, but not the source, has a loop.

    `loops` are those of the other side, in order; one that writes a single array may stand for a region.
    A region is a loop over any of its axes, as long as it reads no element that another point writes.
    """
    steps = list(source)
    missing = len(loops) - sum(isinstance(step, SequentialLoop) for step in steps)
    position = 0
    for loop in loops:
        following = next(
            (k for k in range(position, len(steps)) if isinstance(steps[k], SequentialLoop)), len(steps)
        )
        array = _only_written(loop)
        for k in range(position, following):
            step = steps[k]
            if missing <= 0 or not isinstance(step, Region) or called.get(step.array) != array:
                continue
            replaced = _as_loop(step, loop, scope)
            if replaced is not None:
                steps[k], following = replaced, k
                missing -= 1
                break
        position = following + 1
    return steps


def _only_written(loop: TensorLoop) -> str | None:
    """The array that a loop writes, where it is one."""
    found: set[str] = set()
    pending: list[Step] = list(loop.body)
    while pending:
        step = pending.pop()
        if isinstance(step, TensorLoop):
            pending += step.body
        else:
            found.add(step.array)
    return found.pop() if len(found) == 1 else None


def _as_loop(region: Region, like: TensorLoop, scope: Scope) -> SequentialLoop | None:
    """The region as a loop over the first axis that has the range of another loop."""
    for load in loads(region.value):
        if load.array == region.array and load.indices != region.indices:
            return None
    own = {axis.name for axis in region.axes}
    reductions = (node for node in nodes(region.value) if isinstance(node, Reduce))
    if own & {axis.name for reduce in reductions for axis in reduce.axes}:
        return None
    iv = scope.variable()
    wanted = scope.known & iterations(iv, like.lower, like.upper, scope.target)
    for axis in region.axes:
        if (scope.known & iterations(iv, (Affine(),), (axis.extent,), scope.source)).equals(wanted):
            body = replace(region, axes=tuple(other for other in region.axes if other is not axis))
            return SequentialLoop(axis.name, (Affine(),), (axis.extent,), (body,), "", region.span)
    return None
