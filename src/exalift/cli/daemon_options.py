"""Options of the commands that talk to a daemon."""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.runtime.client import Client, default_root


def add_root_option(parser: argparse.ArgumentParser) -> None:
    """--root, the daemon's folder."""
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=default_root(),
        help="the daemon's folder (EXALIFT_ROOT, else exalift in XDG_RUNTIME_DIR, or ~/.exalift)",
    )


def add_job_option(parser: argparse.ArgumentParser) -> None:
    """JOB and --root."""
    parser.add_argument("job", metavar="JOB", help="a job's name, as submit and ps tell it")
    add_root_option(parser)


def client_of(arguments: argparse.Namespace) -> Client:
    """A connection, with the token of EXALIFT_TOKEN or of the folder."""
    return Client(arguments.root)
