"""Write a job's state to a file that `exalift submit` goes on from, on any device."""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.runtime.checkpoint import write_checkpoint

from .daemon_options import add_job_option, client_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_job_option(parser)
    parser.add_argument("-o", dest="output", metavar="JOB.xckpt", type=Path, required=True)


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        data = client.checkpoint(arguments.job)
    write_checkpoint(data, arguments.output)
    return 0
