"""Linalg modules as tensor programs: what is offered, what it takes, what it computes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from exalift.base import Diagnostic, RefusedError, UsageError
from exalift.dialects import (
    Argument,
    ArrayValue,
    Imported,
    ModuleSignature,
    Node,
    Parameter,
    Result,
    TensorProgram,
    only_function,
)
from exalift.dialects.stablehlo import assign, merge_arrays

from ..bindings import read_functions
from ..source import SourceText, Unsupported
from ..syntax import Function, MemRefType, ScalarType, Value
from .buffers import BUFFER_HANDLERS, written_memory
from .control import CONTROL_HANDLERS, as_node
from .reading import Buffer, Handler, Read, Reader, Scope, tensor_type
from .spellings import with_current_names
from .structured import read_generic
from .tensors import TENSOR_HANDLERS

_PASSES = "linalg-generalize-named-ops"
_HANDLERS: dict[str, Handler] = {
    **BUFFER_HANDLERS,
    **CONTROL_HANDLERS,
    **TENSOR_HANDLERS,
    "linalg.generic": read_generic,
}


def linalg_functions(text: str, filename: str = "<module>") -> tuple[str, ...]:
    """The names of the functions that a module offers, in order. Raises RefusedError for what is no MLIR."""
    return tuple(function.name for function in _functions(text, filename).values() if function.is_public)


def linalg_signature(text: str, function: str | None = None, filename: str = "<module>") -> ModuleSignature:
    """What a function (the only public one, where None) takes and gives.

    Memory that it writes is given back, after what it returns.
    Raises RefusedError for a text that MLIR does not parse or that is too large, and for types other than
    numbers and static tensors and memrefs of these; UsageError where there is no such function.
    """
    return _signature(_chosen(_functions(text, filename), function, filename))


def import_linalg(
    text: str,
    function: str | None = None,
    *,
    filename: str = "<module>",
    arguments: Sequence[str] | None = None,
    results: Sequence[str] | None = None,
    taken: Collection[str] = (),
) -> Imported:
    """Read a function (the only public one, where None) of a Linalg module as a tensor program.

    `arguments`, `results` and `taken` are as in `stablehlo.import_module`; a result that is memory has the
    name of the argument that it is.

    Named structured ops are made `linalg.generic` by MLIR itself. Reductions must combine what was there
    with something (sums, products, extrema, logic, under conditions); windows, elements and loops must be
    affine in counters and indices and known to be in bounds; memory must not overlap.

    Raises RefusedError, with the place in the text, for everything else; UsageError as `linalg_signature`.
    """
    functions = _functions(text, filename)
    chosen = _chosen(functions, function, filename)
    signature = _signature(chosen)
    given, named = signature.named(arguments, results)
    reader = Reader(SourceText(text, filename), functions, _HANDLERS, {*taken, *given, *named})
    program = _read(reader, chosen, signature, given, named)
    return Imported(merge_arrays(program), tuple(reader.assumptions))


def _functions(text: str, filename: str) -> dict[str, Function]:
    functions, diagnostics = read_functions(SourceText(with_current_names(text), filename), None, _PASSES)
    if diagnostics:
        raise RefusedError(diagnostics)
    return {function.name: function for function in functions}


def _chosen(functions: dict[str, Function], name: str | None, filename: str) -> Function:
    found = [f for f in functions.values() if (f.is_public if name is None else f.name == name)]
    return only_function(found, name, functions, filename)


def _signature(function: Function) -> ModuleSignature:
    try:
        arguments = [Parameter(tensor_type(value.type), value.name) for value in function.arguments]
        results = [Parameter(tensor_type(type)) for type in function.results]
        if any(isinstance(type, MemRefType) for type in function.results):
            raise Unsupported("memory as a result")
    except Unsupported as error:
        message = f"{function.name} takes or gives what is not read: {error.message}"
        raise RefusedError((Diagnostic(message, function.span),)) from error
    written = [arguments[position] for position in _written(function)]
    return ModuleSignature(function.name, tuple(arguments), (*results, *written), function.span)


def _written(function: Function) -> list[int]:
    """The positions of arguments that are memory and written."""
    found = {
        value
        for operation in function.blocks[0].operations
        for inner in operation.walk()
        for value in written_memory(inner)
    }
    return [position for position, value in enumerate(function.arguments) if value in found]


def _read(
    reader: Reader, function: Function, signature: ModuleSignature, given: list[str], named: list[str]
) -> TensorProgram:
    arguments = [Argument(name, p.type) for name, p in zip(given, signature.arguments, strict=True)]
    values = {
        value: _argument(reader, value, argument)
        for value, argument in zip(function.arguments, arguments, strict=True)
    }
    scope = Scope(values, [], calls=(signature.name,))
    if len(function.blocks) != 1:
        message = f"{function.name} has branches, or no body"
        raise RefusedError((Diagnostic(f"not read: {message}", function.span),))
    returned = reader.block(function.blocks[0], scope)
    types = {argument.name: argument.type for argument in arguments}
    memory = [given[position] for position in _written(function)]
    if named[len(returned) :] != memory:
        shown = ", ".join(memory) or "none"
        raise UsageError(
            f"{signature.name} writes {shown}, not {', '.join(named[len(returned) :]) or 'none'}"
        )
    nodes: dict[str, Node] = {}
    for name, value, parameter in zip(named, returned, signature.results, strict=False):
        if name not in types:
            reader.locals.append(Argument(name, parameter.type))
        elif types[name] != parameter.type:
            raise UsageError(f"{signature.name}: {name} is taken as {types[name]}, given as {parameter.type}")
        nodes[name] = as_node(reader, value)
    steps = assign(nodes, reader.fresh, reader.locals.append)
    return TensorProgram(
        signature.name,
        "stablehlo",
        (),
        tuple(arguments),
        tuple(reader.locals),
        (*scope.steps, *steps),
        tuple(Result(n, n, p.type) for n, p in zip(named, signature.results, strict=True)),
    )


def _argument(reader: Reader, value: Value, argument: Argument) -> Read:
    leaf = ArrayValue(argument.name, argument.type)
    if isinstance(value.type, MemRefType):
        return Buffer(argument.name, argument.type)
    return reader.elements.element(leaf, ()) if isinstance(value.type, ScalarType) else leaf
