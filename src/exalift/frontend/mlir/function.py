"""One `func.func` as an affine program."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from exalift.affine import (
    Affine,
    Array,
    Assign,
    Expression,
    FloorDiv,
    If,
    Loop,
    Program,
    Role,
    Size,
    verify_program,
)
from exalift.affine.extents import OutOfBounds, covering_extent, in_bounds
from exalift.base import Diagnostic, DType, RefusedError, Span

from . import branches, loops, memory_operations, scalars
from .memory import Storage
from .scalars import Extremum
from .sizes import sizing_parameters
from .source import Unsupported
from .syntax import Function, MemRefType, OtherType, ScalarType, Value
from .translation import Translation

_HANDLERS = memory_operations.HANDLERS | loops.HANDLERS | branches.HANDLERS


def translate(function: Function, defined: frozenset[str]) -> Program:
    """The affine program of a function with a body. `defined` names the module's functions with one.

    Sizes are at least 1, as extents are, but those that no upper bound or extent grows with may be 0.
    Raises RefusedError, with the place, for what is not supported.
    """
    if len(function.blocks) != 1:
        raise _refused(function.blocks[0].operations[-1].span, "unstructured control flow is not supported")
    program = _translated(function, defined, frozenset())
    offsets = frozenset(size.name for size in program.sizes if size.is_parameter) - _growing(program)
    if offsets:
        with suppress(RefusedError):  # some division may need that they are positive
            program = _translated(function, defined, offsets)
    verify_program(program)
    return program


def _translated(function: Function, defined: frozenset[str], offsets: frozenset[str]) -> Program:
    """The program where the sizes in `offsets` may be 0."""
    translation = Translation(_HANDLERS, defined)
    translation.memory.survey(function)
    parameters, by_value = _declare(translation, function, offsets)
    (block,) = function.blocks
    returned = translation.block(block)
    returns, outputs = _returned(translation, returned, block.operations[-1].span)
    emitter = translation.emitter
    arrays = [
        replace(array, role=Role.PARAMETER) if array.name in outputs else array
        for array in emitter.arrays.values()
    ]
    program = Program(
        name=function.name,
        parameters=(*parameters, *outputs),
        sizes=tuple(translation.sizes.values()),
        arrays=tuple(arrays),
        body=emitter.statements,
        returns=returns,
        by_value=by_value,
        assumptions=tuple(translation.facts.assumptions),
        span=function.span,
    )
    return _with_constraints(_with_extents(program))


def _growing(program: Program) -> frozenset[str]:
    """The sizes with which an upper bound of a loop, or an extent that the source states, grows."""
    found: set[str] = set()
    local = (array for array in program.arrays if array.role is Role.LOCAL)
    pending: list[Affine] = [extent for array in local for extent in array.shape]
    statements = list(program.body)
    while statements:
        statement = statements.pop()
        match statement:
            case Loop(upper=upper, body=body):
                pending += upper
                statements += body
            case If(then=then, otherwise=otherwise):
                statements += then + otherwise
            case Assign():
                pass
    while pending:
        for atom, coefficient in pending.pop().terms:
            match atom:
                case str():
                    found |= {atom} if coefficient > 0 else set()
                case FloorDiv(numerator):
                    pending.append(numerator * (1 if coefficient > 0 else -1))
    return frozenset(found)


def _refused(span: Span, message: str, hint: str = "") -> RefusedError:
    return RefusedError((Diagnostic(message, span, hint),))


def _declare(
    translation: Translation, function: Function, offsets: frozenset[str]
) -> tuple[list[str], frozenset[str]]:
    """Make sizes and arrays of the parameters; gives their names in order, and those passed by value."""
    sizing = frozenset(sizing_parameters(function))
    names: list[str] = []
    by_value: set[str] = set()
    for argument in function.arguments:
        name = translation.emitter.names.fresh(argument.name)
        names.append(name)
        match argument.type:
            case ScalarType(dtype):
                if argument in sizing:
                    translation.sizes[name] = Size(name, dtype, minimum=int(name not in offsets))
                    translation.define(argument, scalars.indexed(Extremum.of(name), dtype))
                else:
                    translation.emitter.arrays[name] = Array(name, dtype, (), span=argument.span)
                    translation.define(argument, scalars.load(name, (), dtype))
                    by_value.add(name)
            case MemRefType():
                _declare_memory(translation, argument, argument.type, name)
            case OtherType(reason=reason):
                raise _refused(argument.span, f"the parameter %{argument.name}: {reason}")
    return names, frozenset(by_value)


def _declare_memory(translation: Translation, argument: Value, given: MemRefType, name: str) -> None:
    """An array; an extent that is not known is a symbol until all accesses are."""
    names = translation.emitter.names
    extents = tuple(
        Affine.of(names.fresh(f"{name}_dim{k}")) if extent is None else Affine.of(extent)
        for k, extent in enumerate(given.shape)
    )
    array = Array(name, given.element.dtype, extents, span=argument.span)
    translation.emitter.arrays[name] = array
    translation.memory.storages[argument] = Storage(name, given, extents)


def _returned(
    translation: Translation, values: tuple[Value, ...], span: Span
) -> tuple[Expression | None, tuple[str, ...]]:
    """The returned scalar, and returned local memory, which the caller is taken to pass in at the end.

    This is what MLIR's pass `buffer-results-to-out-params` does. A returned parameter returns nothing new.
    """
    returns: Expression | None = None
    outputs: dict[str, None] = {}
    for value in values:
        try:
            match value.type:
                case ScalarType():
                    if returns is not None:
                        raise Unsupported("more than one returned scalar is not supported")
                    returns = translation.use(value).expression
                case MemRefType():
                    array = translation.memory.storage(value).array
                    if translation.emitter.arrays[array].role is Role.LOCAL:
                        outputs[array] = None
                case OtherType(reason=reason):
                    raise Unsupported(reason)
        except Unsupported as error:
            raise _refused(span, error.message, error.hint) from None
    return returns, tuple(outputs)


def _with_extents(program: Program) -> Program:
    """Give extents that are not known the smallest values that cover what is accessed.

    Where no affine extent does, the extent becomes a size that the arrays' shapes tell.
    """
    known = {size.name for size in program.sizes}
    found: dict[str, Affine] = {}
    added: list[Size] = []
    for array in program.arrays:
        for dimension, extent in enumerate(array.shape):
            for name in extent.names - known:
                covering = covering_extent(program, array.name, dimension)
                if covering is None:
                    added.append(Size(name, DType.I64, is_parameter=False))
                else:
                    found[name] = covering
    arrays = tuple(
        replace(array, shape=tuple(extent.substitute(found) for extent in array.shape))
        for array in program.arrays
    )
    return replace(program, arrays=arrays, sizes=(*program.sizes, *added))


def _with_constraints(program: Program) -> Program:
    """State for which sizes all accesses are in bounds; refuse what never is."""
    found = in_bounds(program)
    if isinstance(found, OutOfBounds):
        place = found.touched
        index = place.indices[found.dimension]
        extent = program.array(place.array).shape[found.dimension]
        raise _refused(
            place.span,
            f"the subscript {index} leaves dimension {found.dimension} of {place.array}, of extent {extent}",
            "reads and writes out of bounds have no meaning",
        )
    return replace(program, constraints=program.constraints & found)
