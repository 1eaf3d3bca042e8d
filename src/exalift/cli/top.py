"""Watch the daemon: devices, jobs with their progress, migrations, the queue and quotas.

Live on a terminal, with keys to move, checkpoint, save and cancel the job under the cursor (each asks first).
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys

from rich.console import Console

from exalift.base import UsageError
from exalift.runtime.client import Client
from exalift.runtime.overview import Overview

from .console import output_console
from .daemon_options import add_root_option, client_of
from .dashboard import frame

_PIPE_CELLS = 240


def add_options(parser: argparse.ArgumentParser) -> None:
    add_root_option(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--once", action="store_true", help="print one frame and leave")
    form.add_argument("--json", action="store_true", help="print all that is known as JSON and leave")
    parser.add_argument(
        "--interval", metavar="SECONDS", type=_interval, default=1.0, help="ask the daemon so often (1)"
    )


def _interval(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be from 0.1 to 3600 seconds")
    return value


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        seen = client.overview()
    if arguments.json:
        print(json.dumps(seen.as_fields(), indent=2))
    elif arguments.once:
        _print_frame(seen)
    else:
        _live(arguments)
    return 0


def _print_frame(seen: Overview) -> None:
    """Onto a terminal as wide as it is; into a pipe as wide as need be, without what pads the lines."""
    if sys.stdout.isatty():
        output_console().print(frame(seen), soft_wrap=False)
        return
    text = io.StringIO()
    Console(file=text, width=_PIPE_CELLS).print(frame(seen))
    print("\n".join(line.rstrip() for line in text.getvalue().splitlines()))


def _live(arguments: argparse.Namespace) -> None:
    if not sys.stdout.isatty():
        raise UsageError("the live view needs a terminal; --once and --json do not")
    try:
        from .dashboard.screen import Dashboard
    except ModuleNotFoundError as error:
        if error.name != "textual":
            raise
        raise UsageError(
            "the live view needs textual (pip install 'exalift[top]'); --once does not"
        ) from None

    def connect() -> Client:
        return client_of(arguments)

    Dashboard(connect, arguments.interval).run()
