"""Decide whether a module, or a JAX function, computes what a C function does: no search, no trust.

Exits with 0 where that is proved at the level asked for, 1 where it is refuted (a counterexample is
printed), 3 where neither is known, 2 on wrong usage. With --jax the user's own module is executed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exalift.affine import Program
from exalift.base import Diagnostic, RefusedError, UsageError, write_atomically
from exalift.checker import CheckOptions, FunctionPort, Judgement, ModulePort, Port, check_port
from exalift.checker.languages import language_of
from exalift.checker.reports import refutation_lines, report_of, to_json, write_counterexample
from exalift.pipeline import Source, compile_source, read_source, suggest_sizes
from exalift.proof import CertifiedSource, Level, Status, certificate_path, read_certificates

from .console import message_console, output_console, say
from .options import add_source_options, positive_seconds, seed, sizes_of
from .refusals import render_diagnostics

REFUTED, WRONG_USAGE, UNKNOWN = 1, 2, 3
_MOST_BYTES = 64 << 20


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    parser.add_argument(
        "port", metavar="LIFTED", nargs="?", type=Path, help="a StableHLO or Linalg module in text"
    )
    parser.add_argument(
        "--jax",
        metavar="MODULE:FUNCTION",
        help="a JAX function instead; its module is looked for here and executed, and the function traced",
    )
    parser.add_argument("--port-function", metavar="NAME", help="the module's function, if it has several")
    parser.add_argument(
        "--arguments",
        metavar="A,B,...",
        help="the C parameters that the module's arguments are, in order, if that is not clear",
    )
    parser.add_argument(
        "--at-least",
        choices=[level.value for level in Level],
        default=Level.BOUNDED.value,
        help="the level of proof for which the exit status is 0 (bounded)",
    )
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=positive_seconds,
        default=30.0,
        help="the longest that the decision may take (30)",
    )
    parser.add_argument("--report", metavar="OUT.json", type=Path, help="write the verdict as JSON")
    parser.add_argument(
        "--counterexample", metavar="OUT.npz", type=Path, help="write the inputs that refute, by name"
    )
    parser.add_argument("--seed", type=seed, default=0, help="what random inputs are made from (0)")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


@dataclass(frozen=True, slots=True)
class _Task:
    """One C function and its port."""

    source: Source
    program: Program
    port: Port
    certificate: str


def run(arguments: argparse.Namespace) -> int:
    if (arguments.port is None) == (arguments.jax is None):
        raise UsageError("give either a module or --jax MODULE:FUNCTION")
    source = read_source(
        arguments.file, include_directories=arguments.include_directories, defines=arguments.defines
    )
    try:
        tasks = _function_tasks(source, arguments) if arguments.jax else _module_tasks(source, arguments)
    except _BadPort as problem:
        print(render_diagnostics(problem.diagnostics), file=sys.stderr)
        return WRONG_USAGE
    except RefusedError as refusal:
        print(render_diagnostics(refusal.diagnostics), file=sys.stderr)
        return UNKNOWN
    _check_sizes(tasks, sizes_of(arguments.size))
    at_least = Level(arguments.at_least)
    judgements = [_judged(task, arguments, len(tasks) > 1) for task in tasks]
    for task, judgement in zip(tasks, judgements, strict=True):
        _tell(task, judgement, at_least, arguments)
    if arguments.report is not None:
        reports = [
            report_of(judgement, task.program.name, task.port.label, task.certificate)
            for task, judgement in zip(tasks, judgements, strict=True)
        ]
        write_atomically(arguments.report, to_json(reports))
    refuted = next((j.refutation for j in judgements if j.refutation is not None), None)
    if arguments.counterexample is not None and refuted is not None:
        write_counterexample(arguments.counterexample, refuted.inputs)
    statuses = [judgement.exit_status(at_least) for judgement in judgements]
    return REFUTED if REFUTED in statuses else max(statuses)


def _check_sizes(tasks: Sequence[_Task], given: Mapping[str, int]) -> None:
    """Of several functions, each takes the sizes that it has; one that none has is a mistake."""
    known = {size.name for task in tasks for size in task.program.sizes if size.is_parameter}
    unknown = [name for name in given if name not in known]
    if unknown and len(tasks) > 1:
        raise UsageError(f"no function has a size parameter {unknown[0]!r}")


class _BadPort(Exception):
    """The module is not valid."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__()
        self.diagnostics = diagnostics


def _function_tasks(source: Source, arguments: argparse.Namespace) -> list[_Task]:
    from exalift.devices import load_jax_function  # JAX takes a second to load.

    program = source.parse_only(arguments.function)
    port = FunctionPort(load_jax_function(arguments.jax))
    return [_Task(source, program, port, "none: a function has no certificate")]


def _module_tasks(source: Source, arguments: argparse.Namespace) -> list[_Task]:
    """One task for each function of the module, or for the one that is named."""
    path: Path = arguments.port
    text = _text(path)
    try:
        offered = language_of(text).functions(text, str(path))
    except RefusedError as refusal:
        raise _BadPort(refusal.diagnostics) from refusal
    chosen: str | None = arguments.port_function
    if chosen is None and arguments.function in offered:
        chosen = arguments.function
    if chosen is not None or arguments.function is not None or len(offered) == 1:
        program = _program(source, arguments.function, chosen or (offered[0] if len(offered) == 1 else None))
        pairs = [(program, chosen)]
    elif not offered:
        raise UsageError(f"{path} has no public function")
    else:
        pairs = [(source.parse(name), name) for name in offered]
    names = tuple(arguments.arguments.split(",")) if arguments.arguments else None
    return [
        _Task(
            source,
            program,
            ModulePort(text, str(path), name, names),
            _certificate(source, path, text, program),
        )
        for program, name in pairs
    ]


def _program(source: Source, function: str | None, like: str | None) -> Program:
    """The C function that is named, else the one that is called as the module's, else the only one."""
    if function is not None:
        return source.parse(function)
    if like is not None:
        try:
            return source.parse(like)
        except UsageError:
            pass
    return source.parse_only(None)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is larger than {_MOST_BYTES >> 20} MiB")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _certificate(source: Source, path: Path, text: str, program: Program) -> str:
    """What the certificate beside a module says: it is compared, and not believed."""
    beside = certificate_path(path)
    if not beside.exists():
        return "none"
    try:
        found = [c for c in read_certificates(beside) if c.function == program.name]
    except (UsageError, OSError) as error:
        return f"does not match: {error}"
    if not found:
        return f"does not match: it is not about {program.name}"
    read = CertifiedSource(source.text, program, source.defines)
    mismatch = found[0].mismatch(read, text)
    if mismatch:
        return f"does not match: {mismatch}"
    return f"matches: it says {found[0].level}"


def _judged(task: _Task, arguments: argparse.Namespace, several: bool) -> Judgement:
    given = sizes_of(arguments.size)
    if several:
        own = {size.name for size in task.program.sizes}
        given = {name: value for name, value in given.items() if name in own}
    known, assumed = suggest_sizes(task.program, given)
    defaults = known if isinstance(task.port, ModulePort) else {**known, **assumed}
    options = CheckOptions(
        sizes=given,
        defaults=defaults,
        budget_s=arguments.budget,
        seed=arguments.seed,
        native=(lambda: compile_source(task.source, task.program)) if task.source.language == "c" else None,
    )
    return check_port(task.program, task.port, options)


def _tell(task: _Task, judgement: Judgement, at_least: Level, arguments: argparse.Namespace) -> None:
    if arguments.quiet:
        return
    level = f" ({judgement.level})" if judgement.level is not None else ""
    lines = [f"{task.program.name}: {_word(judgement, at_least)}{level}: {judgement.claim}"]
    if judgement.refutation is not None:
        lines += refutation_lines(judgement.refutation)
    say(output_console(), "\n".join(lines))
    console = message_console()
    if judgement.reason:
        say(console, f"not more, because: {judgement.reason}")
    if judgement.status is not Status.REFUTED:
        for assumption in judgement.assumptions:
            say(console, f"assumed: {assumption}")
    for note in judgement.notes:
        say(console, f"note: {note}")
    if task.certificate.startswith("does not match"):
        say(console, f"certificate {task.certificate}")


def _word(judgement: Judgement, at_least: Level) -> str:
    """What the outcome is called: tests alone prove nothing."""
    if judgement.status is Status.PROVED and judgement.level is Level.TESTED:
        return "tested" if at_least is Level.TESTED else "unknown"
    return judgement.status.value
