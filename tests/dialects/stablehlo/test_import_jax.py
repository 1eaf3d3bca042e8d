"""What JAX emits for everyday functions, read back: same values as JAX itself gives."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from exalift.affine.algebra import Machine
from exalift.base import RefusedError
from exalift.dialects import TensorLoop, TensorProgram, Update, evaluate_program
from exalift.dialects.stablehlo import IMPORTED, import_module

Function = Callable[..., object]
N = 5


def trace(function: Function, *shapes: tuple[int, ...]) -> str:
    with jax.enable_x64(True):
        return jax.jit(function).lower(*(jax.ShapeDtypeStruct(s, jnp.float64) for s in shapes)).as_text()


def agrees(function: Function, *shapes: tuple[int, ...]) -> TensorProgram:
    """Read and run; the results are JAX's."""
    imported = import_module(trace(function, *shapes))
    generator = np.random.default_rng(0)
    inputs = {f"arg{k}": generator.normal(size=shape) for k, shape in enumerate(shapes)}
    with jax.enable_x64(True):
        expected = jax.tree.leaves(function(*(jnp.asarray(value) for value in inputs.values())))
        wanted = [np.asarray(value) for value in expected]
    found = evaluate_program(imported.program, inputs, {}, Machine(), IMPORTED)
    for k, value in enumerate(wanted):
        np.testing.assert_allclose(found[f"result{k}"], value, rtol=1e-12, atol=1e-12)
    return imported.program


ONE: dict[str, Function] = {
    "softmax": lambda a: jax.nn.softmax(a),
    "logsumexp": lambda a: jax.nn.logsumexp(a, axis=1),
    "reductions": lambda a: (
        a.sum(),
        a.max(0),
        a.min(1),
        a.prod(0),
        a.mean(),
        jnp.any(a > 0),
        jnp.all(a > 0),
    ),
    "initial": lambda a: (jnp.sum(a, initial=3.0), jnp.max(a, initial=0.5)),
    "statistics": lambda a: (jnp.var(a), jnp.std(a, axis=0, ddof=1), jnp.linalg.norm(a[0]), jnp.trace(a)),
    "triangles": lambda a: (jnp.tril(a), jnp.triu(a, 1), jnp.eye(N) * a, a * np.tril(np.ones((N, N)))),
    "diagonals": lambda a: (jnp.diag(a), jnp.diag(a[0]), jnp.fill_diagonal(a, 1.0, inplace=False)),
    "indexing": lambda a: (
        a[:, 0],
        a[1],
        a[2, 3],
        a[::2],
        a[1:4, None],
        a[-1],
        a[::-1],
        a[jnp.array([0, 2, 4])],
    ),
    "set": lambda a: (
        a.at[2].set(a[:, 1]),
        a.at[-1, 0].set(5.0),
        a.at[1:3, 2:].set(0.0),
        a.at[:, 1].set(a[0]),
    ),
    "add": lambda a: (
        a.at[0].add(1.0),
        a.at[1:3, 2:].multiply(3.0),
        a.at[1:-1].max(a[2:]),
        a.at[2, 2].min(0.0),
    ),
    "diagonal set": lambda a: (
        a.at[jnp.arange(N), jnp.arange(N)].set(1.0),
        a.at[jnp.arange(N - 1), jnp.arange(N - 1) + 1].add(a[0, :-1]),
    ),
    "shapes": lambda a: (
        jnp.tile(a[0], 2),
        jnp.repeat(a[0], 2),
        a.reshape(-1),
        jnp.pad(a, 1),
        jnp.roll(a, 1, 0),
    ),
    "joins": lambda a: (
        jnp.stack([a[0], a[1]]),
        jnp.concatenate([a, a], 1),
        jnp.vstack([a, a]),
        a.T,
        a.swapaxes(0, 1),
    ),
    "products": lambda a: (a @ a, a @ a[0], a[0] @ a, jnp.outer(a[0], a[1]), jnp.einsum("ij,kj->ik", a, a)),
    "activations": lambda a: (
        jax.nn.relu(a),
        jax.nn.gelu(a, approximate=False),
        jax.nn.silu(a),
        jax.nn.sigmoid(a),
        jnp.clip(a, 0, 1),
    ),
    "functions": lambda a: (
        jnp.abs(a) ** 3,
        jnp.sqrt(jnp.abs(a)),
        jnp.square(a),
        jnp.expm1(a),
        jnp.sign(a),
        jnp.floor(a),
    ),
    "integers": lambda a: (jnp.int32(a * 10) // 3, jnp.int32(a * 10) % 3, jnp.arange(N) * a),
    "tables": lambda a: (
        jnp.array([1.0, 2.0, 3.0, 4.0, 7.0]) * a,
        a * np.array([True, False, True, True, False]),
    ),
    "choices": lambda a: (
        jnp.where(a > 0, a, 1.0),
        jnp.minimum(a, a.T),
        lax.cond(a[0, 0] > 0, jnp.sin, jnp.cos, a),
    ),
    "cumulative": lambda a: (jnp.cumsum(a, axis=0), jnp.cumprod(a, axis=1), jnp.diff(a)),
    "windows": lambda a: lax.reduce_window(a, -jnp.inf, lax.max, (2, 2), (2, 2), "VALID"),
    "convolution": lambda a: lax.conv_general_dilated(a[None, None], a[None, None, :3, :3], (1, 1), "SAME"),
    "derivative": jax.grad(lambda a: jnp.sum(jnp.tanh(a @ a))),
    "vmap": jax.vmap(lambda row: row / row.sum()),
    "unrolled": lambda a: sum(a[i] * a[(i + 1) % N] for i in range(N)),
}


@pytest.mark.parametrize("name", ONE)
def test_functions(name: str) -> None:
    assert not any(isinstance(step, TensorLoop) for step in agrees(ONE[name], (N, N)).body)


def stencil(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    def step(_: int, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        a, b = state
        b = b.at[1:-1].set((a[:-2] + a[1:-1] + a[2:]) / 3)
        return a.at[1:-1].set((b[:-2] + b[1:-1] + b[2:]) / 3), b

    return lax.fori_loop(0, 7, step, (a, b))


def elimination(a: jax.Array) -> jax.Array:
    k = jnp.arange(N)

    def entry(i: int, j: int, a: jax.Array, stop: int) -> jax.Array:
        return a[i, j] - jnp.sum(jnp.where(k < stop, a[i] * a[:, j], 0.0))

    def row(i: int, a: jax.Array) -> jax.Array:
        a = lax.fori_loop(0, i, lambda j, a: a.at[i, j].set(entry(i, j, a, j) / a[j, j]), a)
        return lax.fori_loop(i, N, lambda j, a: a.at[i, j].set(entry(i, j, a, i)), a)

    return lax.fori_loop(0, N, row, a)


LOOPS: dict[str, Function] = {
    "triangular": elimination,
    "scan": lambda a: lax.scan(lambda c, x: (c + x, c * x), a[0], a),
    "reversed scan": lambda a: lax.scan(lambda c, x: (c * 0.5 + x, c), a[0], a, reverse=True),
    "stride": lambda a: lax.while_loop(lambda s: s[0] < 10, lambda s: (s[0] + 3, s[1] * 2.0), (1, a)),
    "downwards": lambda a: lax.while_loop(
        lambda s: s[0] > 0, lambda s: (s[0] - 1, s[1].at[s[0]].add(1.0)), (N - 1, a)
    ),
    "turned": lambda a: lax.fori_loop(0, N, lambda i, x: x.at[N - 1 - i].add(x[(N - i) % N]), a),
    "swap": lambda a: lax.fori_loop(0, N, lambda i, s: (s[1] + 1.0, s[0]), (a, a * 2)),
    "clamped": lambda a: lax.fori_loop(
        0,
        N,
        lambda i, x: lax.dynamic_update_slice(x, lax.dynamic_slice(x, (i - 1, 0), (2, N)) + 1.0, (i, 0)),
        a,
    ),
    "number": lambda a: lax.fori_loop(0, N, lambda i, x: x + i * a, a),
    "sum of counters": lambda a: lax.fori_loop(0, N, lambda i, s: (s[0] + i, s[1] * s[0]), (1, a)),
    "heavy outside": lambda a: lax.fori_loop(0, 3, lambda i, x: x @ (a @ a), a),
    "never": lambda a: lax.fori_loop(3, 3, lambda i, x: x * 2, a),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name: str) -> None:
    agrees(LOOPS[name], (N, N))


def test_a_loop_updates_in_place() -> None:
    imported = import_module(trace(stencil, (9,), (9,)), arguments=["A", "B"], results=["A", "B"])
    (loop,) = imported.program.body
    assert isinstance(loop, TensorLoop)
    assert [step.array for step in loop.body if isinstance(step, Update)] == ["B", "A"]
    assert not imported.program.locals
    agrees(stencil, (9,), (9,))


REFUSED: dict[str, tuple[Function, str]] = {
    "sorting": (jnp.sort, "stablehlo.sort, which has no formula"),
    "arg max": (lambda a: jnp.argmax(a), "several operands at once"),
    "factorisation": (jnp.linalg.cholesky, "a custom call of"),
    "data-dependent loop": (
        lambda a: lax.while_loop(lambda s: s.sum() < 10, lambda s: s * 2.0, a * a),
        "ends on a comparison of data",
    ),
    "data-dependent place": (lambda a: a[jnp.int32(a[0])], "indices that are data"),
    "places that meet": (lambda a: a.at[jnp.array([0, 0, 1])].add(a[:3]), "indices that are data"),
    "large table": (lambda a: a[0, 0] * np.random.default_rng(0).normal(size=(40, 40)), "different numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(RefusedError, match=message) as refusal:
        import_module(trace(function, (N, N)), filename="port.mlir")
    assert refusal.value.diagnostics[0].span.file == "port.mlir"
    assert refusal.value.diagnostics[0].span.line > 1


def test_what_no_result_needs_is_not_read() -> None:
    text = """func.func public @f(%a: tensor<3xf64>) -> tensor<3xf64> {
      %0 = "stablehlo.sort"(%a) ({ ^bb0(%x: tensor<f64>, %y: tensor<f64>):
        %c = stablehlo.compare LT, %x, %y : (tensor<f64>, tensor<f64>) -> tensor<i1>
        stablehlo.return %c : tensor<i1> }) {dimension = 0 : i64} : (tensor<3xf64>) -> tensor<3xf64>
      return %a : tensor<3xf64>
    }"""
    assert [result.name for result in import_module(text).program.results] == ["result0"]


def test_assumptions_are_said() -> None:
    def assumptions(function: Function) -> tuple[str, ...]:
        return import_module(trace(function, (N, N))).assumptions

    assert assumptions(lambda a: a.sum()) == ()
    assert assumptions(lambda a: lax.reduce(a, 3.0, lax.add, (0, 1))) == (
        "a reduction uses its initial value once",
    )
    assert assumptions(lambda a: jax.nn.logsumexp(a)) == ("no value is infinite or NaN",)
