"""The C text around a source: one entry with a fixed signature, whatever the function's own is."""

from __future__ import annotations

from exalift.affine import Program
from exalift.base import DType

ENTRY = "exalift_call"

_C_TYPES = {
    DType.I1: "_Bool",
    DType.I8: "__INT8_TYPE__",
    DType.I16: "__INT16_TYPE__",
    DType.I32: "__INT32_TYPE__",
    DType.I64: "__INT64_TYPE__",
    DType.UI8: "__UINT8_TYPE__",
    DType.UI16: "__UINT16_TYPE__",
    DType.UI32: "__UINT32_TYPE__",
    DType.UI64: "__UINT64_TYPE__",
    DType.F16: "_Float16",
    DType.BF16: "__bf16",
    DType.F32: "float",
    DType.F64: "double",
}


def wrapper_text(program: Program, source_name: str) -> str:
    """C that includes `source_name` and defines `void exalift_call(void **arguments)`.

    `arguments[i]` points to parameter i: to its value where it is passed by value, else to its first
    element. The pointer after the last parameter is where the returned value goes. File-scope variables
    are set before the call and read back after it.
    The source is included, not linked, so that `static` functions can be called.
    """
    sizes = {size.name: size for size in program.sizes}
    passed: list[str] = []
    before: list[str] = []
    after: list[str] = []
    for position, name in enumerate(program.parameters):
        argument = f"exalift_arguments[{position}]"
        dtype = sizes[name].dtype if name in sizes else program.array(name).dtype
        if name in program.globals:
            rank = 0 if name in sizes else len(program.array(name).shape)
            before.append(_copied_in(name, argument, rank))
            after.append(_copied_out(name, argument, rank))
        elif name in sizes or name in program.by_value:
            passed.append(f"*({_C_TYPES[dtype]} *){argument}")
        else:
            passed.append(argument)
    call = f"{program.name}({', '.join(passed)});"
    if program.returns is not None:
        target = f"*({_C_TYPES[program.returns.dtype]} *)exalift_arguments[{len(program.parameters)}]"
        call = f"{target} = {call}"
    body = "".join(f"    {line}\n" for line in ("(void)exalift_arguments;", *before, call, *after))
    return (
        f'#include "{source_name}"\n'
        f'__attribute__((visibility("default"))) void {ENTRY}(void **exalift_arguments)\n'
        f"{{\n{body}}}\n"
    )


def _copied_in(name: str, argument: str, rank: int) -> str:
    # A global pointer is set to the caller's memory; arrays and scalars are copied.
    copied = f"__builtin_memcpy((void *)&{name}, {argument}, sizeof {name});"
    return f"if ({_is_pointer(name, rank)}) *(void **)&{name} = {argument}; else {copied}"


def _copied_out(name: str, argument: str, rank: int) -> str:
    return f"if (!({_is_pointer(name, rank)})) __builtin_memcpy({argument}, &{name}, sizeof {name});"


def _is_pointer(name: str, rank: int) -> str:
    if not rank:
        return f"__builtin_classify_type({name}) == 5"
    return f"__builtin_types_compatible_p(__typeof__({name}), __typeof__(&{name}[0]))"
