"""Random modules: the translation computes, bit for bit, what MLIR run value by value does.

They are dense in what translation can get wrong: loads that are used after stores to the same memory,
values that loops carry and exchange, results of branches that store, conditions on data and on indices.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssa_machine import read_function, run

from exalift.affine import interpret, print_program
from exalift.affine.algebra import Machine
from exalift.base import ExaliftError
from exalift.frontend.mlir import parse_mlir
from exalift.frontend.mlir.emission import Emitter

EXTENT = 5
MEMORY = {"x": "f64", "y": "f64", "w": "i32"}


class Writer:
    """Writes one function over memrefs of 5x5 (x, y, w), a scalar of each kind, and a size of 5."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.lines: list[str] = []
        self.count = 0
        self.depth = 1
        self.known: dict[str, list[str]] = {"f64": ["%s"], "i32": ["%k"], "i1": [], "dim": [], "index": []}

    def emit(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def pick(self, kind: str) -> str:
        return self.source.choice(self.known[kind])

    def new(self, kind: str, text: str) -> None:
        name = self.fresh()
        self.emit(f"{name} = {text}")
        self.known[kind].append(name)

    def module(self) -> str:
        self.new("f64", "arith.constant 5.000000e-01 : f64")
        self.new("i32", "arith.constant 3 : i32")
        self.emit("%zero = arith.constant 0 : index")
        self.emit("%two = arith.constant 2 : index")
        self.emit("%five = arith.constant 5 : index")
        self.emit("%truth = arith.constant true")
        self.known["i1"].append("%truth")
        self.emit("%local = memref.alloca() : memref<1xf64>")
        self.emit(f"affine.store {self.pick('f64')}, %local[0] : memref<1xf64>")
        self.block(self.source.randint(3, 7))
        result = self.pick("f64")
        body = "\n".join(self.lines)
        parameters = ", ".join(f"%{name}: memref<5x5x{kind}>" for name, kind in MEMORY.items())
        head = f"func.func @f(%n: index, %s: f64, %k: i32, {parameters}) -> f64 {{"
        return f"{head}\n{body}\n  return {result} : f64\n}}\n"

    def block(self, statements: int) -> None:
        for _ in range(statements):
            deep = self.depth < 5
            choices = [self.load, self.load, self.store, self.store, self.scalar, self.scalar, self.local]
            choices.append(self.clash)
            self.source.choice(choices + ([self.loop, self.loop, self.branch] if deep else []))()

    def subscript(self) -> str:
        if not self.known["dim"] or self.source.random() < 0.2:
            return str(self.source.randrange(EXTENT))
        name = self.pick("dim")
        return self.source.choice(
            [
                f"{name}",
                f"({name} + {self.source.randrange(9)}) mod 5",
                f"-{name} + symbol(%n) - 1",
                f"{name} floordiv 2",
                f"({name} * 3) mod 5",
            ]
        )

    def place(self) -> tuple[str, str, str]:
        name = self.source.choice(list(MEMORY))
        kind = f"memref<5x5x{MEMORY[name]}>"
        if self.known["index"] and self.source.random() < 0.3:
            shifted, inside = self.fresh(), self.fresh()
            self.emit(f"{shifted} = arith.addi {self.pick('index')}, %two : index")
            self.emit(f"{inside} = arith.remsi {shifted}, %five : index")
            return MEMORY[name], "memref", f"%{name}[{inside}, {self.pick('index')}] : {kind}"
        return MEMORY[name], "affine", f"%{name}[{self.subscript()}, {self.subscript()}] : {kind}"

    def load(self) -> None:
        kind, dialect, place = self.place()
        self.new(kind, f"{dialect}.load {place}")

    def store(self) -> None:
        kind, dialect, place = self.place()
        # Recent values are likely loads: those are the ones that stores must not change.
        value = self.known[kind][-1] if self.source.random() < 0.5 else self.pick(kind)
        self.emit(f"{dialect}.store {value}, {place}")

    def clash(self) -> None:
        """A load, a store to the same place, and only then a use of what was loaded."""
        kind, dialect, place = self.place()
        other = self.pick(kind)
        loaded = self.fresh()
        self.emit(f"{loaded} = {dialect}.load {place}")
        self.known[kind].append(loaded)
        if self.source.random() < 0.5:
            self.scalar()
        self.emit(f"{dialect}.store {other}, {place}")
        kind_of_target, dialect, place = self.place()
        if kind_of_target == kind:
            self.emit(f"{dialect}.store {loaded}, {place}")

    def local(self) -> None:
        if self.source.random() < 0.5:
            self.new("f64", "affine.load %local[0] : memref<1xf64>")
        else:
            self.emit(f"affine.store {self.pick('f64')}, %local[0] : memref<1xf64>")

    def scalar(self) -> None:
        a, b = self.pick("f64"), self.pick("f64")
        p, q = self.pick("i32"), self.pick("i32")
        t, u = self.pick("i1"), self.pick("i1")
        integer = self.source.choice(["addi", "subi", "muli", "minsi", "xori", "maxui"])
        choices = [
            ("f64", f"arith.{self.source.choice(['addf', 'subf', 'mulf', 'maximumf'])} {a}, {b} : f64"),
            ("f64", f"arith.negf {a} : f64"),
            ("f64", f"arith.sitofp {p} : i32 to f64"),
            ("f64", f"arith.select {self.pick('i1')}, {a}, {b} : f64"),
            (
                "i32",
                f"arith.{integer} {p}, {q} : i32",
            ),
            ("i1", f"arith.cmpf {self.source.choice(['ogt', 'ule', 'une', 'oeq'])}, {a}, {b} : f64"),
            ("i1", f"arith.cmpi {self.source.choice(['slt', 'sge', 'eq', 'ult'])}, {p}, {q} : i32"),
            (
                "i1",
                f"arith.{self.source.choice(['andi', 'ori', 'xori'])} {t}, {u} : i1",
            ),
        ]
        if self.known["index"]:
            first, second = self.pick("index"), self.pick("index")
            choices += [
                ("i32", f"arith.index_cast {first} : index to i32"),
                ("i1", f"arith.cmpi {self.source.choice(['slt', 'ne', 'ule'])}, {first}, {second} : index"),
            ]
        self.new(*self.source.choice(choices))

    def inside(self, statements: int, terminator: str, kinds: list[str]) -> None:
        """A nested block: what it defines is gone afterwards."""
        self.depth += 1
        self.block(statements)
        values = [self.known[kind][-1] if self.source.random() < 0.6 else self.pick(kind) for kind in kinds]
        self.emit(f"{terminator} {', '.join(values)} : {', '.join(kinds)}" if kinds else terminator)
        self.depth -= 1

    def carried(self) -> list[str]:
        return [self.source.choice(["f64", "f64", "i32"]) for _ in range(self.source.randint(0, 3))]

    def header(self, kinds: list[str]) -> tuple[str, list[str]]:
        """The results' part of an operation, and their names."""
        if not kinds:
            return "", []
        name = self.fresh()
        return f"{name}:{len(kinds)} = ", [f"{name}#{k}" for k in range(len(kinds))]

    def loop(self) -> None:
        kinds = self.carried()
        results, names = self.header(kinds)
        outer = {kind: list(values) for kind, values in self.known.items()}
        arguments = [self.fresh() for _ in kinds]
        initial = [f"{a} = {self.pick(kind)}" for a, kind in zip(arguments, kinds, strict=True)]
        carried = f" iter_args({', '.join(initial)}) -> ({', '.join(kinds)})" if kinds else ""
        iv = self.fresh()
        affine = self.source.random() < 0.8
        if affine:
            low = self.source.choice(["0", "1", "max affine_map<()[s0] -> (0, s0 - 3)>()[%n]"])
            high = self.source.choice(["%n", "4", "min affine_map<()[s0] -> (s0, 3)>()[%n]"])
            step = self.source.choice(["", " step 2"]) if "max" not in low else ""
            self.emit(f"{results}affine.for {iv} = {low} to {high}{step}{carried} {{")
            self.known["dim"].append(iv)
        else:
            self.emit(f"{results}scf.for {iv} = %zero to %five step %two{carried} {{")
        self.known["index"].append(iv)
        for argument, kind in zip(arguments, kinds, strict=True):
            self.known[kind].append(argument)
        self.inside(self.source.randint(1, 4), "affine.yield" if affine else "scf.yield", kinds)
        self.emit("}")
        self.known = outer
        for name, kind in zip(names, kinds, strict=True):
            self.known[kind].append(name)

    def condition(self) -> str:
        """A condition that data decide, or data and indices."""
        self.load()
        recent = self.known["f64"][-1]
        data, both = self.fresh(), self.fresh()
        self.emit(f"{data} = arith.cmpf ogt, {recent}, {self.pick('f64')} : f64")
        if not self.known["index"] or self.source.random() < 0.5:
            return data
        where = self.fresh()
        self.emit(f"{where} = arith.cmpi slt, {self.pick('index')}, {self.pick('index')} : index")
        self.emit(f"{both} = arith.{self.source.choice(['andi', 'ori'])} {where}, {data} : i1")
        return both

    def branch(self) -> None:
        kinds = self.carried()
        results, names = self.header(kinds)
        given = f" -> ({', '.join(kinds)})" if kinds else ""
        affine = bool(self.known["dim"]) and self.source.random() < 0.4
        if affine:
            condition = self.source.choice(["d0 - 2 >= 0", "d0 mod 2 == 0", "s0 - d0 * 2 >= 0, d0 - 1 >= 0"])
            self.emit(
                f"{results}affine.if affine_set<(d0)[s0] : ({condition})>({self.pick('dim')})[%n]{given} {{"
            )
        else:
            condition = self.condition() if self.source.random() < 0.8 else self.pick("i1")
            self.emit(f"{results}scf.if {condition}{given} {{")
        outer = {kind: list(values) for kind, values in self.known.items()}
        terminator = "affine.yield" if affine else "scf.yield"
        self.inside(self.source.randint(0, 3), terminator, kinds)
        self.known = {kind: list(values) for kind, values in outer.items()}
        if kinds or self.source.random() < 0.6:
            self.emit("} else {")
            self.inside(self.source.randint(0, 3), terminator, kinds)
        self.emit("}")
        self.known = outer
        for name, kind in zip(names, kinds, strict=True):
            self.known[kind].append(name)


def check(source: random.Random) -> None:
    text = Writer(source).module()
    (program,) = parse_mlir(text, "random.mlir")
    generator = np.random.default_rng(0)
    arrays = {
        name: generator.normal(size=(5, 5)) if kind == "f64" else generator.integers(-9, 9, (5, 5), np.int32)
        for name, kind in MEMORY.items()
    }
    scalars = {"s": np.array(0.75), "k": np.array(-2, np.int32)}
    with np.errstate(all="ignore"):
        sizes = {"n": EXTENT} if program.sizes else {}
        inputs = {**arrays, **scalars}
        if not program.sizes:
            inputs["n"] = np.array(EXTENT, np.int64)
        found = interpret(program, inputs, sizes, Machine())
        direct = {name: array.copy() for name, array in arrays.items()}
        function = read_function(text, "f")
        (returned,) = run(function, [np.int64(EXTENT), scalars["s"][()], scalars["k"][()], *direct.values()])
    shown = f"{text}\n{print_program(program)}"
    for name, array in direct.items():
        np.testing.assert_array_equal(found[name], array, shown)
    np.testing.assert_array_equal(found["return"], returned, shown)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_modules(source: random.Random) -> None:
    check(source)


@pytest.mark.parametrize("seed", range(60))
def test_seeded_modules(seed: int) -> None:
    check(random.Random(seed))


@pytest.mark.parametrize("part", ["_keep", "before", "_apart", "_predicated"])
def test_the_comparison_sees_wrong_translations(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any part of what keeps values and conditions, modules of the same kind go wrong."""
    broken: dict[str, Callable[..., object]] = {
        "_keep": lambda emitter, key, span: None,
        "before": lambda emitter, stored: None,
        "_apart": lambda emitter, key, array, indices: True,
        "_predicated": lambda emitter, value, otherwise: value,
    }
    monkeypatch.setattr(Emitter, part, broken[part])
    wrong = 0
    for seed in range(60):
        try:
            check(random.Random(seed))
        except (AssertionError, ExaliftError):
            wrong += 1
            break
    assert wrong


@pytest.mark.slow
def test_many_seeded_modules() -> None:
    for seed in range(1000, 2000):
        check(random.Random(seed))
