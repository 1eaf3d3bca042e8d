# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A user's JAX function, traced to StableHLO. Loading its module executes it, as any import does."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import keyword
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from exalift.base import TensorShape, UsageError

_SPECIFICATION = re.compile(r"\A(?P<module>.+):(?P<function>[A-Za-z_][\w.]*)\Z")


@dataclass(frozen=True, slots=True)
class JaxFunction:
    """A function of JAX arrays. `parameters` are its parameters' names, `optional` those with a default.

    A name that Python keeps for itself has an underscore there, and none here: `in_` is `in`.
    """

    name: str
    call: Callable[..., object]
    parameters: tuple[str, ...]
    optional: frozenset[str]

    def trace(self, tensors: Mapping[str, TensorShape], numbers: Mapping[str, int]) -> str:
        """The function as a StableHLO module, for tensors of given types, and given plain numbers.

        Both go by parameter name; the module takes the tensors in the order of `tensors`. 64-bit types are
        on. Raises UsageError where the function fails, with its own message.
        """

        def call(*values: jax.Array) -> object:
            named = {**dict(zip(tensors, values, strict=True)), **numbers}
            return self.call(**{_python_name(name): value for name, value in named.items()})

        try:
            with jax.enable_x64(True):
                structs = [
                    jax.ShapeDtypeStruct(type.extents, jnp.dtype(type.dtype.numpy_name))
                    for type in tensors.values()
                ]
                return jax.jit(call, keep_unused=True).lower(*structs).as_text()
        except Exception as error:
            # Whatever the user's function raises is theirs; they get its message, not our traceback.
            shown = ", ".join(f"{name}: {type}" for name, type in tensors.items())
            first = str(error).strip().splitlines() or [""]
            raise UsageError(f"{self.name}({shown}) failed: {type_name(error)}: {first[0]}") from error


def type_name(error: BaseException) -> str:
    return type(error).__name__


def load_jax_function(specification: str, folder: str | Path = ".") -> JaxFunction:
    """The function that `MODULE:FUNCTION` names; MODULE is a module's name or a path of a `.py` file.

    Modules are looked for in `folder` first. Executes the module. Raises UsageError where there is no such
    module or function, or loading it fails.
    """
    found = _SPECIFICATION.match(specification)
    if found is None:
        raise UsageError(f"expected MODULE:FUNCTION, for example port:gemm, got {specification!r}")
    name, attribute = found["module"], found["function"]
    try:
        value: object = _module(name, Path(folder))
    except Exception as error:
        raise UsageError(f"cannot load {name}: {type_name(error)}: {error}") from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise UsageError(f"{name} has no function {attribute!r}")
        value = getattr(value, part)
    if not callable(value):
        raise UsageError(f"{specification} is not a function")
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError) as error:
        raise UsageError(f"{specification}: its parameters are not known: {error}") from error
    kinds = (
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
        inspect.Parameter.POSITIONAL_ONLY,
    )
    unnamed = [p.name for p in parameters if p.kind in kinds]
    if unnamed:
        raise UsageError(
            f"{specification} must take its parameters by the C function's names, not {unnamed[0]}"
        )
    optional = frozenset(_c_name(p.name) for p in parameters if p.default is not inspect.Parameter.empty)
    return JaxFunction(specification, value, tuple(_c_name(p.name) for p in parameters), optional)


def _c_name(name: str) -> str:
    bare = name.removesuffix("_")
    return bare if keyword.iskeyword(bare) else name


def _python_name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _module(name: str, folder: Path) -> object:
    path = folder / name
    if name.endswith(".py"):
        specification = importlib.util.spec_from_file_location(path.stem, path)
        if specification is None or specification.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        return importlib.import_module(name)
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
