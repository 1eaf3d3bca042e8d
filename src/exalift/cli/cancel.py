"""End a job."""

from __future__ import annotations

import argparse

from .daemon_options import add_job_option, client_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_job_option(parser)


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        client.cancel(arguments.job)
    return 0
