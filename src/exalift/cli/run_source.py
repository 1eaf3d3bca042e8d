"""The part of `exalift run` that lifts first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from exalift.base import read_arrays
from exalift.devices import Array, find_device
from exalift.pipeline import lift, made_inputs, pack, run_lifted
from exalift.runtime import initial_state, results_of, run_to_end

from .console import message_console, say
from .options import sizes_of
from .progress import search_progress
from .refusals import render_diagnostics


def run_source(arguments: argparse.Namespace) -> Mapping[str, Array]:
    """Results by name; arguments as of `exalift run`."""
    device = find_device(arguments.device)
    given = read_arrays(arguments.inputs) if arguments.inputs is not None else None
    sizes = sizes_of(arguments.size)
    with search_progress(Path(arguments.file).name, arguments.quiet) as progress:
        lifted = lift(
            Path(arguments.file),
            arguments.function,
            arguments.target,
            sizes,
            include_directories=arguments.include_directories,
            defines=arguments.defines,
            budget_s=arguments.budget,
            level=arguments.proof,
            progress=progress,
            strict_fp=arguments.strict_fp,
        )
    if given is None and lifted.notes:
        say(message_console(arguments.quiet), render_diagnostics(lifted.notes))
    inputs = made_inputs(lifted, arguments.seed) if given is None else given
    if device.name in ("xla-cpu", "native"):
        kind = "native" if device.name == "native" else "xla"
        return run_lifted(lifted, inputs, sizes if given is not None else lifted.sizes.values, kind)
    capsule = pack(lifted)
    return results_of(capsule, run_to_end(capsule, device, initial_state(capsule, inputs)))
