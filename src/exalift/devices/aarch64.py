"""AArch64: kernels cross-compiled from C, in a runner process of their own, under qemu-user elsewhere.

Another instruction set than the host's, so that what crosses is data alone: the runner (`aarch64_runner.c`)
and the kernels are compiled here, and the state goes over pipes as raw little-endian bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from exalift.base import DeviceError, TensorShape, write_atomically
from exalift.capsule import CodeKey, Routine
from exalift.capsule.kernels import Kernel, Launch, placed_nests

from .code_folder import machine_codes
from .compilation import PLAIN, Compilation
from .emission import KernelText, NestText, emit_kernel, local
from .interpreter import type_of
from .kernel_execution import ScheduledKernel, read_kernel
from .language import CLanguage
from .protocol import Array, FunctionExecutable

COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = "qemu-aarch64"
_PREFIX = "/usr/aarch64-linux-gnu"
_FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-w")
_LIBRARY = ("-fPIC", "-shared", "-lm")
_COMPILE_SECONDS = 300

_PROLOGUE = """#include <math.h>
#include <stdbool.h>
#include <stdint.h>
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
"""

_LANGUAGE = CLanguage("C for AArch64", "f", "static inline", "(*xl_flag != 0)")


def c_text(kernel: Kernel) -> tuple[str, KernelText]:
    """A C file: nest number N is the function `nest_N` of buffers, integers, the two extents and the flag."""
    text = emit_kernel(kernel, placed_nests(kernel), _LANGUAGE)
    return "\n".join([_PROLOGUE, text.prelude, *(_nest(nest) for nest in text.nests)]) + "\n", text


def _nest(nest: NestText) -> str:
    buffers = [
        f"{'' if buffer.name in nest.written else 'const '}{_LANGUAGE.memory_type(buffer.dtype)} "
        f"*restrict {local(buffer.name)}"
        for buffer in nest.buffers
    ]
    integers = [f"const int {name}" for name in nest.integers]
    given = [f"b[{position}]" for position in range(len(buffers))]
    given += [f"p[{position}]" for position in range(len(integers))]
    flag = "volatile int *xl_flag"
    parameters = ", ".join([*buffers, *integers, "const int xl_y, const int xl_x", flag])
    number = nest.placed.number
    return (
        f"static inline __attribute__((always_inline)) void item_{number}({parameters}) {{\n{nest.body}\n}}\n"
        f"static void rows_{number}({', '.join([*buffers, *integers])}, int ny, int nx, {flag}) {{\n"
        f"  for (int y = 0; y < ny; y++) for (int x = 0; x < nx; x++)\n"
        f"    item_{number}({', '.join([*(local(b.name) for b in nest.buffers), *nest.integers])}"
        f", y, x, xl_flag);\n}}\n"
        f"void nest_{number}(void *const *b, const int32_t *p, int32_t ny, int32_t nx, {flag}) {{\n"
        f"  rows_{number}({', '.join([*given, 'ny', 'nx', 'xl_flag'])});\n}}"
    )


def _command() -> tuple[str, ...]:
    """What the runner is started by: nothing on a machine that is AArch64 itself."""
    return () if platform.machine() == "aarch64" else (EMULATOR, "-L", _PREFIX)


def _compiler() -> str:
    return "gcc" if platform.machine() == "aarch64" else COMPILER


def _compile(arguments: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(
            [_compiler(), *_FLAGS, *arguments],
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"aarch64 cannot compile {what}: {error}") from error
    if done.returncode:
        raise DeviceError(f"aarch64 cannot compile {what}: {done.stderr.strip()[:500]}")


def _made(text: str, options: Sequence[str], what: str) -> bytes:
    """What the compiler makes of a C file."""
    with tempfile.TemporaryDirectory(dir=_folder().name) as folder:
        source, target = Path(folder) / "code.c", Path(folder) / "code"
        source.write_text(text, encoding="utf-8")
        _compile([str(source), "-o", str(target), *options], what)
        return target.read_bytes()


@lru_cache(maxsize=1)
def _compiler_version() -> str:
    """As the compiler tells it, without the name by which it was called."""
    done = subprocess.run([_compiler(), "--version"], capture_output=True, text=True, check=False)
    return f"gcc {done.stdout.partition(' ')[2].partition(chr(10))[0]}"


def _key(source: str) -> CodeKey:
    """What comes of a C file: code for every AArch64, since no feature is asked for."""
    options = hashlib.sha256(" ".join((*_FLAGS, *_LIBRARY)).encode()).hexdigest()[:16]
    digest = hashlib.sha256(source.encode()).hexdigest()
    return CodeKey("aarch64", f"{_compiler_version()} {options}", "any AArch64", digest)


@lru_cache(maxsize=1)
def _runner(folder: str) -> str:
    """The runner, compiled once, or taken from this machine's own folder of code."""
    text = resources.files(__package__ or "").joinpath("aarch64_runner.c").read_text(encoding="utf-8")
    target = Path(folder) / "aarch64_runner"

    def install(code: bytes) -> None:
        write_atomically(target, code)
        target.chmod(0o700)

    codes = Compilation(codes=machine_codes())
    codes.loaded(_key(text), lambda: _made(text, ("-ldl",), "the runner"), install)
    return str(target)


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="exalift-aarch64-")


_LOAD, _ALLOCATE, _FREE, _WRITE, _READ, _LAUNCH, _BEGIN = range(1, 8)
_HEADER = struct.Struct("<qq")
_LARGEST_ANSWER = 1 << 40
_MOST_WORDS = 1 << 20


class _Process:
    """The runner, and what it is asked."""

    def __init__(self) -> None:
        runner = _runner(_folder().name)
        self.process = subprocess.Popen(
            [*_command(), runner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        # Buffers that nobody has any more. They go with the next request, since an object can end in the
        # middle of one.
        self.unused: list[int] = []
        # One thread may load a kernel while another runs one.
        self._lock = threading.RLock()
        # Its first answer says that it listens, to signals too.
        self._answer("start")

    def ask(self, operation: int, *parts: bytes | memoryview) -> bytes:
        """Raises DeviceError where the runner refuses, or is gone."""
        with self._lock:
            while self.unused:
                self._exchange(_FREE, struct.pack("<q", self.unused.pop()))
            return self._exchange(operation, *parts)

    def _exchange(self, operation: int, *parts: bytes | memoryview) -> bytes:
        length = sum(len(part) for part in parts)
        stream = self.process.stdin
        assert stream is not None
        try:
            for part in (_HEADER.pack(operation, length), *parts):
                rest = memoryview(part)
                while len(rest):
                    rest = rest[stream.write(rest) :]
        except OSError as error:
            raise DeviceError(f"the aarch64 runner is gone: {error}") from error
        return self._answer(f"operation {operation}")

    def _answer(self, what: str) -> bytes:
        status, length = _HEADER.unpack(self._take(_HEADER.size))
        if not 0 <= length <= _LARGEST_ANSWER:
            raise DeviceError("the aarch64 runner does not keep to its protocol")
        content = self._take(length)
        if status:
            raise DeviceError(
                f"the aarch64 runner refused {what}: {content.decode(errors='replace') or status}"
            )
        return content

    def _take(self, length: int) -> bytes:
        stream = self.process.stdout
        assert stream is not None
        content = bytearray(length)
        place = memoryview(content)
        while len(place):
            count = stream.readinto(place)  # type: ignore[attr-defined]
            if not count:
                raise DeviceError(f"the aarch64 runner is gone (status {self.process.wait()})")
            place = place[count:]
        return bytes(content)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGUSR1)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, eq=False)
class Aarch64Buffer:
    """An array in the runner, by its number there."""

    number: int
    type: TensorShape


@dataclass(eq=False)
class _Launcher:
    """See `Launcher`."""

    process: _Process
    text: KernelText
    library: int

    @property
    def is_interruptible(self) -> bool:
        return True

    def begin(self) -> None:
        self.process.ask(_BEGIN)

    def interrupt(self) -> None:
        self.process.interrupt()

    def launch(self, launches: Sequence[Launch], arrays: Mapping[str, Aarch64Buffer]) -> None:
        words: list[int] = []
        for launch in launches:
            nest = self.text.nests[launch.nest]
            integers = nest.integers_of(launch)
            wide, deep = nest.size(launch)
            more = [self.library, launch.nest, len(nest.buffers)]
            more += [arrays[buffer.name].number for buffer in nest.buffers]
            more += [len(integers), *integers, deep, wide]
            if len(words) + len(more) > _MOST_WORDS:
                self._send(words)
                words = []
            words += more
        if words:
            self._send(words)

    def _send(self, words: list[int]) -> None:
        self.process.ask(_LAUNCH, np.asarray(words, "<i4").tobytes())


@dataclass(eq=False)
class Aarch64Session:
    """See `Session`."""

    process: _Process
    _closed: bool = field(default=False)

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> FunctionExecutable:
        raise DeviceError(f"aarch64 runs kernels alone, not the function of {routine.name}")

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> ScheduledKernel[Aarch64Buffer]:
        kernel = read_kernel(routine)
        source, text = c_text(kernel)
        number = how.loaded(_key(source), lambda: _made(source, _LIBRARY, routine.name), self._load)
        return ScheduledKernel(kernel, _Launcher(self.process, text, number), self._allocate, self.get)

    def _load(self, code: bytes) -> int:
        """A library's number in the runner. Raises DeviceError where it is none."""
        library = Path(_folder().name) / f"{hashlib.sha256(code).hexdigest()}.so"
        if not library.exists():
            write_atomically(library, code)
        (number,) = struct.unpack("<q", self.process.ask(_LOAD, str(library).encode()))
        return int(number)

    def _allocate(self, type: TensorShape) -> Aarch64Buffer:
        (number,) = struct.unpack("<q", self.process.ask(_ALLOCATE, struct.pack("<q", type.bytes)))
        buffer = Aarch64Buffer(number, type)
        weakref.finalize(buffer, self.process.unused.append, number)
        return buffer

    def put(self, value: Array, *, shared: bool = False) -> Aarch64Buffer:
        buffer = self._allocate(type_of(value))
        if value.size:
            content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            self.process.ask(_WRITE, struct.pack("<q", buffer.number), content.data)
        return buffer

    def get(self, buffer: Aarch64Buffer, *, shared: bool = False) -> Array:
        content = self.process.ask(_READ, struct.pack("<q", buffer.number))
        return np.frombuffer(content, buffer.type.dtype.numpy_name).reshape(buffer.type.extents)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.process.close()


@dataclass(frozen=True, slots=True)
class Aarch64Device:
    """The cross compiler and qemu-user; or gcc, on a machine that is AArch64."""

    name: str = "aarch64"
    kind: str = "aarch64"

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def reason(self) -> str:
        missing = [tool for tool in (_compiler(), *_command()[:1]) if shutil.which(tool) is None]
        if missing:
            return (
                f"{' and '.join(missing)} not found; Debian: apt-get install gcc-aarch64-linux-gnu "
                "libc6-dev-arm64-cross qemu-user"
            )
        return ""

    @property
    def runs_functions(self) -> bool:
        return False

    @property
    def runs_kernels(self) -> bool:
        return True

    def open(self) -> Aarch64Session:
        if self.reason:
            raise DeviceError(f"{self.name} is not available: {self.reason}")
        return Aarch64Session(_Process())


def aarch64_devices() -> tuple[Aarch64Device, ...]:
    return (Aarch64Device(),)
