"""What every kernel's module has: functions of one signature, in phases; see `kernel`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exalift.llvm import host_target, waiting_text

from ..contraction import Access
from ..instructions import Instruction
from ..rewriter.lanes import LanePlan
from ..rewriter.loops import Padded
from ..rewriter.plan import Plan
from .ir_writer import Writer
from .packing import emit_pad

PARAMETERS = (
    "ptr noalias %lhs, ptr noalias %rhs, ptr noalias %out, ptr noalias %packed, ptr noalias %workspace, "
    "ptr noalias %extra, i64 %part, i64 %parts"
)


@dataclass(frozen=True, slots=True)
class Emitted:
    """A module's text, the names of its phases, and what memory they need.

    pad: copies operands that are read outside their bounds into the workspace, with margins (the empty string
    where none is). pack: packs the right operand; needs running once where that is constant. run: the rest.
    pack_entry, entry: the same in two parts, for a team of threads (`llvm.threads`): all that the right
    operand needs, and all else; their arguments are an array of the six addresses.
    """

    text: str
    pad: str
    pack: str
    run: str
    entry: str
    pack_entry: str
    packed_bytes: int
    plan: Plan | LanePlan

    def workspace_bytes(self, parts: int) -> int:
        return self.plan.workspace_bytes(parts)


def module_text(instruction: Instruction, triple: str | None, functions: Sequence[str]) -> str:
    """A module of functions, with what the instruction needs around them."""
    # Vectors wider than these go through memory, and two functions that disagree pass them wrongly.
    registers = instruction.registers_by_name.values()
    widest = max(register.lanes * register.dtype.bits for register in registers)
    width = 512 if widest > 256 or instruction.moves else 256
    plain = f'"prefer-vector-width"="{width}" "min-legal-vector-width"="{width}"'
    return "\n\n".join(
        [
            *dict.fromkeys(instruction.declarations),
            waiting_text(triple or host_target().triple),
            *functions,
            f"attributes #0 = {{ nounwind {plain} }}",
            f"attributes #1 = {{ nounwind {plain} {instruction.attributes} }}",
            "",
        ]
    )


def entry_function(name: str, phases: list[str]) -> str:
    """Phases one after the other, with all threads meeting in between."""
    writer = Writer()
    places = [writer.address("%arguments", 8 * position) for position in range(6)]
    values = ", ".join(f"ptr {writer.value(f'load ptr, ptr {place}, align 8')}" for place in places)
    for position, phase in enumerate(phases):
        if position:
            writer.line("call void @exalift_barrier(ptr %barrier, i64 %parts)")
        writer.line(f'call void @"{phase}"({values}, i64 %part, i64 %parts)')
    writer.line("ret void")
    return writer.text(f'define void @"{name}"(i64 %part, i64 %parts, ptr %arguments, ptr %barrier) #0')


def both_phases(phases: list[str], name: str) -> str:
    """One phase of several that do not wait for each other."""
    writer = Writer()
    names = "ptr %lhs, ptr %rhs, ptr %out, ptr %packed, ptr %workspace, ptr %extra, i64 %part, i64 %parts"
    for phase in phases:
        writer.line(f'call void @"{phase}"({names})')
    writer.line("ret void")
    return writer.text(f'define void @"{name}"({PARAMETERS}) #0')


def pad_function(access: Access, padded: Padded, source: str, at: int, name: str) -> str:
    writer = Writer()
    target = writer.address("%workspace", at)
    emit_pad(writer, access, padded, source, target, "%part", "%parts")
    writer.line("ret void")
    return writer.text(f'define void @"{name}"({PARAMETERS}) #0')
