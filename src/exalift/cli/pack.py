"""Lift a function, and write it as a capsule that every device can run; or add compiled code to a capsule."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from exalift.base import UsageError
from exalift.capsule import Capsule, is_capsule, read_capsule, write_capsule
from exalift.devices import find_device, machine_codes
from exalift.runtime.codes import with_codes

from .console import message_console, say
from .options import add_search_options, add_source_options


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    add_search_options(parser)
    parser.add_argument(
        "--strict-fp",
        action="store_true",
        help="keep every floating-point operation, in its order; devices that cannot promise it will refuse",
    )
    parser.add_argument(
        "-o", dest="output", metavar="JOB.xcap", type=Path, required=True, help="write it here"
    )
    parser.add_argument(
        "--cache",
        dest="caches",
        metavar="DEVICE",
        action="append",
        default=[],
        help="put code compiled for this device into it (iree-cpu, iree-vulkan, aarch64); may be repeated",
    )
    parser.add_argument(
        "--no-caches", action="store_true", help="leave out the compiled code that FILE, a capsule, has"
    )
    parser.add_argument("--key", metavar="KEY.pem", type=Path, help="sign it with this Ed25519 private key")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    key = None
    if arguments.key is not None:
        from exalift.capsule.signing import read_key  # the library is optional

        key = read_key(arguments.key)
    capsule = _with_codes(_capsule(arguments), arguments.caches)
    write_capsule(capsule, arguments.output, key)
    sealed = read_capsule(arguments.output)
    parts = f"{len(capsule.routines)} routines, {len(capsule.plan)} steps"
    if capsule.codes:
        size = sum(len(one.code) for one in capsule.codes)
        parts += f", {len(capsule.codes)} compiled codes of {size} bytes"
    console = message_console(arguments.quiet)
    say(console, f"wrote {arguments.output}: {parts}, sha256 {sealed.sha256[:16]}")
    if capsule.codes and key is None:
        say(console, "it is not signed (--key), so nobody will use its compiled code")
    return 0


def _capsule(arguments: argparse.Namespace) -> Capsule:
    if not is_capsule(arguments.file):
        # The compile side may not be installed; capsules are read without it.
        from .pack_source import pack_source

        return pack_source(arguments)
    if arguments.function or arguments.size or arguments.defines or arguments.strict_fp:
        raise UsageError(f"{arguments.file} is a capsule already, and its program is not changed")
    sealed = read_capsule(arguments.file)
    if sealed.signer and arguments.key is None:
        say(message_console(arguments.quiet), "its signature was for what it was, and is left out")
    return replace(sealed.capsule, codes=()) if arguments.no_caches else sealed.capsule


def _with_codes(capsule: Capsule, names: list[str]) -> Capsule:
    for name in names:
        device = find_device(name)
        found = with_codes(capsule, device, machine_codes())
        if not any(one.key.device == device.name for one in found.codes):
            raise UsageError(f"{device.name} has no code that could travel; iree-* and aarch64 have")
        capsule = found
    return capsule
