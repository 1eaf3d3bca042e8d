"""Lift a function and run it, on the arrays of an .npz file or on random ones; results by name."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from exalift.devices import find_device
from exalift.pipeline import lift, made_inputs, read_inputs, run_lifted, write_results

from .console import Columns, message_console, output_console, say
from .options import add_search_options, add_source_options, seed, sizes_of
from .progress import search_progress
from .refusals import render_diagnostics


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--inputs", metavar="IN.npz", type=Path, help="the arguments by name")
    inputs.add_argument("--seed", type=seed, default=0, help="make random arguments from this (0)")
    parser.add_argument("--device", default="xla", help="where to run, see `exalift devices` (xla)")
    parser.add_argument("-o", dest="output", metavar="OUT.npz", type=Path, help="write the results here")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    find_device(arguments.device)
    given = read_inputs(arguments.inputs) if arguments.inputs is not None else None
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
        )
    if given is None:
        inputs, at = made_inputs(lifted, arguments.seed), lifted.sizes.values
        if lifted.notes:
            say(message_console(arguments.quiet), render_diagnostics(lifted.notes))
    else:
        inputs, at = given, sizes
    results = run_lifted(lifted, inputs, at)
    if arguments.output is not None:
        write_results(arguments.output, results)
        say(message_console(arguments.quiet), f"wrote {arguments.output}")
    if not arguments.quiet:
        rows = [("result", "type", "mean", "least", "largest")]
        for name, value in results.items():
            rows.append((name, _type(value), *_figures(value)))
        say(output_console(), "\n".join(Columns(tuple(rows), frozenset({2, 3, 4})).lines()))
    return 0


def _type(value: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return "x".join([*(str(extent) for extent in value.shape), str(value.dtype)])


def _figures(value: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> tuple[str, str, str]:
    if not value.size:
        return ("-", "-", "-")
    numbers = value.astype(np.float64)
    return (f"{numbers.mean():.6g}", f"{numbers.min():.6g}", f"{numbers.max():.6g}")
