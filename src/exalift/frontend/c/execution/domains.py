"""How often a loop runs: its condition, an inequality in t once the closed forms are put in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exalift.base import DType, Span

from ..reading import Expr, refusal
from ..terms import (
    Atom,
    Both,
    Bound,
    Comparison,
    Condition,
    Known,
    Poly,
    Wrapped,
    both,
    choice,
    compare,
    floor,
    has_data,
    trips,
)
from .indices import explain
from .induction import LoopState

if TYPE_CHECKING:
    from .execution import Execution

HINT = "write a loop whose number of iterations follows from sizes and outer counters"


@dataclass(frozen=True, slots=True)
class Domain:
    """The iterations 0 <= t < each of `counts`, run only where `entry` holds."""

    counts: tuple[Poly, ...]
    entry: Condition
    needs: tuple[Poly, ...]
    bounds: tuple[Bound, ...]


def find_domain(execution: Execution, loop: LoopState, condition: Condition, test: Expr) -> Domain:
    span = test.span
    counts: list[Poly] = []
    needs: list[Poly] = []
    bounds: list[Bound] = []
    entry: Condition = Known(True)
    for part in _conjuncts(execution, condition, test):
        left, right = (
            _looked_through(p.substitute(loop.closed), loop.time, bounds) for p in (part.left, part.right)
        )
        slope, rest = _linear(part.relation, left, right, loop.time, span)
        if part.relation == "eq":
            raise refusal(span, "a loop that runs while two numbers are equal", "write an `if`")
        if part.relation == "ne":
            count = _meets(slope, rest, span)
        elif slope < 0:
            count = floor(rest, -slope) + 1
        else:
            entry = both(entry, compare("ge", rest, Poly(), DType.I64))
            continue
        counts.append(count)
        if part.relation == "ne" or not loop.statement.test_first:
            needs.append(count)
    if not counts:
        raise refusal(span, "the loop does not come closer to its end, so it may not end", HINT)
    if not loop.statement.test_first:
        if not isinstance(entry, Known):
            raise refusal(span, "the condition of this `do` loop is not supported", HINT)
        counts = [count + 1 for count in counts]
    return Domain(tuple(counts), entry, tuple(needs), tuple(bounds))


def _conjuncts(execution: Execution, condition: Condition, test: Expr) -> list[Comparison]:
    pending, found = [condition], list[Comparison]()
    while pending:
        part = pending.pop()
        match part:
            case Both(left, right):
                pending += [right, left]
            case Known(True):
                pass
            case Comparison():
                found.append(part)
            case _ if has_data(part):
                why = explain(execution, test)
                raise refusal(test.span, f"the condition of the loop depends on data{why}", HINT)
            case _:
                raise refusal(test.span, "the condition of the loop has an `||`", HINT)
    return found


def _looked_through(poly: Poly, time: str, bounds: list[Bound]) -> Poly:
    """Without the wraps around what changes in the loop; that nothing wraps is proved later."""

    def change(atom: Atom) -> Poly:
        if isinstance(atom, Wrapped) and time in atom.operand.symbols:
            bounds.append(Bound(atom.operand, atom.dtype))
            return _looked_through(atom.operand, time, bounds)
        return Poly.atom(atom)

    return poly.map_atoms(change)


def _linear(relation: str, left: Poly, right: Poly, time: str, span: Span) -> tuple[int, Poly]:
    """The comparison as `slope * t + rest >= 0` (or `!= 0`)."""
    match relation:
        case "lt":
            form = right - left - 1
        case "le":
            form = right - left
        case "gt":
            form = left - right - 1
        case _:
            form = left - right
    parts = form.split(time)
    slope = parts.get(1, Poly()).constant if parts is not None else None
    if parts is None or slope is None or set(parts) - {0, 1}:
        raise refusal(
            span,
            "the number of iterations is not affine",
            "step by a constant, and compare with a sum of sizes and outer counters",
        )
    return slope, parts.get(0, Poly())


def _meets(slope: int, rest: Poly, span: Span) -> Poly:
    """The t at which `slope * t + rest` is 0."""
    count = (-rest).divided_exactly(slope) if slope else None
    if count is None:
        raise refusal(span, "a loop that ends at `!=` but may step over its end", "use `<` or `>`")
    return count


def iterations(domain: Domain, test_first: bool) -> Poly:
    """The number of iterations, for what is used after the loop."""
    least = domain.counts[0]
    for other in domain.counts[1:]:
        least = choice(compare("lt", least, other, DType.I64), least, other)
    if test_first:
        least = trips(least)
    return choice(domain.entry, least, Poly())
