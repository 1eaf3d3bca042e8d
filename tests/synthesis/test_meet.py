from __future__ import annotations

import numpy as np
import pytest
from toy_dialect import TOY

from exalift.affine import Affine
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, Hints, Operation, TensorType
from exalift.synthesis.bank import Bank, Entry
from exalift.synthesis.environment import Environment
from exalift.synthesis.meet import Targets
from exalift.synthesis.pool import Pool

P = 2**31 - 1
N, M = Affine.symbol("N"), Affine.symbol("M")
MATRIX, SCALAR = TensorType((N, M), DType.F64), TensorType((), DType.F64)
HINTS = Hints(extents=(N, M))


def make_bank(samples: int = 1) -> tuple[Bank, Entry, Entry]:
    bank = Bank(Environment({"N": 3, "M": 5}, PrimeField(), seed=2, samples=samples), TOY)
    return bank, bank.seed(ArrayValue("A", MATRIX)), bank.seed(ArrayValue("B", MATRIX))


def solve(bank: Bank, frontier: list[Entry], type: TensorType, values: np.ndarray) -> set[object]:
    """What is met right away, without any candidate."""
    pool = Pool(bank, frontier)
    targets = Targets(bank, bank.grammar(HINTS), pool, type, values)
    found: set[object] = set()
    for kind, row in targets.expand(0):
        mark = bank.table(kind).fingerprints[row : row + 1]
        node = targets.target(kind, int(targets.marks(kind).find(mark)[0])).wrap(Entry(bank, kind, row).node)
        assert np.array_equal(bank.observe(node).reshape(values.shape), values)
        found.add(node)
    return found


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_missing_operand_is_computed(name: str, swapped: bool, samples: int) -> None:
    bank, a, b = make_bank(samples)
    left, right = (b, a) if swapped else (a, b)
    values = bank.environment.algebra.apply(name, (left.values, right.values), DType.F64, DType.F64)
    wanted = Operation(f"toy.{name}", (left.node, right.node), (), MATRIX)
    other = Operation(f"toy.{name}", (right.node, left.node), (), MATRIX)
    found = solve(bank, [a, b], MATRIX, values)
    assert wanted in found or (name in ("add", "multiply") and other in found)


@pytest.mark.parametrize("samples", [1, 3])
def test_movements_are_undone(samples: int) -> None:
    bank, a, b = make_bank(samples)
    turned = TensorType((M, N), DType.F64)
    total = (a.values + b.values) % P
    found = solve(bank, [a, b], turned, np.ascontiguousarray(np.swapaxes(total, -1, -2)))
    assert any("add" in str(node) and "transpose" in str(node) for node in found)
    scalar = bank.seed(ArrayValue("alpha", SCALAR))
    spread = np.broadcast_to(scalar.values.reshape((*scalar.values.shape, 1, 1)), a.values.shape)
    assert solve(bank, [scalar], MATRIX, np.ascontiguousarray(spread))


def test_zeros_make_no_false_targets() -> None:
    bank, a, _ = make_bank()
    holes = a.values.copy()
    holes[0] = 0
    zeros = bank.seed(ArrayValue("Z", MATRIX), holes)
    values = np.random.default_rng(0).integers(1, P, (3, 5))
    assert not solve(bank, [a, zeros], MATRIX, values)
    product = a.values * holes % P
    assert solve(bank, [a, zeros], MATRIX, product)


def test_the_goal_itself_is_the_first_target() -> None:
    bank, a, b = make_bank()
    pool = Pool(bank, [a])
    targets = Targets(bank, bank.grammar(HINTS), pool, MATRIX, b.values)
    assert targets.types == {MATRIX}
    goal = targets.target(MATRIX, 0)
    assert goal.parent is None and goal.wrap(a.node) == a.node
    # B is in the bank, and may be taken from there, but is not in the pool.
    assert targets.expand(0) == [(MATRIX, b.row)]
    strict = Targets(bank, bank.grammar(HINTS), pool, MATRIX, b.values, reuse=False)
    assert strict.expand(0) == []


def test_integers_are_met_by_sums_and_differences_only() -> None:
    bank, _, _ = make_bank()
    integers = TensorType((N,), DType.I32)
    left = bank.seed(ArrayValue("i", integers))
    right = bank.seed(ArrayValue("j", integers))
    assert solve(bank, [left, right], integers, left.values + right.values)
    assert not solve(bank, [left, right], integers, left.values * right.values)
