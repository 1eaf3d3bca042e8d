"""Where buffers are, and elements read from and written to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exalift.llvm import Code

from .arithmetic import Arithmetic, stored_type, vector_of
from .program import Buffer


@dataclass(slots=True)
class Memory:
    """Pointers to buffers, by name, and the alias scopes that tell LLVM that no two overlap."""

    code: Code
    arithmetic: Arithmetic
    buffers: Mapping[str, Buffer]
    pointers: dict[str, str] = field(default_factory=dict[str, str])
    _scopes: dict[str, str] = field(default_factory=dict[str, str])
    _notes: dict[str, str] = field(default_factory=dict[str, str])

    def declare_scopes(self) -> None:
        """To be called once, when all buffers are known."""
        metadata = self.code.metadata
        domain = metadata.distinct()
        self._scopes = {name: metadata.distinct(domain) for name in self.buffers}
        for name in self.buffers:
            own = metadata.node(self._scopes[name])
            others = metadata.node(", ".join(s for other, s in self._scopes.items() if other != name))
            self._notes[name] = f", !alias.scope {own}, !noalias {others}"

    def element(self, name: str, position: str) -> str:
        """The address of an element."""
        type = stored_type(self.buffers[name].dtype)
        return self.code.value(f"getelementptr inbounds {type}, ptr {self.pointers[name]}, i64 {position}")

    def load(self, name: str, position: str, width: int, mask: str | None) -> str:
        """`width` elements side by side, as values in a register; lanes off the mask are 0."""
        dtype = self.buffers[name].dtype
        type, place = vector_of(stored_type(dtype), width), self.element(name, position)
        if mask is None:
            raw = self.code.value(f"load {type}, ptr {place}, align {dtype.bytes}{self._notes[name]}")
        else:
            short = _suffix(stored_type(dtype))
            function = f"llvm.masked.load.v{width}{short}.p0"
            truth = f"<{width} x i1>"
            self.arithmetic.declarations.add(f"declare {type} @{function}(ptr, {truth}, {type})")
            raw = self.code.value(
                f"call {type} @{function}(ptr align {dtype.bytes} {place}, {truth} {mask}, "
                f"{type} zeroinitializer){self._notes[name]}"
            )
        return self.arithmetic.from_memory(raw, dtype, width)

    def gather(self, name: str, positions: str, width: int, mask: str | None) -> str:
        """Elements at a vector of positions (i64)."""
        dtype = self.buffers[name].dtype
        type, scalar = vector_of(stored_type(dtype), width), stored_type(dtype)
        places = self.code.value(
            f"getelementptr inbounds {scalar}, ptr {self.pointers[name]}, <{width} x i64> {positions}"
        )
        function = f"llvm.masked.gather.v{width}{_suffix(scalar)}.v{width}p0"
        pointers, truth = f"<{width} x ptr>", f"<{width} x i1>"
        self.arithmetic.declarations.add(f"declare {type} @{function}({pointers}, {truth}, {type})")
        mask = mask or "<" + ", ".join(["i1 true"] * width) + ">"
        raw = self.code.value(
            f"call {type} @{function}({pointers} align {dtype.bytes} {places}, {truth} {mask}, "
            f"{type} zeroinitializer){self._notes[name]}"
        )
        return self.arithmetic.from_memory(raw, dtype, width)

    def scatter(self, name: str, positions: str, value: str, width: int, mask: str) -> None:
        """Write lanes to a vector of positions (i64)."""
        dtype = self.buffers[name].dtype
        raw, scalar = self.arithmetic.to_memory(value, dtype, width), stored_type(dtype)
        places = self.code.value(
            f"getelementptr inbounds {scalar}, ptr {self.pointers[name]}, <{width} x i64> {positions}"
        )
        function = f"llvm.masked.scatter.v{width}{_suffix(scalar)}.v{width}p0"
        type, pointers, truth = vector_of(scalar, width), f"<{width} x ptr>", f"<{width} x i1>"
        self.arithmetic.declarations.add(f"declare void @{function}({type}, {pointers}, {truth})")
        self.code.emit(
            f"call void @{function}({type} {raw}, {pointers} align {dtype.bytes} {places}, "
            f"{truth} {mask}){self._notes[name]}"
        )

    def strided(self, name: str, position: str, step: int, width: int) -> str:
        """Elements `step` apart, one by one."""
        dtype = self.buffers[name].dtype
        scalar = stored_type(dtype)
        first, joined = self.element(name, position), "poison"
        for lane in range(width):
            place = self.code.value(f"getelementptr inbounds {scalar}, ptr {first}, i64 {lane * step}")
            one = self.code.value(f"load {scalar}, ptr {place}, align {dtype.bytes}{self._notes[name]}")
            joined = self.code.value(
                f"insertelement <{width} x {scalar}> {joined}, {scalar} {one}, i64 {lane}"
            )
        return self.arithmetic.from_memory(joined, dtype, width)

    def reversed(self, name: str, position: str, width: int) -> str:
        """Elements that go down from a position."""
        dtype = self.buffers[name].dtype
        type = vector_of(stored_type(dtype), width)
        last = self.element(name, position)
        place = self.code.value(f"getelementptr inbounds {stored_type(dtype)}, ptr {last}, i64 {1 - width}")
        raw = self.code.value(f"load {type}, ptr {place}, align {dtype.bytes}{self._notes[name]}")
        lanes = ", ".join(f"i32 {lane}" for lane in reversed(range(width)))
        turned = self.code.value(f"shufflevector {type} {raw}, {type} poison, <{width} x i32> <{lanes}>")
        return self.arithmetic.from_memory(turned, dtype, width)

    def store(self, name: str, position: str, value: str, width: int, mask: str | None) -> None:
        dtype = self.buffers[name].dtype
        raw = self.arithmetic.to_memory(value, dtype, width)
        type, place = vector_of(stored_type(dtype), width), self.element(name, position)
        if mask is None:
            self.code.emit(f"store {type} {raw}, ptr {place}, align {dtype.bytes}{self._notes[name]}")
            return
        truth = f"<{width} x i1>"
        function = f"llvm.masked.store.v{width}{_suffix(stored_type(dtype))}.p0"
        self.arithmetic.declarations.add(f"declare void @{function}({type}, ptr, {truth})")
        self.code.emit(
            f"call void @{function}({type} {raw}, ptr align {dtype.bytes} {place}, "
            f"{truth} {mask}){self._notes[name]}"
        )

    def store_strided(self, name: str, position: str, step: int, value: str, width: int) -> None:
        dtype = self.buffers[name].dtype
        raw, scalar = self.arithmetic.to_memory(value, dtype, width), stored_type(dtype)
        first = self.element(name, position)
        for lane in range(width):
            one = self.code.value(f"extractelement <{width} x {scalar}> {raw}, i64 {lane}")
            place = self.code.value(f"getelementptr inbounds {scalar}, ptr {first}, i64 {lane * step}")
            self.code.emit(f"store {scalar} {one}, ptr {place}, align {dtype.bytes}{self._notes[name]}")


def _suffix(type: str) -> str:
    return {"float": "f32", "double": "f64", "half": "f16"}.get(type, type)
