"""Lift the loops of a C or affine MLIR function to a tensor program.

The module goes to OUT, or to stdout; what was found goes to stderr. Without -f every function of the
file that can be lifted is, into one module, and the report is an array where there are several.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from exalift.base import Diagnostic, RefusedError, UsageError, write_atomically
from exalift.pipeline import (
    DIALECTS,
    Lifted,
    Options,
    certified,
    explain_native,
    lift_all,
    lift_program,
    module_of,
    read_source,
    refusal_report,
    report_of,
    to_json,
)
from exalift.pipeline.cbmc import cbmc_harness, harness_sizes
from exalift.proof import certificate_path, certify, write_certificates

from .console import message_console, say
from .options import add_search_options, add_source_options, add_strict_fp, sizes_of
from .progress import search_progress
from .refusals import render_diagnostics, tell_missing
from .summary import summarise


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    parser.add_argument("-o", dest="output", metavar="OUT", type=Path, help="write the module here")
    parser.add_argument("--report", metavar="OUT.json", type=Path, help="write what was found as JSON")
    add_strict_fp(parser)
    parser.add_argument(
        "--explain-native",
        action="store_true",
        help="say what each region becomes on the native device: kernels, loops, lanes, threads",
    )
    parser.add_argument(
        "--emit-cbmc",
        metavar="OUT.c",
        type=Path,
        help="write a C harness for CBMC that compares source and lifted program at small sizes",
    )
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
            strict_fp=arguments.strict_fp,
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
    if lifted and arguments.emit_cbmc is not None:
        write_atomically(arguments.emit_cbmc, _harness(lifted, sizes_of(arguments.size)))
    if lifted:
        text = module_of(lifted)
        _write_module(text, arguments.output)
        if arguments.output is not None:
            certificates = [certify(one.function, certified(one), text, one.verdict) for one in lifted]
            write_certificates(certificates, certificate_path(arguments.output))
    _tell(lifted, diagnostics, arguments)
    if arguments.explain_native:
        for one in lifted:
            say(message_console(False), explain_native(one))
    if arguments.report is not None:
        reports = [report_of(one) for one in lifted]
        if not lifted:
            name = arguments.function or Path(source.filename).stem
            seconds = time.monotonic() - started
            reports = [refusal_report(name, arguments.target, diagnostics, seconds)]
        write_atomically(arguments.report, to_json(reports))
    return 0 if lifted else 1


def _harness(lifted: Sequence[Lifted], given: Mapping[str, int]) -> str:
    """The harness of the only function. Raises UsageError where there are several."""
    if len(lifted) != 1:
        raise UsageError("--emit-cbmc is for one function; say which with -f")
    (one,) = lifted
    sizes = harness_sizes(one.abstracted, given)
    return cbmc_harness(one.source, one.abstracted, one.program, sizes, DIALECTS[one.target])


def _write_module(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_atomically(output, text)


def _tell(lifted: Sequence[Lifted], diagnostics: Sequence[Diagnostic], arguments: argparse.Namespace) -> None:
    """The summaries, then why functions are missing: an error where all are, else a warning."""
    console = message_console(arguments.quiet)
    for one in lifted:
        say(console, summarise(one))
        if one.notes:
            say(console, render_diagnostics(one.notes))
    if diagnostics and not lifted:
        print(render_diagnostics(diagnostics), file=sys.stderr)
    else:
        tell_missing(console, diagnostics)
    if lifted and arguments.output is not None:
        say(console, f"wrote {arguments.output} and {certificate_path(arguments.output)}")
