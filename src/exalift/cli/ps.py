"""List your jobs at the daemon."""

from __future__ import annotations

import argparse
import json

from .console import Columns, output_console, say
from .daemon_options import add_root_option, client_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_root_option(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, with all that is known")


def run(arguments: argparse.Namespace) -> int:
    with client_of(arguments) as client:
        records = client.jobs()
    if arguments.json:
        print(json.dumps([record.as_fields() for record in records], indent=2))
        return 0
    rows = [("job", "program", "status", "device", "steps", "moves")]
    rows += [
        (r.name, r.program, r.status.value, r.device or "-", str(r.steps), str(len(r.migrations)))
        for r in records
    ]
    say(output_console(), "\n".join(Columns(tuple(rows), frozenset({4, 5})).lines()))
    return 0
