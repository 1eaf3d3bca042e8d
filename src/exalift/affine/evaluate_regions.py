"""Region programs as arrays: every region is one evaluated formula and one scatter."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from exalift.base import VerificationError

from .algebra.protocol import Algebra, Values
from .evaluate import evaluate, guard_mask
from .index_notation import Formula
from .inputs import bind_arrays, bind_sizes
from .ir import Role
from .regions import Region, RegionProgram, RegionStep, SequentialLoop


def evaluate_regions(
    program: RegionProgram, inputs: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra
) -> dict[str, Values]:
    """Run a region program; the answer is that of `interpret` on its source, without the source's locals.

    Gives the final contents of every parameter of the source (under its own name, wherever the
    regions keep it), and "return". Loads out of bounds read 0, as in formulas.
    Raises UsageError for missing or misshapen inputs, VerificationError for a write out of bounds.
    """
    environment = bind_sizes(program.source, sizes)
    arrays = bind_arrays(program.arrays, inputs, environment, algebra)
    # A stack of pending steps with the environments they run in, so that loops do not recurse.
    pending: list[tuple[RegionStep, dict[str, int]]] = [
        (step, environment) for step in reversed(program.body)
    ]
    while pending:
        step, here = pending.pop()
        match step:
            case Region():
                _run_region(step, arrays, here, algebra)
            case SequentialLoop(iv, lower, upper, body):
                start = max(bound.at(here) for bound in lower)
                stop = min(bound.at(here) for bound in upper)
                for value in reversed(range(start, stop)):
                    inside = {**here, iv: value}
                    pending += [(inner, inside) for inner in reversed(body)]
    renamed = dict(program.results)
    results = {
        array.name: arrays[renamed.get(array.name, array.name)]
        for array in program.source.arrays
        if array.role is Role.PARAMETER
    }
    if program.returned is not None:
        results["return"] = arrays[program.returned]
    return results


def _run_region(
    region: Region, arrays: dict[str, Values], sizes: Mapping[str, int], algebra: Algebra
) -> None:
    value = evaluate(Formula(region.axes, region.value), arrays, sizes, algebra)
    points = np.indices(value.shape, dtype=np.int64).reshape(value.ndim, math.prod(value.shape))
    grids = {**sizes, **{axis.name: points[k] for k, axis in enumerate(region.axes)}}
    kept = np.broadcast_to(guard_mask(region.guard, grids), points.shape[1:])
    target = arrays[region.array]
    where = tuple(
        np.broadcast_to(np.asarray(index.evaluate(grids)), points.shape[1:])[kept] for index in region.indices
    )
    for index, extent in zip(where, target.shape, strict=True):
        if index.size and (index.min() < 0 or index.max() >= extent):
            raise VerificationError(f"{region.span}: the region writes {region.array!r} out of bounds")
    if not where:
        if kept.any():
            target[()] = value.reshape(-1)[kept][-1]
        return
    target[where] = value.reshape(-1)[kept]
