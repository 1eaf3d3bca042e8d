"""The whole way: source in, lifted program out; checks, suites and charts."""

from .benching import Bench, BenchOptions, Row, bench
from .checking import Check, ResultCheck, check, compile_source
from .lifted import Counters, Lifted, LiftedRegion, ResidualLoop, Value, certified, explain_native
from .lifting import DIALECTS, Options, lift, lift_all, lift_program
from .modules import module_of
from .packing import pack
from .report import Report, refusal_report, report_of, to_json
from .running import made_inputs, run_lifted
from .sizes import suggest_sizes
from .source import Language, Source, read_source
from .suite import Kernel, Setting, read_suite

__all__ = [
    "DIALECTS",
    "Bench",
    "BenchOptions",
    "Check",
    "Counters",
    "Kernel",
    "Language",
    "Lifted",
    "LiftedRegion",
    "Options",
    "Report",
    "ResidualLoop",
    "ResultCheck",
    "Row",
    "Setting",
    "Source",
    "Value",
    "bench",
    "certified",
    "check",
    "compile_source",
    "explain_native",
    "lift",
    "lift_all",
    "lift_program",
    "made_inputs",
    "module_of",
    "pack",
    "read_source",
    "read_suite",
    "refusal_report",
    "report_of",
    "run_lifted",
    "suggest_sizes",
    "to_json",
]
