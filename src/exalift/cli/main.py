"""The entry point: finds the command, runs it, and turns errors into messages and exit statuses.

Exit statuses: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from exalift.base import ExaliftError, RefusedError, UnconfirmedError, UsageError, VerificationError

from .console import error
from .refusals import render_refusal

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

# Commands are loaded by name, so that `exalift --help` needs no solver, no compiler and no second.
COMMANDS = {
    "lift": "lift loops to a tensor program, and write it",
    "check": "lift, run, and compare with the natively compiled source",
    "verify": "decide whether a module or a JAX function is a C function's program",
    "pack": "lift, and write a capsule that every device can run",
    "capsule": "what a capsule holds, and keys to sign capsules with",
    "run": "run a capsule, or lift and run, and write the results",
    "bench": "a whole suite: coverage, proof, search time, speed against C compilers",
    "peaks": "what this machine can do at best, and a roofline of tuned products",
    "tensorize": "which tensorized instructions fit the loops, and why others do not",
    "serve": "the daemon: jobs over a socket, one worker a device",
    "submit": "give the daemon a job",
    "ps": "list your jobs at the daemon",
    "top": "watch devices, jobs, migrations and quotas, and act on jobs",
    "logs": "what happened to a job",
    "result": "the results of a job",
    "migrate": "move a running job to another device",
    "checkpoint": "a job's state as a file to go on from",
    "cancel": "end a job",
    "cluster": "several hosts' daemons as one, over Ray",
    "devices": "what lifted programs can run on here",
    "version": "the version of exalift and of what it is built on",
}


class Command(Protocol):
    """What a module of this folder offers."""

    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status; `argv` leaves out the program's name."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview(), file=sys.stdout if words else sys.stderr)
        return DONE if words else WRONG_USAGE
    name = "version" if words[0] in ("-V", "--version") else words[0]
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; commands: {', '.join(COMMANDS)}"
        error(f"no command {name!r}{hint}")
        return WRONG_USAGE
    try:
        command = cast(Command, importlib.import_module(f"exalift.cli.{name}"))
    except ImportError as problem:
        if "--debug" in words:
            raise
        error(f"exalift is not installed as a whole: {problem} (--debug shows where)")
        return FAILED
    parser = argparse.ArgumentParser(prog=f"exalift {name}", description=command.__doc__)
    command.add_options(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    try:
        arguments = parser.parse_args(words[1:])
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else WRONG_USAGE
    if arguments.debug:
        return command.run(arguments)
    return _guarded(command, arguments)


def _guarded(command: Command, arguments: argparse.Namespace) -> int:
    """Run a command; every error becomes a message and a status."""
    try:
        return command.run(arguments)
    except UsageError as problem:
        error(str(problem))
        return WRONG_USAGE
    except RefusedError as problem:
        print(render_refusal(problem), file=sys.stderr)
    except UnconfirmedError as problem:
        error(f"nothing was written: {problem}; a larger --budget may do")
    except VerificationError as problem:
        error(f"a defect in exalift, nothing was written: {problem} (--debug shows where)")
    except ExaliftError as problem:
        error(str(problem))
    except KeyboardInterrupt:
        error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `head` does; Python must not complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as problem:
        error(str(problem))
        return WRONG_USAGE
    except Exception as problem:
        # The last resort: whatever a library throws is a defect here, and users get no traceback.
        error(f"a defect in exalift, {type(problem).__name__}: {problem} (--debug shows where)")
    return FAILED


def _overview() -> str:
    width = max(map(len, COMMANDS))
    rows = [f"  {name.ljust(width)}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: exalift COMMAND ...",
            "",
            "Lifts loops into portable tensor programs, checks that they are the same, and runs them.",
            "",
            *rows,
            "",
            "exalift COMMAND --help says more.",
        ]
    )
