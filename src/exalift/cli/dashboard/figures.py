"""Numbers and words as a terminal shows them."""

from __future__ import annotations

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("", "k", "M", "G", "T", "P")


def plain(text: str, longest: int = 200) -> str:
    """Words that a stranger may have chosen: nothing in them moves the terminal's cursor."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)[:longest]


def size(count: float) -> str:
    """Bytes, for example `1.5 MiB`."""
    for unit in _BINARY[:-1]:
        if count < 1024:
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} {_BINARY[-1]}"


def count(number: float) -> str:
    """A number of things, for example `3.2M`; whole below a thousand."""
    for unit in _DECIMAL[:-1]:
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g}{_DECIMAL[-1]}"


def duration(seconds: float) -> str:
    """For example `8.7 ms`, `12 s`, `3:04`, `2:03:04`, `5 d`."""
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bar(share: float, width: int) -> str:
    """A bar of `width` cells, full to an eighth of a cell."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)


def percent(share: float) -> str:
    """Never 100 before the end."""
    return "100 %" if share >= 1 else f"{min(99.9, share * 100):.1f} %"
