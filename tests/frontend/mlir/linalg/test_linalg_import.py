"""Linalg modules read here and run, against IREE's compiler and against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from linalg_ops import ALONE, STRUCTURED, TENSORS, OneOp

from exalift.affine.algebra import Machine
from exalift.base import RefusedError, UsageError
from exalift.devices import iree_devices
from exalift.dialects import evaluate_program
from exalift.dialects.stablehlo import IMPORTED
from exalift.frontend.mlir.linalg import (
    import_linalg,
    linalg_functions,
    linalg_signature,
    with_current_names,
)

_MACHINE = Machine()


def run(text: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    program = import_linalg(text).program
    named = {argument.name: value for argument, value in zip(program.arguments, inputs, strict=True)}
    with np.errstate(all="ignore"):
        found = evaluate_program(program, named, {}, _MACHINE, IMPORTED)
    return [np.asarray(found[result.name]) for result in program.results]


def random_inputs(text: str, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    made: list[np.ndarray] = []
    for parameter in linalg_signature(text).arguments:
        shape = tuple(extent.constant for extent in parameter.type.shape)
        dtype = parameter.type.dtype
        if dtype.is_float:
            made.append(generator.uniform(-2, 2, shape).astype(_MACHINE.storage(dtype)))
        else:
            high = 2 if dtype.bits == 1 else 6
            made.append(generator.integers(0, high, shape).astype(_MACHINE.storage(dtype)))
    return made


@pytest.mark.parametrize("one", (*STRUCTURED, *TENSORS), ids=lambda one: one.name)
def test_ops_are_what_iree_computes(one: OneOp) -> None:
    inputs = random_inputs(one.module)
    (device,) = (device for device in iree_devices() if device.name == "iree-cpu")
    (expected,) = device.compile(with_current_names(one.module), "one").run(inputs)
    (actual,) = run(one.module, inputs)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_ops_that_iree_does_not_take() -> None:
    expected = {
        "splat": lambda x: np.full((2, 3), x),
        "from_elements": lambda x, y: np.array([[x, y], [y, x]]),
        "extract_and_insert": lambda x, y: np.where(np.arange(5) == 3, x[1, 3], y),
        "generate": lambda x: x.T,
        "pad_by_place": lambda x: np.stack([[0, 1, 2], x[0], x[1], [3, 4, 5]]),
    }
    for one in ALONE:
        inputs = random_inputs(one.module)
        (actual,) = run(one.module, inputs)
        np.testing.assert_array_equal(actual, expected[one.name](*inputs))


MEMORY = """
#all = affine_map<(i, j) -> (i, j)>
func.func @steps(%a: memref<4x5xf32>, %b: memref<4x5xf32>, %n: memref<4xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %t = memref.alloc() : memref<4x5xf32>
  memref.copy %a, %t : memref<4x5xf32> to memref<4x5xf32>
  scf.for %i = %c0 to %c3 step %c1 {
    %next = arith.addi %i, %c1 : index
    %x = memref.load %t[%i, %c1] : memref<4x5xf32>
    memref.store %x, %t[%next, %c0] : memref<4x5xf32>
    memref.store %x, %t[%i, %c1] : memref<4x5xf32>
    %y = memref.load %t[%next, %c0] : memref<4x5xf32>
    %z = arith.addf %x, %y : f32
    memref.store %z, %t[%next, %c1] : memref<4x5xf32>
  }
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%t : memref<4x5xf32>) outs(%b : memref<4x5xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.mulf %x, %y : f32
    linalg.yield %0 : f32
  }
  memref.dealloc %t : memref<4x5xf32>
  return
}
"""


def test_memory_changes_in_order() -> None:
    signature = linalg_signature(MEMORY)
    assert [a.hint for a in signature.arguments] == ["a", "b", "n"]
    assert len(signature.results) == 1
    a, b, n = random_inputs(MEMORY)
    program = import_linalg(MEMORY, arguments=["a", "b", "n"], results=["b"]).program
    found = evaluate_program(program, {"a": a, "b": b, "n": n}, {}, _MACHINE, IMPORTED)
    t = a.copy()
    for i in range(3):
        t[i + 1, 0] = t[i, 1]
        t[i + 1, 1] = t[i, 1] + t[i + 1, 0]
    np.testing.assert_allclose(found["b"], t * b, rtol=1e-6)


def test_calls_are_inlined_and_private_functions_not_offered() -> None:
    text = """
func.func private @twice(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = arith.addf %x, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @four_times(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = func.call @twice(%x) : (tensor<3xf32>) -> tensor<3xf32>
  %z = func.call @twice(%y) : (tensor<3xf32>) -> tensor<3xf32>
  return %z : tensor<3xf32>
}
"""
    assert linalg_functions(text) == ("four_times",)
    (x,) = random_inputs(text)
    np.testing.assert_allclose(run(text, [x])[0], 4 * x)


HEAD = "#i = affine_map<(i, j) -> (i)>\n#ij = affine_map<(i, j) -> (i, j)>\n"


def reduction(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return (
        f"{HEAD}func.func @f(%x: tensor<3x4xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {{\n"
        '  %o = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}\n'
        "    ins(%x : tensor<3x4xf32>) outs(%s : tensor<3xf32>) {\n  ^bb0(%a: f32, %b: f32):\n"
        f"{body}\n  }} -> tensor<3xf32>\n  return %o : tensor<3xf32>\n}}\n"
    )


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        (("linalg.yield %b : f32",), lambda b, a: b),
        (("%0 = arith.subf %b, %a : f32", "linalg.yield %0 : f32"), lambda b, a: b - a),
        (
            ("%0 = arith.addf %b, %a : f32", "%1 = arith.subf %0, %a : f32", "%2 = arith.addf %1, %a : f32",
             "linalg.yield %2 : f32"),
            lambda b, a: b + a,
        ),
        (
            ("%0 = arith.cmpf olt, %b, %a : f32", "%1 = arith.select %0, %a, %b : f32", "linalg.yield %1 : f32"),
            max,
        ),
        (
            ("%0 = arith.cmpf ole, %b, %a : f32", "%1 = arith.select %0, %b, %a : f32", "linalg.yield %1 : f32"),
            min,
        ),
        (
            ("%z = arith.constant 0.0 : f32", "%0 = arith.cmpf ogt, %a, %z : f32", "%1 = arith.mulf %b, %a : f32",
             "%2 = arith.select %0, %1, %b : f32", "linalg.yield %2 : f32"),
            lambda b, a: b * a if a > 0 else b,
        ),
    ],
)  # fmt: skip
def test_steps_of_reductions(lines: tuple[str, ...], step) -> None:
    text = reduction(*lines)
    x, s = random_inputs(text)
    expected = s.copy()
    for i in range(3):
        for j in range(4):
            expected[i] = step(expected[i], x[i, j])
    np.testing.assert_allclose(run(text, [x, s])[0], expected, rtol=1e-5)


REFUSED = {
    "keeps the last": (reduction("linalg.yield %a : f32"), "no combination", 4),
    "no reduction": (
        reduction("%0 = arith.mulf %b, %a : f32", "%1 = arith.addf %0, %a : f32", "linalg.yield %1 : f32"),
        "by both add and multiply",
        4,
    ),
    "squares": (reduction("%0 = arith.mulf %b, %b : f32", "linalg.yield %0 : f32"), "multiply", 4),
    "softmax": (
        "func.func @f(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {\n"
        "  %o = linalg.softmax dimension(1) ins(%x : tensor<3x4xf32>) outs(%x : tensor<3x4xf32>) -> tensor<3x4xf32>\n"
        "  return %o : tensor<3x4xf32>\n}",
        "linalg.softmax",
        2,
    ),
    "out of bounds": (
        "func.func @f(%x: tensor<3xf32>) -> f32 {\n  %c = arith.constant 3 : index\n"
        "  %y = tensor.extract %x[%c] : tensor<3xf32>\n  return %y : f32\n}",
        "out of bounds",
        3,
    ),
    "data as an index": (
        "func.func @f(%x: tensor<3xf32>, %i: index) -> f32 {\n"
        "  %y = tensor.extract %x[%i] : tensor<3xf32>\n  return %y : f32\n}",
        "is data",
        2,
    ),
    "dynamic shape": ("func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {\n  return %x : tensor<?xf32>\n}", "static", 1),
    "unknown op": (
        'func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {\n  %y = "my.op"(%x) : (tensor<3xf32>) -> tensor<3xf32>\n'
        "  return %y : tensor<3xf32>\n}",
        "my.op",
        2,
    ),
    "recursion": (
        "func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {\n"
        "  %y = func.call @f(%x) : (tensor<3xf32>) -> tensor<3xf32>\n  return %y : tensor<3xf32>\n}",
        "calls itself",
        2,
    ),
    "no MLIR": ("func.func @f(", "expected", 1),
    "step that is not known": (
        "func.func @f(%x: tensor<3xf32>, %n: index) -> tensor<3xf32> {\n  %c = arith.constant 0 : index\n"
        "  %y = scf.for %i = %c to %n step %n iter_args(%s = %x) -> (tensor<3xf32>) {\n"
        "    scf.yield %s : tensor<3xf32>\n  }\n  return %y : tensor<3xf32>\n}",
        "is data",
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_with_the_place(name: str) -> None:
    text, message, line = REFUSED[name]
    with pytest.raises(RefusedError) as caught:
        import_linalg(text, filename="port.mlir")
    (found, *_) = caught.value.diagnostics
    assert message in found.message
    assert (found.span.file, found.span.line) == ("port.mlir", line)


def test_hostile_texts_are_bounded() -> None:
    deep = "func.func @f() {" + "scf.if %c {" * 5000
    long = "func.func @f(%x: f32) -> f32 {\n" + "".join(
        f"  %{k + 1} = arith.addf %{k or 'x'}, %{k or 'x'} : f32\n" for k in range(60_000)
    )
    huge = (
        "func.func @f(%x: tensor<f32>) -> tensor<3000000000xf32> {\n"
        "  %e = tensor.empty() : tensor<3000000000xf32>\n"
        "  %o = linalg.broadcast ins(%x : tensor<f32>) outs(%e : tensor<3000000000xf32>) dimensions = [0]\n"
        "  return %o : tensor<3000000000xf32>\n}"
    )
    doubling = "func.func @f(%x: f32) -> f32 {\n  %0 = arith.addf %x, %x : f32\n" + "".join(
        f"  %{k + 1} = arith.mulf %{k}, %{k} : f32\n" for k in range(400)
    )
    for text in (deep, long + "  return %60000 : f32\n}"):
        with pytest.raises(RefusedError):
            import_linalg(text)
    # Nothing is computed yet.
    import_linalg(huge)
    # A DAG, which as a tree would have 2^400 nodes.
    import_linalg(doubling + "  return %400 : f32\n}")


def test_functions_that_are_not_there() -> None:
    text = "func.func @f(%x: f32) -> f32 {\n  return %x : f32\n}"
    with pytest.raises(UsageError, match="a function g"):
        import_linalg(text, "g")
    with pytest.raises(UsageError, match="takes 1"):
        import_linalg(text, arguments=["a", "b"])
