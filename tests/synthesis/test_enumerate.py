from __future__ import annotations

from itertools import product

import numpy as np
from toy_dialect import TOY

from exalift.affine import Affine
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, ConstantValue, Hints, TensorType
from exalift.synthesis.bank import Bank
from exalift.synthesis.blocks import blocks
from exalift.synthesis.enumerate import boxes, compositions, operand_types
from exalift.synthesis.environment import Environment
from exalift.synthesis.equivalence import keep
from exalift.synthesis.grammar import elementwise_function, is_commutative
from exalift.synthesis.pool import Pool
from exalift.synthesis.static_checks import SizeLimit, StaticChecks
from exalift.synthesis.statistics import Statistics

N, M = Affine.symbol("N"), Affine.symbol("M")
MATRIX, SCALAR = TensorType((N, M), DType.F64), TensorType((), DType.F64)
HINTS = Hints(extents=(N, M))


def make_bank() -> Bank:
    return Bank(Environment({"N": 3, "M": 5}, PrimeField(), seed=2), TOY)


def test_compositions_add_up_and_are_complete() -> None:
    for total, parts in product(range(5), range(1, 4)):
        found = list(compositions(total, parts))
        assert len(found) == len(set(found))
        assert set(found) == {c for c in product(range(total + 1), repeat=parts) if sum(c) == total}


def test_operand_types_of_three_have_one_shape_or_rank_0() -> None:
    vector = TensorType((N,), DType.F64)
    mask, flag = TensorType((N, M), DType.I1), TensorType((), DType.I1)
    types = (MATRIX, vector, SCALAR, mask, flag)
    assert set(operand_types([types, types])) == set(product(types, repeat=2))
    triples = list(operand_types([types, types, types]))
    assert len(triples) == len(set(triples))
    assert (mask, MATRIX, MATRIX) in triples and (flag, MATRIX, SCALAR) in triples
    assert (flag, SCALAR, SCALAR) in triples
    assert (mask, MATRIX, vector) not in triples


def test_levels_count_ops_and_draw_no_candidate_twice() -> None:
    bank = make_bank()
    frontier = [bank.seed(ArrayValue("A", MATRIX)), bank.seed(ConstantValue(3, SCALAR))]
    pool = Pool(bank, frontier)
    grammar = bank.grammar(HINTS)
    drawn: set[tuple[object, ...]] = set()
    for level in (1, 2):
        statistics = Statistics()
        level_boxes = boxes(grammar, pool, level, None, statistics)
        assert [b.candidates for b in level_boxes] == sorted(b.candidates for b in level_boxes)
        assert statistics.enumerated == statistics.static > 0
        for box in level_boxes:
            for rows in product(*(part.tolist() for part in box.rows)):
                key = (box.signature.number, rows)
                assert key not in drawn
                drawn.add(key)
        for box in level_boxes:
            for block in blocks(bank, box):
                table = bank.table(box.signature.type)
                before = table.count
                kept = keep(bank, block, pool.state(box.signature.type), statistics)
                assert table.count == before + len(kept.fresh)
                pool.take(box.signature.type, level, kept)
    names = {bank.checks.signatures[number].definition.name for number, _ in drawn}
    assert {"toy.add", "toy.fill", "toy.iota", "toy.transpose", "toy.matmul", "toy.compare_lt"} <= names
    # Values are different, and each row of the pool is at one level.
    for type in pool.types:
        marks = bank.table(type).fingerprints
        assert len(set(marks.tolist())) == len(marks)
        rows = np.concatenate([pool.rows(type, level) for level in range(3)])
        assert len(set(rows.tolist())) == len(rows)


def test_commutative_ops_are_drawn_in_one_order_across_levels() -> None:
    bank = make_bank()
    pool = Pool(bank, [bank.seed(ArrayValue("A", MATRIX))])
    grammar = bank.grammar(HINTS)
    for box in boxes(grammar, pool, 1, None, Statistics()):
        for block in blocks(bank, box):
            kept = keep(bank, block, pool.state(box.signature.type), Statistics())
            pool.take(box.signature.type, 1, kept)
    second = boxes(grammar, pool, 2, None, Statistics())
    by_function = {
        function: [b for b in second if elementwise_function(b.signature) == function]
        for function in ("add", "subtract")
    }
    over_matrices = {
        function: [b for b in found if b.signature.type == MATRIX] for function, found in by_function.items()
    }
    assert len(over_matrices["add"]) == 1
    assert len(over_matrices["subtract"]) == 2
    assert is_commutative(over_matrices["add"][0].signature)


def test_static_checks_are_asked_once() -> None:
    asked: list[object] = []
    transpose = TOY["toy.transpose"]

    def result_type(operands, attributes):  # type: ignore[no-untyped-def]
        asked.append(attributes)
        return transpose.result_type(operands, attributes)

    spied = type(transpose)(transpose.name, 1, result_type, transpose.formula, transpose.attributes)
    checks = StaticChecks(Environment({"N": 3, "M": 5}, PrimeField()), {"N": 96, "M": 160})
    attributes = (("permutation", (1, 0)),)
    first = checks.signature(spied, (MATRIX,), attributes)
    assert first is not None and first.type == TensorType((M, N), DType.F64)
    assert checks.signature(spied, (MATRIX,), attributes) is first
    assert len(asked) == 1
    assert first.cost > 0


def test_types_that_are_empty_or_too_large_are_refused() -> None:
    environment = Environment({"N": 3, "M": 5}, PrimeField())
    checks = StaticChecks(environment, {"N": 100, "M": 100}, SizeLimit(20_000))
    fill, cut = TOY["toy.fill"], TOY["toy.slice"]
    assert checks.signature(fill, (SCALAR,), (("shape", (N, M)),)) is not None
    assert checks.signature(fill, (SCALAR,), (("shape", (N * 3, M)),)) is None
    vector = TensorType((N,), DType.F64)
    attributes = (("first", Affine.of(2)), ("last", Affine.of(1)))
    assert checks.signature(cut, (vector,), attributes) is None
    assert checks.signature(TOY["toy.add"], (vector,), ()) is None


def test_statistics_add_up() -> None:
    total = Statistics(10, 4, 6, 3, 1, 0.5) + Statistics(1, 1, 0, 0, 0, 1.5)
    assert total == Statistics(11, 5, 6, 3, 1, 2.0)
    assert total.rate == 5.5 and Statistics().rate == 0
