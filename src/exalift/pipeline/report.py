"""`report.json`: what a lift did, in a form on which scripts may rely (schema 1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypedDict

from exalift.base import Diagnostic

from .lifted import Lifted, Value

SCHEMA = 1


class ArgumentReport(TypedDict):
    name: str
    kind: str
    dtype: str
    shape: list[int]


class ResultReport(TypedDict):
    name: str
    dtype: str
    shape: list[int]


class RegionReport(TypedDict):
    lines: list[int]
    ops: list[str]
    proof: str
    residual_loops: int
    candidates: int
    seconds: float


class DiagnosticReport(TypedDict):
    line: int
    column: int
    message: str


class Report(TypedDict):
    """The file's fields, to the letter; `proof` is None where there is no program to prove."""

    schema: int
    function: str
    target: str
    status: str
    proof: str | None
    residual_loops: int
    seconds: float
    candidates: int
    arguments: list[ArgumentReport]
    results: list[ResultReport]
    regions: list[RegionReport]
    diagnostics: list[DiagnosticReport]


def report_of(lifted: Lifted) -> Report:
    """The report of a lift, at the lift's own sizes. Element types are named as NumPy names them."""
    return Report(
        schema=SCHEMA,
        function=lifted.function,
        target=lifted.target,
        status=lifted.status,
        proof=lifted.proof,
        residual_loops=len(lifted.residual_loops),
        seconds=round(lifted.seconds, 6),
        candidates=lifted.counters.enumerated,
        arguments=[_argument(value) for value in lifted.arguments],
        results=[_result(value) for value in lifted.results],
        regions=[
            RegionReport(
                lines=list(region.lines),
                ops=list(region.ops),
                proof=region.proof,
                residual_loops=region.residual_loops,
                candidates=region.counters.enumerated,
                seconds=round(region.seconds, 6),
            )
            for region in lifted.regions
        ],
        diagnostics=_diagnostics(lifted.notes),
    )


def refusal_report(function: str, target: str, diagnostics: Iterable[Diagnostic], seconds: float) -> Report:
    """The report of a source that was refused."""
    return Report(
        schema=SCHEMA,
        function=function,
        target=target,
        status="refused",
        proof=None,
        residual_loops=0,
        seconds=round(seconds, 6),
        candidates=0,
        arguments=[],
        results=[],
        regions=[],
        diagnostics=_diagnostics(diagnostics),
    )


def to_json(reports: Sequence[Report]) -> str:
    """A report as JSON, or an array of them where there are several."""
    return json.dumps(reports[0] if len(reports) == 1 else list(reports), indent=2) + "\n"


def _argument(value: Value) -> ArgumentReport:
    return ArgumentReport(
        name=value.name, kind=value.kind, dtype=value.dtype.numpy_name, shape=list(value.shape)
    )


def _result(value: Value) -> ResultReport:
    return ResultReport(name=value.name, dtype=value.dtype.numpy_name, shape=list(value.shape))


def _diagnostics(diagnostics: Iterable[Diagnostic]) -> list[DiagnosticReport]:
    return [
        DiagnosticReport(
            line=d.span.line,
            column=d.span.column,
            message=f"{d.message} ({d.hint})" if d.hint else d.message,
        )
        for d in diagnostics
    ]
