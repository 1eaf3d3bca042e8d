"""Run the daemon: jobs over a Unix socket, one worker process a device. Ctrl-C ends it; jobs go on later."""

from __future__ import annotations

import argparse
import asyncio

from rich.console import Console

from exalift.base import UsageError
from exalift.runtime.daemon import Beside, serve
from exalift.runtime.web import parse_address

from .console import message_console, say
from .daemon_options import add_root_option
from .trust_options import add_trust_option, trusted_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_root_option(parser)
    parser.add_argument(
        "--device", metavar="NAME", action="append", default=[], help="use this one; may be repeated (all)"
    )
    parser.add_argument(
        "--web", metavar="HOST:PORT", help="serve the web page there too, for example on 127.0.0.1:8080"
    )
    parser.add_argument(
        "--web-name",
        metavar="NAME",
        action="append",
        default=[],
        help="a name by which others reach the page; needed beyond loopback; may be repeated",
    )
    add_trust_option(parser)
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    console = message_console(arguments.quiet)
    beside = _web_page(arguments.web, tuple(arguments.web_name), console) if arguments.web else None
    say(console, f"serving {arguments.root}")
    trusted = trusted_of(arguments)
    asyncio.run(serve(arguments.root, tuple(arguments.device), beside=beside, trusted=trusted))
    return 0


def _web_page(text: str, names: tuple[str, ...], console: Console) -> Beside:
    address = parse_address(text, names)
    try:
        from exalift.runtime.web.server import serving
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise UsageError("the web page needs aiohttp: pip install 'exalift[web]'") from None
    return lambda daemon: serving(address, daemon, lambda url: say(console, f"web page at {url}"))
