"""Whether the ops of a lifted program take their operands at given sizes.

Types are symbolic, so that a static check lets pass what holds for some sizes only: a slice of `M` from
an extent of `N`. At concrete sizes it knows. What an op makes of operands that it does not take, its
formula does not say.
"""

from __future__ import annotations

from collections.abc import Mapping

from exalift.affine import Affine

from .definition import Dialect
from .graph import Operation, Step, TensorLoop, TensorProgram, postorder
from .types import AttributeValue, TensorType


def ill_formed(program: TensorProgram, sizes: Mapping[str, int], dialect: Dialect) -> str:
    """The first op that does not take its operands at the sizes, in words; empty where all do."""
    pending: list[Step] = list(program.body)
    seen: set[Operation] = set()
    while pending:
        step = pending.pop()
        if isinstance(step, TensorLoop):
            pending += step.body
            continue
        for node in postorder(step.value):
            if isinstance(node, Operation) and node not in seen:
                seen.add(node)
                if not takes_operands(node, sizes, dialect):
                    shown = ", ".join(f"{name} = {value}" for name, value in sizes.items())
                    operands = ", ".join(str(_concrete(operand.type, sizes)) for operand in node.operands)
                    return (
                        f"at {shown or 'no sizes'}: {node.name} for {step.array} does not take ({operands})"
                    )
    return ""


def takes_operands(node: Operation, sizes: Mapping[str, int], dialect: Dialect) -> bool:
    """Whether one op does. Sizes at which one of its tensors is empty decide nothing."""
    operands = [_concrete(operand.type, sizes) for operand in node.operands]
    result = _concrete(node.type, sizes)
    if any(extent.constant < 1 for type in (*operands, result) for extent in type.shape):
        return True
    known = {name: Affine.of(value) for name, value in sizes.items()}
    attributes = tuple((name, _at(value, known)) for name, value in node.attributes)
    return dialect[node.name].result_type(operands, attributes) == result


def _concrete(type: TensorType, sizes: Mapping[str, int]) -> TensorType:
    return TensorType(tuple(Affine.of(extent) for extent in type.at(sizes)), type.dtype)


def _at(value: AttributeValue, known: Mapping[str, Affine]) -> AttributeValue:
    """An attribute with the sizes put in. Attributes nest two deep at most (pairs of paddings)."""
    match value:
        case Affine():
            return value.substitute(known)
        case tuple():
            return tuple(_at(part, known) for part in value)
        case _:
            return value
