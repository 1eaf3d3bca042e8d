"""Lift a function, run it, and compare it with the natively compiled source on the same random inputs.

Without -f every function of the file that can be lifted is compared; those that cannot are named.
Exits with 1 where results differ by more than rounding explains.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.base import RefusedError
from exalift.pipeline import Check, Lifted, Options, check, lift_all, lift_program, read_source

from .console import Columns, message_console, output_console, say
from .options import add_search_options, add_source_options, add_strict_fp, seed, sizes_of
from .progress import search_progress
from .refusals import render_diagnostics, tell_missing


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    parser.add_argument("--seed", type=seed, default=0, help="what the random inputs are made from (0)")
    parser.add_argument("--compiler", default="gcc", help="gcc, clang, polly or a command (gcc)")
    parser.add_argument("--device", choices=("xla", "native"), default="xla", help="where to run it (xla)")
    add_strict_fp(parser)
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
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
        if arguments.function is None:
            lifted, missing = lift_all(source, options)
        else:
            lifted, missing = (lift_program(source, source.parse(arguments.function), options),), ()
    if not lifted:
        raise RefusedError(missing)
    agrees = True
    for one in lifted:
        agrees &= _check(one, arguments)
    tell_missing(message_console(arguments.quiet), missing)
    return 0 if agrees else 1


def _check(lifted: Lifted, arguments: argparse.Namespace) -> bool:
    found = check(
        lifted, seed=arguments.seed, compiler=arguments.compiler, timed=True, device=arguments.device
    )
    messages = message_console(arguments.quiet)
    if lifted.notes:
        say(messages, render_diagnostics(lifted.notes))
    if not (arguments.quiet and found.agrees):
        say(output_console(), _table(lifted, found, arguments.compiler, arguments.device))
    return found.agrees


def _table(lifted: Lifted, found: Check, compiler: str, device: str) -> str:
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
        name = {"xla": "XLA", "native": "native"}[device]
        ratio = found.native_seconds / found.lifted_seconds
        lines.append(
            f"  {compiler} {found.native_seconds:.3g} s, {name} {found.lifted_seconds:.3g} s: "
            f"{ratio:.3g} times as fast"
        )
    return "\n".join(lines)
