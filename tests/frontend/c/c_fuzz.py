"""Random C functions in mixed styles: loops of all kinds, counters that are carried along, pointers that
walk, conditions on indices and data. Every access is in bounds for all sizes, by construction."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

SLACK = 3
ELEMENTS = ["double", "int", "unsigned char", "float", "unsigned", "long", "short"]


@dataclass
class Counter:
    """A C expression between 0 and `size` - 1."""

    text: str
    size: str


@dataclass
class Fuzzer:
    """Makes one function. Arrays are `a2` (n x m), `b2` (m x n), `flat` (n x m, flat), `x` (n), `y` (m), each
    with some slack in every dimension."""

    seed: int
    numbers: int = 0
    statements: int = 0
    lines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.kinds = {name: self.random.choice(ELEMENTS) for name in ("a2", "b2", "flat", "x", "y")}
        self.integer = self.random.choice(["int", "int", "int", "long", "unsigned", "unsigned long"])
        self.signed = not self.integer.startswith("unsigned")

    def fresh(self, base: str) -> str:
        self.numbers += 1
        return f"{base}{self.numbers}"

    def function(self) -> str:
        k = self.kinds
        head = (
            f"void f({self.integer} n, {self.integer} m, {k['a2']} a2[n + {SLACK}][m + {SLACK}], "
            f"{k['b2']} (*b2)[n + {SLACK}], {k['flat']} *restrict flat, {k['x']} x[n + {SLACK}], {k['y']} *y, double w) {{"
        )
        self.lines = [head]
        # So that pointers without extents get all they have room for.
        self.lines.append(
            f"  flat[(n + {SLACK - 1}) * (m + {SLACK}) + m] += 1; y[m + {SLACK - 1}] += 1; b2[m + {SLACK - 1}][0] += 1;"
        )
        for _ in range(self.random.randint(1, 3)):
            self.nest([], 1)
        return "\n".join([*self.lines, "}"])

    def add(self, depth: int, text: str) -> None:
        self.statements += 1
        self.lines.append("  " * depth + text)

    def nest(self, counters: list[Counter], depth: int) -> None:
        """A loop, or a statement."""
        choices = (
            ["loop"] * (4 - len(counters))
            + ["assign"] * 3
            + ["if"] * (2 if counters else 0)
            + ["data if", "local"]
        )
        if len(counters) >= 2 or self.statements > 25:
            choices = [c for c in choices if c != "loop"]
        if counters and depth < 4 and self.statements < 20:
            choices += ["carried", "walk"]
        if depth > 5 or self.statements > 30:
            choices = ["assign"]
        match self.random.choice(choices):
            case "loop":
                self.loop(counters, depth)
            case "if":
                self.branch(self.index_condition(counters), counters, depth)
            case "data if":
                self.branch(self.data_condition(counters), counters, depth)
            case "local":
                self.local(counters, depth)
            case "carried":
                self.carried(counters, depth)
            case "walk":
                self.walk(counters, depth)
            case _:
                self.assign(counters, depth)

    def block(self, counters: list[Counter], depth: int) -> None:
        for _ in range(self.random.randint(1, 2)):
            self.nest(counters, depth)

    def loop(self, counters: list[Counter], depth: int) -> None:
        size, i = self.random.choice("nm"), self.fresh("i")
        t = self.integer
        inside = Counter(i, size)
        same = [c for c in counters if c.size == size and c.text.isalnum()]
        style = self.random.randint(0, 9)
        if same and style < 4:
            outer = self.random.choice(same).text
            heads = [
                f"for ({t} {i} = {outer}; {i} < {size}; {i}++) {{",
                f"for ({t} {i} = 0; {i} <= {outer}; {i} += 1) {{",
                f"for ({t} {i} = 0; {i} < {outer}; ++{i}) {{",
                f"for ({t} {i} = {outer} + 1; {i} < {size}; {i} = {i} + 1) {{",
            ]
            self.add(depth, heads[style])
            self.block([*counters, inside], depth + 1)
            self.add(depth, "}")
            return
        match style:
            case 0 | 1:
                step = self.random.choice([1, 1, 2, 3])
                start = self.random.choice([0, 0, 1])
                self.add(depth, f"for ({t} {i} = {start}; {i} < {size}; {i} += {step}) {{")
            case 2:
                self.add(depth, f"for ({t} {i} = {size}; {i}-- > 0; ) {{")
            case 3 if self.signed:
                step = self.random.choice([1, 2])
                self.add(depth, f"for ({t} {i} = {size} - 1; {i} >= 0; {i} -= {step}) {{")
            case 4:
                self.add(depth, f"for ({t} {i} = {size}; {i} > 0; --{i}) {{")
                inside = Counter(f"({i} - 1)", size)
            case 5:
                self.add(depth, f"{t} {i} = 0; while ({i} < {size}) {{")
                self.block([*counters, inside], depth + 1)
                self.add(depth, f"  {i}++; }}")
                return
            case 6:
                self.add(depth, f"{t} {i} = 0; do {{")
                self.block([*counters, inside], depth + 1)
                self.add(depth, f"}} while (++{i} < {size});")
                return
            case 7:
                other = "m" if size == "n" else "n"
                self.add(depth, f"for ({t} {i} = 0; {i} < {size} && {i} < {other}; {i}++) {{")
            case 8:
                self.add(depth, f"for ({t} {i} = 0; {i} != {size}; {i}++) {{")
            case _:
                self.add(depth, f"for ({t} {i} = 0; {i} < {size}; {i}++) {{")
                if self.random.random() < 0.5:
                    self.add(depth + 1, f"if ({self.index_condition([*counters, inside])}) continue;")
        self.block([*counters, inside], depth + 1)
        self.add(depth, "}")

    # Subscripts and values.

    def place(self, counters: list[Counter], size: str) -> str:
        """A subscript below `size` + SLACK."""
        fitting = [c for c in counters if c.size == size]
        if not fitting or self.random.random() < 0.1:
            return str(self.random.randint(0, SLACK - 1))
        text = self.random.choice(fitting).text
        form = self.random.randint(0, 7)
        if form == 0:
            return f"{size} - 1 - {text}"
        if form == 1:
            return f"{text} / 2"
        if form == 2:
            return f"({text} > 1 ? {text} - 1 : 0)"
        if form == 3:
            return f"{text} % 3" if self.random.random() < 0.5 else f"({text} + 1) % {size}"
        return text if form < 6 else f"{text} + {self.random.randint(1, SLACK - 1)}"

    def element(self, counters: list[Counter]) -> str:
        match self.random.randint(0, 5):
            case 0:
                return f"a2[{self.place(counters, 'n')}][{self.place(counters, 'm')}]"
            case 1:
                return f"b2[{self.place(counters, 'm')}][{self.place(counters, 'n')}]"
            case 2:
                return f"flat[({self.place(counters, 'n')}) * (m + {SLACK}) + {self.place(counters, 'm')}]"
            case 3:
                return f"*(y + {self.place(counters, 'm')})"
            case 4:
                return f"y[{self.place(counters, 'm')}]"
            case _:
                return f"x[{self.place(counters, 'n')}]"

    def value(self, counters: list[Counter], depth: int = 0) -> str:
        form = self.random.randint(0, 9)
        if depth > 2 or form < 3:
            return self.element(counters)
        if form == 3 and counters:
            return f"(int)({self.random.choice(counters).text})"
        if form == 4:
            return self.random.choice(["1", "2.5", "3u", "-4", "0.5f", "7L"])
        if form == 5:
            a, b = self.value(counters, depth + 1), self.value(counters, depth + 1)
            return f"({a} {self.random.choice(['<', '>', '<=', '>='])} {b} ? {a} : {b})"
        if form == 6:
            return f"({self.data_condition(counters)} ? {self.element(counters)} : {self.value(counters, depth + 1)})"
        a, b = self.value(counters, depth + 1), self.value(counters, depth + 1)
        return f"({a} {self.random.choice(['+', '-', '*'])} {b})"

    def safe(self, target: str, value: str) -> str:
        """A value that every element type can hold: C leaves others undefined."""
        kind = next(kind for name, kind in self.kinds.items() if name in target)
        if kind in ("double", "float"):
            return f"({value}) * 0.25 + 0.5"
        return f"({value}) > -100 && ({value}) < 100 ? (signed char)({value}) & 63 : 11"

    def assign(self, counters: list[Counter], depth: int) -> None:
        target = self.element(counters)
        value = self.safe(target, self.value(counters))
        self.add(depth, f"{target} {self.random.choice(['=', '=', '+=', '-='])} {value};")

    # Conditions.

    def index_condition(self, counters: list[Counter]) -> str:
        if not counters:
            return "n > 2"
        a = self.random.choice(counters).text
        b = self.random.choice([*(c.text for c in counters), "0", "2", "n / 2", "m"])
        test = f"{a} {self.random.choice(['<', '>', '==', '!=', '<=', '>='])} {b}"
        if self.random.random() < 0.2:
            test = f"{a} % 2 == {self.random.randint(0, 1)}"
        if self.random.random() < 0.3:
            other = self.random.choice(counters).text
            test = f"{test} {self.random.choice(['&&', '||'])} {other} {self.random.choice(['<', '!='])} 3"
        return test if self.random.random() < 0.8 else f"!({test})"

    def data_condition(self, counters: list[Counter]) -> str:
        test = f"{self.element(counters)} > {self.random.choice(['0', '3', 'w'])}"
        if self.random.random() < 0.3:
            test = f"{self.index_condition(counters)} {self.random.choice(['&&', '||'])} {test}"
        elif self.random.random() < 0.2:
            test = f"{test} && {self.index_condition(counters)}"
        return test

    def branch(self, test: str, counters: list[Counter], depth: int) -> None:
        self.add(depth, f"if ({test}) {{")
        self.block(counters, depth + 1)
        if self.random.random() < 0.5:
            self.add(depth, "} else {")
            self.block(counters, depth + 1)
        self.add(depth, "}")

    # Variables.

    def local(self, counters: list[Counter], depth: int) -> None:
        """An integer that stands in subscripts, or a number that does not."""
        name = self.fresh("t")
        if counters and self.random.random() < 0.5:
            c = self.random.choice(counters)
            self.add(depth, "{")
            if self.random.random() < 0.5:
                self.add(depth + 1, f"{self.integer} {name} = {c.size} - 1 - {c.text};")
            else:
                self.add(
                    depth + 1,
                    f"{self.integer} {name}; if ({self.index_condition(counters)}) {name} = {c.text}; else {name} = 0;",
                )
            self.block([*counters, Counter(name, c.size)], depth + 1)
            self.add(depth, "}")
            return
        self.add(depth, f"{{ double {name} = {self.value(counters)};")
        target = self.element(counters)
        self.add(depth + 1, f"{name} = {name} * 0.5 + {self.value(counters)};")
        self.add(depth + 1, f"{target} = {self.safe(target, name)}; }}")

    def carried(self, counters: list[Counter], depth: int) -> None:
        """A counter of its own that is moved along by a loop."""
        size, name, i = self.random.choice("nm"), self.fresh("c"), self.fresh("i")
        t = self.integer
        up = self.random.random() < 0.6
        self.add(depth, f"{{ {t} {name} = {'0' if up else size};")
        self.add(depth + 1, f"for ({t} {i} = 0; {i} < {size}; {i}++) {{")
        if not up:
            self.add(depth + 2, f"{name}--;")
        self.block([*counters, Counter(i, size), Counter(name, size)], depth + 2)
        if up:
            self.add(depth + 2, f"{name} += 1;")
        self.add(depth + 1, "}")
        if up:
            element = f"{'x' if size == 'n' else 'y'}[{name}]"
            self.add(depth + 1, f"{element} = {self.safe(element, self.value(counters))};")
        self.add(depth, "}")

    def walk(self, counters: list[Counter], depth: int) -> None:
        """A pointer that walks over the flat array, row by row."""
        p, i, j, t = self.fresh("p"), self.fresh("i"), self.fresh("j"), self.integer
        kind = self.kinds["flat"]
        inner = [*counters, Counter(i, "n"), Counter(j, "m")]
        value = self.safe("flat", self.value(inner))
        if self.random.random() < 0.5:
            self.add(depth, f"{{ {kind} *{p} = flat; for ({t} {i} = 0; {i} < n; {i}++) {{")
            self.add(depth + 1, f"for ({t} {j} = 0; {j} < m; {j}++) *{p}++ += {value};")
            self.add(depth + 1, f"{p} += {SLACK}; }} }}")
        else:
            self.add(depth, f"for ({t} {i} = 0; {i} < n; {i}++) {{ {kind} *{p} = flat + {i} * (m + {SLACK});")
            self.add(depth + 1, f"for ({t} {j} = 0; {j} < m; {j}++) {p}[{j}] = {value}; }}")
