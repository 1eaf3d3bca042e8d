"""Lift the loops of a C or affine MLIR function to a tensor program.

The module goes to OUT, or to stdout; what was found goes to stderr. Without -f every function of the
file is lifted, and OUT then gets the function's name before its suffix where there are several.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from exalift.base import Diagnostic, RefusedError, write_atomically
from exalift.pipeline import (
    Lifted,
    Options,
    Source,
    lift_all,
    lift_program,
    read_source,
    refusal_report,
    report_of,
    to_json,
)

from .console import message_console, say
from .options import add_search_options, add_source_options, sizes_of, with_infix
from .progress import search_progress
from .refusals import render_diagnostics
from .summary import summarise

# MLIR's own mark between the parts of a split file.
SEPARATOR = "// -----\n"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    parser.add_argument("-o", dest="output", metavar="OUT", type=Path, help="write the module here")
    parser.add_argument("--report", metavar="OUT.json", type=Path, help="write what was found as JSON")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    source = read_source(
        arguments.file, include_directories=arguments.include_directories, defines=arguments.defines
    )
    with search_progress(Path(arguments.file).name, arguments.quiet) as progress:
        options = Options(
            arguments.target,
            sizes_of(arguments.size),
            arguments.budget,
            arguments.proof,
            progress=progress,
        )
        lifted: tuple[Lifted, ...] = ()
        try:
            if arguments.function is None:
                lifted, diagnostics = lift_all(source, options)
            else:
                program, diagnostics = source.parse(arguments.function), ()
                lifted = (lift_program(source, program, options),)
        except RefusedError as refusal:
            diagnostics = refusal.diagnostics
    _write_modules(lifted, arguments.output)
    _tell(lifted, arguments)
    if diagnostics:
        print(render_diagnostics(diagnostics), file=sys.stderr)
    if arguments.report is not None:
        _write_reports(source, lifted, diagnostics, arguments, time.monotonic() - started)
    return 0 if lifted else 1


def _write_modules(lifted: Sequence[Lifted], output: Path | None) -> None:
    """Everything is printed before anything is written, so that a failure leaves old files alone."""
    texts = {one.function: one.text() for one in lifted}
    if output is None:
        sys.stdout.write(SEPARATOR.join(texts.values()))
        sys.stdout.flush()
        return
    for name, text in texts.items():
        write_atomically(output if len(texts) == 1 else with_infix(output, name), text)


def _tell(lifted: Sequence[Lifted], arguments: argparse.Namespace) -> None:
    console = message_console(arguments.quiet)
    for one in lifted:
        say(console, summarise(one))
        if one.notes:
            say(console, render_diagnostics(one.notes))
    if arguments.output is not None:
        paths = [
            arguments.output if len(lifted) == 1 else with_infix(arguments.output, one.function)
            for one in lifted
        ]
        for path in paths:
            say(console, f"wrote {path}")


def _write_reports(
    source: Source,
    lifted: Sequence[Lifted],
    diagnostics: Sequence[Diagnostic],
    arguments: argparse.Namespace,
    seconds: float,
) -> None:
    """One report a lifted function; where everything was refused, one that says so."""
    path: Path = arguments.report
    for one in lifted:
        target = path if len(lifted) == 1 else with_infix(path, one.function)
        write_atomically(target, to_json(report_of(one)))
    if not lifted:
        name = arguments.function or Path(source.filename).stem
        report = refusal_report(name, arguments.target, diagnostics, seconds)
        write_atomically(path, to_json(report))
