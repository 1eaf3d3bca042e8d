# pyright: reportMissingTypeStubs=false, reportMissingTypeArgument=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What counts in a `stablehlo.while`, read from its condition and a first reading of its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxlib.mlir import ir

from exalift.affine import Affine

from ...graph import ConstantValue, Node, Operation
from ..attribute_values import text
from .affine_elements import AffineElements
from .reading import Reader, as_index
from .refusal import refused, span_of
from .scope import Missing, Read, Scope, needed

FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class Carried:
    """What a loop carries: blocks' arguments, initial nodes, and the unknowns of the first reading."""

    operation: ir.Operation
    condition: ir.Block
    body: ir.Block
    initial: list[Node]
    unknowns: list[Node]


@dataclass(frozen=True, slots=True)
class Counting:
    """The induction variable runs from `max(lower)` to `min(upper)`, exclusive.

    starts, steps: counters, each `start + step * t` in iteration t. variable: the counter that is the
    induction variable itself, or None where that is t. invariant: values that the body gives back.
    """

    steps: Mapping[int, int]
    starts: Mapping[int, Affine]
    invariant: frozenset[int]
    variable: int | None
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]

    @property
    def never(self) -> bool:
        """Whether it is seen that the body never runs."""
        bounds = (*self.lower, *self.upper)
        if not all(bound.is_constant for bound in bounds):
            return False
        return max(b.constant for b in self.lower) >= min(b.constant for b in self.upper)

    @property
    def count(self) -> Affine | None:
        """The number of iterations, if that is not negative and one expression."""
        return self.upper[0] - self.lower[0] if len(self.lower) == len(self.upper) == 1 else None

    def value(self, k: int, iv: str) -> Affine:
        """A counter inside the loop."""
        at = Affine.symbol(iv)
        return at if k == self.variable else self.starts[k] + (at - self.lower[0]) * self.steps[k]


def problem(reader: Reader, carried: Carried, message: str) -> Exception:
    return refused(
        f"not read: stablehlo.while that {message}",
        span_of(carried.operation.location, reader.filename),
        "loops are read whose condition compares a counter with a number that the loop does not change",
    )


def counting(reader: Reader, carried: Carried, scope: Scope) -> Counting:
    """The first reading. Raises RefusedError for a loop that does not count."""
    outside, locals_before = scope.inside({}, None, True), list(reader.locals)
    draft = scope.inside(dict(zip(carried.body.arguments, carried.unknowns, strict=True)), None, True)
    results = reader.block(carried.body, draft)
    invariant = frozenset(k for k, node in enumerate(results) if node == carried.unknowns[k])
    steps = _steps(carried, results, invariant)
    values = zip(carried.initial, carried.unknowns, strict=True)
    tested = [initial if k in invariant else unknown for k, (initial, unknown) in enumerate(values)]
    outside.values.update(zip(carried.condition.arguments, tested, strict=True))
    (answer,) = reader.block(carried.condition, outside)
    reader.locals[:] = locals_before
    return _Condition(reader, carried, steps, invariant, scope).read(needed(answer))


def _steps(carried: Carried, results: list[Read], invariant: frozenset[int]) -> dict[int, int]:
    steps: dict[int, int] = {}
    for k, (before, after) in enumerate(zip(carried.unknowns, results, strict=True)):
        old, new = as_index(before), None if isinstance(after, Missing) else as_index(after)
        if k not in invariant and old is not None and new is not None and (new - old).is_constant:
            steps[k] = (new - old).constant
    return steps


def _bounds(node: Node, function: str) -> tuple[Affine, ...] | None:
    """The expressions of which a node is the maximum, or the minimum."""
    found: list[Affine] = []
    pending = [node]
    while pending:
        one = pending.pop()
        index = as_index(one)
        if index is not None:
            found.append(index)
        elif isinstance(one, Operation) and one.name == f"stablehlo.{function}":
            pending += reversed(one.operands)
        else:
            return None
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Condition:
    """The reading of a condition."""

    reader: Reader
    carried: Carried
    steps: dict[int, int]
    invariant: frozenset[int]
    scope: Scope

    def _problem(self, message: str) -> Exception:
        return problem(self.reader, self.carried, message)

    def read(self, answer: Node) -> Counting:
        if isinstance(answer, ConstantValue) and not answer.value:
            return self._made(None, (Affine(),), (Affine(),))
        if not isinstance(answer, Operation) or answer.name != "stablehlo.compare":
            raise self._problem("does not end on a comparison")
        direction = text(answer.attributes, "comparison_direction")
        left, right = answer.operands
        if direction in ("GT", "GE"):
            # a > b is b < a
            left, right, direction = right, left, {"GT": "LT", "GE": "LE"}[direction]
        below, above = _bounds(left, "maximum"), _bounds(right, "minimum")
        if below is None or above is None:
            raise self._problem("ends on a comparison of data")
        # The loop goes on while every distance is below 0.
        distances = [a - b for a in below for b in above]
        k, name = self._counter(distances)
        slope = distances[0].coefficient(name) * self.steps[k]
        if direction in ("NE", "EQ"):
            distances, slope = self._until_equal(direction, distances, k, name, slope)
        if direction == "LE":
            distances = [distance - 1 for distance in distances]
        if slope <= 0 or any(d.coefficient(name) * self.steps[k] != slope for d in distances):
            raise self._problem("is not seen to end")
        return self._counted(distances, k, name, slope)

    def _counter(self, distances: list[Affine]) -> tuple[int, str]:
        """The only counter in the distances, which must be linear in it."""
        unknown = {n: k for k, node in enumerate(self.carried.unknowns) for n in _names(node)}
        found = {unknown[name] for distance in distances for name in distance.names if name in unknown}
        if len(found) != 1 or not found <= self.steps.keys():
            raise self._problem("ends on a comparison of something that is not a counter")
        (k,) = found
        (name,) = _names(self.carried.unknowns[k])
        for distance in distances:
            rest = distance - Affine.symbol(name) * distance.coefficient(name)
            if name in rest.names or not distance.coefficient(name):
                raise self._problem("divides its counter in its condition")
        return k, name

    def _until_equal(
        self, direction: str, distances: list[Affine], k: int, name: str, slope: int
    ) -> tuple[list[Affine], int]:
        """`!=` between a counter that moves by 1 and what it is on its way to is `<`."""
        start = as_index(self.carried.initial[k])
        if direction == "EQ" or start is None or len(distances) != 1 or abs(slope) != 1:
            raise self._problem("is not seen to end")
        towards = distances[0] * slope
        at_first = towards.substitute({name: start})
        if not self.scope.draft and not self._elements().within(at_first, -FAR, 0):
            raise self._problem("is not seen to end")
        return [towards], 1

    def _elements(self) -> AffineElements:
        return self.scope.elements()

    def _counted(self, distances: list[Affine], k: int, name: str, slope: int) -> Counting:
        starts = _bounds(self.carried.initial[k], "maximum")
        if starts is None:
            raise self._problem("starts counting at data")
        symbol = Affine.symbol(name)
        if self.steps[k] == 1 and slope == 1:
            return self._made(k, starts, tuple(symbol - distance for distance in distances))
        first, *more = starts
        if more or len(distances) > 1:
            raise self._problem("has several bounds and a stride")
        at_first = distances[0].substitute({name: first})
        return self._made(None, (Affine(),), ((-at_first + (slope - 1)) // slope,))

    def _made(self, variable: int | None, lower: tuple[Affine, ...], upper: tuple[Affine, ...]) -> Counting:
        """Counters other than the variable need to know the iteration, and so one lower bound."""
        starts = {k: as_index(self.carried.initial[k]) for k in self.steps}
        known = {k: start for k, start in starts.items() if start is not None}
        if len(lower) > 1:
            known = {}
        kept = {k: step for k, step in self.steps.items() if k in known or k == variable}
        return Counting(kept, known, self.invariant, variable, lower, upper)


def _names(node: Node) -> frozenset[str]:
    index = as_index(node)
    return frozenset() if index is None else index.names
