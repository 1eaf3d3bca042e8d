"""What a lift gives: a program that prints itself, reports on itself, and can be called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Program
from exalift.affine.algebra import Machine
from exalift.base import Diagnostic, DType, Span, UsageError
from exalift.dialects import Argument, TensorLoop, TensorProgram, TensorType
from exalift.dialects.stablehlo import print_module
from exalift.proof import CertifiedSource, Verdict

from .sizes import Sizes, infer_sizes
from .source import Source

if TYPE_CHECKING:
    # JAX takes a second to load, and lifting does without; so `devices` is imported where things run.
    from exalift.devices import Executable

Array = NDArray[np.generic]

_MACHINE = Machine()


@dataclass(frozen=True, slots=True)
class Counters:
    """What the search counted: the columns of mlirSynth's table (arXiv 2310.04196, section 6)."""

    enumerated: int = 0
    static: int = 0
    evaluated: int = 0
    equivalent: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            self.enumerated + other.enumerated,
            self.static + other.static,
            self.evaluated + other.evaluated,
            self.equivalent + other.equivalent,
        )


@dataclass(frozen=True, slots=True)
class LiftedRegion:
    """One region: the source's lines, the ops that say the same, and what finding them took.

    residual_loops: how many loops stay around it. seconds: of search, wall clock.
    """

    array: str
    lines: tuple[int, int]
    ops: tuple[str, ...]
    proof: str
    residual_loops: int
    counters: Counters
    seconds: float


@dataclass(frozen=True, slots=True)
class ResidualLoop:
    """A loop that stays, and the dependence that keeps it. `lines` are the source's, where known."""

    iv: str
    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class Value:
    """An argument or a result, at given sizes."""

    name: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def kind(self) -> str:
        return "array" if self.shape else "scalar"


@dataclass(frozen=True)
class Lifted:
    """A lifted function.

    `original` is the source as read, `abstracted` the same with the sizes that it fixes made symbolic.
    `program` is symbolic in its sizes; `sizes` has a value for each, which `str()`, `report()` and
    the command line use, and `text(...)` may replace where the source does not fix them. `strict_fp` tells
    that it keeps the order of every floating-point operation.

    Called on arrays, it runs on XLA or, with `device="native"`, on the native device: arguments in the
    order of `arguments`, by position or by name. NumPy arrays give NumPy arrays, JAX arrays and tracers
    give JAX arrays, so that it works under `jax.jit`. Results come as an array where there is one, else
    as a tuple in the order of `results`.
    """

    source: Source
    original: Program
    abstracted: Program
    program: TensorProgram
    sizes: Sizes
    regions: tuple[LiftedRegion, ...]
    verdict: Verdict
    notes: tuple[Diagnostic, ...]
    seconds: float
    strict_fp: bool = False
    _printed: dict[tuple[int, ...], str] = field(default_factory=dict[tuple[int, ...], str], repr=False)
    _compiled: dict[str, Executable] = field(default_factory=lambda: {}, repr=False)

    @property
    def function(self) -> str:
        return self.program.name

    @property
    def target(self) -> str:
        return self.program.dialect

    @property
    def residual_loops(self) -> tuple[ResidualLoop, ...]:
        """The loops that stay, outer ones first, in the order of the program."""
        found: list[ResidualLoop] = []
        pending = list(reversed(self.program.body))
        while pending:
            step = pending.pop()
            if isinstance(step, TensorLoop):
                found.append(ResidualLoop(step.iv, step.reason, step.span))
                pending.extend(reversed(step.body))
        return tuple(found)

    @property
    def status(self) -> str:
        """`lifted`, or `partial` where loops stay."""
        return "partial" if self.residual_loops else "lifted"

    @property
    def proof(self) -> str:
        """The level of proof that was reached: `all-sizes`, `bounded` or `tested`."""
        return level_name(self.verdict)

    @property
    def counters(self) -> Counters:
        return sum((region.counters for region in self.regions), Counters())

    @property
    def arguments(self) -> tuple[Value, ...]:
        """What the function takes, at `sizes`."""
        return _values(((a.name, a.type) for a in self.program.arguments), self.sizes.values)

    @property
    def results(self) -> tuple[Value, ...]:
        """What the function gives, at `sizes`."""
        return _values(((r.name, r.type) for r in self.program.results), self.sizes.values)

    def text(self, sizes: Mapping[str, int] | None = None) -> str:
        """The module as text, at `sizes` (those left out are as in `self.sizes`).

        Raises UsageError for a size that the function does not have, or that the source fixes.
        """
        return self._text(self.resolve(sizes or {}))

    def __str__(self) -> str:
        return self.text()

    def resolve(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Values for all sizes, with some replaced. Raises UsageError as `text` does."""
        values = self.sizes.values
        for name, value in sizes.items():
            if name not in values:
                raise UsageError(f"{self.function} has no size {name!r}; its sizes are {', '.join(values)}")
            values[name] = value
        self._check(values)
        return values

    def _check(self, values: Mapping[str, int]) -> None:
        program = self.abstracted
        for size in program.sizes:
            if size.value is not None and values[size.name] != size.value:
                raise UsageError(f"the source of {self.function} fixes {size.name} = {size.value}")
            if values[size.name] < size.minimum:
                raise UsageError(f"{self.function} needs {size.name} to be at least {size.minimum}")
        for array in self.original.arrays:
            # A size that the source fixes may have become a parameter, and the array's shape with it.
            fixed, shape = (tuple(e.at(values) for e in a.shape) for a in (array, program.array(array.name)))
            if fixed != shape:
                raise UsageError(f"the source of {self.function} fixes {array.name} as {fixed}, not {shape}")
        if not program.constraints.at(values):
            shown = ", ".join(f"{name} = {value}" for name, value in values.items())
            raise UsageError(f"{self.function} does not admit {shown}: it needs {program.constraints}")

    def _text(self, values: Mapping[str, int]) -> str:
        key = tuple(values[name] for name in self.program.sizes)
        if key not in self._printed:
            self._printed[key] = print_module(self.program, values)
        return self._printed[key]

    def compiled(self, sizes: Mapping[str, int], device: str = "xla") -> Executable:
        """The program compiled for the CPU at the given sizes (all of them), by XLA or as `native`; kept.

        Raises UsageError for another device.
        """
        if device == "native":
            return self._compiled_natively(sizes)
        if device != "xla":
            raise UsageError(f"no device {device!r} for a call; there are xla and native")
        from exalift.devices import XlaDevice  # see above

        text = self._text(sizes)
        if text not in self._compiled:
            self._compiled[text] = XlaDevice().compile(text)
        return self._compiled[text]

    def _compiled_natively(self, sizes: Mapping[str, int]) -> Executable:
        from exalift.native import NativeDevice  # see above

        key = f"native {[sizes[name] for name in self.program.sizes]}"
        if key not in self._compiled:
            self._compiled[key] = NativeDevice(strict_fp=self.strict_fp).compile_program(self.program, sizes)
        return self._compiled[key]

    def __call__(
        self,
        *positional: object,
        sizes: Mapping[str, int] | None = None,
        device: str = "xla",
        **named: object,
    ) -> object:
        """Run it on a device, "xla" or "native"; see the class. `sizes` gives what shapes do not tell.

        Raises UsageError for missing, unknown or misshapen arguments, DeviceError where the device fails.
        """
        results = self.call(positional, named, sizes or {}, device)
        return results[0] if len(results) == 1 else results

    def call(
        self,
        positional: tuple[object, ...],
        named: Mapping[str, object],
        sizes: Mapping[str, int],
        device: str = "xla",
    ) -> tuple[object, ...]:
        """As a call, but all results always come as a tuple."""
        from exalift.devices import as_jax_function, is_jax_array  # see above

        bound = self._bind(positional, named)
        ordered = [bound[argument.name] for argument in self.program.arguments]
        shapes = [
            (argument.name, argument.type.shape, np.shape(cast(Array, value)))
            for argument, value in zip(self.program.arguments, ordered, strict=True)
        ]
        at = infer_sizes(shapes, self.program.sizes, self.sizes.fixed | dict(sizes), self.sizes.determined)
        self._check(at)
        arrays = [
            cast(Array, value) if is_jax_array(value) else _as_array(argument, value)
            for argument, value in zip(self.program.arguments, ordered, strict=True)
        ]
        if any(is_jax_array(value) for value in ordered):
            return as_jax_function(self._text(at))(*arrays)
        return self.compiled(at, device).run(arrays)

    def _bind(self, positional: tuple[object, ...], named: Mapping[str, object]) -> dict[str, object]:
        names = [argument.name for argument in self.program.arguments]
        signature = f"{self.function}({', '.join(names)})"
        if len(positional) > len(names):
            raise UsageError(f"{signature} takes {len(names)} arguments, got {len(positional)}")
        values = dict(zip(names, positional, strict=False))
        for name, value in named.items():
            if name not in names:
                raise UsageError(f"{signature} has no argument {name!r}")
            if name in values:
                raise UsageError(f"{signature} got {name!r} twice")
            values[name] = value
        missing = [name for name in names if name not in values]
        if missing:
            raise UsageError(f"{signature} lacks {', '.join(missing)}")
        return values


def explain_native(lifted: Lifted) -> str:
    """What the program becomes on the native device at its sizes, line by line."""
    from exalift.native import NativeDevice  # see above

    return NativeDevice(strict_fp=lifted.strict_fp).explain(lifted.program, lifted.sizes.values)


def certified(lifted: Lifted) -> CertifiedSource:
    """The source, as certificates name it."""
    return CertifiedSource(lifted.source.text, lifted.original, lifted.source.defines)


def level_name(verdict: Verdict) -> str:
    """The level that a verdict reached, as reports call it."""
    return "none" if verdict.level is None else verdict.level.value


def _values(rows: Iterable[tuple[str, TensorType]], sizes: Mapping[str, int]) -> tuple[Value, ...]:
    return tuple(Value(name, type.dtype, type.at(sizes)) for name, type in rows)


def _as_array(argument: Argument, value: object) -> Array:
    """The value as an array of the argument's type. Numbers are converted, arrays must have the type."""
    wanted = _MACHINE.storage(argument.type.dtype)
    if isinstance(value, bool | int | float):
        return np.asarray(value, wanted)
    found = np.asarray(cast(Array, value))
    if found.dtype != wanted:
        raise UsageError(f"argument {argument.name} has type {found.dtype}, not {wanted}")
    return found
