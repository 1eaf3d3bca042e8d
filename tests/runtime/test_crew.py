"""How worker processes are started."""

from __future__ import annotations

from exalift.runtime.crew import worker_environment


def test_workers_ask_for_large_pages_unless_the_user_says_otherwise() -> None:
    assert worker_environment({"HOME": "/h"}) == {"HOME": "/h", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    own = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}
    assert worker_environment(own) == own
