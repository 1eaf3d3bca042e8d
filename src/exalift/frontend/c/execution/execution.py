"""Symbolic execution of one function: the state, and how it is started anew when an assumption fails.

Every integer variable is followed as a polynomial until it turns out to hold data (it is loaded, or set under
a condition on data, or grows in a way that has no closed form). It then joins `data`, and the
function is executed again with that variable kept in memory. Only what is used in a subscript or a
bound must be followed, and is refused otherwise, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from exalift.affine import Role
from exalift.base import DType, Span

from ..reading import (
    Declaration,
    Expr,
    Function,
    FunctionFacts,
    Library,
    Statement,
    Storage,
    check_sequencing,
    refusal,
)
from ..terms import (
    Access,
    Arithmetic,
    Condition,
    Datum,
    Draft,
    DraftStatement,
    Fetch,
    Memory,
    PointerValue,
    Poly,
    Store,
    Test,
    Tracked,
    TruthValue,
    Unset,
    Value,
    as_data,
    has_data,
    truth_as_data,
)
from . import expressions, statements

MAX_STATEMENTS = 20_000
MAX_STEPS = 200_000
MAX_CALLS = 24

Content = Tracked | PointerValue | Datum | Unset


@dataclass(frozen=True, slots=True)
class Frame:
    """One call that is being executed. `path` tells the same variable of different calls apart;
    `quiet` is set where the function changes nothing but its own variables."""

    path: str
    function: Function
    facts: FunctionFacts
    quiet: bool = False


@dataclass
class Execution:
    """The state. `values` holds what is followed; other variables live in `memories`.

    `table` gives loop-carried placeholders their closed forms, `used` which symbols were ever read.
    `whole` is the full expression that is being evaluated.
    `sizing` names integer parameters that decide whether a loop runs, whatever else they are used for.
    `demoted` collects variables that cannot be followed after all: name and reason by key.
    """

    library: Library
    data: Mapping[str, str]
    frame: Frame
    values: dict[str, Content] = field(default_factory=dict[str, Content])
    declared: dict[str, Declaration] = field(default_factory=dict[str, Declaration])
    memories: dict[str, Memory] = field(default_factory=dict[str, Memory])
    output: list[DraftStatement] = field(default_factory=list[DraftStatement])
    later: list[DraftStatement] = field(default_factory=list[DraftStatement])
    constants: list[DraftStatement] = field(default_factory=list[DraftStatement])
    globals: dict[str, Declaration] = field(default_factory=dict[str, Declaration])
    table: dict[str, Poly] = field(default_factory=dict[str, Poly])
    used: set[str] = field(default_factory=set[str])
    demoted: dict[str, str] = field(default_factory=dict[str, str])
    claims: list[Condition] = field(default_factory=list[Condition])
    assumptions: dict[str, None] = field(default_factory=dict[str, None])
    sizing: set[str] = field(default_factory=set[str])
    symbols: dict[str, tuple[str, DType]] = field(default_factory=dict[str, tuple[str, DType]])
    calls: tuple[str, ...] = ()
    called: Counter[str] = field(default_factory=Counter[str])
    whole: Expr | None = None
    conditional: int = 0
    serial: int = 0
    steps: int = 0

    # Names.

    def key(self, declaration: Declaration) -> str:
        if declaration.storage is Storage.GLOBAL:
            return declaration.key
        return f"{self.frame.path}/{declaration.key}"

    def fresh(self, name: str) -> str:
        self.serial += 1
        return f"{name}@{self.serial}"

    def memory(
        self,
        key: str,
        name: str,
        dtype: DType,
        extents: tuple[Poly | None, ...],
        span: Span,
        role: Role = Role.LOCAL,
        by_value: bool = False,
        pointer: bool = False,
    ) -> Memory:
        """The memory of a variable, made when first asked for."""
        known = self.memories.get(key)
        if known is None:
            known = Memory(name, dtype, extents, role, span, by_value, pointer)
            self.memories[key] = known
        return known

    def follow(self, declaration: Declaration, content: Content) -> None:
        """Set what is followed of a variable."""
        key = self.key(declaration)
        self.declared[key] = declaration
        self.values[key] = content

    def is_followed(self, declaration: Declaration) -> bool:
        """Whether a scalar integer is followed symbolically rather than kept in memory."""
        dtype, key = declaration.type.element, self.key(declaration)
        if declaration.type.pointer or declaration.type.extents or dtype.is_float:
            return False
        if declaration.key in self.frame.facts.addressed:
            return False
        return key not in self.data and key not in self.demoted

    def demote(self, declaration: Declaration, reason: str) -> Memory:
        """Give up following a variable; what is executed from here on is only a rehearsal."""
        key = self.key(declaration)
        self.demoted.setdefault(key, reason)
        self.values.pop(key, None)
        return self.scalar(declaration)

    def scalar(self, declaration: Declaration) -> Memory:
        """The memory of a scalar that is not followed."""
        key = self.key(declaration)
        is_global = declaration.storage is Storage.GLOBAL
        if is_global:
            self.globals.setdefault(key, declaration)
        outermost = not self.calls and declaration.storage is Storage.PARAMETER
        role = Role.PARAMETER if is_global or outermost else Role.LOCAL
        dtype, name = declaration.type.element, declaration.name
        return self.memory(key, name, dtype, (), declaration.span, role, by_value=outermost)

    def reason(self, declaration: Declaration) -> str:
        """Why a variable is not followed."""
        key = self.key(declaration)
        return self.data.get(key) or self.demoted.get(key) or "it holds data"

    def call_path(self, name: str) -> str:
        """A path for a call that starts now, the same in every execution of the function.

        The place in the source would not do: a macro may put two calls at one place.
        """
        path = f"{self.frame.path}>{name}"
        self.called[path] += 1
        return f"{path}#{self.called[path]}"

    # Effects.

    def emit(self, statement: DraftStatement, span: Span) -> None:
        self.check_unconditional(span)
        self.output.append(statement)
        self.step(span, 20)

    def store(self, access: Access, value: Draft, span: Span) -> None:
        self.emit(Store(access, value, span), span)

    def check_unconditional(self, span: Span) -> None:
        """Refuse a side effect that happens only sometimes, in the middle of an expression."""
        if self.conditional:
            raise refusal(
                span,
                "a side effect inside a branch of `?:`, `&&` or `||`",
                "write it as an `if` statement of its own",
            )

    def step(self, span: Span, size: int = 1) -> None:
        """Count work, so that what is inlined again and again ends."""
        self.steps += size
        if self.steps > MAX_STEPS:
            raise refusal(span, "the function is too large once its calls are inlined", "split it")

    def flush(self) -> None:
        """Effects that come after the expression, such as that of `x++`."""
        self.output.extend(self.later)
        self.later.clear()

    def settled(self, value: Value, span: Span) -> Value:
        """The value, kept from effects that are still to come, such as that of `x++` beside it."""
        if isinstance(value, TruthValue) and has_data(value.condition):
            value = Datum(as_data(value))
        if not self.later or not isinstance(value, Datum):
            return value
        memory = self.memory(self.fresh("?"), "value", value.dtype, (), span)
        self.store(Access(memory, (), span), value.expression, span)
        return self.fetch(memory, (), span)

    def kept_condition(self, condition: Condition, span: Span) -> Condition:
        """A condition on data, evaluated now and remembered."""
        memory = self.memory(self.fresh("!"), "condition", DType.I1, (), span)
        self.store(Access(memory, (), span), truth_as_data(condition, DType.I1), span)
        return Test(Fetch(Access(memory, (), span), DType.I1))

    def assume(self, sentence: str) -> None:
        self.assumptions[sentence] = None

    @contextmanager
    def collecting(self) -> Generator[list[DraftStatement]]:
        """Statements executed inside go into a list of their own."""
        outer, self.output = self.output, []
        try:
            yield self.output
        finally:
            self.output = outer

    @contextmanager
    def full_expression(self, expression: Expr) -> Generator[None]:
        """What is evaluated inside is part of no other expression."""
        check_sequencing(expression)
        outer, self.whole = self.whole, expression
        try:
            yield
        finally:
            self.whole = outer

    @contextmanager
    def in_condition(self) -> Generator[None]:
        self.conditional += 1
        try:
            yield
        finally:
            self.conditional -= 1

    # The other modules, so that they need not import each other in circles.

    def evaluate(self, expression: Expr) -> Value:
        return expressions.evaluate(self, expression)

    def arithmetic(self, expression: Expr) -> Arithmetic:
        """The value of an arithmetic expression."""
        value = self.evaluate(expression)
        if isinstance(value, Tracked | TruthValue | Datum):
            return value
        raise refusal(expression.span, "a number is needed here")

    def pointer(self, expression: Expr) -> PointerValue:
        value = self.evaluate(expression)
        if isinstance(value, PointerValue):
            return value
        raise refusal(
            expression.span,
            "this pointer cannot be followed to an array",
            "only addresses inside array parameters, arrays and their rows are supported",
        )

    def condition(self, expression: Expr) -> Condition:
        return expressions.condition(self, expression)

    def run_function(self, function: Function) -> Value:
        """The body of a function, its parameters bound; what it returns."""
        return statements.run_function(self, function)

    def conditionally(self, condition: Condition, body: tuple[Statement, ...], span: Span) -> None:
        """Statements under a condition on indices."""
        statements.conditionally(self, condition, body, span)

    def run(self, body: tuple[Statement, ...]) -> None:
        statements.run(self, body)

    def fetch(self, memory: Memory, indices: tuple[Poly, ...], span: Span) -> Datum:
        return Datum(Fetch(Access(memory, indices, span), memory.dtype))
