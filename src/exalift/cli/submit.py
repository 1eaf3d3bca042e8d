"""Give a capsule, or a checkpoint, to the daemon as a job; its name goes to stdout."""

from __future__ import annotations

import argparse
from pathlib import Path

from .daemon_options import add_root_option, client_of
from .options import seed


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="JOB.xcap", type=Path, help="a capsule, or a checkpoint to go on from"
    )
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--inputs", metavar="IN.npz", type=Path, help="the arguments by name")
    inputs.add_argument("--seed", type=seed, default=0, help="make random arguments from this (0)")
    parser.add_argument("--device", default="any", help="where to run: a name, a kind, or any (any)")
    parser.add_argument("--priority", choices=("low", "normal", "high"), default="normal")
    add_root_option(parser)


def run(arguments: argparse.Namespace) -> int:
    inputs = arguments.inputs.read_bytes() if arguments.inputs is not None else b""
    with client_of(arguments) as client:
        record = client.submit(
            arguments.file.read_bytes(),
            inputs=inputs,
            seed=arguments.seed,
            device=arguments.device,
            priority=arguments.priority,
        )
    print(record.name)
    return 0
