"""A kernel on an NVIDIA GPU, through the driver's own interface and nothing else."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def _driver() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


@cache
def device_problem() -> str:
    """Why there is no GPU to run on; the empty string where there is one of compute capability 9.0."""
    driver = _driver()
    if driver is None:
        return "needs an NVIDIA GPU and its driver (libcuda.so.1)"
    if driver.cuInit(0):
        return "the NVIDIA driver finds no GPU"
    major = ctypes.c_int()
    if driver.cuDeviceGetAttribute(ctypes.byref(major), 75, 0) or major.value != 9:
        return "needs an NVIDIA GPU of compute capability 9.0"
    return ""


def _checked(name: str, *arguments: object) -> None:
    code = getattr(_driver(), name)(*arguments)
    assert code == 0, f"{name}: error {code}"


def run_on_device(
    ptx: str, name: str, grid: tuple[int, int, int], threads: int, arrays: Sequence[NDArray[np.generic]]
) -> None:
    """Copy the arrays there, start the kernel with their addresses, copy them back."""
    context, module, function = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    _checked("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    _checked("cuCtxSetCurrent", context)
    _checked("cuModuleLoadData", ctypes.byref(module), ptx.encode() + b"\0")
    _checked("cuModuleGetFunction", ctypes.byref(function), module, name.encode())
    buffers = [ctypes.c_uint64() for _ in arrays]
    for buffer, array in zip(buffers, arrays, strict=True):
        _checked("cuMemAlloc_v2", ctypes.byref(buffer), ctypes.c_size_t(array.nbytes))
        _checked("cuMemcpyHtoD_v2", buffer, ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes))
    places = (ctypes.c_void_p * len(buffers))(*(ctypes.addressof(buffer) for buffer in buffers))
    _checked("cuLaunchKernel", function, *grid, threads, 1, 1, 0, None, places, None)
    _checked("cuCtxSynchronize")
    for buffer, array in zip(buffers, arrays, strict=True):
        _checked("cuMemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), buffer, ctypes.c_size_t(array.nbytes))
        _checked("cuMemFree_v2", buffer)
    _checked("cuModuleUnload", module)
    _checked("cuDevicePrimaryCtxRelease_v2", 0)
