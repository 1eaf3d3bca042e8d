"""Goals searched whole, not split by their algebra: `python benchmarks/synthesis/whole_goals.py`.

The columns are those of mlirSynth's table (arXiv 2310.04196, section 6): candidates enumerated, ended by a
static check, evaluated, dropped as equivalent to another one, and seconds. Only the guide and meeting in the
middle help the enumeration here. Options: a budget in seconds (default 60), names of goals (default all).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Constant,
    Constraint,
    Expression,
    Formula,
    Guard,
    GuardValue,
    Load,
    Reduce,
    loads,
    nodes,
)
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, ConstantValue, Hints, Node, Operation, TensorType
from exalift.dialects.stablehlo import STABLEHLO
from exalift.synthesis.bank import Bank
from exalift.synthesis.environment import Environment, choose_sizes
from exalift.synthesis.equivalence import confirm
from exalift.synthesis.guide import Guide
from exalift.synthesis.search import Goal, SearchOptions, search
from exalift.synthesis.static_checks import SizeLimit

F64 = DType.F64
N, M, K, L = (Affine.symbol(name) for name in "NMKL")
NOMINAL = {"N": 96, "M": 160, "K": 128, "L": 112}
I, J = Axis("i", N), Axis("j", M)  # noqa: E741


def load(name: str, *indices: str) -> Load:
    return Load(name, tuple(Affine.symbol(index) for index in indices), F64)


def times(*factors: Expression) -> Expression:
    product = factors[0]
    for factor in factors[1:]:
        product = Apply("multiply", (product, factor), F64)
    return product


def plus(left: Expression, right: Expression) -> Expression:
    return Apply("add", (left, right), F64)


def total(body: Expression, **axes: Affine) -> Expression:
    return Reduce("add", tuple(Axis(name, extent) for name, extent in axes.items()), body, F64)


@dataclass(frozen=True)
class Case:
    formula: Formula
    arrays: Mapping[str, tuple[Affine, ...]]


def cases() -> dict[str, Case]:
    gemm = plus(
        times(load("beta"), load("C", "i", "j")),
        total(times(load("alpha"), load("A", "i", "k"), load("B", "k", "j")), k=K),
    )
    atax = total(times(load("A", "k", "j"), total(times(load("A", "k", "l"), load("x", "l")), l=M)), k=N)
    gesummv = plus(
        times(load("alpha"), total(times(load("A", "i", "k"), load("x", "k")), k=N)),
        times(load("beta"), total(times(load("B", "i", "k"), load("x", "k")), k=N)),
    )
    mvt = plus(load("y", "i"), total(times(load("A", "k", "i"), load("x", "k")), k=N))
    two = plus(
        times(load("D", "i", "j"), load("beta")),
        total(
            times(
                total(times(load("alpha"), load("A", "i", "k"), load("B", "k", "l")), k=K),
                load("C", "l", "j"),
            ),
            l=L,
        ),
    )
    three = total(
        times(total(times(load("A", "i", "k"), load("B", "k", "l")), k=K), load("C", "l", "j")), l=L
    )
    syrk_value = plus(
        times(load("beta"), load("C", "i", "j")),
        total(times(load("alpha"), load("A", "i", "k"), load("A", "j", "k")), k=K),
    )
    lower = GuardValue(Guard.of(Constraint(Affine.symbol("i") - Affine.symbol("j"))))
    syrk = Apply("select", (lower, syrk_value, load("C", "i", "j")), F64)
    trmm_guard = Guard.of(Constraint(Affine.symbol("k") - Affine.symbol("i") - 1))
    trmm = Reduce("add", (Axis("k", N),), times(load("A", "k", "i"), load("B", "k", "j")), F64, trmm_guard)
    bicg = total(times(load("A", "k", "j"), load("r", "k")), k=N)
    gemver = plus(
        plus(load("A", "i", "j"), times(load("u", "i"), load("v", "j"))),
        times(load("w", "i"), load("z", "j")),
    )
    mean = Apply("divide", (total(load("A", "k", "j"), k=N), load("n")), F64)
    centred = Apply("subtract", (load("A", "i", "j"), mean), F64)
    scalars: dict[str, tuple[Affine, ...]] = {"alpha": (), "beta": ()}
    vectors = {"u": (N,), "v": (M,), "w": (N,), "z": (M,)}
    chain = {"A": (N, K), "B": (K, L), "C": (L, M)}
    both = (I, J)
    return {
        "gemm": Case(Formula(both, gemm), {"A": (N, K), "B": (K, M), "C": (N, M), **scalars}),
        "2mm": Case(Formula(both, two), {**chain, "D": (N, M), **scalars}),
        "3mm": Case(Formula(both, three), chain),
        "atax": Case(Formula((J,), atax), {"A": (N, M), "x": (M,)}),
        "bicg": Case(Formula((J,), bicg), {"A": (N, M), "r": (N,)}),
        "mvt": Case(Formula((I,), mvt), {"A": (N, N), "x": (N,), "y": (N,)}),
        "gesummv": Case(Formula((I,), gesummv), {"A": (N, N), "B": (N, N), "x": (N,), **scalars}),
        "gemver-A": Case(Formula(both, gemver), {"A": (N, M), **vectors}),
        "covariance-centred": Case(Formula(both, centred), {"A": (N, M), "n": ()}),
        "trmm-sum": Case(Formula(both, trmm), {"A": (N, N), "B": (N, M)}),
        "syrk": Case(Formula((I, Axis("j", N)), syrk), {"A": (N, K), "C": (N, N), **scalars}),
    }


def show(node: Node | None) -> str:
    match node:
        case Operation(name=name, operands=operands):
            return f"{name.split('.')[1]}({', '.join(show(operand) for operand in operands)})"
        case ArrayValue(name=name):
            return name
        case ConstantValue(value=value):
            return str(value)
        case None:
            return "-"
        case _:
            return str(node.index)


def hints_of(case: Case) -> Hints:
    body = case.formula.body
    extents = [e for shape in case.arrays.values() for e in shape]
    functions = frozenset(node.function for node in nodes(body) if isinstance(node, Apply | Reduce))
    compares = {"compare_lt", "compare_ge"} if any(isinstance(n, GuardValue) for n in nodes(body)) else set()
    return Hints(
        extents=tuple(dict.fromkeys(extents)),
        functions=functions | compares,
        goal=TensorType(case.formula.shape, F64),
    )


def main() -> None:
    budget = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    chosen = cases()
    header = ("goal", "enumerated", "static", "evaluated", "equivalent", "seconds")
    print(f"{header[0]:20}" + "".join(f"{name:>14}" for name in header[1:]))
    for name in sys.argv[2:] or chosen:
        case = chosen[name]
        names = sorted({n for shape in case.arrays.values() for extent in shape for n in extent.names})
        environments = [
            Environment(choose_sizes(names, minimum=lowest), PrimeField(), seed)
            for seed, lowest in ((1, 3), (2, 6))
        ]
        types = {array: TensorType(shape, F64) for array, shape in case.arrays.items()}
        bank = Bank(environments[0], STABLEHLO, NOMINAL, SizeLimit.of(tuple(types.values()), NOMINAL))
        frontier = [bank.seed(ArrayValue(array, type)) for array, type in types.items()]
        if any(isinstance(node, Constant | GuardValue) for node in nodes(case.formula.body)):
            frontier.append(bank.seed(ConstantValue(0, TensorType((), F64))))
        contents = [{a: e.random(a, t) for a, t in types.items()} for e in environments]
        assert {node.array for node in loads(case.formula.body)} <= set(types)
        goal = Goal(TensorType(case.formula.shape, F64), environments[0].evaluate(case.formula, contents[0]))
        options = SearchOptions(
            budget_s=budget,
            max_level=8,
            guide=Guide.of([case.formula]),
            accept=lambda node, case=case, there=environments[1], held=contents[1]: confirm(
                node, case.formula, held, there, STABLEHLO
            ),
        )
        result = search(bank, goal, options, hints_of(case), frontier)
        s = result.statistics
        counts = (s.enumerated, s.static, s.evaluated, s.equivalent)
        print(
            f"{name:20}"
            + "".join(f"{count:14,}" for count in counts)
            + f"{s.seconds:14.2f}   {show(result.node)}"
        )


if __name__ == "__main__":
    main()
