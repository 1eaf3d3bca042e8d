"""Which integer parameters size things: those whose value reaches a bound, a subscript or a shape."""

from __future__ import annotations

from exalift.base import DType

from .syntax import Function, Operation, ScalarType, Value

_TRANSPARENT = frozenset(
    {
        "arith.index_cast",
        "arith.index_castui",
        "arith.extsi",
        "arith.extui",
        "arith.trunci",
        "arith.addi",
        "arith.subi",
        "arith.muli",
        "arith.divsi",
        "arith.divui",
        "arith.remsi",
        "arith.remui",
        "arith.floordivsi",
        "arith.ceildivsi",
        "arith.maxsi",
        "arith.minsi",
        "arith.shli",
        "arith.shrsi",
        "arith.select",
        "affine.apply",
        "affine.min",
        "affine.max",
    }
)


def sizing_parameters(function: Function) -> tuple[Value, ...]:
    """The integer parameters that feed index arithmetic, in order. `index` ones that are used always do."""
    operations = [inner for block in function.blocks for outer in block.operations for inner in outer.walk()]
    defining = {result: operation for operation in operations for result in operation.results}
    pending = [value for operation in operations for value in _index_operands(operation)]
    seen: set[Value] = set()
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        source = defining.get(value)
        if source is not None and source.name in _TRANSPARENT:
            pending += source.operands
    return tuple(
        argument
        for argument in function.arguments
        if isinstance(argument.type, ScalarType)
        and argument.type.dtype in (DType.I32, DType.I64)
        and (argument in seen or (argument.type.is_index and argument.uses))
    )


def _index_operands(operation: Operation) -> tuple[Value, ...]:
    """The operands that must be affine."""
    match operation.name:
        case "affine.for" | "affine.parallel" | "affine.if":
            return tuple(v for v in operation.operands if isinstance(v.type, ScalarType) and v.type.is_index)
        case "scf.for":
            return operation.operands[:3]
        case "affine.load" | "memref.load" | "memref.alloc" | "memref.alloca":
            return _scalars(operation.operands)
        case "affine.store" | "memref.store":
            return _scalars(operation.operands[1:])
        case _:
            return ()


def _scalars(operands: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(value for value in operands if isinstance(value.type, ScalarType))
