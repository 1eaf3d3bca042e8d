"""Random affine C programs as text: in bounds, free of undefined behaviour, the same for the same seed.

Bounds hold by construction: every induction variable has affine bounds, every subscript's smallest and
largest value follow by substituting them, and a subscript is used only where both lie in the array for
all sizes from `MINIMUM` up. Signed overflow, which needs values to judge, is left to the sanitizer of the
harness. Every binary operation stands in parentheses and every statement on a line of its own, which is
what the shrinker works on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fuzz_expressions import Expressions
from fuzz_places import Counter, Scope, Storage, affine_text, extreme, in_parentheses

from exalift.affine import Affine

KEEP = "/* initial */"


@dataclass(frozen=True)
class Generated:
    """A program's text, its parameters (sizes left out), and the sizes to run it at.

    `extents` are affine in `sizes`, or in the macros where the sizes are `fixed`.
    """

    text: str
    parameters: tuple[Storage, ...]
    sizes: tuple[dict[str, int], ...]
    fixed: dict[str, int]


Lines = list[str]


def indented(lines: Iterable[str]) -> Lines:
    return ["    " + line for line in lines]


def block(header: str, body: Iterable[str]) -> Lines:
    return [header + " {", *indented(body), "}"]


class Generator(Expressions):
    """Writes one program."""

    # -- statements

    def assignment(self, scope: Scope) -> Lines:
        target = self.pick(scope, writable=True)
        if target is None:
            return []
        place = self.element(target, scope)
        value = self.expression(scope, target.is_float, self.random.randint(1, 3))
        draw = self.random.random()
        if draw < 0.35:
            operators = ("+=", "+=", "+=", "-=", "*=") if target.is_float else ("+=", "+=", "-=", "^=", "|=")
            return [f"{place} {self.random.choice(operators)} {value};"]
        if draw < 0.42:
            operator = self.random.choice("<>")
            return block(f"if ({value} {operator} {place})", [f"{place} = {value};"])
        if draw < 0.49:
            return [f"{place} = {self.larger(place, value)};"]
        return [f"{place} = {value};"]

    def bounds(self, scope: Scope) -> tuple[Affine, Affine]:
        """Inclusive bounds of a new loop: often an array's axis, sometimes up to or from an outer counter."""
        extents = [e for s in scope.storages for e in s.extents] or [Affine.symbol(self.sizes[0])]
        while True:
            extent = self.random.choice(extents)
            lower, upper = Affine.of(self.random.choice((0, 0, 0, 0, 1, 1, 2))), extent - 1
            if self.chance(0.3):
                upper = upper - self.random.choice((1, 1, 2))
            if scope.counters and self.chance(0.35):
                outer = Affine.symbol(self.random.choice(scope.counters).name)
                kind = self.random.randrange(4)
                if kind == 0:
                    lower = outer + self.random.choice((0, 1))
                elif kind == 1:
                    upper = outer - self.random.choice((0, 1))
                elif kind == 2:
                    upper = upper - outer
                else:
                    lower, upper = outer - 1, outer + 1
            most = extreme(upper, scope.counters, True) - extreme(lower, scope.counters, False)
            if 0 <= most.at(self.minima) <= 12:
                return lower, upper

    def loop(self, scope: Scope) -> Lines:
        lower, upper = self.bounds(scope)
        name = "ijklpq"[len(scope.counters)]
        counter = Counter(name, lower, upper)
        body = self.body(scope.inside(counter))
        return self.loop_around(counter, body)

    def loop_around(self, counter: Counter, body: Lines) -> Lines:
        """The loop in one of the forms in which people write it."""
        name, low, high = counter.name, affine_text(counter.lower), affine_text(counter.upper)
        past = affine_text(counter.upper + 1)
        declared = "int " if self.inner else ""
        step = self.random.choice((2, 3))
        forms: list[tuple[float, Callable[[], Lines]]] = [
            (8, lambda: block(f"for ({declared}{name} = {low}; {name} < {past}; {name}++)", body)),
            (2, lambda: block(f"for ({declared}{name} = {low}; {name} <= {high}; ++{name})", body)),
            (1.5, lambda: block(f"for ({declared}{name} = {high}; {name} >= {low}; {name}--)", body)),
            (0.5, lambda: block(f"for ({declared}{name} = {past}; {name}-- > {low};)", body)),
            (1, lambda: block(f"for ({declared}{name} = {low}; {name} < {past}; {name} += {step})", body)),
            (0.5, lambda: block(f"for ({declared}{name} = {high}; {name} >= {low}; {name} -= {step})", body)),
        ]
        if not self.inner:
            forms.append(
                (
                    1,
                    lambda: [
                        f"{name} = {low};",
                        *block(f"while ({name} <= {high})", [*body, f"{name}++;"]),
                    ],
                )
            )
        return self.random.choices([f for _, f in forms], [w for w, _ in forms])[0]()

    def accumulator(self, scope: Scope) -> Lines:
        """A local scalar, an inner loop that accumulates into it, and a use."""
        ctype = self.ctype()
        storage = Storage(self.fresh("s"), ctype, ())
        lower, upper = self.bounds(scope)
        counter = Counter("ijklpq"[len(scope.counters)], lower, upper)
        inner = scope.inside(counter)
        value = self.expression(inner, storage.is_float, self.random.randint(1, 2))
        name = storage.name
        steps = [
            f"{name} += {value};",
            f"{name} += {value};",
            f"{name} = ({name} > {value} ? {name} : {value});",
            f"{name} -= {value};",
        ]
        if storage.is_float:
            steps += [f"{name} = fmax({name}, {value});", f"{name} *= {value};"]
        first = self.random.choice(
            (self.number(storage.is_float), "0", "0", self.leaf(scope, storage.is_float))
        )
        lines = [f"{ctype} {name} = {first};", *self.loop_around(counter, [self.random.choice(steps)])]
        target = self.pick(scope, writable=True)
        scope.storages.append(storage)
        if target is not None:
            use = self.expression(scope, target.is_float, 1)
            use = f"({use} + {name})" if self.chance(0.5) and target.is_float >= storage.is_float else name
            if not target.is_float and storage.is_float:
                use = f"({name} > {self.number(True)})"
            lines.append(f"{self.element(target, scope)} {self.random.choice(('=', '=', '+='))} {use};")
        return lines

    def local_array(self, scope: Scope) -> Lines:
        """A local array, filled at once so that nothing is read before it is written."""
        ctype = self.ctype()
        extents = tuple(self.extent() for _ in range(self.random.choice((1, 1, 2))))
        storage = Storage(self.fresh("tmp"), ctype, extents)
        names = "ijklpq"[len(scope.counters) :]
        counters = [Counter(names[d], Affine(), extent - 1) for d, extent in enumerate(extents)]
        inner = scope.inside(*counters)
        subscripts = "".join(f"[{counter.name}]" for counter in counters)
        lines = [f"{storage.name}{subscripts} = {self.expression(inner, storage.is_float, 1)}; {KEEP}"]
        for counter in reversed(counters):
            name, past = counter.name, affine_text(counter.upper + 1)
            declared = "int " if self.inner else ""
            lines = block(f"for ({declared}{name} = 0; {name} < {past}; {name}++)", lines)
        scope.storages.append(storage)
        declaration = f"{ctype} {storage.name}" + "".join(f"[{affine_text(e)}]" for e in extents)
        return [f"{declaration};", *lines]

    def branch(self, scope: Scope) -> Lines:
        condition = self.condition(scope, 1, index=True if self.chance(0.6) else None)
        lines = block(f"if {condition}", self.body(scope.inside()))
        if self.chance(0.5):
            lines = [*lines[:-1], "} else {", *indented(self.body(scope.inside())), "}"]
        return lines

    def swap(self, scope: Scope) -> Lines:
        target = self.pick(scope, writable=True)
        if target is None or not target.extents:
            return []
        name, left, right = self.fresh("t"), self.element(target, scope), self.element(target, scope)
        return [f"{target.ctype} {name} = {left};", f"{left} = {right};", f"{right} = {name};"]

    def stencil(self, scope: Scope) -> Lines:
        """Sweeps over the inside of an array, in place or through another array, some times over."""
        targets = [s for s in scope.storages if s.extents and not s.readonly]
        if not targets or scope.counters:
            return []
        target = self.random.choice(targets)
        time = Counter("t", Affine(), Affine.of(self.random.randint(1, 3)))
        counters = [Counter("ijk"[d], Affine.of(1), e - 2) for d, e in enumerate(target.extents)]
        inner = scope.inside(time, *counters)
        centre = Storage(target.name, target.ctype, target.extents, target.flat)
        same = Scope(inner.counters[1:], [centre, *[s for s in scope.storages if not s.extents][:1]])
        value = self.expression(same, target.is_float, 3)
        if target.is_float:
            value = f"({value} * {self.number(True)})"
        plain = [Affine.symbol(c.name) for c in counters]
        place = self.place(target, plain)
        sweeps = [f"{place} = {value};"]
        copies = [s for s in targets if s.extents == target.extents and s is not target]
        if copies and self.chance(0.6):
            other = self.place(copies[0], plain)
            sweeps = [f"{other} = {value};"]
            back = self.nest(counters, [f"{place} = {other};"])
            return self.loop_around(time, [*self.nest(counters, sweeps), *back])
        return self.loop_around(time, self.nest(counters, sweeps))

    def nest(self, counters: Sequence[Counter], body: Lines) -> Lines:
        for counter in reversed(counters):
            body = self.loop_around(counter, body)
        return body

    def place(self, storage: Storage, subscripts: Sequence[Affine]) -> str:
        if not storage.flat or len(subscripts) == 1:
            return storage.name + "".join(f"[{affine_text(s)}]" for s in subscripts)
        text = in_parentheses(subscripts[0])
        for depth, subscript in enumerate(subscripts[1:], 1):
            text = f"{text} * {in_parentheses(storage.extents[depth])} + {affine_text(subscript)}"
            if depth < len(subscripts) - 1:
                text = f"({text})"
        return f"{storage.name}[{text}]"

    def walk(self, scope: Scope) -> Lines:
        """A pointer that runs over a whole flat array, element after element."""
        flats = [s for s in scope.storages if s.flat]
        if not flats or scope.counters:
            return []
        source = self.random.choice(flats)
        pointer = self.fresh("p")
        counters = [Counter("ijk"[d], Affine(), e - 1) for d, e in enumerate(source.extents)]
        inner = scope.inside(*counters)
        constant = "const " if source.readonly else ""
        targets = [s for s in scope.storages if not s.readonly and s.name != source.name]
        lines = [f"{constant}{source.ctype} *{pointer} = {source.name};"]
        if targets and (source.readonly or self.chance(0.6)):
            target = self.random.choice(targets)
            read = f"*{pointer}++"
            if source.is_float and not target.is_float:
                read = f"({read} > {self.number(True)})"
            body = [f"{self.element(target, inner)} {self.random.choice(('=', '+='))} {read};"]
        elif source.readonly:
            return []
        else:
            others = [s for s in inner.storages if s.name != source.name]
            inner = Scope(inner.counters, others, inner.depth)
            body = [f"*{pointer} = {self.expression(inner, source.is_float, 1)};", f"{pointer}++;"]
        for counter in reversed(counters):
            name, past = counter.name, affine_text(counter.upper + 1)
            declared = "int " if self.inner else ""
            body = block(f"for ({declared}{name} = 0; {name} < {past}; {name}++)", body)
        return [*lines, *body]

    def body(self, scope: Scope) -> Lines:
        lines: Lines = []
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3))):
            lines += self.statement(scope)
        return lines or ["(void)0;"]

    def statement(self, scope: Scope) -> Lines:
        self.statements_left -= 1
        deeper = len(scope.counters) < self.max_depth and scope.depth < 6
        kinds: list[tuple[float, Callable[[Scope], Lines]]] = [(4, self.assignment)]
        if deeper and self.statements_left > 0:
            kinds += [(6 if not scope.counters else 3, self.loop), (2, self.accumulator)]
        if scope.counters:
            kinds += [(0.3, self.swap)]
            if self.statements_left > 0:
                kinds += [(0.8, self.branch)]
        if len(scope.counters) < 2:
            kinds += [(0.3, self.local_array)]
        if not scope.counters:
            kinds += [(0.7, self.stencil), (0.7, self.walk)]
        return self.random.choices([k for _, k in kinds], [w for w, _ in kinds])[0](scope)

    # -- the program

    def parameters(self) -> list[Storage]:
        found: list[Storage] = []
        for position in range(self.random.randint(2, 4)):
            rank = self.random.choice((1, 1, 2, 2, 2, 3))
            extents = tuple(self.extent() for _ in range(rank))
            if found and found[-1].extents and self.chance(0.35):
                extents = found[-1].extents
            flat = self.chance(0.3)
            readonly = position > 0 and self.chance(0.3)
            found.append(Storage("ABCDE"[position], self.ctype(), extents, flat, readonly=readonly))
        if self.chance(0.5):
            found.append(Storage("alpha", self.ctype(), ()))
        if self.chance(0.15):
            found.append(Storage("out", self.ctype(), (), pointer=True))
        return found

    def declaration(self, storage: Storage) -> str:
        constant = "const " if storage.readonly else ""
        if storage.flat:
            return f"{constant}{storage.ctype} *{storage.name}"
        star = "*" if storage.pointer else ""
        extents = "".join(f"[{affine_text(extent)}]" for extent in storage.extents)
        return f"{constant}{storage.ctype} {star}{storage.name}{extents}"

    def program(self) -> Generated:
        parameters = self.parameters()
        scope = Scope(storages=list(parameters))
        lines: Lines = [] if self.inner else ["int i, j, k, l, p, q, t;"]
        result: Storage | None = None
        if self.chance(0.35):
            result = Storage("r", self.ctype(), ())
            scope.storages.append(result)
            lines.append(f"{result.ctype} r = {self.number(result.is_float)};")
        while self.statements_left > 0:
            lines += self.statement(scope)
        if not any(line.lstrip().startswith(("for", "while")) for line in lines):
            lines += self.loop(scope)
        if result is not None:
            lines.append("return r;")
        declared = [] if self.fixed else [f"int {name}" for name in self.sizes]
        declared += [self.declaration(storage) for storage in parameters]
        head = f"{result.ctype if result is not None else 'void'} kernel({', '.join(declared)})"
        macros = [f"#define {n} {self.minima[n]}" for n in self.sizes] if self.fixed else []
        text = "\n".join(["#include <math.h>", "#include <stdint.h>", *macros, "", *block(head, lines), ""])
        if self.fixed:
            return Generated(text, tuple(parameters), ({},), self.minima)
        first = dict(zip(self.sizes, (5, 7), strict=False))
        second = dict(zip(self.sizes, (6, 4), strict=False))
        return Generated(text, tuple(parameters), (first, second), {})


def generate(seed: int) -> Generated:
    """The program of that seed."""
    return Generator(seed).program()


if __name__ == "__main__":
    import sys

    print(generate(int(sys.argv[1])).text)
