"""What scalar functions do to normal forms: arithmetic as sums of products, the rest by its own laws."""

from __future__ import annotations

from fractions import Fraction

from exalift.affine import Affine, Condition, Constraint, Guard
from exalift.base import DType

from .clamps import clamped, integer_orders, raised, real_orders
from .extrema import INFINITY, combination, combine, members
from .index_values import (
    by_sign,
    combined,
    constant_of,
    extremum,
    index_pieces,
    interval,
    of_pieces,
    quotient,
    type_range,
)
from .opaque import Interval, Registry, cells, inverted
from .sums import (
    INDEX,
    TRUTH,
    Factor,
    Sum,
    Term,
    UndecidedError,
    Work,
    difference_is_zero,
    index_number,
    multiplied,
    number,
    restricted,
    scaled,
    unequal,
)

_COMBINED = frozenset({"maximum", "minimum", "and", "or", "xor"})
_SHIFTS = frozenset({"shift_left", "shift_right_logical", "shift_right_arithmetic"})
_LESS, _EQUAL, _POSITIVE = "is less", "is equal", "is positive"


class Values:
    """Functions of normal forms; `everywhere` is what is known of sizes and induction variables."""

    def __init__(self, registry: Registry, work: Work, everywhere: Condition) -> None:
        self.registry = registry
        self.work = work
        self.everywhere = everywhere
        self.zero_divisors: list[Condition] = []
        """Where divisors that are known from sizes and indices are 0, since this was last cleared."""

    def index(self, index: Affine, dtype: DType, where: Condition) -> Sum:
        """An index as a number of some type."""
        return index_number(index, where)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Fraction:
        """The number that a literal stands for."""
        return Fraction(value)

    def negative_zero(self, where: Condition) -> Sum:
        """Minus zero, which is zero among the reals."""
        return ()

    def opaque(
        self, function: str, arguments: tuple[Sum, ...], where: Condition, within: Interval | None = None
    ) -> Sum:
        """A function without laws of its own, on each part of `where` on which its arguments are uniform."""
        return self.any_of(function, [arguments], where, within)

    def any_of(
        self,
        function: str,
        alternatives: list[tuple[Sum, ...]],
        where: Condition,
        within: Interval | None = None,
    ) -> Sum:
        found: list[Term] = []
        for cell in cells(alternatives[0], where):
            factor = self.registry.value(function, alternatives, cell, within)
            found.append(Term(Fraction(1), cell, (), (factor,)))
        return tuple(found)

    def apply(self, function: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        """The function of operands of type `of`, at the points of `where`. Not for `select`."""
        if of is DType.I1:
            return self._logic(function, values)
        if function in ("add", "subtract", "multiply", "divide", "negate"):
            return self._arithmetic(function, values, of, where)
        if function.startswith("compare_"):
            return self._compared(function[8:], values, of, where)
        if function in _COMBINED:
            return self._combined(function, values, of, where)
        if function == "abs" and (of.is_float or of.is_signed):
            return self._combined("maximum", (values[0], scaled(values[0], -1)), of, where)
        if of.is_integer:
            found = self._integer(function, values, of, where)
            if found is not None:
                return found
        if function == "rsqrt":
            root = self.opaque(f"sqrt_{_field(of)}", values, where)
            return self._arithmetic("divide", (number(1, where), root), of, where)
        if function == "exponential":
            return self._exponential(values[0], where)
        return self.opaque(f"{function}_{_field(of)}", values, where)

    def _arithmetic(self, function: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        if of.is_float:
            _check_infinity(function, values)
        match function:
            case "add":
                return values[0] + values[1]
            case "subtract":
                return values[0] + scaled(values[1], -1)
            case "negate":
                return scaled(values[0], -1)
            case "multiply":
                return multiplied(values[0], values[1], self.work)
            case _ if of.is_float:
                self._watch(values[1], where)
                inverse = inverted(values[1], where, self.registry)
                if isinstance(inverse, Factor):
                    inverse = Term(Fraction(1), where, (), (inverse,))
                return multiplied(values[0], (inverse,), self.work)
            case _:
                return self._divided(values[0], values[1], of, where)

    def _watch(self, divisor: Sum, where: Condition) -> None:
        """Remember where a divisor that is told by sizes and indices is 0."""
        told = all(not t.bound and t.kind in ((), ((INDEX, 1, 1),)) for t in divisor)
        if told and any(term.factors for term in divisor):
            zero = where - unequal(divisor, (), where, self.work)
            if not zero.is_empty:
                self.zero_divisors.append(zero)

    def _integer(self, function: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum | None:
        """Shifts, remainders and `not`; None where no more is known than the arguments."""
        if function == "not":
            return scaled(values[0], -1) + number(-1, where)
        if function not in _SHIFTS | {"remainder"}:
            return None
        second = index_pieces(values[1], of, where)
        by = constant_of(second) if second else None
        if by is None:
            return None
        if function == "remainder":
            if by <= 0:
                return None
            whole = self._divided(values[0], values[1], of, where)
            return values[0] + scaled(whole, -by)
        if not 0 <= by < of.bits:
            return None
        if function == "shift_left":
            return scaled(values[0], 1 << by)
        first = index_pieces(values[0], of, where)
        if first is not None and (of.is_signed and function == "shift_right_arithmetic"):
            return of_pieces([(w, v // (1 << by)) for w, v in first])
        low, _ = interval(values[0], of, self.registry) or (-1, -1)
        plain = low >= 0 or (first is not None and not any(negative for *_, negative in by_sign(first)))
        unsigned = not of.is_signed and function == "shift_right_logical"
        # Of a value that is not negative, both shifts are divisions; but an unsigned type's sign bit counts.
        if unsigned or (plain and (of.is_signed or _half(self._range(values[0], of), of))):
            return self._divided(values[0], number(1 << by, where), of, where)
        return None

    def _range(self, value: Sum, of: DType) -> Interval:
        return interval(value, of, self.registry) or type_range(of)

    def _divided(self, above: Sum, below: Sum, of: DType, where: Condition) -> Sum:
        """Integer division, which rounds towards 0."""
        second = index_pieces(below, of, where)
        by = constant_of(second) if second else None
        if by is not None and by > 0:
            first = index_pieces(above, of, where)
            if first is not None:
                return of_pieces(quotient(first, by))
            known = interval(above, of, self.registry)
            if known is not None and known[0] >= 0:
                # The type does not matter where both numbers are exact.
                within = (0, known[1] // by)
                return self.opaque("quotient", (above, number(by, where)), where, within)
        return self.opaque(f"divide_{of}", (above, below), where)

    def _combined(self, function: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        if function in ("maximum", "minimum") and of.is_integer:
            pieces = [index_pieces(value, of, where) for value in values]
            first, second = pieces
            if first is not None and second is not None:
                return of_pieces(extremum(first, second, function == "maximum"))
        kept = raised(values, of, where, self.registry) if function == "minimum" else None
        if kept is not None:
            low, high, value = kept
            below = self._combined("minimum", (number(high, where), value), of, where)
            return self._combined("maximum", (number(low, where), below), of, where)
        how = combination(function, of, self.everywhere)
        taken = tuple(term for value in values for term in members(value, where, (), self.registry))
        within = None
        if function == "and":
            masks = [t.coefficient for t in taken if not t.factors and where.implies(t.where)]
            positive = [int(mask) for mask in masks if mask >= 0]
            within = (0, min(positive)) if positive else None
        return combine(how, taken, where, self.registry, within)

    def _exponential(self, value: Sum, where: Condition) -> Sum:
        """The exponential of minus infinity is 0."""
        found: Sum = ()
        for cell in cells([value], where):
            endless = [t for t in value if t.factors == (INFINITY,) and cell.implies(t.where)]
            others = [t for t in value if INFINITY in t.factors and t not in endless]
            if len(endless) == 1 and endless[0].coefficient < 0 and not restricted(tuple(others), cell):
                continue
            here = restricted(value, cell)
            found += self.opaque("exponential_real", (here,), cell)
        return found

    def _logic(self, function: str, values: tuple[Sum, ...]) -> Sum:
        """On truths, which are 0 and 1, logic is arithmetic."""
        one = number(1, self.everywhere)
        if function == "not":
            return one + scaled(values[0], -1)
        both = multiplied(values[0], values[1], self.work)
        match function:
            case "and" | "multiply" | "minimum":
                return both
            case "or" | "maximum":
                return values[0] + values[1] + scaled(both, -1)
            case "xor" | "compare_ne":
                return values[0] + values[1] + scaled(both, -2)
            case "compare_eq":
                return one + scaled(values[0], -1) + scaled(values[1], -1) + scaled(both, 2)
            case "compare_gt":
                return values[0] + scaled(both, -1)
            case "compare_lt":
                return values[1] + scaled(both, -1)
            case "compare_ge":
                return one + scaled(values[1], -1) + both
            case "compare_le":
                return one + scaled(values[0], -1) + both
            case _:
                raise UndecidedError(f"{function} of truths")

    def _compared(self, direction: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        if direction in ("gt", "le"):
            # a > b is b < a; a <= b is not b < a.
            values = values[::-1]
        holds = self._less_or_equal(direction in ("eq", "ne"), values, of, where)
        return holds if direction in ("lt", "gt", "eq") else number(1, where) + scaled(holds, -1)

    def _less_or_equal(self, equal: bool, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        """Whether the first is less than the second, or equal to it."""
        first, second = (index_pieces(value, of, where) for value in values)
        if first is not None and second is not None:
            found: Sum = ()
            for cell, x, y in combined(first, second):
                row = Constraint(x - y, True) if equal else Constraint(y - x - 1)
                found += restricted(number(1, cell), Condition.of(Guard.of(row)))
            return found
        if of.is_float:
            _check_infinity("compare", values)
        if equal:
            difference = values[0] + scaled(values[1], -1)
            either = [(difference,), (scaled(difference, -1),)]
            return self.any_of(f"{_EQUAL} {_field(of)}", either, where)
        if of.is_float:
            return self.opaque(_POSITIVE, (values[1] + scaled(values[0], -1),), where)
        return self.opaque(f"{_LESS} {of}", values, where)

    def chosen_extremum(self, chosen: Sum, yes: Sum, no: Sum, of: DType, where: Condition) -> Sum | None:
        """`a < b ? b : a` is a maximum, and so on; a tie gives the same either way."""
        flag = _one_truth(chosen, where)
        if flag is None:
            return None
        factor, negated = flag
        if negated:
            yes, no = no, yes
        found = self.registry.arguments(factor, _POSITIVE if of.is_float else f"{_LESS} {of}")
        if found is None:
            return None
        if of.is_float:
            sign = self._proportion(yes + scaled(no, -1), found[0], where)
            orders = real_orders(found[0], yes, no)
        else:
            sign = self._order((found[0], found[1]), yes, no, of, where)
            orders = integer_orders(found[0], found[1], yes, no)
        if sign:
            return self._combined("maximum" if sign > 0 else "minimum", (yes, no), of, where)
        kept = (clamped(order, of, where, self.registry, self.work) for order in orders)
        function = next((name for name in kept if name is not None), None)
        return None if function is None else self._combined(function, (yes, no), of, where)

    def _proportion(self, value: Sum, other: Sum, where: Condition) -> int:
        """The sign of the number that `value` is `other` times; 0 where there is none."""
        if not value or not other:
            return 0
        for term in other:
            if term.kind != value[0].kind or not term.coefficient:
                continue
            ratio = value[0].coefficient / term.coefficient
            for factor in (ratio, -ratio):
                if difference_is_zero(value, scaled(other, factor), where, self.work):
                    return 1 if factor > 0 else -1
        return 0

    def _order(self, compared: tuple[Sum, Sum], yes: Sum, no: Sum, of: DType, where: Condition) -> int:
        """1 where the larger of two integers is chosen if `low < high`, -1 where the smaller, 0 otherwise."""
        low, high = compared

        def same(left: Sum, right: Sum) -> bool:
            return difference_is_zero(left, right, where, self.work)

        if same(yes, high) and same(no, low):
            return 1
        if same(yes, low) and same(no, high):
            return -1
        # x < 0 ? -x : x, which is right for the least integer too: that is its own negative. What is unsigned
        # is never below 0.
        if of.is_signed and not high and same(no, low) and same(yes, scaled(low, -1)):
            return 1
        return 0

    def cast(self, value: Sum, before: DType, after: DType, where: Condition) -> Sum:
        """A conversion as C has it."""
        if before is after or before is DType.I1 or (before.is_float and after.is_float):
            return value
        if after is DType.I1:
            holds = self._compared("ne", (value, ()), before, where)
            return holds
        if before.is_float:
            if after.is_integer and index_pieces(value, after, where) is not None:
                return value
            return self.opaque(f"truncate_{after}", (value,), where)
        # A narrower integer is a remainder of the ring's elements, sums and products kept.
        if after.is_integer and after.bits <= before.bits:
            return value
        # A load that may be out of bounds is 0 there, and 0 is 0 in every type.
        return tuple(term for cell in cells([value], where) for term in self._widened(value, before, cell))

    def _widened(self, value: Sum, before: DType, where: Condition) -> Sum:
        """The number that an integer is, whatever it is put into, on a part where its terms are uniform."""
        value = restricted(value, where)
        if (
            interval(value, before, self.registry) is not None
            or index_pieces(value, before, where) is not None
        ):
            return value
        return self.opaque(f"value_{before}", (value,), where, type_range(before))


def _one_truth(value: Sum, where: Condition) -> tuple[Factor, bool] | None:
    """The opaque truth that a value is, or the negation of one."""
    flags = [t for t in value if len(t.factors) == 1 and t.factors[0].name.startswith(TRUTH)]
    rest = [t for t in value if t not in flags]
    if len(flags) != 1 or any(t.bound or not where.implies(t.where) for t in value):
        return None
    total = sum((t.coefficient for t in rest if not t.factors), Fraction(0))
    if any(t.factors for t in rest) or (flags[0].coefficient, total) not in ((1, 0), (-1, 1)):
        return None
    return flags[0].factors[0], total == 1


def _check_infinity(function: str, values: tuple[Sum, ...]) -> None:
    """Raises UndecidedError where the arithmetic of infinities is not that of numbers."""
    endless = [[term for term in value if INFINITY in term.factors] for value in values]
    together = len(values) == 2 and any(
        not (a.where & b.where).is_empty for a in endless[0] for b in endless[1]
    )
    if together or (any(endless) and function in ("multiply", "divide")):
        raise UndecidedError("arithmetic on infinities")


def _half(known: Interval, of: DType) -> bool:
    """Whether the values are below the sign bit."""
    return known[0] >= 0 and known[1] < 1 << (of.bits - 1)


def _field(dtype: DType) -> str:
    """Floating-point numbers of all widths are reals; integers differ by width and sign."""
    return "real" if dtype.is_float else str(dtype)
