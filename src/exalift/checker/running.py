"""Source and port run on the same random inputs: the C compiled, the module by XLA or IREE.

This is how ports are tested that are too large to be run element by element here, or that have ops without
a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from exalift.affine import Program, at_sizes, interpret
from exalift.affine.algebra import Machine
from exalift.base import DType, ExaliftError
from exalift.reference import InputRules, NativeFunction, random_inputs

from .cases import SMALL_RUNS, runs
from .judgement import Contents, Refutation, Sizes
from .ports import ModulePort
from .refuting import as_number, first_difference
from .signatures import Match

_MACHINE = Machine()
_MOVED = 4.0 * 2.0**-52
# The source's own change under inputs that move in the last place excuses a difference this many times.
_EXCUSED = 1e3


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How often both agreed, the first clear difference, and why there is no more."""

    agreed: int
    refutation: Refutation | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Runner:
    """Both sides at given sizes. `native` compiles the source, or is None where that is not possible."""

    source: Program
    native: Callable[[], NativeFunction] | None

    def compare(
        self, module: ModulePort, function: str, match: Match, sizes: Sizes, results: Mapping[str, DType]
    ) -> RunOutcome:
        """Run both on inputs of several kinds. Never raises for a side that cannot be run: it says so."""
        try:
            port = module.language.compiled(module.text, function)
            run = self._source(sizes)
        except ExaliftError as error:
            return RunOutcome(0, None, str(error))
        agreed = 0
        try:
            for seed, rules in enumerate(_kinds(self.source, sizes)):
                inputs = random_inputs(self.source, sizes, seed, rules)
                expected = run(inputs)
                actual = dict(zip(match.results, port.run([inputs[n] for n in match.arguments]), strict=True))
                if not all(np.all(np.isfinite(v)) for v in expected.values() if v.dtype.kind == "f"):
                    continue
                for name, value in actual.items():
                    place = first_difference(expected[name], np.asarray(value), results[name])
                    if place is not None and not self._excused(run, inputs, expected, name, value):
                        left, right = as_number(expected[name][place]), as_number(np.asarray(value)[place])
                        return RunOutcome(agreed, Refutation(dict(sizes), inputs, name, place, left, right))
                agreed += 1
        except ExaliftError as error:
            return RunOutcome(agreed, None, str(error))
        return RunOutcome(
            agreed, None, "" if agreed else "the source gives no finite results on random inputs"
        )

    def _source(self, sizes: Sizes) -> Callable[[Mapping[str, Contents]], dict[str, Contents]]:
        if self.native is not None:
            native = self.native()
            return lambda inputs: native(inputs, sizes, isolated=True)
        fixed = at_sizes(self.source, sizes)
        if runs(fixed) > SMALL_RUNS:
            raise TooLarge(f"{self.source.name} is too large to be interpreted at these sizes")
        return lambda inputs: interpret(fixed, inputs, {}, _MACHINE)

    def _excused(
        self,
        run: Callable[[Mapping[str, Contents]], dict[str, Contents]],
        inputs: Mapping[str, Contents],
        expected: Mapping[str, Contents],
        name: str,
        actual: Contents,
    ) -> bool:
        """Whether the problem is so badly conditioned that rounding alone explains a difference."""
        generator = np.random.default_rng(0)
        moved = {n: _perturbed(value, generator) for n, value in inputs.items()}
        apart = np.abs(np.asarray(run(moved)[name], np.float64) - np.asarray(expected[name], np.float64))
        wrong = np.abs(np.asarray(actual, np.float64) - np.asarray(expected[name], np.float64))
        return bool(np.nanmax(apart, initial=0.0) * _EXCUSED >= np.nanmax(wrong, initial=0.0))


class TooLarge(ExaliftError):
    """A program cannot be run at these sizes."""


def _perturbed(value: Contents, generator: np.random.Generator) -> Contents:
    if value.dtype.kind != "f":
        return value
    scale = _MOVED if value.dtype.itemsize == 8 else 4.0 * 2.0**-23
    step = 1.0 + scale * generator.uniform(-1.0, 1.0, value.shape)
    return np.asarray(np.asarray(value, np.float64) * step, value.dtype)


def _kinds(source: Program, sizes: Sizes) -> list[InputRules]:
    """Positive numbers, numbers of either sign, and positive definite matrices."""
    floats = [a for a in source.arrays if a.name in source.parameters and a.dtype.is_float]
    square = [a.name for a in floats if len(a.shape) == 2 and a.shape[0].at(sizes) == a.shape[1].at(sizes)]
    plain = InputRules()
    kinds = [plain, InputRules(ranges={array.name: (-1.0, 1.0) for array in floats})]
    return [*kinds, replace(plain, spd=frozenset(square))] if square else kinds
