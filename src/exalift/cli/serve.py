"""Run the daemon: jobs over a Unix socket, one worker process a device. Ctrl-C ends it; jobs go on later."""

from __future__ import annotations

import argparse
import asyncio

from exalift.runtime.daemon import serve

from .console import message_console, say
from .daemon_options import add_root_option


def add_options(parser: argparse.ArgumentParser) -> None:
    add_root_option(parser)
    parser.add_argument(
        "--device", metavar="NAME", action="append", default=[], help="use this one; may be repeated (all)"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    say(message_console(arguments.quiet), f"serving {arguments.root}")
    asyncio.run(serve(arguments.root, tuple(arguments.device)))
    return 0
