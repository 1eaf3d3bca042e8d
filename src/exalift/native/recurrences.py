"""Loops in order whose elements are a multiple of the one before and a rest: the rest is taken apart.

    for j: x[j] = (x[j-1] + x[j] + x[j+1]) / 9    =>    for j: x[j] = 1/9 * x[j-1] + (x[j] + x[j+1]) * 1/9

An element then waits for one fused multiply-add instead of all that stands around the one before it. As
everywhere on this device, sums are reassociated; a quotient by a number becomes a product here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exalift.affine import Affine, Apply, Constant, Expression, Load

from .program import Assignment, Block, Item, Sequential
from .terms import Pool, postorder

_LINEAR = frozenset({"add", "subtract", "multiply", "divide", "negate"})


@dataclass(frozen=True, eq=False, slots=True)
class _Linear:
    """`factor * x + rest`; no rest is zero."""

    factor: float
    rest: Expression | None


@dataclass(frozen=True, slots=True)
class Recurrences:
    """Rewrites the innermost loops of one statement without axes."""

    pool: Pool

    def items(self, items: Sequence[Item]) -> tuple[Item, ...]:
        found: list[Item] = []
        for item in items:
            if isinstance(item, Sequential):
                # Loops nest as deep as the source's own do, so this recursion is short.
                found.append(self._apart(item) or replace(item, body=self.items(item.body)))
            else:
                found.append(item)
        return tuple(found)

    def _apart(self, loop: Sequential) -> Sequential | None:
        if len(loop.body) != 1 or not isinstance(loop.body[0], Block):
            return None
        block = loop.body[0]
        if len(block.assignments) != 1 or block.assignments[0].axes:
            return None
        statement = block.assignments[0]
        body = self._rewritten(statement, loop.iv)
        if body is None:
            return None
        return replace(loop, body=(replace(block, assignments=(replace(statement, body=body),)),))

    def _rewritten(self, statement: Assignment, iv: str) -> Expression | None:
        dtype = statement.body.dtype
        earlier = {iv: Affine.symbol(iv) - 1}
        indices = tuple(index.substitute(earlier) for index in statement.indices)
        before = self.pool.load(statement.array, indices, dtype)
        order = postorder(statement.body)
        if not dtype.is_float or indices == statement.indices or before not in order:
            return None
        if not all(isinstance(t, Load | Constant) or _is_linear(t) for t in order):
            return None
        found = self._parts(order, before)
        if found is None or found.rest is None or not found.factor:
            return None
        factor = self.pool.constant(found.factor, dtype)
        times = self.pool.apply("multiply", (factor, before), dtype)
        return self.pool.apply("add", (times, found.rest), dtype)

    def _parts(self, order: Sequence[Expression], before: Expression) -> _Linear | None:
        """The last of some terms, operands first, as a linear form; None where it is none with a number as
        its factor."""
        parts: dict[int, _Linear] = {}
        for term in order:
            if term is before:
                parts[id(term)] = _Linear(1.0, None)
                continue
            operands = [parts[id(o)] for o in term.operands] if isinstance(term, Apply) else []
            if not isinstance(term, Apply) or not any(part.factor for part in operands):
                parts[id(term)] = _Linear(0.0, term)
                continue
            made = self._combined(term, operands)
            if made is None:
                return None
            parts[id(term)] = made
        return parts[id(order[-1])]

    def _combined(self, term: Apply, parts: Sequence[_Linear]) -> _Linear | None:
        pool, dtype = self.pool, term.dtype
        if term.function in ("add", "subtract"):
            sign = 1 if term.function == "add" else -1
            first, second = (part.rest for part in parts)
            rest = first
            if second is not None and first is not None:
                rest = pool.apply(term.function, (first, second), dtype)
            elif second is not None:
                rest = second if sign == 1 else pool.apply("negate", (second,), dtype)
            return _Linear(parts[0].factor + sign * parts[1].factor, rest)
        if term.function == "negate":
            return self._times(parts[0], -1.0, term)
        numbers = [_number(operand) for operand in term.operands]
        if numbers[1] is not None and (term.function == "multiply" or numbers[1]):
            by = numbers[1] if term.function == "multiply" else 1.0 / numbers[1]
            return self._times(parts[0], by, term)
        if numbers[0] is not None and term.function == "multiply":
            return self._times(parts[1], numbers[0], term)
        return None

    def _times(self, part: _Linear, by: float, term: Apply) -> _Linear:
        if part.rest is None:
            return _Linear(part.factor * by, None)
        number = self.pool.constant(by, term.dtype)
        return _Linear(part.factor * by, self.pool.apply("multiply", (part.rest, number), term.dtype))


def _is_linear(term: Expression) -> bool:
    return isinstance(term, Apply) and term.function in _LINEAR and term.dtype.is_float


def _number(term: Expression) -> float | None:
    return float(term.value) if isinstance(term, Constant) else None
