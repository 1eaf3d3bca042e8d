"""Splits of reductions: into sums, outer factors, contractions, windows, or a body to be reduced."""

from __future__ import annotations

from dataclasses import replace

from exalift.affine import (
    ALWAYS,
    FUNCTIONS,
    Affine,
    Apply,
    Constant,
    Constraint,
    Expression,
    Formula,
    Guard,
    GuardValue,
    Load,
    Reduce,
    free_symbols,
    loads,
)
from exalift.base import DType

from .contractions import split_contraction
from .elementwise import guarded
from .factors import Product, expression_of, factorise, is_factor
from .orders import natural_order
from .scope import Scope, Split, hints_for, rewritten
from .windows import is_window, split_convolution, unroll


def split_reduce(goal: Formula, body: Reduce, scope: Scope) -> tuple[Split, ...]:
    """The ways to compute a reduction, likely the cheapest first."""
    body = _condition_as_guard(goal, body)
    for load in loads(body.body):
        if body.function == "add" and is_factor(load, body.body):
            body = replace(body, guard=drop_in_bounds(body.guard, load, scope))
    outer = _split_guard_outside(goal, body)
    if outer:
        return outer
    if body.function != "add":
        return (*unroll(goal, body, scope), *_materialise(goal, body, scope))
    pulled = _pull_out_factors(goal, body)
    if pulled:
        return pulled
    summed = _split_sum(goal, body)
    windows = (*split_convolution(goal, body, scope), *unroll(goal, body, scope))
    contracted = split_contraction(goal, body, scope)
    whole = _materialise(goal, body, scope)
    if windows:
        return (*windows, *summed, *whole)
    if summed and not _contracts(body):
        return (*whole, *summed)
    return (*summed, *contracted, *whole)


def _condition_as_guard(goal: Formula, body: Reduce) -> Reduce:
    """`sum r. select(condition, e, 0)` over a window -> `sum r where condition. e`, as other sums have it."""
    match body.body:
        case Apply(function="select", operands=(GuardValue(guard=guard), value, Constant() as otherwise)):
            is_identity = otherwise.value == identity_of(body.function, body.dtype).value
            if is_identity and any(is_window(load, goal, body) for load in loads(value)):
                return replace(body, body=value, guard=body.guard & guard)
        case _:
            pass
    return body


def identity_of(function: str, dtype: DType) -> Constant:
    """The identity of a reducing function, as a literal."""
    match FUNCTIONS[function].identity:
        case "zero":
            return Constant(False if dtype is DType.I1 else 0, dtype)
        case "one":
            return Constant(1, dtype)
        case "ones":
            return Constant(True if dtype is DType.I1 else -1, dtype)
        case "lowest" | "highest" as end:
            sign = -1 if end == "lowest" else 1
            if dtype.is_float:
                return Constant(sign * float("inf"), dtype)
            top = (1 << (dtype.bits - dtype.is_signed)) - 1
            bottom = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
            return Constant(top if sign > 0 else bottom, dtype)
        case other:
            raise ValueError(f"{function} has no identity ({other})")


def _split_guard_outside(goal: Formula, body: Reduce) -> tuple[Split, ...]:
    """Conditions that do not use the reduced axes -> `select(condition, reduction, identity)`."""
    if len(body.guard.disjuncts) != 1 or body.guard.is_always:
        return ()
    bound = {axis.name for axis in body.axes}
    conjunction = body.guard.disjuncts[0]
    outside = tuple(c for c in conjunction if not c.expression.names & bound)
    if not outside:
        return ()
    inside = Guard((tuple(c for c in conjunction if c not in outside),))
    rest = replace(body, guard=inside)
    rewrite = guarded(Guard((outside,)), rest, identity_of(body.function, body.dtype))
    return (rewritten(Formula(goal.axes, rewrite), "conditions outside of a reduction"),)


def _pull_out_factors(goal: Formula, body: Reduce) -> tuple[Split, ...]:
    """`sum k. a(i) * b(i, k)` -> `a(i) * sum k. b(i, k)`; only where order of integers allows."""
    product = factorise(body.body)
    outer, inner = product.depending_on(frozenset(axis.name for axis in body.axes))
    if outer.is_one or (outer.denominators and not body.dtype.is_float):
        return ()
    if not inner.numerators and not inner.denominators:
        return ()
    rest = replace(body, body=expression_of(inner, body.dtype))
    scaled = Product((*outer.numerators, rest), outer.denominators, outer.negated)
    rewrite = expression_of(scaled, body.dtype)
    return (rewritten(Formula(goal.axes, rewrite), "factors outside of a sum"),)


def _split_sum(goal: Formula, body: Reduce) -> tuple[Split, ...]:
    """`sum k. (a + b)` -> `sum k. a + sum k. b`."""
    match body.body:
        case Apply(function="add" | "subtract" as function, operands=(left, right)):
            parts = (replace(body, body=left), replace(body, body=right))
            rewrite = Apply(function, parts, body.dtype)
            return (rewritten(Formula(goal.axes, rewrite), "a sum of sums"),)
        case _:
            return ()


def _contracts(body: Reduce) -> bool:
    """Whether some term of the body is a product of factors over different axes."""
    bound = frozenset(axis.name for axis in body.axes)
    stack: list[Expression] = [body.body]
    while stack:
        node = stack.pop()
        match node:
            case Apply(function="add" | "subtract", operands=operands):
                stack += operands
            case _:
                factors = factorise(node).numerators
                symbols = [free_symbols(factor) for factor in factors]
                dependent = [names for names in symbols if names & bound]
                union = frozenset[str]().union(*dependent)
                if len(dependent) > 1 and all(names != union for names in dependent):
                    return True
    return False


def _materialise(goal: Formula, body: Reduce, scope: Scope) -> tuple[Split, ...]:
    """`reduce k. e(i, k)` -> `tmp[i, k] = e(i, k)`, within the limit on intermediates."""
    axes = (*goal.axes, *body.axes)
    if not scope.fits(axes) or any(is_window(load, goal, body) for load in loads(body.body)):
        return ()
    order = natural_order(body.body, axes)
    kept = tuple(axis for axis in order if axis not in body.axes)
    if kept != goal.axes:
        return (Split((Formula(kept, body),), hints_for(goal), "axes in the arrays' order"),)
    masked = guarded(body.guard, body.body, identity_of(body.function, body.dtype))
    hints = hints_for(goal, functions=(body.function,))
    return (Split((Formula(order, masked),), hints, "the body of a reduction"),)


def drop_in_bounds(guard: Guard, load: Load, scope: Scope) -> Guard:
    """The guard without the constraints that only keep `load` in bounds: outside it reads 0 anyway."""
    if len(guard.disjuncts) != 1 or guard.is_always:
        return guard
    shape = scope.arrays[load.array].shape
    free: set[Affine] = set()
    for index, extent in zip(load.indices, shape, strict=True):
        free |= {index, extent - 1 - index}
    kept: tuple[Constraint, ...] = tuple(
        c for c in guard.disjuncts[0] if c.equality or c.expression not in free
    )
    return Guard((kept,)) if kept else ALWAYS
