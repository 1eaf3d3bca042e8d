import time

import numpy as np
import pytest
from proof_kernels import (
    I32,
    KERNELS,
    F,
    M,
    N,
    add,
    array_of,
    call,
    i,
    j,
    lifted,
    load,
    loop,
    mul,
    number,
    program,
    store,
)

from exalift.affine import Array, Constraint, Guard, Role, Size, interpret
from exalift.affine.algebra import Machine
from exalift.base import UsageError
from exalift.dialects import Argument, Dialect, OpDefinition, Operation, TensorType, Update, evaluate_program
from exalift.dialects.stablehlo import (
    STABLEHLO,
    compare,
    constant,
    dot_general,
    iota,
    op,
    pad,
    reduce,
    slice_,
    splat,
    transpose,
)
from exalift.proof import Level, Status, Verdict, prove


@pytest.mark.parametrize("name", KERNELS)
def test_right_liftings_are_proved(name):
    kernel = KERNELS[name]()
    verdict = prove(kernel.source, kernel.lifted, kernel.dialect, all_sizes=False)
    assert verdict.status is Status.PROVED and verdict.level is Level.BOUNDED, str(verdict)
    assert verdict.reaches(Level.TESTED) and not verdict.reaches(Level.ALL_SIZES)
    assert verdict.counterexample is None and verdict.sizes and verdict.seconds < 10
    tested = prove(kernel.source, kernel.lifted, kernel.dialect, level="tested")
    assert (tested.status, tested.level) == (Status.PROVED, Level.TESTED)


def check_counterexample(source, target, verdict, dialect=STABLEHLO):
    """Run both programs on it, in machine numbers, and see them differ where it says."""
    found = verdict.counterexample
    assert verdict.status is Status.REFUTED and verdict.level is None and found is not None, str(verdict)
    machine = Machine()
    inputs = {
        array.name: np.asarray(found.inputs[array.name]).astype(machine.storage(array.dtype))
        for array in source.arrays
        if array.role is Role.PARAMETER
    }
    left = interpret(source, inputs, found.sizes, machine)[found.result]
    right = evaluate_program(target, inputs, found.sizes, machine, dialect)[found.result]
    assert left[found.index] != right[found.index]
    np.testing.assert_allclose(
        [float(left[found.index]), float(right[found.index])], [float(found.expected), float(found.actual)]
    )


def doubled(kernel_name, change):
    kernel = KERNELS[kernel_name]()
    (update,) = kernel.lifted.body
    return kernel.source, lifted(kernel.source, [Update(update.array, change(update.value))])


def test_a_mask_that_is_off_by_one_is_refuted():
    source = KERNELS["trmm"]().source
    a, b = array_of(source, "A"), array_of(source, "B")
    below = op("select", compare("GE", iota((N, N), 0), iota((N, N), 1)), a, splat(0.0, a.type))
    target = lifted(source, [Update("B", op("add", b, dot_general(below, b, [(0, 0)])))])
    check_counterexample(source, target, prove(source, target, STABLEHLO))


def test_a_transposed_operand_is_refuted():
    source = KERNELS["trmm"]().source
    a, b = array_of(source, "A"), array_of(source, "B")
    below = op("select", compare("GT", iota((N, N), 0), iota((N, N), 1)), a, splat(0.0, a.type))
    target = lifted(source, [Update("B", op("add", b, dot_general(below, b, [(1, 0)])))])
    check_counterexample(source, target, prove(source, target, STABLEHLO))


def test_less_is_not_less_or_equal():
    """They differ on ties only, which random numbers never are."""
    arrays = [Array("x", F, (N,)), Array("y", F, (N,)), Array("z", F, (N,))]
    flag = call("compare_lt", load("x", i), load("y", i))
    body = loop("i", 0, "N", store("z", [i], call("select", flag, number(1), number(2))))
    source = program("less", arrays, [body])
    x, y = array_of(source, "x"), array_of(source, "y")

    def target(direction):
        return lifted(
            source,
            [Update("z", op("select", compare(direction, x, y), splat(1.0, x.type), splat(2.0, x.type)))],
        )

    assert prove(source, target("LT"), STABLEHLO).status is Status.PROVED
    check_counterexample(source, target("LE"), prove(source, target("LE"), STABLEHLO))


def test_a_rare_difference_is_found_by_the_solver():
    """The programs differ only where x is 12345678 exactly."""
    arrays = [Array("x", I32, (N,)), Array("y", I32, (N,))]
    x = load("x", i, dtype=I32)
    body = loop("i", 0, "N", store("y", [i], mul(x, number(3, I32))))
    source = program("rare", arrays, [body])
    node = array_of(source, "x")
    tripled = op("multiply", node, splat(3, node.type))
    rare = compare("EQ", node, splat(12345678, node.type))
    target = lifted(source, [Update("y", op("select", rare, splat(0, node.type), tripled))])
    assert prove(source, target, STABLEHLO, level="tested").status is Status.PROVED
    verdict = prove(source, target, STABLEHLO)
    check_counterexample(source, target, verdict)
    assert 12345678 in verdict.counterexample.inputs["x"]


def test_reassociated_floats_are_not_refuted():
    """Sums in another order differ in their last digits, and badly where terms cancel."""
    arrays = [Array("x", F, (N, M)), Array("y", F, ())]
    total = loop("j", 0, "M", store("y", [], add(load("y"), mul(number(1e8), load("x", i, j)))))
    again = loop(
        "j", 0, "M", store("y", [], call("subtract", load("y"), mul(number(99999999.0), load("x", i, j))))
    )
    source = program("cancel", arrays, [loop("i", 0, "N", total, again)])
    x, y = array_of(source, "x"), array_of(source, "y")
    target = lifted(source, [Update("y", op("add", y, reduce(x, "add", [0, 1])))])
    verdict = prove(source, target, STABLEHLO, all_sizes=False)
    assert verdict.status is Status.PROVED and verdict.level is Level.BOUNDED
    assert any("exact reals" in sentence for sentence in verdict.assumptions)


def test_a_maximum_moved_through_a_sum_is_proved_though_the_field_objects():
    arrays = [Array("x", F, (N,)), Array("y", F, (N,)), Array("c", F, ()), Array("z", F, (N,))]
    larger = call("maximum", add(load("x", i), load("c")), add(load("y", i), load("c")))
    source = program("shift", arrays, [loop("i", 0, "N", store("z", [i], larger))])
    x, y, c = (array_of(source, name) for name in ("x", "y", "c"))
    from proof_kernels import scalar_to

    target = lifted(source, [Update("z", op("add", op("maximum", x, y), scalar_to(c, x)))])
    verdict = prove(source, target, STABLEHLO)
    assert verdict.status is Status.PROVED and verdict.level is Level.BOUNDED


def test_an_array_that_the_lifting_forgets_counts_as_unchanged():
    kernel = KERNELS["covariance"]()
    forgetful = lifted(kernel.source, [update for update in kernel.lifted.body if update.array != "mean"])
    verdict = prove(kernel.source, forgetful, kernel.dialect)
    assert verdict.status is Status.REFUTED and verdict.counterexample.result == "mean"
    # A scalar that is passed by value may change without anybody seeing it.
    arrays = [Array("s", F, ()), Array("y", F, ())]
    body = [store("s", [], add(load("s"), number(1))), store("y", [], load("s"))]
    source = program("by_value", arrays, body, by_value=("s",))
    target = lifted(source, [Update("y", op("add", array_of(source, "s"), constant(1.0, F)))])
    assert prove(source, target, STABLEHLO).status is Status.PROVED


def test_what_is_stored_through_a_condition_keeps_what_was_there():
    """The miscompilation known from another raiser: a store, then a conditional store over it."""
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    flag = call("compare_gt", load("x", i), number(0))
    body = loop(
        "i",
        0,
        "N",
        store("y", [i], number(5)),
        store("y", [i], call("select", flag, load("x", i), load("y", i))),
    )
    source = program("conditional", arrays, [body])
    x, y = array_of(source, "x"), array_of(source, "y")
    positive = compare("GT", x, splat(0.0, x.type))
    right = lifted(source, [Update("y", op("select", positive, x, splat(5.0, x.type)))])
    assert prove(source, right, STABLEHLO).status is Status.PROVED
    wrong = lifted(source, [Update("y", op("select", positive, x, y))])
    check_counterexample(source, wrong, prove(source, wrong, STABLEHLO))


def test_constraints_on_sizes_are_respected():
    """Right for N >= 4 only, which the constraint grants."""
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    body = loop("i", 0, N - 3, store("y", [i], load("x", i + 3)))

    def source(constraints):
        return program("window", arrays, [body], sizes=(Size("N", minimum=3),), constraints=constraints)

    whole = source(Guard.of(Constraint(N - 4)))
    x, y = array_of(whole, "x"), array_of(whole, "y")
    moved = pad(slice_(x, [3], [N]), constant(0.0, F), [0], [3])
    row = iota((N,), 0)
    inside = compare("LT", row, op("subtract", _count(row), splat(3, row.type)))
    value = op("select", inside, moved, y)
    verdict = prove(whole, lifted(whole, [Update("y", value)]), STABLEHLO)
    assert verdict.status is Status.PROVED and min(sizes["N"] for sizes in verdict.sizes) == 4


def _count(row):
    from proof_kernels import scalar_to

    from exalift.base import DType
    from exalift.dialects.stablehlo import index_scalar

    return scalar_to(index_scalar(N, DType.I64), row)


def test_pinned_sizes_stay_where_they_are():
    kernel = KERNELS["gemm"]()
    verdict = prove(kernel.source, kernel.lifted, kernel.dialect, sizes={"K": 5})
    assert verdict.status is Status.PROVED and {sizes["K"] for sizes in verdict.sizes} == {5}
    with pytest.raises(UsageError, match="no size 'Q'"):
        prove(kernel.source, kernel.lifted, kernel.dialect, sizes={"Q": 5})


def test_a_lifting_without_a_meaning_is_refuted():
    """Its slice needs one element more than there is at N = 1, where the source runs."""
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    source = program("copy", arrays, [loop("i", 0, "N", store("y", [i], load("x", i)))])
    x = array_of(source, "x")
    short = Operation(
        "stablehlo.slice",
        (x,),
        (("start_indices", (0,)), ("limit_indices", (N - 1,)), ("strides", (1,))),
        TensorType((N - 1,), F),
    )
    verdict = prove(source, lifted(source, [Update("y", short)]), STABLEHLO)
    assert verdict.status is Status.REFUTED and "no meaning" in verdict.reason


def test_unknown_is_said_where_nothing_can_be_decided():
    opaque = Dialect(
        "opaque", (*STABLEHLO.definitions, OpDefinition("opaque.copy", 1, lambda t, _: t[0], None))
    )
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    source = program("copy", arrays, [loop("i", 0, "N", store("y", [i], load("x", i)))])
    x = array_of(source, "x")
    target = lifted(source, [Update("y", Operation("opaque.copy", (x,), (), x.type))])
    verdict = prove(source, target, opaque)
    assert verdict.status is Status.UNKNOWN and verdict.level is None and "opaque.copy" in verdict.reason


def test_the_budget_is_kept_and_unknown_is_not_proved():
    """A lifting that equals its source by a law nobody here knows: sin^2 + cos^2 = 1."""
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    sine, cosine = call("sine", load("x", i)), call("cosine", load("x", i))
    value = add(mul(sine, sine), mul(cosine, cosine))
    source = program("unit", arrays, [loop("i", 0, "N", store("y", [i], value))])
    one = splat(1.0, array_of(source, "x").type)
    start = time.monotonic()
    verdict = prove(source, lifted(source, [Update("y", one)]), STABLEHLO, budget_s=3)
    assert time.monotonic() - start < 8
    assert verdict.status is Status.UNKNOWN and verdict.level is Level.TESTED
    short = prove(KERNELS["gemm"]().source, KERNELS["gemm"]().lifted, STABLEHLO, budget_s=0.02)
    assert short.status is Status.UNKNOWN or short.seconds < 0.2


def test_sizes_too_large_to_interpret_are_unknown():
    kernel = KERNELS["gemm"]()
    sizes = {"N": 2000, "M": 2000, "K": 2000}
    verdict = prove(kernel.source, kernel.lifted, kernel.dialect, sizes=sizes, budget_s=2)
    assert verdict.status is Status.UNKNOWN and verdict.seconds < 20


def test_programs_that_do_not_fit_are_usage_errors():
    kernel, other = KERNELS["gemm"](), KERNELS["clip"]()
    with pytest.raises(UsageError, match="no parameter 'x'"):
        prove(kernel.source, other.lifted, STABLEHLO)
    returning = KERNELS["clip"]().source
    silent = lifted(returning, [Update("y", array_of(returning, "x"))])
    with pytest.raises(UsageError, match="returns a value"):
        prove(returning, silent, STABLEHLO)


def test_a_returned_truth_value_is_compared():
    """Whether all elements are positive: `and` over comparisons."""
    from exalift.base import DType

    i1 = DType.I1
    arrays = [Array("x", F, (N, M)), Array("ok", i1, (), Role.LOCAL)]
    flag = call("and", load("ok", dtype=i1), call("compare_gt", load("x", i, j), number(0)))
    body = [store("ok", [], number(True, i1)), loop("i", 0, "N", loop("j", 0, "M", store("ok", [], flag)))]
    source = program("all_positive", arrays, body, load("ok", dtype=i1))
    x = array_of(source, "x")
    local = (Argument("return", TensorType((), i1)),)

    def target(function):
        return lifted(
            source,
            [
                Update(
                    "return",
                    reduce(
                        compare("GT", transpose(x, (1, 0)), splat(0.0, TensorType((M, N), F))),
                        function,
                        [0, 1],
                    ),
                )
            ],
            local,
        )

    assert prove(source, target("and"), STABLEHLO).status is Status.PROVED
    assert prove(source, target("or"), STABLEHLO).status is Status.REFUTED


def test_verdicts_validate_themselves():
    with pytest.raises(ValueError, match="has a level"):
        Verdict(Status.PROVED, None)
    with pytest.raises(ValueError, match="has no level"):
        Verdict(Status.REFUTED, Level.TESTED)
    assert [level for level in Level if level.reaches(Level.BOUNDED)] == [Level.BOUNDED, Level.ALL_SIZES]
