"""Where candidates are observed: tiny sizes, an algebra, and random contents of arrays."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exalift.affine import ALWAYS, Affine, Axis, Expression, Formula, Guard, Load, evaluate, rewrite
from exalift.affine.algebra.protocol import Algebra, Values
from exalift.base import UsageError
from exalift.dialects import TensorType

_SAMPLE = "%sample"
_COLLISION = 1000
_TRIALS = 20_000
_SLACKS = (16, 64, 256)


@dataclass(frozen=True)
class Environment:
    """Values of the size parameters and induction variables, and the algebra of the elements.

    The same seed gives the same random contents, by name. With more than one sample every value has an
    axis of samples in front, each of them from other contents: small tensors that are compared take one
    of few values in one sample, and so look alike often (`max(a, b)` always equals `a` or `b`).
    """

    sizes: Mapping[str, int]
    algebra: Algebra
    seed: int = 0
    samples: int = 1

    def shape(self, type: TensorType) -> tuple[int, ...]:
        """The concrete shape of a symbolic type; as in formulas, a negative extent counts as 0."""
        return tuple(max(0, extent) for extent in type.at(self.sizes))

    def observed_shape(self, type: TensorType) -> tuple[int, ...]:
        """The shape of a value of a type here: with the axis of samples, where there are several."""
        shape = self.shape(type)
        return shape if self.samples == 1 else (self.samples, *shape)

    def random(self, name: str, type: TensorType) -> Values:
        """The contents of the array `name`: random, the same at every call."""
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        return self.algebra.random(generator, self.observed_shape(type), type.dtype)

    def meaning(self, formula: Formula) -> Formula:
        """The formula on values as they are here: `out[x] = e(A[y])` -> `out[s, x] = e(A[s, y])`."""
        if self.samples == 1:
            return formula

        def change(node: Expression) -> Expression:
            if isinstance(node, Load):
                return replace(node, indices=(Affine.symbol(_SAMPLE), *node.indices))
            return node

        axis = Axis(_SAMPLE, Affine((), self.samples))
        return Formula((axis, *formula.axes), rewrite(formula.body, change))

    def evaluate(self, formula: Formula, contents: Mapping[str, Values]) -> Values:
        """The formula's value here; `contents` are values as `random` gives them."""
        return evaluate(self.meaning(formula), contents, self.sizes, self.algebra)


def choose_sizes(
    size_names: Sequence[str],
    ivs: Sequence[str] = (),
    constraints: Guard = ALWAYS,
    minimum: int | Mapping[str, int] = 3,
) -> dict[str, int]:
    """Tiny values for sizes and induction variables that satisfy `constraints`.

    Values are pairwise distinct where the constraints allow it, and as far from coincidences as is
    cheap (`n - 1 == m`, a first or last iteration), since two index expressions of one value look
    alike to a search that only observes. `minimum` bounds the sizes from below, alike or by name.

    Raises UsageError where no assignment of small values satisfies the constraints.
    """
    lowest = {name: minimum if isinstance(minimum, int) else minimum.get(name, 3) for name in size_names}
    for slack in _SLACKS:
        best: tuple[int, dict[str, int]] | None = None
        for disjunct in constraints.disjuncts:
            for assignment in _assignments(lowest, ivs, Guard((disjunct,)), slack):
                if best is None or assignment[0] < best[0]:
                    best = assignment
        if best is not None:
            return {name: best[1][name] for name in (*size_names, *ivs)}
    raise UsageError(f"no small values of {', '.join((*size_names, *ivs))} satisfy {constraints}")


def _penalty(assigned: Mapping[str, int], name: str, value: int, lowest: Mapping[str, int]) -> int:
    """What giving `name` this value adds: large for coincidences, small for size."""
    early = {0: 20, 1: 10, 2: 3}
    penalty = value - lowest[name] if name in lowest else early.get(value, 0) + value // 2
    for other, taken in assigned.items():
        distance = abs(value - taken)
        same_sort = (name in lowest) == (other in lowest)
        if distance == 0:
            penalty += _COLLISION
        elif distance == 1:
            penalty += 2 if same_sort else 20
    return penalty


def _assignments(
    lowest: Mapping[str, int], ivs: Sequence[str], guard: Guard, slack: int
) -> Iterator[tuple[int, dict[str, int]]]:
    """Assignments of falling penalty that satisfy one conjunction, by branch and bound."""
    names = (*lowest, *ivs)
    ready: list[list[int]] = [[] for _ in range(len(names) + 1)]
    constraints = guard.disjuncts[0]
    position = {name: place for place, name in enumerate(names)}
    for number, constraint in enumerate(constraints):
        ready[max((position[n] + 1 for n in constraint.expression.names), default=0)].append(number)

    def holds(depth: int, assigned: Mapping[str, int]) -> bool:
        return all(Guard.of(constraints[number]).at(assigned) for number in ready[depth])

    def choices(depth: int, assigned: Mapping[str, int]) -> list[tuple[int, int]]:
        name = names[depth]
        if name in lowest:
            domain = range(lowest[name], lowest[name] + len(names) * 2 + slack)
        else:
            # Few loops count below zero, and those are looked at last.
            start = 0 if slack == _SLACKS[0] else -slack
            domain = range(start, max(lowest.values(), default=0) + len(names) * 2 + slack)
        return sorted(((_penalty(assigned, name, v, lowest), v) for v in domain), reverse=True)

    if not holds(0, {}):
        return
    bound = 1 << 60
    if not names:
        yield 0, {}
        return
    stack: list[tuple[int, int, dict[str, int]]] = [(0, 0, {})]
    tried = 0
    while stack and tried < _TRIALS:
        depth, penalty, assigned = stack.pop()
        if penalty >= bound:
            continue
        if depth == len(names):
            bound = penalty
            yield penalty, assigned
            continue
        # The cheapest choice is pushed last, so that it is popped first and the bound falls early.
        for added, value in choices(depth, assigned):
            tried += 1
            extended = {**assigned, names[depth]: value}
            if penalty + added < bound and holds(depth + 1, extended):
                stack.append((depth + 1, penalty + added, extended))
