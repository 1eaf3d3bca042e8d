"""Run a capsule, or lift a function and run it, on the arrays of an .npz file or on random ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from exalift.base import UsageError, read_arrays, write_arrays
from exalift.capsule import is_capsule, read_capsule
from exalift.devices import Array, find_device, machine_codes
from exalift.runtime import initial_state, random_state, results_of, run_to_end
from exalift.runtime.codes import JobCodes, tell_codes
from exalift.runtime.sharded import Sharding, run_sharded

from .console import Columns, message_console, output_console, say
from .options import add_search_options, add_source_options, add_strict_fp, seed
from .sharding_options import add_sharding_options, sharding_of
from .trust_options import add_trust_option, trusted_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--inputs", metavar="IN.npz", type=Path, help="the arguments by name")
    inputs.add_argument("--seed", type=seed, default=0, help="make random arguments from this (0)")
    parser.add_argument("--device", default="xla", help="where to run, see `exalift devices` (xla)")
    add_strict_fp(parser)
    parser.add_argument("-o", dest="output", metavar="OUT.npz", type=Path, help="write the results here")
    add_sharding_options(parser)
    add_trust_option(parser)
    parser.add_argument(
        "--no-cache", action="store_true", help="compile everything, and keep nothing of it on this machine"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say where compiled code came from")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    sharding = sharding_of(arguments)
    if is_capsule(arguments.file):
        if arguments.strict_fp:
            raise UsageError(
                "--strict-fp is for sources: what a capsule computes was fixed when it was packed"
            )
        results = _run_capsule(arguments, sharding)
    elif sharding is not None:
        raise UsageError(f"{arguments.file} is not a capsule, and only capsules run in several processes")
    else:
        # The compile side may not be installed; capsules run without it.
        from .run_source import run_source

        results = run_source(arguments)
    if arguments.output is not None:
        write_arrays(arguments.output, results)
        say(message_console(arguments.quiet), f"wrote {arguments.output}")
    if not arguments.quiet:
        rows = [("result", "type", "mean", "least", "largest")]
        for name, value in results.items():
            rows.append((name, _type(value), *_figures(value)))
        say(output_console(), "\n".join(Columns(tuple(rows), frozenset({2, 3, 4})).lines()))
    return 0


def _run_capsule(arguments: argparse.Namespace, sharding: Sharding | None) -> Mapping[str, Array]:
    sealed = read_capsule(arguments.file)
    capsule = sealed.capsule
    if arguments.inputs is not None:
        state = initial_state(capsule, read_arrays(arguments.inputs))
    else:
        state = random_state(capsule, arguments.seed)
    console = message_console(arguments.quiet)
    if sharding is None:
        trusted = frozenset[bytes]() if arguments.no_cache else trusted_of(arguments)
        codes = JobCodes.of(sealed, trusted, None if arguments.no_cache else machine_codes())
        final = run_to_end(capsule, find_device(arguments.device), state, codes=codes)
        if arguments.verbose:
            say(console, "\n".join(tell_codes(codes, sealed, trusted)))
        return results_of(capsule, final)
    if arguments.device != "xla":
        raise UsageError("several processes run on XLA's devices, so --device has nothing to say")
    data = Path(arguments.file).read_bytes()
    return run_sharded(capsule, data, state, sharding, lambda line: say(console, line))


def _type(value: Array) -> str:
    return "x".join([*(str(extent) for extent in value.shape), str(value.dtype)])


def _figures(value: Array) -> tuple[str, str, str]:
    if not value.size:
        return ("-", "-", "-")
    numbers = value.astype(np.float64)
    return (f"{numbers.mean():.6g}", f"{numbers.min():.6g}", f"{numbers.max():.6g}")
