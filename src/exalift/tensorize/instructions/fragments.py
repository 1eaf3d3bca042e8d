"""Fragments: a tile spread over the registers of a group of threads. Thread t holds the lanes from
t * count on, packed into 32-bit words."""

from __future__ import annotations

from exalift.base import DType

from .description import ACC, LANES, LHS, RHS, Register, llvm_type


def left_fragment(dtype: DType, rows: int) -> Register:
    """The left factor of `mma` and `wgmma`: 16 rows a warp, 32 bytes of k. A thread's first word is in row
    t // 4, at word t % 4; the second eight rows down; the other two 16 bytes on."""
    word = 4 // dtype.bytes
    thread, place = LANES // (4 * word), LANES % (4 * word)
    warp, lane = thread // 32, thread % 32
    number = place // word
    return Register(
        dtype,
        rows * 8 * word,
        (
            warp * 16 + lane // 4 + number % 2 * 8,
            lane % 4 * word + place % word + number // 2 * 4 * word,
        ),
    )


def total_fragment(dtype: DType, rows: int, columns: int) -> Register:
    """Sums of 32 bits: two columns side by side in row t // 4 of the warp's sixteen, two eight rows down, and
    so on every eight columns."""
    count = columns // 2
    thread, place = LANES // count, LANES % count
    warp, lane = thread // 32, thread % 32
    return Register(
        dtype,
        rows * columns,
        (warp * 16 + lane // 4 + place // 2 % 2 * 8, place // 4 * 8 + lane % 4 * 2 + place % 2),
    )


def ptx_names(acc: DType, lhs: DType, rhs: DType) -> list[str]:
    """PTX's names of the elements; f32 factors are read as tf32."""
    names = {DType.I8: "s8", DType.UI8: "u8", DType.F32: "tf32"}
    return ["f32" if acc.is_float else "s32", *(names.get(dtype, dtype.value) for dtype in (lhs, rhs))]


def fragment_call(ptx: str, threads: int, acc: Register, lhs: Register, rhs: Register | None) -> str:
    """IR for one thread: its parts of the fragments taken apart into words, the PTX text on them ({acc},
    {lhs} and {rhs} are lists of registers there), its sums put together. Without `rhs`, that is an i64: a
    descriptor of what lies in shared memory."""
    lines: list[str] = []
    words: dict[str, list[str]] = {}
    count = acc.lanes // threads
    element = llvm_type(acc.dtype)
    words[ACC] = _apart(lines, ACC, f"<{count} x {element}>", count, element)
    for key, register in ((LHS, lhs), (RHS, rhs)):
        if register is not None:
            lanes = register.lanes // threads
            kind, number = f"<{lanes} x {llvm_type(register.dtype)}>", lanes * register.dtype.bytes // 4
            lines.append(f"{{fresh}}.{key} = bitcast {kind} {{{key}}} to <{number} x i32>")
            words[key] = _apart(lines, key, f"<{number} x i32>", number, "i32", f"{{fresh}}.{key}")
    arguments = [f"i32 {word}" for word in words[LHS]]
    arguments += [f"i32 {word}" for word in words[RHS]] if rhs else [f"i64 {{{RHS}}}"]
    arguments += [f"{element} {word}" for word in words[ACC]]
    letter = "f" if acc.dtype.is_float else "r"
    outputs = [f"={letter}"] * count
    inputs = ["r"] * len(words[LHS]) + (["r"] * len(words[RHS]) if rhs else ["l"])
    constraints = ",".join([*outputs, *inputs, *map(str, range(count))])
    places = [f"${position}" for position in range(count + len(inputs))]
    left = places[count : count + len(words[LHS])]
    right = places[count + len(words[LHS]) :]
    lists = {ACC: _braces(places[:count]), LHS: _braces(left), RHS: _braces(right) if rhs else right[0]}
    for key, text in lists.items():
        ptx = ptx.replace(f"{{{key}}}", text)
    ptx = ptx.replace("{", "{{").replace("}", "}}").replace("\n", " ")
    result = "{{" + ", ".join([element] * count) + "}}"
    lines.append(
        f'{{fresh}}.d = call {result} asm sideeffect "{ptx}", "{constraints}"({", ".join(arguments)})'
    )
    return "\n".join([*lines, *_together(count, element)])


def _braces(names: list[str]) -> str:
    return "{" + ", ".join(names) + "}"


def _apart(lines: list[str], key: str, kind: str, count: int, element: str, value: str = "") -> list[str]:
    """A vector's elements as values."""
    names = [f"{{fresh}}.{key}{position}" for position in range(count)]
    for position, name in enumerate(names):
        lines.append(f"{name} = extractelement {kind} {value or f'{{{key}}}'}, i32 {position}")
    return names


def _together(count: int, element: str) -> list[str]:
    """{result} from the members of the structure {fresh}.d."""
    kind, before = f"<{count} x {element}>", "poison"
    structure = "{{" + ", ".join([element] * count) + "}}"
    lines: list[str] = []
    for position in range(count):
        after = "{result}" if position == count - 1 else f"{{fresh}}.v{position}"
        lines.append(f"{{fresh}}.d{position} = extractvalue {structure} {{fresh}}.d, {position}")
        lines.append(
            f"{after} = insertelement {kind} {before}, {element} {{fresh}}.d{position}, i32 {position}"
        )
        before = after
    return lines
