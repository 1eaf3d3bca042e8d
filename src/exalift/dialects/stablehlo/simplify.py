"""Clean-up of lifted programs that keeps their meaning: rules to a fixpoint, and nothing dead left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from exalift.base import VerificationError

from ..graph import (
    Argument,
    ArrayValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Step,
    TensorLoop,
    TensorProgram,
    Update,
)
from ..types import Attributes, TensorType
from .attribute_values import canonical
from .build import build
from .dialect import STABLEHLO
from .liveness import live_between, live_in_body, reads, written
from .rules import ALL_RULES, Rule
from .walks import walk

_ROUNDS = 32
"""The most passes over a program; each one that changes anything makes it smaller."""

_CHEAP = 8
"""The most nodes of an array-free value that is put in place of the array which holds it."""


def simplify(program: TensorProgram) -> TensorProgram:
    """A program of the same meaning: equal nodes are shared, rules (see `rules`) applied to a fixpoint,
    dead updates, loops and locals gone, values of short-lived locals put where they are used.

    Floating-point results may differ in the order of sums and in the sign of zeros; NaN and infinities
    stay what they are. Nodes of other dialects than StableHLO are refused (VerificationError).
    """
    cleaner = _Cleaner()
    body = program.body
    for _ in range(_ROUNDS):
        previous = body
        body = cleaner.round(replace(program, body=body))
        if _same(previous, body):
            break
    return replace(program, body=body, locals=_used_locals(program.locals, body, program))


def simplify_nodes(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The same for DAGs alone; what they share stays shared."""
    cleaner = _Cleaner()
    return tuple(cleaner.rewrite(root, {}) for root in roots)


def _same(left: Sequence[Step], right: Sequence[Step]) -> bool:
    """Whether two lists of steps are the same; nodes are compared by identity."""
    pending = [(left, right)]
    while pending:
        first, second = pending.pop()
        if len(first) != len(second):
            return False
        for a, b in zip(first, second, strict=True):
            match a, b:
                case Update(), Update():
                    if a.array != b.array or a.value is not b.value:
                        return False
                case TensorLoop(), TensorLoop():
                    pending.append((a.body, b.body))
                case _:
                    return False
    return True


def _used_locals(
    arrays: tuple[Argument, ...], body: Sequence[Step], program: TensorProgram
) -> tuple[Argument, ...]:
    used = set(written(body)) | {result.array for result in program.results}
    for update in _updates(body):
        used |= reads(update)
    return tuple(array for array in arrays if array.name in used)


def _updates(steps: Sequence[Step]) -> list[Update]:
    found: list[Update] = []
    pending = list(reversed(steps))
    while pending:
        match pending.pop():
            case Update() as update:
                found.append(update)
            case TensorLoop(body=body):
                pending.extend(reversed(body))
    return found


class _Cleaner:
    """Makes nodes that are simplified and interned: equal ones are one object. Lives for one program."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, tuple[int, ...], Attributes], Node] = {}
        self._leaves: dict[tuple[Node, str], Node] = {}
        # Nodes are told apart by identity, so none may be freed while the tables live.
        self._alive: list[Node] = []
        self._rules: dict[str, list[Rule]] = {}
        for names, rule in ALL_RULES:
            for name in names:
                self._rules.setdefault(name, []).append(rule)

    def leaf(self, node: ArrayValue | ConstantValue | IndexScalar) -> Node:
        # Python's 0.0 equals its -0.0; how they are written tells them apart.
        written_as = repr(node.value) if isinstance(node, ConstantValue) else ""
        return self._leaves.setdefault((node, written_as), node)

    def make(self, name: str, operands: Sequence[Node], attributes: Attributes = ()) -> Node:
        """The op, interned, after the rules. A rule's result was made here, so it is simplified already."""
        full = name if "." in name else f"stablehlo.{name}"
        attributes = canonical(attributes)
        key = (full, tuple(id(operand) for operand in operands), attributes)
        if key not in self._made:
            operation = build(STABLEHLO, full, operands, attributes)
            self._alive.append(operation)
            self._made[key] = self._simplest(operation)
        return self._made[key]

    def attempt(
        self, name: str, operands: Sequence[Node], attributes: Attributes, expected: TensorType
    ) -> Node | None:
        types = tuple(operand.type for operand in operands)
        if STABLEHLO[f"stablehlo.{name}"].result_type(types, canonical(attributes)) != expected:
            return None
        return self.make(name, operands, attributes)

    def _simplest(self, operation: Operation) -> Node:
        for rule in self._rules.get(operation.name.split(".", 1)[1], ()):
            simpler = rule(operation, self)
            if simpler is None or simpler is operation:
                continue
            if simpler.type != operation.type:
                raise VerificationError(f"a rule changed the type of {operation.name} to {simpler.type}")
            if isinstance(simpler, IndexScalar | ConstantValue):
                return self.leaf(simpler)
            return simpler
        return operation

    def rewrite(self, root: Node, contents: Mapping[str, Node]) -> Node:
        """The DAG simplified, with `contents` in place of arrays."""
        results: dict[int, Node] = {}
        for node in walk(root):
            match node:
                case ArrayValue(name=name):
                    results[id(node)] = contents.get(name) or self.leaf(node)
                case ConstantValue() | IndexScalar():
                    results[id(node)] = self.leaf(node)
                case Operation():
                    operands = [results[id(operand)] for operand in node.operands]
                    made = self.make(node.name, operands, node.attributes)
                    if made.type != node.type:
                        raise VerificationError(f"{node.name} has type {node.type}, not {made.type}")
                    results[id(node)] = made
                case _:
                    assert_never(node)
        return results[id(root)]

    def round(self, program: TensorProgram) -> tuple[Step, ...]:
        """One pass: values rewritten and put forward, then what nobody wants left out."""
        updates = _updates(program.body)
        readers = [name for update in updates for name in reads(update)]
        results = {result.array for result in program.results}
        single = {a.name for a in program.locals if a.name not in results and readers.count(a.name) == 1}
        steps = self._forward(program.body, {}, lambda name: name in single)
        return _without_dead(steps, frozenset(results))

    def _forward(
        self, steps: Sequence[Step], known: Mapping[str, Node], once: Callable[[str], bool]
    ) -> tuple[Step, ...]:
        """Rewrite steps; a known array's value stands for it until something that it reads is updated."""
        contents = dict(known)
        result: list[Step] = []
        for step in steps:
            match step:
                case Update(array=array):
                    value = self.rewrite(step.value, contents)
                    if isinstance(value, ArrayValue) and value.name == array:
                        continue
                    update = replace(step, value=value)
                    result.append(update)
                    _forget(contents, frozenset({array}))
                    if array not in reads(update) and (once(array) or _is_cheap(value)):
                        contents[array] = value
                case TensorLoop(body=body):
                    changing = written(body)
                    inside = dict(contents)
                    _forget(inside, changing)
                    # Inside, a value is computed in every iteration, so it must cost nothing.
                    free = {n: v for n, v in inside.items() if _is_cheap(v) and _is_array_free(v)}
                    # Loops nest as deep as the source's own do, so this recursion is short.
                    result.append(replace(step, body=self._forward(body, free, once)))
                    _forget(contents, changing)
                case _:
                    assert_never(step)
        return tuple(result)


def _forget(contents: dict[str, Node], changed: frozenset[str]) -> None:
    """Drop what is known of changed arrays, and what depends on them."""
    for name, value in list(contents.items()):
        depends = any(isinstance(node, ArrayValue) and node.name in changed for node in walk(value))
        if name in changed or depends:
            del contents[name]


def _is_array_free(value: Node) -> bool:
    return not any(isinstance(node, ArrayValue) for node in walk(value))


def _is_cheap(value: Node) -> bool:
    """Another array's contents, or a few ops on constants."""
    return isinstance(value, ArrayValue) or (len(walk(value)) <= _CHEAP and _is_array_free(value))


def _without_dead(steps: Sequence[Step], live: frozenset[str]) -> tuple[Step, ...]:
    """Leave out updates that nobody reads, and loops that run never or do nothing."""
    kept: list[Step] = []
    for step, wanted in zip(steps, live_between(steps, live)[1:], strict=True):
        match step:
            case Update(array=array):
                if array in wanted:
                    kept.append(step)
            case TensorLoop():
                body = _without_dead(step.body, live_in_body(step, wanted))
                if body and not _is_empty(step):
                    kept.append(replace(step, body=body))
            case _:
                assert_never(step)
    return tuple(kept)


def _is_empty(loop: TensorLoop) -> bool:
    """Whether some lower bound is at least some upper bound, by a constant distance."""
    gaps = (upper - lower for lower in loop.lower for upper in loop.upper)
    return any(gap.is_constant and gap.constant <= 0 for gap in gaps)
