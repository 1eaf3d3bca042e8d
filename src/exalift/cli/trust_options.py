"""--trust: whose compiled code may run."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        metavar="KEY.pem",
        type=Path,
        action="append",
        default=[],
        help="run compiled code in capsules that this key (or a key of this folder) signed; may be repeated",
    )


def trusted_of(arguments: argparse.Namespace) -> frozenset[bytes]:
    """The public keys. Raises UsageError for files that are no keys, OSError."""
    if not arguments.trust:
        return frozenset()
    from exalift.capsule.signing import trusted_keys  # the library is optional

    return trusted_keys(arguments.trust)
