from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from toy_dialect import TOY

from exalift.affine import Affine
from exalift.affine.algebra import Machine, PrimeField, Rational
from exalift.base import DType, VerificationError
from exalift.dialects import ArrayValue, ConstantValue, IndexScalar, Operation, TensorType
from exalift.synthesis.bank import Bank
from exalift.synthesis.environment import Environment
from exalift.synthesis.fingerprints import fingerprint
from exalift.synthesis.static_checks import SizeLimit

P = 2**31 - 1
N, M = Affine.symbol("N"), Affine.symbol("M")
MATRIX = TensorType((N, M), DType.F64)
SCALAR = TensorType((), DType.F64)


def make_bank(limit: SizeLimit | None = None) -> Bank:
    return Bank(Environment({"N": 3, "M": 5, "t": 2}, PrimeField(), seed=7), TOY, limit=limit)


def op(name: str, *operands: object, type: TensorType = MATRIX, **attributes: object) -> Operation:
    return Operation(f"toy.{name}", operands, tuple(attributes.items()), type)  # type: ignore[arg-type]


A, B = ArrayValue("A", MATRIX), ArrayValue("B", MATRIX)


def test_seeds() -> None:
    bank = make_bank()
    a = bank.seed(A)
    assert a.values.shape == (3, 5) and a.cost == 0 and a.node == A
    half = bank.seed(ConstantValue(Fraction(1, 2), SCALAR))
    assert int(half.values) * 2 % P == 1
    place = bank.seed(IndexScalar(N * 2 - Affine.symbol("t"), TensorType((), DType.I64)))
    assert int(place.values) == 4
    assert bank.seed(A) == a
    given = bank.seed(B, np.arange(15).reshape(3, 5))
    assert given.values[2, 4] == 14
    assert set(bank.types) == {MATRIX, SCALAR, TensorType((), DType.I64)}


def test_a_seed_of_a_known_value_is_that_value_for_free() -> None:
    bank = make_bank()
    made = bank.add(op("add", A, B))
    assert made.cost > 0
    again = bank.seed(ArrayValue("sum", MATRIX), made.values)
    assert again == made and made.cost == 0
    assert made.node == ArrayValue("sum", MATRIX)


def test_adding_an_operation_adds_its_operands() -> None:
    bank = make_bank()
    entry = bank.add(op("add", op("multiply", A, B), A))
    a, b = bank.seed(A).values, bank.seed(B).values
    assert np.array_equal(entry.values, (a * b + a) % P)
    assert entry.node == op("add", op("multiply", A, B), A)
    assert bank.lookup(MATRIX, (a * b + a) % P) == entry
    assert bank.lookup(MATRIX, a + 1) is None
    assert entry.fingerprint == fingerprint(entry.values.reshape(1, -1), DType.F64, True, 7)[0]
    assert entry in bank.entries(MATRIX)


def test_equal_values_are_one_entry_with_the_cheaper_graph() -> None:
    bank = make_bank()
    dear = bank.add(op("subtract", op("add", op("add", A, B), A), A))
    cheap = bank.add(op("add", B, A))
    assert dear == cheap
    assert dear.node == op("add", A, B)
    before = cheap.cost
    bank.add(op("negate", op("negate", op("add", A, B))))
    assert cheap.cost == before


def test_cheaper_recipes_reach_what_was_built_on_them() -> None:
    bank = make_bank()
    shifted = op("add", op("add", op("add", A, B), A), A)
    top = bank.add(op("negate", shifted))
    dearer = top.node
    bank.seed(ArrayValue("C", MATRIX), bank.add(shifted).values)
    assert top.node == op("negate", ArrayValue("C", MATRIX)) != dearer


def test_costs_of_graphs_count_shared_parts_once() -> None:
    bank = make_bank()
    product = op("multiply", A, B)
    one = bank.cost(product)
    assert bank.cost(op("add", product, product)) < 2 * one + bank.cost(op("add", A, B))
    assert bank.cost(A) == 0


def test_observing_keeps_nothing() -> None:
    bank = make_bank()
    bank.seed(A)
    rows = bank.table(MATRIX).count
    values = bank.observe(op("add", A, A)).reshape(3, 5)
    assert np.array_equal(values, bank.seed(A).values * 2 % P)
    assert bank.table(MATRIX).count == rows


def test_wrong_nodes_are_refused() -> None:
    bank = make_bank()
    with pytest.raises(VerificationError, match="does not take"):
        bank.add(op("add", A, ConstantValue(1, SCALAR)))
    with pytest.raises(VerificationError, match="do not fit"):
        bank.seed(A, np.zeros((5, 3), dtype=np.int64))
    with pytest.raises(VerificationError, match="needs values"):
        bank.seed(op("add", A, B))


def test_the_size_limit_holds_at_nominal_sizes() -> None:
    limit = SizeLimit.of([MATRIX], {"N": 96, "M": 160})
    assert limit.elements == 4 * 96 * 160
    bank = make_bank(limit)
    scalar = ConstantValue(2, SCALAR)
    bank.add(op("fill", scalar, shape=(N, M)))
    with pytest.raises(VerificationError):
        bank.add(op("fill", scalar, type=TensorType((M, M * 5), DType.F64), shape=(M, M * 5)))


def test_values_of_integers_and_truth() -> None:
    bank = make_bank()
    integers = TensorType((N,), DType.I32)
    left = bank.seed(ArrayValue("i", integers), np.array([2**31 - 1, -5, 0], dtype=np.int32))
    right = bank.seed(ArrayValue("j", integers), np.array([1, 5, 1], dtype=np.int32))
    total = bank.add(op("add", left.node, right.node, type=integers))
    assert total.values.tolist() == [-(2**31), 0, 1]
    smaller = bank.add(op("compare_lt", left.node, right.node, type=TensorType((N,), DType.I1)))
    assert smaller.values.tolist() == [False, True, True]


def test_large_integers_have_different_fingerprints() -> None:
    rows = np.array([[0], [P], [2**62], [2**62 + P], [-1], [2**61]], dtype=np.int64)
    assert len(set(fingerprint(rows, DType.I64, False).tolist())) == len(rows)
    floats = np.array([[0.5], [1.5], [0.0], [-1.0]])
    assert len(set(fingerprint(floats, DType.F64, False).tolist())) == len(floats)


def test_exact_rationals_are_refused() -> None:
    bank = Bank(Environment({"N": 3, "M": 5}, Rational(), seed=7), TOY)
    with pytest.raises(VerificationError, match="no fingerprint"):
        bank.seed(A)


def test_machine_numbers_serve_as_well() -> None:
    bank = Bank(Environment({"N": 3, "M": 5}, Machine(), seed=7), TOY)
    entry = bank.add(op("add", A, B))
    assert np.allclose(entry.values, bank.seed(A).values + bank.seed(B).values)
