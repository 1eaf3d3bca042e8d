"""Which values the size parameters take: given, fixed by the source, told by shapes, or chosen.

The reasoning is interval propagation over the program's constraints, then a small search; both are
exact in what they accept, since every choice is checked against the constraints as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from exalift.affine import Affine, Constraint, FloorDiv, Guard, Program, solve_sizes
from exalift.base import UsageError

SMALLEST_DEFAULT = 8
_ROUNDS = 64
_NODES = 4000


class Origin(Enum):
    """Why a size has the value that it has."""

    GIVEN = "given by the caller"
    FIXED = "fixed by the source"
    LARGEST = "the largest that the source's fixed extents admit"
    ASSUMED = "a small default"


@dataclass(frozen=True, slots=True)
class ChosenSize:
    name: str
    value: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Sizes:
    """A value for every size of a program."""

    chosen: tuple[ChosenSize, ...]

    @property
    def values(self) -> dict[str, int]:
        return {size.name: size.value for size in self.chosen}

    @property
    def assumed(self) -> tuple[ChosenSize, ...]:
        """The sizes that nothing determines."""
        return tuple(size for size in self.chosen if size.origin is Origin.ASSUMED)

    @property
    def fixed(self) -> dict[str, int]:
        """The values that are given or that the source fixes."""
        kinds = (Origin.GIVEN, Origin.FIXED)
        return {size.name: size.value for size in self.chosen if size.origin in kinds}

    @property
    def determined(self) -> dict[str, int]:
        """The values that do not rest on a default."""
        return {size.name: size.value for size in self.chosen if size.origin is not Origin.ASSUMED}


# A linear row `constant + sum(coefficient * variable) >= 0`; a floor division is a variable of its own,
# bounded from both sides by two more rows.
_Row = tuple[tuple[tuple[str, int], ...], int]
_Interval = tuple[int | None, int | None]


def _rows(constraints: Iterable[Constraint]) -> list[_Row]:
    rows: list[_Row] = []
    pending: list[tuple[Affine, bool]] = [(c.expression, c.equality) for c in constraints]
    seen: set[str] = set()
    while pending:
        expression, equality = pending.pop()
        terms: list[tuple[str, int]] = []
        for atom, coefficient in expression.terms:
            terms.append((str(atom), coefficient))
            if isinstance(atom, FloorDiv) and str(atom) not in seen:
                seen.add(str(atom))
                quotient = Affine.symbol(str(atom)) * atom.denominator
                pending.append((atom.numerator - quotient, False))
                pending.append((quotient + (atom.denominator - 1) - atom.numerator, False))
        rows.append((tuple(terms), expression.constant))
        if equality:
            rows.append((tuple((name, -c) for name, c in terms), -expression.constant))
    return rows


def _largest(coefficient: int, interval: _Interval) -> int | None:
    """The largest value of `coefficient * x` for x in the interval; None where it is unbounded."""
    end = interval[1] if coefficient > 0 else interval[0]
    return None if end is None else coefficient * end


def _propagate(rows: Sequence[_Row], intervals: dict[str, _Interval]) -> bool:
    """Narrow the intervals in place; False where one becomes empty."""
    for _ in range(_ROUNDS):
        changed = False
        for terms, constant in rows:
            reach = [_largest(c, intervals.get(name, (None, None))) for name, c in terms]
            for position, (name, coefficient) in enumerate(terms):
                others = [r for p, r in enumerate(reach) if p != position]
                if any(r is None for r in others):
                    continue
                # coefficient * x >= -(constant + the most that the other terms can add)
                slack = constant + sum(r for r in others if r is not None)
                low, high = intervals.get(name, (None, None))
                if coefficient > 0:
                    bound = -(slack // coefficient)
                    low = bound if low is None else max(low, bound)
                else:
                    bound = slack // -coefficient
                    high = bound if high is None else min(high, bound)
                if (low, high) != intervals.get(name, (None, None)):
                    intervals[name] = (low, high)
                    changed = True
                if low is not None and high is not None and low > high:
                    return False
            if not terms and constant < 0:
                return False
        if not changed:
            break
    return True


def _candidates(interval: _Interval, used: Sequence[int], largest_first: bool) -> Iterator[int]:
    """Values worth trying, likely ones first."""
    low = 1 if interval[0] is None else interval[0]
    high = interval[1]
    if largest_first and high is not None:
        yield from range(high, max(low, high - 16) - 1, -1)
        return
    if low > SMALLEST_DEFAULT:
        stop = low + 16 if high is None else min(low + 16, high + 1)
        yield from range(low, stop)
        return
    top = SMALLEST_DEFAULT + len(used) + 16
    stop = top if high is None else min(top, high + 1)
    wanted = [*range(SMALLEST_DEFAULT, stop), *range(min(SMALLEST_DEFAULT, stop) - 1, low - 1, -1)]
    yield from (value for value in wanted if value not in used)
    yield from (value for value in wanted if value in used)


def _holds(constraints: Sequence[Constraint], values: Mapping[str, int]) -> bool:
    return Guard.of(*constraints).at(values)


@dataclass(frozen=True, slots=True)
class _Frame:
    """One open choice of the search: the intervals before it, and the values still to try."""

    intervals: dict[str, _Interval]
    name: str
    values: Iterator[int]


def _solve(
    constraints: Sequence[Constraint],
    intervals: dict[str, _Interval],
    order: Sequence[str],
    bounded: set[str],
) -> dict[str, int] | None:
    """Values for the names of `order` that satisfy the constraints; depth-first with propagation."""
    rows = _rows(constraints)
    if not _propagate(rows, intervals):
        return None

    def frame(depth: int, state: dict[str, _Interval]) -> _Frame:
        name = order[depth]
        used = [state[n][0] or 0 for n in order[:depth]]
        return _Frame(state, name, _candidates(state[name], used, name in bounded))

    stack = [frame(0, intervals)] if order else []
    for _ in range(_NODES):
        if not stack:
            break
        value = next(stack[-1].values, None)
        if value is None:
            stack.pop()
            continue
        state = {**stack[-1].intervals, stack[-1].name: (value, value)}
        if not _propagate(rows, state):
            continue
        if len(stack) < len(order):
            stack.append(frame(len(stack), state))
            continue
        values = {name: interval[0] for name, interval in state.items() if interval[0] is not None}
        if _holds(constraints, values):
            return values
    if not order:
        values = {name: interval[0] for name, interval in intervals.items() if interval[0] is not None}
        return values if _holds(constraints, values) else None
    return None


def _conjunctions(program: Program) -> list[list[Constraint]]:
    """The program's constraints as a list of alternatives; extents are not negative."""
    extents = [
        Constraint(extent) for array in program.arrays for extent in array.shape if not extent.is_constant
    ]
    known = {size.name for size in program.sizes}
    extents = [c for c in extents if c.expression.names <= known]
    return [[*conjunction, *extents] for conjunction in program.constraints.disjuncts]


def check_given(program: Program, given: Mapping[str, int]) -> None:
    """Raise UsageError where a given name is not a size parameter, or its value is too small."""
    parameters = {size.name: size for size in program.sizes if size.is_parameter and size.value is None}
    for name, value in given.items():
        size = parameters.get(name)
        if size is None:
            offer = ", ".join(parameters) or "none"
            what = f"{program.name} has no size parameter {name!r} (its size parameters: {offer})"
            if name in program.parameters:
                raise UsageError(f"{what}; {name} is data, an argument of the lifted function")
            raise UsageError(f"{what}; if {name} is a macro, set it with -D {name}={value}")
        if value < size.minimum:
            raise UsageError(
                f"size {name} = {value} is too small: {program.name} needs at least {size.minimum}"
            )


def choose_sizes(program: Program, given: Mapping[str, int]) -> Sizes:
    """A value for every size of `program`.

    What is given or fixed stays. A size that fixed extents bound from above gets the largest admissible
    value; any other a small default, different from the others where it can be.
    Raises UsageError for unknown names and for values that break the program's constraints.
    """
    check_given(program, given)
    known = {s.name: s.value for s in program.sizes if s.value is not None} | dict(given)
    free = [s.name for s in program.sizes if s.name not in known]
    for constraints in _conjunctions(program):
        intervals: dict[str, _Interval] = {s.name: (s.minimum, None) for s in program.sizes}
        intervals |= {name: (value, value) for name, value in known.items()}
        trial = dict(intervals)
        if not _propagate(_rows(constraints), trial):
            continue
        bounded = {name for name in free if trial[name][1] is not None}
        order = [n for n in free if n in bounded] + [n for n in free if n not in bounded]
        values = _solve(constraints, intervals, order, bounded)
        if values is not None:
            return Sizes(tuple(_chosen(s.name, values, given, bounded, free) for s in program.sizes))
    shown = ", ".join(f"{name} = {value}" for name, value in known.items()) or "any sizes"
    raise UsageError(f"{program.name} does not admit {shown}: its subscripts need {program.constraints}")


def _chosen(
    name: str, values: Mapping[str, int], given: Mapping[str, int], bounded: set[str], free: Sequence[str]
) -> ChosenSize:
    if name in given:
        origin = Origin.GIVEN
    elif name not in free:
        origin = Origin.FIXED
    else:
        origin = Origin.LARGEST if name in bounded else Origin.ASSUMED
    return ChosenSize(name, values[name], origin)


def infer_sizes(
    shapes: Iterable[tuple[str, Sequence[Affine], Sequence[int]]],
    names: Sequence[str],
    known: Mapping[str, int],
    fallback: Mapping[str, int],
) -> dict[str, int]:
    """The sizes that make declared shapes equal to those of arrays that are passed.

    `shapes` has (argument's name, declared shape, actual shape); `known` is fixed, `fallback` is used for
    sizes that no shape tells. Raises UsageError where a shape does not fit or a size stays unknown.
    """
    rows = list(shapes)
    for name, declared, actual in rows:
        if len(declared) != len(actual):
            raise UsageError(f"argument {name} has rank {len(actual)}, not {len(declared)}")
    equations = [
        (extent, value)
        for _, declared, actual in rows
        for extent, value in zip(declared, actual, strict=True)
    ]
    values = solve_sizes(equations, known)
    values |= {name: value for name, value in fallback.items() if name not in values}
    values = solve_sizes(equations, values)
    missing = [name for name in names if name not in values]
    if missing:
        raise UsageError(
            f"the arrays' shapes do not tell the size{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"pass sizes, for example sizes={{{missing[0]!r}: 100}}"
        )
    for name, declared, actual in rows:
        wanted = tuple(extent.at(values) for extent in declared)
        if wanted != tuple(actual):
            shown = ", ".join(f"{key} = {value}" for key, value in values.items())
            raise UsageError(f"argument {name} has shape {tuple(actual)}, not {wanted} (for {shown})")
    return values


def suggest_sizes(program: Program, given: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Values that are given, fixed or told by fixed extents; and small defaults for all others.

    Raises UsageError as `choose_sizes`.
    """
    chosen = choose_sizes(program, given)
    return chosen.determined, {size.name: size.value for size in chosen.assumed}
