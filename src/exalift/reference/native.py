"""The source itself, compiled by the system's C compiler and called."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from exalift.affine import Program
from exalift.base import UsageError

from .buffers import (
    Layout,
    NumericArray,
    aligned_block,
    fill,
    local_bytes,
    size_values,
)
from .compilers import find_compiler
from .errors import NativeError
from .wrapper import ENTRY, wrapper_text

DEFAULT_FLAGS = ("-O3", "-march=native")
_MAXIMUM_SOURCE_BYTES = 16 << 20
_SPARE_STACK = 64 << 20
_MAXIMUM_STACK = 8 << 30
_CHILD = Path(__file__).with_name("child.py")
_stack_lock = threading.Lock()


def compile_c(
    text: str,
    filename: str,
    program: Program,
    *,
    compiler: str = "gcc",
    flags: Sequence[str] = DEFAULT_FLAGS,
    include_directories: Sequence[str] = (),
    defines: Sequence[str] = (),
    extra_sources: Sequence[str] = (),
    timeout_seconds: float = 120.0,
) -> NativeFunction:
    """Compile a C source and give its function `program.name` as a callable.

    text, filename: the source; quoted includes are looked up in the folder of `filename` too.
    program: the affine program of the function, from which the signature is taken.
    compiler: "gcc", "clang", "polly" (see `available_compilers`) or a command.
    defines: "NAME" or "NAME=VALUE". A `main` in the source is renamed; what it calls need not be
    there, since code that the function does not reach is dropped at link time. `extra_sources` are paths
    of C files to compile along, where the function itself calls into them.
    Raises NativeError where the compiler is absent, refuses the source or takes too long.
    """
    if len(text.encode()) > _MAXIMUM_SOURCE_BYTES:
        raise UsageError(f"{filename} is larger than {_MAXIMUM_SOURCE_BYTES >> 20} MiB")
    found = find_compiler(compiler)
    if not found.available:
        raise NativeError(f"compiler {compiler} is not available: {found.reason}")
    directory = Path(tempfile.mkdtemp(prefix="exalift-"))
    try:
        (directory / "exalift_source.c").write_text(text)
        (directory / "exalift_wrapper.c").write_text(wrapper_text(program, "exalift_source.c"))
        arguments = [
            *("-w", "-fPIC", "-shared", "-Dmain=exalift_unused_main"),
            # Only the entry is exported; what it does not reach is dropped, undefined names and all.
            *("-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"),
            *flags,
            *("-iquote", str(Path(filename).resolve().parent)),
            *(f"-I{Path(path).resolve()}" for path in include_directories),
            *(f"-D{define}" for define in defines),
            *("-o", "exalift.so", "exalift_wrapper.c"),
            *(str(Path(path).resolve()) for path in extra_sources),
            "-lm",
        ]
        found.run(arguments, directory, timeout_seconds)
        return NativeFunction(program, directory)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


class NativeFunction:
    """A compiled C function on NumPy arrays. Its files go away with it, or with `close`."""

    def __init__(self, program: Program, directory: Path) -> None:
        """`directory` holds `exalift.so` and belongs to this object from now on."""
        self.program = program
        self.directory = directory
        self._cleanup = weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._entry: Callable[[object], None] | None = None

    def close(self) -> None:
        """Remove the compiled files. What is loaded stays loaded."""
        self._cleanup()

    def __call__(
        self,
        inputs: Mapping[str, NumericArray],
        sizes: Mapping[str, int],
        *,
        isolated: bool = False,
        timeout_seconds: float = 60.0,
    ) -> dict[str, NumericArray]:
        """Call it on copies of `inputs`, one array (rank 0 for a scalar) for each parameter that is no size.

        Gives "return" first, if the function returns, then the final contents of all parameter arrays in
        the function's order (scalars that are passed by value are left out).
        With `isolated` the call runs in a process of its own, so that a crash or an endless loop
        (`timeout_seconds`) ends that process alone and becomes a NativeError; without it there is no time
        limit. Raises UsageError for inputs or sizes that do not fit.
        """
        values = size_values(self.program, sizes)
        layout = Layout.of(self.program, values)
        stack = stack_bytes(self.program, values)
        if isolated:
            views = self._call_apart(layout, inputs, values, stack, timeout_seconds)
        else:
            views = layout.views(aligned_block(layout.total))
            fill(views, self.program, inputs, values)
            call = self.bind(views)
            on_large_stack(call, stack)
        names = [n for n in self.program.parameters if n not in values and n not in self.program.by_value]
        if self.program.returns is not None:
            names.insert(0, "return")
        return {name: np.array(views[name]) for name in names}

    def bind(self, views: Mapping[str, NumericArray]) -> Callable[[], None]:
        """A call without arguments that runs the function on `views` in place, by their addresses.

        `views` (see `Layout.views`) must live as long as the call is used.
        """
        if self._entry is None:
            try:
                library = ctypes.CDLL(str(self.directory / "exalift.so"))
            except OSError as error:
                raise NativeError(f"{self.program.name} cannot be loaded: {error}") from error
            entry = library[ENTRY]
            entry.restype = None
            self._entry = entry
        names = (*self.program.parameters, "return")
        arguments = (ctypes.c_void_p * len(names))(*(views[name].ctypes.data for name in names))
        entry = self._entry
        return lambda: entry(arguments)

    def _call_apart(
        self,
        layout: Layout,
        inputs: Mapping[str, NumericArray],
        values: Mapping[str, int],
        stack: int,
        timeout_seconds: float,
    ) -> dict[str, NumericArray]:
        with tempfile.NamedTemporaryFile(dir=self.directory, prefix="block-") as stream:
            stream.truncate(layout.total)
            block = np.memmap(stream.name, np.uint8, "r+", shape=(layout.total,))
            views = layout.views(block)
            fill(views, self.program, inputs, values)
            command = [sys.executable, "-I", "-S", str(_CHILD), str(self.directory / "exalift.so"), ENTRY]
            command += [stream.name, str(stack), *(str(offset) for offset in layout.offsets)]
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=timeout_seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise NativeError(f"{self.program.name} took longer than {timeout_seconds:g} s") from error
            if done.returncode:
                raise NativeError(f"{self.program.name} {_ending(done.returncode, done.stderr)}")
            return {name: np.array(view) for name, view in views.items()}


def _ending(status: int, printed: str) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    last = printed.strip().splitlines()[-1:] or [""]
    return f"ended with status {status}: {last[0]}"


def stack_bytes(program: Program, values: Mapping[str, int]) -> int:
    """How much stack to give the function: its local arrays and some to spare, at most 8 GiB."""
    needed = local_bytes(program, values) + _SPARE_STACK
    if needed > _MAXIMUM_STACK:
        raise UsageError(f"{program.name}: its local arrays take {needed >> 30} GiB of stack")
    return -(-needed // 4096) * 4096


def on_large_stack(call: Callable[[], None], stack: int) -> None:
    """Run `call` in a thread with `stack` bytes of stack and wait; what it raises is raised here.

    C puts local arrays on the stack, and the main thread's 8 MiB are soon used up.
    """
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    with _stack_lock:
        before = threading.stack_size(stack)
        try:
            thread = threading.Thread(target=guarded)
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if raised:
        raise raised[0]
