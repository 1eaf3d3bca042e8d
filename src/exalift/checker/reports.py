"""Judgements as text, as JSON, and their counterexamples as files."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from exalift.base import write_atomically

from .judgement import Contents, Judgement, Refutation

SCHEMA = 1
_WHOLE = 64
"""Arrays of up to this many elements are printed whole."""
_FIRST = 8


def shown_array(value: Contents) -> str:
    """A small array in full, a larger one by its first elements."""
    if not value.ndim:
        return repr(value.item())
    flat = value.reshape(-1)
    if flat.size <= _WHOLE:
        return json.dumps(value.tolist())
    first = ", ".join(repr(number) for number in flat[:_FIRST].tolist())
    return f"{'x'.join(map(str, value.shape))} elements, first {first}, ..."


def refutation_lines(found: Refutation) -> list[str]:
    """A counterexample for people: sizes, inputs, the element, both values, the line."""
    rows = [("sizes", ", ".join(f"{n} = {v}" for n, v in found.sizes.items()) or "as they are")]
    rows += [(name, shown_array(value)) for name, value in found.inputs.items()]
    rows += [(f"{found.element}", f"source {found.expected!r}, port {found.actual!r}")]
    if found.span is not None:
        rows.append(("written at", str(found.span)))
    elif found.written is False:
        rows.append(("written at", "no line: it keeps its initial contents"))
    width = max(len(name) for name, _ in rows)
    return [f"  {name.ljust(width)}  {text}" for name, text in rows]


def to_json(reports: Sequence[dict[str, object]]) -> str:
    """A report as JSON, or an array of them where there are several."""
    return json.dumps(reports[0] if len(reports) == 1 else list(reports), indent=2) + "\n"


def report_of(judgement: Judgement, function: str, port: str, certificate: str) -> dict[str, object]:
    """The verdict's fields, schema 1. Arrays of a counterexample are in full where they are small."""
    found = judgement.refutation
    return {
        "schema": SCHEMA,
        "function": function,
        "port": port,
        "status": judgement.status.value,
        "level": None if judgement.level is None else judgement.level.value,
        "claim": judgement.claim,
        "sizes": [dict(sizes) for sizes in judgement.sizes],
        "assumptions": list(judgement.assumptions),
        "reason": judgement.reason,
        "notes": list(judgement.notes),
        "certificate": certificate,
        "counterexample": None if found is None else _counterexample(found),
        "seconds": round(judgement.seconds, 6),
    }


def _counterexample(found: Refutation) -> dict[str, object]:
    return {
        "sizes": dict(found.sizes),
        "inputs": {name: _array(value) for name, value in found.inputs.items()},
        "result": found.result,
        "index": list(found.index),
        "source": _finite(found.expected),
        "port": _finite(found.actual),
        "file": None if found.span is None else found.span.file,
        "line": None if found.span is None else found.span.line,
    }


def _finite(value: float) -> object:
    """JSON has no NaN and no infinities: these are strings."""
    return value if np.isfinite(value) else repr(value)


def _array(value: Contents) -> dict[str, object]:
    small = value.size <= _WHOLE and bool(np.all(np.isfinite(value)))
    return {
        "dtype": value.dtype.name,
        "shape": list(value.shape),
        "values": value.tolist() if small else None,
    }


def write_counterexample(path: str | Path, inputs: Mapping[str, Contents]) -> None:
    """The inputs as an .npz file, by parameter name. Raises OSError."""
    buffer = io.BytesIO()
    np.savez(buffer, **inputs)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())
