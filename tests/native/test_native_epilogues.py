"""What follows a product is computed in its kernel: right to the bit, without a buffer, or with a reason."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.dialects import evaluate_program
from exalift.dialects.stablehlo import IMPORTED, import_module
from exalift.llvm import host_target, plain_target
from exalift.native import NativeDevice
from exalift.native.executable import NativeExecutable
from exalift.native.explain import explain
from exalift.native.program import Product
from exalift.pipeline import check, explain_native, lift
from exalift.tensorize.tuner import cache_key

HOST = host_target()
TARGETS = {"host": HOST, "avx2": HOST.without("avx512f"), "plain": plain_target()}
M, N, K = 131, 135, 139


class Saturating(Machine):
    """Conversions to integers saturate, and NaN becomes 0, which NumPy leaves to the processor."""

    def cast(self, value: np.ndarray, source: DType, target: DType) -> np.ndarray:
        if not (source.is_float and target.is_integer and target is not DType.I1):
            return super().cast(value, source, target)
        limits, wide = np.iinfo(target.numpy_name), value.astype(np.float64)
        low, high = wide <= limits.min, wide >= limits.max
        inside = np.where(low | high | np.isnan(wide), 0, wide).astype(target.numpy_name)
        return np.where(low, limits.min, np.where(high, limits.max, inside)).astype(target.numpy_name)


MACHINE = Saturating()


@dataclass
class Chain:
    """A product of two matrices and what follows it, as the text of a StableHLO function."""

    left: str = "ui8"
    right: str = "i8"
    total: str = "i32"
    arguments: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    made: int = 0

    def __post_init__(self) -> None:
        a, b = self.argument(self.left, (M, K)), self.argument(self.right, (K, N))
        self.dtype = self.total
        wide = [
            self.new(f"stablehlo.convert {name} : ({of}) -> {to}")
            for name, of, to in (
                (a, type_of((M, K), self.left), type_of((M, K), self.total)),
                (b, type_of((K, N), self.right), type_of((K, N), self.total)),
            )
        ]
        types = f"({type_of((M, K), self.total)}, {type_of((K, N), self.total)}) -> {self.type}"
        self.value = self.new(
            f"stablehlo.dot_general {wide[0]}, {wide[1]}, contracting_dims = [1] x [0] : {types}"
        )

    @property
    def type(self) -> str:
        return type_of((M, N), self.dtype)

    def new(self, text: str) -> str:
        self.made += 1
        self.lines.append(f"    %v{self.made} = {text}")
        return f"%v{self.made}"

    def argument(self, dtype: str, shape: tuple[int, ...]) -> str:
        self.arguments.append(f"%a{len(self.arguments)}: {type_of(shape, dtype)}")
        return self.arguments[-1].partition(":")[0]

    def operand(self, dims: tuple[int, ...]) -> str:
        """An argument along some of the result's dimensions, spread out over the others."""
        shape = tuple((M, N)[d] for d in dims)
        name, kept = self.argument(self.dtype, shape), ", ".join(map(str, dims))
        types = f"({type_of(shape, self.dtype)}) -> {self.type}"
        return self.new(f"stablehlo.broadcast_in_dim {name}, dims = [{kept}] : {types}")

    def number(self, value: float | int) -> str:
        literal = f"{value:e}" if self.dtype.startswith("f") else str(value)
        return self.new(f"stablehlo.constant dense<{literal}> : {self.type}")

    def step(self, op: str, *others: str) -> None:
        self.value = self.new(f"stablehlo.{op} {', '.join((self.value, *others))} : {self.type}")

    def convert(self, dtype: str) -> None:
        before, self.dtype = self.type, dtype
        self.value = self.new(f"stablehlo.convert {self.value} : ({before}) -> {self.type}")

    def keep_the_larger(self, other: str) -> None:
        truth = type_of((M, N), "i1")
        kind = "FLOAT" if self.dtype.startswith("f") else "UNSIGNED" if self.dtype[0] == "u" else "SIGNED"
        test = self.new(
            f"stablehlo.compare GT, {self.value}, {other}, {kind} : ({self.type}, {self.type}) -> {truth}"
        )
        self.value = self.new(f"stablehlo.select {test}, {self.value}, {other} : {truth}, {self.type}")

    @property
    def text(self) -> str:
        head = f"  func.func public @f({', '.join(self.arguments)}) -> {self.type} {{"
        return "\n".join(
            ["module {", head, *self.lines, f"    return {self.value} : {self.type}", "  }", "}"]
        )


def type_of(shape: tuple[int, ...], dtype: str) -> str:
    return f"tensor<{'x'.join([*map(str, shape), dtype])}>"


def compiled(text: str, name: str = "host", threads: int = 1, **options: bool) -> NativeExecutable:
    return NativeDevice(TARGETS[name], threads, **options).compile_module(text)


def is_fused(executable: NativeExecutable) -> bool:
    """Whether a kernel writes the result, last of all, and no buffer of the result's shape is beside it.

    There may be loops before, which widen factors.
    """
    procedure = executable.procedure
    ((_, result),) = procedure.results
    shape, last = procedure.buffers[result].shape, procedure.body[-1]
    beside = [name for name in procedure.temporaries if procedure.buffers[name].shape == shape]
    return isinstance(last, Product) and last.out == result and not beside


def inputs_of(text: str, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for argument in import_module(text).program.arguments:
        shape, dtype = argument.type.at({}), np.dtype(argument.type.dtype.numpy_name)
        if argument.type.dtype.is_float:
            found[argument.name] = generator.standard_normal(shape).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            values = generator.integers(limits.min, limits.max, shape, np.int64, endpoint=True)
            small = generator.integers(-3, 40, shape) if limits.min else generator.integers(0, 40, shape)
            mixed = np.where(generator.random(shape) < 0.5, small, values)
            found[argument.name] = np.asarray(mixed).astype(dtype)
    return found


def agrees_to_the_bit(chain: Chain, name: str, threads: int = 1, seed: int = 0) -> None:
    program = import_module(chain.text).program
    inputs = inputs_of(chain.text, seed)
    (expected,) = evaluate_program(program, inputs, {}, MACHINE, IMPORTED).values()
    executable = compiled(chain.text, name, threads)
    assert is_fused(executable)
    (actual,) = executable.run([inputs[argument.name] for argument in program.arguments])
    np.testing.assert_array_equal(actual, np.asarray(expected))


def requantised(dtype: str = "ui8") -> Chain:
    chain = Chain()
    chain.step("add", chain.operand((1,)))
    chain.convert("f32")
    chain.step("multiply", chain.operand((1,)))
    chain.step("round_nearest_even")
    chain.convert(dtype)
    return chain


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("dtype", ["ui8", "i8", "i32"])
def test_requantised_sums_saturate(dtype: str, name: str, threads: int) -> None:
    agrees_to_the_bit(requantised(dtype), name, threads)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_whole_numbers_are_scaled_in_64_bits(name: str) -> None:
    chain = Chain("i8", "i8")
    chain.step("add", chain.operand((1,)))
    chain.convert("i64")
    chain.step("multiply", chain.operand(()))
    chain.step("shift_right_arithmetic", chain.number(31))
    chain.step("maximum", chain.number(-128))
    chain.step("minimum", chain.number(127))
    chain.convert("i8")
    agrees_to_the_bit(chain, name)


STEPS = ["add", "subtract", "multiply", "maximum", "minimum", "and", "or", "xor", "divide", "remainder"]
SHIFTS = ["shift_left", "shift_right_arithmetic", "shift_right_logical"]
DIMS = [(), (0,), (1,), (0, 1)]


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    chain = Chain(draw(st.sampled_from(["ui8", "i8"])), "i8", draw(st.sampled_from(["i32", "ui32"])))
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["step", "shift", "unary", "select", "convert"]))
        if kind == "convert":
            chain.convert(draw(st.sampled_from(["i64", "i32", "i16", "i8", "ui8", "f32", "f64"])))
        elif chain.dtype.startswith("f"):
            op = draw(st.sampled_from(["add", "multiply", "maximum", "abs", "round_nearest_even", "floor"]))
            binary = op in ("add", "multiply", "maximum")
            chain.step(op, *([chain.operand(draw(st.sampled_from(DIMS)))] if binary else []))
        elif kind == "unary":
            chain.step(
                draw(st.sampled_from(["not", "negate"] if chain.dtype[0] == "u" else ["abs", "negate"]))
            )
        elif kind == "select":
            chain.keep_the_larger(chain.operand(draw(st.sampled_from(DIMS))))
        else:
            op = draw(st.sampled_from(STEPS if kind == "step" else SHIFTS))
            chain.step(op, chain.operand(draw(st.sampled_from(DIMS))))
    return chain


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(chain=chains(), name=st.sampled_from(sorted(TARGETS)), seed=st.integers(0, 9))
def test_random_epilogues_agree_with_their_formulas(chain: Chain, name: str, seed: int) -> None:
    agrees_to_the_bit(chain, name, 1, seed)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(chain=chains(), name=st.sampled_from(sorted(TARGETS)), seed=st.integers(0, 9))
def test_many_random_epilogues_agree_with_their_formulas(chain: Chain, name: str, seed: int) -> None:
    agrees_to_the_bit(chain, name, 1, seed)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_floats_are_finished_too(name: str) -> None:
    chain = Chain("f32", "f32", "f32")
    chain.step("add", chain.operand((1,)))
    chain.step("maximum", chain.number(0.0))
    chain.step("add", chain.operand((0, 1)))
    inputs = list(inputs_of(chain.text, 1).values())
    executable, apart = compiled(chain.text, name), compiled(chain.text, name, fuse=False)
    assert is_fused(executable) and not is_fused(apart)
    np.testing.assert_allclose(executable.run(inputs)[0], apart.run(inputs)[0], rtol=1e-5, atol=1e-5)
    a, b, bias, skip = (value.astype(np.float64) for value in inputs)
    np.testing.assert_allclose(
        executable.run(inputs)[0], np.maximum(a @ b + bias, 0) + skip, rtol=1e-4, atol=1e-4
    )


def test_strict_floats_follow_integer_sums_in_the_kernel() -> None:
    chain = requantised()
    inputs = list(inputs_of(chain.text, 2).values())
    strict = compiled(chain.text, strict_fp=True)
    assert is_fused(strict)
    np.testing.assert_array_equal(strict.run(inputs)[0], compiled(chain.text).run(inputs)[0])


def test_what_a_kernel_cannot_compute_stays_a_loop_with_a_reason() -> None:
    chain = Chain("f32", "f32", "f32")
    chain.step("tanh")
    device = NativeDevice(HOST, 1)
    said = explain(*device.emitted(import_module(chain.text).program, {}, IMPORTED))
    assert "what follows is a loop of its own: tanh on f32 has no place in a kernel" in said
    inputs = list(inputs_of(chain.text, 3).values())
    (result,) = device.compile_module(chain.text).run(inputs)
    np.testing.assert_allclose(result, np.tanh(inputs[0] @ inputs[1]), rtol=1e-4, atol=1e-4)


def test_sums_that_two_results_use_keep_their_buffer() -> None:
    text = Chain("f32", "f32", "f32")
    first = text.value
    text.step("negate")
    both = f"({text.type}, {text.type})"
    module = text.text.replace(f"-> {text.type} {{", f"-> {both} {{")
    module = module.replace(
        f"return {text.value} : {text.type}", f"return {first}, {text.value} : {both[1:-1]}"
    )
    inputs = list(inputs_of(module, 4).values())
    plain, negated = compiled(module).run(inputs)
    np.testing.assert_array_equal(plain, -negated)
    np.testing.assert_allclose(plain, inputs[0] @ inputs[1], rtol=1e-4, atol=1e-4)


def test_two_products_share_a_sum() -> None:
    """The last kernel adds what the first one left."""
    chain = Chain()
    other = Chain()
    lines = [line.replace("%v", "%w").replace("%a", "%b") for line in other.lines]
    chain.lines += lines
    chain.arguments += [argument.replace("%a", "%b") for argument in other.arguments]
    chain.step("add", other.value.replace("%v", "%w"))
    executable = compiled(chain.text)
    assert all(isinstance(item, Product) for item in executable.procedure.body)
    a, b, c, d = inputs_of(chain.text, 5).values()
    wide = [value.astype(np.int32) for value in (a, b, c, d)]
    np.testing.assert_array_equal(executable.run([a, b, c, d])[0], wide[0] @ wide[1] + wide[2] @ wide[3])


def test_tuned_plans_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain("f32", "f32", "f32")
    chain.step("negate")
    plan = compiled(chain.text).procedure.body[-1].plan
    schedule = asdict(plan.schedule) | {"rows": 1, "columns": 1, "block_m": 7}
    entry = {"instruction": plan.instruction.name, "schedule": schedule, "seconds": 1.0}
    key = cache_key(plan.contraction, 1)
    (tmp_path / "tensorize.json").write_text(json.dumps({key: entry}))
    monkeypatch.setenv("EXALIFT_CACHE", str(tmp_path))
    executable = compiled(chain.text)
    assert executable.procedure.body[-1].plan.schedule.block_m == 7
    a, b = inputs_of(chain.text, 6).values()
    np.testing.assert_allclose(executable.run([a, b])[0], -(a @ b), rtol=1e-4, atol=1e-4)


SOURCES = Path(__file__).parents[2] / "benchmarks" / "native" / "epilogues"
SIZES = {
    "dense-requantised": {"m": 130, "n": 140, "k": 150},
    "dense-shifted": {"m": 130, "n": 140, "k": 150},
    "conv-bias-relu": {"h": 19, "w": 23, "c": 20, "f": 40},
    "dense-residual": {"m": 130, "n": 140, "k": 150},
    "batched-scaled": {"batches": 3, "m": 110, "n": 90, "k": 100},
}


@pytest.mark.parametrize("name", sorted(SIZES))
def test_sources_are_one_kernel_and_right(name: str) -> None:
    lifted = lift(SOURCES / f"{name}.c", sizes=SIZES[name])
    assert is_fused(lifted.compiled(lifted.sizes.values, "native"))
    assert "finished by" in explain_native(lifted)
    assert check(lifted, device="native").agrees


IN_PLACE = """
void f(int n, float a[n][n], const float b[n][n], float c[n][n], float beta) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            c[i][j] *= beta;
            for (int k = 0; k < n; k++) c[i][j] += a[i][k] * b[k][j];
        }
}
"""


def test_a_result_that_is_read_where_it_is_written_is_written_in_place() -> None:
    lifted = lift(IN_PLACE, sizes={"n": 140})
    (item,) = lifted.compiled(lifted.sizes.values, "native").procedure.body
    assert isinstance(item, Product) and (item.out, item.extra) == ("c", ("c", "beta"))
    assert check(lifted, device="native").agrees


def test_a_factor_is_not_overwritten() -> None:
    """Powers of a matrix: each is computed from the one before."""
    power = """
void f(int n, int times, float a[n][n], const float b[n][n], float t[n][n]) {
    for (int step = 0; step < times; step++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                t[i][j] = 0.0f;
                for (int k = 0; k < n; k++) t[i][j] += a[i][k] * b[k][j];
            }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) a[i][j] = 0.01f * t[i][j] + b[i][j];
    }
}
"""
    lifted = lift(power, sizes={"n": 140, "times": 3})
    assert check(lifted, device="native").agrees


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_floats_of_16_bits_are_rounded_after_every_operation(dtype: str, name: str) -> None:
    """In a kernel where the processor rounds to them, else in a loop; from sums that are exact."""
    if dtype == "f16" and not TARGETS[name].has("f16c"):
        pytest.skip("f16 needs f16c")
    chain = Chain()
    chain.step("shift_right_arithmetic", chain.number(12))
    chain.convert(dtype)
    chain.step("multiply", chain.operand((1,)))
    chain.step("add", chain.operand((0,)))
    inputs = inputs_of(chain.text, 7)
    program = import_module(chain.text).program
    (expected,) = evaluate_program(program, inputs, {}, MACHINE, IMPORTED).values()
    executable = compiled(chain.text, name, fuse=True)
    needed = {"bf16": ("avx512f", "avx512bf16"), "f16": ("f16c",)}[dtype]
    assert is_fused(executable) == TARGETS[name].has(*needed)
    (actual,) = compiled(chain.text, name).run(list(inputs.values()))
    if is_fused(executable):
        np.testing.assert_array_equal(actual, np.asarray(expected))
    else:
        np.testing.assert_allclose(actual.astype(float), np.asarray(expected).astype(float), rtol=0.01)
