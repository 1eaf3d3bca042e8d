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
    prove_reading,
    usable_features,
)

from .sizes import choose_sizes


@dataclass(frozen=True, slots=True)
class ExplainedRegion:
    """One region: its array, the source's lines, every way to compute it (the fastest first, by the model)
    and what was found. `proved`: whether what the best way stores is proved to be the region's value; else
    `checked` says whether their sums agree in the prime field, None where that was not tried."""

    function: str
    array: str
    lines: tuple[int, int]
    choices: tuple[Choice, ...]
    inspection: Inspection
    proved: bool
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
        proved, checked = False, None
        if inspection.ways:
            reading = (ways[0].way if ways else inspection.ways[0]).reading
            proved = prove_reading(reading, shapes).proved
            checked = True if proved else check_reading(reading)
        explained = ExplainedRegion(
            program.name, region.array, region.lines, ways, inspection, proved, checked
        )
        found.append(explained)
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
