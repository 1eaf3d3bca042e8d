"""The system's C compilers: which there are, and how each is called."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import NativeError

_PROBE = "double probe(int n, double *a) { double s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }\n"


@dataclass(frozen=True, slots=True)
class Compiler:
    """A way to compile C: `command` with `flags` before those of the caller.

    `available` is False, with a `reason`, where the command is missing or does not take the flags.
    """

    name: str
    command: str
    flags: tuple[str, ...] = ()
    available: bool = True
    reason: str = ""

    def run(self, arguments: Sequence[str], directory: Path, seconds: float) -> None:
        """Run the compiler in `directory`. Raises NativeError with what it printed, or on time-out."""
        try:
            done = subprocess.run(
                [self.command, *self.flags, *arguments],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError as error:
            raise NativeError(f"{self.command} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise NativeError(f"{self.name} took longer than {seconds:g} s") from error
        if done.returncode:
            raise NativeError(f"{self.name} refused the source:\n{_first_lines(done.stderr)}")


def _first_lines(text: str, count: int = 20) -> str:
    lines = text.strip().splitlines()
    return "\n".join(lines[:count] + (["..."] if len(lines) > count else []))


# Polly is timed with -ffast-math: without it, it must keep the order of every sum and leaves most of
# the loops that it is there for untouched. Debian's clang has Polly linked in; others load it as a plugin.
_POLLY = ("-mllvm", "-polly", "-ffast-math")
_POLLY_PLUGIN = ("-fplugin=LLVMPolly.so", "-fpass-plugin=LLVMPolly.so")
_CLANGS = ("clang-19", "clang")
_CANDIDATES = {
    "gcc": tuple((command, ()) for command in ("gcc", "gcc-12", "cc")),
    "clang": tuple((command, ()) for command in _CLANGS),
    "polly": tuple((command, plugin + _POLLY) for command in _CLANGS for plugin in ((), _POLLY_PLUGIN)),
}


def _works(compiler: Compiler) -> str:
    """Empty where the compiler compiles, else why not."""
    with tempfile.TemporaryDirectory(prefix="exalift-") as folder:
        directory = Path(folder)
        (directory / "probe.c").write_text(_PROBE)
        try:
            compiler.run(["-O3", "-shared", "-fPIC", "-o", "probe.so", "probe.c"], directory, 30)
        except NativeError as error:
            return str(error)
    return ""


@functools.cache
def find_compiler(name: str) -> Compiler:
    """The compiler of that name: "gcc", "clang" or "polly", or a command as it is.

    It may be not `available`; the answer is kept for the process.
    """
    candidates = _CANDIDATES.get(name, ((name, ()),))
    reasons: list[str] = []
    for command, flags in candidates:
        if shutil.which(command) is None:
            reasons.append(f"{command} is not installed")
            continue
        compiler = Compiler(name, command, flags)
        reason = _works(compiler)
        if not reason:
            return compiler
        reasons.append(reason.splitlines()[0])
    command, flags = candidates[0]
    return Compiler(name, command, flags, False, "; ".join(dict.fromkeys(reasons)))


def available_compilers() -> tuple[Compiler, ...]:
    """gcc, clang and polly (clang with Polly and -ffast-math); those that are absent say why."""
    return tuple(find_compiler(name) for name in _CANDIDATES)
