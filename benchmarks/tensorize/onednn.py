"""oneDNN through its C API: matrix products and convolutions, weights packed once.

Needs `pip install onednn-cpu-gomp`. Enumerations are those of oneDNN 3's `dnnl_types.h`.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np

_DTYPES = {"float16": 1, "bfloat16": 2, "float32": 3, "int32": 4, "int8": 5, "uint8": 6, "float64": 7}
_ANY = 1
_SRC, _DST, _WEIGHTS, _SCALES = 1, 17, 33, 4096
_QUERY_SRC, _QUERY_WEIGHTS, _QUERY_DST, _QUERY_NAME = 129, 131, 133, 8
_INFERENCE, _DIRECT, _CPU, _IN_ORDER = 96, 1, 1, 1


class _Argument(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int), ("memory", ctypes.c_void_p)]


def available() -> str:
    """The empty string, or why oneDNN cannot be used."""
    return "" if _path() else "pip install onednn-cpu-gomp"


def _path() -> Path | None:
    for prefix in (Path(sys.prefix) / "lib", *map(Path, sys.path)):
        for name in ("libdnnl.so.3", "libdnnl.so"):
            if (prefix / name).exists():
                return prefix / name
    return None


class OneDnn:
    """An engine with a stream, limited to a number of threads."""

    def __init__(self, threads: int) -> None:
        path = _path()
        if path is None:
            raise RuntimeError(available())
        self._library = ctypes.CDLL(str(path))
        ctypes.CDLL("libgomp.so.1").omp_set_num_threads(threads)
        self._engine, self._stream = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("dnnl_engine_create", ctypes.byref(self._engine), _CPU, ctypes.c_size_t(0))
        self._call("dnnl_stream_create", ctypes.byref(self._stream), self._engine, _IN_ORDER)
        self._library.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} failed with status {status}")

    def _described(
        self, dims: tuple[int, ...], dtype: np.dtype, strides: tuple[int, ...] | None
    ) -> ctypes.c_void_p:
        """A memory descriptor; without strides the layout is oneDNN's choice."""
        result = ctypes.c_void_p()
        kind = ctypes.c_int64 * len(dims)
        number = _DTYPES[dtype.name]
        if strides is None:
            name = "dnnl_memory_desc_create_with_tag"
            self._call(name, ctypes.byref(result), len(dims), kind(*dims), number, _ANY)
        else:
            name = "dnnl_memory_desc_create_with_strides"
            self._call(name, ctypes.byref(result), len(dims), kind(*dims), number, kind(*strides))
        return result

    def _memory(self, description: ctypes.c_void_p, array: np.ndarray | None) -> ctypes.c_void_p:
        """Memory over an array, or allocated by oneDNN."""
        result = ctypes.c_void_p()
        handle = ctypes.c_void_p(-1 if array is None else array.ctypes.data)
        self._call("dnnl_memory_create", ctypes.byref(result), description, self._engine, handle)
        return result

    def _query(self, primitive: ctypes.c_void_p, what: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._library.dnnl_primitive_desc_query_md(primitive, what, 0))

    def _packed(self, source: ctypes.c_void_p, array: np.ndarray, target: ctypes.c_void_p) -> ctypes.c_void_p:
        """Weights in the layout that a primitive asked for."""
        before, after = self._memory(source, array), self._memory(target, None)
        description, reorder = ctypes.c_void_p(), ctypes.c_void_p()
        self._call(
            "dnnl_reorder_primitive_desc_create",
            ctypes.byref(description),
            source,
            self._engine,
            target,
            self._engine,
            None,
        )
        self._call("dnnl_primitive_create", ctypes.byref(reorder), description)
        self._execute(reorder, {_SRC: before, _DST: after})
        return after

    def _execute(self, primitive: ctypes.c_void_p, memories: dict[int, ctypes.c_void_p]) -> None:
        arguments = (_Argument * len(memories))(*((index, memory) for index, memory in memories.items()))
        self._call("dnnl_primitive_execute", primitive, self._stream, len(memories), arguments)
        self._call("dnnl_stream_wait", self._stream)

    def _attributes(self, scaled: bool) -> ctypes.c_void_p:
        result = ctypes.c_void_p()
        self._call("dnnl_primitive_attr_create", ctypes.byref(result))
        if scaled:
            self._call("dnnl_primitive_attr_set_scales_mask", result, _WEIGHTS, 0)
        return result

    def _finish(self, description: ctypes.c_void_p, weights, src, dst, scale: float | None):
        """A function that runs the primitive on the arrays given."""
        source, array = weights
        packed = self._packed(source, array, self._query(description, _QUERY_WEIGHTS))
        primitive = ctypes.c_void_p()
        self._call("dnnl_primitive_create", ctypes.byref(primitive), description)
        memories = {
            _SRC: self._memory(self._query(description, _QUERY_SRC), src),
            _WEIGHTS: packed,
            _DST: self._memory(self._query(description, _QUERY_DST), dst),
        }
        if scale is not None:
            value = np.array([scale], np.float32)
            memories[_SCALES | _WEIGHTS] = self._memory(self._described((1,), value.dtype, (1,)), value)
            self._kept = (*getattr(self, "_kept", ()), value)
        arguments = (_Argument * len(memories))(*((index, memory) for index, memory in memories.items()))
        execute, wait, count = (
            self._library.dnnl_primitive_execute,
            self._library.dnnl_stream_wait,
            len(memories),
        )

        def run() -> None:
            if execute(primitive, self._stream, count, arguments) or wait(self._stream):
                raise RuntimeError("oneDNN failed")

        return run

    def matmul(self, lhs: np.ndarray, rhs: np.ndarray, out: np.ndarray, scale: float | None = None):
        """A function that computes `out = lhs @ rhs` (times scale, saturated), rhs packed now."""
        (m, k), n = lhs.shape, rhs.shape[1]
        plain = self._described((k, n), rhs.dtype, (n, 1))
        description = ctypes.c_void_p()
        self._call(
            "dnnl_matmul_primitive_desc_create",
            ctypes.byref(description),
            self._engine,
            self._described((m, k), lhs.dtype, (k, 1)),
            self._described((k, n), rhs.dtype, None),
            None,
            self._described((m, n), out.dtype, (n, 1)),
            self._attributes(scale is not None),
        )
        return self._finish(description, (plain, rhs), lhs, out, scale)

    def convolution(self, src, weights, dst, stride: int, pad: int, scale: float | None):
        """A function that convolves NHWC `src` by HWIO `weights` (packed now) into NHWC `dst`."""
        (b, h, w, c), (r, s, _, o), (_, y, x, _) = src.shape, weights.shape, dst.shape
        plain = self._described((o, c, r, s), weights.dtype, (1, o, s * c * o, c * o))
        pair = ctypes.c_int64 * 2
        low = pair(pad, pad)
        high = pair((y - 1) * stride + r - h - pad, (x - 1) * stride + s - w - pad)
        description = ctypes.c_void_p()
        self._call(
            "dnnl_convolution_forward_primitive_desc_create",
            ctypes.byref(description),
            self._engine,
            _INFERENCE,
            _DIRECT,
            self._described((b, c, h, w), src.dtype, (h * w * c, 1, w * c, c)),
            self._described((o, c, r, s), weights.dtype, None),
            None,
            self._described((b, o, y, x), dst.dtype, (y * x * o, 1, x * o, o)),
            pair(stride, stride),
            pair(0, 0),
            low,
            high,
            self._attributes(scale is not None),
        )
        return self._finish(description, (plain, weights), src, dst, scale)
