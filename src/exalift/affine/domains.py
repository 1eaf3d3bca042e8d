"""Affine conditions as isl sets, and back.

Two forms are used. A *condition* is a set of parameter values only: every symbol (size, induction
variable, axis) is an isl parameter, matched by name, so that conditions of different origin combine
freely. A *tuple set* has the induction variables of one statement as its dimensions, which is what
dataflow and lexicographic extrema need.

Source: S. Verdoolaege, "isl: An Integer Set Library for the Polyhedral Model" (ICMS 2010) and the isl
manual, sections "Sets and Relations" and "Piecewise Quasi Affine Expressions".
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import islpy as isl

from .affine_expression import Affine, FloorDiv
from .expressions import Axis
from .guards import ALWAYS, Constraint, Guard
from .ir import Program

NOMINAL_SIZE = 100
"""The value of every size where two symbolic extents must be compared."""

_OPERATIONS = 1_000_000
_PARAM = isl.dim_type.param
_SET = isl.dim_type.set
_IN = isl.dim_type.in_
_DIV = isl.dim_type.div


class DomainError(Exception):
    """isl gave up: an unbounded set, or more work than `limited` allows."""


@contextmanager
def limited(operations: int = _OPERATIONS) -> Generator[None]:
    """Turn isl's errors, running past `operations` (0: no limit) among them, into `DomainError`."""
    context = isl.DEFAULT_CONTEXT
    before = context.get_max_operations()
    context.reset_operations()
    context.set_max_operations(operations)
    try:
        yield
    except isl.Error as error:
        raise DomainError(str(error)) from error
    finally:
        context.set_max_operations(before)
        context.reset_operations()


def renew_operations() -> None:
    """Let isl do as many operations again as `limited` allows; for callers that look at the clock between."""
    isl.DEFAULT_CONTEXT.reset_operations()


def encode(name: str) -> str:
    """A symbol's name as an isl identifier; prefixed, since isl has keywords such as `max` and `mod`."""
    if name.isascii() and name.isidentifier():
        return f"x_{name}"
    return f"y_{name.encode().hex()}"


def decode(name: str) -> str:
    return name[2:] if name.startswith("x_") else bytes.fromhex(name[2:]).decode()


def affine_text(affine: Affine) -> str:
    """An expression in isl's notation."""
    parts = [str(affine.constant)]
    for atom, coefficient in affine.terms:
        match atom:
            case str():
                text = encode(atom)
            case FloorDiv(numerator, denominator):
                text = f"floor(({affine_text(numerator)})/{denominator})"
        parts.append(f"{coefficient}*{text}")
    return " + ".join(parts)


def guard_text(guard: Guard) -> str:
    """A condition in isl's notation."""
    if guard.is_always:
        return "0 = 0"
    if not guard.disjuncts:
        return "0 = 1"
    return " or ".join(
        "(" + " and ".join(f"{affine_text(c.expression)} {'=' if c.equality else '>='} 0" for c in d) + ")"
        for d in guard.disjuncts
    )


def names_text(names: Iterable[str]) -> str:
    return ", ".join(encode(name) for name in names)


@lru_cache(maxsize=4096)
def condition(guard: Guard) -> isl.Set:
    """The condition that a guard states."""
    return isl.Set(f"[{names_text(sorted(guard.names))}] -> {{ : {guard_text(guard)} }}")


def between(name: str, lower: Iterable[Affine], upper: Iterable[Affine]) -> Guard:
    """`max(lower) <= name < min(upper)`."""
    symbol = Affine.symbol(name)
    rows = [Constraint(symbol - bound) for bound in lower]
    return Guard.of(*rows, *(Constraint(bound - symbol - 1) for bound in upper))


def size_context(program: Program) -> isl.Set:
    """What is known of the sizes: their minima, and the program's constraints."""
    minima = Guard.of(*(Constraint(Affine.symbol(size.name) - size.minimum) for size in program.sizes))
    known = condition(program.constraints & minima)
    # Contradictory constraints would make every question vacuously true.
    return condition(minima) if known.is_empty() else known


def parameter_names(item: isl.Set | isl.BasicSet) -> tuple[str, ...]:
    return tuple(decode(item.get_dim_name(_PARAM, k) or "") for k in range(item.dim(_PARAM)))


def exists(item: isl.Set, names: Iterable[str]) -> isl.Set:
    """The condition that some values of `names` satisfy the given one."""
    for name in names:
        position = item.find_dim_by_name(_PARAM, encode(name))
        if position >= 0:
            item = item.project_out(_PARAM, position, 1)
    return item


def exists_all_but(item: isl.Set, kept: Iterable[str]) -> isl.Set:
    """The condition on the names in `kept` that some values of all others satisfy the given one."""
    kept = frozenset(kept)
    return exists(item, [name for name in parameter_names(item) if name not in kept])


def tuple_set(item: isl.Set, name: str, dimensions: Sequence[str]) -> isl.Set:
    """The set of points `name[dimensions]` that satisfy a condition."""
    text = ", ".join(encode(d) for d in dimensions)
    universe = isl.Set(
        f"[{text}] -> {{ {name}[{', '.join('d_' + encode(d) for d in dimensions)}]"
        f" : {' and '.join(f'd_{encode(d)} = {encode(d)}' for d in dimensions) or '0 = 0'} }}"
    )
    points = universe.intersect_params(item)
    return exists(points, dimensions)


def condition_of_points(points: isl.Set, dimensions: Sequence[str]) -> isl.Set:
    """The inverse of `tuple_set`: the dimensions become symbols named `dimensions`."""
    tuple_text = ", ".join(f"d_{k}" for k in range(len(dimensions)))
    equal = " and ".join(f"d_{k} = {encode(d)}" for k, d in enumerate(dimensions)) or "0 = 0"
    named = isl.Set(f"[{names_text(dimensions)}] -> {{ [{tuple_text}] : {equal} }}")
    return points.reset_tuple_id().intersect(named).params()


def integer(value: isl.Val) -> int:
    return int(value.get_num_si()) if value.is_int() else int(value.floor().get_num_si())


def to_affine(aff: isl.Aff) -> Affine:
    """The quasi-affine expression; a rational one is rounded down, as isl does."""
    denominator = aff.get_denominator_val()
    result = Affine.of(integer(aff.get_constant_val().mul(denominator)))
    for kind in (_PARAM, _IN):
        for k in range(aff.dim(kind)):
            coefficient = integer(aff.get_coefficient_val(kind, k).mul(denominator))
            if coefficient:
                result = result + Affine.symbol(decode(aff.get_dim_name(kind, k) or "")) * coefficient
    for k in range(aff.dim(_DIV)):
        coefficient = integer(aff.get_coefficient_val(_DIV, k).mul(denominator))
        if coefficient:
            result = result + to_affine(aff.get_div(k)) * coefficient
    return result // integer(denominator)


def _defines_division(expression: Affine) -> bool:
    """Whether `expression >= 0` only says what one of its floor divisions is."""
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv) and abs(coefficient) == atom.denominator:
            remainder = atom.numerator - Affine(((atom, atom.denominator),))
            if expression in (remainder, -remainder + (atom.denominator - 1)):
                return True
    return False


def to_guard(item: isl.Set) -> Guard:
    """A condition as a guard."""
    disjuncts: list[tuple[Constraint, ...]] = []
    for piece in item.coalesce().compute_divs().get_basic_sets():
        rows: list[Constraint] = []
        for row in piece.remove_redundancies().get_constraints():
            expression = to_affine(row.get_aff())
            # An equality, such as `i - 2*floor(i/2) - 1 == 0`, says more: which remainder it is.
            if row.is_equality() or not _defines_division(expression):
                rows.append(Constraint(expression, row.is_equality()))
        disjuncts.append(tuple(sorted(rows, key=lambda c: (not c.equality, str(c)))))
    return Guard(tuple(sorted(disjuncts, key=lambda d: [str(c) for c in d])))


def gist(item: isl.Set, known: isl.Set) -> Guard:
    """A small guard that is the given condition wherever `known` holds."""
    if known.is_subset(item):
        return Guard.of()
    return to_guard(item.coalesce().gist(known).coalesce())


def implies(item: isl.Set, guard: Guard) -> bool:
    return bool(item.is_subset(condition(guard)))


def nominal(affine: Affine, values: Mapping[str, int] | None = None) -> int:
    """The value with every symbol at its given value, or `NOMINAL_SIZE`."""
    given = values or {}
    return affine.at({name: given.get(name, NOMINAL_SIZE) for name in affine.names})


@dataclass(frozen=True, slots=True)
class Range:
    """`lower <= x < upper`."""

    lower: Affine
    upper: Affine

    @property
    def extent(self) -> Affine:
        return self.upper - self.lower

    def guard(self, name: str) -> Guard:
        return between(name, [self.lower], [self.upper])


def _piece_bounds(points: isl.Set, smallest: bool) -> list[Affine]:
    try:
        extreme = points.dim_min(0) if smallest else points.dim_max(0)
    except isl.Error:
        return []
    found: list[Affine] = []
    extreme.foreach_piece(lambda _, aff: found.append(to_affine(aff)))
    return found


def _facets(hull: isl.BasicSet, smallest: bool) -> list[Affine]:
    """The bounds on the only dimension that the constraints of a hull state."""
    found: list[Affine] = []
    for row in hull.get_constraints():
        aff = row.get_aff()
        coefficient = integer(aff.get_coefficient_val(_IN, 0))
        if not coefficient or (not row.is_equality() and (coefficient > 0) != smallest):
            continue
        without = aff.set_coefficient_val(_IN, 0, isl.Val(0))
        if without.involves_dims(_IN, 0, 1):  # inside a division
            continue
        rest = to_affine(without)
        if coefficient < 0:
            found.append(rest // -coefficient if not smallest else -((-rest) // -coefficient))
        else:
            found.append(-(rest // coefficient) if smallest else (-rest) // coefficient)
    return found


def bounds(item: isl.Set, name: str, given: Iterable[str]) -> Range:
    """The tightest range of `name`, affine in the symbols `given`, over all points of a condition.

    Where the exact bound is piecewise, the candidates are its pieces and the facets of the convex
    hull; the valid one that is tightest at nominal sizes is taken. Raises DomainError where there is none.
    """
    kept = exists_all_but(item, [*given, name])
    if kept.is_empty():
        return Range(Affine.of(0), Affine.of(0))
    points = tuple_set(kept, "", [name])
    symbol = Affine.symbol(name)

    def valid(candidates: Iterable[Affine], sign: int) -> list[Affine]:
        rows = [(c, Guard.of(Constraint((symbol - c) * sign))) for c in dict.fromkeys(candidates)]
        return [c for c, row in rows if implies(kept, row)]

    def best(smallest: bool) -> Affine:
        sign = 1 if smallest else -1
        # Convex hulls are costly, the more so with divisions; validity is checked on the exact set.
        ways: list[Callable[[], list[Affine]]] = [
            lambda: _piece_bounds(points, smallest),
            lambda: _facets(points.simple_hull(), smallest),
            lambda: _facets(points.remove_divs().polyhedral_hull(), smallest),
        ]
        found: list[Affine] = []
        for way in ways:
            try:
                with limited():
                    found = valid(way(), sign)
            except DomainError:
                continue
            if found:
                break
        else:
            raise DomainError(f"{name} has no affine bound")
        return max(found, key=lambda c: (sign * nominal(c), c.is_linear, -len(c.terms), str(c)))

    return Range(best(True), best(False) + 1)


def least_value(item: isl.Set, name: str) -> int | None:
    """The least value of a symbol over all points of a condition; None where there is none."""
    points = tuple_set(exists_all_but(item, [name]), "", [name])
    if points.is_empty():
        return None
    try:
        return integer(points.lexmin().sample_point().get_coordinate_val(isl.dim_type.set, 0))
    except isl.Error:
        return None


def equalities(item: isl.Set) -> tuple[Affine, ...]:
    """Expressions that are 0 all over a condition, as far as its affine hull tells."""
    rows = item.affine_hull().get_constraints()
    return tuple(to_affine(row.get_aff()) for row in rows if row.is_equality())


def only_value(item: isl.Set, name: str) -> Affine | None:
    """The value of a name where the other symbols of a condition determine it by one expression."""
    points = tuple_set(item, "", [name])
    try:
        pieces = _piece_bounds(points, True)
    except isl.Error:
        return None
    if len(set(pieces)) != 1:
        return None
    value = Constraint(Affine.symbol(name) - pieces[0], True)
    return pieces[0] if implies(item, Guard.of(value)) else None


def renamed(item: isl.Set, old: str, new: str) -> isl.Set:
    """The condition with one symbol renamed."""
    position = item.find_dim_by_name(_PARAM, encode(old))
    return item if position < 0 else item.set_dim_name(_PARAM, position, encode(new))


def is_implied(constraint: Constraint, context: Guard) -> bool:
    """Whether the constraint holds at every integer point of `context`."""
    return implies(condition(context), Guard.of(constraint))


def simplify_guard(guard: Guard, context: Guard) -> Guard:
    """A guard that agrees with the given one at every integer point of `context`, and is small.

    Floor divisions may come and go. Nothing is promised outside `context`.
    """
    return gist(condition(guard), condition(context))


def without(guard: Guard, axes: Iterable[Axis], context: Guard) -> Guard:
    """The condition, in `context`, that some point of the axes satisfies the guard."""
    axes = tuple(axes)
    inside = ALWAYS
    for axis in axes:
        inside = inside & between(axis.name, (Affine(),), (axis.extent,))
    points = condition(guard & inside & context)
    return gist(exists(points, [axis.name for axis in axes]), condition(context))
