# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""What code is generated for: a triple, a processor to schedule for, and the features that it has."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import llvmlite.binding as llvm

from exalift.base import UsageError

_ENVIRONMENT = "EXALIFT_CPU"

# Names by which LLVM knows how to schedule, and the features that tell each from those below it. The
# name that the host gives itself is not trusted: virtual machines and new processors report wrong ones.
_SCHEDULES = (
    ("sapphirerapids", frozenset({"amx-tile", "avx512fp16"})),
    ("znver4", frozenset({"avx512bf16", "sse4a"})),
    ("icelake-server", frozenset({"avx512vnni", "avx512vbmi2"})),
    ("skylake-avx512", frozenset({"avx512f", "avx512vl", "avx512dq", "avx512bw"})),
    ("haswell", frozenset({"avx2", "fma"})),
    ("sandybridge", frozenset({"avx"})),
)

# A feature that is switched off takes with it those that are built on it.
_BUILT_ON = (
    ("avx512f", ("avx512", "avx10")),
    ("avx512bw", ("avx512bitalg", "avx512vbmi", "avx512fp16", "avx512bf16")),
    ("amx-tile", ("amx-",)),
    ("avx2", ("avx512", "avxvnni", "avxifma", "avxneconvert", "vaes", "vpclmulqdq")),
    ("fma", ("avx512",)),
    ("avx", ("avx", "fma", "f16c", "vaes", "vpclmulqdq", "xop")),
)


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of processor. `features` are LLVM's names of those that it has; all others it has not."""

    triple: str
    features: frozenset[str]

    @property
    def is_x86(self) -> bool:
        return self.triple.startswith("x86_64")

    @property
    def cpu(self) -> str:
        """The processor to schedule for, chosen by features."""
        if not self.is_x86:
            return "generic"
        return next((name for name, needed in _SCHEDULES if needed <= self.features), "x86-64")

    def has(self, *features: str) -> bool:
        return all(feature in self.features for feature in features)

    def without(self, *features: str) -> Target:
        """The same with features switched off, and what is built on them."""
        gone = set(features)
        for feature, prefixes in _BUILT_ON:
            if feature in gone:
                gone |= {name for name in self.features if name.startswith(prefixes)}
        return replace(self, features=self.features - gone)

    @property
    def feature_text(self) -> str:
        """Every known feature as LLVM takes it, "+avx2,-avx512f,...": none is left to the name."""
        known = sorted(_known_features() | self.features) if self.is_x86 else sorted(self.features)
        return ",".join(f"{'+' if name in self.features else '-'}{name}" for name in known)

    @property
    def vector_bytes(self) -> int:
        """How many bytes the widest registers for arithmetic hold."""
        if self.has("avx512f", "avx512vl"):
            return 64
        return 32 if self.has("avx") else 16

    @property
    def key(self) -> str:
        """What compiled code depends on, beside the text that it comes from."""
        version = ".".join(str(part) for part in llvm.llvm_version_info)
        return f"llvm {version} {self.triple} {self.cpu} {','.join(sorted(self.features))}"


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _host_features() -> dict[str, bool]:
    _initialize()
    return {str(name): bool(on) for name, on in llvm.get_host_cpu_features().items()}


def _known_features() -> frozenset[str]:
    return frozenset(_host_features())


def parse_switches(text: str) -> tuple[str, ...]:
    """Names after a minus each: "-avx512f,-amx-tile". UsageError for anything else."""
    names: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if not part.startswith("-") or not part[1:]:
            raise UsageError(f"{_ENVIRONMENT} takes features to switch off, '-avx512f,...', not {part!r}")
        names.append(part[1:])
    return tuple(names)


def host_target() -> Target:
    """This machine, less what the environment variable EXALIFT_CPU switches off ("-avx512f,-amx-tile")."""
    present = frozenset(name for name, on in _host_features().items() if on)
    switched_off = parse_switches(os.environ.get(_ENVIRONMENT, ""))
    return Target(llvm.get_process_triple(), present).without(*switched_off)


def plain_target() -> Target:
    """What every x86-64 processor has (or, elsewhere, the host with none of its extras)."""
    host = host_target()
    basic: Iterable[str] = ("64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2") if host.is_x86 else ()
    return replace(host, features=host.features & frozenset(basic))
