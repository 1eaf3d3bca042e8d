"""Reading blocks of a module: operations to nodes and scalars, calls inlined, effects as steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exalift.affine import Affine
from exalift.base import Diagnostic, ExaliftError, RefusedError
from exalift.dialects import Argument, ArrayValue, Node, Step, TensorType, free_name
from exalift.dialects.stablehlo import LoopRange, result_axes, stays_within

from .. import scalar_operations
from ..facts import Facts, ScalarOperation
from ..scalars import Extremum, Scalar
from ..source import SourceText, Unsupported
from ..syntax import Block, Function, MemRefType, Operation, OtherType, ScalarType, Type, Value
from ..syntax import TensorType as SourceTensor
from .elements import Elements, Shape, axes_of

DEEPEST = 24
"""How deep regions and calls may nest; each is a level of Python's own stack."""

MOST_OPS = 50_000
MOST_DIMENSIONS = 12
_FAR = 1 << 62
_RETURNS = frozenset({"func.return", "linalg.yield", "tensor.yield", "scf.yield"})


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory: an array of the program that steps change."""

    array: str
    type: TensorType


Read = Node | Scalar | Buffer


@dataclass(frozen=True)
class Scope:
    """A block that is being read.

    values: what is visible. steps: what the block does, in order. loops: the ranges of induction variables
    around. shape: of the elements that scalars stand for, `()` outside of elementwise regions.
    """

    values: dict[Value, Read]
    steps: list[Step]
    loops: tuple[LoopRange, ...] = ()
    shape: Shape = ()
    calls: tuple[str, ...] = ()
    depth: int = 0

    def inside(self, **changes: object) -> Scope:
        """The scope of a region; what it does is its own, unless `steps` says otherwise."""
        return replace(self, values=dict(self.values), steps=[], depth=self.depth + 1, **changes)  # pyright: ignore[reportArgumentType]

    @property
    def ranges(self) -> tuple[LoopRange, ...]:
        """The ranges of all symbols."""
        axes = (LoopRange(axis.name, (Affine(),), (axis.extent,)) for axis in result_axes(self.shape))
        return (*self.loops, *axes)

    def within(self, value: Affine, lowest: int, highest: int) -> bool:
        """Whether a value is known to stay between two numbers, both included."""
        if value.is_constant:
            return lowest <= value.constant <= highest
        return stays_within(value, lowest, highest, self.ranges)


@dataclass
class Reader:
    """The state of one import. taken: names that arrays and counters may not have."""

    source: SourceText
    functions: Mapping[str, Function]
    handlers: Mapping[str, Handler]
    taken: set[str]
    locals: list[Argument] = field(default_factory=list[Argument])
    assumptions: dict[str, None] = field(default_factory=dict[str, None])
    elements: Elements = field(default_factory=Elements)
    _read: int = 0

    def fresh(self, name: str) -> str:
        """A name that nothing has yet."""
        return free_name(name, self.taken)

    def local(self, name: str, type: TensorType) -> ArrayValue:
        """A new local array."""
        found = self.fresh(name)
        self.locals.append(Argument(found, type))
        return ArrayValue(found, type)

    def block(self, block: Block, scope: Scope) -> list[Read]:
        """Read a block, and give what it returns. Raises RefusedError, with the place."""
        for operation in block.operations:
            self._read += 1
            try:
                if self._read > MOST_OPS or scope.depth > DEEPEST:
                    raise Unsupported(
                        f"more than {MOST_OPS} operations, calls inlined"
                        if self._read > MOST_OPS
                        else f"regions and calls nest deeper than {DEEPEST}"
                    )
                if operation.name in _RETURNS:
                    return [self.value(operand, scope) for operand in operation.operands]
                found = self._operation(operation, scope)
                scope.values.update(zip(operation.results, found, strict=True))
            except Unsupported as error:
                message = error.message if operation.name in error.message else f"{operation.name}: {error}"
                raise _refused(operation, message, error.hint) from error
            except RefusedError:
                raise
            except ExaliftError as error:
                raise _refused(operation, f"{operation.name}: {error}", "") from error
        return []

    def _operation(self, operation: Operation, scope: Scope) -> Sequence[Read]:
        handler = self.handlers.get(operation.name)
        if handler is not None:
            return handler(self, operation, scope)
        if operation.regions or len(operation.results) != 1:
            raise Unsupported(f"{operation.name}, which has no formula")
        return [self._arithmetic(operation, scope)]

    def _arithmetic(self, operation: Operation, scope: Scope) -> Read:
        """An operation on scalars; on tensors, element by element."""
        (result,) = operation.results
        given = result.type
        if isinstance(given, SourceTensor):
            shape = tensor_type(given).shape
            if scope.shape:
                raise Unsupported("a tensor inside an elementwise region")
            inner = replace(scope, shape=shape)
            operands = [
                self.elements.element(self.node(o, scope), axes_of(shape))
                if isinstance(o.type, SourceTensor)
                else self.scalar(o, scope)
                for o in operation.operands
            ]
            found = self.lowered(operation, operands, given.element, inner)
            return self.elements.node(found, shape)
        if not isinstance(given, ScalarType):
            raise Unsupported(f"{operation.name}, which has no formula")
        operands = [self.scalar(operand, scope) for operand in operation.operands]
        return self.elements.settled(self.lowered(operation, operands, given, scope), scope.shape)

    def lowered(
        self, operation: Operation, operands: Sequence[Scalar], type: ScalarType, scope: Scope
    ) -> Scalar:
        facts = Facts(lambda affine: 0 if scope.within(affine, 0, _FAR) else None, self.assumptions)
        found = scalar_operations.lower(
            ScalarOperation(operation.name, tuple(operands), operation.attributes, type.dtype, facts)
        )
        if found is None:
            raise Unsupported(f"{operation.name}, which has no formula")
        return found

    # Operands.

    def value(self, value: Value, scope: Scope) -> Read:
        found = scope.values.get(value)
        if found is None:
            raise Unsupported(f"%{value.name} is used before it is defined")
        return found

    def node(self, value: Value, scope: Scope) -> Node:
        """A tensor, memory as it is now, or a scalar as a tensor of rank 0."""
        found = self.value(value, scope)
        match found:
            case Scalar():
                return self.elements.node(found, ())
            case Buffer(array, type):
                return ArrayValue(array, type)
            case _:
                return found

    def scalar(self, value: Value, scope: Scope) -> Scalar:
        found = self.value(value, scope)
        if not isinstance(found, Scalar):
            raise Unsupported(f"%{value.name} is a tensor where a scalar is needed")
        return found

    def index(self, value: Value, scope: Scope) -> Extremum:
        found = self.scalar(value, scope).index
        if found is None:
            raise Unsupported(f"%{value.name} is data, and not affine in induction variables and indices")
        return found

    def affine(self, value: Value, scope: Scope) -> Affine:
        """An index that is one affine expression."""
        found = self.index(value, scope).single
        if found is None:
            raise Unsupported(f"%{value.name} is not one affine expression")
        return found

    def check_place(self, place: Sequence[Affine], shape: Sequence[Affine], scope: Scope) -> None:
        """Raise Unsupported where an element may be out of bounds."""
        for position, (index, extent) in enumerate(zip(place, shape, strict=True)):
            if not scope.within(index, 0, extent.constant - 1):
                raise Unsupported(f"index {index} may be out of bounds in dimension {position} of {extent}")


Handler = Callable[[Reader, Operation, Scope], "Sequence[Read]"]


def tensor_type(given: Type) -> TensorType:
    """The type of a tensor, of memory or of a scalar. Raises Unsupported for dynamic extents too."""
    match given:
        case SourceTensor(element=element, shape=shape):
            return _tensor(shape, element)
        case OtherType(reason=reason):
            raise Unsupported(reason)
        case ScalarType():
            return TensorType((), given.dtype)
        case MemRefType(element, shape):
            known = tuple(extent for extent in shape if extent is not None)
            if len(known) < len(shape):
                raise Unsupported("memory whose shape is not static is not supported")
            return _tensor(known, element)


def _tensor(shape: tuple[int, ...], element: ScalarType) -> TensorType:
    if len(shape) > MOST_DIMENSIONS:
        raise Unsupported(f"tensors of more than {MOST_DIMENSIONS} dimensions are not supported")
    return TensorType(tuple(Affine.of(extent) for extent in shape), element.dtype)


def _refused(operation: Operation, message: str, hint: str) -> RefusedError:
    return RefusedError((Diagnostic(f"not read: {message}", operation.span, hint),))
