"""An instruction in software, from its formula: what to run where the CPU does not have it.

The functions emitted here compute an instruction's formula element by element on registers laid out as
its description says. They are slow, and serve tests of descriptions, schedules and layouts. One thread
at a time: numbered registers are a global variable, since LLVM's JIT has no thread-local ones.
"""

from __future__ import annotations

from dataclasses import replace

from exalift.affine import Load, Reduce, nodes

from ..instructions import ACC, LHS, Instruction, Moves, llvm_type
from .expressions import emit_expression
from .ir_writer import Index, Writer

_REGISTER_BYTES = 1024
_FILE = f"@emulated.file = internal global [8 x [{_REGISTER_BYTES} x i8]] zeroinitializer"
_AXES = ("m", "n", "k")


def emulated(instruction: Instruction) -> Instruction:
    """The same instruction, emitted as a call of a function that the module then contains."""
    name = f"emulated.{instruction.name}"
    declarations = (*_tables(instruction, name), _function(instruction, name))
    plain = replace(instruction, features=frozenset(), length="", attributes="")
    if instruction.moves is None:
        kinds = [register.type for register in instruction.registers_by_name.values()]
        emission = (
            f"{{result}} = call {kinds[0]} @{name}"
            f"({kinds[0]} {{acc}}, {kinds[1]} {{lhs}}, {kinds[2]} {{rhs}})"
        )
        return replace(plain, emission=emission, declarations=declarations)
    left, right = _factor_kinds(instruction)
    return replace(
        plain,
        emission=f"call void @{name}(i64 {{acc}}, {left} {{lhs}}, {right} {{rhs}})",
        declarations=(_FILE, *_moves(instruction, instruction.moves), *declarations),
        moves=Moves(
            load="call void @emulated.load(i64 {register}, ptr {address}, i64 {pitch})"
            if instruction.loads_tiles
            else "",
            store="call void @emulated.store(i64 {register}, ptr {address}, i64 {pitch})",
            zero="call void @emulated.zero(i64 {register})",
            enter="",
            leave="",
            row_bytes=instruction.moves.row_bytes,
        ),
    )


def _factor_kinds(instruction: Instruction) -> tuple[str, str]:
    """The LLVM types of factors beside numbered accumulators: numbers as well, or vectors."""
    if instruction.loads_tiles:
        return "i64", "i64"
    return instruction.lhs.type, instruction.rhs.type


def _tables(instruction: Instruction, name: str) -> list[str]:
    """For each operand, the lane that holds each element of its tile, row by row: a layout read backwards."""
    rows: list[str] = []
    for key, register in instruction.registers_by_name.items():
        lanes = {register.element(lane): lane for lane in reversed(range(register.lanes))}
        entries = ", ".join(f"i64 {lanes[element]}" for element in sorted(lanes))
        rows.append(f"@{name}.{key} = internal constant [{len(lanes)} x i64] [{entries}]")
    return rows


def _function(instruction: Instruction, name: str) -> str:
    writer = Writer()
    addresses: dict[str, str] = {}
    for key, register in instruction.registers_by_name.items():
        if instruction.moves is None or (key != ACC and not instruction.loads_tiles):
            addresses[key] = writer.value(f"alloca {register.type}, align 64")
            writer.line(f"store {register.type} %{key}, ptr {addresses[key]}, align 64")
        else:
            addresses[key] = _register_address(writer, f"%{key}")
    _compute(writer, instruction, name, addresses)
    acc = instruction.acc.type
    if instruction.moves is None:
        writer.line(f"ret {acc} {writer.value(f'load {acc}, ptr {addresses[ACC]}, align 64')}")
        parameters = ", ".join(f"{r.type} %{key}" for key, r in instruction.registers_by_name.items())
        return writer.text(f"define internal {acc} @{name}({parameters}) noinline #0")
    writer.line("ret void")
    left, right = _factor_kinds(instruction)
    return writer.text(f"define internal void @{name}(i64 %acc, {left} %lhs, {right} %rhs) noinline #0")


def _compute(writer: Writer, instruction: Instruction, name: str, addresses: dict[str, str]) -> None:
    """The formula, in place of the accumulator: every element of the tile, one after the other."""
    m, n, k = instruction.extents
    (reduction,) = [node for node in nodes(instruction.formula.body) if isinstance(node, Reduce)]
    dtype = instruction.acc.dtype
    element, size = llvm_type(dtype), dtype.bytes
    widths = {"acc": n, "lhs": k, "rhs": n}

    def place(key: str, first: Index, second: Index) -> str:
        number = writer.add(writer.multiply(first, widths[key]), second)
        entry = writer.address(f"@{name}.{key}", writer.multiply(number, 8))
        lane = writer.value(f"load i64, ptr {entry}, align 8")
        register = instruction.registers_by_name[key]
        return writer.address(addresses[key], writer.multiply(lane, register.dtype.bytes))

    with writer.loop(0, m) as row, writer.loop(0, n) as column:
        at = place(ACC, row.index, column.index)
        first = writer.value(f"load {element}, ptr {at}, align {size}")
        with writer.loop(0, k, 1, [(element, first)]) as summed:
            values: dict[str, Index] = dict(zip(_AXES, (row.index, column.index, summed.index), strict=True))

            def load(node: Load) -> str:
                if node.array == LHS and instruction.lanewise:
                    # Each lane has a left factor of its own, which may be the same in all.
                    lane = writer.add(writer.multiply(column.index, k), summed.index)
                    on = writer.multiply(lane, node.dtype.bytes)
                    address = writer.address(addresses[LHS], on)
                    return writer.value(
                        f"load {llvm_type(node.dtype)}, ptr {address}, align {node.dtype.bytes}"
                    )
                address = place(node.array, *(writer.affine(index, values) for index in node.indices))
                return writer.value(f"load {llvm_type(node.dtype)}, ptr {address}, align {node.dtype.bytes}")

            product = emit_expression(writer, reduction.body, 0, load)
            add = "fadd" if dtype.is_float else "add"
            summed.following = [writer.value(f"{add} {element} {summed.carried[0]}, {product}")]
        writer.line(f"store {element} {summed.results[0]}, ptr {at}, align {size}")


def _register_address(writer: Writer, number: str) -> str:
    return writer.address("@emulated.file", writer.multiply(number, _REGISTER_BYTES))


def _moves(instruction: Instruction, moves: Moves) -> list[str]:
    """Loads, stores and zeroing of a whole register, row by row at a pitch."""
    rows = instruction.acc.lanes * instruction.acc.dtype.bytes // moves.row_bytes
    functions: list[str] = []
    for verb in ("load", "store"):
        writer = Writer()
        register = _register_address(writer, "%register")
        with writer.loop(0, rows) as row:
            inside = writer.address(register, writer.multiply(row.index, moves.row_bytes))
            outside = writer.address("%address", writer.multiply(row.index, "%pitch"))
            source, target = (outside, inside) if verb == "load" else (inside, outside)
            count = moves.row_bytes
            writer.line(
                f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {count}, i1 false)"
            )
        writer.line("ret void")
        functions.append(
            writer.text(f"define internal void @emulated.{verb}(i64 %register, ptr %address, i64 %pitch)")
        )
    writer = Writer()
    register = _register_address(writer, "%register")
    writer.line(f"call void @llvm.memset.p0.i64(ptr {register}, i8 0, i64 {_REGISTER_BYTES}, i1 false)")
    writer.line("ret void")
    functions.append(writer.text("define internal void @emulated.zero(i64 %register)"))
    return functions
