"""The proof for all sizes: right liftings are proved, near misses and mutants are not."""

import tomllib
from pathlib import Path

import pytest
from mutants import differs, mutants
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
    scalar_to,
    splat,
    store,
)

from exalift.affine import Affine, Array, Cast, IndexValue, Size, abstract_sizes, split_into_regions
from exalift.dialects import Argument, ArrayValue, Result, TensorLoop, TensorProgram, TensorType, Update
from exalift.dialects.stablehlo import (
    STABLEHLO,
    broadcast,
    compare,
    convert,
    dot_general,
    dynamic_slice,
    dynamic_update_slice,
    index_scalar,
    iota,
    op,
    reduce,
    transpose,
)
from exalift.frontend.c import parse_c
from exalift.proof import Level, Status, prove
from exalift.proof.all_sizes import prove_all_sizes
from exalift.proof.sizes import SizeSpace
from exalift.synthesis import LiftOptions, lift_regions

# softmax reads its maximum in two parts, and clip counts into a local that it never sets.
UNKNOWN = {"softmax", "clip"}
HEADLINE = (
    *("2mm", "3mm", "atax", "bicg", "mvt", "gemm", "gesummv", "gemver", "doitgen", "covariance"),
    *("correlation", "symm", "syrk", "syr2k", "trmm"),
)
FOLDER = Path(__file__).parents[2] / "benchmarks" / "kernels"


def proved(source, target, budget_s=20.0):
    return prove_all_sizes(source, target, STABLEHLO, budget_s=budget_s)


@pytest.mark.parametrize("name", sorted(KERNELS.keys() - UNKNOWN))
def test_right_liftings_are_proved_for_all_sizes(name):
    kernel = KERNELS[name]()
    outcome = prove_all_sizes(kernel.source, kernel.lifted, kernel.dialect, budget_s=20)
    assert outcome.proved, outcome.reason


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_is_not_handled_is_unknown_with_a_reason(name):
    kernel = KERNELS[name]()
    outcome = prove_all_sizes(kernel.source, kernel.lifted, kernel.dialect, budget_s=20)
    assert not outcome.proved and outcome.reason


@pytest.mark.parametrize("name", HEADLINE)
def test_own_liftings_of_the_headline_kernels_are_proved_for_all_sizes(name):
    path = FOLDER / f"{name}.c"
    function = tomllib.loads((FOLDER / "suite.toml").read_text())[name]["function"]
    source = abstract_sizes(parse_c(path.read_text(), str(path), function=function)[0], {})
    target = lift_regions(split_into_regions(source), STABLEHLO, LiftOptions(budget_s=30)).program
    outcome = proved(source, target)
    print(f"{name}: {outcome.reason}, {outcome.seconds:.2f} s")
    assert outcome.proved, outcome.reason


def check_mutants(name, step):
    """No mutant that differs is proved; gives how many differ, and how many of the others are proved."""
    kernel = KERNELS[name]()
    space = SizeSpace.of(kernel.source)
    count = len(space.names)
    wanted = (tuple(5 + 2 * k for k in range(count)), tuple(4 + 2 * (count - k) for k in range(count)))
    sizes = [space.named(values) for near in wanted if (values := space.near(near))]
    different = same = 0
    for mutant in mutants(kernel.lifted, kernel.dialect)[::step]:
        outcome = prove_all_sizes(kernel.source, mutant, kernel.dialect, budget_s=5)
        if differs(kernel, mutant, sizes):
            different += 1
            assert not outcome.proved, f"{mutant}"
        else:
            same += outcome.proved
    return different, same


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_no_mutant_of_a_sample_that_differs_is_proved(name):
    assert check_mutants(name, 6)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KERNELS))
def test_no_mutant_that_differs_is_proved(name):
    different, same = check_mutants(name, 1)
    print(f"{name}: {different} mutants that differ, none proved; {same} that mean the same proved")


def test_the_verdict_says_the_level_and_what_it_relies_on():
    kernel = KERNELS["symm"]()
    verdict = prove(kernel.source, kernel.lifted, kernel.dialect)
    assert (verdict.status, verdict.level) == (Status.PROVED, Level.ALL_SIZES)
    assert any("reassociated" in sentence for sentence in verdict.assumptions)


def triangle(strict=False):
    """y[i] += a[i][j] x[j], for j up to i."""
    arrays = [Array("a", F, (N, N)), Array("x", F, (N,)), Array("y", F, (N,))]
    body = store("y", [i], add(load("y", i), mul(load("a", i, j), load("x", j))))
    return program("triangle", arrays, [loop("i", 0, "N", loop("j", 0, i if strict else i + 1, body))])


def masked(source, direction, turned=False):
    a, x, y = (array_of(source, name) for name in "axy")
    shape = a.type.shape
    kept = compare(direction, iota(shape, 0), iota(shape, 1))
    zero = splat(0.0, a.type)
    if turned:
        a = transpose(a, [1, 0])
    return lifted(source, [Update("y", op("add", y, dot_general(op("select", kept, a, zero), x, [(1, 0)])))])


def test_masks_that_are_off_by_one_or_turned_are_not_proved():
    source, strict = triangle(), triangle(strict=True)
    assert proved(source, masked(source, "GE")).proved
    assert proved(strict, masked(strict, "GT")).proved
    assert not proved(source, masked(source, "GT")).proved  # the diagonal is dropped
    assert not proved(strict, masked(strict, "GE")).proved  # an inclusive bound
    assert not proved(source, masked(source, "LE")).proved
    assert not proved(source, masked(source, "GE", turned=True)).proved


def test_an_operand_transposed_is_proved_only_where_the_product_is_symmetric():
    """x x^T is its own transpose, x y^T is not: factors of one array commute, others do not."""
    arrays = [Array(name, F, (N, M)) for name in "xy"] + [Array("s", F, (N, N))]

    def source_of(right):
        product = mul(load("x", i, "k"), load(right, j, "k"))
        body = loop("k", 0, "M", store("s", [i, j], add(load("s", i, j), product)))
        return program("outer", arrays, [loop("i", 0, "N", loop("j", 0, "N", body))])

    for right, expected in (("x", True), ("y", False)):
        source = source_of(right)
        product = dot_general(array_of(source, "x"), array_of(source, right), [(1, 1)])
        turned = op("add", array_of(source, "s"), transpose(product, [1, 0]))
        assert proved(source, lifted(source, [Update("s", turned)])).proved is expected


def test_repeated_terms_are_counted():
    """The sum of N ones is N; a term that a bound axis only repeats is not a single term."""
    arrays = [Array("c", F, ()), Array("y", F, (N,))]
    body = loop("j", 0, "M", store("y", [i], add(load("y", i), load("c"))))
    source = program("repeat", arrays, [loop("i", 0, "N", body)], sizes=(Size("N"), Size("M")))
    y, c = array_of(source, "y"), array_of(source, "c")
    once = lifted(source, [Update("y", op("add", y, scalar_to(c, y)))])
    assert not proved(source, once).proved
    often = lifted(source, [Update("y", op("add", y, reduce(broadcast(c, (N, M), []), "add", [1])))])
    assert proved(source, often).proved


def copy_program(steps):
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    return program("copies", arrays, steps)


def test_the_order_of_updates_in_place_matters():
    first = loop("i", 0, "N", store("x", [i], mul(number(2.0), load("x", i))))
    second = loop("i", 0, "N", store("y", [i], load("x", i)))
    source = copy_program([first, second])
    x = array_of(source, "x")
    twice = Update("x", op("multiply", splat(2.0, x.type), x))
    assert proved(source, lifted(source, [twice, Update("y", x)])).proved
    assert not proved(source, lifted(source, [Update("y", x), twice])).proved
    both = Update("y", op("multiply", splat(2.0, x.type), x))
    assert proved(source, lifted(source, [both, Update("x", both.value)])).proved


def test_a_loop_that_runs_once_too_often_is_not_proved():
    kernel = KERNELS["jacobi"]()
    (steps,) = kernel.lifted.body
    for lower, upper, expected in ((0, "T", True), (1, "T", False), (0, Affine.of("T") + 1, False)):
        other = TensorLoop("t", (Affine.of(lower),), (Affine.of(upper),), steps.body, "time")
        target = lifted(kernel.source, [other])
        assert proved(kernel.source, target).proved is expected


def test_loops_may_call_their_variables_otherwise_but_must_use_their_own():
    kernel = KERNELS["scan"]()
    (steps,) = kernel.lifted.body
    foreign = lifted(kernel.source, [TensorLoop("q", steps.lower, steps.upper, steps.body, "")])
    assert not proved(kernel.source, foreign).proved  # its body still speaks of i
    q = Affine.symbol("q")
    x = array_of(kernel.source, "x")
    here, before = dynamic_slice(x, [q], [1]), dynamic_slice(x, [q - 1], [1])
    value = op("add", here, op("multiply", splat(0.5, here.type), before))
    body = (Update("x", dynamic_update_slice(x, value, [q])),)
    own = lifted(kernel.source, [TensorLoop("q", steps.lower, steps.upper, body, "")])
    assert proved(kernel.source, own).proved


def test_a_parameter_whose_contents_the_lifting_makes_up_is_not_proved():
    """What was an argument of the source and starts as zeros in the lifting is another thing."""
    source = copy_program([loop("i", 0, "N", store("y", [i], add(load("x", i), load("y", i))))])
    kind = TensorType((N,), F)
    x, y = ArrayValue("x", kind), ArrayValue("y", kind)
    arguments = (Argument("x", kind), Argument("y", kind))
    results = (Result("y", "y", kind),)
    body = (Update("y", op("add", x, y)),)

    def target(arguments, locals_):
        return TensorProgram("copies", "stablehlo", ("N",), arguments, locals_, body, results)

    assert proved(source, target(arguments, ())).proved
    assert not proved(source, target(arguments[:1], arguments[1:])).proved


def test_means_over_one_less_are_not_proved():
    arrays = [Array("x", F, (N,)), Array("y", F, ())]
    count = Cast(IndexValue(N, I32), F)
    total = loop("i", 0, "N", store("y", [], add(load("y"), call("divide", load("x", i), count))))
    source = program("mean", arrays, [total], sizes=(Size("N", minimum=2),))
    x, y = array_of(source, "x"), array_of(source, "y")

    def target(size):
        mean = op("divide", reduce(x, "add", [0]), convert(index_scalar(size, I32), F))
        return lifted(source, [Update("y", op("add", y, mean))])

    assert proved(source, target(N)).proved
    assert not proved(source, target(N - 1)).proved


def test_time_and_work_are_bounded():
    kernel = KERNELS["covariance"]()
    outcome = prove_all_sizes(kernel.source, kernel.lifted, kernel.dialect, budget_s=0.0)
    assert not outcome.proved and "time" in outcome.reason
