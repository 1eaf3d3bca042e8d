"""The mutation test: no pair of programs that gives different results is proved.

What differs is decided by running at sizes that are larger than those at which the prover looks.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

import numpy as np
from mutants import mutants
from source_mutants import source_mutants

from exalift.affine import Program, Role, interpret
from exalift.affine.algebra import Machine
from exalift.base import ExaliftError
from exalift.dialects import Dialect, TensorProgram, evaluate_program
from exalift.proof.all_sizes import prove_all_sizes
from exalift.proof.runs import Pair
from exalift.proof.sizes import SizeSpace, sizes_for_tests
from exalift.proof.tested import run_tests

_MACHINE = Machine()
_STYLES = ("normal", "ties", "positive", "huge", "zeros")
# A mutant whose results are this close, in relation to the largest, has rounded otherwise.
_CLOSE = 1e-6
# Mutants that are listed before some are drawn, and tries for each that is drawn with two changes.
_MOST_LISTED = 4000
_MOST_DOUBLES = 20


class Judgement(Enum):
    """What running and the prover say of a mutant. FALSE must never be."""

    REFUTED = "differs, and the tests of `prove` refute it"
    UNPROVED = "differs, and is neither refuted nor proved"
    FALSE = "differs, and is proved"
    SAME_PROVED = "no difference is seen, and it is proved"
    SAME_UNKNOWN = "no difference is seen, and it is not proved"


@dataclass
class Counts:
    """Mutants by what running and the prover say of them; `false` must stay empty."""

    by_judgement: Counter[Judgement] = field(default_factory=Counter)
    false: list[object] = field(default_factory=list)

    def of(self, *judgements: Judgement) -> int:
        return sum(self.by_judgement[judgement] for judgement in judgements)

    @property
    def differ(self) -> int:
        return self.of(Judgement.REFUTED, Judgement.UNPROVED, Judgement.FALSE)

    def __str__(self):
        same = self.of(Judgement.SAME_PROVED, Judgement.SAME_UNKNOWN)
        return (
            f"{self.differ} mutants differ, {len(self.false)} of them proved; of "
            f"{same} that mean the same {self.of(Judgement.SAME_PROVED)} proved"
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


def judge(source, lifted, dialect: Dialect, sizes_list, budget_s: float = 3.0) -> Judgement:
    """Prove and test a pair; what tests do not tell apart is run at the sizes as well.

    The prover for all sizes is asked whatever the tests say.
    """
    proved = prove_all_sizes(source, lifted, dialect, budget_s=budget_s).proved
    pair = Pair(source, lifted, dialect)
    try:
        pair.check()
        tests = run_tests(pair, sizes_for_tests(SizeSpace.of(source)), 0, time.monotonic() + budget_s)
        refuted = tests.counterexample is not None or bool(tests.ill_formed)
    except ExaliftError:
        refuted = False
    if refuted:
        return Judgement.FALSE if proved else Judgement.REFUTED
    # What is proved is looked at most closely.
    if differ(source, lifted, dialect, sizes_list if proved else sizes_list[:2]):
        return Judgement.FALSE if proved else Judgement.UNPROVED
    return Judgement.SAME_PROVED if proved else Judgement.SAME_UNKNOWN


def drawn(one_change, program, most: int, seed: int, usable=lambda mutant: True) -> list[object]:
    """Up to `most` mutants in random order, the same for the same seed; with two changes where one has few.

    `one_change` gives all mutants with one change; those that are not usable are left out.
    """
    generator = random.Random(seed)
    singles = list(islice(one_change(program), _MOST_LISTED))
    generator.shuffle(singles)
    found = dict.fromkeys(islice(filter(usable, singles), most))
    for _ in range(_MOST_DOUBLES * most):
        if len(found) >= most or not singles:
            break
        doubles = list(islice(one_change(generator.choice(singles)), _MOST_LISTED))
        mutant = generator.choice(doubles) if doubles else program
        if mutant != program and usable(mutant):
            found[mutant] = None
    return list(found)


def has_meaning(source: Program, sizes_list) -> bool:
    """Whether all accesses are in bounds at some of the first sizes."""
    tried = sizes_list[:2]
    return any(results_of_source(source, inputs_for(source, s, 0, "ties"), s) is not None for s in tried)


def pairs_of(source, lifted, dialect, side: str, most: int, seed: int = 0) -> list[tuple[object, object]]:
    """Pairs in which one side, `target` or `source`, is a mutant."""
    if side == "target":
        return [(source, m) for m in drawn(lambda p: mutants(p, dialect), lifted, most, seed)]
    sizes = sizes_to_run(source)
    usable = drawn(source_mutants, source, most, seed, lambda mutant: has_meaning(mutant, sizes))
    return [(m, lifted) for m in usable]


def check(source, lifted, dialect, *, most: int, seed: int = 0, budget_s: float = 3.0, of="both") -> Counts:
    """Judge up to `most` mutants of each side against the other; see `Counts`."""
    counts = Counts()
    sizes = sizes_to_run(source)
    for side in ("target", "source"):
        if of not in ("both", side):
            continue
        for left, right in pairs_of(source, lifted, dialect, side, most, seed):
            judgement = judge(left, right, dialect, sizes, budget_s)
            counts.by_judgement[judgement] += 1
            if judgement is Judgement.FALSE:
                counts.false.append((left, right))
    return counts
