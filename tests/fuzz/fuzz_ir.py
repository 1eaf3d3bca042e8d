"""Random affine programs made without a front end, for passes from program to program."""

from __future__ import annotations

import random
from dataclasses import replace

from fuzz_places import Counter, extreme, never_negative

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Assign,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    If,
    IndexValue,
    Load,
    Loop,
    Program,
    Role,
    Size,
    Statement,
)
from exalift.base import DType

MINIMA = {"n": 4, "m": 4}
_FUNCTIONS = ("add", "add", "add", "multiply", "multiply", "subtract", "maximum", "minimum")
SIZES = ({"n": 5, "m": 7}, {"n": 6, "m": 4})


class ProgramGenerator:
    """Draws one program; `generate_program` is the way in."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.statements_left = self.random.randint(2, 7)
        self.arrays: list[Array] = []
        self.counters = 0

    def extent(self) -> Affine:
        n, m = Affine.symbol("n"), Affine.symbol("m")
        return self.random.choice((n, n, n, m, n + 1, n * 2, n + m, Affine.of(4), Affine.of(5)))

    def subscript(self, extent: Affine, counters: list[Counter]) -> Affine:
        symbols = [Affine.symbol(counter.name) for counter in counters]
        choices = [(0.1, Affine.of(c)) for c in (0, 1, 2, 3)] + [(0.1, extent - 1)]
        for symbol in symbols:
            choices += [(8.0, symbol), (1.0, extent - 1 - symbol), (1.0, symbol * 2), (0.3, symbol // 2)]
            choices += [(1.0, symbol + c) for c in (-2, -1, 1, 2)]
            choices += [(0.6, symbol + other) for other in symbols if other != symbol]
            choices += [(0.6, symbol - other) for other in symbols if other != symbol]
        good = [(weight, value) for weight, value in choices if self.fits(value, extent, counters)]
        return self.random.choices([v for _, v in good], [w for w, _ in good])[0]

    def fits(self, value: Affine, extent: Affine, counters: list[Counter]) -> bool:
        if not value.is_linear:
            ((atom, _),) = value.terms
            assert not isinstance(atom, str)
            return self.fits(atom.numerator, extent, counters)
        low, high = (extreme(value, counters, largest) for largest in (False, True))
        return never_negative(low, MINIMA) and never_negative(extent - 1 - high, MINIMA)

    def load(self, counters: list[Counter], dtype: DType) -> Expression:
        found = [array for array in self.arrays if array.dtype is dtype]
        if not found or self.random.random() < 0.1:
            return Constant(self.random.choice((1, 2, 3)), dtype)
        if counters and self.random.random() < 0.08:
            return IndexValue(Affine.symbol(self.random.choice(counters).name), dtype)
        array = self.random.choice(found)
        return Load(array.name, tuple(self.subscript(e, counters) for e in array.shape), dtype)

    def expression(self, counters: list[Counter], dtype: DType, depth: int) -> Expression:
        if depth == 0 or self.random.random() < 0.2:
            return self.load(counters, dtype)
        if self.random.random() < 0.12:
            operands = tuple(self.expression(counters, dtype, depth - 1) for _ in range(2))
            return Apply("select", (self.truth(counters, dtype), *operands), dtype)
        function = self.random.choice(_FUNCTIONS)
        operands = tuple(self.expression(counters, dtype, depth - 1) for _ in range(2))
        return Apply(function, operands, dtype)

    def truth(self, counters: list[Counter], dtype: DType) -> Expression:
        if counters and self.random.random() < 0.5:
            return GuardValue(self.guard(counters))
        operands = (self.load(counters, dtype), self.load(counters, dtype))
        return Apply(f"compare_{self.random.choice(('lt', 'ge'))}", operands, DType.I1)

    def guard(self, counters: list[Counter]) -> Guard:
        counter = Affine.symbol(self.random.choice(counters).name)
        other = Affine.symbol(self.random.choice(counters).name) + self.random.choice((-1, 0, 1))
        right = self.random.choice((other, Affine.of(2), Affine.symbol("n") - 2))
        kind = self.random.randrange(4)
        if kind == 0:
            return Guard.of(Constraint(right - counter, equality=True))
        if kind == 1:
            return Guard.of(Constraint(counter - right))
        if kind == 2:
            return ~Guard.of(Constraint(right - counter, equality=True))
        return Guard.of(Constraint(counter % 2 - self.random.randint(0, 1), equality=True))

    def assign(self, counters: list[Counter]) -> Statement:
        array = self.random.choice(self.arrays)
        indices = tuple(self.subscript(e, counters) for e in array.shape)
        value = self.expression(counters, array.dtype, self.random.randint(1, 3))
        if self.random.random() < 0.4:
            function = self.random.choice(("add", "add", "add", "multiply", "maximum", "subtract"))
            value = Apply(function, (Load(array.name, indices, array.dtype), value), array.dtype)
        return Assign(array.name, indices, value)

    def loop(self, counters: list[Counter]) -> Statement:
        while True:
            extent = self.random.choice([e for a in self.arrays for e in a.shape] or [Affine.symbol("n")])
            lower, upper = Affine.of(self.random.choice((0, 0, 0, 1, 2))), extent - 1
            upper = upper - self.random.choice((0, 0, 0, 1, 2))
            if counters and self.random.random() < 0.35:
                outer = Affine.symbol(self.random.choice(counters).name)
                shift = self.random.choice((0, 1))
                lower, upper = self.random.choice(((outer + shift, upper), (lower, outer - shift)))
            counter = Counter(f"i{self.counters}", lower, upper)
            most = extreme(upper, counters, True) - extreme(lower, counters, False)
            if 0 <= most.at(MINIMA) <= 12:
                break
        self.counters += 1
        return Loop(counter.name, (lower,), (upper + 1,), self.block([*counters, counter]))

    def block(self, counters: list[Counter]) -> tuple[Statement, ...]:
        return tuple(self.statement(counters) for _ in range(self.random.choice((1, 1, 2, 2, 3))))

    def statement(self, counters: list[Counter]) -> Statement:
        self.statements_left -= 1
        if self.statements_left > 0 and len(counters) < 3 and self.random.random() < 0.6:
            return self.loop(counters)
        if counters and self.statements_left > 0 and self.random.random() < 0.2:
            otherwise = self.block(counters) if self.random.random() < 0.4 else ()
            return If(self.guard(counters), self.block(counters), otherwise)
        return self.assign(counters)

    def program(self) -> Program:
        dtypes = self.random.choice(((DType.F64,), (DType.F64,), (DType.I32,), (DType.F64, DType.I32)))
        for name in "ABCDE"[: self.random.randint(2, 5)]:
            shape = tuple(self.extent() for _ in range(self.random.choice((0, 1, 1, 2, 2, 3))))
            self.arrays.append(Array(name, self.random.choice(dtypes), shape))
        body: list[Statement] = []
        while self.statements_left > 0:
            body.append(self.statement([]))
        parameters = ("n", "m", *(array.name for array in self.arrays))
        sizes = (Size("n", minimum=4), Size("m", minimum=4))
        program = Program("kernel", parameters, sizes, tuple(self.arrays), tuple(body))
        return self.with_local(program) if self.random.random() < 0.3 else program

    def with_local(self, program: Program) -> Program:
        """The program with its last array local, and filled before anything else."""
        last = program.arrays[-1]
        counters = [Counter(f"f{d}", Affine(), e - 1) for d, e in enumerate(last.shape)]
        indices = tuple(Affine.symbol(counter.name) for counter in counters)
        fill: Statement = Assign(last.name, indices, Constant(1, last.dtype))
        for counter in reversed(counters):
            fill = Loop(counter.name, (counter.lower,), (counter.upper + 1,), (fill,))
        arrays = (*program.arrays[:-1], replace(last, role=Role.LOCAL))
        parameters = tuple(p for p in program.parameters if p != last.name)
        return replace(program, arrays=arrays, parameters=parameters, body=(fill, *program.body))


def generate_program(seed: int) -> Program:
    """The program of that seed; its sizes are `SIZES`."""
    return ProgramGenerator(seed).program()
