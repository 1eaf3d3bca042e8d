"""Reading, declaring and setting variables: followed symbolically, or kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exalift.affine import Constant, Role
from exalift.base import DType, Span

from ..reading import Declaration, Storage, refusal
from ..terms import (
    Access,
    Arithmetic,
    Atom,
    Condition,
    Datum,
    PointerValue,
    Poly,
    Tracked,
    Unset,
    Value,
    Wrapped,
    as_data,
    as_tracked,
    choice,
    converted,
    has_data,
    is_parameter_symbol,
    symbols_of,
    wrapped,
)
from . import initializers
from .indices import known_extents, maybe_extents

if TYPE_CHECKING:
    from .execution import Execution


def read(execution: Execution, declaration: Declaration, span: Span) -> Value:
    """The value of a variable, an array as the pointer that it decays to."""
    key = execution.key(declaration)
    if key not in execution.values and key not in execution.memories:
        _first_use(execution, declaration, span)
    content = execution.values.get(key)
    if content is not None:
        execution.used |= symbols_of(content)
    match content:
        case Tracked(poly, dtype):
            bare = isinstance(poly.single_atom, str) and is_parameter_symbol(str(poly))
            narrow = 1 < dtype.bits < 32 and not bare
            return Tracked(wrapped(poly, dtype) if narrow else poly, dtype)
        case PointerValue() | Datum():
            return content
        case Unset(reason):
            if declaration.type.pointer:
                raise refusal(span, f"the pointer `{declaration.name}` is not known here: {reason}")
            memory = execution.demote(declaration, reason)
        case None:
            memory = execution.memories[key]
    if memory.extents:
        zeros = (Poly(),) * len(memory.extents)
        inner = tuple(extent for extent in memory.extents[1:] if extent is not None)
        return PointerValue(memory, zeros, inner)
    return execution.fetch(memory, (), span)


def _first_use(execution: Execution, declaration: Declaration, span: Span) -> None:
    """Make a file-scope or static variable known; locals and parameters are, by their declarations."""
    key, declared = execution.key(declaration), declaration.type
    if declaration.storage is not Storage.GLOBAL:
        # Declared on a path that was not taken, or followed until it was demoted.
        if declared.pointer or declared.extents:
            raise refusal(span, f"`{declaration.name}` is not known here")
        execution.scalar(declaration)
        return
    if declared.constant and declaration.initializer is not None:
        initializers.constant_variable(execution, declaration)
        return
    execution.globals.setdefault(key, declaration)
    name, dtype = declaration.name, declared.element
    if declared.pointer or declared.extents:
        given = maybe_extents(execution, declared.extents)
        shape = (None, *given) if declared.pointer else given
        memory = execution.memory(
            key, name, dtype, shape, declaration.span, Role.PARAMETER, pointer=declared.pointer
        )
        if declared.pointer:
            inner = tuple(extent for extent in shape[1:] if extent is not None)
            execution.follow(declaration, PointerValue(memory, (Poly(),) * len(shape), inner))
    elif execution.is_followed(declaration) and dtype is not DType.I1:
        execution.follow(declaration, parameter(execution, declaration))
    else:
        execution.scalar(declaration)


def parameter(execution: Execution, declaration: Declaration) -> Tracked:
    """An integer that the caller gives, as a symbol of its name."""
    key, dtype = execution.key(declaration), declaration.type.element
    for name, (known, _) in execution.symbols.items():
        if known == key:
            return Tracked(Poly.of(name), dtype)
    name = declaration.name
    while name in execution.symbols:
        name += "_"
    execution.symbols[name] = (key, dtype)
    return Tracked(Poly.of(name), dtype)


def declare(execution: Execution, declaration: Declaration) -> None:
    """A local declaration, with its initialiser."""
    declared, key, span = declaration.type, execution.key(declaration), declaration.span
    if declaration.storage is Storage.GLOBAL:
        return
    if declaration.storage is Storage.STATIC:
        if not declared.constant or declaration.initializer is None:
            raise refusal(
                span,
                f"the static variable `{declaration.name}` keeps its value between calls",
                "make it a parameter, or `static const` with an initialiser",
            )
        if key not in execution.memories and key not in execution.values:
            initializers.constant_variable(execution, declaration)
        return
    first = declaration.initializer
    if declared.pointer:
        execution.follow(declaration, Unset("it is not set", undefined=True))
        if first is not None:
            set_pointer(
                execution, declaration, initializers.pointer_value(execution, declaration, first), span
            )
    elif declared.extents:
        initializers.declare_array(execution, declaration)
    elif first is None:
        if execution.is_followed(declaration):
            execution.follow(declaration, Unset("it is read before it is set", undefined=True))
        else:
            execution.scalar(declaration)
    else:
        with execution.full_expression(first):
            value = converted(execution.arithmetic(first), declared.element)
        _initialize(execution, declaration, value)
        execution.flush()


def _initialize(execution: Execution, declaration: Declaration, value: Arithmetic) -> None:
    facts = execution.frame.facts
    never_set = declaration.key not in facts.assigned and declaration.key not in facts.addressed
    expression = as_data(value)
    # A name for a constant; or, where nothing may be stored, for an expression of a function that
    # changes nothing.
    named = isinstance(expression, Constant) or (execution.conditional > 0 and execution.frame.quiet)
    if never_set and named and not execution.is_followed(declaration):
        execution.follow(declaration, Datum(expression))
        return
    set_scalar(execution, declaration, value, declaration.span)


def set_scalar(execution: Execution, declaration: Declaration, value: Arithmetic, span: Span) -> None:
    """`declaration = value`, the value being of its type."""
    if execution.is_followed(declaration) and declaration.storage is Storage.GLOBAL:
        execution.demote(declaration, "the function sets it")
    if execution.is_followed(declaration):
        followed = as_tracked(value)
        if followed is not None:
            execution.check_unconditional(span)
            execution.follow(declaration, Tracked(_unwrapped(followed.value, followed.dtype), followed.dtype))
            return
        execution.demote(declaration, f"it is set from data at line {span.line}")
    memory = execution.scalar(declaration)
    execution.store(Access(memory, (), span), as_data(value), span)


def _unwrapped(poly: Poly, dtype: DType) -> Poly:
    """The same modulo 2^bits of the type, without wraps to it or to wider ones.

    Reading wraps again, so that `i = i + 1` is a step by one for a narrow or unsigned `i` as well.
    """

    def change(atom: Atom) -> Poly:
        if isinstance(atom, Wrapped) and atom.dtype.bits >= dtype.bits and dtype is not DType.I1:
            return _unwrapped(atom.operand, dtype)
        return Poly.atom(atom)

    return poly.map_atoms(change)


def set_pointer(execution: Execution, declaration: Declaration, value: Value, span: Span) -> None:
    execution.check_unconditional(span)
    if declaration.storage is Storage.GLOBAL:
        raise refusal(
            span,
            f"the pointer `{declaration.name}` at file scope is changed",
            "copy it into a local pointer, and move that",
        )
    if not isinstance(value, PointerValue):
        raise refusal(span, f"`{declaration.name}` is set to something that is not followed")
    if value.memory.dtype is not declaration.type.element:
        raise refusal(
            span,
            f"elements of type {value.memory.dtype} are seen as {declaration.type.element} through a pointer",
            "copy them into an array of the other type",
        )
    inner = declaration.type.extents if declaration.type.pointer else declaration.type.extents[1:]
    shape = known_extents(execution, inner, span)
    execution.follow(declaration, PointerValue(value.memory, value.indices, shape))


def merged_pointer(test: Condition, then: PointerValue, otherwise: PointerValue) -> PointerValue | None:
    """The pointer that is one of two by a condition; None where it cannot be followed."""
    if then == otherwise:
        return then
    if then.memory is not otherwise.memory or then.extents != otherwise.extents or has_data(test):
        return None
    pairs = zip(then.indices, otherwise.indices, strict=True)
    return PointerValue(then.memory, tuple(choice(test, a, b) for a, b in pairs), then.extents)
