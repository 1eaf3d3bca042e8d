"""Splits of sums of products: masks go to factors, factors meet in pairs, a pair is a contraction."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from exalift.affine import (
    ALWAYS,
    Apply,
    Axis,
    Constant,
    Constraint,
    Expression,
    Formula,
    Guard,
    Reduce,
    free_symbols,
    loads,
)

from .elementwise import guarded
from .factors import factorise, indicator, product_of
from .orders import natural_order
from .scope import Scope, Split, hints_for, rewritten
from .windows import is_window


def split_contraction(goal: Formula, body: Reduce, scope: Scope) -> tuple[Split, ...]:
    """`sum k. product of factors` -> the two factors of a contraction, or a simpler sum of products."""
    product = factorise(body.body)
    if product.negated or (product.denominators and not body.dtype.is_float):
        return ()
    factors = product.numerators
    if product.denominators:
        factors = (*factors, *(_reciprocal(d) for d in product.denominators))
    if any(is_window(load, goal, body) for load in loads(body.body)):
        return ()
    if not body.guard.is_always:
        masked = _mask_factors(factors, body)
        if masked is None:
            return ()
        rewrite = replace(body, body=product_of(masked, body.dtype), guard=ALWAYS)
        return (rewritten(Formula(goal.axes, rewrite), "a condition as a mask on a factor"),)
    merged = _merge(factors, body)
    if merged is not None:
        return (rewritten(Formula(goal.axes, merged), "factors that meet first"),)
    if len(factors) != 2:
        return ()
    return _pair(goal, body, factors[0], factors[1])


def _reciprocal(factor: Expression) -> Expression:
    return Apply("divide", (Constant(1, factor.dtype), factor), factor.dtype)


def _mask_factors(factors: tuple[Expression, ...], body: Reduce) -> tuple[Expression, ...] | None:
    """Each constraint goes to the first factor that depends on all of its axes.

    A constraint on axes that no factor has together becomes a factor of its own, 1 or 0.
    """
    if len(body.guard.disjuncts) != 1:
        pending = [body.guard]
    else:
        pending = [Guard.of(constraint) for constraint in body.guard.disjuncts[0]]
    masks: dict[int, Guard] = {}
    left: tuple[Constraint, ...] = ()
    loose: list[Guard] = []
    axes = {axis.name for factor in factors for axis in body.axes if axis.name in free_symbols(factor)}
    others = frozenset[str]().union(*(free_symbols(factor) for factor in factors))
    for guard in pending:
        needed = guard.names & (others | axes)
        hosts = [n for n, factor in enumerate(factors) if needed <= free_symbols(factor)]
        if hosts:
            masks[hosts[0]] = masks.get(hosts[0], ALWAYS) & guard
        elif len(guard.disjuncts) == 1:
            left = (*left, *guard.disjuncts[0])
        else:
            loose.append(guard)
    zero = Constant(0, body.dtype)
    result = [guarded(masks[n], factor, zero) if n in masks else factor for n, factor in enumerate(factors)]
    if left:
        loose.append(Guard((left,)))
    return (*result, *(indicator(guard, body.dtype) for guard in loose))


def _merge(factors: tuple[Expression, ...], body: Reduce) -> Reduce | None:
    """Sum what one factor alone depends on, and join factors whose axes another one has as well."""
    if len(factors) < 2:
        return None
    symbols = [free_symbols(factor) for factor in factors]
    for n, factor in enumerate(factors):
        rest = frozenset[str]().union(*(s for m, s in enumerate(symbols) if m != n))
        alone = tuple(a for a in body.axes if a.name in symbols[n] and a.name not in rest)
        if alone and len(alone) < len(body.axes):
            inner = Reduce("add", alone, factor, body.dtype)
            kept = tuple(axis for axis in body.axes if axis not in alone)
            joined = product_of((*factors[:n], inner, *factors[n + 1 :]), body.dtype)
            return replace(body, axes=kept, body=joined)
    if len(factors) < 3:
        return None
    for n, m in combinations(range(len(factors)), 2):
        if symbols[n] <= symbols[m] or symbols[m] <= symbols[n]:
            return _joined(factors, n, m, body, ())
    for n, m in combinations(range(len(factors)), 2):
        rest = frozenset[str]().union(*(s for k, s in enumerate(symbols) if k not in (n, m)))
        alone = tuple(a for a in body.axes if a.name in symbols[n] & symbols[m] and a.name not in rest)
        if alone and len(alone) < len(body.axes):
            return _joined(factors, n, m, body, alone)
    return None


def _joined(factors: tuple[Expression, ...], n: int, m: int, body: Reduce, alone: tuple[Axis, ...]) -> Reduce:
    """The reduction with factors `n` and `m` as one, summed over the axes that they alone have."""
    pair: Expression = Apply("multiply", (factors[n], factors[m]), body.dtype)
    if alone:
        pair = Reduce("add", alone, pair, body.dtype)
    others = tuple(factor for k, factor in enumerate(factors) if k not in (n, m))
    # The pair is wrapped so that factorising does not take it apart again.
    joined = product_of((_opaque(pair), *others), body.dtype)
    kept = tuple(axis for axis in body.axes if axis not in alone)
    return replace(body, axes=kept, body=joined)


def _opaque(expression: Expression) -> Expression:
    if isinstance(expression, Reduce):
        return expression
    zero = Constant(0, expression.dtype)
    return Apply("add", (expression, zero), expression.dtype)


def _pair(goal: Formula, body: Reduce, left: Expression, right: Expression) -> tuple[Split, ...]:
    """Two factors: their values over their own axes, joined by a contraction.

    A contraction's result has the axes that both factors have, then those of one and those of the other, each
    in the order of its factor. A result in another order is a transposition of that.
    """
    axes = (*goal.axes, *body.axes)
    symbols = (free_symbols(left), free_symbols(right))
    if not all(any(axis.name in s for s in symbols) for axis in axes):
        return ()
    factors = tuple(
        Formula(natural_order(f, tuple(a for a in axes if a.name in s)), f)
        for f, s in zip((left, right), symbols, strict=True)
    )

    def order(first: int, second: int) -> tuple[Axis, ...]:
        ahead, behind = symbols[first], symbols[second]
        batch = tuple(a for a in goal.axes if a.name in ahead & behind)
        free = tuple(a for a in factors[first].axes if a in goal.axes and a.name not in behind)
        last = tuple(a for a in factors[second].axes if a in goal.axes and a.name not in ahead)
        return (*batch, *free, *last)

    orders = (order(0, 1), order(1, 0))
    if goal.axes not in orders:
        return (Split((Formula(orders[0], body),), hints_for(goal), "the axes of a contraction"),)
    hints = hints_for(goal, functions=("add", "multiply"))
    return (Split(tuple(dict.fromkeys(factors)), hints, "the factors of a contraction"),)
