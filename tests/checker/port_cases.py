"""The ports of `right_ports` and `wrong_ports`, each with the kernel that it is a port of."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import right_ports
import wrong_ports

from exalift.affine import Program
from exalift.checker import CheckOptions, FunctionPort, Judgement, check_port
from exalift.devices import JaxFunction, load_jax_function
from exalift.pipeline import Source, compile_source, read_source, read_suite, suggest_sizes

HERE = Path(__file__).parent
MORE = HERE / "more_kernels.c"
KERNELS = {k.function: k for k in read_suite(HERE.parents[1] / "benchmarks" / "kernels")}


@dataclass(frozen=True)
class PortCase:
    """A JAX function and the kernel that it claims to be."""

    name: str
    file: str

    @property
    def function_name(self) -> str:
        return self.name.split("__")[0]

    @property
    def defines(self) -> dict[str, str]:
        kernel = KERNELS.get(self.function_name)
        return {} if kernel is None else {k: str(v) for k, v in kernel.mini.defines.items()}

    @property
    def source(self) -> Source:
        kernel = KERNELS.get(self.function_name)
        path = MORE if kernel is None else kernel.path
        return read_source(path, defines=[f"{k}={v}" for k, v in self.defines.items()])

    @property
    def program(self) -> Program:
        return self.source.parse(self.function_name)

    @property
    def function(self) -> JaxFunction:
        return load_jax_function(f"{self.file}:{self.name}", HERE)

    def judge(self, budget_s: float = 60.0) -> Judgement:
        program = self.program
        known, assumed = suggest_sizes(program, {})
        source = self.source
        options = CheckOptions(
            defaults={**known, **assumed},
            budget_s=budget_s,
            native=lambda: compile_source(source, program),
        )
        return check_port(program, FunctionPort(self.function), options)


def _cases(module: ModuleType) -> dict[str, PortCase]:
    file = f"{module.__name__}.py"
    found = inspect.getmembers(module, inspect.isfunction)
    return {name: PortCase(name, file) for name, _ in found}


RIGHT, WRONG = _cases(right_ports), _cases(wrong_ports)
