"""The part of `exalift pack` that lifts first."""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.capsule import Capsule
from exalift.pipeline import lift, pack

from .console import message_console, say
from .options import sizes_of
from .progress import search_progress
from .refusals import render_diagnostics


def pack_source(arguments: argparse.Namespace) -> Capsule:
    """A capsule of a source's function; arguments as of `exalift pack`."""
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
            strict_fp=arguments.strict_fp,
            progress=progress,
        )
    if lifted.notes:
        say(message_console(arguments.quiet), render_diagnostics(lifted.notes))
    return pack(lifted)
