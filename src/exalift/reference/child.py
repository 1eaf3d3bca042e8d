"""Run as a script, in a process of its own: calls one compiled function on a block of memory.

`child.py LIBRARY ENTRY BLOCK STACK OFFSET...`: maps the file BLOCK, loads LIBRARY, and calls ENTRY
with an array of pointers into the block, in a thread with STACK bytes of stack. The parent reads the
results from the file. It imports nothing but the standard library, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading


def main(library: str, entry: str, block: str, stack: int, offsets: list[int]) -> None:
    with open(block, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
        function = ctypes.CDLL(library)[entry]
        function.restype = None
        base = ctypes.addressof(anchor := ctypes.c_char.from_buffer(memory))
        arguments = (ctypes.c_void_p * len(offsets))(*(base + offset for offset in offsets))
        threading.stack_size(stack)
        thread = threading.Thread(target=function, args=(arguments,))
        thread.start()
        thread.join()
        del anchor


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), [int(offset) for offset in sys.argv[5:]])
