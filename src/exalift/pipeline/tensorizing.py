"""Which tensorized instructions fit the regions of a source: what `exalift tensorize` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exalift.affine import Program, Region, RegionStep, split_into_regions
from exalift.tensorize import (
    Choice,
    Inspection,
    check_reading,
    choices,
    inspect_region,
    usable_features,
)

from .sizes import choose_sizes


@dataclass(frozen=True, slots=True)
class ExplainedRegion:
    """One region: its array, the source's lines, every way to compute it (the fastest first, by the model)
    and what was found. `checked`: whether the best way's sum is the region's, in the prime field; None where
    that was not tried."""

    function: str
    array: str
    lines: tuple[int, int]
    choices: tuple[Choice, ...]
    inspection: Inspection
    checked: bool | None


def explain(
    program: Program,
    sizes: Mapping[str, int],
    threads: int = 1,
    features: frozenset[str] | None = None,
) -> tuple[ExplainedRegion, ...]:
    """Inspect every region of a function, at given sizes (defaults for those that are not given), for this
    CPU or for a machine that has `features`.

    Raises UsageError for a size that the function does not have.
    """
    values = choose_sizes(program, sizes).values
    regions = split_into_regions(program)
    shapes = {array.name: tuple(extent.at(values) for extent in array.shape) for array in regions.arrays}
    features = usable_features() if features is None else features
    found: list[ExplainedRegion] = []
    for region in _in_order(regions.body):
        inspection = inspect_region(region, shapes, values, features)
        ways = tuple(choices(inspection, threads))
        first = inspection.ways[0].reading if inspection.ways else None
        checked = check_reading(ways[0].way.reading if ways else first) if first else None
        found.append(ExplainedRegion(program.name, region.array, region.lines, ways, inspection, checked))
    return tuple(found)


def _in_order(body: tuple[RegionStep, ...]) -> list[Region]:
    pending, found = list(reversed(body)), list[Region]()
    while pending:
        step = pending.pop()
        if isinstance(step, Region):
            found.append(step)
        else:
            pending += reversed(step.body)
    return found
