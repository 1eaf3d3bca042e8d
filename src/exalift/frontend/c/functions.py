"""From one C function to one affine program."""

from __future__ import annotations

from exalift.affine import Program, Role
from exalift.base import DType

from .execution import Execution, Frame, maybe_extents, variables
from .finishing import NotSizesError, finish
from .reading import Declaration, Function, Library, Refusal, UnreachableError, refusal
from .terms import Draft, Memory, Nothing, PointerValue, Poly, TooComplexError, as_data, converted

MAX_RUNS = 200


def take(library: Library, function: Function) -> Program:
    """The program of a function. Raises Refusal.

    Executed anew as long as variables turn out to be data; each round has more of them.
    """
    data: dict[str, str] = {}
    for _ in range(MAX_RUNS):
        execution = _prepared(library, function, data)
        try:
            program = _attempt(execution, function)
        except NotSizesError as found:
            data |= found.keys
            continue
        except Refusal:
            # A rehearsal may be refused for what the next one does otherwise.
            if execution.demoted:
                data |= execution.demoted
                continue
            raise
        except UnreachableError:
            raise refusal(function.span, "the function always ends the program") from None
        except TooComplexError:
            raise refusal(function.span, "an index expression is too complex to follow", "split it") from None
        if program is not None:
            return program
        data |= execution.demoted
    raise refusal(function.span, "the function has too many variables to follow", "split it")


def _prepared(library: Library, function: Function, data: dict[str, str]) -> Execution:
    return Execution(library, data, Frame(function.name, function, library.facts(function)))


def _attempt(execution: Execution, function: Function) -> Program | None:
    """One execution; None when variables joined the data on the way."""
    memories = _bind_parameters(execution, function)
    value = execution.run_function(function)
    if execution.demoted:
        return None
    result: Draft | None = None
    if function.returns is not None:
        if isinstance(value, Nothing | PointerValue):
            raise refusal(function.span, "the function does not return a value on every path")
        result = as_data(converted(value, function.returns))
    return finish(execution, function, memories, result)


def _bind_parameters(execution: Execution, function: Function) -> dict[str, Memory | None]:
    """Make the parameters known; their memories by name, None for followed integers."""
    found: dict[str, Memory | None] = {}
    scalars = [p for p in function.parameters if not p.type.pointer and not p.type.extents]
    for parameter in scalars:
        if parameter.type.element is not DType.I1 and execution.is_followed(parameter):
            execution.follow(parameter, variables.parameter(execution, parameter))
            found[parameter.name] = None
        else:
            found[parameter.name] = execution.scalar(parameter)
    for parameter in function.parameters:
        if parameter not in scalars:
            found[parameter.name] = _bind_array(execution, parameter)
    return found


def _bind_array(execution: Execution, parameter: Declaration) -> Memory:
    declared = parameter.type
    inner = maybe_extents(execution, declared.extents)
    shape: tuple[Poly | None, ...] = (None, *inner) if declared.pointer else inner
    key = f"{execution.key(parameter)}*"
    memory = execution.memory(
        key, parameter.name, declared.element, shape, parameter.span, Role.PARAMETER, pointer=declared.pointer
    )
    known = tuple(extent for extent in shape[1:] if extent is not None)
    if len(known) < len(shape) - 1:
        raise refusal(parameter.span, f"an inner extent of `{parameter.name}` is not given")
    execution.follow(parameter, PointerValue(memory, (Poly(),) * len(shape), known))
    return memory
