# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""StableHLO modules as tensor programs: any text that MLIR parses, in either form."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from jaxlib.mlir import ir

from exalift.affine import Affine
from exalift.base import Span, UsageError
from exalift.capsule.stablehlo_artifact import make_context

from ...graph import Argument, ArrayValue, IndexScalar, Node, Result, TensorProgram
from ...imported import Imported, ModuleSignature, Parameter, only_function
from ..start_bounds import LoopRange
from .assignments import assign
from .attributes import Unsupported, tensor_type
from .limits import check_text
from .loops import read_while
from .operations import HANDLERS
from .reading import Reader
from .refusal import refused, span_of
from .scope import Scope, needed
from .storage import merge_arrays

_WHERE = re.compile(r'"?-"?:(\d+):(\d+)')


def read_signature(text: str, function: str | None = None, filename: str = "<module>") -> ModuleSignature:
    """What a function (the only public one, where None) takes and gives.

    Raises RefusedError for a text that MLIR does not parse or that is too large, and for types other than
    static tensors of numbers; UsageError where there is no such function.
    """
    with _context():
        # The module is kept as long as its functions are looked at.
        module = _parse(text, filename)
        return _signature(_chosen(module, function, filename), text, filename)


def public_functions(text: str, filename: str = "<module>") -> tuple[str, ...]:
    """The names of the functions that a module offers, in order. Raises RefusedError as `read_signature`."""
    with _context():
        module = _parse(text, filename)
        return tuple(_symbol(f) for f in _functions(module) if _is_public(f) and f.regions[0].blocks)


def import_module(
    text: str,
    function: str | None = None,
    *,
    filename: str = "<module>",
    arguments: Sequence[str] | None = None,
    results: Sequence[str] | None = None,
    taken: Collection[str] = (),
    integers: Sequence[LoopRange] = (),
) -> Imported:
    """Read a function (the only public one, where None) of a StableHLO module as a tensor program.

    `arguments` and `results` are the names that they get, in order; a result that has an argument's name is
    that array, updated. Without them they are called `arg0`, ... and `result0`, .... `taken` are names that
    arrays and loop counters must not have. `integers` are arguments, by name, that are read as indices
    between the bounds given, which name those before; so loops from one to another of them count.

    Private calls are inlined, initial values of reductions become ops of their own, loops that count become
    `TensorLoop`s, and places that are read or written must be affine in counters and in bounds, clamped as
    StableHLO clamps them where that is a constant. What a module computes and does not return is not read.

    Raises RefusedError, with the place in the text, for a module that is not valid, for one whose results
    depend on an op that has no formula (sorting, factorisations, data-dependent places, NaN tests, random
    numbers, custom calls), and for loops that do not count; UsageError as `read_signature`.
    """
    with _context():
        module = _parse(text, filename)
        chosen = _chosen(module, function, filename)
        signature = _signature(chosen, text, filename)
        given, named = signature.named(arguments, results)
        reader = Reader(
            filename,
            {_symbol(f): f for f in _functions(module)},
            {**HANDLERS, "stablehlo.while": read_while},
            {*taken, *given, *named},
        )
        program = _read(reader, chosen, signature, given, named, tuple(integers))
        return Imported(merge_arrays(program), tuple(reader.assumptions))


def _context() -> ir.Context:
    """One that parses ops of unknown dialects in the generic form, so that they are refused by name."""
    context = make_context()
    context.allow_unregistered_dialects = True
    return context


def _read(
    reader: Reader,
    chosen: ir.Operation,
    signature: ModuleSignature,
    given: list[str],
    named: list[str],
    integers: tuple[LoopRange, ...],
) -> TensorProgram:
    arguments = [Argument(name, p.type) for name, p in zip(given, signature.arguments, strict=True)]
    entry = chosen.regions[0].blocks[0]
    counting = {integer.iv for integer in integers}
    leaves: list[Node] = [
        IndexScalar(Affine.symbol(a.name), a.type) if a.name in counting else ArrayValue(a.name, a.type)
        for a in arguments
    ]
    scope = Scope(dict(zip(entry.arguments, leaves, strict=True)), [], integers, calls=(signature.name,))
    found = [needed(value) for value in reader.block(entry, scope)]
    types = {argument.name: argument.type for argument in arguments}
    for name, parameter in zip(named, signature.results, strict=True):
        if name not in types:
            reader.locals.append(Argument(name, parameter.type))
        elif types[name] != parameter.type:
            raise UsageError(f"{signature.name}: {name} is taken as {types[name]}, given as {parameter.type}")
    steps = assign(dict(zip(named, found, strict=True)), reader.fresh, reader.locals.append)
    return TensorProgram(
        signature.name,
        "stablehlo",
        (),
        tuple(arguments),
        tuple(reader.locals),
        (*scope.steps, *steps),
        tuple(Result(n, n, p.type) for n, p in zip(named, signature.results, strict=True)),
    )


def _parse(text: str, filename: str) -> ir.Module:
    check_text(text, filename)
    try:
        module = ir.Module.parse(text)
        module.operation.verify()
        return module
    except ir.MLIRError as error:
        place = _WHERE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (1, 1)
        said = " ".join(line.strip() for line in str(error).splitlines() if "current operation" not in line)
        message = re.sub(r'^.*?error: "?-?"?:?\d*:?\d*:?\s*', "", said) or said
        raise refused(
            f"not a valid StableHLO module: {message}", Span(filename, line, max(1, column), line, column + 1)
        ) from error


def _functions(module: ir.Module) -> list[ir.Operation]:
    return [op.operation for op in module.body.operations if op.operation.name == "func.func"]


def _symbol(function: ir.Operation) -> str:
    return str(ir.StringAttr(function.attributes["sym_name"]).value)


def _is_public(function: ir.Operation) -> bool:
    if "sym_visibility" not in function.attributes:
        return True
    return str(ir.StringAttr(function.attributes["sym_visibility"]).value) == "public"


def _chosen(module: ir.Module, name: str | None, filename: str) -> ir.Operation:
    functions = [f for f in _functions(module) if f.regions[0].blocks]
    found = [f for f in functions if (_is_public(f) if name is None else _symbol(f) == name)]
    return only_function(found, name, map(_symbol, functions), filename)


def _signature(function: ir.Operation, text: str, filename: str) -> ModuleSignature:
    name, span = _symbol(function), span_of(function.location, filename)
    entry = function.regions[0].blocks[0]
    type = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    hints = _argument_names(text, name, len(entry.arguments))
    for position, argument in enumerate(entry.arguments):
        if isinstance(argument.location, ir.NameLoc):
            hints[position] = str(argument.location.name_str)
    try:
        arguments = [
            Parameter(tensor_type(a.type), hint) for a, hint in zip(entry.arguments, hints, strict=True)
        ]
        results = [Parameter(tensor_type(r)) for r in type.results]
    except Unsupported as error:
        raise refused(f"{name} takes or gives {error}", span) from error
    return ModuleSignature(name, tuple(arguments), tuple(results), span)


def _argument_names(text: str, function: str, count: int) -> list[str]:
    """What the text calls the arguments (`%A: tensor<...>`): MLIR's parser does not keep that."""
    head = re.search(rf'@"?{re.escape(function)}"?\s*\(', text)
    names: list[str] = []
    if head is not None:
        depth, position, start = 1, head.end(), head.end()
        while position < len(text) and depth:
            depth += {"(": 1, "<": 1, "{": 1, ")": -1, ">": -1, "}": -1}.get(text[position], 0)
            position += 1
        names = re.findall(r"%([A-Za-z_$.\-][\w$.\-]*)\s*:", text[start:position])
    return names if len(names) == count else [""] * count
