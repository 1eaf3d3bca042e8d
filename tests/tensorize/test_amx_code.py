"""What AMX kernels become: where tiles are loaded, stored and configured, and when AMX is chosen."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from foreign_cpu import SAPPHIRE_RAPIDS, TRIPLE
from test_tensorized_kernels import check, convolution

from exalift.base import DType
from exalift.llvm import Target, assembly
from exalift.tensorize import Plan, Schedule, calling, emit_kernel, matrix_product, plan_for, usable_features
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.instructions import BY_NAME

KINDS = {
    "tdpbusd": (DType.UI8, DType.I8, DType.I32),
    "tdpbssd": (DType.I8, DType.I8, DType.I32),
    "tdpbf16ps": (DType.BF16, DType.BF16, DType.F32),
}


def _code(plan: Plan) -> dict[str, list[str]]:
    """Lines of assembly by function."""
    functions: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in assembly(emit_kernel(plan, "k", TRIPLE).text, Target(TRIPLE, SAPPHIRE_RAPIDS)).splitlines():
        if found := re.match(r'"?(k[\w.]*)"?:', line):
            lines = functions[found[1]] = []
        lines.append(line.strip())
    return functions


@pytest.mark.parametrize("name", KINDS)
def test_a_tile_is_loaded_once_for_each_product_and_stored_once(name: str) -> None:
    """1024 x 1024 x 1024: four accumulators, a load a product, nothing spilled, nothing copied."""
    plan = plan_for(matrix_product(1024, 1024, 1024, *KINDS[name]), SAPPHIRE_RAPIDS)
    assert plan.instruction.name == name and plan.lhs_in_place
    functions = _code(plan)
    (tile,) = [lines for title, lines in functions.items() if ".tile_" in title]
    places = [at for at, line in enumerate(tile) if line.startswith(name)]
    inner = tile[places[0] : places[-1] + 1]
    products, loads = len(places), sum(line.startswith("tileload") for line in tile)
    assert products >= 4 and loads == products
    assert not any("tilestore" in line or "(%rsp" in line for line in inner)
    assert len({line.split()[-1] for line in tile if line.startswith(name)}) == 4
    assert sum(line.startswith("tilestore") for line in tile) == 4
    assert not any("mm" in line.split("\t")[-1] for line in tile if not line.startswith(("tile", name)))
    # Tiles are configured once a call, outside all loops: before the first branch backwards.
    (run,) = [lines for title, lines in functions.items() if title == "k"]
    assert sum(line.startswith("ldtilecfg") for line in run) == 1
    assert sum(line.startswith("tilerelease") for line in run) == 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("m", "n", "k", "block_k", "in_place"),
    [(48, 40, 192, 192, True), (32, 33, 128, 64, True), (48, 32, 100, 128, False), (47, 32, 64, 64, False)],
)
def test_left_operands_of_whole_tiles_are_not_packed(
    name: str, m: int, n: int, k: int, block_k: int, in_place: bool
) -> None:
    instruction = emulated(BY_NAME[name])
    for accumulate in (False, True):
        product = replace(matrix_product(m, n, k, *KINDS[name]), accumulate=accumulate)
        plan = Plan(product, instruction, Schedule(2, 2, 32, block_k))
        assert plan.lhs_in_place is in_place and (plan.lhs_block_bytes == 0) is in_place
        check(plan)
    batched = Plan(matrix_product(m, n, k, *KINDS[name], batch=2), instruction, Schedule(2, 2, 32, block_k))
    check(batched)


def test_what_has_to_be_changed_is_packed() -> None:
    """Another sign, a transposed operand, margins."""
    unsigned = BY_NAME["tdpbusd"]
    for contraction in (
        matrix_product(32, 32, 64, DType.I8, DType.I8, DType.I32),
        matrix_product(32, 32, 64, *KINDS["tdpbusd"], transpose_lhs=True),
        convolution(*KINDS["tdpbusd"], stride=1, dilation=1, pad=1),
    ):
        assert not Plan(contraction, unsigned, Schedule(2, 2, 32, 64)).lhs_in_place


def test_register_tiles_that_need_a_ninth_tile_are_refused() -> None:
    product = matrix_product(48, 32, 64, *KINDS["tdpbusd"])
    for rows, columns in ((3, 2), (2, 3), (4, 2)):
        with pytest.raises(ValueError, match="registers"):
            Plan(product, BY_NAME["tdpbusd"], Schedule(rows, columns, 16 * rows, 64))


@pytest.mark.parametrize(
    ("shape", "tiles"),
    [
        ((1, 1, 1), False),
        ((1, 1024, 1024), False),
        ((4, 4, 4), False),
        ((64, 64, 64), True),
        ((512, 512, 512), True),
        ((1024, 1024, 1024), True),
        ((1000, 1200, 1100), True),
    ],
)
@pytest.mark.parametrize("name", KINDS)
def test_tiles_are_chosen_where_they_are_filled(name: str, shape: tuple[int, int, int], tiles: bool) -> None:
    plan = plan_for(matrix_product(*shape, *KINDS[name]), SAPPHIRE_RAPIDS)
    assert plan.instruction.loads_tiles is tiles
    without = plan_for(matrix_product(*shape, *KINDS[name]), SAPPHIRE_RAPIDS - {"amx-tile"})
    assert not without.instruction.loads_tiles


def test_tiles_that_the_system_does_not_permit_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(TRIPLE, SAPPHIRE_RAPIDS)
    monkeypatch.setattr(calling, "may_use_tiles", lambda: False)
    assert not [name for name in usable_features(target) if name.startswith("amx")]
    monkeypatch.setattr(calling, "may_use_tiles", lambda: True)
    assert {"amx-tile", "amx-int8", "amx-bf16"} <= usable_features(target)
