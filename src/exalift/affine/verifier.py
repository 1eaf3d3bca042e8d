"""Whether a program keeps the rules of its own IR.

Passes and front ends call this on what they made; an error is a defect of theirs, never of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn, assert_never

from exalift.base import DType, Span, VerificationError

from .affine_expression import Affine
from .expressions import (
    Apply,
    Cast,
    Constant,
    Expression,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    children,
)
from .functions import FUNCTIONS, Kind
from .ir import Array, Assign, If, Loop, Program, Role, Statement


def verify_program(program: Program) -> None:
    """Check every rule of `affine.ir` and `affine.expressions` that types do not hold already.

    Names of sizes and arrays are unique and distinct; parameters are listed once each; shapes,
    constraints and the returned value use sizes only; subscripts, bounds and guards use sizes and
    the induction variables around them; no induction variable or axis hides another name; ranks and
    element types agree in every assignment and at every node of every expression.

    Not checked: that subscripts stay within extents (`interpret` does, for given sizes).
    Raises VerificationError, whose message starts with the place, at the first broken rule.
    """
    arrays = _check_declarations(program)
    sizes = frozenset(size.name for size in program.sizes)
    scope = _Scope(arrays, sizes, program.span)
    scope.check_names(program.constraints.names, "the constraints on sizes")
    _check_statements(program.body, scope)
    if program.returns is not None:
        _check_expression(program.returns, scope)


def _fail(span: Span, message: str) -> NoReturn:
    raise VerificationError(f"{span}: {message}")


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a statement may name: every array, and the `indices` (sizes and induction variables)."""

    arrays: Mapping[str, Array]
    indices: frozenset[str]
    span: Span

    def at(self, span: Span) -> _Scope:
        return _Scope(self.arrays, self.indices, span)

    def fail(self, message: str) -> NoReturn:
        _fail(self.span, message)

    def check_names(self, names: Iterable[str], user: str) -> None:
        for name in sorted(names):
            if name not in self.indices:
                self.fail(f"{user} names {name!r}, which is neither a size nor an index in scope")

    def check_affine(self, expressions: Iterable[Affine], user: str) -> None:
        for expression in expressions:
            self.check_names(expression.names, f"{user} `{expression}`")

    def with_index(self, name: str, what: str) -> _Scope:
        """The scope inside a loop over `name`, which must not hide anything."""
        if not name:
            self.fail(f"the {what} has an empty name")
        if name in self.indices or name in self.arrays:
            self.fail(f"the {what} {name!r} hides another name")
        return _Scope(self.arrays, self.indices | {name}, self.span)

    def check_element(self, array: str, indices: tuple[Affine, ...]) -> Array:
        declared = self.arrays.get(array)
        if declared is None:
            self.fail(f"the array {array!r} is not declared")
        if len(indices) != len(declared.shape):
            self.fail(f"{array!r} has rank {len(declared.shape)} but {len(indices)} subscripts")
        self.check_affine(indices, f"a subscript of {array!r},")
        return declared


def _check_declarations(program: Program) -> Mapping[str, Array]:
    span = program.span
    names = [size.name for size in program.sizes] + [array.name for array in program.arrays]
    seen: set[str] = set()
    for name in names:
        if not name:
            _fail(span, "a size or an array has an empty name")
        if name in seen:
            _fail(span, f"{name!r} is declared twice")
        seen.add(name)
    for size in program.sizes:
        if not size.dtype.is_integer:
            _fail(span, f"the size {size.name!r} has type {size.dtype}, which is no integer type")
        if size.value is not None and size.value < size.minimum:
            _fail(span, f"the size {size.name!r} is {size.value}, below its minimum {size.minimum}")
    sizes = frozenset(size.name for size in program.sizes)
    for array in program.arrays:
        scope = _Scope({}, sizes, array.span)
        scope.check_affine(array.shape, f"an extent of {array.name!r},")
    _check_parameters(program)
    return {array.name: array for array in program.arrays}


def _check_parameters(program: Program) -> None:
    span = program.span
    expected = {size.name for size in program.sizes if size.is_parameter}
    expected |= {array.name for array in program.arrays if array.role is Role.PARAMETER}
    if len(set(program.parameters)) != len(program.parameters):
        _fail(span, "a parameter is listed twice")
    for name in program.parameters:
        if name not in expected:
            _fail(span, f"{name!r} is listed as a parameter but is not declared as one")
    for name in sorted(expected - set(program.parameters)):
        _fail(span, f"{name!r} is declared as a parameter but is not listed as one")
    scalars = {array.name for array in program.arrays if array.role is Role.PARAMETER and not array.shape}
    for name in sorted(program.by_value):
        if name not in scalars:
            _fail(span, f"{name!r} is passed by value but is not a parameter of rank 0")
    for name in sorted(program.globals - set(program.parameters)):
        _fail(span, f"{name!r} is a file-scope variable but is not listed as a parameter")


def _check_statements(body: tuple[Statement, ...], scope: _Scope) -> None:
    pending = [(statement, scope) for statement in reversed(body)]
    while pending:
        statement, outer = pending.pop()
        here = outer.at(statement.span)
        match statement:
            case Assign(array, indices, value):
                declared = here.check_element(array, indices)
                _check_expression(value, here)
                if value.dtype is not declared.dtype:
                    here.fail(f"{array!r} holds {declared.dtype} but is assigned {value.dtype}")
            case Loop(iv, lower, upper, inner):
                if not lower or not upper:
                    here.fail(f"the loop over {iv!r} lacks a bound")
                here.check_affine(lower, f"a lower bound of {iv!r},")
                here.check_affine(upper, f"an upper bound of {iv!r},")
                inside = here.with_index(iv, "induction variable")
                pending += [(child, inside) for child in reversed(inner)]
            case If(guard, then, otherwise):
                here.check_names(guard.names, f"the condition `{guard}`")
                pending += [(child, here) for child in reversed(then + otherwise)]
            case _:
                assert_never(statement)


def _check_expression(root: Expression, scope: _Scope) -> None:
    """Check every node once for each scope it occurs in; shared nodes make this a walk of a DAG."""
    scopes = {scope.indices: scope}
    pending = [(root, scope)]
    seen: set[tuple[int, frozenset[str]]] = set()
    while pending:
        expression, here = pending.pop()
        if (id(expression), here.indices) in seen:
            continue
        seen.add((id(expression), here.indices))
        inside = here
        if isinstance(expression, Reduce):
            for axis in expression.axes:
                here.check_affine((axis.extent,), f"the extent of {axis.name!r},")
                inside = inside.with_index(axis.name, "axis")
            inside = scopes.setdefault(inside.indices, inside)
        _check_node(expression, inside)
        pending += [(child, inside) for child in children(expression)]


def _check_node(expression: Expression, scope: _Scope) -> None:
    dtype = expression.dtype
    match expression:
        case Constant(value):
            _check_constant(value, dtype, scope)
        case IndexValue(index):
            if dtype is DType.I1:
                scope.fail(f"the index value `{index}` cannot be an i1")
            scope.check_affine((index,), "the index value")
        case GuardValue(guard):
            if dtype is not DType.I1:
                scope.fail(f"the condition `{guard}` is an i1, not {dtype}")
            scope.check_names(guard.names, f"the condition `{guard}`")
        case Load(array, indices):
            declared = scope.check_element(array, indices)
            if declared.dtype is not dtype:
                scope.fail(f"{array!r} holds {declared.dtype} but is loaded as {dtype}")
        case Apply():
            _check_apply(expression, scope)
        case Cast():
            pass
        case Reduce(body=body, guard=guard):
            scope.check_names(guard.names, f"the condition `{guard}`")
            if body.dtype is not dtype:
                scope.fail(f"a reduction of {body.dtype} cannot give {dtype}")
        case _:
            assert_never(expression)


def _check_constant(value: int | bool | float | Fraction, dtype: DType, scope: _Scope) -> None:
    if dtype is DType.I1:
        fits = isinstance(value, bool) or value in (0, 1)
    elif dtype.is_float:
        fits = not isinstance(value, bool)
    elif isinstance(value, int) and not isinstance(value, bool):
        lowest = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
        fits = lowest <= value < lowest + (1 << dtype.bits)
    else:
        fits = False
    if not fits:
        scope.fail(f"{value!r} is no constant of type {dtype}")


def _check_apply(expression: Apply, scope: _Scope) -> None:
    kind = FUNCTIONS[expression.function].kind
    operands = [operand.dtype for operand in expression.operands]
    result = expression.dtype
    if kind is Kind.SELECT:
        if operands[0] is not DType.I1:
            scope.fail(f"the condition of a select is {operands[0]}, not i1")
        operands = operands[1:]
    if any(dtype is not operands[0] for dtype in operands):
        scope.fail(f"{expression.function} of unlike types {', '.join(map(str, operands))}")
    given = operands[0]
    agrees = result is (DType.I1 if kind is Kind.COMPARISON else given)
    match kind:
        case Kind.ARITHMETIC:
            agrees = agrees and given is not DType.I1
        case Kind.LOGICAL:
            agrees = agrees and not given.is_float
        case Kind.TRANSCENDENTAL:
            agrees = agrees and given.is_float
        case Kind.COMPARISON | Kind.SELECT:
            pass
        case _:
            assert_never(kind)
    if not agrees:
        scope.fail(f"{expression.function} of {given} cannot give {result}")
