# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""OpenCL devices, through pyopencl: PoCL on CPUs, and any vendor's driver.

A kernel is asked to stop through an integer in memory that host and device share while it runs (fine-grain
shared virtual memory); a device without it stops by budgets alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyopencl as cl

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import Routine
from exalift.capsule.kernels import Kernel, Launch, placed_nests

from .compilation import PLAIN, Compilation
from .emission import KernelText, NestText, emit_kernel, local
from .interpreter import type_of
from .kernel_execution import ScheduledKernel, read_kernel, same
from .language import CLanguage
from .protocol import Array, FunctionExecutable

_LARGEST_GROUP = 64
_OPTIONS = ("-cl-fp32-correctly-rounded-divide-sqrt",)


def opencl_language(device: cl.Device) -> CLanguage:
    missing: dict[DType, str] = {}
    if not device.double_fp_config:
        missing[DType.F64] = f"the OpenCL device {device.name.strip()} has no double precision"
    return CLanguage(f"OpenCL on {device.name.strip()}", helpers_are="inline", missing=missing)


def opencl_text(kernel: Kernel, language: CLanguage, interruptible: bool) -> tuple[str, KernelText]:
    """The program, and its nests; nest number N is the kernel `nest_N`."""
    if interruptible:
        language = CLanguage(
            language.name, language.suffix, language.helpers_are, "(*xl_flag != 0)", language.missing
        )
    text = emit_kernel(kernel, placed_nests(kernel), language)
    rows = ["#pragma OPENCL FP_CONTRACT OFF", text.prelude]
    rows += [_nest(nest, language, interruptible) for nest in text.nests]
    return "\n".join(rows), text


def _nest(nest: NestText, language: CLanguage, interruptible: bool) -> str:
    parameters = [
        f"__global {'' if buffer.name in nest.written else 'const '}{language.memory_type(buffer.dtype)} "
        f"*restrict {local(buffer.name)}"
        for buffer in nest.buffers
    ]
    if interruptible and nest.frame is not None:
        parameters.append("volatile __global int *xl_flag")
    parameters += [f"int {name}" for name in nest.integers]
    return (
        f"__kernel void nest_{nest.placed.number}({', '.join(parameters)}) {{\n"
        f"  const int xl_x = get_global_id(0), xl_y = get_global_id(1);\n"
        f"  if (xl_x >= {nest.wide_extent}) return;\n{nest.body}\n}}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class OpenclBuffer:
    """An array on the device."""

    memory: cl.Buffer
    type: TensorShape


@dataclass(eq=False)
class _Launcher:
    """See `Launcher`."""

    queue: cl.CommandQueue
    text: KernelText
    kernels: tuple[cl.Kernel, ...]
    flag: Array | None
    groups: tuple[int, ...]
    _bound: dict[int, list[cl.Buffer]] = field(default_factory=dict[int, list[cl.Buffer]])

    @property
    def is_interruptible(self) -> bool:
        return self.flag is not None

    def begin(self) -> None:
        if self.flag is not None:
            self.flag[0] = 0

    def interrupt(self) -> None:
        if self.flag is not None:
            self.flag[0] = 1

    def launch(self, launches: Sequence[Launch], arrays: Mapping[str, OpenclBuffer]) -> None:
        try:
            for launch in launches:
                self._enqueue(launch, arrays)
            self.queue.finish()
        except cl.Error as error:
            raise DeviceError(f"OpenCL failed: {error}") from error

    def _enqueue(self, launch: Launch, arrays: Mapping[str, OpenclBuffer]) -> None:
        nest = self.text.nests[launch.nest]
        kernel = self.kernels[launch.nest]
        memory = [arrays[buffer.name].memory for buffer in nest.buffers]
        place = len(memory)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cl.CompilerWarning)
            # What is bound is kept: the number of an object that is gone may be that of another one.
            if not same(self._bound.get(launch.nest, []), memory):
                for position, one in enumerate(memory):
                    kernel.set_arg(position, one)
                self._bound[launch.nest] = memory
            if self.flag is not None and nest.frame is not None:
                kernel.set_arg(place, cl.SVM(self.flag))
                place += 1
            for value in nest.integers_of(launch):
                kernel.set_arg(place, np.int32(value))
                place += 1
            wide, deep = nest.size(launch)
            group = self.groups[launch.nest]
            size = (-(-wide // group) * group, deep)
            cl.enqueue_nd_range_kernel(self.queue, kernel, size, (group, 1))


@dataclass(eq=False)
class OpenclSession:
    """See `Session`."""

    context: cl.Context
    queue: cl.CommandQueue
    device: cl.Device

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> FunctionExecutable:
        raise DeviceError(f"OpenCL devices run kernels alone, not the function of {routine.name}")

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> ScheduledKernel[OpenclBuffer]:
        how.check_strict_fp("OpenCL")
        kernel = read_kernel(routine)
        flag = self._flag()
        source, text = opencl_text(kernel, opencl_language(self.device), flag is not None)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", cl.CompilerWarning)
                program = cl.Program(self.context, source).build(options=list(_OPTIONS))
                kernels = tuple(cl.Kernel(program, f"nest_{n.placed.number}") for n in text.nests)
        except cl.Error as error:
            raise DeviceError(f"OpenCL cannot compile {routine.name}: {error}") from error
        groups = tuple(_group(nest) for nest in text.nests)
        launcher = _Launcher(self.queue, text, kernels, flag, groups)
        return ScheduledKernel(kernel, launcher, self._zeros, self.get)

    def _flag(self) -> Array | None:
        if not self.device.svm_capabilities & cl.device_svm_capabilities.FINE_GRAIN_BUFFER:
            return None
        flags = cl.svm_mem_flags.READ_WRITE | cl.svm_mem_flags.SVM_FINE_GRAIN_BUFFER
        return cl.svm_empty(self.context, flags, (1,), np.dtype(np.int32))  # pyright: ignore[reportArgumentType]

    def _allocate(self, type: TensorShape) -> OpenclBuffer:
        try:
            size = max(8, type.bytes)
            return OpenclBuffer(cl.Buffer(self.context, cl.mem_flags.READ_WRITE, size), type)
        except cl.Error as error:
            raise DeviceError(f"OpenCL has no room for {type}: {error}") from error

    def _zeros(self, type: TensorShape) -> OpenclBuffer:
        return self.put(np.zeros(type.extents, type.dtype.numpy_name))

    def put(self, value: Array, *, shared: bool = False) -> OpenclBuffer:
        buffer = self._allocate(type_of(value))
        if value.size:
            cl.enqueue_copy(self.queue, buffer.memory, np.ascontiguousarray(value))
        return buffer

    def get(self, buffer: OpenclBuffer, *, shared: bool = False) -> Array:
        value = np.empty(buffer.type.extents, buffer.type.dtype.numpy_name)
        if value.size:
            cl.enqueue_copy(self.queue, value, buffer.memory)
        return value

    def close(self) -> None:
        self.queue.finish()


def _group(nest: NestText) -> int:
    """Work-items of a group along dimension 0: fixed, since some drivers compile anew for each size."""
    extents = nest.placed.extents
    wide = 1
    for extent in extents[len(extents) - nest.wide :]:
        wide *= extent
    group = 1
    while group < min(wide, _LARGEST_GROUP):
        group *= 2
    return group


@dataclass(frozen=True, slots=True)
class OpenclDevice:
    """One device of one platform, both counted from 0; `reason` says why there is none."""

    name: str
    platform: int = 0
    index: int = 0
    reason: str = ""
    kind: str = "opencl"

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def runs_functions(self) -> bool:
        return False

    @property
    def runs_kernels(self) -> bool:
        return True

    def open(self) -> OpenclSession:
        if self.reason:
            raise DeviceError(f"{self.name} is not available: {self.reason}")
        device = cl.get_platforms()[self.platform].get_devices()[self.index]
        context = cl.Context([device])
        return OpenclSession(context, cl.CommandQueue(context), device)


def opencl_devices() -> tuple[OpenclDevice, ...]:
    """The devices of all platforms."""
    try:
        found = [
            OpenclDevice("opencl", platform, index)
            for platform, known in enumerate(cl.get_platforms())
            for index in range(len(known.get_devices()))
        ]
    except cl.Error as error:
        found, problem = [], f" ({error})"
    else:
        problem = ""
    if not found:
        reason = f"no OpenCL driver is installed{problem}; Debian: apt-get install pocl-opencl-icd"
        return (OpenclDevice("opencl", reason=reason),)
    return tuple(
        OpenclDevice("opencl" + (f":{number}" if number else ""), device.platform, device.index)
        for number, device in enumerate(found)
    )
