# pyright: reportMissingTypeStubs=false, reportMissingTypeArgument=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Reading blocks of a module: ops to nodes, calls inlined, loops to `TensorLoop`s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from exalift.affine import Affine
from exalift.base import Diagnostic, DType, VerificationError

from ...graph import Argument, ConstantValue, IndexScalar, Node, Operation
from ...imported import free_name
from ...types import TensorType
from ..build import broadcast, build, constant, iota, splat
from ..dialect import IMPORTED
from ..node_table import NodeTable
from ..notation import result_axes, symbols
from .attributes import Unsupported, attributes_of, tensor_type
from .refusal import refused, span_of
from .scope import Missing, Read, Scope, needed

Handler = Callable[["Reader", ir.Operation, "list[Node]", Scope], "list[Read]"]

DEEPEST = 24
"""How deep regions and calls may nest; each is a level of Python's own stack."""

MOST_OPS = 200_000

_RETURNS = frozenset({"func.return", "stablehlo.return"})
_CALLS = frozenset({"func.call", "call", "stablehlo.composite"})


@dataclass
class Reader:
    """The state of one import.

    functions: the module's, by name. regions: how ops are read that are not one op of a definition.
    taken: names that arrays and counters may not have. assumptions: what the reading relies on.
    """

    filename: str
    functions: Mapping[str, ir.Operation]
    handlers: Mapping[str, Handler]
    taken: set[str]
    locals: list[Argument] = field(default_factory=list[Argument])
    assumptions: dict[str, None] = field(default_factory=dict[str, None])
    table: NodeTable = field(default_factory=NodeTable)
    _read: int = 0

    def fresh(self, name: str) -> str:
        """A name that nothing has yet."""
        return free_name(name, self.taken)

    def local(self, name: str, type: TensorType) -> str:
        """A new local array."""
        found = self.fresh(name)
        self.locals.append(Argument(found, type))
        return found

    def block(self, block: ir.Block, scope: Scope) -> list[Read]:
        """Read a block, and give what it returns.

        Raises RefusedError where a loop or a call cannot be read; other ops that cannot are `Missing`.
        """
        if scope.depth > DEEPEST:
            raise refused(
                f"regions and calls nest deeper than {DEEPEST}", span_of(block.owner.location, self.filename)
            )
        for view in block.operations:
            operation = view.operation
            self._read += 1
            if self._read > MOST_OPS:
                raise refused(
                    f"more than {MOST_OPS} ops, calls inlined", span_of(operation.location, self.filename)
                )
            operands = [self._value(value, scope) for value in operation.operands]
            if operation.name in _RETURNS:
                return operands
            found = self._operation(operation, operands, scope)
            scope.values.update(zip(operation.results, found, strict=True))
        raise refused("a block without a return", span_of(block.owner.location, self.filename))

    def _value(self, value: ir.Value, scope: Scope) -> Read:
        # MLIR's verifier has seen to it that every value is defined before it is used.
        return scope.values[value]

    def _operation(self, operation: ir.Operation, operands: list[Read], scope: Scope) -> list[Read]:
        results = list(operation.results)
        missing = next((o for o in operands if isinstance(o, Missing)), None)
        if operation.name in _CALLS:
            return self._call(operation, operands, scope)
        if missing is not None:
            return [missing] * len(results)
        nodes = [needed(o) for o in operands]
        try:
            types = [tensor_type(result.type) for result in results]
            handler = self.handlers.get(operation.name)
            if handler is None:
                if operation.regions or len(results) != 1:
                    raise Unsupported(f"{operation.name}, which has no formula")
                found: list[Read] = [self.plain(operation, nodes, types[0], scope)]
            else:
                found = handler(self, operation, nodes, scope)
            self._check(operation, found, types)
        except (Unsupported, VerificationError) as error:
            return [Missing(self.diagnostic(operation, str(error)))] * len(results)
        return found

    def _check(self, operation: ir.Operation, found: Sequence[Read], types: Sequence[TensorType]) -> None:
        for value, type in zip(found, types, strict=True):
            if not isinstance(value, Missing) and value.type != type:
                raise Unsupported(f"{operation.name} that gives {type} where its formula gives {value.type}")

    def diagnostic(self, operation: ir.Operation, message: str) -> Diagnostic:
        shown = message if operation.name in message else f"{operation.name}: {message}"
        return Diagnostic(f"not read: {shown}", span_of(operation.location, self.filename))

    def _call(self, operation: ir.Operation, operands: Sequence[Read], scope: Scope) -> list[Read]:
        key = "decomposition" if operation.name == "stablehlo.composite" else "callee"
        name = str(ir.FlatSymbolRefAttr(operation.attributes[key]).value)
        function = self.functions.get(name)
        if function is None or not function.regions[0].blocks:
            raise refused(f"{name} has no body", span_of(operation.location, self.filename))
        if name in scope.calls:
            raise refused(f"{name} calls itself", span_of(operation.location, self.filename))
        entry = function.regions[0].blocks[0]
        return self.block(entry, scope.called(name, dict(zip(entry.arguments, operands, strict=True))))

    def plain(
        self, operation: ir.Operation, operands: Sequence[Node], type: TensorType, scope: Scope
    ) -> Node:
        """An op that has a definition, with the definition's own operands."""
        if operation.name not in IMPORTED.by_name:
            raise Unsupported(f"{operation.name}, which has no formula")
        return self.make(build(IMPORTED, operation.name, operands, attributes_of(operation, type)), scope)

    def make(self, node: Node, scope: Scope) -> Node:
        """The node, once for all equal ones; integers and truths as simple as the scope's ranges allow."""
        known = self.table.make(node)
        if not isinstance(known, Operation) or known.type.dtype.is_float:
            return known
        return self._simple(known, scope)

    def _simple(self, node: Operation, scope: Scope) -> Node:
        """An integer or a truth that is affine, or known, as a scalar, a splat or an iota."""
        shape, dtype = node.type.shape, node.type.dtype
        if any(extent == Affine() for extent in shape):
            return node
        axes = symbols(result_axes(shape))
        element = scope.elements(shape).at(node, axes)
        if element is None:
            return node
        if isinstance(element, bool):
            return self.table.kept(splat(element, node.type)) if dtype is DType.I1 else node
        if element.is_constant:
            return self.table.kept(splat(element.constant, node.type))
        used = [d for d, axis in enumerate(axes) if axis.names & element.names]
        if not used:
            return self.table.kept(broadcast(IndexScalar(element, TensorType((), dtype)), shape, ()))
        if len(used) == 1 and element == axes[used[0]]:
            return self.table.kept(iota(shape, used[0], dtype))
        return node


def as_index(node: Node) -> Affine | None:
    """An integer scalar as an affine expression."""
    match node:
        case IndexScalar(index=index):
            return index
        case ConstantValue(value=value, type=type) if type.dtype.is_integer:
            return Affine.of(int(value))
        case _:
            return None


def scalar(value: Affine, dtype: DType) -> Node:
    """An affine expression as an integer scalar."""
    return constant(value.constant, dtype) if value.is_constant else IndexScalar(value, TensorType((), dtype))
