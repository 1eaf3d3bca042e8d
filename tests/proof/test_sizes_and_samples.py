import numpy as np
import pytest
from proof_kernels import KERNELS, F, K, M, N, array_of, load, program, store

from exalift.affine import Affine, Array, Constraint, Guard, Size
from exalift.affine.algebra import Machine, PrimeField, Rational
from exalift.base import DType
from exalift.proof.samples import STYLES, as_machine, as_rational, sample
from exalift.proof.sizes import SizeSpace, sizes_for_tests, small_sizes


def space(*sizes, constraints=None, pinned=None):
    arrays = [Array("x", F, tuple(Affine.symbol(size.name) for size in sizes))]
    return SizeSpace.of(program("f", arrays, [], sizes=sizes, constraints=constraints), pinned)


def test_all_small_tuples_cheap_pairs_first():
    small = small_sizes(space(Size("N"), Size("M"), Size("K", minimum=2)), 3)
    assert small.complete and len(small.tuples) == 27
    assert small.bounds == {"N": (1, 3), "M": (1, 3), "K": (2, 4)}
    cover = small.tuples[: small.covering]
    assert len(cover) < 20
    for a, b in [("N", "M"), ("N", "K"), ("M", "K")]:
        assert len({(t[a], t[b]) for t in cover}) == 9


def test_constraints_minima_and_pins_hold():
    guard = Guard.of(Constraint(N - M * 2), Constraint(M - 3), Constraint((K % 2), equality=True))
    where = space(Size("N"), Size("M"), Size("K"), Size("T"), constraints=guard, pinned={"T": 40})
    for tuples in (small_sizes(where, 3).tuples, sizes_for_tests(where)):
        assert tuples
        for t in tuples:
            assert t["N"] >= 2 * t["M"] >= 6 and t["K"] % 2 == 0 and t["K"] >= 1 and t["T"] == 40


def test_many_sizes_are_sampled_and_say_so():
    small = small_sizes(space(*(Size(f"S{k}") for k in range(12))), 3)
    assert not small.complete and small.covering < len(small.tuples) <= 4096
    pairs = {(t["S0"], t["S11"]) for t in small.tuples[: small.covering]}
    assert len(pairs) == 9


def test_impossible_constraints_give_nothing():
    where = space(Size("N"), constraints=Guard.of(Constraint(N * -1 - 1)))
    assert not small_sizes(where, 3).tuples and not sizes_for_tests(where)


def test_sizes_for_tests_are_small_distinct_and_reach_the_minimum():
    tuples = sizes_for_tests(space(Size("N"), Size("M"), Size("K")))
    assert {"N": 1, "M": 1, "K": 1} in tuples
    assert any(len(set(t.values())) == 3 for t in tuples)
    assert any(t["N"] < t["M"] < t["K"] for t in tuples) and any(t["N"] > t["M"] > t["K"] for t in tuples)
    assert max(max(t.values()) for t in tuples) < 16
    assert sizes_for_tests(space()) == ({},)


@pytest.mark.parametrize("algebra", [Machine(), PrimeField(), Rational()], ids=lambda a: a.name)
@pytest.mark.parametrize("style", STYLES)
def test_samples_have_shapes_and_storage(algebra, style):
    if style not in ("normal", "ties") and not isinstance(algebra, Machine):
        return
    arrays = [Array(f"a{k}", d, (N, N)) for k, d in enumerate(DType)] + [Array("s", F, ())]
    inputs = sample(arrays, {"N": 3}, style, algebra, np.random.default_rng(0))
    for array in arrays:
        assert inputs[array.name].dtype == algebra.storage(array.dtype)
        assert inputs[array.name].shape == ((3, 3) if array.shape else ())


def test_conditioned_matrices_can_be_factorised():
    arrays = [Array("a", F, (N, N))]
    inputs = sample(arrays, {"N": 5}, "conditioned", Machine(), np.random.default_rng(0))
    np.linalg.cholesky(inputs["a"])


def test_machine_values_survive_the_way_through_rationals():
    arrays = [Array("a", F, (N,)), Array("b", DType.F32, ()), Array("c", DType.I16, (N,))]
    inputs = sample(arrays, {"N": 4}, "normal", Machine(), np.random.default_rng(1))
    back = as_machine(arrays, as_rational(arrays, inputs))
    for name, value in inputs.items():
        assert back[name].dtype == value.dtype and np.array_equal(back[name], value)


def test_hand_written_kernels_are_programs():
    assert len(KERNELS) == 13
    assert array_of(KERNELS["gemm"]().source, "A").type.rank == 2
    assert store("x", [0], load("y")).array == "x"
