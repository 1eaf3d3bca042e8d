"""List what lifted programs can run on here."""

from __future__ import annotations

import argparse
import json

from exalift.devices import list_devices

from .console import Columns, output_console, say


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    devices = list_devices()
    if arguments.json:
        rows = [
            {"name": d.name, "kind": d.kind, "available": d.available, "reason": d.reason} for d in devices
        ]
        print(json.dumps(rows, indent=2))
        return 0
    table = [("name", "kind", "available", "")]
    table += [(d.name, d.kind, "yes" if d.available else "no", d.reason) for d in devices]
    say(output_console(), "\n".join(Columns(tuple(table)).lines()))
    return 0
