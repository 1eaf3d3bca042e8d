"""Lifting with the order of every floating-point operation kept.

The search knows real numbers only, and finds `a + (b + c)` where the source says `(a + b) + c`. Where
that happens, every floating-point operation becomes a region of its own: there is one way to say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from exalift.affine import (
    ALWAYS,
    Affine,
    Apply,
    Array,
    Cast,
    Expression,
    Load,
    Region,
    RegionProgram,
    RegionStep,
    Role,
    SequentialLoop,
    nodes,
    with_children,
)
from exalift.dialects import (
    ArrayValue,
    Dialect,
    Node,
    Operation,
    Step,
    TensorLoop,
    TensorProgram,
    Update,
    postorder,
)
from exalift.dialects.stablehlo import build

PREFIX = "operation.."
"""How the names of arrays that hold one operation's result begin; no other array has two dots."""


def one_operation_regions(program: RegionProgram) -> RegionProgram:
    """The same program with every floating-point operation as a region of its own, in the same order."""
    work = _Separation()
    body = work.steps(program.body)
    return replace(program, arrays=(*program.arrays, *work.arrays), body=body)


@dataclass
class _Separation:
    arrays: list[Array] = field(default_factory=list[Array])

    def steps(self, steps: Sequence[RegionStep]) -> tuple[RegionStep, ...]:
        """The recursion is over the depth of loops."""
        found: list[RegionStep] = []
        for step in steps:
            if isinstance(step, SequentialLoop):
                found.append(replace(step, body=self.steps(step.body)))
            else:
                found += self.region(step)
        return tuple(found)

    def region(self, region: Region) -> list[Region]:
        before: list[Region] = []
        value = self._value(region, region.value, before, outermost=True)
        return [*before, replace(region, value=value)]

    def _value(
        self, region: Region, expression: Expression, before: list[Region], outermost: bool = False
    ) -> Expression:
        """The expression, one operation or none, on results of the regions put into `before`.

        The recursion is over the depth of an expression, which front ends bound.
        """
        if not any(node.dtype.is_float for node in nodes(expression)):
            return expression
        match expression:
            case Apply(operands=operands):
                parts = tuple(self._value(region, operand, before) for operand in operands)
                expression = with_children(expression, parts)
            case Cast(operand=operand):
                expression = with_children(expression, (self._value(region, operand, before),))
            case Load():
                pass
            case _:
                return expression
        return expression if outermost else self._kept(region, expression, before)

    def _kept(self, region: Region, value: Expression, before: list[Region]) -> Load:
        """A load of an array that a region of its own sets to the value."""
        name = f"{PREFIX}{len(self.arrays)}"
        shape = tuple(axis.extent for axis in region.axes)
        indices = tuple(Affine.symbol(axis.name) for axis in region.axes)
        self.arrays.append(Array(name, value.dtype, shape, Role.LOCAL, region.span))
        before.append(replace(region, array=name, indices=indices, value=value, guard=ALWAYS))
        return Load(name, indices, value.dtype)


def without_steps(program: TensorProgram, dialect: Dialect) -> TensorProgram:
    """The lifted program with the values of one-operation regions put where they are read, if possible."""
    body = _inlined(program.body, dialect)
    used = _read(body)
    local = tuple(item for item in program.locals if item.name in used or not item.name.startswith(PREFIX))
    return replace(program, body=body, locals=local)


def _inlined(steps: Sequence[Step], dialect: Dialect) -> tuple[Step, ...]:
    found: list[Step] = []
    known: dict[str, Node] = {}
    for step in steps:
        if isinstance(step, TensorLoop):
            found += [Update(name, node) for name, node in known.items()]
            known = {}
            found.append(replace(step, body=_inlined(step.body, dialect)))
            continue
        value = _replaced(step.value, known, dialect)
        reads = {node.name for node in postorder(value) if isinstance(node, ArrayValue)}
        if step.array.startswith(PREFIX) and step.array not in reads:
            known[step.array] = value
            continue
        for name in [name for name, node in known.items() if _reads(node, step.array)]:
            found.append(Update(name, known.pop(name)))
        found.append(replace(step, value=value))
    return (*found, *(Update(name, node) for name, node in known.items()))


def _reads(node: Node, array: str) -> bool:
    return any(isinstance(one, ArrayValue) and one.name == array for one in postorder(node))


def _replaced(root: Node, known: dict[str, Node], dialect: Dialect) -> Node:
    images: dict[Node, Node] = {}
    for node in postorder(root):
        image = node
        if isinstance(node, ArrayValue):
            image = known.get(node.name, node)
        elif isinstance(node, Operation):
            operands = [images[operand] for operand in node.operands]
            if tuple(operands) != node.operands:
                image = build(dialect, node.name, operands, node.attributes)
        images[node] = image
    return images[root]


def _read(steps: Sequence[Step]) -> set[str]:
    found: set[str] = set()
    pending = list(steps)
    while pending:
        step = pending.pop()
        if isinstance(step, TensorLoop):
            pending += step.body
        else:
            found.add(step.array)
            found |= {node.name for node in postorder(step.value) if isinstance(node, ArrayValue)}
    return found
