"""How many candidates the bank decides a second: `python benchmarks/synthesis/throughput.py`.

A level of one element-wise op, one contraction and others is decided twice, each candidate against the goal
("look") and against everything known ("keep", which stores what is new). Elements: 15 a value, two cores at
most. Numba's compile time is not in the figures; it is printed apart.
"""

from __future__ import annotations

import time

import numpy as np

from exalift.affine import Affine
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, Hints, TensorType
from exalift.dialects.stablehlo import STABLEHLO
from exalift.synthesis.bank import Bank
from exalift.synthesis.blocks import Box, blocks
from exalift.synthesis.compiled import match
from exalift.synthesis.environment import Environment
from exalift.synthesis.equivalence import keep
from exalift.synthesis.pool import Pool
from exalift.synthesis.statistics import Statistics
from exalift.synthesis.table import MarkSet

N, M, K = (Affine.symbol(name) for name in "NMK")
NM, NK, KM, MASK = (
    TensorType((N, M), DType.F64),
    TensorType((N, K), DType.F64),
    TensorType((K, M), DType.F64),
    TensorType((N, M), DType.I1),
)
CASES = (
    ("stablehlo.add", (NM, NM)),
    ("stablehlo.multiply", (NM, NM)),
    ("stablehlo.divide", (NM, NM)),
    ("stablehlo.dot_general", (NK, KM)),
    ("stablehlo.select", (MASK, NM, NM)),
    ("stablehlo.maximum", (NM, NM)),
    ("stablehlo.compare", (NM, NM)),
)


def fresh_bank(rows: int) -> Bank:
    bank = Bank(Environment({"N": 3, "M": 5, "K": 4}, PrimeField(), seed=1), STABLEHLO)
    for type in (NM, NK, KM):
        for number in range(rows):
            bank.seed(ArrayValue(f"{type}{number}", type))
    for number in range(min(rows, 60)):
        bank.seed(ArrayValue(f"mask{number}", MASK))
    return bank


def box_of(bank: Bank, name: str, operands: tuple[TensorType, ...], most: int) -> Box:
    hints = Hints(extents=(N, M, K), goal=NM)
    drawn = bank.grammar(hints).over(operands).signatures
    signature = next(s for s in drawn if s.definition.name == name)
    side = int(most ** (1 / len(operands)))
    return Box(signature, tuple(np.arange(min(side, bank.table(type).count)) for type in operands))


def look(bank: Bank, box: Box) -> float:
    """Seconds to hold every candidate of a box against a few thousand targets."""
    targets = MarkSet()
    targets.add(np.unique(np.random.default_rng(0).integers(1, 1 << 62, 5000)), 0)
    started = time.perf_counter()
    for block in blocks(bank, box):
        match(block.marks, targets.keys, np.empty(256, dtype=np.int64))
    return time.perf_counter() - started


def store(bank: Bank, box: Box) -> float:
    """Seconds to prune a box by equivalence and to store its new values."""
    pool = Pool(bank, ())
    started = time.perf_counter()
    for block in blocks(bank, box):
        keep(bank, block, pool.state(box.signature.type), Statistics())
    return time.perf_counter() - started


def main() -> None:
    started = time.perf_counter()
    for name, operands in CASES:
        bank = fresh_bank(8)
        look(bank, box_of(bank, name, operands, 64))
        store(bank, box_of(bank, name, operands, 64))
    seconds = time.perf_counter() - started
    print(f"first use of every kernel (from numba's cache, where it is warm): {seconds:.2f} s")
    print(f"{'op':24} {'candidates':>12} {'looked at':>14} {'kept':>14}   (million candidates a second)")
    for name, operands in CASES:
        bank = fresh_bank(4000)
        box = box_of(bank, name, operands, 12_000_000)
        small = box_of(bank, name, operands, 1_000_000)
        rates = box.candidates / look(bank, box) / 1e6, small.candidates / store(bank, small) / 1e6
        print(f"{name:24} {box.candidates:12,} {rates[0]:14.1f} {rates[1]:14.2f}")


if __name__ == "__main__":
    main()
