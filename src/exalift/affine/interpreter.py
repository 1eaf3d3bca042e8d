"""The reference meaning of a program: statements one by one, in source order, in any algebra."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias, assert_never

import numpy as np

from exalift.base import DType, Span, VerificationError

from .affine_expression import Affine
from .algebra.protocol import Algebra, Values
from .expressions import Apply, Cast, Constant, Expression, GuardValue, IndexValue, Load, Reduce
from .guards import Guard
from .inputs import bind_arrays, bind_sizes
from .ir import Assign, If, Loop, Program, Statement

Environment = dict[str, int]
Run = Callable[[], None]
Registers = list[Values | None]
# An instruction gives a value for its register, or instructions to run before it is looked at again.
InstructionList: TypeAlias = "list[tuple[int, Instruction]]"
Instruction: TypeAlias = "Callable[[Registers], Values | InstructionList]"


Observer = Callable[[str, tuple[int, ...], Span], None]
"""Told of every element that is written: the array, the place, and the assignment's span."""


def interpret(
    program: Program,
    inputs: Mapping[str, Values],
    sizes: Mapping[str, int],
    algebra: Algebra,
    observer: Observer | None = None,
) -> dict[str, Values]:
    """Run a program and give the final contents of every array, and "return" if it returns something.

    `inputs` gives the parameters' initial contents in the algebra's storage (they are copied);
    locals start as zeros. That no local is read before it is written is not checked: a front end
    that turns `if (c) x = y;` into a `select` reads the old `x` without harm.

    An operand of `select` that is not taken is not evaluated. Where the algebra cannot say which one
    is taken (a symbolic condition), both are, and a load out of bounds below it reads 0.

    `observer` is told of every write, in order.
    Raises UsageError for a missing size or input, and VerificationError, naming the place, for an
    access out of bounds. Time: some microseconds a scalar operation.
    """
    environment = bind_sizes(program, sizes)
    arrays = bind_arrays(program.arrays, inputs, environment, algebra)
    machine = _Machine(arrays, environment, algebra, observer)
    for run in machine.block(program.body):
        run()
    results = dict(arrays)
    if program.returns is not None:
        value = np.empty((), algebra.storage(program.returns.dtype))
        value[()] = machine.expression(program.returns, program.span)()[()]
        results["return"] = value
    return results


def _index(expression: Affine, environment: Environment, sizes: Mapping[str, int]) -> Callable[[], int]:
    """An affine expression as a closure over the induction variables; sizes are folded in."""
    folded = expression.substitute({name: Affine.of(value) for name, value in sizes.items()})
    if not folded.is_linear:
        return lambda: folded.at(environment)
    constant = folded.constant
    terms = [(str(atom), coefficient) for atom, coefficient in folded.terms]
    match terms:
        case []:
            return lambda: constant
        case [(name, 1)]:
            return lambda: environment[name] + constant
        case [(name, coefficient)]:
            return lambda: coefficient * environment[name] + constant
        case _:
            return lambda: sum([c * environment[name] for name, c in terms], constant)


@dataclass
class _Machine:
    """Compiles statements to closures that work on `arrays` and `environment` in place.

    Expressions become flat lists of instructions on registers, so that their depth does not matter.
    """

    arrays: dict[str, Values]
    environment: Environment
    algebra: Algebra
    observer: Observer | None = None
    undecided: int = 0
    sizes: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.sizes = dict(self.environment)

    def index(self, expression: Affine) -> Callable[[], int]:
        return _index(expression, self.environment, self.sizes)

    def guard(self, guard: Guard) -> Callable[[], bool]:
        disjuncts = [[(self.index(c.expression), c.equality) for c in d] for d in guard.disjuncts]

        def holds() -> bool:
            for conjunction in disjuncts:
                for value, equality in conjunction:
                    number = value()
                    if number if equality else number < 0:
                        break
                else:
                    return True
            return False

        return holds

    # Statements. The recursion is over the nesting of loops in the source, not over their iterations.

    def block(self, body: Sequence[Statement]) -> list[Run]:
        return [self.statement(statement) for statement in body]

    def statement(self, statement: Statement) -> Run:
        match statement:
            case Assign():
                return self.assign(statement)
            case Loop():
                return self.loop(statement)
            case If(guard, then, otherwise):
                return self.branch(self.guard(guard), self.block(then), self.block(otherwise))
            case _:
                assert_never(statement)

    def assign(self, statement: Assign) -> Run:
        array = self.arrays[statement.array]
        place = self.place(statement.array, statement.indices)
        value = self.expression(statement.value, statement.span)

        def run() -> None:
            result = value()
            where = place()
            if where is None:
                raise self.out_of_bounds(statement.array, statement.indices, statement.span)
            array[where] = result[()]

        observer = self.observer
        if observer is None:
            return run

        def run_observed() -> None:
            run()
            where = place()
            if where is not None:
                observer(statement.array, where, statement.span)

        return run_observed

    def loop(self, statement: Loop) -> Run:
        lower = [self.index(bound) for bound in statement.lower]
        upper = [self.index(bound) for bound in statement.upper]
        body = self.block(statement.body)
        environment, iv = self.environment, statement.iv

        def run() -> None:
            for value in range(max([bound() for bound in lower]), min([bound() for bound in upper])):
                environment[iv] = value
                for inner in body:
                    inner()

        return run

    @staticmethod
    def branch(holds: Callable[[], bool], then: list[Run], otherwise: list[Run]) -> Run:
        def run() -> None:
            for inner in then if holds() else otherwise:
                inner()

        return run

    # Places.

    def place(self, array: str, indices: Sequence[Affine]) -> Callable[[], tuple[int, ...] | None]:
        """The subscripts of an element; None where it is out of bounds."""
        subscripts = [self.index(index) for index in indices]
        extents = self.arrays[array].shape

        def place() -> tuple[int, ...] | None:
            where = tuple([subscript() for subscript in subscripts])
            for position, extent in zip(where, extents, strict=True):
                if not 0 <= position < extent:
                    return None
            return where

        return place

    def out_of_bounds(self, array: str, indices: Sequence[Affine], span: Span) -> VerificationError:
        at = "".join(f"[{index.at(self.environment)}]" for index in indices)
        shape = "x".join(map(str, self.arrays[array].shape))
        return VerificationError(f"{span}: {array}{at} is out of bounds of {shape}")

    # Expressions.

    def count_undecided(self, step: int) -> InstructionList:
        self.undecided += step
        return []

    def expression(self, root: Expression, span: Span) -> Callable[[], Values]:
        return _Code(self, span).compile(root)

    def element(self, load: Load, span: Span) -> Callable[[], Values]:
        array = self.arrays[load.array]
        place = self.place(load.array, load.indices)
        zero = self.algebra.constant(0, load.dtype)

        def read() -> Values:
            where = place()
            if where is None:
                if self.undecided:
                    return zero
                raise self.out_of_bounds(load.array, load.indices, span)
            # The ellipsis gives a 0-d array, and the copy keeps later assignments out of it.
            return array[(*where, ...)].copy()

        return read

    def reduction(self, reduce: Reduce, span: Span) -> Callable[[], Values]:
        body = self.expression(reduce.body, span)
        holds = self.guard(reduce.guard)
        extents = [self.index(axis.extent) for axis in reduce.axes]
        names = [axis.name for axis in reduce.axes]
        algebra, environment = self.algebra, self.environment

        def run() -> Values:
            total = algebra.identity(reduce.function, reduce.dtype)
            for point in product(*(range(extent()) for extent in extents)):
                environment.update(zip(names, point, strict=True))
                if holds():
                    total = algebra.apply(reduce.function, (total, body()), reduce.dtype, reduce.dtype)
            return total

        return run


@dataclass
class _Code:
    """Compiles one expression to lists of instructions over registers, one register a node.

    Each operand of a `select` that may stay unevaluated is a list of its own, run at most once; the
    lists call each other through an explicit stack. A node that is shared is computed once.
    """

    machine: _Machine
    span: Span
    slots: dict[int, int] = field(default_factory=dict[int, int])
    lists: dict[int, InstructionList] = field(default_factory=dict[int, "InstructionList"])

    def compile(self, root: Expression) -> Callable[[], Values]:
        pending = [root]
        while pending:
            entry = pending.pop()
            if id(entry) not in self.lists:
                self.lists[id(entry)] = []
                pending += self.fill(self.lists[id(entry)], entry)
        start, result, count = self.lists[id(root)], self.slots[id(root)], len(self.slots)

        def run() -> Values:
            registers: list[Values | None] = [None] * count
            frames = [iter(start)]
            while frames:
                for slot, instruction in frames[-1]:
                    if registers[slot] is None:
                        answer = instruction(registers)
                        if isinstance(answer, list):
                            frames.append(iter(answer))
                            break
                        registers[slot] = answer
                else:
                    frames.pop()
            value = registers[result]
            assert value is not None
            return value

        return run

    def slot(self, expression: Expression) -> int:
        return self.slots.setdefault(id(expression), len(self.slots))

    def fill(self, code: InstructionList, root: Expression) -> list[Expression]:
        """Append what computes `root`; give the operands of selects that need lists of their own."""
        lazy: list[Expression] = []
        done: set[int] = set()
        stack: list[tuple[Expression, bool]] = [(root, False)]
        while stack:
            expression, expanded = stack.pop()
            if id(expression) in done:
                continue
            match expression:
                case Apply("select", operands):
                    below = operands[:1]
                    lazy += operands[1:] if expanded else ()
                case Apply(_, operands):
                    below = operands
                case Cast(operand):
                    below = (operand,)
                case _:
                    below = ()
            if below and not expanded:
                stack.append((expression, True))
                stack.extend((operand, False) for operand in below)
                continue
            done.add(id(expression))
            code += [(self.slot(expression), step) for step in self.instructions(expression)]
        return lazy

    def instructions(self, expression: Expression) -> list[Instruction]:
        algebra = self.machine.algebra
        match expression:
            case Constant(value, dtype):
                constant = algebra.constant(value, dtype)
                return [lambda _: constant]
            case IndexValue(index, dtype):
                number = self.machine.index(index)
                return [lambda _: algebra.index(np.asarray(number(), np.int64), dtype)]
            case GuardValue(guard):
                holds = self.machine.guard(guard)
                return [lambda _: algebra.truth(np.asarray(holds()))]
            case Load():
                read = self.machine.element(expression, self.span)
                return [lambda _: read()]
            case Apply("select", operands, dtype):
                return self.select(self.slot(expression), operands, dtype)
            case Apply(function, operands, dtype):
                return [self.apply(function, operands, dtype)]
            case Cast(operand, dtype):
                place, source = self.slot(operand), operand.dtype
                return [lambda registers: algebra.cast(_known(registers[place]), source, dtype)]
            case Reduce():
                reduction = self.machine.reduction(expression, self.span)
                return [lambda _: reduction()]
            case _:
                assert_never(expression)

    def apply(self, function: str, operands: tuple[Expression, ...], dtype: DType) -> Instruction:
        places = [self.slot(operand) for operand in operands]
        compute, last = self.machine.algebra.apply, operands[-1].dtype
        return lambda registers: compute(function, [_known(registers[p]) for p in places], last, dtype)

    def select(self, slot: int, operands: tuple[Expression, ...], dtype: DType) -> list[Instruction]:
        """Two instructions: one that has the operand computed that is needed, one that picks it."""
        algebra, lists = self.machine.algebra, self.lists
        condition, then, otherwise = (self.slot(operand) for operand in operands)
        first, second = id(operands[1]), id(operands[2])
        both: InstructionList = []

        def choose(registers: Registers) -> Values | InstructionList:
            taken = _decided(_known(registers[condition]))
            if taken is None:
                return both
            return lists[first if taken else second]

        def pick(registers: Registers) -> Values:
            flag = _known(registers[condition])
            taken = _decided(flag)
            if taken is None:
                values = (flag, _known(registers[then]), _known(registers[otherwise]))
                return algebra.apply("select", values, dtype, dtype)
            return _known(registers[then if taken else otherwise])

        # These run under the select's own register, which is empty until `pick` fills it.
        steps: list[Instruction] = [
            lambda _: self.machine.count_undecided(1),
            lambda _: lists[first],
            lambda _: lists[second],
            lambda _: self.machine.count_undecided(-1),
        ]
        both += [(slot, step) for step in steps]
        return [choose, pick]


def _known(value: Values | None) -> Values:
    assert value is not None
    return value


def _decided(condition: Values) -> bool | None:
    """The truth of a condition, or None where it is a term that stands for either."""
    flag = condition[()]
    return bool(flag) if isinstance(flag, bool | np.bool_) else None
