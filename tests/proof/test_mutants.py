"""The prover must be hard to fool: no mutant of a right lifting that means something else is proved."""

import pytest
from mutants import differs, mutants
from proof_kernels import KERNELS

from exalift.proof import Status, prove
from exalift.proof.sizes import SizeSpace


def _large(kernel):
    space = SizeSpace.of(kernel.source)
    count = len(space.names)
    rising, falling = tuple(5 + 2 * k for k in range(count)), tuple(4 + 2 * (count - k) for k in range(count))
    return [space.named(values) for wanted in (rising, falling) if (values := space.near(wanted))]


def _check(name, step):
    """Every `step`-th mutant; gives how many differ and how many do not."""
    kernel = KERNELS[name]()
    sizes = _large(kernel)
    counts = {True: 0, False: 0}
    for mutant in mutants(kernel.lifted, kernel.dialect)[::step]:
        different = differs(kernel, mutant, sizes)
        verdict = prove(kernel.source, mutant, kernel.dialect, budget_s=5)
        counts[different] += 1
        if different:
            assert verdict.status is Status.REFUTED, f"{verdict}\n{mutant}"
    return counts


@pytest.mark.parametrize("name", KERNELS)
def test_a_sample_of_mutants_is_refuted(name):
    count = len(mutants(KERNELS[name]().lifted, KERNELS[name]().dialect))
    assert _check(name, max(1, count // 12))[True] >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", KERNELS)
def test_all_mutants_are_refuted(name):
    counts = _check(name, 1)
    print(f"{name}: {counts[True]} mutants that differ were refuted; {counts[False]} mean the same")
