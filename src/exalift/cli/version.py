"""Print the version of exalift and of what it is built on."""

from __future__ import annotations

import argparse
import json
import platform
from importlib import metadata

LIBRARIES = ("numpy", "numba", "islpy", "libclang", "z3-solver", "jax", "jaxlib", "iree-base-compiler")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    versions = {"exalift": _version("exalift"), "python": platform.python_version()}
    versions |= {name: _version(name) for name in LIBRARIES}
    if arguments.json:
        print(json.dumps(versions, indent=2))
    else:
        print("\n".join(f"{name} {version}" for name, version in versions.items()))
    return 0


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
