"""From an executed function to its program: normalise, choose shapes, write the IR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from exalift.affine import Expression, Guard, GuardValue, IndexValue, Program, Role, Size, Statement
from exalift.base import NO_ALIAS, NO_OVERFLOW

from ..execution import Execution
from ..normalization import Context, Ledger, Normalizer, NotAffineError, Simplifier, SplitError, affine_of
from ..normalization import expression as normal_expression
from ..reading import Function, Refusal, refusal
from ..terms import (
    BoundedLoop,
    Branch,
    Draft,
    DraftStatement,
    Guarded,
    Iteration,
    Memory,
    NormalStatement,
    Operation,
    Poly,
    Store,
    operands,
    stores,
)
from .emit import Emitter
from .shapes import Shapes, by_memory

MAX_WRITES = 600
"""What follows takes time that grows with the square of this: about two minutes."""
_OVERFLOWING = {"add", "subtract", "multiply", "negate", "abs", "shift_left"}


class NotSizesError(Exception):
    """Integer parameters that were followed but size nothing: they are data. Reasons by key."""

    def __init__(self, keys: dict[str, str]) -> None:
        super().__init__()
        self.keys = keys


def finish(
    execution: Execution, function: Function, memories: dict[str, Memory | None], result: Draft | None
) -> Program:
    """The program of an executed function; `memories` has its parameters by name, None for followed
    integers, and `result` is what it returns. Raises Refusal and NotSizesError.

    Where loops run to a product of sizes, the order of the factors is a guess that the subscripts confirm
    or refute; then the next one is tried.
    """
    first: Refusal | None = None
    order = 0
    while True:
        table = dict(execution.table)
        attempt = Finish(execution, function, memories, table, order)
        try:
            return attempt.program(result)
        except Refusal as refused:
            first = first or refused
            order += 1
            if order >= attempt.normalizer.orders:
                raise first from None


@dataclass
class Finish:
    """One attempt."""

    execution: Execution
    function: Function
    memories: dict[str, Memory | None]
    table: dict[str, Poly]
    order: int
    ledger: Ledger = field(init=False)
    normalizer: Normalizer = field(init=False)

    def __post_init__(self) -> None:
        execution = self.execution
        self.ledger = Ledger(dict.fromkeys(execution.symbols, 0))
        self.normalizer = Normalizer(self.ledger, self.table, execution.assumptions, order=self.order)
        body = (*execution.constants, *execution.output)
        positive = _positive(body, self.normalizer.simplifier, frozenset(execution.symbols))
        for memory in execution.memories.values():
            for extent in memory.extents:
                if extent is not None:
                    positive |= self.normalizer.simplifier.resolved(extent).symbols
        self.ledger.minimum = {name: int(name in positive) for name in execution.symbols}

    def program(self, result: Draft | None) -> Program:
        """The program; `result` is what the function returns."""
        execution, function = self.execution, self.function
        self._claims()
        extents = self._declared_extents()
        body = self.normalizer.block((*execution.constants, *execution.output), Context())
        returned = None
        if result is not None:
            returned = normal_expression(self.normalizer, result, Context(), function.span)
        writes = sum(1 for _ in stores(body))
        if writes > MAX_WRITES:
            message = f"the function has {writes} assignments, more than {MAX_WRITES}"
            raise refusal(function.span, message, "split it, or write loops")
        self._check_sizes(body, returned, extents)
        shapes = Shapes(self.ledger)
        sites = by_memory(self.normalizer.sites)
        used = list(dict.fromkeys([*self._parameters(), *sites]))
        for memory in used:
            shapes.choose(memory, extents.get(memory) or self._extents(memory), sites.get(memory, []))
        return self._emitted(shapes, used, body, returned)

    def _claims(self) -> None:
        """Checks that the source itself makes, such as `assert(n > 0)`."""
        for claim in self.execution.claims:
            guard = self.normalizer.guard(claim, Context())
            if guard is None or len(guard.disjuncts) != 1 or not guard.names <= self.ledger.names:
                continue
            for fact in Context().assume_guard(guard).cases[0]:
                self.ledger.demand(fact)

    def _parameters(self) -> list[Memory]:
        """Parameters in memory, those at file scope that are used after the function's own."""
        execution = self.execution
        own = [memory for memory in self.memories.values() if memory is not None]
        outer = [execution.memories[key] for key in execution.globals if key in execution.memories]
        return [*own, *outer]

    def _extents(self, memory: Memory) -> tuple[Poly | None, ...]:
        """The declared extents, in sizes alone; an outermost one that depends on a counter is unknown."""
        found: list[Poly | None] = []
        for position, extent in enumerate(memory.extents):
            if extent is None:
                found.append(None)
                continue
            try:
                simple = self.normalizer.simplifier.plain(extent, Context())
            except (NotAffineError, SplitError):
                simple = self.normalizer.simplifier.resolved(extent)
            if simple.is_plain and not simple.symbols <= self.ledger.names and position == 0:
                found.append(None)
            else:
                found.append(simple)
        return tuple(found)

    def _declared_extents(self) -> dict[Memory, tuple[Poly | None, ...]]:
        """Extents of all memories. That they are positive, as C has it, is known from here on."""
        found: dict[Memory, tuple[Poly | None, ...]] = {}
        for memory in self.execution.memories.values():
            extents = self._extents(memory)
            found[memory] = extents
            for extent in extents:
                if extent is None or not extent.symbols <= self.ledger.names or affine_of(extent) is None:
                    continue
                if not self.ledger.demand(extent - 1):
                    raise refusal(memory.span, f"the extent `{extent}` of `{memory.name}` is not positive")
        return found

    def _check_sizes(
        self,
        body: tuple[NormalStatement, ...],
        returned: Draft | None,
        extents: dict[Memory, tuple[Poly | None, ...]],
    ) -> None:
        """Integer parameters that only serve as data are no sizes."""
        names = self.ledger.names
        sizing = set(self.execution.sizing)
        for poly in (*(e for es in extents.values() for e in es if e is not None), *self.ledger.asked):
            sizing |= poly.symbols
        for site in self.normalizer.sites:
            for index in site.access.indices:
                sizing |= index.symbols
        guards: list[Guard] = []
        mentioned: set[str] = set()
        values = [] if returned is None else [returned]
        values += [s.value for s in stores(body) if isinstance(s, Store)]
        for item in _parts(body, values):
            if isinstance(item, Guard):
                guards.append(item)
            else:
                sizing |= item
        for conjunction in (d for guard in guards for d in guard.disjuncts):
            for constraint in conjunction:
                used = constraint.expression.names
                mentioned |= used
                if used - names:
                    sizing |= used
        for value in values:
            mentioned |= _symbols(value)
        reasons = {
            self.execution.symbols[name][0]: "it is an integer parameter that sizes nothing"
            for name in names
            if name not in sizing and name in mentioned
        }
        if reasons:
            raise NotSizesError(reasons)

    def _emitted(
        self, shapes: Shapes, used: list[Memory], body: tuple[NormalStatement, ...], returned: Draft | None
    ) -> Program:
        execution, function = self.execution, self.function
        sizes = self._sizes()
        emitter = Emitter(shapes, {size.name for size in sizes})
        parameters = self._parameters()
        arrays = [emitter.array(memory) for memory in parameters]
        arrays += [emitter.array(memory) for memory in used if memory.role is Role.LOCAL]
        by_key = {key: name for name, (key, _) in execution.symbols.items()}
        order: list[str] = []
        outer: list[str] = []
        for parameter in function.parameters:
            memory = self.memories[parameter.name]
            order.append(parameter.name if memory is None else emitter.name(memory))
        for key in execution.globals:
            if key in execution.memories:
                outer.append(emitter.name(execution.memories[key]))
            elif by_key.get(key) in {size.name for size in sizes}:
                outer.append(by_key[key])
        statements: tuple[Statement, ...] = emitter.block(body, {})
        value: Expression | None = None if returned is None else emitter.expression(returned, {})
        self._assumptions(body, returned)
        return Program(
            function.name,
            (*order, *outer),
            sizes,
            tuple(arrays),
            statements,
            value,
            frozenset(emitter.name(memory) for memory in parameters if memory.by_value),
            tuple(execution.assumptions),
            self.ledger.guard,
            function.span,
            frozenset(outer),
        )

    def _sizes(self) -> tuple[Size, ...]:
        symbols = self.execution.symbols
        return tuple(Size(name, symbols[name][1], least) for name, least in self.ledger.minimum.items())

    def _assumptions(self, body: tuple[NormalStatement, ...], returned: Draft | None) -> None:
        values = [s.value for s in stores(body) if isinstance(s, Store)]
        if any(_overflows(value) for value in [*values, *([] if returned is None else [returned])]):
            self.execution.assume(NO_OVERFLOW)
        restricted = {p.name for p in self.function.parameters if p.type.restrict}
        own = {memory for memory in self.memories.values() if memory is not None}
        shared = [m for m in self._parameters() if not m.by_value and not (m in own and m.name in restricted)]
        written = {s.access.memory if isinstance(s, Store) else s.memory for s in stores(body)}
        if any(a in written and b is not a and (a in own or b in own) for a in shared for b in shared):
            self.execution.assume(NO_ALIAS)


def _positive(body: tuple[DraftStatement, ...], simplifier: Simplifier, names: frozenset[str]) -> set[str]:
    """The sizes that bound a loop from above or stride over an array: they are at least 1, where one that
    only shifts a subscript or starts a loop may be 0."""
    found: set[str] = set()
    pending = list(body)
    while pending:
        statement = pending.pop()
        match statement:
            case Iteration(upper=upper, body=inner):
                for bound in upper:
                    found |= _with_positive_factor(simplifier.resolved(bound)) & names
                pending.extend(inner)
            case Branch(_, then, otherwise):
                pending.extend(then + otherwise)
            case Store(access):
                for index in access.indices:
                    for monomial, _ in simplifier.resolved(index).terms:
                        symbols = {atom for atom in monomial if isinstance(atom, str)}
                        if len(monomial) > 1:
                            found |= symbols & names
            case _:
                pass
    return found


def _with_positive_factor(poly: Poly) -> frozenset[str]:
    found: set[str] = set()
    for monomial, coefficient in poly.terms:
        if coefficient > 0:
            found |= Poly(((monomial, 1),)).symbols
    return frozenset(found)


def _parts(body: tuple[NormalStatement, ...], values: list[Draft]) -> Iterator[Guard | frozenset[str]]:
    """The conditions, those inside values too, and the symbols of the bounds."""
    for value in values:
        yield from _guards(value)
    pending = list(body)
    while pending:
        statement = pending.pop()
        match statement:
            case BoundedLoop(lower=lower, upper=upper, body=inner):
                for bound in (*lower, *upper):
                    yield bound.names
                pending.extend(inner)
            case Guarded(guard, then, otherwise):
                yield guard
                pending.extend(then + otherwise)
            case _:
                pass


def _guards(root: Draft) -> Iterator[Guard]:
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, GuardValue):
            yield node.guard
        pending.extend(operands(node))


def _symbols(root: Draft) -> frozenset[str]:
    found: set[str] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, IndexValue):
            found |= node.index.names
        pending.extend(operands(node))
    return frozenset(found)


def _overflows(root: Draft) -> bool:
    pending = [root]
    while pending:
        node = pending.pop()
        signed = node.dtype.is_integer and node.dtype.is_signed
        if isinstance(node, Operation) and node.function in _OVERFLOWING and signed:
            return True
        pending.extend(operands(node))
    return False
