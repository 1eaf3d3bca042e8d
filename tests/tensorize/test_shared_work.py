"""Parts of a kernel take work from each other: all of it is done once, in whatever order parts run."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array, random_values
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.base import DType
from exalift.llvm import can_use_threads, compile_text, host_target
from exalift.tensorize import (
    Contraction,
    Plan,
    compile_kernel,
    emit_kernel,
    matrix_product,
    plan_for,
    usable_features,
)
from exalift.tensorize.calling import aligned
from exalift.tensorize.rewriter.plan import LINE

F32 = DType.F32


def product(m: int, batch: int) -> Contraction:
    """A product of 19 columns, or several of the same sizes."""
    return matrix_product(m, 19, 23, F32, F32, F32, batch=batch)


def plan(m: int, batch: int, threads: int, splits: int, tiles: int) -> Plan:
    """Blocks of so many register tiles of rows."""
    made = plan_for(product(m, batch), usable_features(), threads)
    return replace(made, schedule=replace(made.schedule, splits=splits, block_m=tiles * made.tile[0]))


@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(1, 200),
    batch=st.sampled_from([1, 1, 3]),
    splits=st.sampled_from([1, 1, 2]),
    tiles=st.integers(1, 9),
    parts=st.integers(1, 6),
    data=st.data(),
)
def test_all_is_done_in_any_order_of_parts(
    m: int, batch: int, splits: int, tiles: int, parts: int, data: st.DataObject
) -> None:
    made = plan(m, batch, parts, splits, tiles)
    emitted = emit_kernel(made, "shared")
    library = compile_text(emitted.text, [emitted.pack, emitted.run], host_target(), optimise=False)
    random = np.random.default_rng(m)
    lhs, rhs = (random_array(random, access) for access in (made.contraction.lhs, made.contraction.rhs))
    out = random_values(random, made.contraction.out.shape, F32)
    wanted = expected(made.contraction, lhs, rhs, out)
    workspace = aligned(emitted.workspace_bytes(parts))
    buffers = lhs, rhs, out, aligned(emitted.packed_bytes), workspace, out
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6, ctypes.c_int64, ctypes.c_int64)
    places = [array.ctypes.data for array in buffers]
    kind(library.address(emitted.pack))(*places, 0, 1)
    run = kind(library.address(emitted.run))
    for _ in range(2):
        out[...] = np.nan
        for part in data.draw(st.permutations(range(parts))):
            run(*places, part, parts)
        assert_close(out, wanted, F32)
        for part in range(parts):
            end = made.shared_bytes + (part + 1) * made.part_bytes
            assert not workspace[end - LINE : end].any(), "counters are ready for the next run"


@pytest.mark.skipif(not can_use_threads(), reason="teams need Linux's futexes")
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_that_take_from_each_other_do_all_of_it(threads: int) -> None:
    """Numbers are small integers, so that sums are exact."""
    made = compile_kernel(plan(331, 1, threads, 1, 2))
    random = np.random.default_rng(0)
    lhs, rhs = (random.integers(-8, 8, shape).astype(np.float32) for shape in ((331, 23), (23, 19)))
    packed, out = made.pack(rhs), np.zeros((331, 19), np.float32)
    call, wanted = made.bind(lhs, packed, out, threads=threads), lhs @ rhs
    for _ in range(300):
        out[...] = np.nan
        call()
        assert np.array_equal(out, wanted)
