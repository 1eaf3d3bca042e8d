"""A whole suite: what lifts, how sure we are, what the search took, whether values are right, and speed."""

from __future__ import annotations

import fnmatch
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

from exalift.affine import Program
from exalift.base import ExaliftError, RefusedError, UsageError
from exalift.reference import find_compiler, measure, random_inputs

from .checking import check, compile_source
from .lifted import Counters, Lifted
from .lifting import Options, lift_program
from .source import Source, read_source
from .suite import Kernel, Setting, read_suite

_SINGLE = "REAL=float"
_LIMIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """compilers: what to compare speed with, none for no measurement. pattern: of kernels' names.
    single: check single precision as well, where a kernel has it. native: measure
    the native device too. repeats: runs that a median is of."""

    compilers: tuple[str, ...] = ("gcc",)
    pattern: str = "*"
    single: bool = False
    native: bool = False
    lifting: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel.

    status: "lifted", "partial", "refused", or "failed" with a message. right: whether values at odd sizes
    agree with the compiled source. native_seconds: by compiler; device_seconds: on the native device.
    Seconds are medians.
    """

    kernel: str
    group: str
    headline: bool
    status: str
    message: str = ""
    proof: str = ""
    residual_loops: int = 0
    reasons: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    counters: Counters = field(default_factory=Counters)
    search_seconds: float | None = None
    right: bool | None = None
    right_single: bool | None = None
    largest_error: float | None = None
    lifted_seconds: float | None = None
    native_seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    device_seconds: float | None = None

    @property
    def best_native(self) -> float | None:
        """Seconds of the fastest of the compiled versions."""
        return min(self.native_seconds.values(), default=None)

    @property
    def device_ratio(self) -> float | None:
        """The same for the native device."""
        native, device = self.best_native, self.device_seconds
        return native / device if native is not None and device else None

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the best of the C compilers the lifted program is."""
        native, lifted = self.best_native, self.lifted_seconds
        return native / lifted if native is not None and lifted else None


@dataclass(frozen=True, slots=True)
class Bench:
    """A suite's rows, and where they were measured."""

    folder: str
    compilers: tuple[str, ...]
    rows: tuple[Row, ...]
    machine: str

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)

    @property
    def median_search(self) -> float | None:
        known = [row.search_seconds for row in self.rows if row.search_seconds is not None]
        return median(known) if known else None

    @property
    def median_ratio(self) -> float | None:
        known = [row.ratio for row in self.rows if row.ratio is not None]
        return median(known) if known else None

    @property
    def versus(self) -> str:
        """What speed is compared with, in words."""
        return self.compilers[0] if len(self.compilers) == 1 else f"the best of {', '.join(self.compilers)}"

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        rows = [{**asdict(row), "ratio": row.ratio, "device_ratio": row.device_ratio} for row in self.rows]
        return {
            "schema": 1,
            "folder": self.folder,
            "machine": self.machine,
            "compilers": list(self.compilers),
            "median_search_seconds": self.median_search,
            "median_ratio": self.median_ratio,
            "rows": rows,
        }

    def draw(self, path: str | Path) -> None:
        """The chart, as a PNG."""
        from .chart import Bar, draw_chart  # matplotlib takes half a second to load; only charts need it

        whole, partial = self.count("lifted"), self.count("partial")
        title = f"{self.folder}: {whole} of {len(self.rows)} lifted whole, {partial} in part"
        bars = [Bar(row.kernel, row.status, row.ratio, row.search_seconds) for row in self.rows]
        draw_chart(bars, path, title, f"{self.versus}, {self.machine}")


def bench(folder: str | Path, options: BenchOptions, on_row: Callable[[Row], None] | None = None) -> Bench:
    """Run a suite (see `read_suite`); `on_row` hears of each kernel as it is done.

    A kernel that is refused or fails is a row that says so. Raises UsageError for a folder that is no
    suite, and for a compiler that is not there.
    """
    kernels = [k for k in read_suite(folder) if fnmatch.fnmatch(k.name, options.pattern)]
    if not kernels:
        raise UsageError(f"no kernel of {folder} is called {options.pattern!r}")
    for name in options.compilers:
        compiler = find_compiler(name)
        if not compiler.available:
            raise UsageError(f"compiler {name} is not available: {compiler.reason}")
    rows: list[Row] = []
    for kernel in kernels:
        rows.append(_row(kernel, options))
        if on_row is not None:
            on_row(rows[-1])
    return Bench(str(folder), options.compilers, tuple(rows), machine_name())


def machine_name() -> str:
    """The processor as far as the system tells, and how many cores there are for us."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{platform.machine()}, {cores} core{'' if cores == 1 else 's'}"


def _row(kernel: Kernel, options: BenchOptions) -> Row:
    row = Row(kernel.name, kernel.group, kernel.headline, "failed")
    try:
        return _measured(kernel, options, row)
    except RefusedError as refusal:
        return replace(row, status="refused", message=str(refusal))
    except ExaliftError as error:
        return replace(row, message=str(error))
    except Exception as error:
        # A suite goes on whatever happens to one of its kernels, and says what it was.
        return replace(row, message=f"{type(error).__name__}: {error}")


def _lift(
    kernel: Kernel, setting: Setting, options: BenchOptions, defines: Sequence[str] = ()
) -> tuple[Source, Program, Lifted]:
    source = read_source(kernel.path, defines=(*setting.macros, *defines))
    program = source.parse_only(kernel.function)
    return source, program, lift_program(source, program, replace(options.lifting, sizes=setting.sizes))


def _measured(kernel: Kernel, options: BenchOptions, row: Row) -> Row:
    source, program, lifted = _lift(kernel, kernel.large, options)
    ops = dict.fromkeys(op for region in lifted.regions for op in region.ops)
    row = replace(
        row,
        status=lifted.status,
        proof=lifted.proof,
        residual_loops=len(lifted.residual_loops),
        reasons=tuple(loop.reason for loop in lifted.residual_loops),
        ops=tuple(ops),
        counters=lifted.counters,
        search_seconds=lifted.seconds,
    )
    try:
        row = _with_values(kernel, options, lifted, row)
    except ExaliftError as error:
        return replace(row, right=False, message=f"values: {error}")
    try:
        return _with_speed(kernel, options, source, program, lifted, row)
    except ExaliftError as error:
        return replace(row, message=f"speed: {error}")


def _with_values(kernel: Kernel, options: BenchOptions, lifted: Lifted, row: Row) -> Row:
    """Compare at the odd sizes of the suite, in double precision and, if asked, in single."""
    rules = kernel.inputs if kernel.inputs.names else None
    # Macros make another program; sizes that are parameters do not.
    same = kernel.mini.defines == kernel.large.defines
    small = lifted if same else _lift(kernel, kernel.mini, options)[2]
    found = check(small, sizes=kernel.mini.sizes if same else {}, rules=rules)
    worst = found.worst
    row = replace(
        row, right=found.agrees, largest_error=worst.difference.max_rel if worst is not None else None
    )
    if options.single and kernel.real:
        single = check(_lift(kernel, kernel.mini, options, (_SINGLE,))[2], rules=rules)
        row = replace(row, right_single=single.agrees)
    return row


def _with_speed(
    kernel: Kernel, options: BenchOptions, source: Source, program: Program, lifted: Lifted, row: Row
) -> Row:
    if not options.compilers:
        return row
    values = lifted.sizes.values
    inputs = random_inputs(program, values, 0, kernel.inputs)
    native: dict[str, float] = {}
    for name in options.compilers:
        function = compile_source(source, program, name)
        native[name] = measure(function, inputs, values, max_seconds=_LIMIT_SECONDS).median
        function.close()
    arguments = [inputs[argument.name] for argument in lifted.program.arguments]
    seconds = lifted.compiled(values).time(arguments, budget=_LIMIT_SECONDS).median
    device = None
    if options.native:
        device = lifted.compiled(values, "native").time(arguments, budget=_LIMIT_SECONDS).median
    return replace(row, native_seconds=native, lifted_seconds=seconds, device_seconds=device)
