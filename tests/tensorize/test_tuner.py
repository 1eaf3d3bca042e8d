"""Tuning: the model's choice, measurements, and what is remembered of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from exalift.affine import Affine, Apply, Load
from exalift.base import DType, UsageError
from exalift.llvm import assembly, host_target, plain_target
from exalift.tensorize import (
    SUM,
    Epilogue,
    Plan,
    Schedule,
    matrix_product,
    plan_for,
    remembered_plan,
    usable_features,
)
from exalift.tensorize.instructions import BY_NAME
from exalift.tensorize.peaks import instruction_text, measure_peaks
from exalift.tensorize.tuner import MACHINE, cache_key, candidates, estimate, measure, tune

PRODUCT = matrix_product(40, 50, 60, DType.F32, DType.F32, DType.F32)


def test_a_measurement_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "tensorize.json"
    seen: list[tuple[int, int]] = []

    def progress(number: int, count: int, plan: Plan, seconds: float) -> None:
        assert seconds > 0 and plan.contraction == PRODUCT
        seen.append((number, count))

    first = tune(PRODUCT, budget_s=0.3, most=2, progress=progress, path=path)
    assert seen and seen[-1][0] == seen[-1][1]
    again = tune(PRODUCT, budget_s=0.3, progress=lambda *_: pytest.fail("measured again"), path=path)
    assert again.plan.schedule == first.plan.schedule and again.seconds == first.seconds
    tune(PRODUCT, 2, budget_s=0.3, most=1, path=path)
    assert len(json.loads(path.read_text())) == 2


def test_a_cache_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "tensorize.json"
    key = cache_key(PRODUCT, 1)
    bad = {"instruction": "fma_f32_zmm", "schedule": {"rows": 99, "columns": 9}, "seconds": 1.0}
    wrong_type = {"instruction": "fma_f64_zmm", "seconds": 1.0, "schedule": {"rows": 1, "columns": 1}}
    for text in ("", "[]", "{", json.dumps({key: 3}), json.dumps({key: bad}), json.dumps({key: wrong_type})):
        path.write_text(text)
        tuned = tune(PRODUCT, budget_s=0.1, most=1, path=path)
        assert json.loads(path.read_text())[key]["schedule"]["rows"] == tuned.plan.schedule.rows


def test_on_request_nothing_is_measured_or_written(tmp_path: Path) -> None:
    path = tmp_path / "tensorize.json"
    tuned = tune(PRODUCT, deterministic=True, path=path)
    assert tuned.plan == plan_for(PRODUCT, usable_features()) and tuned.seconds == 0.0
    assert not path.exists()


def test_what_is_shipped_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its shape whatever loops are called, and for no other; a cache of the user's goes before."""
    instruction = plan_for(PRODUCT, usable_features()).instruction.name
    schedule = {"rows": 2, "columns": 1, "block_m": 2, "block_k": 60, "splits": 1, "unroll": 1}
    entry = {"what": "", "instruction": instruction, "schedule": schedule, "seconds": 1.0}
    monkeypatch.setattr(measure, "shipped_entries", lambda: {cache_key(PRODUCT, 1): entry})
    path = tmp_path / "tensorize.json"
    renamed = replace(
        PRODUCT,
        dimensions=tuple(replace(d, name=f"{d.name}.x") for d in PRODUCT.dimensions),
        **{
            name: replace(access, indices=tuple(Affine.symbol(f"{i}.x") for i in access.indices))
            for name in ("lhs", "rhs", "out")
            for access in (getattr(PRODUCT, name),)
        },
    )
    for contraction in (PRODUCT, renamed):
        for deterministic in (False, True):
            tuned = tune(contraction, deterministic=deterministic, path=path)
            assert (tuned.plan.schedule.rows, tuned.seconds) == (2, 1.0) and not path.exists()
    assert tune(PRODUCT, 2, deterministic=True, path=path).seconds == 0.0
    own = entry | {"schedule": schedule | {"rows": 1}, "seconds": 0.5}
    path.write_text(json.dumps({cache_key(PRODUCT, 1): own}))
    assert tune(PRODUCT, path=path).plan.schedule.rows == 1
    assert tune(PRODUCT, path=path, deterministic=True).plan.schedule.rows == 2
    wrong = entry | {"instruction": "sdot"}
    monkeypatch.setattr(measure, "shipped_entries", lambda: {cache_key(PRODUCT, 1): wrong})
    assert tune(PRODUCT, deterministic=True).plan == plan_for(PRODUCT, usable_features())


def test_plans_are_looked_up_without_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tuned for the sums serves whatever follows them, unless that was tuned itself."""
    monkeypatch.setenv("EXALIFT_CACHE", str(tmp_path))
    features, value = usable_features(), Apply("negate", (Load(SUM, (), DType.F32),), DType.F32)
    finished = replace(PRODUCT, epilogue=Epilogue(value))
    assert remembered_plan(finished, features, 1) is None
    schedule = {"rows": 2, "columns": 1, "block_m": 2, "block_k": 60, "splits": 1, "unroll": 1}
    instruction = plan_for(PRODUCT, features).instruction.name
    entry = {"instruction": instruction, "schedule": schedule, "seconds": 1.0}
    (tmp_path / "tensorize.json").write_text(json.dumps({cache_key(PRODUCT, 1): entry}))
    found = remembered_plan(finished, features, 1)
    assert found is not None and (found.schedule.rows, found.contraction) == (2, finished)
    assert remembered_plan(finished, features, 2) is None
    assert remembered_plan(finished, features, 1, plain_target()) is None
    both = {
        cache_key(PRODUCT, 1): entry,
        cache_key(finished, 1): entry | {"schedule": schedule | {"rows": 1}},
    }
    (tmp_path / "tensorize.json").write_text(json.dumps(both, indent=2))
    own = remembered_plan(finished, features, 1)
    assert own is not None and own.schedule.rows == 1


def test_the_file_that_is_shipped_is_whole() -> None:
    entries = json.loads(Path(measure.__file__).with_name("shipped.json").read_text())
    assert len(entries) > 50
    for entry in entries.values():
        assert entry["instruction"] in BY_NAME and entry["what"] and entry["seconds"] > 0
        Schedule(**entry["schedule"])


def test_without_an_instruction_the_reasons_are_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no instruction computes"):
        tune(matrix_product(4, 4, 4, DType.I64, DType.I64, DType.I64), path=tmp_path / "none.json")


def test_the_key_tells_what_matters_apart() -> None:
    others = [
        matrix_product(40, 50, 61, DType.F32, DType.F32, DType.F32),
        matrix_product(40, 50, 60, DType.F64, DType.F64, DType.F64),
        matrix_product(40, 50, 60, DType.F32, DType.F32, DType.F32, transpose_rhs=True),
    ]
    keys = {cache_key(PRODUCT, 1), cache_key(PRODUCT, 2), *(cache_key(other, 1) for other in others)}
    assert len(keys) == 5


def test_candidates_are_plans_in_the_order_of_their_cost() -> None:
    for shape in ((1, 1, 1), (512, 512, 512), (50176, 64, 64), (7, 2000, 9)):
        for threads in (1, 2):
            contraction = matrix_product(*shape, DType.F32, DType.F32, DType.F32)
            plans = candidates(contraction, BY_NAME["fma_f32_zmm"], threads, MACHINE)
            costs = [estimate(plan, threads, MACHINE).cycles for plan in plans]
            assert costs and costs == sorted(costs)


def test_peaks_are_measured_for_what_the_cpu_has() -> None:
    instructions = [BY_NAME[name] for name in ("mul_add_f32_xmm", "fma_f32_zmm", "tdpbusd")]
    peaks = measure_peaks(2, 1, instructions)
    usable = {i.name for i in instructions if i.features <= usable_features()}
    assert {peak.name for peak in peaks if not peak.is_memory} == usable
    assert all(peak.rate > 0 and peak.threads == 2 for peak in peaks)


@pytest.mark.skipif(not host_target().is_x86, reason="pmaddwd is x86's")
def test_nothing_of_a_measured_loop_is_taken_out_of_it() -> None:
    text = assembly(instruction_text(BY_NAME["pmaddwd_xmm"], "v"), plain_target())
    loop = text[text.index(".LBB") : text.index("\tjne\t")]
    assert loop.count("pmaddwd") == loop.count("paddd") == 12
