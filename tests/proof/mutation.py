"""The mutation test: no pair of programs that gives different results is proved.

What differs is decided by running at sizes that are larger than those at which the prover looks.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice

import numpy as np
from mutants import mutants
from source_mutants import source_mutants

from exalift.affine import Program, Role, interpret
from exalift.affine.algebra import Machine
from exalift.base import ExaliftError
from exalift.dialects import Dialect, TensorProgram, evaluate_program
from exalift.proof.all_sizes import prove_all_sizes
from exalift.proof.sizes import SizeSpace

_MACHINE = Machine()
_STYLES = ("normal", "ties", "positive", "huge", "zeros")
# A mutant whose results are this close, in relation to the largest, has rounded otherwise.
_CLOSE = 1e-6


@dataclass
class Counts:
    """Mutants by what running and the prover say of them; `false` must stay empty."""

    differ: int = 0
    same_proved: int = 0
    same_unknown: int = 0
    false: list[object] = None

    def __post_init__(self):
        self.false = []

    def __str__(self):
        return (
            f"{self.differ} mutants differ, {len(self.false)} of them proved; of "
            f"{self.same_proved + self.same_unknown} that mean the same {self.same_proved} proved"
        )


def sizes_to_run(source: Program) -> list[dict[str, int]]:
    """Distinct sizes in either order, and the least ones with each raised in turn."""
    space = SizeSpace.of(source)
    count = len(space.names)
    step = 2 if count < 4 else 1
    wanted = [
        tuple(9 - step * (count - k) for k in range(count)),
        tuple(9 - step * (k + 1) for k in range(count)),
        space.lowest,
        tuple(low + 1 for low in space.lowest),
    ]
    wanted += [(*space.lowest[:k], 6, *space.lowest[k + 1 :]) for k in range(count)]
    near = [space.near(tuple(max(v) for v in zip(w, space.lowest, strict=True))) for w in wanted]
    return [space.named(values) for values in dict.fromkeys(v for v in near if v is not None)]


def inputs_for(source: Program, sizes, seed: int, style: str) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    inputs = {}
    for array in source.arrays:
        if array.role is not Role.PARAMETER:
            continue
        shape = tuple(max(0, extent.at(sizes)) for extent in array.shape)
        values = _MACHINE.random(generator, shape, array.dtype)
        if style == "ties":
            values = _MACHINE.index(generator.integers(-2, 3, shape), array.dtype)
        elif style == "zeros":
            values = np.zeros_like(values)
        elif array.dtype.is_float and style != "normal":
            values = np.abs(values) * (100 if style == "huge" else 1) + 0.5
        inputs[array.name] = np.asarray(values)
    return inputs


def results_of_source(source: Program, inputs, sizes) -> dict[str, np.ndarray] | None:
    try:
        with np.errstate(all="ignore"):
            return interpret(source, inputs, sizes, _MACHINE)
    except ExaliftError:
        return None


def results_of_lifted(lifted: TensorProgram, dialect: Dialect, inputs, sizes):
    given = {argument.name: inputs[argument.name] for argument in lifted.arguments}
    try:
        with np.errstate(all="ignore"):
            return evaluate_program(lifted, given, sizes, _MACHINE, dialect)
    except Exception:
        return None


def differ(source: Program, lifted: TensorProgram, dialect: Dialect, sizes_list) -> bool:
    """Whether running shows a difference that rounding does not explain, where the source has a meaning."""
    for sizes in sizes_list:
        for seed, style in enumerate(_STYLES):
            inputs = inputs_for(source, sizes, seed, style)
            left = results_of_source(source, inputs, sizes)
            if left is None:
                continue
            right = results_of_lifted(lifted, dialect, inputs, sizes)
            if right is None:
                return True
            for result in lifted.results:
                one, other = left[result.name], right[result.name]
                if one.shape != other.shape or not _close(one, other, result.type.dtype):
                    return True
    return False


def _close(one, other, dtype) -> bool:
    if not dtype.is_float:
        return bool(_MACHINE.equal(one, other, dtype).all())
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    usable = np.isfinite(one)
    if not usable.all():
        # Where the source itself divides by 0 or overflows, nothing is promised.
        one, other = one[usable], other[usable]
    scale = max(1e-30, float(np.max(np.abs(one), initial=0)))
    return bool(np.all(np.isfinite(other)) and np.all(np.abs(one - other) <= _CLOSE * max(1.0, scale)))


def check(source, lifted, dialect, *, most: int, seed: int = 0, budget_s: float = 3.0, of="both") -> Counts:
    """Prove up to `most` mutants of each side against the other; see `Counts`."""
    counts = Counts()
    sizes = sizes_to_run(source)
    generator = random.Random(seed)
    pairs = []
    if of in ("both", "target"):
        targets = list(mutants(lifted, dialect))
        pairs += [(source, m) for m in generator.sample(targets, min(most, len(targets)))]
    if of in ("both", "source"):
        sources = list(islice(source_mutants(source), 4000))
        pairs += [(m, lifted) for m in generator.sample(sources, min(most, len(sources)))]
    for left, right in pairs:
        proved = prove_all_sizes(left, right, dialect, budget_s=budget_s).proved
        different = differ(left, right, dialect, sizes if proved else sizes[:2])
        counts.differ += different
        if proved and different:
            counts.false.append((left, right))
        elif not different:
            counts.same_proved += proved
            counts.same_unknown += not proved
    return counts
