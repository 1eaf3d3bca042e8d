"""What a capsule may hold at most. Files come from strangers: whoever reads one checks these first."""

from __future__ import annotations

FORMAT_VERSION = 1
"""The version of the format that is written; all from 1 to this one are read."""

MANIFEST_BYTES = 16 << 20
FILE_BYTES = 1 << 30
STATE_BYTES = 64 << 30
STATE_ARRAYS = 1000
RANK = 32
ROUTINES = 4096
STEPS = 16384
DEPTH = 16
OPERANDS = 4096
EXTENT = 1 << 40
