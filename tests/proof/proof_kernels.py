"""Pairs of programs for the prover's tests: sources written out by hand, and right liftings of them."""

from __future__ import annotations

from dataclasses import dataclass

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Assign,
    Cast,
    Constant,
    Constraint,
    Guard,
    If,
    IndexValue,
    Load,
    Loop,
    Program,
    Role,
    Size,
    verify_program,
)
from exalift.base import DType
from exalift.dialects import Argument, ArrayValue, Result, TensorLoop, TensorProgram, TensorType, Update
from exalift.dialects.stablehlo import (
    STABLEHLO,
    broadcast,
    compare,
    concatenate,
    constant,
    convert,
    dot_general,
    dynamic_slice,
    dynamic_update_slice,
    index_scalar,
    iota,
    op,
    pad,
    reduce,
    reshape,
    reverse,
    slice_,
    splat,
    transpose,
)

F, I32 = DType.F64, DType.I32
N, M, K, T = (Affine.symbol(name) for name in "NMKT")
i, j, k, t = (Affine.symbol(name) for name in "ijkt")


@dataclass(frozen=True)
class Kernel:
    """`inputs`: how the oracle of the mutation test makes inputs ("normal" or "positive")."""

    source: Program
    lifted: TensorProgram
    dialect: object = STABLEHLO
    inputs: str = "normal"


# A short way to write sources.


def load(array, *indices, dtype=F):
    return Load(array, tuple(Affine.of(index) for index in indices), dtype)


def number(value, dtype=F):
    return Constant(value, dtype)


def call(function, *operands):
    dtype = DType.I1 if function.startswith("compare_") else operands[-1].dtype
    return Apply(function, operands, dtype)


def add(*operands):
    result = operands[0]
    for operand in operands[1:]:
        result = call("add", result, operand)
    return result


def mul(*operands):
    result = operands[0]
    for operand in operands[1:]:
        result = call("multiply", result, operand)
    return result


def store(array, indices, value):
    return Assign(array, tuple(Affine.of(index) for index in indices), value)


def loop(iv, lower, upper, *body):
    return Loop(iv, (Affine.of(lower),), (Affine.of(upper),), body)


def program(name, arrays, body, returns=None, sizes=None, by_value=(), constraints=None):
    names = sorted({n for array in arrays for extent in array.shape for n in extent.names})
    sizes = tuple(sizes) if sizes is not None else tuple(Size(n) for n in names)
    parameters = tuple(s.name for s in sizes) + tuple(a.name for a in arrays if a.role is Role.PARAMETER)
    extra = {} if constraints is None else {"constraints": constraints}
    result = Program(
        name, parameters, sizes, tuple(arrays), tuple(body), returns, frozenset(by_value), **extra
    )
    verify_program(result)
    return result


def lifted(source, updates, local=()):
    """The lifted program whose arguments are all the source's, and whose results are what `updates` set."""
    types = {array.name: TensorType(array.shape, array.dtype) for array in source.arrays}
    types |= {argument.name: argument.type for argument in local}
    parameters = [array.name for array in source.arrays if array.role is Role.PARAMETER]
    changed = _changed(updates)
    results = [Result("return", "return", types["return"])] if "return" in changed else []
    results += [Result(name, name, types[name]) for name in parameters if name in changed]
    return TensorProgram(
        source.name,
        "stablehlo",
        tuple(size.name for size in source.sizes),
        tuple(Argument(name, types[name]) for name in parameters),
        tuple(local),
        tuple(updates),
        tuple(results),
    )


def _changed(steps):
    found = set()
    for step in steps:
        found |= _changed(step.body) if isinstance(step, TensorLoop) else {step.array}
    return found


def array_of(source, name):
    array = source.array(name)
    return ArrayValue(name, TensorType(array.shape, array.dtype))


def ones_like(node, value=1.0):
    return splat(value, node.type)


def scalar_to(node, like):
    return broadcast(node, like.type.shape, ())


# Kernels.


def gemm():
    """C = beta * C + alpha * A B."""
    arrays = [
        Array("alpha", F, ()),
        Array("beta", F, ()),
        Array("C", F, (N, M)),
        Array("A", F, (N, K)),
        Array("B", F, (K, M)),
    ]
    inner = loop(
        "k",
        0,
        "K",
        store("C", [i, j], add(load("C", i, j), mul(load("alpha"), load("A", i, k), load("B", k, j)))),
    )
    body = loop("i", 0, "N", loop("j", 0, "M", store("C", [i, j], mul(load("C", i, j), load("beta"))), inner))
    source = program("gemm", arrays, [body], by_value=("alpha", "beta"))
    a, b, c, alpha, beta = (array_of(source, name) for name in ("A", "B", "C", "alpha", "beta"))
    value = op(
        "add",
        op("multiply", scalar_to(beta, c), c),
        op("multiply", scalar_to(alpha, c), dot_general(a, b, [(1, 0)])),
    )
    return Kernel(source, lifted(source, [Update("C", value)]))


def symm():
    """C = beta * C + alpha * A B where A is symmetric and only its lower triangle is read."""
    arrays = [
        Array("C", F, (N, M)),
        Array("A", F, (N, N)),
        Array("B", F, (N, M)),
        Array("s", F, (), Role.LOCAL),
    ]
    inner = loop(
        "k",
        0,
        i,
        store("C", [k, j], add(load("C", k, j), mul(load("B", i, j), load("A", i, k)))),
        store("s", [], add(load("s"), mul(load("B", k, j), load("A", i, k)))),
    )
    last = store("C", [i, j], add(load("C", i, j), mul(load("B", i, j), load("A", i, i)), load("s")))
    body = loop("i", 0, "N", loop("j", 0, "M", store("s", [], number(0)), inner, last))
    source = program("symm", arrays, [body])
    a, b, c = (array_of(source, name) for name in "ABC")
    rows, columns = iota((N, N), 0), iota((N, N), 1)
    lower = op("select", compare("GE", rows, columns), a, ones_like(a, 0.0))
    upper = op("select", compare("GT", rows, columns), a, ones_like(a, 0.0))
    full = op("add", lower, transpose(upper, (1, 0)))
    return Kernel(source, lifted(source, [Update("C", op("add", c, dot_general(full, b, [(1, 0)])))]))


def trmm():
    """B = A^T B with a unit lower triangle A, in place: row i reads rows below it that are still old."""
    arrays = [Array("A", F, (N, N)), Array("B", F, (N, M))]
    inner = loop(
        "k", i + 1, "N", store("B", [i, j], add(load("B", i, j), mul(load("A", k, i), load("B", k, j))))
    )
    source = program("trmm", arrays, [loop("i", 0, "N", loop("j", 0, "M", inner))])
    a, b = (array_of(source, name) for name in "AB")
    below = op("select", compare("GT", iota((N, N), 0), iota((N, N), 1)), a, ones_like(a, 0.0))
    return Kernel(source, lifted(source, [Update("B", op("add", b, dot_general(below, b, [(0, 0)])))]))


def covariance():
    """S[i][j] = sum over k of (x[k][i] - mean[i]) (x[k][j] - mean[j]) / (M - 1)."""
    arrays = [Array("x", F, (M, N)), Array("mean", F, (N,)), Array("S", F, (N, N))]
    centre = loop("k", 0, "M", store("x", [k, j], call("subtract", load("x", k, j), load("mean", j))))
    rows = Cast(IndexValue(M, I32), F)
    less = Cast(IndexValue(M - 1, I32), F)
    body = [
        loop(
            "j",
            0,
            "N",
            store("mean", [j], number(0)),
            loop("k", 0, "M", store("mean", [j], add(load("mean", j), load("x", k, j)))),
            store("mean", [j], call("divide", load("mean", j), rows)),
            centre,
        ),
        loop(
            "i",
            0,
            "N",
            loop(
                "j",
                i,
                "N",
                store("S", [i, j], number(0)),
                loop(
                    "k",
                    0,
                    "M",
                    store("S", [i, j], add(load("S", i, j), mul(load("x", k, i), load("x", k, j)))),
                ),
                store("S", [i, j], call("divide", load("S", i, j), less)),
                store("S", [j, i], load("S", i, j)),
            ),
        ),
    ]
    source = program("covariance", arrays, body, sizes=(Size("M", minimum=2), Size("N")))
    x = array_of(source, "x")
    count = convert(index_scalar(M, I32), F)
    total = reduce(x, "add", [0])
    mean = op("divide", total, scalar_to(count, total))
    centred = op("subtract", x, broadcast(mean, x.type.shape, [1]))
    product = dot_general(centred, centred, [(0, 0)])
    matrix = op("divide", product, scalar_to(convert(index_scalar(M - 1, I32), F), product))
    updates = [Update("S", matrix), Update("mean", mean), Update("x", centred)]
    return Kernel(source, lifted(source, updates))


def softmax():
    """y[i][j] = exp(x[i][j] - max) / sum, row by row."""
    arrays = [
        Array("x", F, (N, M)),
        Array("y", F, (N, M)),
        Array("top", F, (), Role.LOCAL),
        Array("sum", F, (), Role.LOCAL),
    ]
    larger = call("select", call("compare_gt", load("x", i, j), load("top")), load("x", i, j), load("top"))
    body = loop(
        "i",
        0,
        "N",
        store("top", [], load("x", i, 0)),
        loop("j", 1, "M", store("top", [], larger)),
        store("sum", [], number(0)),
        loop(
            "j",
            0,
            "M",
            store("y", [i, j], call("exponential", call("subtract", load("x", i, j), load("top")))),
            store("sum", [], add(load("sum"), load("y", i, j))),
        ),
        loop("j", 0, "M", store("y", [i, j], call("divide", load("y", i, j), load("sum")))),
    )
    source = program("softmax", arrays, [body])
    x = array_of(source, "x")
    top = broadcast(reduce(x, "maximum", [1]), x.type.shape, [0])
    exponential = op("exponential", op("subtract", x, top))
    total = broadcast(reduce(exponential, "add", [1]), x.type.shape, [0])
    return Kernel(source, lifted(source, [Update("y", op("divide", exponential, total))]))


def jacobi():
    """T steps of a three-point stencil; the time loop stays."""
    arrays = [Array("a", F, (N,)), Array("b", F, (N,))]
    third = number(0.33333)

    def step(target, origin):
        total = add(load(origin, i - 1), load(origin, i), load(origin, i + 1))
        return loop("i", 1, N - 1, store(target, [i], mul(third, total)))

    body = loop("t", 0, "T", step("b", "a"), step("a", "b"))
    source = program("jacobi", arrays, [body], sizes=(Size("T"), Size("N", minimum=3)))

    def update(target, origin):
        x = array_of(source, origin)
        parts = [slice_(x, [low], [N - 2 + low]) for low in range(3)]
        total = op("add", op("add", parts[0], parts[1]), parts[2])
        middle = op("multiply", splat(0.33333, total.type), total)
        row = iota((N,), 0)
        inside = op(
            "and",
            compare("GT", row, splat(0, row.type)),
            compare("LT", row, scalar_to(index_scalar(N - 1, DType.I64), row)),
        )
        padded = pad(middle, constant(0.0, F), [1], [1])
        return Update(target, op("select", inside, padded, array_of(source, target)))

    steps = TensorLoop("t", (Affine.of(0),), (T,), (update("b", "a"), update("a", "b")), "time")
    return Kernel(source, lifted(source, [steps]))


def scan():
    """Prefix sums, in a loop that reads and writes one element a time."""
    arrays = [Array("x", F, (N,))]
    body = loop("i", 1, "N", store("x", [i], add(load("x", i), mul(number(0.5), load("x", i - 1)))))
    source = program("scan", arrays, [body])
    x = array_of(source, "x")
    here, before = dynamic_slice(x, [i], [1]), dynamic_slice(x, [i - 1], [1])
    value = op("add", here, op("multiply", splat(0.5, here.type), before))
    steps = TensorLoop(
        "i", (Affine.of(1),), (N,), (Update("x", dynamic_update_slice(x, value, [i])),), "carried"
    )
    return Kernel(source, lifted(source, [steps]))


def clip():
    """y[N-1-i] = x[i] < low ? low : x[i] > high ? high : x[i], and how many were clipped."""
    arrays = [
        Array("x", F, (N,)),
        Array("low", F, ()),
        Array("high", F, ()),
        Array("y", F, (N,)),
        Array("count", I32, (), Role.LOCAL),
    ]
    x, low, high = load("x", i), load("low"), load("high")
    below, above = call("compare_lt", x, low), call("compare_gt", x, high)
    clipped = call("select", below, low, call("select", above, high, x))
    flag = Cast(call("or", below, above), I32)
    body = loop(
        "i", 0, "N", store("y", [N - 1 - i], clipped), store("count", [], add(load("count", dtype=I32), flag))
    )
    returns = load("count", dtype=I32)
    source = program("clip", arrays, [body], returns, by_value=("low", "high"))
    x, low, high = (array_of(source, name) for name in ("x", "low", "high"))
    low, high = scalar_to(low, x), scalar_to(high, x)
    below, above = compare("LT", x, low), compare("GT", x, high)
    value = op("select", below, low, op("select", above, high, x))
    total = reduce(convert(op("or", below, above), I32), "add", [0])
    local = (Argument("return", TensorType((), I32)),)
    updates = [Update("return", total), Update("y", reverse(value, [0]))]
    return Kernel(source, lifted(source, updates, local))


def quantized():
    """y[i] = (sum over j of w[i][j] x[j]) / 3 >> 1, clamped, in int, from chars."""
    I8 = DType.I8
    arrays = [Array("w", I8, (N, M)), Array("x", I8, (M,)), Array("y", I32, (N,))]
    wide = mul(Cast(load("w", i, j, dtype=I8), I32), Cast(load("x", j, dtype=I8), I32))
    y = load("y", i, dtype=I32)
    scaled = call("shift_right_arithmetic", call("divide", y, number(3, I32)), number(1, I32))
    body = loop(
        "i",
        0,
        "N",
        store("y", [i], number(0, I32)),
        loop("j", 0, "M", store("y", [i], add(y, wide))),
        store("y", [i], call("minimum", scaled, number(100, I32))),
    )
    source = program("quantized", arrays, [body])
    w, x = array_of(source, "w"), array_of(source, "x")
    total = dot_general(convert(w, I32), convert(x, I32), [(1, 0)])
    scaled = op("shift_right_arithmetic", op("divide", total, splat(3, total.type)), splat(1, total.type))
    return Kernel(source, lifted(source, [Update("y", op("minimum", scaled, splat(100, total.type)))]))


def norms():
    """d[j] = sqrt(sum of squares / N), but 1 where that is at most 0.1; then x[i][j] /= d[j]."""
    arrays = [Array("x", F, (N, M)), Array("d", F, (M,))]
    d = load("d", j)
    mean = call("divide", d, Cast(IndexValue(N, I32), F))
    kept = call("select", call("compare_le", d, number(0.1)), number(1.0), d)
    body = loop(
        "j",
        0,
        "M",
        store("d", [j], number(0)),
        loop("i", 0, "N", store("d", [j], add(d, mul(load("x", i, j), load("x", i, j))))),
        store("d", [j], call("sqrt", mean)),
        store("d", [j], kept),
        loop("i", 0, "N", store("x", [i, j], call("divide", load("x", i, j), d))),
    )
    source = program("norms", arrays, [body])
    x = array_of(source, "x")
    squares = reduce(op("multiply", x, x), "add", [0])
    root = op("sqrt", op("divide", squares, scalar_to(convert(index_scalar(N, I32), F), squares)))
    value = op("select", compare("LE", root, ones_like(root, 0.1)), ones_like(root), root)
    # The second step reads d as the first left it.
    divisor = broadcast(array_of(source, "d"), x.type.shape, [1])
    return Kernel(source, lifted(source, [Update("d", value), Update("x", op("divide", x, divisor))]))


def conditions():
    """The first M elements from one array and the others from another; M is at most N, by a constraint."""
    arrays = [Array("x", F, (N,)), Array("y", F, (N,)), Array("z", F, (N,))]
    front = loop("i", 0, "M", store("z", [i], load("x", i)))
    back = loop("i", M, "N", store("z", [i], load("y", N - 1 - i)))
    constraints = Guard.of(Constraint(N - M))
    source = program(
        "conditions", arrays, [front, back], sizes=(Size("N"), Size("M")), constraints=constraints
    )
    x, y = array_of(source, "x"), array_of(source, "y")
    row = iota((N,), 0)
    early = compare("LT", row, scalar_to(index_scalar(M, DType.I64), row))
    return Kernel(source, lifted(source, [Update("z", op("select", early, x, reverse(y, [0])))]))


def joined():
    """z is x backwards, then y: an `if` on the index inside one loop."""
    arrays = [Array("x", F, (M,)), Array("y", F, (K,)), Array("z", F, (M + K,))]
    choose = If(
        Guard.of(Constraint(M - 1 - i)),
        (store("z", [i], load("x", M - 1 - i)),),
        (store("z", [i], load("y", i - M)),),
    )
    source = program("joined", arrays, [loop("i", 0, M + K, choose)])
    x, y = array_of(source, "x"), array_of(source, "y")
    return Kernel(source, lifted(source, [Update("z", concatenate(reverse(x, [0]), y, 0))]))


def outer_products():
    """A += u1 v1^T + u2 v2^T, then flattened sums of its rows (gemver's first part)."""
    names = ("u1", "v1", "u2", "v2")
    arrays = [Array("A", F, (N, N)), *(Array(name, F, (N,)) for name in names), Array("x", F, (N,))]
    a = load("A", i, j)
    first = store("A", [i, j], add(a, mul(load("u1", i), load("v1", j)), mul(load("u2", i), load("v2", j))))
    second = store("x", [i], add(load("x", i), load("A", j, i)))
    body = [loop("i", 0, "N", loop("j", 0, "N", first)), loop("i", 0, "N", loop("j", 0, "N", second))]
    source = program("outer_products", arrays, body)
    a, u1, v1, u2, v2, x = (array_of(source, name) for name in ("A", *names, "x"))
    sums = op("add", dot_general(u1, v1, []), dot_general(u2, v2, []))
    update = op("add", a, sums)
    total = op("add", x, reduce(reshape(array_of(source, "A"), (N, N)), "add", [0]))
    return Kernel(source, lifted(source, [Update("A", update), Update("x", total)]))


KERNELS = {
    make.__name__: make
    for make in (
        gemm,
        symm,
        trmm,
        covariance,
        softmax,
        jacobi,
        scan,
        clip,
        quantized,
        norms,
        conditions,
        joined,
        outer_products,
    )
}
