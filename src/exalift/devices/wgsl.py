"""WGSL, WebGPU's shading language, as a table of its differences from C.

Its own `exp`, `log` and `tanh` are let to be wrong in the sixth digit (and are, on lavapipe), so those three
are written here in arithmetic, after the argument reductions and polynomials of Cephes (S. Moshier,
netlib.org/cephes), and `exp` and `tanh` for f64 too, which has none of its own. Functions that neither WGSL
nor this file has are refused by name.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from exalift.base import DType
from exalift.capsule.kernels import Literal

_TYPES: Mapping[DType, str] = {
    DType.I8: "i32",
    DType.I16: "i32",
    DType.I32: "i32",
    DType.I64: "i64",
    DType.UI8: "u32",
    DType.UI16: "u32",
    DType.UI32: "u32",
    DType.UI64: "u64",
    DType.F32: "f32",
    DType.F64: "f64",
}
_SUFFIXES = {"i32": "i", "u32": "u", "i64": "li", "u64": "lu", "f32": "f", "f64": "lf"}

_NATIVE: Mapping[str, str] = {
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "round_nearest_even": "round",
    "abs": "abs",
    "sine": "sin",
    "cosine": "cos",
    "tan": "tan",
    "exponential": "xl_exp",
    "log": "xl_log",
    "tanh": "xl_tanh",
}
_DOUBLE: Mapping[str, str] = {
    **{name: _NATIVE[name] for name in ("sqrt", "floor", "ceil", "round_nearest_even", "abs")},
    "exponential": "xl_exp64",
    "tanh": "xl_tanh64",
}

_PROLOGUE = """
// Numbers that are not finite have no literals, and must not be seen through by the compiler.
var<private> xl_seed: u32 = 0u;
fn xl_bits(bits: u32) -> f32 { return bitcast<f32>(bits ^ xl_seed); }
fn xl_scale(x: f32, e: i32) -> f32 {
  let h = e / 2;
  return x * bitcast<f32>(u32(h + 127) << 23u) * bitcast<f32>(u32(e - h + 127) << 23u);
}
fn xl_exp(x: f32) -> f32 {
  if (!(x == x)) { return x; }
  if (x > 88.72284f) { return xl_bits(0x7f800000u); }
  if (x < -103.98f) { return 0.0f; }
  let n = floor(x * 1.44269504088896341f + 0.5f);
  let r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  var p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return xl_scale((p * r * r + r) + 1.0f, i32(n));
}
fn xl_log(v: f32) -> f32 {
  if (!(v >= 0.0f)) { return xl_bits(0x7fc00000u); }
  if (v == 0.0f) { return xl_bits(0xff800000u); }
  if (v > 3.4028234e38f) { return v; }
  var x = v;
  var e = 0;
  if (x < 1.17549435e-38f) { x = x * 16777216.0f; e = -24; }
  let bits = bitcast<u32>(x);
  e = e + i32(bits >> 23u) - 126;
  x = bitcast<f32>((bits & 0x7fffffu) | 0x3f000000u);
  if (x < 0.707106781186547524f) { e = e - 1; x = x + x - 1.0f; } else { x = x - 1.0f; }
  let z = x * x;
  var p = 7.0376836292e-2f;
  p = p * x - 1.1514610310e-1f;
  p = p * x + 1.1676998740e-1f;
  p = p * x - 1.2420140846e-1f;
  p = p * x + 1.4249322787e-1f;
  p = p * x - 1.6668057665e-1f;
  p = p * x + 2.0000714765e-1f;
  p = p * x - 2.4999993993e-1f;
  p = p * x + 3.3333331174e-1f;
  let n = f32(e);
  let y = (p * x * z - 2.12194440e-4f * n) - 0.5f * z;
  return (x + y) + 0.693359375f * n;
}
fn xl_tanh(x: f32) -> f32 {
  let a = abs(x);
  if (a >= 0.625f) {
    let y = select(1.0f - 2.0f / (xl_exp(a + a) + 1.0f), 1.0f, a > 9.2f);
    return select(y, -y, x < 0.0f);
  }
  let s = x * x;
  var p = -5.70498872745e-3f;
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  return p * s * x + x;
}
"""


# The double-precision versions; numbers are scaled by multiplying, since f64 has no bitcast.
_DOUBLE_PROLOGUE = """
fn xl_scale64(x: f64, e: i32) -> f64 {
  var y = x;
  var p = select(2.0lf, 0.5lf, e < 0);
  var n = abs(e);
  for (var i = 0; i < 11; i = i + 1) {
    if ((n & 1) != 0) { y = y * p; }
    n = n >> 1u;
    if (n != 0) { p = p * p; }
  }
  return y;
}
fn xl_exp64(v: f64) -> f64 {
  if (!(v == v)) { return v; }
  if (v > 709.782712893384lf) { return f64(xl_bits(0x7f800000u)); }
  if (v < -745.2lf) { return 0.0lf; }
  let n = floor(v * 1.4426950408889634lf + 0.5lf);
  let x = (v - n * 6.93145751953125e-1lf) - n * 1.42860682030941723212e-6lf;
  let z = x * x;
  var p = (1.26177193074810590878e-4lf * z + 3.02994407707441961300e-2lf) * z;
  p = x * (p + 9.99999999999999999910e-1lf);
  var q = (3.00198505138664455042e-6lf * z + 2.52448340349684104192e-3lf) * z;
  q = (q + 2.27265548208155028766e-1lf) * z + 2.00000000000000000009lf;
  let y = 1.0lf + 2.0lf * (p / (q - p));
  // Two steps, so that neither the factor nor a result that is nearly too small or too large is lost.
  let e = i32(n);
  return xl_scale64(xl_scale64(y, e / 2), e - e / 2);
}
fn xl_tanh64(x: f64) -> f64 {
  let a = abs(x);
  if (a >= 0.625lf) {
    let y = select(1.0lf - 2.0lf / (xl_exp64(min(a, 20.0lf) * 2.0lf) + 1.0lf), 1.0lf, a > 20.0lf);
    return select(y, -y, x < 0.0lf);
  }
  let s = x * x;
  var p = -9.64399179425052238628e-1lf;
  p = (p * s - 9.92877231001918586564e1lf) * s - 1.61468768441708447952e3lf;
  var q = s + 1.12811678491632931402e2lf;
  q = (q * s + 2.23548839060100448583e3lf) * s + 4.84406305325125486048e3lf;
  return x + x * s * (p / q);
}
"""


@dataclass(frozen=True)
class WgslLanguage:
    """WGSL on an adapter; `double` and `long`: whether it has f64, and 64-bit integers."""

    adapter: str
    double: bool = False
    long: bool = False

    @property
    def name(self) -> str:
        return f"WebGPU on {self.adapter}"

    @property
    def prologue(self) -> str:
        return _PROLOGUE + _DOUBLE_PROLOGUE if self.double else _PROLOGUE

    def refuses(self, dtype: DType) -> str:
        if dtype is DType.F64 and not self.double:
            return f"the adapter {self.adapter} has no shader-f64"
        if dtype in (DType.I64, DType.UI64) and not self.long:
            return f"the adapter {self.adapter} has no shader-int64"
        return ""

    def type(self, dtype: DType) -> str:
        return "bool" if dtype is DType.I1 else _TYPES[dtype]

    def memory_type(self, dtype: DType) -> str:
        return "u32" if dtype is DType.I1 else _TYPES[dtype]

    def literal(self, literal: Literal) -> str:
        value, dtype = literal.value, literal.dtype
        if dtype is DType.I1:
            return "true" if value else "false"
        suffix = _SUFFIXES[_TYPES[dtype]]
        if dtype.is_float:
            return _float(float(value), dtype, suffix)
        number = int(value)
        if number < 0:
            # The smallest number has no literal of its own.
            return f"(-{-(number + 1)}{suffix} - 1{suffix})"
        return f"{number}{suffix}"

    def choose(self, condition: str, then: str, otherwise: str) -> str:
        return f"select({otherwise}, {then}, {condition})"

    def wrap(self, dtype: DType, value: str) -> str:
        made = f"{_TYPES[dtype]}({value})"
        if dtype.bits >= 32:
            return made
        if not dtype.is_signed:
            return f"({made} & {(1 << dtype.bits) - 1}u)"
        gone = 32 - dtype.bits
        return f"(({made} << {gone}u) >> {gone}u)"

    def unsigned(self, dtype: DType, value: str) -> str:
        return value

    def bits(self, dtype: DType, value: str) -> str:
        if dtype.bits == 64:
            return f"u64({value})"
        mask = (1 << dtype.bits) - 1
        return f"(u32({value}) & {mask}u)"

    def signed(self, dtype: DType, value: str) -> str:
        if dtype.bits == 64:
            return f"i64({value})"
        gone = 32 - dtype.bits
        return f"((i32({value}) << {gone}u) >> {gone}u)" if gone else f"i32({value})"

    def amount(self, value: str) -> str:
        return f"u32({value})"

    def convert(self, source: DType, target: DType, value: str) -> str:
        if target is DType.I1:
            return f"({value} != {self.type(source)}({'false' if source is DType.I1 else '0'}))"
        if source is DType.I1:
            # 64-bit types are not made from truth values.
            value = f"u32({value})"
        elif target is DType.UI64 and source.is_signed and not source.is_float:
            # u64 of an i32 does not extend the sign.
            value = f"i64({value})"
        elif target is DType.I64 and not source.is_signed and not source.is_float:
            # Nor does i64 of a u32 leave the sign alone on every driver.
            value = f"u64({value})"
        return f"{self.type(target)}({value})" if target.is_float else self.wrap(target, value)

    def native(self, function: str, dtype: DType) -> str | None:
        if not dtype.is_float:
            return None
        return (_DOUBLE if dtype is DType.F64 else _NATIVE).get(function)

    def function(self, name: str, dtype: DType, result: DType, arity: int, body: str) -> str:
        operands = ", ".join(f"{operand}: {self.type(dtype)}" for operand in "ab"[:arity])
        return f"fn {name}({operands}) -> {self.type(result)} {{ return {body}; }}"

    def constant(self, name: str, value: str) -> str:
        return f"let {name} = {value};"

    def variable(self, name: str, dtype: DType | None) -> str:
        return f"var {name}: {self.type(dtype or DType.I32)};"

    def load(self, buffer: str, dtype: DType, element: str) -> str:
        return f"({buffer}[{element}] != 0u)" if dtype is DType.I1 else f"{buffer}[{element}]"

    def store(self, buffer: str, dtype: DType, element: str, value: str) -> str:
        return f"{buffer}[{element}] = {f'u32({value})' if dtype is DType.I1 else value};"

    def interrupted(self) -> str:
        return ""


def _float(value: float, dtype: DType, suffix: str) -> str:
    if math.isfinite(value) and not (dtype is DType.F32 and abs(value) > 3.4028234663852886e38):
        if dtype is DType.F32:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        text = f"{abs(value)!r}{suffix}"
        return f"(-{text})" if math.copysign(1.0, value) < 0 else text
    bits = 0x7FC00000 if math.isnan(value) else 0x7F800000 if value > 0 else 0xFF800000
    made = f"xl_bits({bits:#x}u)"
    return made if dtype is DType.F32 else f"f64({made})"
