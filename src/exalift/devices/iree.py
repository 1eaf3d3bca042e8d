# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportMissingTypeArgument=false, reportUnknownParameterType=false
"""IREE: tensor functions compiled by LLVM for the CPU, and as SPIR-V for Vulkan.

The compiler runs as a process of its own, so that its failure is an error here and not an end. CUDA code is
compiled without a GPU, and run where IREE's driver finds one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import iree.compiler
import iree.compiler.version
import iree.runtime
import numpy as np

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import CodeKey, Routine, Signature
from exalift.capsule.stablehlo_artifact import check_artifact

from .compilation import PLAIN, Compilation
from .processor import host_processor
from .protocol import Array, Buffer, KernelExecutable

_WORD = 4
_WIDE = re.compile(r"\bf64\b|xf64>")
_HALF = re.compile(r"\bf16\b|xf16>")
_INPUT = re.compile(r"%input(\d+): (\w+)")
_DTYPES = {dtype.numpy_name: dtype for dtype in DType}
_IMPORTED_BYTES = 1 << 16
"""Arrays from this size on are taken over as they are, where they may be; smaller ones are copied sooner."""
_ELEMENTS = {
    name: getattr(iree.runtime.HalElementType, element)
    for name, element in (
        ("float32", "FLOAT_32"),
        ("float64", "FLOAT_64"),
        ("int8", "SINT_8"),
        ("int16", "SINT_16"),
        ("int32", "SINT_32"),
        ("int64", "SINT_64"),
        ("uint8", "UINT_8"),
        ("uint16", "UINT_16"),
        ("uint32", "UINT_32"),
        ("uint64", "UINT_64"),
    )
}


@dataclass(frozen=True, slots=True)
class Target:
    """What IREE's compiler is told, and the driver that runs the result."""

    name: str
    driver: str
    flags: tuple[str, ...]
    install: str
    wide_flags: tuple[str, ...] = ()
    """Besides, for functions with f64 in them, which not every device has."""

    is_narrow: bool = False
    """Whether its shaders get f16, and narrow tensors that end inside a word, wrong."""


TARGETS = (
    Target(
        "iree-cpu",
        "local-task",
        (
            "--iree-hal-target-device=local",
            "--iree-hal-local-target-device-backends=llvm-cpu",
            "--iree-llvmcpu-target-cpu=host",
            "--iree-input-demote-f64-to-f32=false",
        ),
        "",
    ),
    # On lavapipe at least, linked executables fail, and command buffers that are recorded once and used
    # again run on the operands of their first use.
    Target(
        "iree-vulkan",
        "vulkan",
        (
            "--iree-hal-target-device=vulkan",
            "--iree-hal-link-executables=false",
            "--iree-hal-memoization=false",
            "--iree-input-demote-f64-to-f32=false",
        ),
        "install a Vulkan driver (Debian: apt-get install mesa-vulkan-drivers)",
        # The default target knows no f64; this one is the plainest of those that do.
        ("--iree-vulkan-target=ampere",),
        is_narrow=True,
    ),
    Target(
        "iree-cuda",
        "cuda",
        ("--iree-hal-target-device=cuda", "--iree-cuda-target=sm_80"),
        "it needs an NVIDIA GPU and its driver; code for it is compiled without",
    ),
)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A tensor function in portable bytecode, and whether there is f64 in it."""

    bytecode: bytes
    is_wide: bool


@dataclass(frozen=True, slots=True)
class IreeBuffer:
    """A device array as a session's buffer."""

    value: iree.runtime.DeviceArray
    owner: IreeDevice
    memory: tuple[Array, ...] = ()
    """Arrays whose memory was taken over, and which IREE's own objects do not keep: a result has those of all
    operands, since it may be one of them unchanged."""

    @property
    def type(self) -> TensorShape:
        shape = tuple(int(extent) for extent in self.value.shape)
        return TensorShape(shape, _DTYPES[np.dtype(self.value.dtype).name])


@dataclass(frozen=True, slots=True)
class IreeFunction:
    """A tensor function, loaded."""

    session: IreeSession
    signature: Signature
    function: Callable[..., object]

    def run(self, operands: Sequence[Buffer | int]) -> tuple[Buffer, ...]:
        signature = self.signature
        if len(operands) != len(signature.arguments):
            raise DeviceError(
                f"{signature.name} takes {len(signature.arguments)} arguments, got {len(operands)}"
            )
        values: list[object] = []
        memory: dict[int, Array] = {}
        for position, (operand, type) in enumerate(zip(operands, signature.arguments, strict=True)):
            if isinstance(operand, int):
                operand = self.session.put(np.asarray(operand, np.int64))
            if operand.type != type:
                raise DeviceError(
                    f"argument {position} of {signature.name} must be {type}, got {operand.type}"
                )
            values.append(self.session.own(operand))
            memory |= {id(array): array for array in cast(IreeBuffer, operand).memory}
        try:
            results = self.function(*values)
        except Exception as error:
            # The bindings raise plain errors of many kinds.
            raise DeviceError(f"{signature.name} failed: {error}") from error
        found = results if isinstance(results, tuple | list) else (results,)
        kept = tuple(memory.values())
        return tuple(
            IreeBuffer(_as_device_array(value, self.session), self.session.device, kept) for value in found
        )


@dataclass(frozen=True, slots=True)
class IreeExecutable:
    """A function of somebody else's module: arrays in, arrays out."""

    session: IreeSession
    name: str
    function: Callable[..., object]
    scalars: frozenset[int]
    """The positions of arguments that are numbers, and not tensors of rank 0."""

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Raises DeviceError for inputs that the function does not take."""
        values = [
            value.item() if position in self.scalars else np.ascontiguousarray(value).reshape(value.shape)
            for position, value in enumerate(inputs)
        ]
        try:
            found = self.function(*values)
        except Exception as error:
            # The bindings raise plain errors of many kinds.
            raise DeviceError(f"{self.name} failed: {error}") from error
        several = found if isinstance(found, tuple | list) else (found,)
        return tuple(np.array(v.to_host() if isinstance(v, iree.runtime.DeviceArray) else v) for v in several)


def _scalar_arguments(function: iree.runtime.FunctionInvoker) -> frozenset[int]:
    """By the declaration that IREE's compiler leaves in the code."""
    declaration = function.vm_function.reflection.get("iree.abi.declaration", "")
    return frozenset(int(p) for p, type in _INPUT.findall(declaration) if not type.startswith("tensor"))


def _as_device_array(value: object, session: IreeSession) -> iree.runtime.DeviceArray:
    if not isinstance(value, iree.runtime.DeviceArray):
        return iree.runtime.asdevicearray(session.driver_device, value)
    return value


@dataclass(frozen=True, slots=True)
class IreeSession:
    """One of IREE's devices in use."""

    device: IreeDevice
    driver_device: iree.runtime.HalDevice

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> IreeFunction:
        how.check_strict_fp(self.device.name)
        artifact = self.device.checked(routine)
        return how.loaded(
            self.device.key(artifact),
            lambda: self.device.compile_checked(artifact, routine.name),
            lambda code: IreeFunction(self, routine.signature, self._entry(code, routine.name)),
        )

    def _entry(self, code: bytes, name: str) -> iree.runtime.FunctionInvoker:
        """The function of compiled code. Raises DeviceError for code that IREE does not take."""
        try:
            return self.loaded(code).main
        except Exception as error:
            # The bindings raise plain errors of many kinds.
            raise DeviceError(f"{self.device.name} cannot load {name}: {error}") from error

    def loaded(self, code: bytes) -> iree.runtime.BoundModule:
        """Compiled code, whose functions are attributes."""
        config = iree.runtime.Config(device=self.driver_device)
        context = iree.runtime.SystemContext(config=config)
        context.add_vm_module(iree.runtime.VmModule.copy_buffer(context.instance, code))
        return context.modules.module

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> KernelExecutable:
        raise DeviceError(f"{self.device.name} runs no kernels, and was asked for {routine.name}")

    def put(self, value: Array, *, shared: bool = False) -> IreeBuffer:
        imported = self._imported(value) if shared and value.nbytes >= _IMPORTED_BYTES else None
        if imported is not None:
            return IreeBuffer(imported, self.device, (value,))
        return IreeBuffer(iree.runtime.asdevicearray(self.driver_device, value), self.device)

    def _imported(self, value: Array) -> iree.runtime.DeviceArray | None:
        """The array's own memory as a device's; None where the driver, or the array, is not such."""
        element = _ELEMENTS.get(value.dtype.name)
        if not self._shows_memory or element is None or not value.flags.writeable:
            return None
        memory, usage = iree.runtime.MemoryType, iree.runtime.BufferUsage
        buffer = self.driver_device.allocator.import_host_allocation(
            value,
            memory_type=int(memory.HOST_LOCAL | memory.DEVICE_VISIBLE),
            allowed_usage=int(usage.DEFAULT | usage.MAPPING),
        )
        view = iree.runtime.HalBufferView(buffer, value.shape, element)
        return iree.runtime.DeviceArray(self.driver_device, view)

    @property
    def _shows_memory(self) -> bool:
        """Whether the device's memory is the process's own."""
        return self.device.target.driver == "local-task"

    def own(self, buffer: Buffer) -> iree.runtime.DeviceArray:
        """The array behind a buffer of this device; DeviceError for another device's."""
        if not isinstance(buffer, IreeBuffer) or buffer.owner != self.device:
            raise DeviceError(f"a buffer of another device was given to {self.device.name}")
        return buffer.value

    def get(self, buffer: Buffer, *, shared: bool = False) -> Array:
        array = self.own(buffer)
        if self._shows_memory:
            # The mapped memory goes away with the device, and so whoever stays longer gets a copy.
            return array.to_host() if shared else np.array(array.to_host())
        return self._copied(array, buffer.type)

    def _copied(self, array: iree.runtime.DeviceArray, type: TensorShape) -> Array:
        """Through a buffer that the host can map: `to_host` imports host memory, and some drivers refuse."""
        result = np.empty(type.extents, array.dtype)
        if not result.nbytes:
            return result
        memory, usage = iree.runtime.MemoryType, iree.runtime.BufferUsage
        staging = self.driver_device.allocator.allocate_buffer(
            memory_type=int(memory.HOST_VISIBLE) | int(memory.HOST_COHERENT) | int(memory.DEVICE_VISIBLE),
            allowed_usage=int(usage.TRANSFER) | int(usage.MAPPING),
            allocation_size=result.nbytes,
        )
        done = self.driver_device.create_semaphore(0)
        self.driver_device.queue_copy(
            array._buffer_view.get_buffer(),  # pyright: ignore[reportPrivateUsage]
            staging,
            wait_semaphores=[],
            signal_semaphores=[(done, 1)],
        )
        iree.runtime.HalFence.create_at(done, 1).wait()
        result[...] = staging.map().asarray(type.extents, np.dtype(array.dtype))
        return result

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class IreeDevice:
    """The default device of one of IREE's drivers."""

    target: Target

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def kind(self) -> str:
        return self.target.name

    @property
    def runs_functions(self) -> bool:
        return True

    @property
    def runs_kernels(self) -> bool:
        return False

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def reason(self) -> str:
        return _reason(self.target)

    def open(self) -> IreeSession:
        if not self.available:
            raise DeviceError(f"{self.name} is not available: {self.reason}")
        return IreeSession(self, iree.runtime.get_driver(self.target.driver).create_default_device())

    def compile_artifact(self, routine: Routine) -> bytes:
        """The routine's tensor function as code for this device, which need not be there.

        Raises UsageError for a function that is not what its routine says, DeviceError where it has none or
        IREE cannot compile it.
        """
        return self.compile_checked(self.checked(routine), routine.name)

    def checked(self, routine: Routine) -> Artifact:
        """The routine's tensor function, looked at. Raises as `compile_artifact` does."""
        if routine.function is None:
            raise DeviceError(f"{routine.name} has no tensor function; {self.name} runs no kernels")
        text = check_artifact(routine.function, routine.signature)
        if self.target.is_narrow and (wrong := _comes_out_wrong(text, routine.signature)):
            raise DeviceError(f"{self.name} does not run {routine.name}: {wrong}")
        return Artifact(routine.function, _WIDE.search(text) is not None)

    def key(self, artifact: Artifact) -> CodeKey:
        """What the code depends on: IREE's version, all that its compiler is told, and the processor, where
        the code is for that one alone."""
        flags = " ".join(self._flags(artifact.is_wide))
        return CodeKey(
            self.name,
            f"IREE {iree.compiler.version.VERSION} {hashlib.sha256(flags.encode()).hexdigest()[:16]}",
            host_processor() if self.target.driver == "local-task" else "any",
            hashlib.sha256(artifact.bytecode).hexdigest(),
        )

    def compile_checked(self, artifact: Artifact, name: str) -> bytes:
        """Code for this device. Raises DeviceError where IREE cannot compile it."""
        return self._compiled(artifact.bytecode, "stablehlo", name, artifact.is_wide)

    def _flags(self, is_wide: bool) -> tuple[str, ...]:
        return (*self.target.flags, *(self.target.wide_flags if is_wide else ()))

    def compile(self, module: str, function: str) -> IreeExecutable:
        """Compile a function of a module in text, in any of the dialects that IREE takes.

        Raises DeviceError where the device is absent, IREE cannot compile the module, or it has no such
        function.
        """
        session = self.open()
        code = self._compiled(module, "auto", function, _WIDE.search(module) is not None)
        found = getattr(session.loaded(code), function, None)
        if found is None:
            raise DeviceError(f"{self.name}: the module has no function {function}")
        return IreeExecutable(session, function, found, _scalar_arguments(found))

    def _compiled(self, module: str | bytes, language: str, name: str, is_wide: bool) -> bytes:
        try:
            code: bytes | None = iree.compiler.compile_str(
                module, input_type=language, extra_args=list(self._flags(is_wide))
            )
        except iree.compiler.CompilerToolError as error:
            lines = [line for line in str(error).splitlines() if "error:" in line] or [str(error)[:500]]
            raise DeviceError(f"{self.name} cannot compile {name}: {lines[0][:500]}") from error
        assert code is not None  # it is None where a file is asked for
        return code


def _comes_out_wrong(text: str, signature: Signature) -> str:
    """What of a function gives other numbers on Vulkan (seen on lavapipe, Mesa 22.3), or nothing.

    Shaders read narrow types a word at a time, and the part of a word at a buffer's end reads as 0.
    """
    if _HALF.search(text):
        return "it uses f16, which comes out wrong there"
    for type in (*signature.arguments, *signature.results):
        if type.bytes % _WORD:
            return f"{type} does not fill whole words of {_WORD} bytes, and its end would be lost there"
    return ""


@lru_cache(maxsize=16)
def _reason(target: Target) -> str:
    if target.driver not in iree.runtime.query_available_drivers():
        return f"this IREE has no {target.driver} driver; {target.install}"
    try:
        devices = iree.runtime.get_driver(target.driver).query_available_devices()
    except Exception:
        # What a missing loader or driver raises differs between drivers.
        return f"IREE cannot use {target.driver}; {target.install}"
    return "" if devices else f"IREE finds no {target.driver} device; {target.install}"


def iree_devices() -> tuple[IreeDevice, ...]:
    """IREE's devices, those without a driver included."""
    return tuple(IreeDevice(target) for target in TARGETS)
