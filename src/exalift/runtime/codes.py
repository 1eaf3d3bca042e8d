"""Where a job's compiled code comes from: its capsule, if a trusted key signed it, or this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from exalift.base import ExaliftError
from exalift.capsule import Capsule, CodeKey, CompiledCode, Sealed, integers_of, trusted_codes
from exalift.devices import CodeStore, Compilation, Device, find_device

from .execution import compile_routine


@dataclass(slots=True)
class JobCodes:
    """A `CodeStore`: a capsule's own code first, then the machine's; `machine` is None where there is none.

    What the capsule brought is never kept on the machine, so that nothing there came from elsewhere.
    """

    brought: Mapping[CodeKey, bytes]
    machine: CodeStore | None
    from_capsule: list[CodeKey] = field(default_factory=list[CodeKey])
    from_machine: list[CodeKey] = field(default_factory=list[CodeKey])
    compiled: list[CodeKey] = field(default_factory=list[CodeKey])

    @staticmethod
    def of(sealed: Sealed, trusted: Collection[bytes], machine: CodeStore | None) -> JobCodes:
        return JobCodes(trusted_codes(sealed, trusted), machine)

    def find(self, key: CodeKey) -> bytes | None:
        if (found := self.brought.get(key)) is not None:
            self.from_capsule.append(key)
            return found
        if self.machine is not None and (found := self.machine.find(key)) is not None:
            self.from_machine.append(key)
            return found
        return None

    def keep(self, key: CodeKey, code: bytes) -> None:
        self.compiled.append(key)
        if self.machine is not None:
            self.machine.keep(key, code)


def tell_codes(codes: JobCodes, sealed: Sealed, trusted: Collection[bytes]) -> tuple[str, ...]:
    """What was taken from where, and why code that the capsule brought was not, a line each."""
    said = [
        f"{len(keys)} from {where}"
        for keys, where in (
            (codes.from_capsule, "the capsule"),
            (codes.from_machine, "this machine's folder"),
            (codes.compiled, "the compiler"),
        )
        if keys
    ]
    lines = [f"compiled code: {', '.join(said)}"] if said else []
    if sealed.capsule.codes and not (sealed.signer and sealed.signer in trusted):
        why = "its signer is not trusted (--trust)" if sealed.signer else "it is not signed"
        return (*lines, f"the capsule's own compiled code was not used: {why}")
    for wanted in (*codes.from_machine, *codes.compiled):
        for one in sealed.capsule.codes:
            if (one.key.device, one.key.source) == (wanted.device, wanted.source):
                lines.append(f"the capsule's code of {one.routine} {difference(one.key, wanted)}")
    return tuple(lines)


def difference(found: CodeKey, wanted: CodeKey) -> str:
    """Why code does not fit, or that it does."""
    if found.device != wanted.device:
        return f"is for {found.device}"
    if found.compiler != wanted.compiler:
        return f"was made by {found.compiler}; here it is {wanted.compiler}"
    if found.processor != wanted.processor:
        return f"is for the processor {found.processor}; here it is {wanted.processor}"
    return "fits" if found.source == wanted.source else "was made from something else"


@dataclass(slots=True)
class _Collected:
    """A `CodeStore` that notes what is asked for, and all code that passes through it, in order."""

    behind: CodeStore | None
    codes: dict[CodeKey, bytes] = field(default_factory=dict[CodeKey, bytes])

    def find(self, key: CodeKey) -> bytes | None:
        found = self.behind.find(key) if self.behind is not None else None
        if found is not None:
            self.codes[key] = found
        return found

    def keep(self, key: CodeKey, code: bytes) -> None:
        self.codes[key] = code
        if self.behind is not None:
            self.behind.keep(key, code)


def with_codes(capsule: Capsule, device: Device, machine: CodeStore | None = None) -> Capsule:
    """The capsule with its routines' code for a device, beside what it brings already; the capsule as it is
    where the device has no code that could travel. Raises DeviceError where it cannot compile the capsule."""
    codes = {one.key: one for one in capsule.codes}
    session = device.open()
    try:
        for routine in capsule.routines:
            collected = _Collected(machine)
            integers = integers_of(capsule, routine.name)
            compile_routine(routine, device, session, Compilation(capsule.strict_fp, collected, integers))
            for key, code in collected.codes.items():
                codes.setdefault(key, CompiledCode(key, routine.name, code))
    finally:
        session.close()
    return replace(capsule, codes=tuple(codes.values()))


class _AskedError(Exception):
    """A device asked for code: all that was to be learnt."""

    def __init__(self, key: CodeKey) -> None:
        super().__init__(key)
        self.key = key


class _Asking:
    """A `CodeStore` that ends a compilation where it would begin."""

    def find(self, key: CodeKey) -> bytes | None:
        raise _AskedError(key)

    def keep(self, key: CodeKey, code: bytes) -> None:
        pass


def judge_codes(capsule: Capsule) -> tuple[tuple[CompiledCode, str], ...]:
    """Every code that a capsule brings, and whether it fits this machine or why not. Nothing of it runs."""
    wanted: dict[str, dict[str, CodeKey] | str] = {}
    for device in dict.fromkeys(one.key.device for one in capsule.codes):
        try:
            wanted[device] = _wanted(capsule, find_device(device))
        except ExaliftError as error:
            wanted[device] = str(error)
    found: list[tuple[CompiledCode, str]] = []
    for one in capsule.codes:
        here = wanted[one.key.device]
        key = here if isinstance(here, str) else here.get(one.routine)
        found.append((one, difference(one.key, key) if isinstance(key, CodeKey) else key or "is not wanted"))
    return tuple(found)


def _wanted(capsule: Capsule, device: Device) -> dict[str, CodeKey]:
    """What a device would compile, by routine. Raises as compiling does."""
    session = device.open()
    keys: dict[str, CodeKey] = {}
    try:
        for routine in capsule.routines:
            try:
                how = Compilation(capsule.strict_fp, _Asking(), integers_of(capsule, routine.name))
                compile_routine(routine, device, session, how)
            except _AskedError as asked:
                keys[routine.name] = asked.key
    finally:
        session.close()
    return keys
