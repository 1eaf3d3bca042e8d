"""Tell what happened to a job: moves with their downtimes, workers that died, and why it ended."""

from __future__ import annotations

import argparse

from exalift.base import UsageError

from .daemon_options import add_job_option, client_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_job_option(parser)


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        found = [record for record in client.jobs() if record.name == arguments.job]
    if not found:
        raise UsageError(f"there is no job {arguments.job}")
    (record,) = found
    for move in record.migrations:
        print(
            f"moved from {move.source} to {move.destination}: down for {move.downtime * 1e3:.3f} ms, "
            f"prepared in {move.preparation:.3f} s{', inside a kernel' if move.inside else ''}"
        )
    if record.crashes:
        print(f"{record.crashes} workers died while they ran it")
    print(f"{record.status.value} after {record.steps} pieces{': ' if record.reason else ''}{record.reason}")
    return 0
