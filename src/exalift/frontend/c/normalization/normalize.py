"""Statements with affine bounds and conditions; branches on data become selects.

    if (c) a[i] = x; else a[i] = y;     becomes     a[i] = c ? x : y;
    if (c) a[i] = x;                    becomes     a[i] = c ? x : a[i];

A condition on indices stays an `if`. Where both are mixed, the part on indices is taken outside, in C's
order of evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, permutations
from typing import assert_never

from exalift.affine import Affine, Constant, Guard, Role
from exalift.base import DType, Span

from ..reading import refusal
from ..terms import (
    Access,
    Atom,
    Both,
    BoundedLoop,
    Branch,
    Choice,
    Comparison,
    Condition,
    Draft,
    DraftStatement,
    Either,
    Fetch,
    Fill,
    Guarded,
    Iteration,
    Known,
    Memory,
    Negation,
    NormalStatement,
    Poly,
    Store,
    Test,
    TooComplexError,
    Wrapped,
    fetches,
    has_data,
    stores,
)
from . import idioms
from .context import Context, Ledger, poly_of
from .normalize_expressions import expression, truth
from .simplify import NotAffineError, Simplifier, SplitError, in_range, show

MAX_STATEMENTS = 20_000
MAX_DEPTH = 6
MAX_ORDERS = 24


@dataclass(frozen=True, slots=True)
class Site:
    """One access at one place, for choosing shapes."""

    access: Access
    context: Context
    is_store: bool


@dataclass
class Normalizer:
    """Turns drafts into normalised statements; `sites` collects every access.

    `order` chooses among the `orders` in which the factors of flat loops (`k < n * m`) may be nested.
    """

    ledger: Ledger
    table: dict[str, Poly]
    assumptions: dict[str, None]
    sites: list[Site] = field(default_factory=list[Site])
    order: int = 0
    orders: int = 1
    work: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        self.simplifier = Simplifier(self.ledger, self.table, self.assumptions)

    def count(self, span: Span) -> None:
        """Bound the work, which copies of branches could multiply."""
        self.work += 1
        if self.work > MAX_STATEMENTS:
            raise refusal(span, "the function is too large once its conditions are made explicit", "split it")

    # Conditions and subscripts.

    def guard(self, condition: Condition, context: Context) -> Guard | None:
        """A condition as an affine guard; None where it is not one."""
        condition = self.simplifier.resolved_condition(condition)
        if has_data(condition):
            return None
        try:
            return self.simplifier.guard(condition, context)
        except NotAffineError:
            return None
        except SplitError as split:
            if self.depth >= MAX_DEPTH:
                return None
            self.depth += 1
            try:
                return self._split_guard(condition, split.condition, context)
            finally:
                self.depth -= 1

    def sides(self, guard: Guard, context: Context) -> tuple[Context, Context]:
        """What is known where a condition holds, and where it does not."""
        try:
            opposite = self.simplifier.negation(guard, context)
        except NotAffineError:
            # Too many cases: what is known outside is forgotten, which is safe.
            return context.assume_guard(guard), context
        return context.assume_guard(guard), context.assume_guard(opposite)

    def _split_guard(self, condition: Condition, on: Condition, context: Context) -> Guard | None:
        case = self.guard(on, context)
        if case is None:
            return None
        then = self.guard(condition, context.assume_guard(case))
        try:
            opposite = self.simplifier.negation(case, context)
        except NotAffineError:
            return None
        otherwise = self.guard(condition, context.assume_guard(opposite))
        if then is None or otherwise is None:
            return None
        return (case & then) | (opposite & otherwise)

    def access(self, access: Access, context: Context, is_store: bool) -> Access:
        """The access with plain polynomials, noted as a site. Raises SplitError."""
        memory = access.memory
        try:
            indices = tuple(
                self.simplifier.plain(_unwrapped(self.simplifier.resolved(p)), context)
                for p in access.indices
            )
        except NotAffineError as error:
            raise refusal(
                access.span,
                f"the subscript of `{memory.name}` is not affine: {error}",
                "use sums of constant multiples of counters and sizes",
            ) from None
        except TooComplexError:
            raise refusal(access.span, f"the subscript of `{memory.name}` is too complex to follow") from None
        plain = Access(memory, indices, access.span)
        self.sites.append(Site(plain, context, is_store))
        return plain

    # Statements.

    def block(self, body: tuple[DraftStatement, ...], context: Context) -> tuple[NormalStatement, ...]:
        done: list[NormalStatement] = []
        for statement in body:
            done.extend(self.statement(statement, context))
        return tuple(done)

    def statement(self, statement: DraftStatement, context: Context) -> tuple[NormalStatement, ...]:
        self.count(statement.span)
        try:
            match statement:
                case Store(access, value, span):
                    target = self.access(access, context, True)
                    return (Store(target, expression(self, value, context, span), span),)
                case Fill():
                    return (statement,)
                case Iteration():
                    return self._loop(statement, context)
                case Branch(condition, then, otherwise, locals_, span):
                    return self.branch(condition, then, otherwise, locals_, context, span)
                case _:
                    assert_never(statement)
        except SplitError as split:
            return self._split(statement, split.condition, context)

    def _split(
        self, statement: DraftStatement, on: Condition, context: Context
    ) -> tuple[NormalStatement, ...]:
        """Two copies of a statement, for the two cases of a condition on indices."""
        guard = self.guard(on, context)
        if guard is None:
            raise refusal(
                statement.span,
                "which element or bound this is depends on a condition that is not affine",
                "compare counters and sizes in the condition",
            )
        inside, outside = self.sides(guard, context)
        decided = self.simplifier.decide
        if decided(on, inside) is not True or decided(on, outside) is not False:
            raise refusal(statement.span, "too many conditions decide about this statement", "split it")
        then, otherwise = self.statement(statement, inside), self.statement(statement, outside)
        return (Guarded(guard, then, otherwise, statement.span),)

    # Loops.

    def _loop(self, loop: Iteration, context: Context) -> tuple[NormalStatement, ...]:
        span = loop.span
        factors = self._factors(loop, context)
        if factors:
            return self._loop(self._nested(loop, factors), context)
        try:
            lower = self._ends(loop.lower, context, upper=False)
            upper = tuple(end for bound in loop.upper for end in self._ends(bound, context, upper=True))
            for need in loop.needs:
                count = self.simplifier.plain(need, context)
                if not self.ledger.ask(context, count):
                    raise refusal(
                        span,
                        f"the loop runs `{show(count)}` times, which may be negative, so it may not end",
                        "use `<` or `>` in its condition",
                    )
        except NotAffineError as error:
            raise refusal(
                span,
                f"the bounds of the loop are not affine: {error}",
                "use sums of constant multiples of sizes and outer counters",
            ) from None
        except TooComplexError:
            raise refusal(span, "the bounds of the loop are too complex to follow") from None
        counter = Poly.of(loop.symbol)
        starts = tuple(counter - poly_of(bound) for bound in lower)
        ends = tuple(poly_of(bound) - counter for bound in upper)
        self._check_bounds(loop, context.assume(*starts, *ends))
        inside = context.assume(*starts, *(end - 1 for end in ends))
        if self.ledger.impossible(inside):
            return ()
        body = self.block(loop.body, inside)
        return (BoundedLoop(loop.symbol, loop.name, lower, upper, body, span),) if body else ()

    def _factors(self, loop: Iteration, context: Context) -> tuple[Poly, ...]:
        """The factors of `n * m` where a loop from 0 runs to such a product; none otherwise."""
        if len(loop.upper) != 1:
            return ()
        try:
            lower, upper = (self.simplifier.plain(end, context) for end in (loop.lower, loop.upper[0]))
        except (NotAffineError, SplitError, TooComplexError):
            return ()
        if lower.terms or len(upper.terms) != 1 or upper.terms[0][1] < 1 or len(upper.terms[0][0]) < 2:
            return ()
        monomial, coefficient = upper.terms[0]
        names = list(self.ledger.minimum)
        if not all(isinstance(atom, str) and atom in names for atom in monomial):
            return ()
        factors = [Poly.of(str(atom)) for atom in sorted(monomial, key=lambda atom: names.index(str(atom)))]
        factors += [Poly.of(coefficient)] if coefficient > 1 else []
        orders = list(islice(permutations(factors), MAX_ORDERS))
        self.orders = max(self.orders, len(orders))
        return orders[self.order % len(orders)]

    def _nested(self, loop: Iteration, factors: tuple[Poly, ...]) -> Iteration:
        """`for (k < n * m)` as `for (i < n) for (j < m)` with `k = i * m + j`."""
        symbols = [f"{loop.symbol}.{position}" for position in range(len(factors))]
        flat = Poly()
        for symbol, factor in zip(symbols, factors, strict=True):
            flat = flat * factor + Poly.of(symbol)
        self.simplifier.define(loop.symbol, flat)
        bounds, body = loop.bounds, loop.body
        for symbol, factor in zip(reversed(symbols), reversed(factors), strict=True):
            inner = Iteration(symbol, loop.name, Poly(), (factor,), body, (), bounds, loop.span)
            body, bounds = (inner,), ()
        assert isinstance(body[0], Iteration)
        return body[0]

    def _check_bounds(self, loop: Iteration, context: Context) -> None:
        """That the counter does not wrap around, up to the moment at which the loop ends."""
        for bound in loop.bounds:
            try:
                value = self.simplifier.plain(bound.value, context)
            except (NotAffineError, SplitError):
                value = None
            if value is None or not all(self.ledger.ask(context, g) for g in in_range(value, bound.dtype)):
                raise refusal(
                    loop.span,
                    f"the loop's condition looks at a value of type {bound.dtype} that may wrap around",
                    "count in `int`, or stop one iteration earlier",
                )

    def _ends(self, bound: Poly, context: Context, upper: bool) -> tuple[Affine, ...]:
        """A bound as the minimum (upper) or maximum (lower) of affine expressions."""
        bound = self.simplifier.resolved(bound)
        try:
            return (self.simplifier.affine(bound, context),)
        except SplitError:
            arms = _extremum(bound, upper)
            if arms is None:
                raise
            found = [end for arm in arms for end in self._ends(arm, context, upper)]
            return tuple(dict.fromkeys(found))

    # Branches.

    def branch(
        self,
        condition: Condition,
        then: tuple[DraftStatement, ...],
        otherwise: tuple[DraftStatement, ...],
        locals_: frozenset[Memory],
        context: Context,
        span: Span,
    ) -> tuple[NormalStatement, ...]:
        self.count(span)
        guard = self.guard(condition, context)
        if guard is not None:
            if guard.is_always:
                return self.block(then, context)
            if not guard.disjuncts:
                return self.block(otherwise, context)
            inside, outside = self.sides(guard, context)
            first, second = self.block(then, inside), self.block(otherwise, outside)
            if not first and not second:
                return ()
            return (Guarded(guard, first, second, span),)
        match condition:
            case Both(left, right) if self._mixed(condition, context):
                inner = Branch(right, then, otherwise, locals_, span)
                return self.branch(left, (inner,), otherwise, locals_, context, span)
            case Either(left, right) if self._mixed(condition, context):
                inner = Branch(right, then, otherwise, locals_, span)
                return self.branch(left, then, (inner,), locals_, context, span)
            case _:
                return self._selected(condition, then, otherwise, locals_, context, span)

    def _mixed(self, condition: Condition, context: Context) -> bool:
        """Whether some part of it is a condition on indices."""
        match condition:
            case Comparison():
                return self.guard(condition, context) is not None
            case Both(left, right) | Either(left, right):
                return self._mixed(left, context) or self._mixed(right, context)
            case Known() | Test() | Negation():
                return False
            case _:
                assert_never(condition)

    def _selected(
        self,
        condition: Condition,
        then: tuple[DraftStatement, ...],
        otherwise: tuple[DraftStatement, ...],
        locals_: frozenset[Memory],
        context: Context,
        span: Span,
    ) -> tuple[NormalStatement, ...]:
        test = truth(self, condition, context, span)
        if isinstance(test, Constant):
            return self.block(then if test.value else otherwise, context)
        first, second = self.block(then, context), self.block(otherwise, context)
        kept, test = self._kept(test, first, second, locals_, context, span)
        pairs = _aligned(first, second, locals_)
        if pairs is not None:
            return (*kept, *self._paired(test, first, second, locals_))
        opposite = idioms.negation(test)
        return (*kept, *self._predicated(test, first, locals_), *self._predicated(opposite, second, locals_))

    def _kept(
        self,
        test: Draft,
        first: tuple[NormalStatement, ...],
        second: tuple[NormalStatement, ...],
        locals_: frozenset[Memory],
        context: Context,
        span: Span,
    ) -> tuple[tuple[NormalStatement, ...], Draft]:
        """The condition in a variable of its own, if the branches change what it looks at."""
        written = [s for s in (*stores(first), *stores(second)) if _target(s) not in locals_]
        read = {fetch.access.memory for fetch in fetches(test)}
        looped = any(isinstance(s, BoundedLoop) for s in (*first, *second))
        once = not looped and (
            len(written) == 1 or (len(written) == 2 and _aligned(first, second, locals_) is not None)
        )
        if once or not any(_target(s) in read for s in written):
            return (), test
        memory = Memory("condition", DType.I1, (), Role.LOCAL, span)
        access = Access(memory, (), span)
        self.sites.append(Site(access, context, True))
        return (Store(access, test, span),), Fetch(access, DType.I1)

    def _paired(
        self,
        test: Draft,
        first: tuple[NormalStatement, ...],
        second: tuple[NormalStatement, ...],
        locals_: frozenset[Memory],
    ) -> tuple[NormalStatement, ...]:
        """Branches that store to the same elements in the same order: one select for each."""
        done: list[NormalStatement] = []
        rows = [[s for s in body if isinstance(s, Store)] for body in (first, second)]
        positions = [0, 0]
        while True:
            for side in (0, 1):
                while (
                    positions[side] < len(rows[side]) and rows[side][positions[side]].access.memory in locals_
                ):
                    done.append(rows[side][positions[side]])
                    positions[side] += 1
            if positions[0] == len(rows[0]):
                return tuple(done)
            one, other = rows[0][positions[0]], rows[1][positions[1]]
            value = idioms.select(test, one.value, other.value, self.assumptions)
            done.append(Store(one.access, value, one.span))
            positions = [positions[0] + 1, positions[1] + 1]

    def _predicated(
        self, test: Draft, body: tuple[NormalStatement, ...], locals_: frozenset[Memory]
    ) -> tuple[NormalStatement, ...]:
        """Every store keeps the old value where the condition does not hold. Recursion goes down loops."""
        done: list[NormalStatement] = []
        for statement in body:
            match statement:
                case Store(access, value, span):
                    if access.memory not in locals_:
                        old = Fetch(access, access.memory.dtype)
                        value = idioms.select(test, value, old, self.assumptions)
                    done.append(Store(access, value, span))
                case BoundedLoop(iv, name, lower, upper, inner, span):
                    inside = self._predicated(test, inner, locals_)
                    done.append(BoundedLoop(iv, name, lower, upper, inside, span))
                case Guarded(guard, then, otherwise, span):
                    first = self._predicated(test, then, locals_)
                    second = self._predicated(test, otherwise, locals_)
                    done.append(Guarded(guard, first, second, span))
                case Fill(memory, span):
                    if memory not in locals_:
                        raise refusal(span, f"`{memory.name}` is initialised under a condition on data")
                    done.append(statement)
        return tuple(done)


def _target(statement: Store | Fill) -> Memory:
    return statement.access.memory if isinstance(statement, Store) else statement.memory


def _aligned(
    first: tuple[NormalStatement, ...], second: tuple[NormalStatement, ...], locals_: frozenset[Memory]
) -> tuple[Access, ...] | None:
    """The elements that both branches store to, in order; None where they differ."""
    targets: list[tuple[Access, ...]] = []
    for body in (first, second):
        if not all(isinstance(s, Store) for s in body):
            return None
        accesses = (s.access for s in body if isinstance(s, Store))
        targets.append(tuple(a for a in accesses if a.memory not in locals_))
    return targets[0] if targets[0] and targets[0] == targets[1] else None


def _unwrapped(poly: Poly) -> Poly:
    """Without wraps to types that are wider than any array: in bounds, they change nothing."""

    def change(atom: Atom) -> Poly:
        if isinstance(atom, Wrapped) and atom.dtype.bits >= 32:
            return _unwrapped(atom.operand)
        return Poly.atom(atom)

    return poly.map_atoms(change)


def _extremum(bound: Poly, minimum: bool) -> tuple[Poly, Poly] | None:
    """The two arms of a choice that is a minimum (or maximum), put into the bound."""
    for monomial, coefficient in bound.terms:
        if len(monomial) != 1 or not isinstance(monomial[0], Choice):
            continue
        found = monomial[0]
        smaller = _chooses_smaller(found)
        if smaller is not None and smaller == (minimum == (coefficient > 0)):
            rest = bound - Poly.atom(found) * coefficient
            return rest + found.then * coefficient, rest + found.otherwise * coefficient
    return None


def _chooses_smaller(found: Choice) -> bool | None:
    """True for a minimum, False for a maximum, None for neither."""
    condition = found.condition
    if not isinstance(condition, Comparison) or condition.relation in ("eq", "ne"):
        return None
    difference = found.then - found.otherwise
    less = condition.relation in ("lt", "le")
    if difference == condition.left - condition.right:
        return less
    if difference == condition.right - condition.left:
        return not less
    return None
