"""Linalg modules that are ports of the suite's kernels, and the same with one mistake each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from port_cases import KERNELS

from exalift.checker import CheckOptions, Judgement, ModulePort, check_port
from exalift.pipeline import Source, compile_source, read_source, suggest_sizes

FOLDER = Path(__file__).parent / "linalg_ports"
# What no shape tells.
SIZES = {"jacobi_1d": {"steps": 3}}


@dataclass(frozen=True)
class LinalgCase:
    """A module's text, and the kernel that it claims to be."""

    name: str
    kernel: str
    text: str

    @property
    def source(self) -> Source:
        return read_source(KERNELS[self.kernel].path)

    @property
    def port(self) -> ModulePort:
        return ModulePort(self.text, f"{self.name}.mlir")

    def judge(self, budget_s: float = 60.0) -> Judgement:
        source = self.source
        program = source.parse(self.kernel)
        given = SIZES.get(self.kernel, {})
        known, _ = suggest_sizes(program, given)
        options = CheckOptions(
            sizes=given,
            defaults=known,
            budget_s=budget_s,
            native=lambda: compile_source(source, program),
        )
        return check_port(program, self.port, options)


def _right() -> dict[str, LinalgCase]:
    found: dict[str, LinalgCase] = {}
    for path in sorted(FOLDER.glob("*.mlir")):
        text = path.read_text()
        first = text.splitlines()[0]
        kernel = first.removeprefix("// kernel: ") if first.startswith("// kernel: ") else path.stem
        found[path.stem] = LinalgCase(path.stem, kernel, text)
    return found


RIGHT = _right()

# The port, what is wrong with it, the text that is replaced, and what by.
_MISTAKES = (
    ("gemm", "beta_alone", "arith.mulf %beta, %c", "arith.mulf %beta, %ab"),
    ("gemm", "subtracted", "%2 = arith.addf %0, %1", "%2 = arith.subf %0, %1"),
    ("gemm_memory", "not_scaled", "%scaled = arith.mulf %c, %beta", "%scaled = arith.addf %c, %beta"),
    ("atax", "starts_at_one", "%zero = arith.constant 0.0", "%zero = arith.constant 1.0"),
    ("mvt", "not_turned", "#turned = affine_map<(i, j) -> (j, i)>", "#turned = affine_map<(i, j) -> (i, j)>"),
    ("bicg", "from_elsewhere", "outs(%n : tensor<5xf64>)", "outs(%r : tensor<5xf64>)"),
    ("syrk", "strict_triangle", "arith.cmpi sle, %j, %i", "arith.cmpi slt, %j, %i"),
    ("syrk", "other_triangle", "arith.cmpi sle, %j, %i", "arith.cmpi sge, %j, %i"),
    ("trmm", "with_diagonal", "arith.cmpi sgt, %k, %i", "arith.cmpi sge, %k, %i"),
    ("trmm", "other_axis", "%k = linalg.index 2", "%k = linalg.index 1"),
    ("doitgen", "starts_at_one", "%zero = arith.constant 0.0", "%zero = arith.constant 1.0"),
    ("covariance", "over_n", "arith.divf %p, %n1", "arith.divf %p, %n"),
    ("covariance", "not_centred", "ins(%centred, %centred", "ins(%data, %data"),
    ("avgpool", "over_eight", "%nine = arith.constant 9.0", "%nine = arith.constant 8.0"),
    ("maxpool", "from_zero", "arith.constant 0xFF800000", "arith.constant 0.0"),
    ("conv2d", "no_bias", "outs(%start : tensor<3x5x9x13xf32>)", "outs(%nothing : tensor<3x5x9x13xf32>)"),
    ("softmax", "less_one", "math.exp %0", "math.expm1 %0"),
    ("softmax", "multiplied", "linalg.div ins", "linalg.mul ins"),
    ("jacobi_1d", "one_short", "%steps = arith.constant 3", "%steps = arith.constant 2"),
    ("jacobi_1d", "old_line", "@relax(%y1, %x)", "@relax(%y, %x)"),
    ("jacobi_1d", "off_by_one", "%into[1] [7] [1]", "%into[2] [7] [1]"),
    ("batchnorm", "mean_added", "arith.subf %value, %m", "arith.addf %value, %m"),
    ("rotate", "not_turned", "%row = arith.subi %last, %y", "%row = arith.subi %y, %y"),
    ("dense_relu", "minimum", "linalg.max ins", "linalg.min ins"),
)


def _wrong() -> dict[str, LinalgCase]:
    found: dict[str, LinalgCase] = {}
    for port, mistake, old, new in _MISTAKES:
        right = RIGHT[port]
        assert right.text.count(old) == 1, f"{port}: {old}"
        name = f"{port}__{mistake}"
        found[name] = LinalgCase(name, right.kernel, right.text.replace(old, new))
    return found


WRONG = _wrong()
