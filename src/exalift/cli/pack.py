"""Lift a function, and write it as a capsule that every device can run."""

from __future__ import annotations

import argparse
from collections.abc import Sized
from pathlib import Path

from exalift.capsule import read_capsule, write_capsule
from exalift.pipeline import lift, pack

from .console import message_console, say
from .options import add_search_options, add_source_options, sizes_of
from .progress import search_progress
from .refusals import render_diagnostics


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    parser.add_argument(
        "-o", dest="output", metavar="JOB.xcap", type=Path, required=True, help="write it here"
    )
    parser.add_argument("--key", metavar="KEY.pem", type=Path, help="sign it with this Ed25519 private key")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    key = None
    if arguments.key is not None:
        from exalift.capsule.signing import read_key  # the library is optional

        key = read_key(arguments.key)
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
    console = message_console(arguments.quiet)
    if lifted.notes:
        say(console, render_diagnostics(lifted.notes))
    write_capsule(pack(lifted), arguments.output, key)
    sealed = read_capsule(arguments.output)
    parts = f"{_counted(sealed.capsule.routines, 'routine')}, {_counted(sealed.capsule.plan, 'step')}"
    say(console, f"wrote {arguments.output}: {parts}, sha256 {sealed.sha256[:16]}")
    return 0


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"
