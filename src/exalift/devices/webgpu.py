# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""WebGPU, through wgpu-native: Vulkan, Metal or Direct3D underneath; lavapipe where there is no GPU.

Integers of 8 and 16 bits, and truth values, take 32 bits on the device and are put into that form when they
are put there. f64 and the 64-bit integers are there where the adapter has them, which no browser offers.
Nothing can reach a dispatch in progress, so that it stops by its budget alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import wgpu
from wgpu.backends.wgpu_native.extras import set_instance_extras

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import Routine
from exalift.capsule.kernels import For, If, Kernel, Launch, Statement, placed_nests
from exalift.capsule.kernels.bounds import Scope, extent_of

from .compilation import PLAIN, Compilation
from .emission import KernelText, NestText, emit_kernel, local
from .interpreter import type_of
from .kernel_execution import ScheduledKernel, read_kernel, same
from .protocol import Array, FunctionExecutable
from .wgsl import WgslLanguage

_GROUP = 64
_MOST_GROUPS = 65535
_STRIDE = 256
"""Bytes between the integers of two launches: the largest alignment that a device may ask for."""
_NARROW = {DType.I8: np.int32, DType.I16: np.int32, DType.UI8: np.uint32, DType.UI16: np.uint32}


_SOFTWARE = "llvmpipe"
_SOFTWARE_ITERATIONS = 65535
"""Mesa's software driver ends a shader's loops after so many iterations of them all, and says nothing."""


def _iterations(body: tuple[Statement, ...], scope: Scope) -> int:
    """The most loop iterations that a work-item can do. The recursion is over the nesting."""
    count = 0
    for statement in body:
        if isinstance(statement, For):
            inner = _iterations(statement.body, scope.inside(statement.range, uniform=False))
            count += extent_of(statement.range, scope) * (1 + inner)
        elif isinstance(statement, If):
            count += _iterations(statement.body, scope)
    return count


def wgsl_text(kernel: Kernel, language: WgslLanguage) -> tuple[tuple[str, ...], KernelText]:
    """One module a nest; its entry point is `main`, binding 0 the integers, the others the buffers."""
    text = emit_kernel(kernel, placed_nests(kernel), language)
    return tuple(_nest(nest, text.prelude, language) for nest in text.nests), text


def _nest(nest: NestText, prelude: str, language: WgslLanguage) -> str:
    rows = [f"@group(0) @binding(0) var<storage, read> xl_p: array<i32, {max(1, len(nest.integers))}>;"]
    for position, buffer in enumerate(nest.buffers):
        access = "read_write" if buffer.name in nest.written else "read"
        rows.append(
            f"@group(0) @binding({position + 1}) var<storage, {access}> {local(buffer.name)}: "
            f"array<{language.memory_type(buffer.dtype)}>;"
        )
    rows += [language.prologue, prelude, f"@compute @workgroup_size({_GROUP})"]
    rows.append(
        "fn main(@builtin(workgroup_id) xl_g: vec3<u32>, @builtin(local_invocation_id) xl_l: vec3<u32>) {"
    )
    rows += [f"  let {name} = xl_p[{position}];" for position, name in enumerate(nest.integers)]
    rank = len(nest.placed.nest.axes)
    deep = " * ".join(f"xl_e{position}" for position in range(rank - nest.wide)) or "1"
    rows += [
        f"  let xl_groups = ({nest.wide_extent} + {_GROUP - 1}) / {_GROUP};",
        f"  let xl_group = i32(xl_g.x) + i32(xl_g.y) * {_MOST_GROUPS};",
        f"  let xl_x = (xl_group % xl_groups) * {_GROUP} + i32(xl_l.x);",
        "  let xl_y = xl_group / xl_groups;",
        f"  if (xl_x >= {nest.wide_extent} || xl_y >= {deep}) {{ return; }}",
        nest.body,
        "}",
    ]
    return "\n".join(rows)


@dataclass(frozen=True, slots=True, eq=False)
class WebgpuBuffer:
    """An array on the device."""

    memory: wgpu.GPUBuffer
    type: TensorShape


@dataclass(eq=False)
class _Launcher:
    """See `Launcher`."""

    device: wgpu.GPUDevice
    text: KernelText
    pipelines: tuple[wgpu.GPUComputePipeline, ...]
    layouts: tuple[wgpu.GPUBindGroupLayout, ...]
    integers: list[wgpu.GPUBuffer] = field(default_factory=list[wgpu.GPUBuffer])
    _groups: dict[int, tuple[list[wgpu.GPUBuffer], wgpu.GPUBindGroup]] = field(
        default_factory=dict[int, tuple[list[wgpu.GPUBuffer], wgpu.GPUBindGroup]]
    )

    @property
    def is_interruptible(self) -> bool:
        return False

    def begin(self) -> None:
        pass

    def interrupt(self) -> None:
        pass

    def launch(self, launches: Sequence[Launch], arrays: Mapping[str, WebgpuBuffer]) -> None:
        if not launches:
            return
        try:
            self._submit(launches, arrays)
        except (wgpu.GPUError, RuntimeError) as error:
            raise DeviceError(f"WebGPU failed: {error}") from error

    def _submit(self, launches: Sequence[Launch], arrays: Mapping[str, WebgpuBuffer]) -> None:
        block = bytearray(_STRIDE * len(launches))
        for number, launch in enumerate(launches):
            values = self.text.nests[launch.nest].integers_of(launch)
            struct.pack_into(f"<{len(values)}i", block, number * _STRIDE, *values)
        integers = self._room(len(block))
        self.device.queue.write_buffer(integers, 0, block)
        encoder = self.device.create_command_encoder()
        passing = encoder.begin_compute_pass()
        for number, launch in enumerate(launches):
            nest = self.text.nests[launch.nest]
            wide, deep = nest.size(launch)
            groups = -(-wide // _GROUP) * deep
            passing.set_pipeline(self.pipelines[launch.nest])
            passing.set_bind_group(0, self._bind(nest, arrays, integers), [number * _STRIDE])
            passing.dispatch_workgroups(min(groups, _MOST_GROUPS), -(-groups // _MOST_GROUPS))
        passing.end()
        self.device.queue.submit([encoder.finish()])
        # Reading waits for all that was submitted; wgpu 0.32 cannot be asked to wait otherwise.
        self.device.queue.read_buffer(integers, 0, 4)

    def _room(self, size: int) -> wgpu.GPUBuffer:
        if not self.integers or self.integers[0].size < size:
            usage = wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_DST | wgpu.BufferUsage.COPY_SRC
            self.integers[:] = [self.device.create_buffer(size=max(size, 1 << 16), usage=usage)]
            self._groups.clear()
        return self.integers[0]

    def _bind(
        self, nest: NestText, arrays: Mapping[str, WebgpuBuffer], integers: wgpu.GPUBuffer
    ) -> wgpu.GPUBindGroup:
        memory = [arrays[buffer.name].memory for buffer in nest.buffers]
        number = nest.placed.number
        known = self._groups.get(number)
        if known is not None and same(known[0], memory):
            return known[1]
        size = 4 * max(1, len(nest.integers))
        first = {"binding": 0, "resource": {"buffer": integers, "offset": 0, "size": size}}
        others = [
            {"binding": position + 1, "resource": {"buffer": one}} for position, one in enumerate(memory)
        ]
        group = self.device.create_bind_group(layout=self.layouts[number], entries=[first, *others])
        # What is bound is kept: the number of an object that is gone may be that of another one.
        self._groups[number] = (memory, group)
        return group


@dataclass(eq=False)
class WebgpuSession:
    """See `Session`."""

    device: wgpu.GPUDevice
    language: WgslLanguage

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> FunctionExecutable:
        raise DeviceError(f"WebGPU devices run kernels alone, not the function of {routine.name}")

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> ScheduledKernel[WebgpuBuffer]:
        how.check_strict_fp("WebGPU")
        kernel = read_kernel(routine)
        sources, text = wgsl_text(kernel, self.language)
        for nest in placed_nests(kernel) if _SOFTWARE in self.language.name else ():
            scope = nest.scope
            for axis in nest.nest.axes:
                scope = scope.inside(axis, uniform=False)
            if _iterations(nest.nest.body, scope) > _SOFTWARE_ITERATIONS:
                raise DeviceError(
                    f"{kernel.name}: a work-item can do more than {_SOFTWARE_ITERATIONS} loop iterations, "
                    f"after which {self.language.name} ends loops early"
                )
        most = int(self.device.limits["max-storage-buffers-per-shader-stage"])
        for nest in text.nests:
            if len(nest.buffers) + 1 > most:
                raise DeviceError(f"{kernel.name}: WebGPU binds {most} buffers, not {len(nest.buffers) + 1}")
        try:
            layouts = tuple(self._layout(nest) for nest in text.nests)
            pipelines = tuple(map(self._pipeline, sources, layouts))
        except (wgpu.GPUError, RuntimeError) as error:
            raise DeviceError(f"WebGPU cannot compile {routine.name}: {error}") from error
        launcher = _Launcher(self.device, text, pipelines, layouts)
        return ScheduledKernel(kernel, launcher, self._zeros, self.get)

    def _layout(self, nest: NestText) -> wgpu.GPUBindGroupLayout:
        kinds = ["storage" if b.name in nest.written else "read-only-storage" for b in nest.buffers]
        entries = [
            {
                "binding": position,
                "visibility": wgpu.ShaderStage.COMPUTE,
                "buffer": {"type": kind, "has_dynamic_offset": position == 0},
            }
            for position, kind in enumerate(["read-only-storage", *kinds])
        ]
        return self.device.create_bind_group_layout(entries=entries)

    def _pipeline(self, source: str, layout: wgpu.GPUBindGroupLayout) -> wgpu.GPUComputePipeline:
        module = self.device.create_shader_module(code=source)
        return self.device.create_compute_pipeline(
            layout=self.device.create_pipeline_layout(bind_group_layouts=[layout]),
            compute={"module": module, "entry_point": "main"},
        )

    def _zeros(self, type: TensorShape) -> WebgpuBuffer:
        return self.put(np.zeros(type.extents, type.dtype.numpy_name))

    def put(self, value: Array, *, shared: bool = False) -> WebgpuBuffer:
        type = type_of(value)
        reason = self.language.refuses(type.dtype)
        if reason:
            raise DeviceError(f"an array of {type.dtype}: {reason}")
        wide = np.uint32 if type.dtype is DType.I1 else _NARROW.get(type.dtype, value.dtype)
        content = np.ascontiguousarray(value).astype(wide).tobytes()
        limit = int(self.device.limits["max-storage-buffer-binding-size"])
        if len(content) > limit:
            raise DeviceError(f"WebGPU binds at most {limit} bytes here; {type} needs {len(content)}")
        usage = wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC | wgpu.BufferUsage.COPY_DST
        try:
            # A buffer is never empty, and no smaller than one element of any type.
            memory = self.device.create_buffer_with_data(data=content or bytes(16), usage=usage)
        except (wgpu.GPUError, RuntimeError) as error:
            raise DeviceError(f"WebGPU has no room for {type}: {error}") from error
        return WebgpuBuffer(memory, type)

    def get(self, buffer: WebgpuBuffer, *, shared: bool = False) -> Array:
        dtype = buffer.type.dtype
        native = np.dtype(dtype.numpy_name)
        if buffer.type.is_empty:
            return np.zeros(buffer.type.extents, native)
        wide = np.dtype(np.uint32) if dtype is DType.I1 else np.dtype(_NARROW.get(dtype, native))
        content = np.frombuffer(bytes(self.device.queue.read_buffer(buffer.memory)), wide)  # type: ignore[arg-type]
        return content.reshape(buffer.type.extents).astype(native)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class WebgpuDevice:
    """An adapter, by its number among those of the system; `reason` says why there is none."""

    name: str
    index: int = 0
    reason: str = ""
    kind: str = "webgpu"

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def runs_functions(self) -> bool:
        return False

    @property
    def runs_kernels(self) -> bool:
        return True

    def open(self) -> WebgpuSession:
        if self.reason:
            raise DeviceError(f"{self.name} is not available: {self.reason}")
        adapter = _adapters()[self.index]
        wanted = [name for name in ("shader-f64", "shader-int64") if name in adapter.features]
        keys = ("max-storage-buffers-per-shader-stage", "max-storage-buffer-binding-size", "max-buffer-size")
        limits = {key: adapter.limits[key] for key in keys}
        try:
            device = adapter.request_device_sync(required_features=wanted, required_limits=limits)
        except (wgpu.GPUError, RuntimeError) as error:
            raise DeviceError(f"{self.name} does not open: {error}") from error
        name = str(adapter.info["device"])
        return WebgpuSession(device, WgslLanguage(name, "shader-f64" in wanted, "shader-int64" in wanted))


@lru_cache(maxsize=1)
def _adapters() -> tuple[wgpu.GPUAdapter, ...]:
    """OpenGL's adapters are left out, which offer less for the same hardware."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        # Mesa's layer that picks a GPU asks the desktop, and complains on stderr where there is none.
        os.environ.setdefault("NODEVICE_SELECT", "1")
    set_instance_extras(backends=("Vulkan", "Metal", "DX12"))
    return tuple(wgpu.gpu.enumerate_adapters_sync())


def webgpu_devices() -> tuple[WebgpuDevice, ...]:
    try:
        count, problem = len(_adapters()), ""
    except (wgpu.GPUError, RuntimeError, OSError) as error:
        count, problem = 0, f" ({error})"
    if not count:
        reason = f"no Vulkan, Metal or Direct3D driver{problem}; Debian: apt-get install mesa-vulkan-drivers"
        return (WebgpuDevice("webgpu", reason=reason),)
    return tuple(WebgpuDevice("webgpu" + (f":{n}" if n else ""), n) for n in range(count))
