from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine
from exalift.base import DType
from exalift.dialects import TensorType
from exalift.synthesis.table import CandidateTable, MarkSet


@given(st.sets(st.integers(0, 2**62 - 1), max_size=300), st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_a_mark_set_finds_what_was_put_in(marks: set[int], step: int) -> None:
    table = MarkSet()
    ordered = np.array(sorted(marks), dtype=np.int64)
    for start in range(0, len(ordered), step):
        table.add(ordered[start : start + step], start)
    assert len(table) == len(marks)
    assert table.find(ordered).tolist() == list(range(len(ordered)))
    others = np.setdiff1d(ordered + 1, ordered)
    assert (table.find(others) == -1).all()


def test_sifting() -> None:
    table = CandidateTable(TensorType((Affine.of(1),), DType.I64), (1,), np.dtype(np.int64))
    table.append(np.array([10]), 10, 5.0, (0,))
    table.append(np.array([20]), 20, 5.0, (0,))
    marks = np.array([10, 30, 20, 30, 10, 40], dtype=np.int64)
    lead, last = np.array([1.0, 3.0]), np.array([3.0, 9.0, 0.5])
    # Costs of the six candidates: 4, 10, 1.5, 6, 12, 3.5.
    state = np.zeros(8, dtype=np.uint8)
    sifted = table.sift(marks, lead, last, state)
    assert sifted.fresh.tolist() == [3, 5]
    assert sifted.fresh_costs.tolist() == [6.0, 3.5]
    assert sifted.cheaper.tolist() == [[0, 0], [2, 1]]
    assert sifted.taken.tolist() == [0, 1]
    assert table.costs.tolist() == [4.0, 1.5]
    rows = table.extend(
        np.array([[30], [40]]), marks[sifted.fresh], sifted.fresh_costs, np.array([[7, 0, 1], [7, 1, 2]])
    )
    assert rows.tolist() == [2, 3]
    assert table.find(40) == 3 and table.find(50) == -1
    assert table.recipes[3].tolist() == [7, 1, 2]
    again = table.sift(marks, lead, last, np.ones(8, dtype=np.uint8))
    assert not len(again.fresh) and not len(again.taken) and not len(again.cheaper)
