"""The decision whether a port computes what its source does."""

from __future__ import annotations

import time

from exalift.affine import Program, abstract_sizes, fold_constants, verify_program

from .decision import CheckOptions, parameters
from .function_decision import FunctionDecision
from .judgement import Judgement
from .module_decision import ModuleDecision
from .ports import FunctionPort, ModulePort, Port


def check_port(source: Program, port: Port, options: CheckOptions) -> Judgement:
    """Decide, as far as the budget goes, whether a port is its source.

    A module is decided at its own sizes: REFUTED with inputs on which both differ; `all-sizes` where the
    module is an instance of a program with symbolic sizes that is proved to be the source at all of them;
    `bounded` where it is proved for all inputs at the module's sizes; `tested` where both agree on random
    inputs. A function is traced at several small sizes, or at those given, and each trace is decided so.

    Raises UsageError where signatures or sizes do not fit or tracing fails, and RefusedError for a module
    that is not valid.
    """
    start = time.monotonic()
    source = fold_constants(source)
    values = {**options.defaults, **options.sizes}
    abstracted = abstract_sizes(source, {n: v for n, v in values.items() if n in parameters(source)})
    verify_program(abstracted)
    match port:
        case ModulePort():
            return ModuleDecision(source, abstracted, port, options, start).of_module(port)
        case FunctionPort():
            return FunctionDecision(source, abstracted, port, options, start).of_function(port)
