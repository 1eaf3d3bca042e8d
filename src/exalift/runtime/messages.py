"""Messages between the daemon, its workers and its clients: msgpack maps, each after its length.

Nothing in a message is code; sizes are bounded before anything is unpacked.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from exalift.base import Fields, UsageError

MESSAGE_BYTES = 1 << 30
_LENGTH = struct.Struct("<I")
_MOST_ITEMS = 1 << 20


class ClosedError(Exception):
    """The other side is gone."""


def pack(message: Mapping[str, object]) -> bytes:
    """A message with its length before it. Raises UsageError for one that is too large."""
    body = bytes(msgpack.packb(dict(message), use_bin_type=True))  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
    if len(body) > MESSAGE_BYTES:
        raise UsageError(f"the message has {len(body)} bytes, more than {MESSAGE_BYTES}")
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes, what: str) -> Fields:
    """A message's fields. Raises UsageError for anything but one map with strings for names."""
    try:
        content = cast(
            object,
            msgpack.unpackb(  # pyright: ignore[reportUnknownMemberType]
                body, raw=False, strict_map_key=True, max_array_len=_MOST_ITEMS, max_map_len=_MOST_ITEMS
            ),
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise UsageError(f"{what} is not a message: {error}") from error
    return Fields(content, what)


async def receive(reader: asyncio.StreamReader, what: str, most: int = MESSAGE_BYTES) -> Fields:
    """The next message. Raises ClosedError at the end, UsageError for one that is too large or none."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > most:
            raise UsageError(f"{what} has {length} bytes, more than {most}")
        return unpack(await reader.readexactly(length), what)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise ClosedError from error


class Line:
    """A socket on which messages are read and written in turn, by one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, message: Mapping[str, object]) -> None:
        """Raises ClosedError where nobody listens any more."""
        try:
            self.connection.sendall(pack(message))
        except OSError as error:
            raise ClosedError from error

    def receive(self, what: str) -> Fields:
        """Waits for a message. Raises ClosedError at the end, UsageError for what is none."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > MESSAGE_BYTES:
            raise UsageError(f"{what} has {length} bytes, more than {MESSAGE_BYTES}")
        return unpack(self._exactly(length), what)

    def _exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            try:
                part = self.connection.recv(min(length - len(parts), 1 << 20))
            except OSError as error:
                raise ClosedError from error
            if not part:
                raise ClosedError
            parts += part
        return bytes(parts)
