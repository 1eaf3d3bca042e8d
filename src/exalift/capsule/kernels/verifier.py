"""What a kernel must keep to before any device sees it.

- Names are declared once and seen from where they are used; types fit.
- Every subscript is within its buffer, by the bounds of the loops around (checked loads alone may not be).
- Work-items do not race: see `races`.
- A `yield` inside a nest stands where all work-items come by equally often.
- Sizes are small enough for 32-bit subscripts and stated limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exalift.base import Diagnostic, DType, RefusedError, Span

from .bounds import Scope, extent_of
from .functions import DTYPES, FUNCTIONS
from .index import Index
from .ir import (
    Apply,
    Assign,
    Buffer,
    Constraint,
    Convert,
    Declare,
    Expression,
    For,
    Holds,
    If,
    IndexValue,
    Kernel,
    Literal,
    Load,
    Loop,
    Module,
    Nest,
    Range,
    Register,
    Role,
    Statement,
    Step,
    Store,
    Yield,
    children,
    has_yield,
    statements_of,
)
from .races import find_races

LARGEST_INDEX = (1 << 31) - 1
MOST_RANK = 8
DEEPEST_EXPRESSION = 200


def verify_module(module: Module) -> None:
    """Raises RefusedError with every fault of the first kernel that has some."""
    for kernel in module.kernels:
        verify_kernel(kernel)


def verify_kernel(kernel: Kernel) -> None:
    """Raises RefusedError with every fault found; nothing that it accepts reads or writes out of bounds."""
    check = _Verification(kernel)
    check.run()
    if check.faults:
        raise RefusedError(tuple(check.faults))


@dataclass(slots=True)
class _Verification:
    kernel: Kernel
    faults: list[Diagnostic] = field(default_factory=list[Diagnostic])
    buffers: dict[str, Buffer] = field(default_factory=dict[str, Buffer])

    def fault(self, message: str, span: Span) -> None:
        self.faults.append(Diagnostic(message, span))

    def run(self) -> None:
        kernel = self.kernel
        for buffer in kernel.buffers:
            self._buffer(buffer)
        for parameter in kernel.parameters:
            if not -LARGEST_INDEX <= parameter.lower < parameter.upper <= LARGEST_INDEX:
                self.fault(f"the parameter {parameter.name} has no value", parameter.span)
            if parameter.name in self.buffers:
                self.fault(f"{parameter.name!r} is a buffer", parameter.span)
        if len({p.name for p in kernel.parameters}) != len(kernel.parameters):
            self.fault("two parameters of one name", kernel.parameters[0].span)
        self._steps(kernel.body, Scope.of(kernel.parameters))

    def _buffer(self, buffer: Buffer) -> None:
        if buffer.name in self.buffers:
            self.fault(f"a second buffer {buffer.name!r}", buffer.span)
        self.buffers[buffer.name] = buffer
        if buffer.dtype not in DTYPES:
            self.fault(f"kernels have no {buffer.dtype}", buffer.span)
        if len(buffer.shape) > MOST_RANK:
            self.fault(f"{buffer.name} has more than {MOST_RANK} dimensions", buffer.span)
        if any(extent < 0 for extent in buffer.shape) or buffer.elements > LARGEST_INDEX:
            self.fault(f"the shape of {buffer.name} is not one", buffer.span)

    # Steps and statements: the recursion is over the nesting.

    def _steps(self, steps: Iterable[Step], scope: Scope) -> None:
        for step in steps:
            match step:
                case Yield():
                    pass
                case Loop(range, body, span):
                    self._range(range, scope, span)
                    self._steps(body, scope.inside(range, uniform=True))
                case Nest():
                    self._nest(step, scope)

    def _nest(self, nest: Nest, scope: Scope) -> None:
        inside = scope
        items = 1
        for axis in nest.axes:
            self._range(axis, scope, nest.span, known=inside)
            inside = inside.inside(axis, uniform=False)
            items *= max(0, extent_of(axis, scope)) if not self.faults else 1
        if items > LARGEST_INDEX:
            self.fault(f"more than {LARGEST_INDEX} work-items", nest.span)
        self._names(nest)
        self._statements(nest.body, inside, {}, agreed=True)
        if not self.faults:
            self.faults += find_races(nest, inside)

    def _names(self, nest: Nest) -> None:
        """In one nest a name stands for one kind of thing, so that frames can keep it under its name."""
        kinds: dict[str, DType | None] = {}
        for statement in statements_of(nest.body):
            match statement:
                case Declare(name, dtype, _, span):
                    kind: DType | None = dtype
                case For(Range(name=name), _, span):
                    kind = None
                case _:
                    continue
            if kinds.setdefault(name, kind) is not kind:
                self.fault(f"{name!r} is declared twice, as different things", span)

    def _range(self, range: Range, scope: Scope, span: Span, known: Scope | None = None) -> None:
        if range.name in (known or scope).names:
            self.fault(f"a second variable {range.name!r}", span)
        if range.name in self.buffers:
            self.fault(f"{range.name!r} is a buffer", span)
        for bound in (*range.lower, *range.upper):
            self._index(bound, scope, span)

    def _statements(
        self, body: Sequence[Statement], scope: Scope, registers: dict[str, DType], agreed: bool
    ) -> None:
        seen = dict(registers)
        for statement in body:
            match statement:
                case Declare(name, dtype, value, span):
                    self._expression(value, scope, seen, span)
                    self._same(dtype, value.dtype, span)
                    if name in seen or name in scope.names or name in self.buffers:
                        self.fault(f"{name!r} is declared already", span)
                    seen[name] = dtype
                case Assign(name, value, span):
                    self._expression(value, scope, seen, span)
                    if name not in seen:
                        self.fault(f"there is no register {name!r}", span)
                    else:
                        self._same(seen[name], value.dtype, span)
                case Store(name, indices, value, span):
                    self._expression(value, scope, seen, span)
                    self._store(name, indices, value, scope, span)
                case Yield(span):
                    if not agreed:
                        self.fault("not all work-items come by this yield equally often", span)
                case If(constraints, inner, span):
                    self._constraints(constraints, scope, span)
                    self._statements(inner, scope.where(constraints), seen, agreed=False)
                case For(range, inner, span):
                    self._range(range, scope, span)
                    names = {n for bound in (*range.lower, *range.upper) for n in bound.names}
                    uniform = agreed and names <= scope.uniform
                    if has_yield(inner) and not uniform:
                        self.fault("a loop around a yield has bounds that differ among work-items", span)
                    self._statements(inner, scope.inside(range, uniform), seen, uniform)

    def _store(
        self, name: str, indices: tuple[Index, ...], value: Expression, scope: Scope, span: Span
    ) -> None:
        buffer = self.buffers.get(name)
        if buffer is None:
            return self.fault(f"there is no buffer {name!r}", span)
        if buffer.role is Role.IN:
            self.fault(f"{name} is only read", span)
        self._same(buffer.dtype, value.dtype, span)
        self._subscripts(buffer, indices, scope, span, checked=False)
        return None

    # Expressions.

    def _same(self, wanted: DType, found: DType, span: Span) -> None:
        if wanted is not found:
            self.fault(f"a value of type {found} where {wanted} is needed", span)

    def _expression(self, root: Expression, scope: Scope, registers: dict[str, DType], span: Span) -> None:
        pending: list[tuple[Expression, int]] = [(root, 1)]
        while pending:
            expression, depth = pending.pop()
            if depth > DEEPEST_EXPRESSION:
                return self.fault(f"an expression is more than {DEEPEST_EXPRESSION} deep", span)
            self._one(expression, scope, registers, span)
            pending += [(child, depth + 1) for child in children(expression)]
        return None

    def _one(self, expression: Expression, scope: Scope, registers: dict[str, DType], span: Span) -> None:
        if expression.dtype not in DTYPES:
            self.fault(f"kernels have no {expression.dtype}", span)
        match expression:
            case Register(name, dtype):
                if registers.get(name) is not dtype:
                    self.fault(f"there is no register {name!r} of type {dtype}", span)
            case IndexValue(index, dtype):
                self._index(index, scope, span)
                if dtype is DType.I1:
                    self.fault("an index is no i1", span)
            case Holds(constraints):
                self._constraints(constraints, scope, span)
            case Load(name, indices, dtype, checked):
                buffer = self.buffers.get(name)
                if buffer is None:
                    return self.fault(f"there is no buffer {name!r}", span)
                self._same(buffer.dtype, dtype, expression.span)
                self._subscripts(buffer, indices, scope, expression.span, checked)
            case Apply():
                self._apply(expression)
            case Literal(value, dtype):
                if not dtype.is_float and not isinstance(value, int):
                    self.fault(f"{value} is not of type {dtype}", span)
            case Convert():
                pass
        return None

    def _apply(self, apply: Apply) -> None:
        function = FUNCTIONS[apply.function]
        operands = list(apply.operands)
        if apply.function == "select":
            self._same(DType.I1, operands.pop(0).dtype, apply.span)
        dtype = operands[0].dtype
        for operand in operands:
            self._same(dtype, operand.dtype, apply.span)
        if not function.accepts(dtype):
            self.fault(f"{apply.function} is not defined on {dtype}", apply.span)
        self._same(DType.I1 if function.compares else dtype, apply.dtype, apply.span)

    def _constraints(self, constraints: Iterable[Constraint], scope: Scope, span: Span) -> None:
        for constraint in constraints:
            self._index(constraint.index, scope, span)

    def _index(self, index: Index, scope: Scope, span: Span) -> bool:
        """Whether every symbol is known, and no part of the expression leaves 32 bits."""
        unknown = sorted(index.names - set(scope.names))
        if unknown:
            self.fault(f"there is no loop variable {unknown[0]!r}", span)
            return False
        reach = abs(index.constant)
        pending = [index]
        while pending:
            here = pending.pop()
            for atom, coefficient in here.terms:
                if isinstance(atom, str):
                    part = Index.of(atom)
                else:
                    part = atom.numerator
                    pending.append(part)
                size = max(abs(scope.least(part)), abs(scope.most(part)))
                reach = max(reach, size * abs(coefficient) + reach if here is index else size)
        if reach > LARGEST_INDEX:
            self.fault(f"{index} may leave 32 bits", span)
            return False
        return True

    def _subscripts(
        self, buffer: Buffer, indices: Sequence[Index], scope: Scope, span: Span, checked: bool
    ) -> None:
        if len(indices) != len(buffer.shape):
            return self.fault(f"{buffer.name} has {len(buffer.shape)} dimensions, not {len(indices)}", span)
        for position, (index, extent) in enumerate(zip(indices, buffer.shape, strict=True)):
            if not self._index(index, scope, span) or checked:
                continue
            low, high = scope.least(index), scope.most(index)
            if low < 0 or high >= extent:
                self.fault(
                    f"subscript {position} of {buffer.name} is {index}, which may be {low} to {high}, "
                    f"outside 0 to {extent - 1}",
                    span,
                )
        return None
