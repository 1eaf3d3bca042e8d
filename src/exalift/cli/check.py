"""Lift a function, run it, and compare it with the natively compiled source on the same random inputs.

Exits with 1 where they differ by more than rounding explains.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.pipeline import Check, Lifted, check, lift

from .console import Columns, message_console, output_console, say
from .options import add_search_options, add_source_options, seed, sizes_of
from .progress import search_progress
from .refusals import render_diagnostics


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    parser.add_argument("--seed", type=seed, default=0, help="what the random inputs are made from (0)")
    parser.add_argument("--compiler", default="gcc", help="gcc, clang, polly or a command (gcc)")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    with search_progress(Path(arguments.file).name, arguments.quiet) as progress:
        lifted = lift(
            Path(arguments.file),
            arguments.function,
            arguments.target,
            sizes_of(arguments.size),
            include_directories=arguments.include_directories,
            defines=arguments.defines,
            budget_s=arguments.budget,
            level=arguments.proof,
            progress=progress,
        )
    found = check(lifted, seed=arguments.seed, compiler=arguments.compiler, timed=True)
    messages = message_console(arguments.quiet)
    if lifted.notes:
        say(messages, render_diagnostics(lifted.notes))
    if not (arguments.quiet and found.agrees):
        say(output_console(), _table(lifted, found, arguments.compiler))
    return 0 if found.agrees else 1


def _table(lifted: Lifted, found: Check, compiler: str) -> str:
    sizes = ", ".join(f"{name} = {value}" for name, value in found.sizes.items())
    at = f" at {sizes}" if sizes else ""
    rows = [("result", "largest error", "relative", "allowed", "")]
    for result in found.results:
        apart = result.difference
        place = f"[{', '.join(str(i) for i in apart.worst)}]" if apart.worst else ""
        verdict = "agrees" if apart.within else f"DIFFERS in {apart.wrong:,} elements, most at {place}"
        cells = (f"{apart.max_abs:.3g}", f"{apart.max_rel:.3g}", f"{apart.tolerance:.3g}")
        rows.append((result.name, *cells, verdict))
    said = "agree" if found.agrees else "DIFFER"
    lines = [f"{lifted.function}: source and lifted program {said}{at} (seed {found.seed})"]
    lines += [f"  {line}" for line in Columns(tuple(rows), frozenset({1, 2, 3})).lines()]
    if found.native_seconds and found.lifted_seconds:
        ratio = found.native_seconds / found.lifted_seconds
        lines.append(
            f"  {compiler} {found.native_seconds:.3g} s, XLA {found.lifted_seconds:.3g} s: "
            f"{ratio:.3g} times as fast"
        )
    return "\n".join(lines)
