"""Every kernel's fingerprints are those of the values that the formula gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from toy_dialect import TOY

from exalift.affine import Affine, evaluate
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, Dialect, Hints, TensorType
from exalift.dialects.stablehlo import STABLEHLO
from exalift.synthesis.bank import Bank
from exalift.synthesis.blocks import Box, blocks
from exalift.synthesis.environment import Environment
from exalift.synthesis.grammar import elementwise_function
from exalift.synthesis.kernels import BilinearKernel, GeneralKernel, LinearKernel, SelectionKernel
from exalift.synthesis.static_checks import Signature

N, M = Affine.symbol("N"), Affine.symbol("M")
SIZES = {"N": 4, "M": 6, "k": 2}
TYPES = [
    TensorType(shape, dtype)
    for dtype in (DType.F64, DType.I32, DType.I1)
    for shape in ((), (N,), (N, M), (M, N))
]
HINTS = Hints(
    offsets=(Affine(), Affine.of(1), Affine.symbol("k")),
    strides=(1, 2),
    extents=(N, M),
    functions=frozenset({"add", "maximum", "multiply"}),
    goal=TensorType((N, M), DType.F64),
)


def filled_bank(dialect: Dialect, samples: int) -> Bank:
    bank = Bank(Environment(SIZES, PrimeField(), seed=3, samples=samples), dialect)
    for number, type in enumerate(TYPES):
        for copy in range(3):
            bank.seed(ArrayValue(f"x{number}_{copy}", type))
    # Zeros, so that divisions by zero are among what is checked.
    zero = np.zeros((4, 6), dtype=np.int64)
    zero[1:, 2:] = 5
    bank.seed(ArrayValue("zeros", TYPES[2]), np.broadcast_to(zero, bank.table(TYPES[2]).shape))
    return bank


def signatures(bank: Bank) -> Iterator[Signature]:
    grammar = bank.grammar(HINTS)
    for arity in grammar.arities:
        for operands in product(TYPES, repeat=arity):
            yield from grammar.over(operands).signatures


def _one_by_one(
    signature: Signature, operands: dict[str, np.ndarray], environment: Environment
) -> np.ndarray:
    """The op's value by the formula itself, sample by sample."""
    if environment.samples == 1:
        return evaluate(signature.formula, operands, environment.sizes, environment.algebra)
    return np.stack(
        [
            evaluate(
                signature.formula,
                {name: values[sample] for name, values in operands.items()},
                environment.sizes,
                environment.algebra,
            )
            for sample in range(environment.samples)
        ]
    )


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("dialect", [TOY, STABLEHLO], ids=lambda d: d.name)
def test_marks_are_the_fingerprints_of_the_values(dialect: Dialect, samples: int) -> None:
    bank = filled_bank(dialect, samples)
    environment = bank.environment
    kinds: set[type] = set()
    for signature in signatures(bank):
        kernel = bank.kernel(signature)
        kinds.add(type(kernel))
        rows = tuple(np.arange(bank.table(type).count) for type in signature.operands)
        found = np.concatenate([block.marks for block in blocks(bank, Box(signature, rows))])
        shape = tuple(len(part) for part in rows)
        assert len(found) == np.prod(shape, dtype=int)
        for place in (0, len(found) // 2, len(found) - 1):
            chosen = np.unravel_index(place, shape) if shape else ()
            operands = {
                str(p): bank.table(type).values[row].reshape(bank.table(type).shape)
                for p, (type, row) in enumerate(zip(signature.operands, chosen, strict=True))
            }
            values = _one_by_one(signature, operands, environment)
            expected = bank.fingerprints(signature.type, values.reshape(1, -1))
            assert found[place] == expected[0], (signature.definition.name, signature.attributes)
            computed = bank.compute(signature, [np.asarray([row]) for row in chosen], 1)
            assert np.array_equal(computed.reshape(values.shape), values)
    assert kinds == {LinearKernel, BilinearKernel, SelectionKernel, GeneralKernel}


def test_large_boxes_come_in_blocks_that_cover_them_once() -> None:
    bank = Bank(Environment(SIZES, PrimeField(), seed=3), TOY)
    type = TYPES[1]
    for number in range(700):
        bank.seed(ArrayValue(f"x{number}", type))
    rows = np.arange(700)
    for signature in bank.grammar(HINTS).over((type, type)).signatures:
        whole = {}
        for block in blocks(bank, Box(signature, (rows, rows))):
            operands = block.operands(np.arange(len(block.marks)))
            for left, right, mark in zip(*(part.tolist() for part in operands), block.marks, strict=True):
                assert (left, right) not in whole
                whole[left, right] = mark
        assert len(whole) == 700 * 700
        if elementwise_function(signature) == "add":
            assert whole[3, 500] == whole[500, 3]
            return
    raise AssertionError("add is in the dialect")


def test_costs_of_a_block_are_those_of_its_operands_and_its_op() -> None:
    bank = Bank(Environment(SIZES, PrimeField(), seed=3), TOY)
    type = TYPES[2]
    for number in range(3):
        bank.seed(ArrayValue(f"x{number}", type))
    bank.table(type).costs[:] = (1.0, 10.0, 100.0)
    signature = bank.grammar(HINTS).over((type, type)).signatures[0]
    rows = np.arange(3)
    (block,) = blocks(bank, Box(signature, (rows, rows)))
    lead, last = block.costs(bank)
    costs = [lead[n // len(last)] + last[n % len(last)] - signature.cost for n in range(9)]
    assert costs == [2.0, 11.0, 101.0, 11.0, 20.0, 110.0, 101.0, 110.0, 200.0]
