"""A folder of kernels, and the table `suite.toml` that says at which sizes and on which inputs they run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exalift.base import UsageError
from exalift.reference import InputRules

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """Values of size parameters, and macros to set."""

    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    defines: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def macros(self) -> tuple[str, ...]:
        return tuple(f"{name}={value}" for name, value in self.defines.items())


@dataclass(frozen=True, slots=True)
class Kernel:
    """One row of a suite: a function of a file, its settings, and what its inputs must be.

    `function` None stands for the only function of the file. `headline`: one that the field measures.
    `real`: whether -D REAL=float gives the single-precision program.
    """

    name: str
    path: Path
    function: str | None = None
    group: str = ""
    headline: bool = False
    real: bool = False
    mini: Setting = Setting()
    large: Setting = Setting()
    inputs: InputRules = field(default_factory=InputRules)


def read_suite(folder: str | Path) -> tuple[Kernel, ...]:
    """The kernels of a folder: those of its suite.toml in order, or every *.c file by name.

    Raises UsageError where the folder holds none, or its table is not one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder")
    table = root / "suite.toml"
    if table.is_file():
        return _read_table(table)
    kernels = tuple(Kernel(path.stem, path) for path in sorted(root.glob("*.c")))
    if not kernels:
        raise UsageError(f"{root} has neither suite.toml nor a *.c file")
    return kernels


def _read_table(path: Path) -> tuple[Kernel, ...]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    if content.pop("schema", None) != SCHEMA:
        raise UsageError(f"{path}: schema = {SCHEMA} is needed")
    return tuple(_kernel(path, name, row) for name, row in content.items())


_FIELDS = frozenset({"function", "group", "headline", "real", "sizes", "defines", "inputs"})


def _kernel(path: Path, name: str, row: object) -> Kernel:
    fields = _mapping(path, name, row)
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise UsageError(f"{path}: [{name}] has unknown fields {', '.join(unknown)}")
    source = path.with_name(f"{name}.c")
    if not source.is_file():
        raise UsageError(f"{path}: [{name}] has no file {source.name}")
    sizes = _mapping(path, name, fields.get("sizes", {}))
    defines = _mapping(path, name, fields.get("defines", {}))
    settings = {
        scale: Setting(
            _integers(path, name, sizes.get(scale, {})), _integers(path, name, defines.get(scale, {}))
        )
        for scale in ("mini", "large")
    }
    function = fields.get("function")
    return Kernel(
        name,
        source,
        str(function) if function is not None else None,
        str(fields.get("group", "")),
        fields.get("headline") is True,
        fields.get("real") is True,
        settings["mini"],
        settings["large"],
        _rules(path, name, fields.get("inputs", {})),
    )


def _mapping(path: Path, name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: [{name}] expected a table, found {value!r}")
    return {str(key): item for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _integers(path: Path, name: str, value: object) -> dict[str, int]:
    rows = _mapping(path, name, value)
    if not all(isinstance(item, int) for item in rows.values()):
        raise UsageError(f"{path}: [{name}] expected integers, found {value!r}")
    return {key: item for key, item in rows.items() if isinstance(item, int)}


def _strings(path: Path, name: str, value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise UsageError(f"{path}: [{name}] expected a list of names, found {value!r}")
    return frozenset(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _rules(path: Path, name: str, value: object) -> InputRules:
    rows = _mapping(path, name, value)
    unknown = sorted(set(rows) - {"spd", "dominant", "zero", "range"})
    if unknown:
        raise UsageError(f"{path}: [{name}] has unknown input rules {', '.join(unknown)}")
    ranges: dict[str, tuple[float, float]] = {}
    for key, bounds in _mapping(path, name, rows.get("range", {})).items():
        match bounds:
            case [int() | float() as low, int() | float() as high] if low < high:
                ranges[key] = (float(low), float(high))
            case _:
                raise UsageError(f"{path}: [{name}] range.{key} expected [low, high], found {bounds!r}")
    return InputRules(
        _strings(path, name, rows.get("spd", [])),
        _strings(path, name, rows.get("dominant", [])),
        _strings(path, name, rows.get("zero", [])),
        ranges,
    )
