"""The assignments of a program with their iteration domains, schedules and accesses, as isl sees them.

Source: P. Feautrier, "Some efficient solutions to the affine scheduling problem, part II" (1992), for
the 2d+1 form of schedules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import islpy as isl

from .accumulations import Accumulation, find_accumulation
from .affine_expression import Affine
from .domains import affine_text, between, condition, encode, guard_text, names_text, tuple_set
from .expressions import Axis, Expression, Load, Reduce, children
from .guards import ALWAYS, Guard
from .ir import Assign, If, Loop, Program, Statement


@dataclass(frozen=True, slots=True)
class LoopNode:
    """A loop of the tree; `number` tells apart loops that look the same."""

    number: int
    loop: Loop

    @property
    def iv(self) -> str:
        return self.loop.iv


@dataclass(frozen=True, slots=True)
class BoundLoad:
    """A load with the axes that reductions bind around it, and when it happens."""

    load: Load
    axes: tuple[Axis, ...]
    guard: Guard


def bound_loads(expression: Expression) -> tuple[BoundLoad, ...]:
    """The distinct loads of an expression, each under the reductions around it."""
    found: dict[BoundLoad, None] = {}
    pending: list[tuple[Expression, tuple[Axis, ...], Guard]] = [(expression, (), ALWAYS)]
    seen: set[tuple[int, tuple[Axis, ...], Guard]] = set()
    while pending:
        node, axes, guard = pending.pop()
        if (id(node), axes, guard) in seen:
            continue
        seen.add((id(node), axes, guard))
        match node:
            case Load():
                found[BoundLoad(node, axes, guard)] = None
                continue
            case Reduce():
                axes = (*axes, *node.axes)
                for axis in node.axes:
                    guard = guard & between(axis.name, [Affine()], [axis.extent])
                guard = guard & node.guard
            case _:
                pass
        pending += [(child, axes, guard) for child in reversed(children(node))]
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One assignment, the loops and conditions around it, and its place in the source order.

    `path` holds, from the outside in, the position among the siblings at every depth; `condition`
    says for which sizes and induction variables the assignment runs.
    """

    number: int
    assign: Assign
    loops: tuple[LoopNode, ...]
    path: tuple[int, ...]
    condition: isl.Set
    accumulation: Accumulation | None
    domain: isl.Set = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", tuple_set(self.condition, self.name, self.ivs))

    @property
    def name(self) -> str:
        return f"S{self.number}"

    @property
    def ivs(self) -> tuple[str, ...]:
        return tuple(node.iv for node in self.loops)

    def common(self, other: Leaf) -> int:
        """The number of loops that both are in."""
        count = 0
        for mine, theirs in zip(self.loops, other.loops, strict=False):
            if mine.number != theirs.number:
                break
            count += 1
        return count

    def before(self, other: Leaf) -> bool:
        """Whether this one comes first in an iteration that both share."""
        return self.path < other.path

    def access(self, array: str, indices: Sequence[Affine], axes: tuple[Axis, ...], guard: Guard) -> isl.Map:
        """The relation from instances to the elements that they touch."""
        inner = [axis.name for axis in axes]
        symbols = sorted({*self.ivs, *guard.names, *inner} | _names(indices))
        equal = [f"e_{k} = {affine_text(index)}" for k, index in enumerate(indices)]
        equal += [f"d_{k} = {encode(iv)}" for k, iv in enumerate(self.ivs)]
        source = ", ".join(f"d_{k}" for k in range(len(self.ivs)))
        target = ", ".join(f"e_{k}" for k in range(len(indices)))
        text = (
            f"[{names_text(symbols)}] -> {{ {self.name}[{source}] -> A_{encode(array)}[{target}] : "
            f"({guard_text(guard)}) and {' and '.join(equal) or '0 = 0'} }}"
        )
        relation = isl.Map(text)
        for name in (*self.ivs, *inner):
            position = relation.find_dim_by_name(isl.dim_type.param, encode(name))
            relation = relation.project_out(isl.dim_type.param, position, 1)
        return relation.intersect_domain(self.domain)


def _names(indices: Sequence[Affine]) -> set[str]:
    return {name for index in indices for name in index.names}


def find_leaves(program: Program, known: isl.Set, ordered: bool = False) -> tuple[Leaf, ...]:
    """Every assignment in source order; `known` is what holds for the sizes.

    Where `ordered` is set, floating-point accumulations are not seen as such: their order is kept.
    """

    def accumulation(assign: Assign) -> Accumulation | None:
        found = find_accumulation(assign)
        return None if ordered and found is not None and found.term.dtype.is_float else found

    return tuple(
        Leaf(number, assign, loops, path, held, accumulation(assign))
        for number, (assign, loops, path, held) in enumerate(_walk(program.body, known))
    )


_Placed = tuple[tuple[LoopNode, ...], tuple[int, ...], isl.Set]


def _walk(body: tuple[Statement, ...], known: isl.Set) -> Iterator[tuple[Assign, *_Placed]]:
    """Assignments in source order, with loops, path and condition."""
    count = 0
    pending: list[tuple[Statement, _Placed]] = [(s, ((), (k,), known)) for k, s in enumerate(body)]
    pending.reverse()
    while pending:
        statement, (loops, path, held) = pending.pop()
        match statement:
            case Assign():
                yield statement, loops, path, held
            case Loop(iv, lower, upper, inner):
                around = (*loops, LoopNode(count, statement))
                count += 1
                inside = held.intersect(condition(between(iv, lower, upper)))
                pending += reversed([(s, (around, (*path, k), inside)) for k, s in enumerate(inner)])
            case If(test, then, otherwise):
                holds, fails = held.intersect(condition(test)), held.subtract(condition(test))
                first = [(s, (loops, (*path, 0, k), holds)) for k, s in enumerate(then)]
                second = [(s, (loops, (*path, 1, k), fails)) for k, s in enumerate(otherwise)]
                pending += reversed(first + second)
