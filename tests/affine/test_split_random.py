"""Random affine programs: their regions compute what the programs do, in the prime field."""

from __future__ import annotations

import pytest
from affine_notation import check_regions, compare_regions
from hypothesis import HealthCheck, given, settings
from random_programs import program_texts, read_program

from exalift.affine import split_in_source_order
from exalift.affine.region_facts import regions_of

SIZES = ({"N": 4, "M": 3}, {"N": 1, "M": 2}, {"N": 2, "M": 5})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(program_texts())
def test_regions_compute_what_the_program_does(text: str) -> None:
    check_regions(read_program(text), *SIZES)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(program_texts())
def test_regions_in_source_order_compute_what_the_program_does(text: str) -> None:
    made = read_program(text)
    regions = split_in_source_order(made)
    assert all(not region.axes for region in regions_of(regions.body))
    compare_regions(made, regions, *SIZES)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(program_texts())
def test_regions_compute_what_the_program_does_at_length(text: str) -> None:
    check_regions(read_program(text), *SIZES)
