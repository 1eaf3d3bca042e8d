"""How a process is set up that does nothing but run one device."""

from __future__ import annotations

import os


def compute_in_the_calling_thread() -> None:
    """Have XLA run short programs where they are called, and not hand them to a thread of its own.

    A handover costs two switches between threads for each piece of a job, which is much where others want the
    processor too. To be called before JAX is loaded; large operations still use all cores.
    """
    os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "false")
