"""Ports that Exalift did not make, decided against their sources, without search and without trust."""

from .deciding import check_port
from .decision import CheckOptions
from .judgement import Judgement, Refutation
from .ports import FunctionPort, ModulePort, Port
from .signatures import Match, match_signature, needed_arguments, result_names

__all__ = [
    "CheckOptions",
    "FunctionPort",
    "Judgement",
    "Match",
    "ModulePort",
    "Port",
    "Refutation",
    "check_port",
    "match_signature",
    "needed_arguments",
    "result_names",
]
