"""Recurrences whose sums run down columns, turned so that they run along rows.

    for j: x[j] = (x[j] - sum k < j. x[k] * U[k,j]) / d[j]
  =>
    for j: x[j] = x[j] / d[j];  for l > j: x[l] = x[l] - x[j] * U[j,l]

Each finished element is given to all that wait for it, instead of being collected by each of them. It is
allowed where the sum reads, of what the loop writes, finished elements alone, and done where that makes
neighbours of what is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exalift.affine import Affine, Apply, Constraint, Expression, Load, Reduce

from .inequalities import feasible, implied
from .masks import identity_value
from .program import Assignment, Block, Buffer, Item, Sequential, extent_of
from .terms import Pool, postorder

_CHAINS = {"add": "add", "subtract": "add", "maximum": "maximum", "minimum": "minimum"}


@dataclass(frozen=True, slots=True)
class Scatterer:
    """Turns loops of one statement."""

    pool: Pool
    buffers: Mapping[str, Buffer]

    def items(self, items: Sequence[Item], context: tuple[Constraint, ...]) -> tuple[Item, ...]:
        found: list[Item] = []
        for item in items:
            if isinstance(item, Sequential):
                # Loops nest as deep as the source's own do, so this recursion is short.
                turned = self._turned(item, context)
                inner = (*context, *item.constraints)
                found.append(turned or replace(item, body=self.items(item.body, inner)))
            else:
                found.append(item)
        return tuple(found)

    def _turned(self, loop: Sequential, context: tuple[Constraint, ...]) -> Sequential | None:
        statement = _only_statement(loop)
        if statement is None:
            return None
        sums = [term for term in postorder(statement.body) if isinstance(term, Reduce)]
        known = (*context, *loop.constraints)
        if len(sums) != 1 or len(sums[0].axes) != 1 or len(sums[0].guard.disjuncts) != 1:
            return None
        total, iv = sums[0], Affine.symbol(loop.iv)
        shape = self.buffers[statement.array].shape
        axis = next((e for index, e in zip(statement.indices, shape, strict=True) if index == iv), None)
        sign = _sign_in_chain(statement, total)
        if axis is None or sign is None or total.dtype is not self.buffers[statement.array].dtype:
            return None
        if not self._gains(total, loop.iv) or not self._is_safe(statement, total, loop, known):
            return None
        rest = self.pool.rewrite(statement.body, {id(total): self._neutral(total)})
        scattered = self._scattered(statement, total, loop, sign, axis)
        body = (Block((replace(statement, body=rest),), True), Block((scattered,), True))
        return replace(loop, body=body)

    def _neutral(self, total: Reduce) -> Expression:
        if total.function == "add":
            return self.pool.nothing(total.dtype)
        return self.pool.constant(identity_value(total.function, total.dtype), total.dtype)

    def _gains(self, total: Reduce, iv: str) -> bool:
        """Whether the sum steps over rows somewhere, and its transpose nowhere."""
        name = total.axes[0].name
        along = [
            self.buffers[t.array].linear(t.indices) for t in postorder(total.body) if isinstance(t, Load)
        ]
        strided = any(position.coefficient(name) not in (0, 1) for position in along)
        return strided and all(position.coefficient(iv) in (0, 1) for position in along)

    def _is_safe(
        self, statement: Assignment, total: Reduce, loop: Sequential, known: tuple[Constraint, ...]
    ) -> bool:
        name, iv = Affine.symbol(total.axes[0].name), Affine.symbol(loop.iv)
        inside = (*known, *total.guard.disjuncts[0], Constraint(name))
        wanted = [Constraint(iv - name - 1), *(Constraint(name - bound) for bound in loop.lower)]
        if not all(implied(constraint, inside) for constraint in wanted):
            return False
        other = Affine.symbol("other'")
        written = tuple(index.substitute({loop.iv: other}) for index in statement.indices)
        range_ = [Constraint(c.expression.substitute({loop.iv: other})) for c in loop.constraints]
        finished = tuple(index.substitute({loop.iv: name}) for index in statement.indices)
        below = {id(term) for term in postorder(total.body)}
        for term in postorder(statement.body):
            if not isinstance(term, Load) or term.array != statement.array:
                continue
            if id(term) in below:
                # In the sum: elements that are finished, or that the loop does not write.
                clashes = term.indices != finished
                later: tuple[Constraint, ...] = ()
            else:
                clashes, later = term.indices != statement.indices, (Constraint(other - iv),)
            same = [Constraint(a - b, equality=True) for a, b in zip(term.indices, written, strict=True)]
            if clashes and feasible([*inside, *range_, *later, *same]):
                return False
        return True

    def _scattered(
        self, statement: Assignment, total: Reduce, loop: Sequential, sign: str, extent: int
    ) -> Assignment:
        """What a finished element adds to every later one."""
        axis = self.pool.fresh_axis(extent, "l")
        later, iv = Affine.symbol(axis.name), Affine.symbol(loop.iv)
        swap = {total.axes[0].name: iv, loop.iv: later}
        indices = tuple(index.substitute({loop.iv: later}) for index in statement.indices)
        guard = total.guard.substitute(swap).disjuncts[0]
        bounds = [Constraint(later - iv - 1), *(Constraint(bound - later - 1) for bound in loop.upper)]
        bounds += [Constraint(-iv + (extent_of(total.axes[0]) - 1))]
        before = self.pool.load(statement.array, indices, total.dtype)
        part = self.pool.substitute(total.body, swap)
        body = self.pool.apply(sign, (before, part), total.dtype)
        return Assignment(statement.array, (axis,), indices, body, (*guard, *bounds), statement.lines)


def _only_statement(loop: Sequential) -> Assignment | None:
    if len(loop.body) != 1 or not isinstance(loop.body[0], Block):
        return None
    block = loop.body[0]
    if len(block.assignments) != 1 or block.assignments[0].axes or block.assignments[0].domain:
        return None
    return block.assignments[0]


def _sign_in_chain(statement: Assignment, total: Reduce) -> str | None:
    """The function by which parts of the sum may be put into the element beforehand: "add", "subtract",
    "maximum" or "minimum"; None where element and sum are not operands of one chain of it."""
    own = [t for t in postorder(statement.body) if isinstance(t, Load)]
    element = next((t for t in own if t.array == statement.array and t.indices == statement.indices), None)
    if element is None or _uses(statement.body, element) != 1 or _uses(statement.body, total) != 1:
        return None
    for root in postorder(statement.body):
        if isinstance(root, Apply) and _CHAINS.get(root.function) == total.function:
            signs = _leaves(root, total.function)
            if signs.get(id(element)) == 1 and id(total) in signs:
                if signs[id(total)] == 1:
                    return total.function
                return "subtract" if total.function == "add" else None
    return None


def _leaves(root: Expression, function: str) -> dict[int, int]:
    """The operands of a chain, by identity, with their signs."""
    found: dict[int, int] = {}
    stack: list[tuple[Expression, int]] = [(root, 1)]
    while stack:
        term, sign = stack.pop()
        if isinstance(term, Apply) and _CHAINS.get(term.function) == function:
            left, right = term.operands
            stack += [(left, sign), (right, -sign if term.function == "subtract" else sign)]
        else:
            found[id(term)] = sign
    return found


def _uses(root: Expression, wanted: Expression) -> int:
    """How often a term is an operand."""
    count = 0
    for term in postorder(root):
        match term:
            case Apply(_, operands, _):
                count += sum(operand is wanted for operand in operands)
            case Reduce(_, _, body, _, _):
                count += body is wanted
            case _:
                pass
    return count
