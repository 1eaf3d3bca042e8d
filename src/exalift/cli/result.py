"""Wait for a job, and write its results."""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.base import write_atomically

from .daemon_options import add_job_option, client_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_job_option(parser)
    parser.add_argument("-o", dest="output", metavar="OUT.npz", type=Path, required=True)
    parser.add_argument("--wait", metavar="SECONDS", type=int, default=0, help="wait so long for its end (0)")


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        client.wait(arguments.job, arguments.wait)
        data = client.result(arguments.job)
    write_atomically(arguments.output, data)
    return 0
