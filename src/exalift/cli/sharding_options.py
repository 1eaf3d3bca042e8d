"""Options of `run` by which several processes work as one."""

from __future__ import annotations

import argparse
from typing import cast

from exalift.base import UsageError
from exalift.runtime.sharded import JOIN_SECONDS, Sharding


def add_sharding_options(parser: argparse.ArgumentParser) -> None:
    """--processes and what belongs to it."""
    group = parser.add_argument_group(
        "several processes as one (capsules only)",
        "Run the same command in each, with its own --process-id; docs/scale.md.",
    )
    group.add_argument("--processes", metavar="N", type=int, help="how many there are")
    group.add_argument("--process-id", metavar="K", type=int, help="which this one is, from 0")
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 listens for the others")
    group.add_argument(
        "--shard",
        metavar="NAME=AXIS",
        action="append",
        type=_split,
        help="split this array along this axis; may be repeated (each along the first that splits evenly)",
    )
    group.add_argument(
        "--join-seconds",
        metavar="S",
        type=int,
        default=JOIN_SECONDS,
        help=f"wait so long for the others ({JOIN_SECONDS})",
    )


def _split(text: str) -> tuple[str, int]:
    name, equals, axis = text.partition("=")
    if not name or not equals or not axis.isdecimal() or len(axis) > 2:
        raise argparse.ArgumentTypeError(f"expected NAME=AXIS, for example A=0, got {text!r}")
    return name, int(axis)


def sharding_of(arguments: argparse.Namespace) -> Sharding | None:
    """How several processes work together, None where this one is alone. Raises UsageError."""
    told = (arguments.processes, arguments.process_id, arguments.coordinator)
    if all(value is None for value in told) and arguments.shard is None:
        return None
    if any(value is None for value in told):
        raise UsageError("--processes, --process-id and --coordinator belong together")
    splits = cast(list[tuple[str, int]] | None, arguments.shard)
    axes = None if splits is None else dict(splits)
    if axes is not None and splits is not None and len(axes) < len(splits):
        raise UsageError("--shard names an array twice")
    return Sharding(
        arguments.coordinator, arguments.processes, arguments.process_id, axes, arguments.join_seconds
    )
