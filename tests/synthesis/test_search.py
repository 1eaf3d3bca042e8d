from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from toy_dialect import TOY

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
)
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import (
    ArrayValue,
    ConstantValue,
    Dialect,
    Hints,
    Node,
    Operation,
    TensorType,
    evaluate_node,
)
from exalift.dialects.stablehlo import STABLEHLO
from exalift.synthesis.bank import Bank, Entry
from exalift.synthesis.environment import Environment
from exalift.synthesis.equivalence import confirm
from exalift.synthesis.guide import Guide
from exalift.synthesis.search import Goal, SearchOptions, SearchResult, search
from exalift.synthesis.static_checks import SizeLimit

P = 2**31 - 1
N, M, K = (Affine.symbol(name) for name in "NMK")
SIZES = {"N": 3, "M": 5, "K": 4}
ARRAYS = {
    "A": (N, K),
    "B": (K, M),
    "C": (N, M),
    "x": (M,),
    "y": (N,),
    "v": (M,),
    "alpha": (),
    "beta": (),
}


def tensor(*shape: Affine, dtype: DType = DType.F64) -> TensorType:
    return TensorType(shape, dtype)


def make_bank(dialect: Dialect = TOY, seed: int = 1, samples: int = 1) -> Bank:
    limit = SizeLimit.of([tensor(N, M), tensor(N, K), tensor(K, M)], {"N": 96, "M": 160, "K": 128})
    nominal = {"N": 96, "M": 160, "K": 128}
    return Bank(Environment(SIZES, PrimeField(), seed, samples), dialect, nominal, limit)


def seeds(bank: Bank, names: str) -> list[Entry]:
    return [bank.seed(ArrayValue(name, tensor(*ARRAYS[name]))) for name in names.split()]


def load(name: str, *indices: Affine | str | int) -> Load:
    return Load(name, tuple(Affine.of(index) for index in indices), DType.F64)


def apply(function: str, *operands: Expression, dtype: DType = DType.F64) -> Apply:
    return Apply(function, operands, dtype)


def values_of(bank: Bank, formula: Formula, frontier: Sequence[Entry]) -> np.ndarray:
    contents = {entry.node.name: entry.values for entry in frontier if isinstance(entry.node, ArrayValue)}
    return bank.environment.evaluate(formula, contents)


def run(
    bank: Bank,
    formula: Formula,
    frontier: Sequence[Entry],
    options: SearchOptions | None = None,
    offsets: tuple[Affine, ...] = (Affine(),),
    functions: frozenset[str] = frozenset(),
) -> SearchResult:
    type = TensorType(formula.shape, formula.body.dtype)
    extents = tuple(dict.fromkeys((*formula.shape, *(e for f in frontier for e in f.type.shape))))
    hints = Hints(offsets=offsets, extents=extents, functions=functions, goal=type)
    goal = Goal(type, values_of(bank, formula, frontier))
    result = search(bank, goal, options, hints, frontier)
    if result.node is not None:
        assert result.entry is not None
        assert np.array_equal(result.entry.values, goal.values)
        assert np.array_equal(bank.observe(result.node).reshape(goal.values.shape), goal.values)
    return result


def show(node: Node | None) -> str:
    match node:
        case Operation(name=name, operands=operands):
            return f"{name.split('.')[1]}({', '.join(show(operand) for operand in operands)})"
        case ArrayValue(name=name):
            return name
        case ConstantValue(value=value):
            return str(value)
        case _:
            return str(node)


I_AXIS, J_AXIS, K_AXIS = Axis("i", N), Axis("j", M), Axis("k", K)
PRODUCT = apply("multiply", load("A", "i", "k"), load("B", "k", "j"))
PRODUCT_WITH_ROW = apply("multiply", load("C", "i", "j"), load("x", "j"))
GEMM = Formula(
    (I_AXIS, J_AXIS),
    apply(
        "add",
        apply("multiply", load("beta"), load("C", "i", "j")),
        Reduce("add", (K_AXIS,), apply("multiply", load("alpha"), PRODUCT), DType.F64),
    ),
)


@pytest.mark.parametrize("dialect", [TOY, STABLEHLO], ids=lambda d: d.name)
def test_gemm_whole(dialect: Dialect) -> None:
    bank = make_bank(dialect)
    result = run(bank, GEMM, seeds(bank, "A B C alpha beta"), SearchOptions(guide=Guide.of([GEMM])))
    fill = "fill" if dialect is TOY else "broadcast_in_dim"
    text = show(result.node).replace(f"{fill}(alpha)", "alpha").replace(f"{fill}(beta)", "beta")
    assert text.startswith("add(")
    assert "multiply" in text and ("matmul" in text or "dot_general" in text)
    assert result.statistics.solutions >= 1


def test_the_same_search_gives_the_same_answer_and_counts() -> None:
    first, second = (run(bank, GEMM, seeds(bank, "A B C alpha beta")) for bank in (make_bank(), make_bank()))
    assert first.node == second.node
    for name in ("enumerated", "static", "evaluated", "equivalent", "solutions"):
        assert getattr(first.statistics, name) == getattr(second.statistics, name)
    assert first.statistics.enumerated == first.statistics.static + first.statistics.evaluated


def test_a_known_value_is_looked_up() -> None:
    bank = make_bank()
    a, b = seeds(bank, "A B")
    known = bank.add(Operation("toy.matmul", (a.node, b.node), (), tensor(N, M)))
    formula = Formula((I_AXIS, J_AXIS), Reduce("add", (K_AXIS,), PRODUCT, DType.F64))
    result = run(bank, formula, [a, b])
    assert result.entry == known
    assert result.statistics.enumerated == 0
    # Without reuse the search keeps to what the frontier gives.
    goal = Goal(tensor(N, M), known.values)
    assert search(bank, goal, SearchOptions(max_level=1, reuse=False), None, [a]).node is None
    assert search(bank, goal, SearchOptions(max_level=1), None, [a]).entry == known


def test_transposes() -> None:
    bank = make_bank()
    formula = Formula((J_AXIS, I_AXIS), apply("multiply", load("C", "i", "j"), load("C", "i", "j")))
    result = run(bank, formula, seeds(bank, "C"))
    assert show(result.node) in (
        "transpose(multiply(C, C))",
        "multiply(transpose(C), transpose(C))",
    )
    assert show(result.node).startswith("transpose")


def test_slices_and_sums() -> None:
    bank = make_bank()
    axis = Axis("i", M - 2)
    shifted = [load("x", Affine.symbol("i") + offset) for offset in range(3)]
    formula = Formula((axis,), apply("add", apply("add", shifted[0], shifted[1]), shifted[2]))
    offsets = (Affine(), Affine.of(1), Affine.of(2))
    result = run(bank, formula, seeds(bank, "x"), offsets=offsets)
    assert show(result.node).count("slice") == 3
    assert show(result.node).count("add") == 2


def test_masks_from_iota_compare_and_select() -> None:
    bank = make_bank()
    lower = GuardValue(Guard.of(Constraint(Affine.symbol("i") - Affine.symbol("j") - 1)))
    zero = bank.seed(ConstantValue(0, tensor()))
    formula = Formula((I_AXIS, J_AXIS), apply("select", lower, load("C", "i", "j"), Constant(0, DType.F64)))
    result = run(bank, formula, [*seeds(bank, "C"), zero])
    assert show(result.node) in (
        "select(compare_lt(iota(), iota()), C, fill(0))",
        "select(compare_lt(iota(), iota()), C, subtract(C, C))",
    )


def test_reductions() -> None:
    bank = make_bank()
    total = Reduce("maximum", (J_AXIS,), load("C", "i", "j"), DType.F64)
    result = run(bank, Formula((I_AXIS,), total), seeds(bank, "C"))
    assert show(result.node) == "reduce_maximum(C)"
    squares = apply("multiply", load("C", "i", "j"), load("C", "i", "j"))
    norm = Reduce("add", (I_AXIS, J_AXIS), squares, DType.F64)
    result = run(bank, Formula((), apply("sqrt", norm)), seeds(bank, "C"))
    assert show(result.node) == "sqrt(reduce_add(reduce_add(multiply(C, C))))"


def test_quotients_are_met_in_the_middle() -> None:
    bank = make_bank()
    deep = apply("divide", load("x", "j"), apply("sqrt", apply("add", load("v", "j"), load("x", "j"))))
    result = run(bank, Formula((J_AXIS,), deep), seeds(bank, "x v"), SearchOptions(max_level=2))
    assert show(result.node) == "divide(x, sqrt(add(x, v)))"


@pytest.mark.parametrize(
    ("formula", "names", "wanted"),
    [
        (
            Formula((I_AXIS,), Reduce("add", (J_AXIS,), PRODUCT_WITH_ROW, DType.F64)),
            "C x",
            ("dot_general(C, x)", "dot_general(x, C)"),
        ),
        (
            Formula((J_AXIS,), apply("maximum", load("x", "j"), load("v", "j"))),
            "x v",
            ("maximum(x, v)", "maximum(v, x)"),
        ),
        (
            Formula((J_AXIS,), load("x", M - 1 - Affine.symbol("j"))),
            "x",
            ("reverse(x)",),
        ),
        (
            Formula((I_AXIS, J_AXIS), apply("multiply", load("y", "i"), load("x", "j"))),
            "x y",
            ("dot_general(y, x)",),
        ),
        (
            Formula((I_AXIS, J_AXIS), apply("subtract", load("C", "i", "j"), load("x", "j"))),
            "C x",
            ("subtract(C, broadcast_in_dim(x))",),
        ),
    ],
)  # fmt: skip
def test_small_goals_in_stablehlo(formula: Formula, names: str, wanted: tuple[str, ...]) -> None:
    # Several samples, since a maximum of two vectors is often one of them.
    bank = make_bank(STABLEHLO, samples=4)
    functions = frozenset({"add", "maximum", "multiply"})
    result = run(bank, formula, seeds(bank, names), SearchOptions(max_level=2), functions=functions)
    assert show(result.node) in wanted
    assert result.statistics.seconds < 5


def test_what_is_found_is_right_at_other_sizes() -> None:
    bank = make_bank()
    result = run(bank, GEMM, seeds(bank, "A B C alpha beta"))
    assert result.node is not None
    larger = Environment({"N": 8, "M": 6, "K": 11}, PrimeField(), seed=5)
    contents = {name: larger.random(name, tensor(*ARRAYS[name])) for name in ("A", "B", "C", "alpha", "beta")}
    assert confirm(result.node, GEMM, contents, larger, TOY)
    other = Formula((I_AXIS, J_AXIS), load("C", "i", "j"))
    assert not confirm(result.node, other, contents, larger, TOY)
    value = evaluate_node(result.node, contents, larger.sizes, larger.algebra, TOY)
    product = contents["A"].astype(object) @ contents["B"]
    expected = (contents["alpha"] * product + contents["beta"].astype(object) * contents["C"]) % P
    assert np.array_equal(value, expected)


def test_a_solution_that_is_not_accepted_is_passed_over() -> None:
    bank = make_bank()
    square = Formula((I_AXIS, J_AXIS), apply("multiply", load("C", "i", "j"), load("C", "i", "j")))
    refused: list[str] = []

    def accept(node: Node) -> bool:
        refused.append(show(node))
        return "negate" in show(node)

    result = run(bank, square, seeds(bank, "C"), SearchOptions(accept=accept))
    assert "negate" in show(result.node)
    assert "multiply(C, C)" in refused
    assert len(refused) == len(set(refused))


def test_bounds_are_kept_and_progress_is_told() -> None:
    bank = make_bank()
    told: list[tuple[int, int]] = []
    values = np.random.default_rng(0).integers(1, P, (3, 5))
    options = SearchOptions(
        budget_s=2.0, max_candidates=20_000, progress=lambda level, count, _: told.append((level, count))
    )
    result = search(bank, Goal(tensor(N, M), values), options, None, seeds(bank, "C"))
    assert result.node is None and result.entry is None
    assert 20_000 < result.statistics.evaluated < 2_000_000
    assert told and told == sorted(told)


def test_a_level_bound_ends_the_search() -> None:
    bank = make_bank()
    deep = Formula((I_AXIS, J_AXIS), apply("sqrt", apply("sqrt", apply("sqrt", load("C", "i", "j")))))
    assert run(bank, deep, seeds(bank, "C"), SearchOptions(max_level=2)).node is None
    assert run(bank, deep, seeds(bank, "C"), SearchOptions(max_level=3)).node is not None


def test_memory_is_bounded() -> None:
    bank = make_bank()
    values = np.random.default_rng(0).integers(1, P, (3, 5))
    options = SearchOptions(max_level=5, max_bytes=300_000, budget_s=5.0, max_candidates=1_000_000)
    search(bank, Goal(tensor(N, M), values), options, None, seeds(bank, "C x"))
    assert bank.bytes < 3_000_000


def test_scalars_that_are_compared_need_samples() -> None:
    larger = apply("maximum", load("alpha"), load("beta"))
    formula = Formula((), apply("add", larger, load("alpha")))
    alike = make_bank()
    assert show(run(alike, formula, seeds(alike, "alpha beta")).node) != "add(alpha, maximum(alpha, beta))"
    bank = make_bank(samples=16)
    result = run(bank, formula, seeds(bank, "alpha beta"))
    assert show(result.node) in (
        "add(alpha, maximum(alpha, beta))",
        "add(maximum(alpha, beta), alpha)",
    )
    assert bank.table(tensor()).shape == (16,)


def test_samples_change_nothing_in_what_is_found() -> None:
    bank = make_bank(samples=5)
    goal = Guide.of([GEMM])
    result = run(bank, GEMM, seeds(bank, "A B C alpha beta"), SearchOptions(guide=goal))
    assert "matmul" in show(result.node)
