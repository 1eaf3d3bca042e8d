"""A generated program as a whole C program for the address and undefined-behaviour sanitizers."""

from __future__ import annotations

from fuzz_places import affine_text
from fuzz_programs import Generated


def whole_program(generated: Generated) -> str:
    """The text with a `main` that calls the kernel at all its sizes, on heap arrays of the exact extents."""
    lines = [generated.text, "#include <stdlib.h>", "int main(void) {"]
    for sizes in generated.sizes:
        lines.append("    {")
        lines += [f"        int {name} = {value};" for name, value in sizes.items()]
        passed = list(sizes)
        for storage in generated.parameters:
            count = " * ".join(f"({affine_text(extent)})" for extent in storage.extents) or "1"
            name, ctype = f"data_{storage.name}", storage.ctype
            lines.append(f"        {ctype} *{name} = malloc(({count}) * sizeof({ctype}));")
            value = "(x % 31) / 16.0" if storage.is_float else "x % 8"
            lines.append(f"        for (int x = 0; x < {count}; x++) {name}[x] = {value};")
            by_value = not storage.extents and not storage.pointer
            passed.append(f"*{name}" if by_value else f"(void *){name}")
        lines.append(f"        kernel({', '.join(passed)});")
        lines += [f"        free(data_{storage.name});" for storage in generated.parameters]
        lines.append("    }")
    return "\n".join([*lines, "}", ""])
