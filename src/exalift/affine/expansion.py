"""Storage of its own for every iteration, where only the reuse of storage keeps a loop sequential.

    for i                                for i
      t = A[i]                             t_expanded[i] = A[i]
      B[i] = t * t              =>         B[i] = t_expanded[i] * t_expanded[i]
                                         t = t_expanded[N - 1]      (only if somebody reads it)

Source: P. Feautrier, "Array expansion" (ICS 1988); the test for privatisable storage is that of value-based
dataflow: every read in an iteration sees a write of the same iteration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import islpy as isl

from .affine_expression import Affine
from .dependences import Dependence, Kind
from .distribution import LoopPlan, loop_plans
from .domains import (
    DomainError,
    Range,
    between,
    bounds,
    condition,
    exists,
    exists_all_but,
    gist,
    limited,
    size_context,
    to_affine,
    tuple_set,
)
from .expressions import Expression, Load
from .graphs import components
from .guards import ALWAYS, Constraint, Guard
from .ir import Array, Assign, If, Loop, Program, Role, Statement
from .naming import assigns, fresh_name
from .planning import Planned
from .statements import Leaf
from .traversal import loads, rewrite

_LARGEST_COPY = 4
"""How many cases the copy of the final contents may have."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Give each of `arrays` a dimension for the loop over `iv`."""

    arrays: tuple[str, ...]
    iv: str

    def single(self) -> list[Expansion]:
        """The expansions of each array by itself."""
        return [Expansion((array,), self.iv) for array in self.arrays]


def find_expansions(planned: Planned) -> list[Expansion]:
    """Expansions that would take statements out of a sequential loop, outer loops first."""
    found: list[Expansion] = []
    for plan in loop_plans(planned.plans):
        level = plan.depth + 1
        inside = {leaf.number for leaf in plan.leaves}
        edges = [
            edge
            for edge in planned.dependences
            if edge.source.number in inside
            and edge.sink.number in inside
            and (not edge.level or edge.level >= level)
        ]
        blocking = dict.fromkeys(edge.array for edge in edges if edge.level == level)
        candidates = [name for name in blocking if _is_private(planned, name, plan)]
        before = _bound(plan.leaves, edges, level, ())
        if not candidates or _bound(plan.leaves, edges, level, candidates) >= before:
            continue
        needed = list(candidates)
        for name in candidates:
            fewer = [other for other in needed if other != name]
            if _bound(plan.leaves, edges, level, fewer) <= _bound(plan.leaves, edges, level, needed):
                needed = fewer
        found.append(Expansion(tuple(needed), plan.node.iv))
    return found


def _bound(leaves: Sequence[Leaf], edges: Iterable[Dependence], level: int, expanded: Sequence[str]) -> int:
    """How many statements would keep the loop if the arrays `expanded` had storage for each iteration."""
    left = [edge for edge in edges if edge.level != level or edge.array not in expanded]
    numbers = [leaf.number for leaf in leaves]
    count = 0
    for group in components(numbers, [(e.source.number, e.sink.number) for e in left]):
        carried = [
            e for e in left if e.level == level and e.source.number in group and e.sink.number in group
        ]
        if any(not e.is_self or e.kind is Kind.FLOW for e in carried):
            count += len(group)
    return count


def _is_private(planned: Planned, array: str, plan: LoopPlan) -> bool:
    """Whether every read of the array in the loop sees a write of the same iteration."""
    flow = planned.dataflow(array)
    if flow is None:
        return False
    depth, number = plan.depth, plan.node.number
    inside = [leaf for leaf in planned.leaves if _is_in(leaf, depth, number)]
    try:
        with limited():
            for sink in inside:
                if not _reads(sink, array):
                    continue
                if flow.reads_unwritten(sink):
                    return False
                for source in planned.leaves:
                    pairs = flow.between(source, sink) if source.assign.array == array else None
                    if pairs is None:
                        continue
                    if not _is_in(source, depth, number) or not pairs.is_subset(_same(source, sink, depth)):
                        return False
    except DomainError:
        return False
    return True


def _is_in(leaf: Leaf, depth: int, number: int) -> bool:
    return len(leaf.loops) > depth and leaf.loops[depth].number == number


def _reads(leaf: Leaf, array: str) -> bool:
    return any(load.array == array for load in loads(leaf.assign.value))


def _same(source: Leaf, sink: Leaf, depth: int) -> isl.Map:
    """Pairs of instances in the same iteration of the loops down to `depth`."""
    left = [f"a_{k}" for k in range(len(source.ivs))]
    right = [f"b_{k}" for k in range(len(sink.ivs))]
    rows = " and ".join(f"a_{k} = b_{k}" for k in range(depth + 1))
    return isl.Map(f"{{ {source.name}[{', '.join(left)}] -> {sink.name}[{', '.join(right)}] : {rows} }}")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A program after expansion. For each array that was added: the array of the source that it stands
    for, how many dimensions it has got, and the expansion that made it (of the source's array)."""

    program: Program
    origins: Mapping[str, str]
    dimensions: Mapping[str, int]
    history: Mapping[str, Expansion]


def expand(before: Expanded, planned: Planned, expansion: Expansion) -> Expanded | None:
    """The program with storage of its own for each iteration, or None where it cannot be written."""
    made = before
    for array in expansion.arrays:
        try:
            with limited():
                step = _expand_one(made, planned, array, expansion.iv)
        except DomainError:
            return None
        if step is None:
            return None
        made = step
    return made


def _expand_one(before: Expanded, planned: Planned, array: str, iv: str) -> Expanded | None:
    program = before.program
    old = program.array(array)
    inside = [leaf for leaf in planned.leaves if iv in leaf.ivs]
    depth = inside[0].ivs.index(iv)
    run = inside[0].condition
    for leaf in inside[1:]:
        run = run.union(leaf.condition)
    sizes = [size.name for size in program.sizes]
    span = bounds(run, iv, sizes)
    taken = (
        {a.name for a in program.arrays} | {*sizes} | {name for leaf in planned.leaves for name in leaf.ivs}
    )
    origin = before.origins.get(array, array)
    name = fresh_name(f"{origin}_expanded", taken)
    at = before.dimensions.get(array, 0)
    new = Array(name, old.dtype, (*old.shape[:at], span.extent, *old.shape[at:]), Role.LOCAL, old.span)
    index = Affine.symbol(iv) - span.lower
    copy: tuple[Statement, ...] = ()
    if _is_seen_after(planned, old, inside):
        found = _copy_out(planned, old, new, inside, iv, depth, at, span, taken)
        if found is None:
            return None
        copy = found
    body = _rewritten(program.body, iv, _Renaming(array, name, at, index), copy)
    used = _arrays_of(body)
    arrays = tuple(a for a in program.arrays if a.role is Role.PARAMETER or a.name in used)
    return Expanded(
        replace(program, body=body, arrays=(*arrays, new)),
        {**before.origins, name: origin},
        {**before.dimensions, name: at + 1},
        {**before.history, name: Expansion((array,), iv)},
    )


def _is_seen_after(planned: Planned, array: Array, inside: Sequence[Leaf]) -> bool:
    """Whether what the loop writes is read outside of it, or by the caller."""
    if array.role is Role.PARAMETER and array.name not in planned.program.by_value:
        return True
    flow = planned.dataflow(array.name)
    if flow is None:
        return True
    within = {leaf.number for leaf in inside}
    readers = [leaf for leaf in planned.leaves if leaf.number not in within and _reads(leaf, array.name)]
    writers = [leaf for leaf in inside if leaf.assign.array == array.name]
    return any(flow.between(writer, reader) is not None for writer in writers for reader in readers)


def _copy_out(
    planned: Planned,
    old: Array,
    new: Array,
    inside: Sequence[Leaf],
    iv: str,
    depth: int,
    at: int,
    span: Range,
    taken: set[str],
) -> tuple[Statement, ...] | None:
    """Loops that copy what the last writing iteration left of each element; None for too many cases."""
    program = planned.program
    outer = inside[0].ivs[:depth]
    names = [fresh_name(f"{old.name}_{k}", taken) for k in range(len(old.shape))]
    writers = [leaf for leaf in inside if leaf.assign.array == old.name]
    held: isl.Set | None = None
    for leaf in writers:
        rows = zip(names, leaf.assign.indices, strict=True)
        equal = Guard.of(*(Constraint(Affine.symbol(n) - index, True) for n, index in rows))
        points = exists(leaf.condition.intersect(condition(equal)), leaf.ivs[depth + 1 :])
        held = points if held is None else held.union(points)
    assert held is not None
    around = exists_all_but(held, [*(size.name for size in program.sizes), *outer, *names])
    loops = [(name, bounds(around, name, [*(size.name for size in program.sizes), *outer])) for name in names]
    box = ALWAYS
    for name, range_ in loops:
        box = box & range_.guard(name)
    known = size_context(program).intersect(condition(box))
    statements: list[Statement] = []
    place = writers[-1].assign.span
    for where, last in _last_iterations(held, iv):
        indices = [Affine.symbol(name) for name in names]
        source = (*indices[:at], last - span.lower, *indices[at:])
        value = Load(new.name, source, new.dtype)
        guard = gist(where, known.intersect(_outer_context(inside, outer)))
        assign: Statement = Assign(old.name, tuple(indices), value, place)
        if not guard.is_always:
            assign = If(guard, (assign,), (), place)
        for name, range_ in reversed(loops):
            assign = Loop(name, (range_.lower,), (range_.upper,), (assign,), place)
        statements.append(assign)
    return tuple(statements) if len(statements) <= _LARGEST_COPY else None


def _outer_context(inside: Sequence[Leaf], outer: Sequence[str]) -> isl.Set:
    """What the loops around say of their variables."""
    guard = ALWAYS
    for node in inside[0].loops[: len(outer)]:
        guard = guard & between(node.iv, node.loop.lower, node.loop.upper)
    return condition(guard)


def _last_iterations(held: isl.Set, iv: str) -> list[tuple[isl.Set, Affine]]:
    """The largest value of `iv` for the other symbols of a condition, case by case."""
    found: list[tuple[isl.Set, Affine]] = []

    def keep(where: isl.Set, value: isl.Aff) -> None:
        found.append((where.params(), to_affine(value)))

    tuple_set(held, "", [iv]).dim_max(0).coalesce().foreach_piece(keep)
    return found


@dataclass(frozen=True, slots=True)
class _Renaming:
    """`old[..]` becomes `new[..]` with `index` inserted at a position."""

    old: str
    new: str
    position: int
    index: Affine

    def indices(self, indices: tuple[Affine, ...]) -> tuple[Affine, ...]:
        return (*indices[: self.position], self.index, *indices[self.position :])

    def expression(self, value: Expression) -> Expression:
        def change(node: Expression) -> Expression:
            if isinstance(node, Load) and node.array == self.old:
                return Load(self.new, self.indices(node.indices), node.dtype)
            return node

        return rewrite(value, change)

    def statement(self, statement: Statement) -> Statement:
        match statement:
            case Assign(array, indices, value):
                if array == self.old:
                    array, indices = self.new, self.indices(indices)
                return replace(statement, array=array, indices=indices, value=self.expression(value))
            case Loop(body=body):
                return replace(statement, body=tuple(self.statement(inner) for inner in body))
            case If(then=then, otherwise=otherwise):
                return replace(
                    statement,
                    then=tuple(self.statement(inner) for inner in then),
                    otherwise=tuple(self.statement(inner) for inner in otherwise),
                )


def _rewritten(
    body: tuple[Statement, ...], iv: str, renaming: _Renaming, after: tuple[Statement, ...]
) -> tuple[Statement, ...]:
    """The statements with the loop over `iv` renamed inside, and `after` behind it."""
    made: list[Statement] = []
    for statement in body:
        match statement:
            case Loop() if statement.iv == iv:
                made += [renaming.statement(statement), *after]
            case Loop(body=inner):
                made.append(replace(statement, body=_rewritten(inner, iv, renaming, after)))
            case If(then=then, otherwise=otherwise):
                then = _rewritten(then, iv, renaming, after)
                otherwise = _rewritten(otherwise, iv, renaming, after)
                made.append(replace(statement, then=then, otherwise=otherwise))
            case Assign():
                made.append(statement)
    return tuple(made)


def _arrays_of(body: tuple[Statement, ...]) -> set[str]:
    found: set[str] = set()
    for assign in assigns(body):
        found |= {assign.array, *(load.array for load in loads(assign.value))}
    return found
