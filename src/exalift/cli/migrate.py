"""Move a running job to another device while it runs; ends when it has made its first step there."""

from __future__ import annotations

import argparse

from .daemon_options import add_job_option, client_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_job_option(parser)
    parser.add_argument("device", metavar="DEVICE", help="a device's name or kind")


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        move = client.migrate(arguments.job, arguments.device).migrations[-1]
    print(f"moved from {move.source} to {move.destination}: down for {move.downtime * 1e3:.3f} ms")
    return 0
