"""What can go wrong with the compiled source."""

from __future__ import annotations

from exalift.base import DeviceError


class NativeError(DeviceError):
    """The C compiler is absent or refused the source, or the compiled function crashed or took too long."""
