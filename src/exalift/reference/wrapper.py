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
    element. The pointer after the last parameter is where the returned value goes.
    The source is included, not linked, so that `static` functions can be called.
    """
    sizes = {size.name: size for size in program.sizes}
    passed: list[str] = []
    for position, name in enumerate(program.parameters):
        argument = f"exalift_arguments[{position}]"
        if name in sizes:
            passed.append(f"*({_C_TYPES[sizes[name].dtype]} *){argument}")
        elif name in program.by_value:
            passed.append(f"*({_C_TYPES[program.array(name).dtype]} *){argument}")
        else:
            passed.append(argument)
    call = f"{program.name}({', '.join(passed)});"
    if program.returns is not None:
        target = f"*({_C_TYPES[program.returns.dtype]} *)exalift_arguments[{len(program.parameters)}]"
        call = f"{target} = {call}"
    return (
        f'#include "{source_name}"\n'
        f'__attribute__((visibility("default"))) void {ENTRY}(void **exalift_arguments)\n'
        f"{{\n    (void)exalift_arguments;\n    {call}\n}}\n"
    )
