"""The state of one function's translation, and what all kinds of operations share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from exalift.affine import Affine, FloorDiv, Size
from exalift.base import Diagnostic, RefusedError

from . import scalar_operations, scalars
from .emission import Emitter
from .facts import Facts, ScalarOperation
from .memory import Memory
from .scalars import Extremum, Scalar
from .source import Unsupported
from .syntax import Block, Operation, OtherType, ScalarType, Value

_IGNORED = frozenset(
    {"memref.dealloc", "memref.prefetch", "affine.prefetch", "memref.cast", "memref.assume_alignment"}
)
_TERMINATORS = frozenset({"affine.yield", "scf.yield", "func.return", "memref.alloca_scope.return"})
_REASONS = {
    "scf.while": ("a loop that does not count is not supported", "only counted loops with affine bounds are"),
    "memref.get_global": ("global memory is not supported", "pass it as a parameter"),
    "cf.br": ("unstructured control flow is not supported", "raise it first: mlir-opt --lift-cf-to-scf"),
    "cf.cond_br": ("unstructured control flow is not supported", "raise it first: mlir-opt --lift-cf-to-scf"),
}


@dataclass(frozen=True, slots=True)
class Enclosing:
    """A loop around: its induction variable and what bounds it."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]


@dataclass(slots=True)
class Translation:
    """Translates the operations of one function, one by one, into `emitter`.

    `handlers` say what operations with effects or regions do; all others compute scalars. `defined`
    are the functions of the module that have a body. `sizes` are the sizes known so far, by name.
    """

    handlers: Mapping[str, Handler]
    defined: frozenset[str]
    sizes: dict[str, Size] = field(default_factory=dict[str, Size])
    memory: Memory = field(default_factory=Memory)
    emitter: Emitter = field(default_factory=Emitter)
    undefined: set[Value] = field(default_factory=set[Value])
    facts: Facts = field(init=False)
    _loops: list[Enclosing] = field(default_factory=list[Enclosing])

    def __post_init__(self) -> None:
        self.facts = Facts(self.least)

    def define(self, value: Value, scalar: Scalar) -> None:
        self.emitter.define(value, scalar, value.uses, value.span)

    def use(self, value: Value) -> Scalar:
        """The value of an operand, as it is to be read at this place."""
        if isinstance(value.type, OtherType):
            raise Unsupported(value.type.reason)
        return self.emitter.use(value)

    def use_index(self, value: Value) -> Extremum:
        """The value of an operand that must be affine."""
        index = self.use(value).index
        if index is None:
            raise Unsupported(
                f"%{value.name} is not an affine expression of sizes and induction variables",
                "bounds and subscripts may be sums of these, times constants, and quotients by constants",
            )
        return index

    def least(self, affine: Affine) -> int | None:
        """A lower bound of an expression, from the bounds of the loops around and the sizes' minima."""
        candidates = [affine]
        for loop in reversed(self._loops):
            candidates = [bounded for c in candidates for bounded in _eliminate(c, loop)][:16]
        found = [bound for c in candidates for bound in (self._least_over_sizes(c),) if bound is not None]
        return max(found, default=None)

    def _least_over_sizes(self, affine: Affine) -> int | None:
        total = affine.constant
        for atom, coefficient in affine.terms:
            if coefficient < 0:
                return None
            match atom:
                case str():
                    least = self.sizes[atom].minimum if atom in self.sizes else None
                case FloorDiv(numerator, denominator):
                    # The numerator may name induction variables still.
                    inner = self.least(numerator)
                    least = None if inner is None else inner // denominator
            if least is None:
                return None
            total += coefficient * least
        return total

    @contextmanager
    def inside(self, loop: Enclosing) -> Generator[None]:
        """What is translated inside stands in that loop."""
        self._loops.append(loop)
        try:
            yield
        finally:
            self._loops.pop()

    def block(self, block: Block) -> tuple[Value, ...]:
        """Translate all operations; gives the terminator's operands, of which no use is counted yet."""
        for operation in block.operations:
            if operation.name in _TERMINATORS:
                return operation.operands
            self.operation(operation)
        return ()

    def region(self, operation: Operation, number: int) -> Block:
        """The only block of a region."""
        blocks = operation.regions[number]
        if len(blocks) != 1:
            raise Unsupported("unstructured control flow is not supported")
        return blocks[0]

    def operation(self, operation: Operation) -> None:
        """Translate one operation; raises RefusedError where it is not supported."""
        try:
            handler = self.handlers.get(operation.name)
            if handler is not None:
                handler(self, operation)
            elif operation.name not in _IGNORED:
                self._scalar(operation)
        except Unsupported as error:
            raise RefusedError((Diagnostic(error.message, operation.span, error.hint),)) from None

    def _scalar(self, operation: Operation) -> None:
        for value in (*operation.results, *operation.operands):
            if isinstance(value.type, OtherType):
                raise Unsupported(f"{operation.name}: {value.type.reason}")
        types = [value.type for value in (*operation.operands, *operation.results)]
        plain = not operation.regions and all(isinstance(item, ScalarType) for item in types)
        if not plain or len(operation.results) != 1:
            raise _unknown(operation.name)
        (result,) = operation.results
        dtype = scalar_type(result).dtype
        operands = tuple(self.use(operand) for operand in operation.operands)
        found = scalar_operations.lower(
            ScalarOperation(operation.name, operands, operation.attributes, dtype, self.facts)
        )
        if found is None:
            raise _unknown(operation.name)
        self.define(result, found)


Handler = Callable[[Translation, Operation], None]


def scalar_type(value: Value) -> ScalarType:
    """The type of a value that must be a scalar."""
    match value.type:
        case ScalarType():
            return value.type
        case OtherType(reason=reason):
            raise Unsupported(reason)
        case _:
            raise Unsupported(f"%{value.name} is memory where a scalar is needed")


def _unknown(name: str) -> Unsupported:
    message, hint = _REASONS.get(name, (f"the operation {name} is not supported", ""))
    return Unsupported(message, hint)


def _eliminate(affine: Affine, loop: Enclosing) -> list[Affine]:
    """Expressions without the induction variable that are nowhere larger."""
    coefficient = affine.coefficient(loop.iv)
    if not coefficient:
        return [affine]
    iv = Affine.symbol(loop.iv)
    ends = loop.lower if coefficient > 0 else tuple(bound - 1 for bound in loop.upper)
    return [affine + (end - iv) * coefficient for end in ends]


def undefined_value(self: Translation, operation: Operation) -> None:
    """An undefined value may be any: it is 0, and storing it stores nothing."""
    for result in operation.results:
        self.undefined.add(result)
        self.define(result, scalars.number(0, scalar_type(result).dtype))
