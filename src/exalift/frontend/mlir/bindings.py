# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# pyright: reportUnknownLambdaType=false, reportMissingParameterType=false
"""IREE's MLIR bindings, which come without types: text in, `syntax` out, nothing else of MLIR leaves."""

from __future__ import annotations

import re

from iree.compiler import ir, passmanager
from iree.compiler.dialects.arith import AtomicRMWKind

from exalift.base import Diagnostic, DType, RefusedError, Span

from .source import SourceText
from .syntax import (
    AffineMap,
    AffineMaps,
    Attribute,
    Block,
    Dense,
    Function,
    Instruction,
    IntegerSet,
    MemRefType,
    Operation,
    OtherType,
    ScalarType,
    TensorType,
    Type,
    Value,
)

_DYNAMIC = ir.ShapedType.get_dynamic_size()
_SET = re.compile(r"affine_set<(.*) : \((.*)\)>$", re.DOTALL)
_FLOATS = {"bf16": DType.BF16, "f16": DType.F16, "f32": DType.F32, "f64": DType.F64}
_LARGEST_TABLE = 1 << 16
_BINARY = {
    ir.AffineAddExpr: "add",
    ir.AffineMulExpr: "mul",
    ir.AffineModExpr: "mod",
    ir.AffineFloorDivExpr: "floordiv",
    ir.AffineCeilDivExpr: "ceildiv",
}


def read_functions(
    source: SourceText, function: str | None, passes: str = ""
) -> tuple[tuple[Function, ...], tuple[Diagnostic, ...]]:
    """All `func.func` of a text, those of nested modules too, or the named one and perhaps others.

    `passes` is a pipeline of MLIR's that functions go through first ("linalg-generalize-named-ops").

    Where the whole does not parse (say, a function uses a dialect that is not registered), functions
    are parsed one by one; what is wrong with those that still do not parse is told.
    Raises RefusedError for a text that is too long or too deep, or of which no function parses.
    """
    source.check_size()
    try:
        return _read(source, source.text, passes), ()
    except ir.MLIRError as error:
        whole = _syntax_errors(source, error)
    functions: list[Function] = []
    diagnostics: list[Diagnostic] = []
    for name in source.function_names() if function is None else [function]:
        alone = source.with_one_function(name)
        if alone is None:
            continue
        try:
            functions += _read(source, alone, passes)
        except ir.MLIRError as error:
            diagnostics += _syntax_errors(source, error)
    if not functions:
        raise RefusedError(tuple(diagnostics) or whole)
    return tuple(found for found in functions if found.blocks), tuple(diagnostics)


def _read(source: SourceText, text: str, passes: str) -> tuple[Function, ...]:
    with ir.Context() as context:
        context.enable_multithreading(False)
        context.allow_unregistered_dialects = True
        module = ir.Module.parse(text)
        if passes:
            pipeline = f"builtin.module(func.func({passes}))"
            passmanager.PassManager.parse(pipeline).run(module.operation)
        return _Reader(source).functions(module.operation)


def _syntax_errors(source: SourceText, error: ir.MLIRError) -> tuple[Diagnostic, ...]:
    start = source.span_at(1, 1)
    found = tuple(
        Diagnostic(
            str(diagnostic.message).strip().replace("`", "'"), source.span(str(diagnostic.location), start)
        )
        for diagnostic in error.error_diagnostics
    )
    return found or (Diagnostic(str(error), start),)


class _Reader:
    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.values: dict[ir.Value, Value] = {}
        self.arguments = 0

    def functions(self, module: ir.Operation) -> tuple[Function, ...]:
        found: list[Function] = []
        for operation in module.regions[0].blocks[0].operations:
            if operation.operation.name == "builtin.module":
                found += self.functions(operation.operation)
            elif operation.operation.name == "func.func":
                found.append(self.function(operation.operation))
        return tuple(found)

    def function(self, operation: ir.Operation) -> Function:
        self.arguments = 0  # as MLIR numbers those that it prints
        span = self.source.span(str(operation.location), self.source.span_at(1, 1))
        results = tuple(_type(item) for item in operation.attributes["function_type"].value.results)
        blocks = self.region(operation.regions[0], span)
        arguments = blocks[0].arguments if blocks else ()
        public = "sym_visibility" not in operation.attributes or (
            operation.attributes["sym_visibility"].value == "public"
        )
        return Function(operation.attributes["sym_name"].value, results, blocks, span, arguments, public)

    def region(self, region: ir.Region, span: Span) -> tuple[Block, ...]:
        # Arguments first: an operand may name the argument of a later block.
        arguments = [
            tuple(self.argument(argument, span) for argument in block.arguments) for block in region.blocks
        ]
        return tuple(
            Block(given, tuple(self.operation(inner.operation, span) for inner in block.operations))
            for given, block in zip(arguments, region.blocks, strict=True)
        )

    def argument(self, argument: ir.BlockArgument, default: Span) -> Value:
        location = str(argument.location)
        self.arguments += 1
        name = self.source.argument_name(location) or f"arg{self.arguments - 1}"
        value = Value(name, _type(argument.type), self.source.span(location, default), _uses(argument))
        self.values[argument] = value
        return value

    def operation(self, operation: ir.Operation, default: Span) -> Operation:
        location = str(operation.location)
        span = self.source.span(location, default)
        results: list[Value] = []
        for number, result in enumerate(operation.results):
            # MLIR could tell, but numbers the whole function each time that it is asked.
            name = self.source.result_name(location) or f"v{len(self.values)}"
            name = f"{name}_{number}" if number else name
            self.values[result] = Value(name, _type(result.type), span, _uses(result))
            results.append(self.values[result])
        return Operation(
            name=operation.name,
            # In a graph region an operand may come before its definition; none that is taken has one.
            operands=tuple(self.values.get(v) or Value("?", _type(v.type), span) for v in operation.operands),
            results=tuple(results),
            attributes=_attributes(operation),
            regions=tuple(self.region(region, span) for region in operation.regions),
            span=span,
        )


def _uses(value: ir.Value) -> int:
    return sum(1 for _ in value.uses)


def _type(given: ir.Type) -> Type:
    text = str(given)
    if isinstance(given, ir.IndexType):
        return ScalarType(DType.I64, is_index=True)
    if isinstance(given, ir.IntegerType):
        name = f"{'ui' if given.is_unsigned else 'i'}{given.width}"
        if name in {dtype.value for dtype in DType}:
            return ScalarType(DType(name))
        return OtherType(text, f"integers of {given.width} bits are not supported")
    if text in _FLOATS:
        return ScalarType(_FLOATS[text])
    if isinstance(given, ir.MemRefType):
        return _memref(given)
    if isinstance(given, ir.RankedTensorType):
        return _tensor(given)
    return OtherType(text, f"values of type {text} are not supported")


def _memref(given: ir.MemRefType) -> Type:
    text = str(given)
    element = _type(given.element_type)
    if not isinstance(element, ScalarType):
        return OtherType(text, f"memrefs of {given.element_type} are not supported")
    if given.memory_space is not None:
        return OtherType(text, "memory spaces are not supported")
    if not isinstance(given.layout, ir.AffineMapAttr) or not _is_identity(given.layout.value):
        return OtherType(text, "memrefs with a layout are not supported")
    return MemRefType(element, tuple(None if extent == _DYNAMIC else extent for extent in given.shape))


def _tensor(given: ir.RankedTensorType) -> Type:
    text = str(given)
    element = _type(given.element_type)
    reason = f"values of type {text} are not supported"
    if not isinstance(element, ScalarType) or given.encoding is not None:
        return OtherType(text, reason)
    if not given.has_static_shape:
        return OtherType(text, f"{reason}: its shape is not static")
    return TensorType(text, reason, element, tuple(given.shape))


def _is_identity(given: ir.AffineMap) -> bool:
    return given == ir.AffineMap.get_identity(given.n_dims)


def _attributes(operation: ir.Operation) -> dict[str, Attribute]:
    found = {name: _attribute(operation.attributes[name]) for name in operation.attributes}
    if operation.name == "arith.constant" and isinstance(operation.attributes["value"], ir.DenseElementsAttr):
        found["value"] = _dense(operation.attributes["value"])
    reductions = found.get("reductions")
    if operation.name == "affine.parallel" and isinstance(reductions, tuple):
        # Numbers, which change from one version of MLIR to the next.
        found["reductions"] = tuple(AtomicRMWKind(int(kind)).name for kind in reductions)
    return found


def _dense(given: ir.DenseElementsAttr) -> Attribute:
    """The numbers; the text where they are too many, or of a type that the bindings do not read."""
    if given.is_splat:
        value = _attribute(given.get_splat_value())
        return Dense(value) if isinstance(value, int | float) else str(given)
    if len(given) > _LARGEST_TABLE or not isinstance(given, ir.DenseFPElementsAttr | ir.DenseIntElementsAttr):
        return str(given)
    try:
        return Dense(None, tuple(given))
    except (TypeError, ValueError):
        return str(given)


def _attribute(given: ir.Attribute) -> Attribute:
    if isinstance(given, ir.BoolAttr | ir.IntegerAttr | ir.FloatAttr | ir.StringAttr):
        return given.value
    if isinstance(given, ir.FlatSymbolRefAttr):
        return given.value
    if isinstance(given, ir.AffineMapAttr):
        return _map(given.value)
    if isinstance(given, ir.IntegerSetAttr):
        return _set(str(given))
    if isinstance(given, ir.DenseI32ArrayAttr | ir.DenseI64ArrayAttr | ir.DenseIntElementsAttr):
        return tuple(int(item) for item in given)
    if isinstance(given, ir.ArrayAttr):
        if len(given) and all(isinstance(item, ir.AffineMapAttr) for item in given):
            return AffineMaps(tuple(_map(item.value) for item in given))
        items = (_attribute(item) for item in given)
        return tuple(item if isinstance(item, int | str) else str(item) for item in items)
    return str(given)


def _map(given: ir.AffineMap) -> AffineMap:
    return AffineMap(given.n_dims, given.n_symbols, tuple(_steps(result) for result in given.results))


def _steps(root: ir.AffineExpr) -> tuple[Instruction, ...]:
    """The expression in reverse Polish notation."""
    steps: list[Instruction] = []
    pending: list[ir.AffineExpr | Instruction] = [root]
    while pending:
        item = pending.pop()
        if isinstance(item, tuple):
            steps.append(item)
        elif isinstance(item, ir.AffineConstantExpr):
            steps.append(("constant", item.value))
        elif isinstance(item, ir.AffineDimExpr):
            steps.append(("dim", item.position))
        elif isinstance(item, ir.AffineSymbolExpr):
            steps.append(("symbol", item.position))
        else:
            pending += [(_BINARY[type(item)], 0), item.rhs, item.lhs]
    return tuple(steps)


def _set(text: str) -> IntegerSet:
    """The bindings offer no way into an integer set's attribute, but its text is that of a map's."""
    found = _SET.match(text)
    if found is None:
        raise ValueError(f"not an integer set: {text}")
    rows = found.group(2).split(", ")
    expressions = ", ".join(row.rsplit(" ", 2)[0] for row in rows)
    as_map = ir.Attribute.parse(f"affine_map<{found.group(1)} -> ({expressions})>")
    return IntegerSet(_map(as_map.value), tuple(row.endswith("== 0") for row in rows))
