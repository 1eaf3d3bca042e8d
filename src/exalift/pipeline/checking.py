"""Checking a lifted program against its source: the C compiled, both run on the same random inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Array, Program, Role, interpret
from exalift.affine.algebra import Machine
from exalift.reference import (
    Difference,
    InputRules,
    NativeFunction,
    compare,
    compile_c,
    measure,
    random_inputs,
)

from .lifted import Lifted
from .source import Source

Contents = NDArray[np.generic]

_PERTURBATIONS = 4
_UNITS = 4.0
_AMPLIFIED = 16.0
"""How much further than inputs that move by `_UNITS` in the last place rounding inside may carry a result."""


@dataclass(frozen=True, slots=True)
class ResultCheck:
    """One result: how far it is from the source's."""

    name: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Check:
    """What a comparison found. Seconds are medians, None where they were not measured."""

    sizes: Mapping[str, int]
    seed: int
    results: tuple[ResultCheck, ...]
    native_seconds: float | None = None
    lifted_seconds: float | None = None

    @property
    def agrees(self) -> bool:
        return all(result.difference.within for result in self.results)

    @property
    def worst(self) -> ResultCheck | None:
        """The result with the largest relative error."""
        return max(self.results, key=lambda result: result.difference.max_rel, default=None)


def compile_source(source: Source, program: Program, compiler: str = "gcc") -> NativeFunction:
    """The source's function, compiled. Raises NativeError where the compiler is absent or refuses."""
    return compile_c(
        source.text,
        source.filename,
        program,
        compiler=compiler,
        include_directories=source.include_directories,
        defines=source.defines,
    )


def _arrays(program: Program) -> tuple[Array, ...]:
    return tuple(a for a in program.arrays if a.role is Role.PARAMETER and a.dtype.is_float)


def _attempts(program: Program, sizes: Mapping[str, int], rules: InputRules | None) -> Iterator[InputRules]:
    """Rules for inputs, rough ones first: a factorisation of just any matrix is NaN and shows nothing."""
    if rules is not None:
        yield rules
        return
    floats = _arrays(program)
    yield InputRules(ranges={array.name: (-1.0, 1.0) for array in floats})
    yield InputRules()
    square = [a.name for a in floats if len(a.shape) == 2 and a.shape[0].at(sizes) == a.shape[1].at(sizes)]
    yield InputRules(spd=frozenset(square))


def _finite(values: Mapping[str, Contents]) -> bool:
    return all(bool(np.all(np.isfinite(v))) for v in values.values() if v.dtype.kind in "fc")


@dataclass(frozen=True, slots=True)
class _Reference:
    """The source as something to call: compiled where it is C, interpreted where it is not."""

    program: Program
    native: NativeFunction | None

    def run(self, inputs: Mapping[str, Contents], sizes: Mapping[str, int]) -> dict[str, Contents]:
        if self.native is not None:
            return self.native(inputs, sizes, isolated=True)
        return interpret(self.program, inputs, sizes, Machine())


def reference_run(
    lifted: Lifted,
    sizes: Mapping[str, int],
    seed: int,
    rules: InputRules | None,
    native: NativeFunction | None,
) -> tuple[dict[str, Contents], dict[str, Contents]]:
    """Random inputs by parameter name, and what the source makes of them.

    Without `rules`, the roughest inputs are taken on which the source stays finite.
    """
    reference = _Reference(lifted.original, native)
    inputs: dict[str, Contents] = {}
    expected: dict[str, Contents] = {}
    for attempt in _attempts(lifted.original, sizes, rules):
        inputs = random_inputs(lifted.original, sizes, seed, attempt)
        expected = reference.run(inputs, sizes)
        if _finite(expected):
            break
    return inputs, expected


def _noise(
    reference: _Reference,
    inputs: Mapping[str, Contents],
    expected: Mapping[str, Contents],
    sizes: Mapping[str, int],
) -> dict[str, Contents]:
    """By how much the source's own results move where its inputs move by rounding, element by element.

    What it shows is the condition of the problem: recurrences and factorisations of random matrices
    amplify the last bit, in the source as in the lifted program. Integers have no noise.
    """
    noise = {n: np.zeros(v.shape) for n, v in expected.items() if v.dtype.kind == "f"}
    generator = np.random.default_rng(0)
    for _ in range(_PERTURBATIONS):
        moved = {n: _perturbed(value, generator) for n, value in inputs.items()}
        for name, value in reference.run(moved, sizes).items():
            if name in noise:
                apart = np.abs(np.asarray(value, np.float64) - np.asarray(expected[name], np.float64))
                np.fmax(noise[name], np.where(np.isfinite(apart), apart, np.inf), out=noise[name])
    return {name: _AMPLIFIED * value for name, value in noise.items()}


def _perturbed(value: Contents, generator: np.random.Generator) -> Contents:
    """Floating-point values moved by a few units in the last place; anything else as it is."""
    if value.dtype.kind != "f":
        return value
    # The unit of a float of 2 bytes and up: half precision has 10 bits of fraction, single 23, double 52.
    unit = 2.0 ** -{2: 10, 4: 23, 8: 52}[value.dtype.itemsize]
    step = 1.0 + _UNITS * unit * generator.uniform(-1.0, 1.0, value.shape)
    return np.asarray(np.asarray(value, np.float64) * step, value.dtype)


def check(
    lifted: Lifted,
    *,
    sizes: Mapping[str, int] | None = None,
    seed: int = 0,
    compiler: str = "gcc",
    rules: InputRules | None = None,
    timed: bool = False,
    device: str = "xla",
) -> Check:
    """Run source and lifted program on the same random inputs and compare all results.

    The lifted program runs on `device`, "xla" or "native". `sizes` replace those of the lift. A C source
    is compiled with `compiler`; one in MLIR is interpreted, and then not timed. Raises UsageError for
    sizes that do not fit, DeviceError where either side fails.
    """
    values = lifted.resolve(sizes or {})
    native = None
    if lifted.source.language == "c":
        native = compile_source(lifted.source, lifted.original, compiler)
    inputs, expected = reference_run(lifted, values, seed, rules, native)
    executable = lifted.compiled(values, device)
    arguments = [inputs[argument.name] for argument in lifted.program.arguments]
    actual = executable.run(arguments)
    named = {
        r.name: (np.asarray(value), r.type.dtype)
        for r, value in zip(lifted.program.results, actual, strict=True)
    }
    results = [ResultCheck(n, compare(expected[n], value, dtype)) for n, (value, dtype) in named.items()]
    if not all(result.difference.within for result in results):
        noise = _noise(_Reference(lifted.original, native), inputs, expected, values)
        results = [
            ResultCheck(n, compare(expected[n], value, dtype, noise=noise.get(n)))
            for n, (value, dtype) in named.items()
        ]
    found = Check(values, seed, tuple(results))
    if timed and native is not None:
        theirs = measure(native, inputs, values, min_seconds=0.01, max_seconds=20.0).median
        found = replace(found, native_seconds=theirs, lifted_seconds=executable.time(arguments).median)
    if native is not None:
        native.close()
    return found
