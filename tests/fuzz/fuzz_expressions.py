"""Random C expressions: subscripts that stay in bounds, arithmetic of mixed types, conditions."""

from __future__ import annotations

import random
from collections.abc import Callable

from fuzz_places import FLOATS, INTEGERS, Scope, Storage, affine_text, extreme, in_parentheses, never_negative

from exalift.affine import Affine

MINIMUM = 4


class Expressions:
    """Writes expressions of one program. All methods draw from one stream of random numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.fixed = self.random.random() < 0.3
        names = ("N", "M") if self.fixed else ("n", "m")
        self.sizes = names[: self.random.choice((1, 2, 2))]
        self.minima = {name: self.random.randint(5, 7) if self.fixed else MINIMUM for name in self.sizes}
        self.real = self.random.choice(("double", "double", "float"))
        self.integral = self.random.random() < 0.3
        self.max_depth = self.random.choice((2, 3, 3, 4))
        self.statements_left = self.random.randint(3, 9)
        self.inner = self.random.random() < 0.7  # counters declared in the loop's head

    # -- small draws

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def extent(self) -> Affine:
        name = Affine.symbol(self.random.choice(self.sizes))
        kinds: list[Callable[[], Affine]] = [
            lambda: name,
            lambda: name,
            lambda: name,
            lambda: name + self.random.choice((1, 2)),
            lambda: name * 2 + self.random.choice((0, 1)),
            lambda: Affine.symbol(self.sizes[0]) + Affine.symbol(self.sizes[-1]),
            lambda: Affine.of(self.random.randint(4, 7)),
        ]
        return self.random.choice(kinds)()

    def ctype(self) -> str:
        if self.integral:
            return self.random.choice(("int", "int", "unsigned", "unsigned", *INTEGERS, self.real))
        return self.random.choice((*[self.real] * 7, *FLOATS, "int", "unsigned", "uint8_t"))

    # -- subscripts

    def fits(self, value: Affine, extent: Affine, scope: Scope) -> bool:
        low = extreme(value, scope.counters, largest=False)
        high = extreme(value, scope.counters, largest=True)
        return never_negative(low, self.minima) and never_negative(extent - 1 - high, self.minima)

    def subscript(self, extent: Affine, scope: Scope, flat: bool = False) -> str:
        """C for a subscript that lies in `[0, extent)` wherever the scope's counters are.

        A flat array tells its extents by its subscripts alone: constants in them would be unlike real code.
        """
        choices: list[tuple[float, Affine]] = [(0.15, Affine.of(c)) for c in ((0,) if flat else (0, 1, 2, 3))]
        choices.append((0.15, extent - 1))
        symbols = [Affine.symbol(counter.name) for counter in scope.counters]
        for symbol in symbols:
            choices += [(8.0, symbol), (1.0, symbol * 2), (0.5, symbol * 2 + 1), (1.0, extent - 1 - symbol)]
            choices += [(1.0, symbol + c) for c in (-2, -1, 1, 2)]
            for other in symbols:
                if other != symbol:
                    choices += [(0.7, symbol + other), (0.7, symbol - other), (0.4, symbol - other - 1)]
        good = [(weight, value) for weight, value in choices if self.fits(value, extent, scope)]
        value = self.random.choices([v for _, v in good], [w for w, _ in good])[0]
        if value.terms and value.is_linear and self.chance(0.04):
            divisor = self.random.choice((2, 3))
            if self.chance(0.5):
                return f"({affine_text(value)}) / {divisor}"
            if never_negative(extent - divisor, self.minima):
                return f"({affine_text(value)}) % {divisor}"
        return affine_text(value)

    def element(self, storage: Storage, scope: Scope) -> str:
        """C for an element of the storage, or for the scalar."""
        subscripts = [self.subscript(extent, scope, storage.flat) for extent in storage.extents]
        if storage.pointer:
            return f"*{storage.name}"
        if not subscripts:
            return storage.name
        if not storage.flat or len(subscripts) == 1:
            return storage.name + "".join(f"[{subscript}]" for subscript in subscripts)
        text = f"({subscripts[0]})"
        for subscript, extent in zip(subscripts[1:], storage.extents[1:], strict=True):
            text = f"{text} * {in_parentheses(extent)} + {subscript}"
            if extent is not storage.extents[-1]:
                text = f"({text})"
        return f"{storage.name}[{text}]"

    # -- expressions

    def pick(self, scope: Scope, floating: bool | None = None, writable: bool = False) -> Storage | None:
        found = [
            s
            for s in scope.storages
            if (floating is None or s.is_float == floating) and not (writable and s.readonly)
        ]
        return self.random.choice(found) if found else None

    def number(self, floating: bool) -> str:
        if floating:
            suffix = "f" if self.real == "float" else ""
            return self.random.choice(("0.5", "1.25", "2.0", "0.75", "3.0", "0.125")) + suffix
        return self.random.choice(("1", "2", "3", "5", "7"))

    def index_value(self, scope: Scope) -> str:
        symbols = [Affine.symbol(counter.name) for counter in scope.counters]
        value = self.random.choice([*symbols, *symbols, Affine.symbol(self.sizes[0])])
        if self.chance(0.4):
            value = value + self.random.choice([*symbols, Affine.of(self.random.randint(-2, 3))])
        return in_parentheses(value)

    def expression(self, scope: Scope, floating: bool, depth: int) -> str:
        if depth <= 0 or self.chance(0.15):
            return self.leaf(scope, floating)
        return (self.float_operation if floating else self.integer_operation)(scope, depth - 1)

    def leaf(self, scope: Scope, floating: bool) -> str:
        draw = self.random.random()
        if draw < 0.8:
            storage = self.pick(scope, floating if self.chance(0.93) else None)
            if storage is not None and (floating or not storage.is_float):
                return self.element(storage, scope)
        if draw < 0.88 and scope.counters:
            text = self.index_value(scope)
            return f"({self.real}){text}" if floating else text
        return self.number(floating)

    def float_operation(self, scope: Scope, depth: int) -> str:
        def sub() -> str:
            return self.expression(scope, True, depth)

        suffix = "f" if self.real == "float" and self.chance(0.7) else ""
        kinds: list[tuple[float, Callable[[], str]]] = [
            (6, lambda: f"({sub()} + {sub()})"),
            (4, lambda: f"({sub()} - {sub()})"),
            (7, lambda: f"({sub()} * {sub()})"),
            (1, lambda: f"({sub()} / {self.number(True)})"),
            (0.7, lambda: f"({sub()} / (fabs{suffix}({sub()}) + {self.number(True)}))"),
            (0.7, lambda: f"fmax{suffix}({sub()}, {sub()})"),
            (0.7, lambda: f"fmin{suffix}({sub()}, {sub()})"),
            (0.5, lambda: f"fabs{suffix}({sub()})"),
            (0.4, lambda: f"sqrt{suffix}(fabs{suffix}({sub()}))"),
            (0.3, lambda: f"exp{suffix}(-fabs{suffix}({sub()}))"),
            (0.3, lambda: f"tanh{suffix}({sub()})"),
            (0.7, lambda: f"(-{sub()})"),
            (1.2, lambda: f"({self.condition(scope, depth)} ? {sub()} : {sub()})"),
            (0.5, lambda: f"({self.real})({self.expression(scope, False, depth)})"),
            (0.3, lambda: f"(float)({sub()})"),
        ]
        return self.random.choices([k for _, k in kinds], [w for w, _ in kinds])[0]()

    def integer_operation(self, scope: Scope, depth: int) -> str:
        def sub() -> str:
            return self.expression(scope, False, depth)

        kinds: list[tuple[float, Callable[[], str]]] = [
            (6, lambda: f"({sub()} + {sub()})"),
            (4, lambda: f"({sub()} - {sub()})"),
            (4, lambda: f"({sub()} * {sub()})"),
            (1, lambda: f"({sub()} / {self.number(False)})"),
            (1, lambda: f"({sub()} % {self.number(False)})"),
            (0.5, lambda: f"({sub()} & {self.number(False)})"),
            (0.4, lambda: f"({sub()} | {sub()})"),
            (0.4, lambda: f"({sub()} ^ {sub()})"),
            (0.3, lambda: f"((unsigned)({sub()}) << {self.random.randint(1, 5)})"),
            (0.3, lambda: f"((unsigned)({sub()}) >> {self.random.randint(1, 5)})"),
            (0.3, lambda: f"({sub()} >> {self.random.randint(1, 3)})"),
            (0.4, lambda: f"(~{sub()})"),
            (0.7, lambda: f"(-{sub()})"),
            (1.2, lambda: f"({self.condition(scope, depth)} ? {sub()} : {sub()})"),
            (0.8, lambda: self.larger(sub(), sub())),
            (0.4, lambda: f"({sub()} < {sub()})"),
            (0.5, lambda: f"({self.random.choice(INTEGERS)})({sub()})"),
        ]
        return self.random.choices([k for _, k in kinds], [w for w, _ in kinds])[0]()

    def larger(self, left: str, right: str) -> str:
        return f"({left} {self.random.choice('<>')} {right} ? {left} : {right})"

    def condition(self, scope: Scope, depth: int, index: bool | None = None) -> str:
        """A condition on indices (`index`), on data, or either."""
        if index is None:
            index = bool(scope.counters) and self.chance(0.5)
        if index and scope.counters:
            return self.index_condition(scope)
        floating = self.pick(scope, True) is not None and not (self.integral and self.chance(0.7))
        operator = self.random.choice(("<", ">", "<=", ">="))
        left = self.expression(scope, floating, min(depth, 1))
        right = self.number(floating) if self.chance(0.4) else self.leaf(scope, floating)
        text = f"({left} {operator} {right})"
        if self.chance(0.1):
            other = self.condition(scope, 0)
            text = f"({text} {self.random.choice(('&&', '||'))} {other})"
        return f"(!{text})" if self.chance(0.05) else text

    def index_condition(self, scope: Scope) -> str:
        counter = self.random.choice(scope.counters)
        symbol = Affine.symbol(counter.name)
        others = [Affine.symbol(c.name) for c in scope.counters if c is not counter]
        draw = self.random.random()
        if draw < 0.15:
            value = symbol + self.random.choice(others) if others and self.chance(0.5) else symbol
            divisor = self.random.choice((2, 2, 3))
            return f"({in_parentheses(value)} % {divisor} == {self.random.randrange(divisor)})"
        if others and draw < 0.6:
            right = self.random.choice(others) + self.random.choice((0, 0, 0, 1, -1))
        elif draw < 0.8:
            right = Affine.of(self.random.randint(1, 4))
        else:
            right = Affine.symbol(self.random.choice(self.sizes)) - self.random.randint(1, 3)
        operator = self.random.choice(("<", ">", "<=", ">=", "==", "!="))
        text = f"({affine_text(symbol)} {operator} {affine_text(right)})"
        if self.chance(0.15):
            text = f"({text} {self.random.choice(('&&', '||'))} {self.index_condition(scope)})"
        return text
