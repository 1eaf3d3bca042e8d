"""The analytic model: which schedules fit the registers and caches, and how long each should take."""

from __future__ import annotations

from dataclasses import dataclass

from ..contraction import COLUMNS, ROWS, Contraction
from ..instructions import Instruction
from ..rewriter import Plan, Schedule, order_loops
from ..rewriter.plan import LINE, round_up


@dataclass(frozen=True, slots=True)
class Machine:
    """What the model knows of a CPU: bytes of the caches of one core, and rates a cycle.

    issue: instructions of the tensorized kind begun a cycle; None: as the description says.
    loads: vector loads a cycle. line: cycles that a line of the left block costs beyond its loads, since each
    of a tile's rows comes from the second cache as a stream of its own. copy_bytes: bytes a cycle that
    packing moves. gather: how many times longer it takes element by element. enter: cycles in which a
    kernel sets tiles up and gives them back, a first guess that has not been measured.
    """

    l1_bytes: int = 32 << 10
    l2_bytes: int = 1 << 20
    issue: float | None = None
    loads: float = 2.0
    line: float = 1.5
    copy_bytes: float = 12.0
    gather: float = 8.0
    enter: float = 220.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cycles on one core, and where they go."""

    compute: float
    packing: float
    storing: float

    @property
    def cycles(self) -> float:
        return self.compute + self.packing + self.storing


def candidates(
    contraction: Contraction, instruction: Instruction, threads: int, machine: Machine
) -> list[Plan]:
    """Every schedule worth a thought, the best by the model first."""
    plans: list[Plan] = []
    for rows, columns in _tiles(instruction):
        plan = _plan(contraction, instruction, rows, columns, threads, machine)
        if plan is not None:
            plans.append(plan)
    return sorted(plans, key=lambda plan: (estimate(plan, threads, machine).cycles, plan.schedule.columns))


def _tiles(instruction: Instruction) -> list[tuple[int, int]]:
    """Register tiles that leave no accumulator to memory: all that fit, less one register to load ahead."""
    if instruction.moves is not None:
        return [(2, 2), (1, 2), (2, 1), (1, 1)]
    spare = instruction.registers - 2
    shapes = [((spare - columns) // columns, columns) for columns in (1, 2, 3, 4)]
    # More rows than fourteen gain nothing: the left operand's loads are then no longer the limit.
    found = [(min(rows, 14), columns) for rows, columns in shapes if rows >= 2]
    return found + [(rows - 1, columns) for rows, columns in found if rows > 4]


def _plan(
    contraction: Contraction,
    instruction: Instruction,
    rows: int,
    columns: int,
    threads: int,
    machine: Machine,
) -> Plan | None:
    m, _, k = instruction.extents
    loops = order_loops(contraction)
    tile_rows = rows * m
    block_k = _block_k(contraction, instruction, columns, machine)
    width = min(block_k, round_up(loops.k.extent, k)) * contraction.lhs.dtype.bytes
    most = max(1, machine.l2_bytes // max(1, width) // tile_rows)
    panels = -(-loops.m.extent // tile_rows)
    blocks = -(-panels // most)
    splits = 1
    if threads > 1:
        pieces = blocks * loops.batch.extent
        wanted = round_up(pieces, threads)
        if pieces < 4 * threads and loops.batch.extent == 1:
            if panels >= 2 * threads:
                blocks = min(panels, round_up(max(blocks, threads), threads))
            else:
                splits = threads
        elif loops.batch.extent == 1:
            blocks = min(panels, wanted)
    block_m = -(-panels // blocks) * tile_rows
    unroll = 1 if instruction.moves or rows * columns > 20 else 2
    try:
        return Plan(contraction, instruction, Schedule(rows, columns, block_m, block_k, splits, unroll))
    except ValueError:
        return None


def _block_k(contraction: Contraction, instruction: Instruction, columns: int, machine: Machine) -> int:
    """All of k where the panel of the right operand stays small beside the second cache, else as much as
    lets a panel of each operand live in the first one."""
    loops = order_loops(contraction)
    _, n, k = instruction.extents
    total = round_up(loops.k.extent, k)
    size = contraction.rhs.dtype.bytes
    whole = total * columns * n * size <= machine.l2_bytes // 3
    beside = contraction.reads_out or contraction.loads_sums(ROWS) or contraction.loads_sums(COLUMNS)
    if whole or contraction.out.dtype is not contraction.accumulator or beside:
        return total
    step = max(k, LINE // contraction.lhs.dtype.bytes)
    most = machine.l2_bytes // 4 // (columns * n * size)
    if loops.lhs_run < loops.k.extent:
        if loops.lhs_run % step:
            return total
        step = loops.lhs_run
    blocks = -(-total // max(step, most // step * step))
    return min(total, round_up(-(-total // blocks), step))


def estimate(plan: Plan, threads: int, machine: Machine) -> Estimate:
    """Cycles of the longest part: instructions at their rate or the loads that they need, whichever takes
    longer; bytes packed; bytes stored."""
    contraction, instruction, schedule = plan.contraction, plan.instruction, plan.schedule
    loops = plan.loops
    rate = machine.issue or instruction.rate.each_cycle
    steps = plan.padded_k // instruction.extents[2]
    cycles = 0.0
    for height, count_m in edges(loops.m.extent, plan.tile[0]):
        for width, count_n in edges(loops.n.extent, plan.tile[1]):
            rows = -(-height // instruction.extents[0])
            columns = -(-width // instruction.extents[1])
            step = _step_cycles(plan, rows, columns, rate, machine)
            # Storing a tile and starting the next: a call, the accumulators out and in.
            vectors = rows * columns * (instruction.acc.lanes * instruction.acc.dtype.bytes // LINE or 1)
            around = 20 + 2 * vectors * plan.blocks_k
            cycles += count_m * count_n * (steps * step + around)
    batch = loops.batch.extent
    pieces = -(-loops.m.extent // plan.tile[0]) if plan.shares_rows else plan.units
    share = max(1, -(-pieces // threads)) / pieces
    packed = loops.m.extent * plan.padded_k * contraction.lhs.dtype.bytes * schedule.splits
    packed *= 0 if plan.lhs_in_place else 1
    packed *= 1 + (machine.gather - 1) / loops.lhs_run
    # The right operand counts as one that changes; where it is constant all plans are better by as much.
    right = loops.rhs_batch.extent * plan.panels * plan.panel_bytes / batch
    if plan.rhs_column_stride != 1:
        words = plan.rhs_column_stride is not None and plan.rhs_has_words
        right *= machine.gather / (plan.rhs_word if words else 1)
    stored = loops.m.extent * loops.n.extent * contraction.out.dtype.bytes * plan.blocks_k
    if loops.n.stride(loops.out) != 1:
        stored *= machine.gather
    return Estimate(
        cycles * batch * share + machine.enter * instruction.loads_tiles,
        (packed + right) * batch * share / machine.copy_bytes,
        stored * batch * share / machine.copy_bytes,
    )


def _step_cycles(plan: Plan, rows: int, columns: int, rate: float, machine: Machine) -> float:
    """Cycles of one step of k on a register tile of so many instructions."""
    instruction = plan.instruction
    m, n, k = instruction.extents
    issue = rows * columns / rate
    lines = rows * m * k * plan.contraction.lhs.dtype.bytes / LINE
    if instruction.loads_tiles:
        # Registers are renamed, and loads run ahead: the unit waits only where there are more of them.
        right = columns * n * k * plan.contraction.rhs.dtype.bytes / LINE
        return max(issue, (lines + right) / machine.loads, lines * machine.line)
    latency = instruction.rate.latency if instruction.moves is None else 0.0
    return max(issue, latency, (rows + columns) / machine.loads) + lines * machine.line


def edges(extent: int, tile: int) -> list[tuple[int, int]]:
    """Sizes of tiles along an axis, and how many there are of each."""
    return [(size, count) for size, count in ((tile, extent // tile), (extent % tile, 1)) if size and count]
