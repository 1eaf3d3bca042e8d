"""Look into a capsule, or make a key to sign capsules with; nothing of a capsule runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from exalift.capsule import Sealed, read_capsule
from exalift.runtime.codes import judge_codes

from .console import Columns, output_console, say
from .trust_options import add_trust_option, trusted_of


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what a capsule holds, who signed it, and which code fits here")
    show.add_argument("file", metavar="JOB.xcap", type=Path)
    add_trust_option(show)
    key = actions.add_parser("key", help="make a new key: a private file, and a public one for others")
    key.add_argument("file", metavar="KEY.pem", type=Path, help="the private key; KEY.pub.pem is public")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "key":
        from exalift.capsule.signing import make_key, write_public_key  # the library is optional

        key = make_key(arguments.file)
        public = arguments.file.with_suffix(".pub.pem")
        write_public_key(key, public)
        say(output_console(), f"wrote {arguments.file}, which is to stay private, and {public}")
        return 0
    _show(read_capsule(arguments.file), trusted_of(arguments))
    return 0


def _show(sealed: Sealed, trusted: frozenset[bytes]) -> None:
    capsule, console = sealed.capsule, output_console()
    signed = f"signed by {sealed.signer.hex()}" if sealed.signer else "not signed"
    trust = " (trusted)" if sealed.signer and sealed.signer in trusted else ""
    rows = [
        ("name", capsule.name),
        ("sizes", ", ".join(f"{name} = {value}" for name, value in capsule.sizes) or "none"),
        ("sha256", sealed.sha256),
        ("signature", signed + trust),
        ("proof", capsule.origin.proof),
        ("floating point", "as written (strict)" if capsule.strict_fp else "sums may be reassociated"),
        ("routines", ", ".join(routine.name for routine in capsule.routines)),
    ]
    say(console, "\n".join(Columns(tuple(rows)).lines()))
    if not capsule.codes:
        say(console, "no compiled code")
        return
    table = [("compiled code", "device", "bytes", "here", "for")]
    for one, judgement in judge_codes(capsule):
        made = f"{one.key.compiler}; {one.key.processor}"
        table.append((one.routine, one.key.device, str(len(one.code)), judgement, made))
    say(console, "\n".join(Columns(tuple(table), frozenset({2})).lines()))
    if not trust:
        say(console, "none of it is used: the capsule is not signed by a key that is trusted (--trust)")
