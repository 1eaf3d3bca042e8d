"""Dialects as data, and lifted programs written in them."""

from .definition import Dialect, Elements, Hints, OpDefinition, no_attributes
from .evaluate import evaluate_node, evaluate_program
from .graph import (
    Argument,
    ArrayValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Result,
    Step,
    TensorLoop,
    TensorProgram,
    Update,
    postorder,
)
from .imported import Imported, ModuleSignature, Parameter, free_name, only_function
from .types import Attributes, AttributeValue, TensorType, attribute
from .validity import ill_formed, takes_operands

__all__ = [
    "Argument",
    "ArrayValue",
    "AttributeValue",
    "Attributes",
    "ConstantValue",
    "Dialect",
    "Elements",
    "Hints",
    "Imported",
    "IndexScalar",
    "ModuleSignature",
    "Node",
    "OpDefinition",
    "Operation",
    "Parameter",
    "Result",
    "Step",
    "TensorLoop",
    "TensorProgram",
    "TensorType",
    "Update",
    "attribute",
    "evaluate_node",
    "evaluate_program",
    "free_name",
    "ill_formed",
    "no_attributes",
    "only_function",
    "postorder",
    "takes_operands",
]
