"""Products as lists of factors, and conditions as masks on factors."""

from __future__ import annotations

from dataclasses import dataclass

from exalift.affine import Apply, Cast, Constant, Expression, Guard, Load, free_symbols
from exalift.base import DType

from .elementwise import guarded


@dataclass(frozen=True, slots=True)
class Product:
    """`(-1 if negated) * product(numerators) / product(denominators)`."""

    numerators: tuple[Expression, ...]
    denominators: tuple[Expression, ...]
    negated: bool

    def depending_on(self, names: frozenset[str]) -> tuple[Product, Product]:
        """The part without any of the symbols (it takes the sign), and the part with some."""

        def part(factors: tuple[Expression, ...], inside: bool) -> tuple[Expression, ...]:
            return tuple(f for f in factors if bool(free_symbols(f) & names) is inside)

        outer = Product(part(self.numerators, False), part(self.denominators, False), self.negated)
        inner = Product(part(self.numerators, True), part(self.denominators, True), False)
        return outer, inner

    @property
    def is_one(self) -> bool:
        return not (self.numerators or self.denominators or self.negated)


def factorise(expression: Expression) -> Product:
    """Flatten multiplications, negations and, for floating point, divisions; iterative.

    Integer division truncates and so is a factor of its own.
    """
    numerators: list[Expression] = []
    denominators: list[Expression] = []
    negated = False
    stack = [(expression, True)]
    while stack:
        node, above = stack.pop()
        match node:
            case Apply(function="multiply", operands=(left, right)):
                stack += [(right, above), (left, above)]
            case Apply(function="negate", operands=(operand,)):
                negated = not negated
                stack.append((operand, above))
            case Apply(function="divide", operands=(left, right), dtype=dtype) if dtype.is_float:
                stack += [(right, not above), (left, above)]
            case _:
                (numerators if above else denominators).append(node)
    return Product(tuple(numerators), tuple(denominators), negated)


def product_of(factors: tuple[Expression, ...], dtype: DType) -> Expression:
    """The factors multiplied from left to right; the constant 1 where there are none."""
    if not factors:
        return Constant(1, dtype)
    result = factors[0]
    for factor in factors[1:]:
        result = Apply("multiply", (result, factor), dtype)
    return result


def expression_of(product: Product, dtype: DType) -> Expression:
    """The product written out again."""
    result = product_of(product.numerators, dtype)
    if product.denominators:
        result = Apply("divide", (result, product_of(product.denominators, dtype)), dtype)
    return Apply("negate", (result,), dtype) if product.negated else result


def indicator(guard: Guard, dtype: DType) -> Expression:
    """1 where the guard holds and 0 elsewhere, as a factor."""
    return guarded(guard, Constant(1, dtype), Constant(0, dtype))


def is_factor(load: Load, expression: Expression) -> bool:
    """Whether the expression is a product that vanishes where `load` reads 0."""
    return any(_uncast(factor) == load for factor in factorise(expression).numerators)


def _uncast(expression: Expression) -> Expression:
    """What is converted, in one step or several: every conversion takes 0 to 0."""
    while isinstance(expression, Cast):
        expression = expression.operand
    return expression
