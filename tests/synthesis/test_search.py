from __future__ import annotations

import numpy as np
from toy_dialect import TOY

from exalift.affine import Affine
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, Hints, TensorType
from exalift.synthesis.bank import Bank
from exalift.synthesis.environment import Environment
from exalift.synthesis.search import Goal, SearchOptions, search

P = 2**31 - 1
N, M, K = (Affine.symbol(name) for name in "NMK")


def tensor(*shape: Affine, dtype: DType = DType.F64) -> TensorType:
    return TensorType(shape, dtype)


def matrices() -> Bank:
    return Bank(Environment({"N": 3, "M": 5, "K": 4}, PrimeField(), seed=1), TOY)


def test_gemm_is_found_from_its_value() -> None:
    bank = matrices()
    a = bank.seed(ArrayValue("A", tensor(N, K)))
    b = bank.seed(ArrayValue("B", tensor(K, M)))
    c = bank.seed(ArrayValue("C", tensor(N, M)))
    alpha = bank.seed(ArrayValue("alpha", tensor()))
    beta = bank.seed(ArrayValue("beta", tensor()))
    product = a.values.astype(object) @ b.values.astype(object)
    values = (alpha.values * product + beta.values.astype(object) * c.values) % P
    goal = Goal(tensor(N, M), values.astype(np.int64))
    hints = Hints(extents=(N, M), goal=goal.type)
    result = search(bank, goal, SearchOptions(max_level=3), hints, [a, b, c, alpha, beta])
    assert result.entry is not None
    assert np.array_equal(result.entry.values, values)
