# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""Refusals of modules, with the place in the module's text."""

from __future__ import annotations

from jaxlib.mlir import ir

from exalift.base import NO_SPAN, Diagnostic, RefusedError, Span


def refused(message: str, span: Span = NO_SPAN, hint: str = "") -> RefusedError:
    return RefusedError((Diagnostic(message, span, hint),))


def span_of(location: ir.Location, filename: str) -> Span:
    """Where an op stands in the text it was parsed from; `NO_SPAN` where its location says something else."""
    if not isinstance(location, ir.FileLineColLoc):
        return NO_SPAN
    line, column = max(1, location.start_line), max(1, location.start_col)
    return Span(filename, line, column, line, column + 1)
