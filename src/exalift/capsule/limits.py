"""What a capsule may hold at most. Files come from strangers: whoever reads one checks these first."""

from __future__ import annotations

FORMAT_VERSION = 2
"""The newest version of the format. All from 1 on are read; written is the oldest that says all."""

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
CODES = 4096
CODE_BYTES = 64 << 20
"""Of compiled code for one routine; with all of a capsule's at most `ALL_CODE_BYTES`."""
ALL_CODE_BYTES = 256 << 20
KEY_TEXT = 512
