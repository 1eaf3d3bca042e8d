"""The errors that users of Exalift may catch; every one derives from `ExaliftError`."""

from __future__ import annotations

from .diagnostics import Diagnostic


class ExaliftError(Exception):
    """The root of all errors that Exalift raises on purpose."""


class UsageError(ExaliftError):
    """The call is wrong: an unknown function, a missing size, a bad option. Exit status 2."""


class RefusedError(ExaliftError):
    """The source is outside what Exalift accepts; `diagnostics` say where and why. Exit status 1."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))
        self.diagnostics = diagnostics


class VerificationError(ExaliftError):
    """An intermediate form breaks one of its own rules: a defect in Exalift, not in the source."""


class UnconfirmedError(VerificationError):
    """The time ended before the program that was found could be tested. More time may do."""


class DeviceError(ExaliftError):
    """A device is absent, or a program failed on it."""
